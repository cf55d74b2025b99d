"""The Wi-Fi driver with scapy's socket and the kernel's filter; only the radio is virtual."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest
from virtual_gateway import VirtualGateway, listening
from virtual_wifi import ETHERNET, VirtualMonitor, why_not

from drivers import frames, wifi
from drivers.driver import RadioState
from drivers.sighting import Sighting
from drivers.wifi import WifiDriver

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

PHONE = bytes.fromhex("5e3a11223344")
STATION = bytes.fromhex("3c5a11223344")
SHOP = bytes.fromhex("0211223344aa")
CANARY = b"canary-ssid"


@pytest.fixture(autouse=True)
def no_file_is_left_open() -> Iterator[None]:
    before = open_files()
    yield
    gc.collect()
    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def driver(interface: str) -> WifiDriver:
    return WifiDriver("air", interface, lambda: 1763791200.5, retry_s=0.02)


def play(scene: Coroutine[None, None, None]) -> None:
    """Play a scene within bounds; it may leave no task behind."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await scene
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(bounded())


def captured(subtype: int, body: bytes = b"", *, kind: int = 0) -> bytes:
    """Return a frame of any type (0 management, 1 control, 2 data) and subtype."""
    frame = frames.management_frame(subtype, PHONE, SHOP, SHOP, 7, body)
    return frames.radiotap_frame(bytes((frame[0] | kind << 2,)) + frame[1:], -50, 2437)


async def heard_again(air: VirtualMonitor, gateway: VirtualGateway) -> None:
    """Wait until the driver says that it hears, and see that it does."""
    await gateway.reported(RadioState.HEARING)
    before = len(gateway.sightings)
    air.receive(frames.probe_request(PHONE, -60))
    await gateway.heard(before + 1)


def test_frames_in_are_sightings_out() -> None:
    async def scene() -> None:
        with VirtualMonitor() as air:
            async with listening(driver(air.name)) as gateway:
                await gateway.reported(RadioState.HEARING)
                air.receive(frames.probe_request(PHONE, -77, sequence=1204, ssid=CANARY))
                air.receive(frames.association_request(STATION, SHOP, -40, frequency=5180, sequence=9, ssid=CANARY))
                assert await gateway.heard(2) == [
                    Sighting(
                        t=1763791200.5,
                        receiver="air",
                        radio="wifi",
                        kind="probe-request",
                        rssi=-77,
                        address=PHONE,
                        address_type="local",
                        frequency=2437,
                        sequence=1204,
                    ),
                    Sighting(
                        t=1763791200.5,
                        receiver="air",
                        radio="wifi",
                        kind="association-request",
                        rssi=-40,
                        address=STATION,
                        address_type="global",
                        frequency=5180,
                        sequence=9,
                    ),
                ]

    play(scene())


def test_the_kernel_lets_in_what_stations_ask_and_nothing_else() -> None:
    async def scene() -> None:
        with VirtualMonitor() as air:
            door = driver(air.name)
            async with listening(door) as gateway:
                await gateway.reported(RadioState.HEARING)
                for kind in (1, 2, 3):
                    for subtype in range(16):
                        air.receive(captured(subtype, kind=kind))
                for subtype in range(16):
                    air.receive(captured(subtype))
                air.receive(b"\x00\x00\xff\xff" + bytes(40))
                air.receive(frames.probe_request(PHONE, -1))
                found = [sighting.kind for sighting in await gateway.heard(5)]
                assert found == [
                    "association-request",
                    "reassociation-request",
                    "probe-request",
                    "authentication",
                    "probe-request",
                ]
                assert door.counters == Counter(heard=5), "the decoder saw none of the others"

    play(scene())


def test_an_ssid_stays_in_the_kernel(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    taken: list[bytes] = []

    def decode(t: float, receiver: str, frame: bytes, counters: Counter[str]) -> Sighting:
        taken.append(frame)
        return Sighting(t, receiver, "wifi", "probe-request")

    monkeypatch.setattr(wifi, "decode_radiotap_frame", decode)

    async def scene() -> None:
        with VirtualMonitor() as air:
            async with listening(driver(air.name)) as gateway:
                await gateway.reported(RadioState.HEARING)
                air.receive(frames.probe_request(PHONE, -77, ssid=CANARY))
                air.receive(frames.association_request(PHONE, SHOP, -77, ssid=CANARY))
                await gateway.heard(2)
                air.remove()
                await gateway.until(lambda: RadioState.MISSING in gateway.states)
                assert [len(frame) for frame in taken] == [15 + 24] * 2
                assert CANARY not in b"".join(taken)
                assert "canary" not in f"{caplog.text} {gateway.reports} {gateway.sightings}"

    play(scene())


def test_what_arrives_before_the_filter_stands_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    attach = wifi._attach_filter

    async def scene() -> None:
        with VirtualMonitor() as air:

            def attach_late(sock: socket.socket) -> None:
                air.receive(captured(0, kind=2))
                attach(sock)

            monkeypatch.setattr(wifi, "_attach_filter", attach_late)
            door = driver(air.name)
            async with listening(door) as gateway:
                await heard_again(air, gateway)
                assert door.counters == Counter(heard=1)

    play(scene())


def test_frames_of_other_interfaces_are_not_heard() -> None:
    async def scene() -> None:
        with VirtualMonitor() as air, VirtualMonitor() as other:
            async with listening(driver(air.name)) as gateway:
                await gateway.reported(RadioState.HEARING)
                other.receive(frames.probe_request(PHONE, -10))
                air.receive(frames.probe_request(PHONE, -20))
                assert [sighting.rssi for sighting in await gateway.heard(1)] == [-20]

    play(scene())


def test_an_interface_may_go_down_and_up() -> None:
    async def scene() -> None:
        with VirtualMonitor() as air:
            async with listening(driver(air.name)) as gateway:
                for _ in range(3):
                    await heard_again(air, gateway)
                    air.down()
                    await gateway.reported(RadioState.OFF, f"{air.name} is down")
                    air.up()
                await heard_again(air, gateway)

    play(scene())


def test_an_interface_may_be_removed_and_made_again() -> None:
    async def scene() -> None:
        with VirtualMonitor() as air:
            async with listening(driver(air.name)) as gateway:
                for _ in range(3):
                    await heard_again(air, gateway)
                    air.remove()
                    await gateway.reported(RadioState.MISSING, f"no interface {air.name}")
                    air.create()
                    await gateway.reported(RadioState.OFF, "is down")
                    air.up()
                await heard_again(air, gateway)

    play(scene())


def test_an_interface_that_is_not_in_monitor_mode_is_refused_until_it_is() -> None:
    async def scene() -> None:
        with VirtualMonitor(ETHERNET) as air:
            async with listening(driver(air.name)) as gateway:
                await gateway.reported(RadioState.FAILED, "not in monitor mode (link type 1")
                air.remove()
                air.create(link=803)
                air.up()
                await heard_again(air, gateway)

    play(scene())


def test_an_interface_may_come_late() -> None:
    async def scene() -> None:
        air = VirtualMonitor()
        async with listening(driver(air.name)) as gateway:
            await gateway.reported(RadioState.MISSING, f"no interface {air.name}")
            with air:
                await heard_again(air, gateway)

    play(scene())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs rights to give up")
def test_without_the_right_to_capture_it_says_which_right() -> None:
    async def scene() -> None:
        with VirtualMonitor() as air:
            os.seteuid(65534)
            try:
                async with listening(driver(air.name)) as gateway:
                    await gateway.reported(RadioState.DENIED, "CAP_NET_RAW")
                    os.seteuid(0)
                    await heard_again(air, gateway)
            finally:
                os.seteuid(0)

    play(scene())


def test_a_flood_is_taken_in_bounded_batches_and_what_is_lost_is_counted() -> None:
    sent = 20_000

    async def scene() -> None:
        with VirtualMonitor() as air:
            door = driver(air.name)
            async with listening(door) as gateway:
                await gateway.reported(RadioState.HEARING)
                frame = frames.probe_request(PHONE, -60)
                for _ in range(sent):
                    air.receive(frame)
                await gateway.until(lambda: door.counters["heard"] + door.counters["dropped"] == sent)
                assert door.counters["dropped"] > 0
                assert max(gateway.batches) <= wifi.MOST_FRAMES

    play(scene())


def test_importing_it_imports_little_of_scapy() -> None:
    program = "import sys, drivers.wifi; print(*(name for name in sys.modules if name.startswith('scapy.layers')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
