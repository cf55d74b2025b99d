"""Hours of faults in virtual time: the Bluetooth driver on a virtual bluetoothd, with the gateway's own judgement."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from virtual_bluez import HANG, PrivateBus, VirtualBlueZ, VirtualSystemd, forget_bleak
from virtual_gateway import WITHIN_S
from virtual_time import play_in_virtual_time

from drivers.ble import BleDriver
from drivers.driver import RadioState
from drivers.sighting import Sighting
from gateway.configuration.config import Config, Gateway, Hours, Mqtt, Receiver, Reference, Store
from gateway.health import Health
from gateway.receiving.lookout import Lookout
from gateway.rulebook import Rulebook

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon")

IDENTITY = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817")
REFERENCE = {0x004C: b"\x02\x15" + IDENTITY + b"\xc5"}
NOON = 1_763_784_000.0  # in Shanghai
PROMISE_S = 30.0
TICKS_S = 2.0  # what the ticks of gateway and world add

Fault = Callable[["Shop"], Awaitable[None]]


class Shop:
    """A gateway with one receiver beside a beacon that sends once a second, and what befalls them."""

    def __init__(self, bus: PrivateBus, receiver: Receiver) -> None:
        hours = Hours(time(10), time(22))
        store = Store("lilac", ZoneInfo("Asia/Shanghai"), opening_hours=hours)
        config = Config(Path(), store, Gateway("pi"), Mqtt("mqtt://127.0.0.1"), (receiver,), (), ())
        self.driver = BleDriver("door", None, self.wall)
        self.lookout = Lookout(receiver, self.driver.rungs, has_hours=True)
        self.health = Health(config, Rulebook((), ()), lambda _: [], wall=NOON, steady=0.0)
        self.bluez: VirtualBlueZ
        self.online: list[bool] = []
        self.reasons: set[str] = set()
        self._bus = bus
        self._hollow_s = 0  # said to be online since the last frame
        self._restarts = 0

    def wall(self) -> float:
        return NOON + asyncio.get_running_loop().time()

    def deliver(self, sightings: list[Sighting]) -> None:
        self._hollow_s = 0
        self.lookout.take(sightings)

    def report(self, state: RadioState, reason: str) -> None:
        self.lookout.report(state, reason)
        self.health.radio("door", *self.lookout.fares)

    async def boot(self) -> None:
        """Start bluetoothd, or start it anew."""
        self._daemon = AsyncExitStack()
        self.bluez = await self._daemon.enter_async_context(VirtualBlueZ(self._bus.address))
        self.bluez.add_adapter()
        self._runs = True

    async def die(self) -> None:
        self._runs = False
        await self._daemon.aclose()

    async def play(self, seconds: int, faults: dict[int, Fault]) -> None:
        """Live through so many seconds; each second the promise is checked."""
        async with VirtualSystemd(self._bus.address) as systemd:
            await self.boot()
            running = asyncio.create_task(self.driver.run(self.deliver, self.report))
            for second in range(seconds):
                if second in faults:
                    await faults[second](self)
                if len(systemd.restarted) > self._restarts:
                    self._restarts += 1
                    await self.die()
                    await self.boot()
                if self._runs:
                    self.bluez.advertise("D0:11:22:33:44:55", -50, manufacturer=REFERENCE)
                await asyncio.sleep(1.0)
                self._look()
            running.cancel()
            await asyncio.wait({running}, timeout=WITHIN_S)
            await self.die()
        await forget_bleak()

    def _look(self) -> None:
        """Do what the gateway does once a second; between two frames it may say for so long only that it is online."""
        now = asyncio.get_running_loop().time()
        rung = self.lookout.moment(now, is_open=self.health.is_open(self.wall()))
        self.health.radio("door", *self.lookout.fares)
        if rung:
            self.driver.recover(rung)
        self.health.judge(wall=self.wall(), steady=now)
        status = self.health.status()
        self.online.append(status["state"] == "online")
        self.reasons.update(status["reasons"])
        self._hollow_s += self.online[-1]
        assert self._hollow_s <= PROMISE_S + TICKS_S, f"deaf at {now:.0f} s"

    def degraded_s(self, fault: int, within: int) -> int:
        """Return for how long the status was degraded after a fault; so soon it is online again."""
        after = self.online[fault : fault + within]
        assert after[-1], f"the fault at {fault} s"
        return after.count(False)


async def freeze_until_rescan(shop: Shop) -> None:
    shop.bluez.freeze(until="rescan")


async def freeze_until_power_cycle(shop: Shop) -> None:
    shop.bluez.freeze(until="power-cycle")


async def freeze_until_restart(shop: Shop) -> None:
    shop.bluez.freeze(until="restart")


async def pull_out(shop: Shop) -> None:
    shop.bluez.remove_adapter()


async def put_back(shop: Shop) -> None:
    shop.bluez.add_adapter()


async def hang(shop: Shop) -> None:
    shop.bluez.fail("StartDiscovery", HANG, HANG)
    shop.bluez.power(on=False)
    shop.bluez.power(on=True)


async def switch_off(shop: Shop) -> None:
    shop.bluez.power(on=False)


async def switch_on(shop: Shop) -> None:
    shop.bluez.power(on=True)


async def die(shop: Shop) -> None:
    await shop.die()


async def boot(shop: Shop) -> None:
    await shop.boot()


FAULTS: dict[int, Fault] = {
    120: freeze_until_rescan,
    1100: freeze_until_power_cycle,
    2200: freeze_until_restart,
    3400: pull_out,
    3500: put_back,
    3700: switch_off,
    3800: switch_on,
    4000: die,
    4100: boot,
    4300: hang,
}
WITHIN = {120: 60, 1100: 120, 2200: 200, 3400: 200, 3700: 200, 4000: 200, 4300: 200}
"""How soon after each fault all is well again, in seconds."""
HELD_S = {120: 0, 1100: 30, 2200: 30 + 60, 3400: 100, 3700: 100, 4000: 100, 4300: 2 * 10}
"""How long nothing can mend it: the ladder's waits before the rung that helps, the plan's own, two calls that hang."""
MENDS_S = 10
"""How long it then takes: 2 s of rest, 5 s of proof."""


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> PrivateBus:
    return PrivateBus()


def test_through_every_fault_the_status_never_says_online_over_a_silence_and_mends_by_itself(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        shop = Shop(bus, Receiver("door", "ble", reference=Reference(IDENTITY)))
        play_in_virtual_time(shop.play(4600, FAULTS), bus.is_busy)
    degraded_s = {fault: shop.degraded_s(fault, within) for fault, within in WITHIN.items()}
    for fault, seconds in degraded_s.items():
        assert 0 < seconds <= HELD_S[fault] + MENDS_S, f"the fault at {fault} s"
    assert shop.online.count(False) == sum(degraded_s.values()) <= sum(HELD_S.values()) + 2 * MENDS_S
    done = shop.driver.counters
    rungs = [done[rung] for rung in ("rescan", "power-cycle", "restart")]
    assert all(rungs)
    assert sum(rungs) < 10
    assert any("not even the reference beacon" in reason for reason in shop.reasons)
