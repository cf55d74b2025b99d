from __future__ import annotations

from typing import Any

import pytest

from gateway.contract.member import MOST_CREDENTIALS
from gateway.identity.credentials import KINDS, Credential, parse_credential
from gateway.identity.fields import MemberError
from gateway.identity.member import parse_member

UUID = "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18"
KEY_16 = "ec0234a357c8ad05341010a60a397d9b"
KEY_32 = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2
AT = "2026-11-01T09:00:00+08:00"

SPELT: list[tuple[dict[str, Any], str | None]] = [
    ({"kind": "ibeacon", "uuid": UUID, "major": 14, "minor": 2071}, "6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817"),
    ({"kind": "altbeacon", "id": "6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817"}, None),
    (
        {"kind": "eddystone-uid", "namespace": "6e9d1c5a2b3f4e701234", "instance": "0000000007a1"},
        "6e9d1c5a2b3f4e7012340000000007a1",
    ),
    ({"kind": "rotating", "key": KEY_32}, KEY_32),
    ({"kind": "eddystone-eid", "key": KEY_16, "exponent": 10, "counter": 123456, "at": AT}, KEY_16),
    ({"kind": "wifi", "address": "5e:3a:11:22:33:44"}, "5e3a11223344"),
    ({"kind": "wifi-key", "keyid": "k-7781"}, b"k-7781".hex()),
    ({"kind": "irk", "key": KEY_16}, KEY_16),
    ({"kind": "app", "id": "opaque, 不透明"}, "opaque, 不透明".encode().hex()),
]


def parse(value: object) -> Credential:
    return parse_credential(value, "credentials[0]")


@pytest.mark.parametrize(("spelt", "identity"), SPELT, ids=[str(spelt["kind"]) for spelt, _ in SPELT])
def test_each_kind_is_read_and_written_back(spelt: dict[str, Any], identity: str | None) -> None:
    credential = parse(spelt)
    assert credential.kind == spelt["kind"]
    assert credential.identity == bytes.fromhex(identity or spelt["id"])
    assert credential.as_json() == spelt


def test_every_kind_is_in_the_table() -> None:
    assert [spelt["kind"] for spelt, _ in SPELT] == list(KINDS)


@pytest.mark.parametrize(
    ("spelt", "like"),
    [
        ({"kind": "ibeacon", "uuid": UUID.upper().replace("-", ""), "major": 14, "minor": 2071}, SPELT[0][0]),
        ({"kind": "wifi", "address": "5E-3A-11-22-33-44"}, SPELT[5][0]),
        ({"kind": "irk", "key": KEY_16.upper()}, SPELT[7][0]),
    ],
)
def test_other_spellings_are_the_same_credential(spelt: dict[str, Any], like: dict[str, Any]) -> None:
    assert parse(spelt) == parse(like)
    assert parse(spelt).as_json() == like


@pytest.mark.parametrize(("spelt", "_"), SPELT)
def test_nothing_that_identifies_is_printed(spelt: dict[str, Any], _: str | None) -> None:
    assert repr(parse(spelt)) == f"<Credential {spelt['kind']}>"


IBEACON, EID = SPELT[0][0], SPELT[4][0]
FAULTS: list[tuple[object, str, str]] = [
    ("ibeacon", "", "expected an object"),
    ({}, ".kind", "expected one of ibeacon, altbeacon"),
    ({"kind": ["wifi"]}, ".kind", "expected one of"),
    ({"kind": "beacon"}, ".kind", "expected one of"),
    ({"kind": "wifi"}, ".address", "is missing"),
    (IBEACON | {"majr": 1}, ".majr", "did you mean 'major'"),
    (IBEACON | {"uuid": UUID[:-1]}, ".uuid", "32 hex digits, grouped 8-4-4-4-12"),
    (IBEACON | {"uuid": UUID.replace("-", "", 1)}, ".uuid", "32 hex digits"),
    (IBEACON | {"uuid": UUID + "\n"}, ".uuid", "32 hex digits"),
    (IBEACON | {"uuid": 7}, ".uuid", "32 hex digits"),
    (IBEACON | {"major": 65536}, ".major", "a whole number from 0 to 65535"),
    (IBEACON | {"major": True}, ".major", "a whole number"),
    (IBEACON | {"minor": 1.0}, ".minor", "a whole number"),
    (IBEACON | {"minor": "7"}, ".minor", "a whole number"),
    ({"kind": "altbeacon", "id": "00" * 19}, ".id", "40 hex digits"),
    ({"kind": "eddystone-uid", "namespace": "00" * 10, "instance": "00" * 7}, ".instance", "12 hex digits"),
    ({"kind": "rotating", "key": KEY_16}, ".key", "64 hex digits"),
    ({"kind": "rotating", "key": "0" * 64}, ".key", "is all zeros"),
    ({"kind": "irk", "key": "0" * 32}, ".key", "is all zeros"),
    ({"kind": "irk", "key": "１" * 32}, ".key", "32 hex digits"),
    (EID | {"exponent": 16}, ".exponent", "from 0 to 15"),
    (EID | {"counter": 1 << 32}, ".counter", "from 0 to 4294967295"),
    (EID | {"at": "2026-11-01"}, ".at", "a time as in"),
    (EID | {"at": "2026-11-31T09:00:00Z"}, ".at", "a time as in"),
    (EID | {"at": "2026-11-01T09:00:00"}, ".at", "a time as in"),
    (EID | {"at": "1969-12-31T23:59:59Z"}, ".at", "a time as in"),
    (EID | {"at": "9999-12-31T23:59:59Z"}, ".at", "a time as in"),
    (EID | {"at": 1763791200}, ".at", "a time as in"),
    ({"kind": "wifi", "address": "5e:3a:11:22:33"}, ".address", "an address as in"),
    ({"kind": "wifi", "address": "5e:3a:11:22:33-44"}, ".address", "an address as in"),
    ({"kind": "wifi", "address": "5f:3a:11:22:33:44"}, ".address", "a group's"),
    ({"kind": "wifi", "address": "00:00:00:00:00:00"}, ".address", "all zeros"),
    ({"kind": "wifi-key", "keyid": "two words"}, ".keyid", "without spaces"),
    ({"kind": "app", "id": ""}, ".id", "1 to 128 characters"),
    ({"kind": "app", "id": 7}, ".id", "expected text"),
]


@pytest.mark.parametrize(("value", "field", "message"), FAULTS)
def test_a_fault_names_its_field_and_what_is_expected(value: object, field: str, message: str) -> None:
    with pytest.raises(MemberError) as caught:
        parse(value)
    assert caught.value.field == f"credentials[0]{field}"
    assert message in caught.value.message
    assert caught.value.code == "invalid"


def test_a_credential_that_stands_twice_is_told() -> None:
    twice = [SPELT[0][0], SPELT[5][0], SPELT[0][0]]
    with pytest.raises(MemberError, match=r"credentials\[2\]: stands already at credentials\[0\]"):
        parse_member({"member": "0b54", "credentials": twice})


@pytest.mark.parametrize("value", [{}, "x", None])
def test_credentials_are_a_list(value: object) -> None:
    with pytest.raises(MemberError, match="credentials: expected a list"):
        parse_member({"member": "0b54", "credentials": value})


def test_too_many_credentials_are_too_large() -> None:
    many = [{"kind": "app", "id": str(i)} for i in range(MOST_CREDENTIALS + 1)]
    with pytest.raises(MemberError) as caught:
        parse_member({"member": "0b54", "credentials": many})
    assert (caught.value.code, caught.value.field) == ("too_large", "credentials")
