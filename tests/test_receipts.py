from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import member as contract
from gateway.contract.reading import fit
from gateway.identity.fields import MemberError
from gateway.identity.receipts import Receipt, Receipts, accept_receipts, check_receipts, is_signed_by, sign_receipt

KEY = b"\x11" * 32
TEXT = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SAID: dict[str, Any] = {
    "purpose": "recognise",
    "text": TEXT,
    "language": "zh",
    "act": "card held to the door",
    "at": "2026-11-01T09:00:00+08:00",
}
MEMBER = "oX3f-91c2"

# openssl dgst -sha256 -mac HMAC -macopt hexkey:1111...11 over the canonical JSON, typed by hand.
SIGNATURES = [
    (SAID, "ea275ca384aa43d127fa0fddbfe0895353d9d3308adb2e185df34a73736faf56"),
    (
        SAID | {"purpose": "zones", "act": "卡贴近店门"},
        "269e3623a96aedb4af1ece8ea87a2fd62e66870877ab7f7a85fda21b0766008b",
    ),
]


def parsed(value: object) -> Receipt:
    receipt: contract.Receipt = fit(value, contract.Receipt, "consent[0]")
    check_receipts([receipt])
    return Receipts.of([receipt])[0]


def receipt(**changes: str) -> Receipt:
    return parsed(SAID | changes)


@pytest.mark.parametrize(("said", "signature"), SIGNATURES)
def test_a_signature_is_what_openssl_makes_of_the_canonical_json(said: dict[str, Any], signature: str) -> None:
    signed = sign_receipt(parsed(said), MEMBER, "door-pi", KEY)
    assert signed.as_json() == said | {"gateway": "door-pi", "signature": signature}
    assert is_signed_by(signed, MEMBER, KEY)


def test_a_signed_receipt_comes_back_from_json() -> None:
    signed = sign_receipt(receipt(), MEMBER, "door-pi", KEY)
    assert parsed(signed.as_json()) == signed


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "offers"},
        {"text": "0" * 64},
        {"language": "en"},
        {"act": "card held to the door "},
        {"at": "2026-11-01T09:00:01+08:00"},
        {"gateway": "till-pi"},
        {"signature": b""},
        {"signature": b"\x00" * 32},
    ],
)
def test_a_receipt_that_was_changed_is_not_as_signed(changes: dict[str, Any]) -> None:
    signed = sign_receipt(receipt(), MEMBER, "door-pi", KEY)
    assert not is_signed_by(replace(signed, **changes), MEMBER, KEY)


def test_a_receipt_is_one_member_s_and_one_key_s() -> None:
    signed = sign_receipt(receipt(), MEMBER, "door-pi", KEY)
    assert not is_signed_by(signed, "oX3f-91c3", KEY)
    assert not is_signed_by(signed, MEMBER, b"\x12" * 32)


def test_the_gateway_signs_what_is_unsigned_and_leaves_other_gateways_receipts_as_they_are() -> None:
    foreign = sign_receipt(receipt(purpose="zones"), MEMBER, "till-pi", b"\x22" * 32)
    accepted = accept_receipts((receipt(), foreign), MEMBER, "door-pi", KEY)
    assert [one.gateway for one in accepted] == ["door-pi", "till-pi"]
    assert accepted[1] is foreign
    assert accept_receipts(accepted, MEMBER, "door-pi", KEY) == accepted


def test_a_receipt_that_this_gateway_never_signed_is_refused() -> None:
    forged = sign_receipt(receipt(), MEMBER, "door-pi", b"\x22" * 32)
    with pytest.raises(MemberError) as caught:
        accept_receipts((receipt(purpose="zones"), forged), MEMBER, "door-pi", KEY)
    assert (caught.value.code, caught.value.field) == ("refused", "consent[1].signature")


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ("recognise", "", "expected an object"),
        (SAID | {"purpose": "recognize"}, ".purpose", "expected one of offers, recognise, zones"),
        (SAID | {"purpose": None}, ".purpose", "expected one of"),
        (SAID | {"text": ""}, ".text", "1 to 128 characters"),
        (SAID | {"language": "chinese!"}, ".language", "a language as in zh"),
        (SAID | {"act": ""}, ".act", "1 to 200 characters"),
        (SAID | {"at": "yesterday"}, ".at", "a time as in"),
        (SAID | {"gateway": "door-pi"}, ".signature", "is missing"),
        (SAID | {"signature": "0" * 64}, ".gateway", "is missing"),
        (SAID | {"gateway": "door/pi", "signature": "0" * 64}, ".gateway", "a gateway's id"),
        (SAID | {"gateway": "door-pi", "signature": "0" * 63}, ".signature", "64 hex digits"),
        (SAID | {"purposes": "zones"}, ".purposes", "did you mean 'purpose'"),
        ({name: SAID[name] for name in SAID if name != "text"}, ".text", "is missing"),
    ],
)
def test_a_receipt_that_lacks_what_was_agreed_to_is_none(said: object, field: str, message: str) -> None:
    with pytest.raises(MemberError) as caught:
        parsed(said)
    assert caught.value.field == f"consent[0]{field}"
    assert message in caught.value.message


def test_a_signature_is_not_printed() -> None:
    signed = sign_receipt(receipt(), MEMBER, "door-pi", KEY)
    assert "signature" not in repr(signed)


SAYINGS = st.builds(
    contract.Receipt,
    purpose=st.sampled_from(["recognise", "zones", "offers"]),
    text=st.sampled_from([TEXT, "0" * 64]),
    language=st.sampled_from(["zh", "en"]),
    act=st.text(min_size=1, max_size=5),
    at=st.sampled_from(["2026-11-01T09:00:00+08:00", "2026-11-01T09:00:00Z"]),
)
SIGNED = st.builds(
    lambda said, gateway, signature: msgspec.structs.replace(said, gateway=gateway, signature=signature.hex()),
    SAYINGS,
    st.sampled_from(["door-pi", "till-pi"]),
    st.binary(min_size=32, max_size=32),
)


@given(st.lists(SAYINGS | SIGNED, max_size=5))
def test_receipts_kept_in_little_room_come_back_as_they_were(said: list[contract.Receipt]) -> None:
    """All of them, in their order, signed or not, and equal to a tuple of the same."""
    kept = Receipts.of(said)
    alone = tuple(parsed(msgspec.to_builtins(each)) for each in said)
    assert [receipt.as_json() for receipt in kept] == msgspec.to_builtins(said)
    assert (kept == alone, alone == kept, len(kept), hash(kept)) == (True, True, len(said), hash(alone))
    assert kept.purposes == {receipt.purpose for receipt in alone}
