"""A member's phone with a rotating id, from the antenna to the broker, over a change of slots and a restart."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from virtual_backend import ROOT, of_type
from virtual_broker import running_broker
from virtual_carriers import proximity_uuid
from virtual_client import VirtualClient
from virtual_daemon import CONFIG, DOOR_DBM, VirtualDaemon, a_member

from drivers.frames import ibeacon_report
from gateway.identity.rotating import SLOT_S, slot_of

NAMESPACE = bytes.fromhex("6e9d1c5a2b3f4e70")
KEY = bytes(range(32))
BEFORE_S = 12.0
"""How long before a change of slots the daemon begins to live."""


async def send(daemon: VirtualDaemon, seconds: float, offset_s: float, slots: int = 0) -> None:
    """Send the id of each moment, so many slots later, five times a second."""
    for _ in range(round(seconds * 5)):
        now = time.time() + offset_s + slots * SLOT_S
        identity = proximity_uuid(NAMESPACE, KEY, now) + bytes(4)
        await daemon.door.send(ibeacon_report(b"\x4a\0\0\0\0\1", DOOR_DBM, identity))
        await asyncio.sleep(0.2)


def test_a_rotating_id_is_followed_over_a_change_of_slots_and_replays_are_told_after_a_restart(tmp_path: Path) -> None:
    now = time.time()
    offset_s = (slot_of(now) + 2) * SLOT_S - BEFORE_S - now
    config = CONFIG + 'beacons: {{namespace: "6e9d1c5a2b3f4e70"}}\n'
    with running_broker(tmp_path / "broker") as broker, VirtualClient(broker.port, "all", f"{ROOT}/#") as client:
        shop = VirtualDaemon(tmp_path / "shop", broker.url, config, HUSHBELL_CLOCK_OFFSET=f"{offset_s:.3f}")
        shop.put({**a_member(), "credentials": [{"kind": "rotating", "key": KEY.hex()}]})
        with shop as daemon:
            asyncio.run(daemon.hearing())
            asyncio.run(send(daemon, BEFORE_S + 5, offset_s))
            assert slot_of(time.time() + offset_s) > slot_of(now + offset_s), "the slot did not change meanwhile"
            client.wait_until(lambda: bool(of_type(client, "visit.ended")), 20)
            (started,) = of_type(client, "visit.started")
            (ended,) = of_type(client, "visit.ended")
            assert started.body["data"]["credential"] == "rotating"
            assert ended.body["data"]["seconds"] > BEFORE_S / 3
            daemon.kill()
            daemon.start()
            asyncio.run(daemon.hearing())
            asyncio.run(send(daemon, 2, offset_s, slots=-1))
            client.wait_until(lambda: bool(of_type(client, "security.suspected")), 20)
            told = of_type(client, "security.suspected")[-1].body["data"]["what"]
            visits = len(of_type(client, "visit.started"))
            # Where this machine's clock is not kept right, that is told, and all that is recognised is a hint.
            expected = ("replay", 1) if started.body["data"]["trust"] == "fresh" else ("clock", 2)
            assert (told, visits) == expected
