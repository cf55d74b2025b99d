"""A shop with a receiver at the door and a member with a card, whose adverts come without a radio's fading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from drivers.sighting import Sighting
from gateway.assembly import make_core
from gateway.configuration.config import Config, Gateway, Hear, Mqtt, Receiver, Reference, Store, Zone
from gateway.core import Core
from gateway.deciding.identifiers import Identifiers
from gateway.identity.member import Member, parse_member
from gateway.identity.recognition import Register
from gateway.shipped import shipped_rules
from rules.document import Faults
from rules.loader import load_rules

START = 1_763_791_200.0  # 2025-11-22 14:00 in Shanghai
CARD = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817")
OTHER_CARD = CARD[:-1] + b"\x18"
REFERENCE = bytes(20)
ADDRESS = bytes.fromhex("5e3a11223344")
WINDOW, DOOR = -80, -50

CONFIG = Config(
    Path("hushbell.yaml"),
    Store("lilac-01", ZoneInfo("Asia/Shanghai")),
    Gateway("door-pi"),
    Mqtt("mqtt://127.0.0.1"),
    (Receiver("door", "ble", reference=Reference(REFERENCE)), Receiver("air", "wifi")),
    (
        Zone("pavement", "outside", (Hear("door", -88.0),)),
        Zone("entrance", "door", (Hear("door", -70.0),)),
        Zone("floor", "inside", (Hear("air", -75.0),)),
    ),
    tuple(shipped_rules()[name] for name in ("returning-member", "window-regular", "window-occasional")),
)


def a_member(
    name: str = "oX3f-91c2", purposes: Iterable[str] = ("recognise", "zones", "offers"), card: bytes = CARD, **more: Any
) -> Member:
    receipt = {"text": "0" * 64, "language": "zh", "act": "card held to the door", "at": "2025-11-01T09:00:00+08:00"}
    uuid = card[:16].hex()
    credential = {
        "kind": "ibeacon",
        "uuid": f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}",
        "major": int.from_bytes(card[16:18], "big"),
        "minor": int.from_bytes(card[18:], "big"),
    }
    return parse_member(
        {
            "member": name,
            "credentials": [credential],
            "consent": [{"purpose": purpose, **receipt} for purpose in purposes],
            "greeting": "王女士",
            **more,
        }
    )


def a_core(*members: Member, config: Config = CONFIG, run: bytes = b"1") -> Core:
    faults = Faults()
    rules = load_rules(config.rule_files, faults, {"floor"}, {zone.id for zone in config.zones})
    assert not faults.found
    register = Register()
    for member in members:
        register.put(member)
    return make_core(config, rules, register, Identifiers(bytes(32), run))


def frames(since: float, seconds: float, rssi: int, card: bytes = CARD) -> Iterator[Sighting]:
    """Yield five adverts a second, without the fading of a real radio."""
    for number in range(round(seconds * 5)):
        yield Sighting(START + since + number / 5, "door", "ble", "ibeacon", rssi, card)


def come_in(since: float = 0.0, card: bytes = CARD) -> list[Sighting]:
    return [*frames(since, 2, WINDOW, card), *frames(since + 2, 4, DOOR, card)]
