"""Wi-Fi members from end to end: frames on a virtual radio and a hostapd's word in, visits with their trust out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import VirtualDaemon, a_member
from virtual_hostapd import VirtualHostapd
from virtual_wifi import VirtualMonitor, why_not

from drivers.frames import association_request, management_frame, probe_request, radiotap_frame

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

ROOT = "hushbell/v1/lilac-01"
STATUS = f"{ROOT}/gateways/door-pi/status"
SHOP, NEIGHBOUR = bytes.fromhex("0211223344aa"), bytes.fromhex("0299aabbccdd")
AUTHENTICATION, REASSOCIATION = 11, 2
WITHIN_S = 20.0

CONFIG = f"""\
store: {{{{id: lilac-01, timezone: Asia/Shanghai}}}}
gateway: {{{{id: door-pi, state: state}}}}
mqtt: {{{{url: "{{url}}"}}}}
receivers:
  - {{{{id: air, driver: wifi, interface: INTERFACE, channels: [1, 6], bssid: ["{SHOP.hex(":")}"]}}}}
  - {{{{id: guest-wifi, driver: hostapd, control: wlan0}}}}
zones:
  - {{{{id: shelves, kind: inside, hear: [{{{{receiver: air, at_least: -75}}}}]}}}}
  - {{{{id: floor, kind: inside, hear: [{{{{receiver: guest-wifi}}}}]}}}}
presence: {{{{leave_after: 4 s}}}}
"""


class Shop(NamedTuple):
    """A daemon with both receivers, whoever they hear, and who is told."""

    air: VirtualMonitor
    access_point: VirtualHostapd
    client: VirtualClient
    daemon: VirtualDaemon

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of all events of a type."""
        told = [message.body for message in self.client.received if f'"hushbell.{kind}"'.encode() in message.payload]
        return [body["data"] for body in told]

    def is_heard(self) -> bool:
        told = [message.body for message in self.client.received if message.topic == STATUS and message.payload]
        return bool(told) and told[-1]["receivers"] == {"air": "hearing", "guest-wifi": "hearing"}

    def visits(self, frames: list[bytes], number: int) -> dict[str, dict[str, Any]]:
        """Let frames arrive again and again until so many visits have started; return them by member."""
        until = time.monotonic() + WITHIN_S
        while len(self.events("visit.started")) < number and time.monotonic() < until:
            for frame in frames:
                self.air.receive(frame)
            time.sleep(0.1)
        return {visit["member"]: visit for visit in self.events("visit.started")}


@contextmanager
def running(folder: Path, *members: dict[str, Any]) -> Iterator[Shop]:
    with (
        running_broker(folder / "broker") as broker,
        VirtualMonitor() as air,
        VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
    ):
        daemon = VirtualDaemon(folder / "shop", broker.url, CONFIG.replace("INTERFACE", air.name))
        daemon.put(*members)
        with VirtualHostapd(daemon.folder / "wlan0") as access_point, daemon:
            shop = Shop(air, access_point, client, daemon)
            client.wait_until(shop.is_heard, WITHIN_S)
            yield shop


def a_phone(name: str, address: bytes) -> dict[str, Any]:
    return {**a_member(name), "credentials": [{"kind": "wifi", "address": address.hex(":")}]}


def asked(subtype: int, source: bytes, network: bytes, body: bytes = b"") -> bytes:
    return radiotap_frame(management_frame(subtype, source, network, network, 1, body), -50, 2437)


def address(number: int) -> bytes:
    return bytes.fromhex("5e3a112233") + bytes((number,))


HEARD = {
    "probe-0001": (probe_request(address(1), -50, ssid=b"shop"), "hint"),
    "authenticates-0001": (asked(AUTHENTICATION, address(2), SHOP, bytes(6)), "weak"),
    "authenticates-elsewhere-0001": (asked(AUTHENTICATION, address(3), NEIGHBOUR, bytes(6)), "hint"),
    "joins-0001": (association_request(address(4), SHOP, -50), "weak"),
    "joins-elsewhere-0001": (association_request(address(5), NEIGHBOUR, -50), "hint"),
    "joins-again-0001": (asked(REASSOCIATION, address(6), SHOP, bytes(12)), "weak"),
}
CONNECTED = address(7)
WITH_KEY = address(8)


def test_a_bound_address_is_trusted_by_what_it_was_heard_to_do(tmp_path: Path) -> None:
    phones = [a_phone(name, frame[25:31]) for name, (frame, _) in HEARD.items()]
    key = {**a_member("key-0001"), "credentials": [{"kind": "wifi-key", "keyid": "k-7781"}]}
    with running(tmp_path, *phones, a_phone("connected-0001", CONNECTED), key) as shop:
        shop.access_point.join(CONNECTED.hex(":"))
        shop.access_point.join(WITH_KEY.hex(":"), keyid="k-7781")
        visits = shop.visits([frame for frame, _ in HEARD.values()], len(HEARD) + 2)
        told = {name: (visit["trust"], visit["credential"], visit["zone"]) for name, visit in visits.items()}
        assert told == {
            **{name: (trust, "wifi", "shelves") for name, (_, trust) in HEARD.items()},
            "connected-0001": ("weak", "wifi", "floor"),
            "key-0001": ("fresh", "wifi-key", "floor"),
        }
        shop.client.wait_until(lambda: len(shop.events("visit.ended")) == len(HEARD), WITHIN_S)
        assert {ended["visit"] for ended in shop.events("visit.ended")} == {visits[name]["visit"] for name in HEARD}
        shop.access_point.leave(CONNECTED.hex(":"))
        shop.client.wait_until(lambda: len(shop.events("visit.ended")) == len(HEARD) + 1, WITHIN_S)
        assert shop.events("visit.ended")[-1]["visit"] == visits["connected-0001"]["visit"]
        assert not {CONNECTED.hex(), CONNECTED.hex(":"), SHOP.hex(":")} & set(shop.daemon.log.split())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to look into another process's memory")
def test_the_ssid_that_a_stranger_asks_for_is_not_in_our_memory(tmp_path: Path) -> None:
    canary = b"canary-" + os.urandom(8).hex().encode()
    member = a_phone("probe-0001", address(1))
    with running(tmp_path, member) as shop:
        frames = [
            probe_request(address(9), -50, ssid=canary),
            association_request(address(9), NEIGHBOUR, -50, ssid=canary),
            asked(REASSOCIATION, address(9), NEIGHBOUR, bytes(10) + bytes((0, len(canary))) + canary),
        ]
        assert shop.visits([*frames, HEARD["probe-0001"][0]], 1)
        for frame in 100 * frames:
            shop.air.receive(frame)
        memory = shop.daemon.memory()
        assert b"probe-0001" in memory, "the member is there"
        is_there = canary in memory
        assert not is_there
