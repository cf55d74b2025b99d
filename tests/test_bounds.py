"""Floods at the drivers' seam: memory stays flat, the loop keeps its turns, and what is not taken is counted."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from virtual_bluez import PrivateBus, VirtualBlueZ, forget_bleak
from virtual_captures import PROBE, Vendor, radiotap, signal
from virtual_door import CARD, DOOR, START, a_core, a_member
from virtual_gateway import listening
from virtual_wifi import VirtualMonitor, why_not

from drivers import dot11, wifi
from drivers.ble import BleDriver
from drivers.dot11 import decode_radiotap_frame
from drivers.driver import RadioState
from drivers.frames import ibeacon_report, probe_request
from drivers.gulps import MOST_MESSAGES
from drivers.sighting import Kind, Radio, Sighting
from drivers.simulator import MOST_FRAMES, Antenna, SimulatorDriver
from gateway.conductor import Conductor
from gateway.crowd.evidence import MOST_DEVICES
from gateway.events import Outcome
from gateway.membership.enrolment import MOST_TAGS, Enrolment

DEVICES = 100_000
ADVERTS_A_SECOND = 52_000  # twenty times what one radio can hear of legacy adverts, back to back
PROBES_A_SECOND = 70_000  # twenty times what one channel carries at 6 Mb/s
WINDOW_S = 300.0
BATCH = 1000
MB = 1 << 20


def flood(kind: Kind, since: float, per_second: int, devices: int) -> Iterator[list[Sighting]]:
    """Yield batches of frames, each frame of another device."""
    receiver, radio = _RECEIVERS[kind]
    for start in range(0, devices, BATCH):
        yield [
            Sighting(
                since + number / per_second,
                receiver,
                radio,
                kind,
                -60,
                b"\xee" * 16 + number.to_bytes(4, "big") if kind == "ibeacon" else b"",
                address=b"\xc2\x00" + number.to_bytes(4, "big"),
                address_type="random" if radio == "ble" else "local",
            )
            for number in range(start, start + BATCH)
        ]


_RECEIVERS: dict[Kind, tuple[str, Radio]] = {
    "advert": ("door", "ble"),
    "ibeacon": ("door", "ble"),
    "probe-request": ("air", "wifi"),
}


def kept_of(work: Callable[[], object]) -> int:
    """Return the bytes that are still held of what was allocated meanwhile."""
    before = tracemalloc.get_traced_memory()[0]
    work()
    return tracemalloc.get_traced_memory()[0] - before


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
def test_a_flood_of_strangers_takes_bounded_memory_and_its_excess_is_counted() -> None:
    core = a_core(a_member())

    def play(since: float, devices: int) -> None:
        adverts = flood("advert", since, ADVERTS_A_SECOND, devices // 2)
        probes = flood("probe-request", since, PROBES_A_SECOND, devices // 2)
        for batches in zip(adverts, probes, strict=True):
            for batch in batches:
                assert not core.hear(batch).events

    window = START - START % WINDOW_S + WINDOW_S
    core.advance(window)
    first = kept_of(lambda: play(window, DEVICES))
    assert first < MOST_DEVICES * 600
    assert kept_of(lambda: play(window + 10, MOST_DEVICES)) < MB
    core.advance(window + WINDOW_S)
    assert core.counts()["flood"] == DEVICES - MOST_DEVICES
    assert tracemalloc.get_traced_memory()[0] < MB


@pytest.mark.usefixtures("_traced")
def test_a_flood_of_unknown_cards_leaves_nothing_but_counts() -> None:
    core, enrolment, cards = a_core(a_member()), Enrolment("door"), 20_000
    core.advance(START)

    def play() -> None:
        for batch in flood("ibeacon", START, ADVERTS_A_SECOND, cards):
            core.hear(batch)
            for sighting in batch:
                enrolment.hear(sighting)

    assert kept_of(play) < MOST_TAGS * 512
    assert core.counts()["beacon or fixed station"] == cards
    assert not core.visits


def test_a_member_in_a_flood_is_heard_as_ever() -> None:
    core, quiet = a_core(a_member()), a_core(a_member())
    said, expected = Outcome(), Outcome()
    for batch in flood("advert", START, 5_000, 50_000):
        ours = Sighting(batch[-1].t, "door", "ble", "ibeacon", DOOR, CARD)
        said.merge(core.hear([*batch, ours]))
        expected.merge(quiet.hear([ours]))
    assert [event.type for event in said.events] == [event.type for event in expected.events]
    assert any(event.type == "hushbell.alert.raised" for event in said.events)


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon")
@pytest.mark.usefixtures("_traced")
def test_a_flood_of_addresses_through_bleak_takes_bounded_memory_and_leaves_the_loop_its_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most, devices = 500, 3_000
    monkeypatch.setattr("drivers.ble.MOST_DEVICES", most)
    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        kept, turns, counters = asyncio.run(_play_through_bleak(bus, devices))
    assert counters == Counter(heard=devices, forgotten=devices - most)
    assert max(kept[1:]) - kept[0] < MB // 10, "no more after 3,000 devices than after 1,000"
    assert max(after - before for before, after in pairwise(turns)) <= MOST_MESSAGES


async def _play_through_bleak(bus: PrivateBus, devices: int) -> tuple[list[int], list[int], Counter[str]]:
    """Return what was held after each 1,000 devices, how many were heard by each turn of another task, and counts."""
    turns, kept, forgotten = [0], [], 0
    async with VirtualBlueZ(bus.address) as bluez:
        bluez.add_adapter()
        driver = BleDriver("door", None, lambda: START)
        async with listening(driver) as gateway:
            await gateway.reported(RadioState.HEARING)
            for number in range(devices):
                bluez.advertise(
                    f"C0:00:00:00:{number >> 8:02X}:{number & 255:02X}", -60, manufacturer={0x75: bytes(20)}
                )
                if number % 1000 == 999:
                    while driver.counters["heard"] <= number:
                        await asyncio.sleep(0)
                        turns.append(driver.counters["heard"])
                    await bluez.called("RemoveDevice", driver.counters["forgotten"] - forgotten)
                    forgotten = driver.counters["forgotten"]
                    bluez.calls.clear()
                    gateway.sightings.clear()
                    kept.append(tracemalloc.get_traced_memory()[0])
        await forget_bleak()
    return kept, turns, driver.counters


@pytest.mark.usefixtures("_traced")
def test_every_radiotap_header_another_one_takes_bounded_memory() -> None:
    counters: Counter[str] = Counter()

    def play() -> None:
        for number in range(2_000):
            header = radiotap([[signal(-60)], Vendor(number.to_bytes(8, "big"), number)])
            decode_radiotap_frame(START, "air", header + PROBE, counters)

    assert kept_of(play) < MB
    assert len(dot11._plans) <= dot11._MOST_PLANS
    assert not counters


def test_a_flood_on_the_antenna_leaves_the_loop_its_turns_and_every_frame_is_taken(tmp_path: Path) -> None:
    sizes, turns, frames = asyncio.run(_play_on_antenna(tmp_path / "air.sock"))
    assert sum(sizes) == frames
    assert max(sizes) <= MOST_FRAMES
    assert max(after - before for before, after in pairwise(turns)) <= 1


FLOOD = """
import os, sys, time
tap, frames, a_second = map(int, sys.argv[1:4])
frame, begun = bytearray.fromhex(sys.argv[4]), time.monotonic()
for number in range(frames):
    frame[27:31] = number.to_bytes(4, "big")
    os.write(tap, frame)
    if number % 700 == 0:
        time.sleep(max(0.0, begun + number / a_second - time.monotonic()))
"""
"""A program that lets frames arrive on a TAP device, each from another address."""


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.usefixtures("_traced")
def test_a_flood_on_the_air_leaves_the_loop_its_turns_memory_flat_and_every_frame_counted() -> None:
    frames = 2 * PROBES_A_SECOND
    sizes, turns, counters, kept = asyncio.run(_play_on_air(frames))
    assert sum(sizes) == counters["heard"] > 0
    assert counters == {"heard": counters["heard"], "dropped": frames - counters["heard"]}
    assert max(sizes) <= wifi.MOST_FRAMES
    assert max(after - before for before, after in pairwise(turns)) <= 1
    assert kept < MB


async def _play_on_air(frames: int) -> tuple[list[int], list[int], Counter[str], int]:
    """Return the sizes of all batches, how many had come by each turn of another task, and what memory was kept."""
    sizes: list[int] = []
    turns: list[int] = []
    hears = asyncio.Event()
    with VirtualMonitor() as air:
        driver = wifi.WifiDriver("air", air.name, lambda: START)
        counters = driver.counters

        async def take_turns() -> None:
            while counters.total() < frames:
                if turns[-1:] != [len(sizes)]:
                    turns.append(len(sizes))
                await asyncio.sleep(0)

        def report(state: RadioState, _reason: str) -> None:
            if state is RadioState.HEARING:
                hears.set()

        hearing = asyncio.create_task(driver.run(lambda sightings: sizes.append(len(sightings)), report))
        await asyncio.wait_for(hears.wait(), 10)
        before = tracemalloc.get_traced_memory()[0]
        pace = (str(air.fileno()), str(frames), str(PROBES_A_SECOND), probe_request(bytes(6), -60).hex())
        flood = await asyncio.create_subprocess_exec(sys.executable, "-c", FLOOD, *pace, pass_fds=[air.fileno()])
        await asyncio.wait_for(take_turns(), 60)
        assert await flood.wait() == 0
        kept = tracemalloc.get_traced_memory()[0] - before
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    return sizes, turns, counters, kept


async def _play_on_antenna(path: Path) -> tuple[list[int], list[int], int]:
    """Return the sizes of all batches, how many had come by each turn of another task, and how many were sent."""
    sizes: list[int] = []
    turns: list[int] = []
    frames, all_came = 10_000, asyncio.Event()
    conductor = Conductor(a_core(a_member()), lambda: START, lambda outcome: None)
    driver = SimulatorDriver("air", path, lambda: START)

    def deliver(sightings: list[Sighting]) -> None:
        sizes.append(len(sightings))
        conductor.hear(sightings)
        if sum(sizes) == frames:
            all_came.set()

    async def take_turns() -> None:
        while not all_came.is_set():
            turns.append(len(sizes))
            await asyncio.sleep(0)

    with Antenna(path) as antenna:
        hearing = asyncio.create_task(driver.run(deliver, lambda state, reason: None))
        await asyncio.wait_for(antenna.connected(), 10)
        other = asyncio.create_task(take_turns())
        for number in range(frames):
            address = b"\xc2\x00" + number.to_bytes(4, "big")
            await antenna.send(probe_request(address, -60) if number % 2 else ibeacon_report(address, -60, bytes(20)))
        await asyncio.wait_for(all_came.wait(), 10)
        await other
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    conductor.close()
    return sizes, turns, frames
