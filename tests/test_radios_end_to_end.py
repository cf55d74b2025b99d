"""From the libraries to the broker: bleak on a D-Bus, scapy on a capture socket, the daemon, a real mosquitto."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from virtual_bluez import PrivateBus, VirtualBlueZ
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import CARD, DOOR_DBM, WINDOW_DBM, VirtualDaemon, a_member
from virtual_wifi import VirtualMonitor, why_not

from drivers.frames import probe_request

ROOT = "hushbell/v1/lilac-01"
STATUS = f"{ROOT}/gateways/door-pi/status"
APPLE = 0x004C
PHONE = bytes.fromhex("5e3a11223344")

CONFIG = """\
store: {{id: lilac-01, timezone: Asia/Shanghai}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "{url}"}}
receivers: [{{id: door, driver: ble, adapter: hci0}}, {{id: air, driver: wifi, interface: INTERFACE}}]
zones:
  - {{id: pavement, kind: outside, hear: [{{receiver: door, at_least: -88}}]}}
  - {{id: entrance, kind: door, hear: [{{receiver: door, at_least: -70}}]}}
  - {{id: floor, kind: inside, hear: [{{receiver: air, at_least: -75}}]}}
presence: {{leave_after: 2 s}}
"""

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


async def until(client: VirtualClient, happened: Callable[[], bool]) -> None:
    """Wait for something on the broker while the virtual radios go on."""
    await asyncio.to_thread(client.wait_until, happened, 20)


def test_frames_of_real_libraries_become_alerts_and_lost_radios_a_degraded_status(tmp_path: Path) -> None:
    phone = {"kind": "wifi", "address": PHONE.hex(":")}
    member = a_member()
    member["credentials"].append(phone)
    with (
        running_broker(tmp_path / "broker") as broker,
        PrivateBus() as bus,
        VirtualMonitor() as air,
        VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
    ):
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        config = CONFIG.replace("INTERFACE", air.name)
        shop = VirtualDaemon(tmp_path / "shop", broker.url, config, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        shop.put(member)

        def status() -> dict[str, object]:
            found = [m.body for m in client.received if m.topic == STATUS and m.payload]
            return dict(found[-1]) if found else {}

        def events(kind: str) -> list[dict[str, object]]:
            return [m.body for m in client.received if b'"hushbell.' + kind.encode() + b'"' in m.payload]

        async def play() -> None:
            async with VirtualBlueZ(bus.address) as bluez:
                bluez.add_adapter()
                await until(client, lambda: status().get("receivers") == {"door": "hearing", "air": "hearing"})
                assert status()["state"] == "online"
                card = b"\x02\x15" + CARD + b"\xc5"
                for dbm, seconds in ((WINDOW_DBM, 1), (DOOR_DBM, 4)):
                    for _ in range(seconds * 10):
                        bluez.advertise("C0:00:00:00:00:01", dbm, manufacturer={APPLE: card})
                        await asyncio.sleep(0.1)
                await until(client, lambda: bool(events("alert.raised")))
                await until(client, lambda: bool(events("visit.ended")))
                for sequence in range(30):
                    air.receive(probe_request(PHONE, -50, sequence=sequence, ssid=b"canary-network"))
                    await asyncio.sleep(0.1)
                await until(client, lambda: len(events("visit.started")) == 2)
                bluez.remove_adapter()
                await until(client, lambda: status().get("state") == "degraded")
                assert status()["receivers"] == {"door": "missing", "air": "hearing"}
                bluez.add_adapter()
                await until(client, lambda: status().get("state") == "online")
                air.remove()
                await until(client, lambda: status().get("receivers") == {"door": "hearing", "air": "missing"})

        with shop:
            asyncio.run(play())
        assert not any(b"canary" in m.payload for m in client.received)
        assert "canary" not in shop.log
        assert events("visit.started")[1]["data"]["credential"] == "wifi"  # type: ignore[index]


TWO_ADAPTERS = """\
store: {{id: lilac-01, timezone: Asia/Shanghai}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "{url}"}}
receivers: [{{id: door, driver: ble, adapter: hci0}}, {{id: back, driver: ble, adapter: hci1}}]
zones:
  - {{id: entrance, kind: door, hear: [{{receiver: door, at_least: -70}}]}}
  - {{id: rear, kind: inside, hear: [{{receiver: back, at_least: -70}}]}}
"""


def test_the_end_of_dbus_is_told_in_words_and_not_by_what_the_libraries_raised(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path / "broker") as broker,
        PrivateBus() as bus,
        VirtualClient(broker.port, "everything", STATUS) as client,
    ):
        shop = VirtualDaemon(tmp_path / "shop", broker.url, TWO_ADAPTERS, DBUS_SYSTEM_BUS_ADDRESS=bus.address)

        def all_are(state: str) -> bool:
            found = [m.body for m in client.received if m.payload]
            return bool(found) and found[-1].get("receivers") == {"door": state, "back": state}

        async def play() -> None:
            for _ in range(3):
                async with VirtualBlueZ(bus.address) as bluez:
                    bluez.add_adapter("hci0")
                    bluez.add_adapter("hci1", address="DC:A6:32:00:00:02")
                    await until(client, lambda: all_are("hearing"))
                    bus.stop()
                    await until(client, lambda: all_are("missing"))
                bus.start()

        with shop:
            asyncio.run(play())
        assert "the D-Bus system bus went away" in shop.log
        assert "Traceback" not in shop.log
