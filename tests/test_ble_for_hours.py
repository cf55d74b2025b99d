"""Half a day of faults, drawn by a seed, in virtual time: an active and a passive receiver on a virtual bluetoothd."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest
from virtual_bluez import HANG, IN_PROGRESS, NOT_READY, Fault, PrivateBus, VirtualBlueZ, forget_bleak
from virtual_gateway import VirtualGateway, listening, run_quietly
from virtual_time import play_in_virtual_time

from drivers.ble import BleDriver, Patience

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon")

BEACON = {0x004C: b"\x02\x15" + bytes(range(20)) + b"\xc5"}
ADDRESSES = {"hci0": "DC:A6:32:00:00:01", "hci1": "00:1A:7D:DA:71:13"}
SCANS = {"hci0": "StartDiscovery", "hci1": "RegisterMonitor"}
"""What each receiver asks for; a fault of what nobody asks for would wait, and meet others later."""
HOURS = 12
EVERY_S = 1200.0  # a fault, on the average
LONGEST_S = 90.0  # of one fault
TICK_S = 0.5
PATIENCE = Patience()
WITHIN_S = PATIENCE.longest_retry_s + PATIENCE.answer_s + PATIENCE.settle_s
"""After so long whoever waits longest has tried again, and whoever tries was answered or has given up."""

Mishap = Callable[["Shop", str, float], Awaitable[None]]


class Shop:
    """Two receivers, and a bluetoothd that hears a beacon on each adapter twice a second."""

    def __init__(self, bus: PrivateBus) -> None:
        self.bus = bus
        self.bluez: VirtualBlueZ
        self.gateways: list[VirtualGateway] = []
        self._running = AsyncExitStack()
        self._runs = False
        self._sent = 0

    async def boot(self) -> None:
        self.bluez = await self._running.enter_async_context(VirtualBlueZ(self.bus.address))
        for name in ADDRESSES:
            self.plug_in(name)
        self._runs = True

    async def die(self) -> None:
        self._runs = False
        await self._running.aclose()

    def plug_in(self, name: str) -> None:
        self.bluez.add_adapter(name, address=ADDRESSES[name], experimental=True)

    async def live(self, seconds: float) -> None:
        for _ in range(int(seconds / TICK_S)):
            await self._tick()

    async def hears_again(self) -> None:
        """See that each receiver hears a new beacon in time."""
        for gateway in self.gateways:
            gateway.sightings.clear()
        for _ in range(int(WITHIN_S / TICK_S)):
            await self._tick()
            if all(gateway.sightings for gateway in self.gateways):
                return
        raise AssertionError([gateway.reports[-3:] for gateway in self.gateways])

    async def lives_until(self, end: asyncio.Future[None]) -> None:
        while not end.done():
            await self._tick()
        await end

    async def _tick(self) -> None:
        """Advertise, from a new address each time because a passive scan is told of nothing else."""
        if self._runs:
            self._sent += 1
            for name in ADDRESSES:
                address = f"C0:00:00:00:{self._sent >> 8 & 255:02X}:{self._sent & 255:02X}"
                self.bluez.advertise(address, -50, manufacturer=BEACON, adapter=name)
        await asyncio.sleep(TICK_S)


async def restart_bluetoothd(shop: Shop, _: str, seconds: float) -> None:
    await shop.die()
    await shop.live(seconds)
    await shop.boot()


async def lose_d_bus(shop: Shop, _: str, seconds: float) -> None:
    await shop.die()
    shop.bus.stop()
    await shop.live(seconds)
    shop.bus.start()
    await shop.boot()


async def pull_out(shop: Shop, adapter: str, seconds: float) -> None:
    shop.bluez.remove_adapter(adapter)
    await shop.live(seconds)
    shop.plug_in(adapter)


async def switch_off(shop: Shop, adapter: str, seconds: float) -> None:
    shop.bluez.power(adapter, on=False)
    await shop.live(seconds)
    shop.bluez.power(adapter, on=True)


async def block(shop: Shop, adapter: str, seconds: float) -> None:
    shop.bluez.block(adapter)
    await shop.live(seconds)
    shop.bluez.power(adapter, on=True)


async def flicker(shop: Shop, adapter: str, _: float) -> None:
    for _ in range(3):
        shop.bluez.power(adapter, on=False)
        shop.bluez.power(adapter, on=True)
        shop.bluez.remove_adapter(adapter)
        shop.plug_in(adapter)


async def end_the_scan(shop: Shop, adapter: str, _: float) -> None:
    shop.bluez.stop_scanning(adapter)
    shop.bluez.release(adapter)


async def let_another_scan(shop: Shop, adapter: str, seconds: float) -> None:
    shop.bluez.scan_for_another(adapter)
    shop.bluez.fail(SCANS[adapter], Fault(IN_PROGRESS))
    await end_the_scan(shop, adapter, 0)
    await shop.live(seconds)
    shop.bluez.leave_to_us(adapter)


def refuse(*faults: Fault) -> Mishap:
    """Return a mishap in which the scan ends, and the next that are asked for meet these faults."""

    async def mishap(shop: Shop, adapter: str, _: float) -> None:
        shop.bluez.fail(SCANS[adapter], *faults)
        await flicker(shop, adapter, 0)

    return mishap


MISHAPS: dict[str, Mishap] = {
    "bluetoothd restarts": restart_bluetoothd,
    "D-Bus is gone": lose_d_bus,
    "an adapter is pulled out": pull_out,
    "an adapter is switched off": switch_off,
    "an adapter is blocked": block,
    "an adapter flickers": flicker,
    "a scan ends by itself": end_the_scan,
    "somebody else scans": let_another_scan,
    "BlueZ is busy": refuse(Fault(IN_PROGRESS), Fault(IN_PROGRESS)),
    "BlueZ is not ready": refuse(Fault(NOT_READY)),
    "BlueZ does not answer": refuse(HANG),
    "BlueZ begins without scanning": refuse(Fault(scans=False)),
}


@asynccontextmanager
async def two_receivers(shop: Shop) -> AsyncIterator[None]:
    """Run an active receiver by its adapter's name, and a passive one by its adapter's address."""
    door = BleDriver("door", "hci0", lambda: 0.0)
    shelf = BleDriver("shelf", ADDRESSES["hci1"].lower(), lambda: 0.0, scan="passive")
    async with listening(door) as at_the_door, listening(shelf) as at_the_shelf:
        shop.gateways = [at_the_door, at_the_shelf]
        yield


def held() -> tuple[int, int]:
    """Return how many files are open, and how many tasks there are."""
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())


async def live_through(bus: PrivateBus, draw: Random) -> int:
    """Return how many mishaps there were; each is over when both hear again and nothing more is held than before."""
    shop = Shop(bus)
    await shop.boot()
    mishaps = 0
    async with AsyncExitStack() as receivers:
        await receivers.enter_async_context(two_receivers(shop))
        await shop.hears_again()
        before = held()
        while asyncio.get_running_loop().time() < HOURS * 3600:
            await asyncio.sleep(draw.expovariate(1 / EVERY_S))
            name = draw.choice(sorted(MISHAPS))
            adapter = draw.choice(sorted(ADDRESSES))
            at = f"{name}, {adapter}, after {asyncio.get_running_loop().time():.0f} s"
            await MISHAPS[name](shop, adapter, draw.uniform(0, LONGEST_S))
            try:
                await shop.hears_again()
            except AssertionError as deaf:
                raise AssertionError(f"{at}: {deaf}") from None
            await shop.live(2 * TICK_S)
            assert held() == before, at
            mishaps += 1
        await shop.lives_until(asyncio.ensure_future(receivers.aclose()))
    await shop.die()
    await forget_bleak()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return mishaps


@pytest.mark.parametrize("seed", [1, 2])
def test_for_hours_each_receiver_comes_back_from_whatever_happens(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    async def scene(bus: PrivateBus) -> None:
        counted.append(await live_through(bus, Random(seed)))

    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        run_quietly(scene(bus), partial(play_in_virtual_time, busy=bus.is_busy))
    assert counted[0] > HOURS * 3600 / EVERY_S / 2
