"""The whole Bluetooth wake-up, D-Bus, bleak and ours, beside bleak alone, at a pace of adverts.

Each side is a process that counts its own CPU; all hear the same adverts at the same time, so that what else the
machine does weighs on them alike. Run it from the project's root: `python benchmarks/wakeup.py [PER_SECOND]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable
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
SIDES = ("bleak alone", "to a sighting", "to a decision")

Count = Callable[[], None]


class Meter:
    """Measures this process's CPU for each advert, window by window; `over` is set at the end."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.us: list[float] = []
        self._until = SETTLING
        self._begun: float | None = None
        self._heard = 0

    def count(self) -> None:
        self._heard += 1
        if self._heard < self._until:
            return
        now = _cpu_s()
        if self._begun is not None:
            self.us.append((now - self._begun) / WINDOW * 1e6)
        self._begun = now
        self._until += WINDOW
        if len(self.us) == WINDOWS:
            self.over.set()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def listen(side: str) -> None:
    """Be one side: hear until the meter is full, and print what it says."""
    meter = Meter()
    hear = asyncio.create_task(_alone(meter.count) if side == SIDES[0] else _ours(meter.count, side))
    await meter.over.wait()
    say(json.dumps(meter.us))
    hear.cancel()


async def _alone(count: Count) -> None:
    from bleak import BleakScanner

    scanner = BleakScanner(lambda device, advert: count(), bluez={"filters": {"RSSI": -127, "DuplicateData": True}})
    await scanner.start()
    await asyncio.Event().wait()


async def _ours(count: Count, side: str) -> None:
    from drivers.ble import BleDriver
    from gateway.conductor import Conductor

    conductor = Conductor(a_core(register(MEMBERS)), time.time, lambda outcome: None)

    def decided(sightings: list[Sighting]) -> None:
        conductor.hear(sightings)
        count()

    def sighted(sightings: list[Sighting]) -> None:
        count()

    driver = BleDriver("door", None, time.time)
    await driver.run(decided if side == SIDES[2] else sighted, lambda state, reason: None)


async def measure(per_second: float) -> dict[str, list[float]]:
    """Send adverts until every side has heard enough; return what each used for one of them (us), by windows."""
    with PrivateBus() as bus:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            sides = [await _start(side, bus.address) for side in SIDES]
            await bluez.called("StartDiscovery", len(SIDES))
            sending = asyncio.create_task(_send(bluez, per_second))
            told = [(await side.communicate())[0] for side in sides]
            sending.cancel()
    return {side: json.loads(windows) for side, windows in zip(SIDES, told, strict=True)}


async def _start(side: str, address: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), "--as", side),
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
    if arguments[:1] == ["--as"]:
        asyncio.run(listen(arguments[1]))
        return 0
    per_second = float(arguments[0]) if arguments else 500.0
    found = asyncio.run(measure(per_second))
    say(f"an advert through D-Bus and bleak at {per_second:.0f} a second (us of CPU of the listener, medians)\n")
    alone = found[SIDES[0]]
    for side, spent in found.items():
        ratio = quantile([ours / theirs for ours, theirs in zip(spent, alone, strict=True)], 0.5)
        line(f"  {side}", quantile(spent, 0.5), note=f"{ratio:.2f} of bleak alone; target: 1.1")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
