"""Receivers and zones as a configuration sets them out: which radio hears which part of the shop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast, get_args

from drivers.channels import DWELL_S
from gateway.configuration.config import DriverName, Hear, Receiver, Scan, Zone, ZoneKind
from gateway.configuration.configvalues import (
    LEVELS,
    Ids,
    get,
    read_adapter,
    read_bssid,
    read_channel,
    read_interface,
    read_reference,
    read_ssid,
    read_text,
)
from rules.document import Node, each, read_duration

OFFSETS = (-60.0, 60.0)
DWELL_LIMITS_S = (0.05, 60.0)
"""Changing channels takes an adapter up to some 30 ms, in which it hears nothing."""

DRIVER_KEYS: dict[str, tuple[str, ...]] = {
    "ble": ("adapter", "scan", "reference"),
    "wifi": ("interface", "channels", "dwell", "bssid"),
    "hostapd": ("control", "ssid"),
    "app": ("reference",),
    "simulator": ("socket", "reference"),
}
DRIVER_NEEDS: dict[str, tuple[str, ...]] = {"wifi": ("interface",), "hostapd": ("control",), "simulator": ("socket",)}
ALL_DRIVER_KEYS = tuple(dict.fromkeys(key for keys in DRIVER_KEYS.values() for key in keys))


class _Level(NamedTuple):
    """One `hear` entry: the place to name when it clashes with another."""

    zone: str
    kind: str | None
    at_least: float | None
    node: Node


class Layout:
    """Reads receivers, then zones, and knows what each defines and uses."""

    def __init__(self, read_path: Callable[[Node], Path | None]) -> None:
        self.receivers = Ids()
        self.zones = Ids()
        self._read_path = read_path
        self._drivers: dict[str, str | None] = {}
        self._radios: dict[str, str] = {}
        self._levels: dict[str, list[_Level]] = {}

    def read_receivers(self, node: Node) -> tuple[Receiver, ...]:
        nodes = node.items("a list of receivers")
        if node.is_sequence() and not nodes:
            node.fault("at least one receiver is needed")
        return tuple(each(nodes, self._receiver))

    def _receiver(self, node: Node) -> Receiver | None:
        entry = node.entry("driver")
        named = (entry[1].scalar() if entry else None) or ""
        known = ("id", "driver", *DRIVER_KEYS.get(named, ALL_DRIVER_KEYS))
        keys = node.fields(known, ("id", "driver", *DRIVER_NEEDS.get(named, ())), "a receiver")
        id_ = get(keys, "id", self.receivers.define, None)
        driver = get(keys, "driver", lambda node: node.choice(get_args(DriverName), "driver"), None)
        radio = Receiver(
            "",
            "ble",
            adapter=get(keys, "adapter", read_adapter, None),
            scan=cast(Scan, get(keys, "scan", lambda node: node.choice(get_args(Scan), "kind of scan"), "active")),
            interface=get(keys, "interface", read_interface, None),
            channels=get(keys, "channels", _channels, ()),
            dwell_s=get(keys, "dwell", lambda node: read_duration(node, *DWELL_LIMITS_S), DWELL_S),
            bssids=get(keys, "bssid", _bssids, frozenset()),
            control=get(keys, "control", self._read_path, None),
            ssid=get(keys, "ssid", read_ssid, None),
            socket=get(keys, "socket", self._read_path, None),
            reference=get(keys, "reference", read_reference, None),
        )
        if id_ is None or driver is None:
            return None
        self._drivers[id_] = driver
        self._warn_of_an_app_without_a_beacon(keys, driver)
        if radio.scan == "passive":
            keys["scan"].fault(
                "a passive scan is told of changes only: it gives no levels for zones, and nobody can tell whether it "
                "is deaf",
                warning=True,
            )
        self._warn_of_an_idle_dwell(keys, radio.channels)
        receiver = replace(radio, id=id_, driver=cast(DriverName, driver))
        self._warn_of_a_shared_radio(receiver, node)
        return receiver

    def _warn_of_an_app_without_a_beacon(self, keys: dict[str, Node], driver: str) -> None:
        if driver == "app" and "reference" not in keys:
            keys["driver"].fault(
                "without a reference, which is the beacon that members' apps hear, nothing can be heard here",
                warning=True,
            )

    def _warn_of_an_idle_dwell(self, keys: dict[str, Node], channels: tuple[int, ...]) -> None:
        if "dwell" in keys and len(channels) < 2:
            keys["dwell"].fault("dwell has no use without several channels", warning=True)

    def _warn_of_a_shared_radio(self, receiver: Receiver, node: Node) -> None:
        usual = "hci0" if receiver.driver == "ble" else None
        radio = receiver.adapter or receiver.interface or receiver.control or receiver.socket or usual
        first = self._radios.setdefault(str(radio), receiver.id) if radio else receiver.id
        if first != receiver.id:
            node.fault(
                "receivers {first!r} and {second!r} share one radio, only one of them will hear",
                warning=True,
                first=first,
                second=receiver.id,
            )

    def read_zones(self, node: Node) -> tuple[Zone, ...]:
        nodes = node.items("a list of zones")
        if node.is_sequence() and not nodes:
            node.fault("at least one zone is needed")
        zones = tuple(each(nodes, self._zone))
        if nodes:
            self._refuse_the_unheard()
            self._warn_of_nearer_outsides()
        return zones

    def _zone(self, node: Node) -> Zone | None:
        keys = node.fields(("id", "kind", "hear", "name"), ("id", "kind", "hear"), "a zone")
        id_ = get(keys, "id", self.zones.define, None)
        kind = get(keys, "kind", lambda node: node.choice(get_args(ZoneKind), "kind"), None)
        name = get(keys, "name", read_text, "")
        hear: tuple[Hear, ...] = ()
        if "hear" in keys:
            nodes = keys["hear"].items("a list such as [{receiver: door, at_least: -70}]")
            if keys["hear"].is_sequence() and not nodes:
                keys["hear"].fault("at least one receiver is needed")
            hear = tuple(each(nodes, lambda node: self._hear(node, id_ or "", kind)))
        return None if id_ is None or kind is None else Zone(id_, cast(ZoneKind, kind), hear, name)

    def _hear(self, node: Node, zone: str, kind: str | None) -> Hear | None:
        keys = node.fields(("receiver", "at_least", "offset"), ("receiver",), "hear")
        name = get(keys, "receiver", read_text, None)
        at_least = get(keys, "at_least", lambda node: node.number(*LEVELS, "a level in dBm"), None)
        offset = get(keys, "offset", lambda node: node.number(*OFFSETS, "an offset in dB"), 0.0)
        if name is None:
            return None
        if name in self.receivers.places:
            self._judge_level(name, keys, _Level(zone, kind, at_least, keys.get("at_least", keys["receiver"])))
        elif self.receivers.places:
            keys["receiver"].unknown("receiver", name, self.receivers.places)
        return Hear(name, at_least, offset)

    def _judge_level(self, receiver: str, keys: dict[str, Node], level: _Level) -> None:
        if "at_least" in keys and self._drivers.get(receiver) == "hostapd":
            level.node.fault("hostapd tells who is connected but no level, leave at_least out")
        if "at_least" not in keys and self._drivers.get(receiver) in ("ble", "wifi"):
            level.node.fault("this radio never tells who is connected, name a level with at_least", warning=True)
        if "offset" in keys and "at_least" not in keys:
            keys["offset"].fault("offset has no use without at_least", warning=True)
        others = self._levels.setdefault(receiver, [])
        twin = next((other for other in others if other.at_least == level.at_least), None)
        faulty = "at_least" in keys and level.at_least is None
        if twin and not faulty:
            level.node.fault(
                "{zone!r} hears {receiver!r} at this level already (line {line}), nothing tells the two apart",
                zone=twin.zone,
                receiver=receiver,
                line=twin.node.line,
            )
        others.append(level)

    def _refuse_the_unheard(self) -> None:
        for id_, node in self.receivers.places.items():
            if id_ and id_ not in self._levels:
                node.fault("no zone hears the receiver {id!r}, name it under `hear` or take it out", id=id_)

    def _warn_of_nearer_outsides(self) -> None:
        """On one receiver the stronger level is the nearer zone, and the pavement is not nearer than the door."""
        for levels in self._levels.values():
            doors = [level.at_least for level in levels if level.kind == "door" and level.at_least is not None]
            for level in levels:
                if level.kind == "outside" and doors and (level.at_least or -999) > min(doors):
                    level.node.fault(
                        "{zone!r} is outside, yet needs a stronger level than a door on this receiver",
                        warning=True,
                        zone=level.zone,
                    )


def _channels(node: Node) -> tuple[int, ...]:
    channels = tuple(each(node.items("a list of channels such as [1, 6, 11]"), read_channel))
    if len(set(channels)) < len(channels):
        node.fault("a channel stands here twice")
    return channels


def _bssids(node: Node) -> frozenset[bytes]:
    return frozenset(each(node.items("a list of access points' addresses such as [02:11:22:33:44:aa]"), read_bssid))
