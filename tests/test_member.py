from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.member import MOST_CHOICES, MOST_CREDENTIALS
from gateway.identity.member import Member, MemberError, parse_member, stored_member

EXAMPLE = json.loads("""
{"member": "oX3f-91c2", "credentials": [
   {"kind": "ibeacon", "uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 14, "minor": 2071},
   {"kind": "altbeacon", "id": "6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817"},
   {"kind": "eddystone-uid", "namespace": "6e9d1c5a2b3f4e701234", "instance": "0000000007a1"},
   {"kind": "rotating", "key": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
   {"kind": "eddystone-eid", "key": "000102030405060708090a0b0c0d0e0f", "exponent": 10, "counter": 123456,
    "at": "2026-11-01T09:00:00+08:00"},
   {"kind": "wifi", "address": "5e:3a:11:22:33:44"},
   {"kind": "wifi-key", "keyid": "k-7781"},
   {"kind": "irk", "key": "ec0234a357c8ad05341010a60a397d9b"},
   {"kind": "app", "id": "opaque"}],
 "consent": [
   {"purpose": "recognise", "text": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "language": "zh", "act": "card held to the door", "at": "2026-11-01T09:00:00+08:00"},
   {"purpose": "offers", "text": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "language": "zh", "act": "ticked in the app", "at": "2026-11-02T18:30:00+08:00"}],
 "greeting": "王女士", "note": "喜欢新款童鞋", "language": "zh",
 "attributes": {"tier": "gold", "points": 620, "tags": ["signed-up:2026-11-22"], "favourite_zones": ["shoes"],
    "balance": 18.5},
 "choices": {"deny": ["offers:alcohol"], "allow": [], "only": ["size:28"], "paused_until": null}, "test": false}
""")


def test_the_contract_s_example_is_read_and_given_back() -> None:
    member = parse_member(EXAMPLE)
    assert member.as_json() == EXAMPLE
    assert parse_member(member.as_json()) == member
    assert member.purposes() == {"recognise", "offers"}
    assert (member.id, member.greeting, member.deny, member.only) == (
        "oX3f-91c2",
        "王女士",
        ("offers:alcohol",),
        ("size:28",),
    )


def test_only_the_id_is_needed_and_nothing_is_agreed_to_then() -> None:
    member = parse_member({"member": "0b54"})
    assert member == Member("0b54")
    assert member.purposes() == frozenset()
    assert not member.recognisable_at(0.0)


@pytest.mark.parametrize(
    ("paused", "t", "recognisable"),
    [
        (None, 0.0, True),
        ("2026-11-22T14:00:00+08:00", 1795327199.9, False),
        ("2026-11-22T14:00:00+08:00", 1795327200.0, True),
        ("2026-11-22T06:00:00.250Z", 1795327200.2, False),
        ("9998-12-31T00:00:00Z", 1795327200.0, False),
    ],
)
def test_a_pause_holds_until_its_end(paused: str | None, t: float, recognisable: bool) -> None:
    member = parse_member({**EXAMPLE, "choices": {"paused_until": paused}})
    assert member.recognisable_at(t) is recognisable
    assert parse_member(member.as_json()) == member


def test_a_stored_member_comes_back_and_a_damaged_one_is_told_without_a_word_of_it() -> None:
    text = json.dumps(EXAMPLE)
    assert stored_member(text) == parse_member(EXAMPLE)
    for damaged in (
        text[:-1],
        text.replace("ibeacon", "zq_secret"),
        text.replace('"oX3f-91c2"', "7"),
        text.replace("6e9d", "zq_s"),
    ):
        with pytest.raises(MemberError) as caught:
            stored_member(damaged)
        assert str(caught.value) == "is not as this version stores a member"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in EXAMPLE.items() if key != name}


FAULTS: list[tuple[object, str, str, str]] = [
    ([], "invalid", "", "expected an object"),
    (without("member"), "invalid", "member", "is missing"),
    (EXAMPLE | {"member": 13}, "invalid", "member", "expected text"),
    (EXAMPLE | {"member": "abc"}, "invalid", "member", "4 to 128 characters"),
    (EXAMPLE | {"member": "x" * 129}, "invalid", "member", "4 to 128 characters"),
    (EXAMPLE | {"member": "13800138000"}, "refused", "member", "a phone number"),
    (EXAMPLE | {"member": "+8613800138000"}, "refused", "member", "a phone number"),
    (EXAMPLE | {"member": "wang@example.com"}, "refused", "member", "an e-mail address"),
    (EXAMPLE | {"concent": []}, "invalid", "concent", "did you mean 'consent'"),
    (EXAMPLE | {"\n" * 99: []}, "invalid", "", "control character"),
    (EXAMPLE | {"x y": []}, "invalid", "?", "is no known field"),
    (EXAMPLE | {"credentials": {}}, "invalid", "credentials", "expected a list"),
    (EXAMPLE | {"credentials": [{"kind": "wifi"}]}, "invalid", "credentials[0].address", "is missing"),
    (EXAMPLE | {"consent": [{"purpose": "all"}]}, "invalid", "consent[0].purpose", "expected one of offers"),
    (EXAMPLE | {"consent": [EXAMPLE["consent"][0]] * 33}, "too_large", "consent", "at most 32"),
    (EXAMPLE | {"greeting": None}, "invalid", "greeting", "expected text"),
    (EXAMPLE | {"greeting": "王" * 65}, "invalid", "greeting", "0 to 64 characters"),
    (EXAMPLE | {"note": "139 1234 5678"}, "refused", "note", "a phone number"),
    (EXAMPLE | {"language": "Chinese (Simplified)"}, "invalid", "language", "a language as in zh"),
    (EXAMPLE | {"attributes": []}, "invalid", "attributes", "expected an object"),
    (EXAMPLE | {"attributes": {"a": {"b": "a@b.com"}}}, "refused", "attributes.a.b", "an e-mail address"),
    (EXAMPLE | {"attributes": {"a": float("nan")}}, "invalid", "attributes.a", "not a number that JSON knows"),
    (EXAMPLE | {"choices": []}, "invalid", "choices", "expected an object"),
    (EXAMPLE | {"choices": {"denied": []}}, "invalid", "choices.denied", "did you mean 'deny'"),
    (EXAMPLE | {"choices": {"deny": "offers"}}, "invalid", "choices.deny", "expected a list"),
    (EXAMPLE | {"choices": {"deny": ["a", 7]}}, "invalid", "choices.deny[1]", "text of 1 to 64"),
    (EXAMPLE | {"choices": {"only": ["a"] * (MOST_CHOICES + 1)}}, "too_large", "choices.only", "at most 64"),
    (EXAMPLE | {"choices": {"paused_until": "tomorrow"}}, "invalid", "choices.paused_until", "a time as in"),
    (EXAMPLE | {"test": 1}, "invalid", "test", "true or false"),
]


@pytest.mark.parametrize(("value", "code", "field", "message"), FAULTS)
def test_a_fault_names_its_code_its_field_and_what_is_expected(
    value: object, code: str, field: str, message: str
) -> None:
    with pytest.raises(MemberError) as caught:
        parse_member(value)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert message in caught.value.message
    assert str(caught.value) == (f"{field}: {caught.value.message}" if field else caught.value.message)


def test_a_member_does_not_print_what_it_holds() -> None:
    assert repr(parse_member(EXAMPLE)) == "<Member with 9 credentials>"


def test_receipts_are_signed_once_and_a_forged_one_is_refused() -> None:
    member = parse_member(EXAMPLE).signed("door-pi", b"\x11" * 32)
    assert [receipt.gateway for receipt in member.consent] == ["door-pi", "door-pi"]
    assert member.signed("door-pi", b"\x11" * 32) == member
    assert parse_member(member.as_json()) == member
    with pytest.raises(MemberError, match=r"consent\[0\].signature"):
        member.signed("door-pi", b"\x22" * 32)


WORDS = ["member", "credentials", "kind", "ibeacon", "uuid", "major", "consent", "purpose", "choices", "deny", "at"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(WORDS)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from(sorted(EXAMPLE)))
def test_whatever_comes_is_a_member_or_a_member_error(value: object, name: str) -> None:
    """Invariant: parse_member returns a member that comes back from its own JSON, or raises MemberError."""
    for hostile in (value, EXAMPLE | {name: value}):
        with contextlib.suppress(MemberError):
            member = parse_member(hostile)
            assert parse_member(json.loads(json.dumps(member.as_json()))) == member


SECRET = "zq_secret_zq"


@pytest.mark.parametrize("name", sorted(EXAMPLE.keys() - {"member", "greeting", "note", "attributes"}))
@pytest.mark.parametrize("value", [SECRET, {SECRET + " ": 1}, [SECRET], [{"kind": SECRET}], [{"purpose": SECRET}]])
def test_a_message_never_repeats_what_stood_there(name: str, value: object) -> None:
    with pytest.raises(MemberError) as caught:
        parse_member(EXAMPLE | {name: value})
    assert SECRET not in str(caught.value)


TAGS = st.lists(st.text("abc:-", min_size=1, max_size=64), max_size=3)
MEMBERS = st.fixed_dictionaries(
    {"member": st.from_regex(r"o[A-Za-z_-]{3,40}", fullmatch=True)},
    optional={
        "credentials": st.lists(
            st.sampled_from(EXAMPLE["credentials"]), max_size=MOST_CREDENTIALS, unique_by=lambda one: str(one["kind"])
        ),
        "consent": st.lists(st.sampled_from(EXAMPLE["consent"]), max_size=4),
        "greeting": st.text("王女士 Ms", max_size=64),
        "attributes": st.dictionaries(st.text("abc", min_size=1), st.booleans() | st.integers(0, 999), max_size=3),
        "choices": st.fixed_dictionaries(
            {},
            optional={
                "deny": TAGS,
                "only": TAGS,
                "paused_until": st.integers(0, 4_000_000_000).map(
                    lambda ms: f"20{ms % 100:02d}-01-0{ms % 9 + 1}T00:00:00.{ms % 1000:03d}+08:00"
                ),
            },
        ),
        "test": st.booleans(),
    },
)


@given(MEMBERS)
def test_a_member_comes_back_from_its_own_json(value: dict[str, Any]) -> None:
    """Invariant: what was read is written so that it reads the same, and keeps every field that was given."""
    member = parse_member(value)
    written = member.as_json()
    assert parse_member(json.loads(json.dumps(written))) == member
    for name in value.keys() - {"choices"}:
        assert written[name] == value[name]
