"""A core of one shop with members, and the frames that they send, on times that the test chooses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from drivers.sighting import Sighting
from gateway.assembly import make_core
from gateway.configuration.config import Config, Gateway, Hear, Mqtt, Receiver, Store, Zone
from gateway.core import Core
from gateway.deciding.identifiers import Identifiers
from gateway.events import Event, Outcome, StateRow
from gateway.identity.member import Member, parse_member
from gateway.identity.recognition import Register
from gateway.shipped import shipped_rules
from rules.document import Faults
from rules.loader import load_rules

START = 1_763_791_200.0  # 2025-11-22 14:00 in Shanghai
CARDS = {
    "anna-0001": bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817"),
    "bert-0002": bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0818"),
}
KEYS = {"anna-0001": b"k-anna", "bert-0002": b"k-bert"}
LEVELS = {"window": -80, "door": -50, "nowhere": -97}
LEAVE_S = 120.0

CONFIG = Config(
    Path("hushbell.yaml"),
    Store("lilac-01", ZoneInfo("Asia/Shanghai")),
    Gateway("door-pi"),
    Mqtt("mqtt://127.0.0.1"),
    (Receiver("door", "ble"), Receiver("shelf", "ble"), Receiver("guest", "hostapd")),
    (
        Zone("pavement", "outside", (Hear("door", -88.0),)),
        Zone("entrance", "door", (Hear("door", -70.0),)),
        Zone("shoes", "shelf", (Hear("shelf", -70.0),)),
        Zone("floor", "inside", (Hear("guest"),)),
    ),
    tuple(shipped_rules()[name] for name in ("returning-member", "window-regular", "window-occasional")),
    leave_after_s=LEAVE_S,
)


def in_zone(name: str) -> Config:
    """Return the shop as if it stood in another time zone."""
    return replace(CONFIG, store=replace(CONFIG.store, timezone=ZoneInfo(name)))


def a_member(
    name: str = "anna-0001", purposes: Iterable[str] = ("recognise", "zones", "offers"), **more: Any
) -> Member:
    """Return a member with a card, which is trusted little, and a key for the guest network, which is trusted."""
    receipt = {"text": "0" * 64, "language": "zh", "act": "card held to the door", "at": "2025-11-01T09:00:00+08:00"}
    card = CARDS[name]
    uuid = card[:16].hex()
    ibeacon = {
        "kind": "ibeacon",
        "uuid": f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}",
        "major": int.from_bytes(card[16:18], "big"),
        "minor": int.from_bytes(card[18:], "big"),
    }
    return parse_member(
        {
            "member": name,
            "credentials": [ibeacon, {"kind": "wifi-key", "keyid": KEYS[name].decode()}],
            "consent": [{"purpose": purpose, **receipt} for purpose in purposes],
            **more,
        }
    )


def a_core(*members: Member, config: Config = CONFIG, run: bytes = b"1") -> Core:
    faults = Faults()
    rules = load_rules(
        config.rule_files, faults, {group.id for group in config.staff.groups}, {zone.id for zone in config.zones}
    )
    if faults.found:
        raise ValueError(faults.found)
    register = Register()
    for member in members or (a_member(),):
        register.put(member)
    return make_core(config, rules, register, Identifiers(bytes(32), run))


def advert(t: float, rssi: int, receiver: str = "door", name: str = "anna-0001") -> Sighting:
    """Return an advert of a member's card, at seconds after `START`."""
    return Sighting(START + t, receiver, "ble", "ibeacon", rssi, CARDS[name])


def adverts(
    begins: float, seconds: float, rssi: int, receiver: str = "door", name: str = "anna-0001"
) -> list[Sighting]:
    return [advert(begins + n / 4, rssi, receiver, name) for n in range(round(seconds * 4))]


def station(t: float, name: str = "anna-0001") -> Sighting:
    """Return the word of the access point that a member's phone is connected."""
    return Sighting(START + t, "guest", "wifi", "station", identity=KEYS[name], own_network=True)


def stranger(t: float, number: int) -> Sighting:
    address = b"\xc2\0\0\0" + number.to_bytes(2, "big")
    return Sighting(START + t, "door", "ble", "advert", -60, address=address, address_type="random")


def come_in(begins: float = 0.0, name: str = "anna-0001") -> list[Sighting]:
    """Return the adverts of somebody who is at the window for 2 s and at the door for 6."""
    return adverts(begins, 2, LEVELS["window"], name=name) + adverts(begins + 2, 6, LEVELS["door"], name=name)


def shelf(begins: float, seconds: float, name: str = "anna-0001") -> list[Sighting]:
    return adverts(begins, seconds, -55, "shelf", name)


def hear(core: Core, *spans: Iterable[Sighting]) -> Outcome:
    out = Outcome()
    for span in spans:
        out.merge(core.hear(span))
    return out


def later(sightings: Iterable[Sighting], by_s: float) -> list[Sighting]:
    """Return sightings as a clock that is ahead by so much would date them."""
    return [sighting._replace(t=sighting.t + by_s) for sighting in sightings]


def said(out: Outcome, kind: str) -> list[Event]:
    return [event for event in out.events if event.type == f"hushbell.{kind}"]


def visits(out: Outcome) -> list[Event]:
    return [event for event in out.events if event.topic == "visits"]


def told(out: Outcome) -> list[str]:
    """Return what was said of visits: started, moved, ended."""
    return [event.type.rpartition(".")[2] for event in visits(out)]


def kept(*outs: Outcome) -> list[StateRow]:
    """Return the rows that a store would hold after these outcomes, as they come back from JSON."""
    whole = Outcome()
    for out in outs:
        whole.merge(out)
    return [replace(row, value=json.loads(json.dumps(row.value))) for row in _rows(whole)]


def _rows(out: Outcome) -> Iterator[StateRow]:
    return (row for row in out.state.values() if row.value is not None)
