"""What a core makes of changing ids, private addresses and what is suspected: trust, events, and rows that last."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from virtual_carriers import (
    BEIJING,
    NAMESPACE,
    PHONE,
    T,
    beacon,
    carrying,
    eid,
    ephemeral,
    irk,
    private_address,
    rotating,
)
from virtual_core import said
from virtual_rules import rules

from drivers.sighting import Sighting
from gateway.assembly import make_core
from gateway.commands import Desk
from gateway.conductor import Conductor
from gateway.configuration.config import Config, Gateway, Hear, Mqtt, Privacy, Receiver, Reference, Store, Zone
from gateway.contract.commands import Hearing, SeenElsewhere
from gateway.contract.reading import RefusedError, fit
from gateway.contract.words import PURPOSES
from gateway.core import Core
from gateway.deciding.identifiers import Identifiers
from gateway.events import Outcome, StateRow, rfc3339
from gateway.identity.member import Member
from gateway.identity.recognition import Register
from gateway.identity.suspicion import Elsewhere

CLONE = bytes.fromhex("c01122334455")
BALANCE = "on: arrived, alert: {group: floor, text: '余额 {balance}'}, trust: hint"
CONFIG = Config(
    Path("hushbell.yaml"),
    Store("lilac-01", ZoneInfo("Asia/Shanghai"), latitude=31.2214, longitude=121.5447),
    Gateway("door-pi"),
    Mqtt("mqtt://127.0.0.1"),
    (Receiver("door", "ble"),),
    (Zone("entrance", "door", (Hear("door", -70.0),)),),
    (),
    namespace=NAMESPACE,
    privacy=Privacy(private_offers=frozenset({"voucher-50"}), private_addresses=True),
)


def everything(*credentials: dict[str, Any]) -> Member:
    member = carrying(*credentials, attributes={"balance": 18.5}, greeting="王女士")
    (receipt,) = member.consent
    return replace(member, consent=tuple(replace(receipt, purpose=purpose) for purpose in PURPOSES))


def sent_privately(t: float, prand: int) -> Sighting:
    """Return a frame that says nothing but whence it comes, from a private address."""
    return Sighting(t, "door", "ble", "advert", -50, address=private_address(prand), address_type="resolvable")


def a_core(*members: Member, lines: tuple[str, ...] = (BALANCE,), config: Config = CONFIG) -> Core:
    register = Register()
    for member in members:
        register.put(member)
    return make_core(config, rules(*lines), register, Identifiers(bytes(32), b"1"))


def loud(frames: Iterable[Sighting]) -> list[Sighting]:
    return [frame._replace(rssi=-50) for frame in frames]


def come_in(core: Core, since: float = T, slots: int = 0) -> Outcome:
    return core.hear(loud(beacon(since + n / 5, slots=slots) for n in range(30)))


def two_send(core: Core, since: float = T) -> Outcome:
    return core.hear(loud(beacon(since + n, address=(PHONE, CLONE)[n % 2]) for n in range(60)))


def test_a_rotating_id_lets_what_is_private_out() -> None:
    out = come_in(a_core(everything(rotating())))
    (started,) = said(out, "visit.started")
    assert (started.data["trust"], started.data["credential"]) == ("fresh", "rotating")
    (alert,) = said(out, "alert.raised")
    assert (alert.data["text"], alert.data["verified"]) == ("余额 18.5", True)


def test_without_a_clock_that_is_right_nothing_private_is_shown_whatever_the_rule_says() -> None:
    core = a_core(everything(rotating()))
    told = core.clock(T - 1, synchronised=False)
    (suspected,) = said(told, "security.suspected")
    assert suspected.data == {
        "what": "clock",
        "member": None,
        "credential": None,
        "where": None,
        "at": suspected.data["at"],
        "until": None,
    }
    out = come_in(core)
    assert said(out, "visit.started")[0].data["trust"] == "hint"
    assert [row.outcome for row in out.decisions] == ["trust"]


@pytest.mark.parametrize("synchronised", [True, None])
def test_a_clock_of_which_nobody_says_anything_is_not_wrong(synchronised: bool | None) -> None:
    core = a_core(everything(rotating()))
    assert said(core.clock(T - 1, synchronised=synchronised), "security.suspected") == []
    assert said(come_in(core), "visit.started")[0].data["trust"] == "fresh"


def test_a_clone_takes_its_trust_from_the_visit_and_is_told_on_the_topic_of_security() -> None:
    core = a_core(everything(rotating()))
    out = two_send(core)
    (event,) = said(out, "security.suspected")
    assert (event.topic, event.member, event.sequence) == ("security", "oX3f-91c2", 1)
    assert event.data["what"] == "clone"
    assert event.data["until"] > event.data["at"]
    assert event.expires - event.time == 86400
    assert core.visits["oX3f-91c2"].trust.word == "hint"


def test_what_is_kept_of_a_credential_names_no_key_and_lasts_over_a_restart() -> None:
    core = a_core(everything(rotating()))
    rows = [row for row in two_send(core).state.values() if row.kind in ("changing", "demoted")]
    assert sorted(row.kind for row in rows) == ["changing", "demoted"]
    assert {row.member for row in rows} == {"oX3f-91c2"}
    assert all(rotating()["key"] not in repr(row) for row in rows)
    again = a_core(everything(rotating()))
    again.restore(rows, T + 100)
    assert said(come_in(again, T + 1030), "visit.started")[0].data["trust"] == "hint"
    replayed = again.hear(loud([beacon(T + 1100, slots=-1)]))
    assert [event.data["what"] for event in said(replayed, "security.suspected")] == ["replay"]


def test_a_replay_is_nobody_and_starts_no_visit() -> None:
    core = a_core(everything(rotating()))
    come_in(core)
    core.advance(T + 600)
    assert "oX3f-91c2" not in core.visits
    come_in(core, T + 1024)
    core.advance(T + 2000)
    out = come_in(core, T + 2040, slots=-1)
    out.merge(core.advance(T + 2100))
    assert said(out, "visit.started") == []
    assert [event.data["what"] for event in said(out, "security.suspected")] == ["replay"]


def test_a_removed_members_rows_are_taken_back() -> None:
    core = a_core(everything(rotating()))
    kept = two_send(core).state
    out = core.remove_member(T + 100, "oX3f-91c2")
    gone = {key for key, row in out.state.items() if row.value is None}
    assert {key for key in kept if key[0] in ("changing", "demoted")} <= gone


def test_a_revoked_key_takes_its_rows_and_its_trust_along() -> None:
    core = a_core(everything(rotating()))
    come_in(core)
    out, _ = core.put_members(T + 10, [everything(rotating(2))])
    assert [row for row in out.state.values() if row.kind == "changing"] == [
        StateRow("changing", Identifiers(bytes(32), b"").credential(bytes(31) + b"\x01"), None, "oX3f-91c2")
    ]
    assert core.visits["oX3f-91c2"].trust.word == "hint"


def test_a_flood_of_unknown_ids_of_our_namespace_is_told() -> None:
    unknown = [beacon(T + n, number=100 + n) for n in range(30)]
    out = a_core(everything(rotating())).hear(unknown)
    (event,) = said(out, "security.suspected")
    assert (event.data["what"], event.data["member"], event.data["where"]) == ("flood", None, "door")


def test_who_was_in_another_city_a_moment_ago_is_two() -> None:
    core = a_core(everything(rotating()))
    core.elsewhere(T - 60, "oX3f-91c2", Elsewhere("rotating", BEIJING, T - 60))
    out = come_in(core)
    assert [event.data["what"] for event in said(out, "security.suspected")] == ["clone"]
    assert [row.outcome for row in out.decisions] == ["trust"]


def test_an_app_that_was_in_another_city_a_moment_ago_is_no_more_than_a_hint() -> None:
    core = a_core(everything({"kind": "app", "id": "opaque"}))
    core.elsewhere(T - 60, "oX3f-91c2", Elsewhere("app", BEIJING, T - 60))
    out = core.hear_app(T, T, "door", "oX3f-91c2", -50)
    out.merge(core.advance(T + 2))
    assert said(out, "visit.started")[0].data["trust"] == "hint"


def test_a_private_offer_takes_fresh_trust_whatever_the_rule_says() -> None:
    card = {"kind": "altbeacon", "id": "6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817"}
    lines = ("on: arrived, offer: {id: voucher-50}, trust: hint", "on: arrived, offer: {id: new-arrivals}")
    weak = a_core(everything(card), lines=lines)
    frame = Sighting(T, "door", "ble", "altbeacon", -50, bytes.fromhex(str(card["id"])))
    out = weak.hear(frame._replace(t=T + n / 5) for n in range(30))
    assert [(row.outcome, row.detail["reason"]) for row in out.decisions] == [
        ("trust", "hint, needs fresh because voucher-50 is private"),
        ("fired", ""),
    ]
    out = come_in(a_core(everything(rotating()), lines=lines))
    assert said(out, "offer.triggered")[0].data["offer"] == "voucher-50"


def walk_by(core: Core, first: int, since: float) -> Outcome:
    """Let a phone send for a minute under one private address."""
    out = Outcome()
    for n in range(300):
        out.merge(core.hear([sent_privately(since + n / 5, first)]))
    return out


def test_a_phone_is_recognised_at_its_second_private_address_and_weakly() -> None:
    core = a_core(everything(irk()))
    assert said(walk_by(core, 1, T), "visit.started") == []
    (started,) = said(walk_by(core, 2, T + 600), "visit.started")
    assert (started.data["trust"], started.data["credential"]) == ("weak", "irk")


def test_the_core_asks_to_be_woken_where_an_address_waits_to_be_tried() -> None:
    core = a_core(everything(irk()))
    core.hear([sent_privately(T, 1)])
    assert T < core.deadline <= T + 1
    while core.deadline < T + 300:
        core.advance(core.deadline)
    assert core.deadline < math.inf


def test_prepared_or_not_a_core_decides_the_same() -> None:
    ready, lazy = a_core(everything(rotating())), a_core(everything(rotating()))
    for since in (T, T + 1020, T + 5000):
        while ready.prepare(since, 1):
            pass
        one, other = come_in(ready, since), come_in(lazy, since)
        assert one.events == other.events
        assert one.state == other.state


def a_desk(core: Core, config: Config = CONFIG) -> Desk:
    nobody: Any = None
    conductor = Conductor(core, lambda: T, lambda _: None)
    return Desk(config, nobody, nobody, conductor, nobody, nobody, nobody, lambda: T)


def elsewhere(desk: Desk, **change: Any) -> str:
    """Let the back end say where a member was; return what it is told."""
    named = {"member": "oX3f-91c2", "credential": "rotating", "latitude": 39.9, "longitude": 116.4}
    asked = fit({**named, "at": rfc3339(T - 60, ZoneInfo("Asia/Shanghai")), **change}, SeenElsewhere)

    async def command() -> str:
        try:
            return (await desk.elsewhere(asked)).member
        except RefusedError as refusal:
            return f"{refusal.code} {refusal.field}"

    return asyncio.run(command())


def test_the_back_end_says_where_a_member_was() -> None:
    core = a_core(everything(rotating()))
    assert elsewhere(a_desk(core)) == "oX3f-91c2"
    assert [event.data["what"] for event in said(come_in(core), "security.suspected")] == ["clone"]


def test_where_a_member_was_is_refused_where_it_means_nothing() -> None:
    core = a_core(everything(rotating()))
    assert elsewhere(a_desk(core), member="nobody") == "unknown member"
    assert elsewhere(a_desk(core), at="2030-01-01T00:00:00Z") == "refused at"
    nowhere = replace(CONFIG, store=replace(CONFIG.store, latitude=None))
    assert elsewhere(a_desk(core, nowhere)) == "refused "


STATION = Sighting(T, "guest", "wifi", "station", None, address=PHONE, address_type="local", own_network=True)
CARD = {"kind": "ibeacon", "uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 14, "minor": 2071}
SENT: dict[str, tuple[dict[str, Any], list[Sighting]]] = {
    "ibeacon": (CARD, [beacon(T)._replace(identity=bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817"))]),
    "altbeacon": (
        {"kind": "altbeacon", "id": "ab" * 20},
        [beacon(T)._replace(kind="altbeacon", identity=b"\xab" * 20)],
    ),
    "eddystone-uid": (
        {"kind": "eddystone-uid", "namespace": "ab" * 10, "instance": "cd" * 6},
        [beacon(T)._replace(kind="eddystone-uid", identity=b"\xab" * 10 + b"\xcd" * 6)],
    ),
    "rotating": (rotating(), [beacon(T)]),
    "eddystone-eid": (eid(), [ephemeral(T, 70_000 >> 10)]),
    "irk": (irk(), [sent_privately(T + n, 1 + n // 2) for n in range(4)]),
    "wifi": ({"kind": "wifi", "address": PHONE.hex(":")}, [STATION]),
    "wifi-key": ({"kind": "wifi-key", "keyid": "k-1"}, [STATION._replace(identity=b"k-1", address=bytes(6))]),
}


def recognised(core: Core, frames: Iterable[Sighting]) -> set[str]:
    """Return the kinds of credential by which frames were recognised."""
    found: set[str] = set()
    core.is_watched = True
    for frame in frames:
        core.advance(max(core.now, frame.t))
        core.forget_heard()
        core.hear([frame._replace(receiver="door")])
        found |= {heard.credential for heard in core.last_heard.values()}
    return found


@pytest.mark.parametrize("kind", SENT)
def test_each_kind_is_recognised_and_revoked_by_itself(kind: str) -> None:
    core = a_core(everything(*(credential for credential, _ in SENT.values())))
    assert all(recognised(core, frames) == {of} for of, (_, frames) in SENT.items())
    left = everything(*(credential for of, (credential, _) in SENT.items() if of != kind))
    core.put_members(core.now, [left])
    for of, (_, frames) in SENT.items():
        assert recognised(core, frames) == (set() if of == kind else {of})


def test_an_app_is_refused_once_it_is_revoked() -> None:
    core = a_core(everything({"kind": "app", "id": "opaque"}, CARD))
    core.put_members(T, [everything(CARD)])
    asked = fit({"member": "oX3f-91c2", "beacon": {"uuid": str(UUID(int=7)), "major": 0, "minor": 0},
                 "at": rfc3339(T, ZoneInfo("Asia/Shanghai"))}, Hearing)  # fmt: skip
    app = Receiver("app", "app", reference=Reference(UUID(int=7).bytes + bytes(4)))
    with pytest.raises(RefusedError, match="no credential of kind app"):
        asyncio.run(a_desk(core, replace(CONFIG, receivers=(*CONFIG.receivers, app))).heard(asked))
