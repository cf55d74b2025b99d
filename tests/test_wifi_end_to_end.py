"""Wi-Fi members from end to end: frames on a virtual radio in, visits with their trust out of a real broker."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import VirtualDaemon, a_member
from virtual_wifi import VirtualMonitor, why_not

from drivers.frames import association_request

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

ROOT = "hushbell/v1/lilac-01"
STATUS = f"{ROOT}/gateways/door-pi/status"
GUEST, NEIGHBOURS_GUEST = bytes.fromhex("5e3a11223344"), bytes.fromhex("5e3a11223355")
SHOP, NEIGHBOUR = bytes.fromhex("0211223344aa"), bytes.fromhex("0299aabbccdd")
WITHIN_S = 20.0

CONFIG = f"""\
store: {{{{id: lilac-01, timezone: Asia/Shanghai}}}}
gateway: {{{{id: door-pi, state: state}}}}
mqtt: {{{{url: "{{url}}"}}}}
receivers: [{{{{id: air, driver: wifi, interface: INTERFACE, channels: [1, 6], bssid: ["{SHOP.hex(":")}"]}}}}]
zones: [{{{{id: floor, kind: inside, hear: [{{{{receiver: air, at_least: -75}}}}]}}}}]
"""


def a_phone(name: str, address: bytes) -> dict[str, Any]:
    return {**a_member(name), "credentials": [{"kind": "wifi", "address": address.hex(":")}]}


def test_who_joins_the_shops_own_network_is_trusted_less(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path / "broker") as broker,
        VirtualMonitor() as air,
        VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
    ):
        shop = VirtualDaemon(tmp_path / "shop", broker.url, CONFIG.replace("INTERFACE", air.name))
        shop.put(a_phone("own-0001", GUEST), a_phone("other-0001", NEIGHBOURS_GUEST))

        def is_heard() -> bool:
            found = [message.body for message in client.received if message.topic == STATUS and message.payload]
            return bool(found) and found[-1]["receivers"] == {"air": "hearing"}

        def trusts() -> dict[str, str]:
            visits = (m.body["data"] for m in client.received if b'"hushbell.visit.started"' in m.payload)
            return {visit["member"]: visit["trust"] for visit in visits}

        with shop:
            client.wait_until(is_heard, WITHIN_S)
            until = time.monotonic() + WITHIN_S
            while len(trusts()) < 2 and time.monotonic() < until:
                for address, network in ((GUEST, SHOP), (NEIGHBOURS_GUEST, NEIGHBOUR)):
                    air.receive(association_request(address, network, -50))
                time.sleep(0.1)
        assert trusts() == {"own-0001": "weak", "other-0001": "hint"}
        assert not {GUEST.hex(), GUEST.hex(":"), SHOP.hex(":")} & set(shop.log.split())
