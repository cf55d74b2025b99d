from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from drivers.sighting import Kind, Radio, Sighting
from gateway.contract.words import CredentialKind
from gateway.heard import Heard
from gateway.identity.fields import MemberError
from gateway.identity.member import Member, parse_member
from gateway.identity.recognition import HEARD_AS, Register
from rules.situation import Trust

T = 1_763_791_200.0
UUID = "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18"
BEACON = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817")
EDDYSTONE = bytes.fromhex("6e9d1c5a2b3f4e7012340000000007a1")
PHONE = bytes.fromhex("5e3a11223344")
STRANGER = bytes.fromhex("4a0011223344")

CARD = {"kind": "ibeacon", "uuid": UUID, "major": 14, "minor": 2071}
CREDENTIALS: list[dict[str, Any]] = [
    CARD,
    {"kind": "altbeacon", "id": BEACON.hex()},
    {"kind": "eddystone-uid", "namespace": EDDYSTONE[:10].hex(), "instance": EDDYSTONE[10:].hex()},
    {"kind": "wifi", "address": "5e:3a:11:22:33:44"},
    {"kind": "wifi-key", "keyid": "k-7781"},
    {"kind": "app", "id": "opaque"},
]


def consent(purpose: str = "recognise") -> dict[str, str]:
    return {"purpose": purpose, "text": "0" * 64, "language": "zh", "act": "ticked", "at": "2026-11-01T09:00:00Z"}


def member(name: str = "oX3f-91c2", *credentials: dict[str, Any], **more: Any) -> Member:
    return parse_member({"member": name, "credentials": list(credentials), "consent": [consent()], **more})


def enrolled(*members: Member) -> Register:
    register = Register()
    for one in members:
        register.put(one)
    return register


def sighting(kind: Kind = "ibeacon", **more: Any) -> Sighting:
    radio: Radio = "wifi" if HEARD_AS.get(kind) == "wifi" else "ble"
    fields: dict[str, Any] = {"identity": BEACON} if kind in ("ibeacon", "altbeacon") else {}
    return Sighting(T, "door", radio, kind, -61, **fields | more)


@pytest.mark.parametrize(
    ("heard", "credential", "trust"),
    [
        (sighting(), "ibeacon", Trust.HINT),
        (sighting(own_network=True), "ibeacon", Trust.HINT),
        (sighting("altbeacon"), "altbeacon", Trust.HINT),
        (sighting("eddystone-uid", identity=EDDYSTONE), "eddystone-uid", Trust.HINT),
        (sighting("probe-request", address=PHONE), "wifi", Trust.HINT),
        (sighting("authentication", address=PHONE, own_network=False), "wifi", Trust.HINT),
        (sighting("authentication", address=PHONE, own_network=True), "wifi", Trust.WEAK),
        (sighting("association-request", address=PHONE, own_network=True), "wifi", Trust.WEAK),
        (sighting("reassociation-request", address=PHONE, own_network=True), "wifi", Trust.WEAK),
        (sighting("station", address=PHONE, own_network=True), "wifi", Trust.WEAK),
        (sighting("station", address=PHONE, identity=b"k-9999", own_network=True), "wifi", Trust.WEAK),
        (sighting("station", address=STRANGER, identity=b"k-7781", own_network=True), "wifi-key", Trust.FRESH),
    ],
)
def test_a_consented_member_is_recognised_by_any_credential(
    heard: Sighting, credential: CredentialKind, trust: Trust
) -> None:
    register = enrolled(member("oX3f-91c2", *CREDENTIALS))
    assert register.recognise(heard) == Heard(T, "oX3f-91c2", "door", heard.radio, -61, trust, credential)


@pytest.mark.parametrize(
    "heard",
    [
        sighting(identity=BEACON[:-1] + b"\x18"),
        sighting(identity=b"", address=PHONE),
        sighting("advert", address=PHONE),
        sighting("advert", identity=BEACON),
        sighting("probe-request", address=STRANGER),
        sighting("probe-request", device="p3k9"),
        sighting("probe-request", address=STRANGER, identity=b"k-7781"),
        sighting("station", address=STRANGER, own_network=True),
        sighting("station", address=STRANGER, identity=b"k-9999", own_network=True),
        sighting("station", identity=PHONE, own_network=True),
        sighting("eddystone-eid", identity=b"opaque"),
        sighting("eddystone-url", identity=BEACON),
        sighting("ibeacon", identity=EDDYSTONE),
    ],
)
def test_nobody_else_is_recognised(heard: Sighting) -> None:
    register = enrolled(member("oX3f-91c2", *CREDENTIALS))
    assert register.recognise(heard) is None
    assert not register.is_enrolled(heard)


@pytest.mark.parametrize("receipts", [[], [consent("zones"), consent("offers")]])
def test_without_consent_to_recognition_a_member_is_enrolled_and_not_recognised(
    receipts: list[dict[str, str]],
) -> None:
    register = enrolled(member("oX3f-91c2", CARD, consent=receipts))
    assert register.recognise(sighting()) is None
    assert register.is_enrolled(sighting())


def test_a_paused_member_is_not_recognised_until_the_pause_is_over() -> None:
    register = enrolled(member("oX3f-91c2", CARD, choices={"paused_until": "2025-11-22T06:00:01Z"}))
    assert register.recognise(sighting()) is None
    assert register.recognise(sighting()._replace(t=T + 1)) is not None


def test_withdrawn_consent_and_a_revoked_credential_count_at_once() -> None:
    register = enrolled(member("oX3f-91c2", *CREDENTIALS))
    register.put(member("oX3f-91c2", CREDENTIALS[1]))
    assert register.recognise(sighting()) is None
    assert not register.is_enrolled(sighting())
    assert register.recognise(sighting("altbeacon"))
    register.put(member("oX3f-91c2", CREDENTIALS[1], consent=[]))
    assert register.recognise(sighting("altbeacon")) is None
    assert len(register) == 1


def test_a_stations_own_key_says_who_it_is_and_its_address_says_nothing_then() -> None:
    phone = {"kind": "wifi", "address": "5e:3a:11:22:33:44"}
    key = {"kind": "wifi-key", "keyid": "k-7781"}
    station = sighting("station", address=PHONE, identity=b"k-7781", own_network=True)
    heard = enrolled(member("oX3f-91c2", phone), member("oYYY-0001", key)).recognise(station)
    assert heard is not None
    assert heard.member == "oYYY-0001"
    unasked = enrolled(member("oX3f-91c2", phone), member("oYYY-0001", key, consent=[]))
    assert unasked.recognise(station) is None
    assert unasked.is_enrolled(station)


def test_a_removed_member_leaves_nothing() -> None:
    register = enrolled(member("oX3f-91c2", *CREDENTIALS))
    register.remove("oX3f-91c2")
    register.remove("oX3f-91c2")
    assert pickle.dumps(register) == pickle.dumps(Register())


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_credential_of_another_member_is_refused_and_nothing_is_changed(credential: dict[str, Any]) -> None:
    register = enrolled(member("oX3f-91c2", credential))
    before = pickle.dumps(register)
    with pytest.raises(MemberError) as caught:
        register.put(member("oYYY-0001", {"kind": "wifi-key", "keyid": "k-1"}, credential))
    assert (caught.value.code, caught.value.field) == ("refused", "credentials[1]")
    assert "oX3f" not in str(caught.value)
    assert pickle.dumps(register) == before


def test_strangers_leave_no_trace_in_the_register() -> None:
    register = enrolled(member("oX3f-91c2", *CREDENTIALS))
    before = pickle.dumps(register)
    for i in range(1000):
        stranger = sighting("probe-request", address=STRANGER[:4] + i.to_bytes(2, "big"))
        assert register.recognise(stranger) is None
        assert not register.is_enrolled(stranger)
    assert pickle.dumps(register) == before


NAMES = st.sampled_from(["anna", "bert", "cora", "dora"])


class RegisterAgainstAList(RuleBasedStateMachine):
    """Invariant: a frame is recognised as the one member who holds its credential now, agreed and is not paused."""

    def __init__(self) -> None:
        super().__init__()
        self.register = Register()
        self.members: dict[str, Member] = {}

    @rule(name=NAMES, minors=st.sets(st.integers(0, 5), max_size=3), agreed=st.booleans(), paused=st.booleans())
    def put(self, name: str, minors: set[int], *, agreed: bool, paused: bool) -> None:
        cards = [CARD | {"minor": minor} for minor in sorted(minors)]
        until = "2038-01-01T00:00:00Z" if paused else None
        receipts = [consent()] if agreed else []
        one = member(name, *cards, consent=receipts, choices={"paused_until": until})
        held = {c for m in self.members.values() if m.id != name for c in m.credentials}
        if held.intersection(one.credentials):
            with pytest.raises(MemberError):
                self.register.put(one)
        else:
            self.register.put(one)
            self.members[name] = one

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        self.register.remove(name)
        self.members.pop(name, None)

    @invariant()
    def agrees(self) -> None:
        assert len(self.register) == len(self.members)
        assert {one.id: one for one in self.register} == self.members
        for minor in range(6):
            frame = sighting(identity=BEACON[:18] + minor.to_bytes(2, "big"))
            owners = [m for m in self.members.values() if any(c.identity == frame.identity for c in m.credentials)]
            heard = self.register.recognise(frame)
            assert self.register.is_enrolled(frame) == bool(owners)
            assert ([heard.member] if heard else []) == [m.id for m in owners if m.recognisable_at(T)]


TestRegisterAgainstAList = RegisterAgainstAList.TestCase
TestRegisterAgainstAList.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
