"""The whole Bluetooth wake-up, D-Bus, bleak and ours, beside bleak alone: at a pace of adverts, and in a flood.

Each side is a process that counts its own CPU; all hear the same adverts at the same time, so that what else the
machine does weighs on them alike. In the flood each advert comes from another address, as fast as they are taken.
Run it from the project's root: `python benchmarks/wakeup.py [PER_SECOND]`, `python benchmarks/wakeup.py flood`.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random

SCRIPT = Path(__file__).resolve()
ROOT = SCRIPT.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from deciding import a_core, card, register  # noqa: E402
from measuring import line, quantile, say  # noqa: E402
from virtual_bluez import PrivateBus, VirtualBlueZ  # noqa: E402

from drivers.sighting import Sighting  # noqa: E402

SETTLING = 5000  # adverts until everybody is inside, and told
WINDOW = 1000
WINDOWS = 12
CARDS, STRANGERS = 25, 25
MEMBERS = 1000
ALONE = "bleak alone"
SIGHTING, DECISION = "to a sighting", "to a decision"
ONE_BY_ONE = ", a wake-up for each"
SIDES = (ALONE, SIGHTING + ONE_BY_ONE, DECISION + ONE_BY_ONE, SIGHTING, DECISION)
FLOOD = 100_000
FLOOD_WINDOW = 20_000
TURN_S = 0.001

Count = Callable[[int], None]


class Meter:
    """Measures this process's CPU for each advert, window by window; `over` is set at the end."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.us: list[float] = []
        self._until = SETTLING
        self._begun: float | None = None
        self._before = self._heard = 0

    def count(self, adverts: int) -> None:
        self._heard += adverts
        if self._heard < self._until:
            return
        now = _cpu_s()
        if self._begun is not None:
            self.us.append((now - self._begun) / (self._heard - self._before) * 1e6)
        self._begun, self._before = now, self._heard
        self._until = self._heard + WINDOW
        if len(self.us) == WINDOWS:
            self.over.set()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def listen(side: str) -> None:
    """Be one side: hear until the meter is full, and print what it says."""
    meter = Meter()
    hear = asyncio.create_task(_listening(side, meter.count))
    await meter.over.wait()
    say(json.dumps(meter.us))
    hear.cancel()


async def stand(side: str) -> None:
    """Be one side of the flood: hear it to its end, and print memory (MB) by windows and the longest turns (ms)."""
    megabytes = [_resident_mb()]
    turns: list[float] = []
    heard = 0
    over = asyncio.Event()

    def count(adverts: int) -> None:
        nonlocal heard
        heard += adverts
        if heard >= FLOOD_WINDOW * len(megabytes):
            megabytes.append(_resident_mb())
        if heard >= FLOOD:
            over.set()

    async def take_turns() -> None:
        while True:
            begun = _cpu_s()
            await asyncio.sleep(TURN_S)
            turns.append((_cpu_s() - begun) * 1e3)

    work = [asyncio.create_task(_listening(side, count)), asyncio.create_task(take_turns())]
    await over.wait()
    say(json.dumps([megabytes, quantile(turns, 0.99), max(turns), _cpu_s() / FLOOD * 1e6]))
    for task in work:
        task.cancel()


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _listening(side: str, count: Count) -> Coroutine[None, None, None]:
    return _alone(count) if side == ALONE else _ours(count, side)


async def _alone(count: Count) -> None:
    from bleak import BleakScanner

    scanner = BleakScanner(lambda device, advert: count(1), bluez={"filters": {"RSSI": -127, "DuplicateData": True}})
    await scanner.start()
    await asyncio.Event().wait()


async def _ours(count: Count, side: str) -> None:
    from drivers import ble
    from gateway.conductor import Conductor

    conductor = Conductor(a_core(register(MEMBERS)), time.time, lambda outcome: None)

    def decided(sightings: list[Sighting]) -> None:
        conductor.hear(sightings)
        count(len(sightings))

    def sighted(sightings: list[Sighting]) -> None:
        count(len(sightings))

    if side.endswith(ONE_BY_ONE):
        ble._read_in_gulps = lambda bus: None
    driver = ble.BleDriver("door", None, time.time)
    await driver.run(decided if side.startswith(DECISION) else sighted, lambda state, reason: None)


async def measure(per_second: float) -> dict[str, list[float]]:
    """Send adverts until every side has heard enough; return what each used for one of them (us), by windows."""
    with PrivateBus() as bus:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            sides = [await _start("--as", side, bus.address) for side in SIDES]
            await bluez.called("StartDiscovery", len(SIDES))
            sending = asyncio.create_task(_send(bluez, per_second))
            told = [(await side.communicate())[0] for side in sides]
            sending.cancel()
    return {side: json.loads(windows) for side, windows in zip(SIDES, told, strict=True)}


async def flood(side: str) -> tuple[list[float], float, float, float]:
    """Flood one side; return its memory by windows, the 99th percentile and the most of its turns, and its CPU."""
    with PrivateBus() as bus:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            listener = await _start("--flooded", side, bus.address)
            await bluez.called("StartDiscovery")
            for number in range(FLOOD + 1000):  # what bleak hears before it has begun is lost
                address = f"C0:00:00:{number >> 16:02X}:{number >> 8 & 255:02X}:{number & 255:02X}"
                bluez.advertise(address, -60, manufacturer={0x0075: bytes(20)})
                if number % 50 == 0:
                    await bluez.settled()
            told = json.loads((await listener.communicate())[0])
    return tuple(told)


async def _start(role: str, side: str, address: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), role, side),
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address},
        stdout=asyncio.subprocess.PIPE,
    )


async def _send(bluez: VirtualBlueZ, per_second: float) -> None:
    """Advertise without end: half of the devices are members' cards, half are strangers' telephones."""
    loop = asyncio.get_running_loop()
    draw = Random(5)
    begun = loop.time()
    sent = 0
    while True:
        number = sent % (CARDS + STRANGERS)
        ours = number < CARDS
        data = {0x004C: b"\x02\x15" + card(number) + b"\xc5"} if ours else {0x0075: draw.randbytes(20)}
        bluez.advertise(f"C0:00:00:00:00:{number:02X}", round(draw.gauss(-55, 4)), manufacturer=data)
        sent += 1
        await asyncio.sleep(max(0.0, begun + sent / per_second - loop.time()))


def main(arguments: list[str]) -> int:
    match arguments:
        case ["--as", side]:
            asyncio.run(listen(side))
        case ["--flooded", side]:
            asyncio.run(stand(side))
        case ["flood"]:
            say_flood()
        case _:
            say_pace(float(arguments[0]) if arguments else 500.0)
    return 0


def say_flood() -> None:
    say(f"{FLOOD} adverts from as many addresses, through D-Bus and bleak\n")
    for side in (ALONE, SIGHTING):
        megabytes, usual, longest, spent = asyncio.run(flood(side))
        line(f"  {side}, an advert", spent)
        line("    memory before", megabytes[0], "MB")
        for number, held in enumerate(megabytes[1:], 1):
            line(f"    after {number * FLOOD_WINDOW}", held, "MB")
        line("    CPU between two turns of another task, p99", usual, "ms", f"at most {longest:.0f} ms")


def say_pace(per_second: float) -> None:
    found = asyncio.run(measure(per_second))
    say(f"an advert through D-Bus and bleak at {per_second:.0f} a second (us of CPU of the listener, medians)\n")
    alone = found[ALONE]
    for side, spent in found.items():
        ratio = quantile([ours / theirs for ours, theirs in zip(spent, alone, strict=True)], 0.5)
        line(f"  {side}", quantile(spent, 0.5), note=f"{ratio:.2f} of bleak alone; target: 1.1")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
