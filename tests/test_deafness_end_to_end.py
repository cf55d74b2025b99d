"""What the broker holds when a radio falls silent: the whole daemon in virtual time, a real mosquitto, an antenna."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_daemon import ADDRESS, CARD
from virtual_time import VirtualTimeLoop, play_in_virtual_time

from drivers.driver import Rung
from drivers.frames import ibeacon_report
from drivers.simulator import Antenna, SimulatorDriver
from gateway import clock, daemon
from gateway.configuration.config import Receiver
from gateway.configuration.configfile import load_config
from gateway.daemon import Daemon
from gateway.receiving import receivers
from gateway.rulebook import read_rulebook
from gateway.store.store import Store

ROOT = "hushbell/v1/lilac-01"
STATUS = f"{ROOT}/gateways/door-pi/status"
HEALTH = f"{ROOT}/gateways/door-pi/health"
PROMISE_S = 30
NOON = datetime(2025, 11, 22, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
CLOSING = datetime(2025, 11, 22, 22, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()

CONFIG = """\
store: {{id: lilac-01, timezone: Asia/Shanghai, opening_hours: 10:00-22:00}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "{url}"}}
receivers: [{{id: door, driver: simulator, socket: door.sock{reference}}}]
zones: [{{id: entrance, kind: door, hear: [{{receiver: door, at_least: -70}}]}}]
"""
REFERENCE = ", reference: {uuid: 6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18, major: 14, minor: 2071}"


class Radio(SimulatorDriver):
    """An antenna's driver that would do whatever is asked to bring it back, and counts it."""

    rungs = tuple(Rung)

    def recover(self, rung: Rung) -> None:
        self.counters[str(rung)] += 1


class Shop:
    """A daemon at work in this process, a beacon beside its receiver, and somebody who reads its status."""

    def __init__(self, client: VirtualClient, antenna: Antenna) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self._client = client
        self._antenna = antenna

    def last(self, topic: str) -> dict[str, Any]:
        found = [message for message in self._client.received if message.topic == topic and message.payload]
        return dict(found[-1].body) if found else {}

    @property
    def state(self) -> object:
        return self.last(STATUS).get("state")

    async def settled(self) -> None:
        """Let the broker take what was said, while virtual time stands still."""
        with self.loop.standing():
            await asyncio.to_thread(self._client.publish, "test/settled", 1)

    async def second(self, *, heard: bool) -> None:
        """Let a second pass, in which the beacon is heard or not."""
        if heard:
            await self._antenna.send(ibeacon_report(ADDRESS, -50, CARD))
        await asyncio.sleep(1.0)
        await self.settled()

    async def seconds_until(self, state: str, *, heard: bool) -> int:
        """Return after how many seconds of this the broker holds a state."""
        for seconds in range(1, 3 * PROMISE_S):
            await self.second(heard=heard)
            if self.state == state:
                return seconds
        raise AssertionError(self.last(STATUS))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[VirtualBroker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def client(broker: VirtualBroker) -> Iterator[VirtualClient]:
    with VirtualClient(broker.port, "reader", STATUS, HEALTH) as client:
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        yield client


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def make_radio(receiver: Receiver, wall: Any, leave_after_s: float) -> Radio:
        return Radio(receiver.id, receiver.socket or Path(), wall)

    monkeypatch.setattr(receivers, "make_driver", make_radio)
    monkeypatch.setattr(daemon, "MEMBERS_POLL_S", 60.0)
    return tmp_path


@asynccontextmanager
async def working(folder: Path, url: str, client: VirtualClient, reference: str = "") -> AsyncIterator[Shop]:
    """Run the daemon as `hushbell run` does, until the block ends."""
    (folder / "shop.yaml").write_text(CONFIG.format(url=url, reference=reference), encoding="utf-8")
    config = load_config(folder / "shop.yaml")
    store = await Store.open(config.gateway.state)
    with Antenna(folder / "door.sock") as antenna:
        shop = Shop(client, antenna)
        running = asyncio.create_task(Daemon(config, read_rulebook(config), store, await store.begin_run()).run())
        try:
            with shop.loop.standing():
                await antenna.connected()
                hearing = {"door": "hearing"}
                await asyncio.to_thread(client.wait_until, lambda: shop.last(STATUS).get("receivers") == hearing)
            yield shop
        finally:
            with shop.loop.standing():
                signal.raise_signal(signal.SIGTERM)
                await running
                await store.close()


def begin_at(wall: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both clocks follow virtual time, as kept right as it is."""
    monkeypatch.setattr(clock, "is_synchronised", lambda: True)
    monkeypatch.setattr(clock, "wall", lambda: wall + asyncio.get_running_loop().time())
    monkeypatch.setattr(clock, "monotonic", lambda: asyncio.get_running_loop().time())


@pytest.mark.parametrize("known_s", [3, 20])
def test_a_deaf_radio_is_on_the_retained_status_within_the_promise_and_mends_by_itself(
    folder: Path, broker: VirtualBroker, client: VirtualClient, monkeypatch: pytest.MonkeyPatch, known_s: int
) -> None:
    async def scene() -> None:
        async with working(folder, broker.url, client, REFERENCE) as shop:
            for _ in range(known_s):
                await shop.second(heard=True)
            assert shop.state == "online"
            assert await shop.seconds_until("degraded", heard=False) <= PROMISE_S
            with VirtualClient(broker.port, "late", STATUS) as late:
                with shop.loop.standing():
                    (held,) = await asyncio.to_thread(late.wait_for, 1)
                assert held.retained
                assert held.body["receivers"] == {"door": "deaf"}
                assert held.body["reasons"] == [
                    "receiver door is deaf: nothing is heard, not even the reference beacon"
                ]
            assert await shop.seconds_until("online", heard=True) <= 2
            for _ in range(60):
                await shop.second(heard=True)
            assert shop.state == "online"
            door = shop.last(HEALTH)["receivers"]["door"]
            assert (door["state"], door["rescan"], door["restarts"]) == ("hearing", 1, 1)
            assert shop.last(HEALTH)["clock"]["synchronised"] is True

    begin_at(NOON, monkeypatch)
    play_in_virtual_time(scene())


def test_a_closed_and_quiet_shop_is_online_for_hours_and_nothing_is_reset(
    folder: Path, broker: VirtualBroker, client: VirtualClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with working(folder, broker.url, client) as shop:
            for _ in range(60):
                await shop.second(heard=True)
            for _ in range(12):
                await asyncio.sleep(600.0)
                await shop.settled()
            await shop.seconds_until("online", heard=False)
            door = shop.last(HEALTH)["receivers"]["door"]
            assert (door["state"], door["decoded"], door["restarts"]) == ("quiet", 60, 0)
            assert not {"degraded"} & {message.body["state"] for message in client.received if message.topic == STATUS}

    begin_at(CLOSING - 60, monkeypatch)
    play_in_virtual_time(scene())
