"""The simulator's two ends on a real socket, and the frames that are made for it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_gateway import VirtualGateway, listening, play

from drivers import frames, simulator
from drivers.driver import RadioState
from drivers.sighting import Sighting
from drivers.simulator import Antenna, SimulatorDriver

CARD = bytes.fromhex("d01122334455")
PHONE = bytes.fromhex("5e3a11223344")
SHOP = bytes.fromhex("0211223344aa")
IDENTITY = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817")


def driver(path: Path) -> SimulatorDriver:
    return SimulatorDriver("door", path, lambda: 1763791200.75, retry_s=0.02)


def prefixed(start: bytes) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=80).map(lambda rest: start + rest)


async def heard_again(antenna: Antenna, gateway: VirtualGateway) -> None:
    """Wait until the driver says that it hears, and see that it does."""
    await gateway.reported(RadioState.HEARING)
    before = len(gateway.sightings)
    assert await antenna.send(frames.ibeacon_report(CARD, -60, IDENTITY)) == 1
    await gateway.heard(before + 1)


def test_frames_of_both_radios_go_through_their_decoders(tmp_path: Path) -> None:
    async def scene() -> None:
        door = driver(tmp_path / "air")
        with Antenna(tmp_path / "air") as antenna:
            async with listening(door) as gateway:
                await antenna.connected()
                await antenna.send(frames.ibeacon_report(CARD, -61, IDENTITY, -57))
                await antenna.send(frames.probe_request(PHONE, -77, frequency=2412, sequence=1204, ssid=b"canary"))
                assert await gateway.heard(2) == [
                    Sighting(
                        t=1763791200.75,
                        receiver="door",
                        radio="ble",
                        kind="ibeacon",
                        rssi=-61,
                        identity=IDENTITY,
                        power=-57,
                        address=CARD,
                        address_type="random",
                    ),
                    Sighting(
                        t=1763791200.75,
                        receiver="door",
                        radio="wifi",
                        kind="probe-request",
                        rssi=-77,
                        address=PHONE,
                        address_type="local",
                        frequency=2412,
                        sequence=1204,
                    ),
                ]
                assert door.counters == Counter(heard=2)

    play(scene())


def test_what_is_no_frame_is_counted(tmp_path: Path) -> None:
    async def scene() -> None:
        door = driver(tmp_path / "air")
        with Antenna(tmp_path / "air") as antenna:
            async with listening(door) as gateway:
                await antenna.connected()
                for frame in (b"\xff garbage", b"\x04\x3e", b"\x00\x00"):
                    await antenna.send(frame)
                await antenna.send(frames.probe_request(PHONE, -77))
                await gateway.heard(1)
                assert door.counters.total() == 4
                assert door.counters["other"] >= 1

    play(scene())


@given(st.lists(st.binary(min_size=1, max_size=80) | prefixed(b"\x04\x3e") | prefixed(b"\x00\x00"), max_size=10))
@settings(max_examples=50, deadline=None)
def test_whatever_arrives_the_next_frame_is_heard(packets: list[bytes]) -> None:
    async def scene(path: Path) -> None:
        with Antenna(path) as antenna:
            async with listening(driver(path)) as gateway:
                await antenna.connected()
                for packet in packets:
                    await antenna.send(packet)
                await antenna.send(frames.ibeacon_report(CARD, -60, IDENTITY))
                await gateway.until(lambda: any(sighting.identity == IDENTITY for sighting in gateway.sightings))

    with TemporaryDirectory() as folder:
        play(scene(Path(folder) / "air"))


def test_an_antenna_may_come_late_vanish_and_return(tmp_path: Path) -> None:
    async def scene() -> None:
        antenna = Antenna(tmp_path / "air")
        async with listening(driver(tmp_path / "air")) as gateway:
            for _ in range(3):
                await gateway.reported(RadioState.MISSING, "no antenna")
                with antenna:
                    await heard_again(antenna, gateway)
            await gateway.reported(RadioState.MISSING)
            assert not (tmp_path / "air").exists()

    play(scene())


def test_an_antenna_takes_the_place_of_one_that_was_killed(tmp_path: Path) -> None:
    async def scene() -> None:
        killed = Antenna(tmp_path / "air")
        killed.appear()
        with Antenna(tmp_path / "air") as antenna:
            async with listening(driver(tmp_path / "air")) as gateway:
                await heard_again(antenna, gateway)
            killed.vanish()

    play(scene())


def test_an_antenna_knows_who_left(tmp_path: Path) -> None:
    async def scene() -> None:
        path = tmp_path / "air"
        with Antenna(path) as antenna:
            async with listening(driver(path)) as gateway:
                await heard_again(antenna, gateway)
            waiting = asyncio.create_task(antenna.connected())
            await asyncio.sleep(0)
            assert not waiting.done()
            async with listening(driver(path)) as gateway:
                await waiting
                await heard_again(antenna, gateway)

    play(scene())


def test_every_simulator_that_is_connected_hears(tmp_path: Path) -> None:
    async def scene() -> None:
        path = tmp_path / "air"
        with Antenna(path) as antenna:
            async with listening(driver(path)) as door:
                await door.reported(RadioState.HEARING)
                async with listening(driver(path)) as shelf:
                    await shelf.reported(RadioState.HEARING)
                    assert await antenna.send(frames.ibeacon_report(CARD, -60, IDENTITY)) == 2
                    await door.heard(1)
                    await shelf.heard(1)
                assert await antenna.send(frames.ibeacon_report(CARD, -60, IDENTITY)) == 1
                await door.heard(2)

    play(scene())


def test_a_flood_waits_for_the_simulator_and_loses_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        with Antenna(tmp_path / "air") as antenna:
            async with listening(driver(tmp_path / "air")) as gateway:
                await antenna.connected()
                for _ in range(5000):
                    await antenna.send(frames.ibeacon_report(CARD, -60, IDENTITY))
                await gateway.heard(5000)
                assert max(gateway.batches) <= simulator.MOST_FRAMES

    play(scene())


def test_a_simulator_that_takes_nothing_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "_TAKEN_WITHIN_S", 0.05)

    async def scene() -> None:
        with Antenna(tmp_path / "air") as antenna, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stuck:
            stuck.connect(str(tmp_path / "air"))
            while await antenna.send(bytes(1000)):
                pass
            assert await antenna.send(bytes(1000)) == 0

    play(scene())


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param(
            frames.ibeacon_report(CARD, -61, IDENTITY, -57),
            "04 3e 2a 02 01 03 01 55 44 33 22 11 d0 1e"
            "02 01 06 1a ff 4c 00 02 15 6e9d1c5a2b3f4e709a110c5d7e3f2b18 000e 0817 c7 c3",
            id="iBeacon of a random address",
        ),
        pytest.param(
            frames.advertising_report(CARD, -100, b"", random=False),
            "04 3e 0c 02 01 03 00 55 44 33 22 11 d0 00 9c",
            id="advert that says nothing, of a public address",
        ),
        pytest.param(
            frames.probe_request(PHONE, -77, frequency=2437, sequence=1204, ssid=b"ab"),
            "00 00 0f00 2a000000 00 00 8509 a000 b3"
            "40 00 0000 ffffffffffff 5e3a11223344 ffffffffffff 404b"
            "00 02 6162 01 04 02040b16",
            id="probe request",
        ),
        pytest.param(
            frames.association_request(PHONE, SHOP, -40, frequency=5180, sequence=9, ssid=b"ab"),
            "00 00 0f00 2a000000 00 00 3c14 4001 d8"
            "00 00 0000 0211223344aa 5e3a11223344 0211223344aa 9000"
            "3104 0a00 00 02 6162 01 04 02040b16",
            id="association request on 5 GHz",
        ),
    ],
)
def test_frames_are_as_their_specifications_lay_them_out(frame: bytes, expected: str) -> None:
    assert frame.hex() == bytes.fromhex(expected).hex()
