"""The hostapd driver on a virtual access point with faults, and on a real hostapd where there is one."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_gateway import VirtualGateway, listening, play
from virtual_hostapd import VirtualHostapd, find_hostapd, running_hostapd

from drivers import hostapd
from drivers.driver import RadioState
from drivers.hostapd import MOST_STATIONS, HostapdDriver, Pace
from drivers.sighting import Sighting

T = 1763791200.5
PHONE, LAPTOP, TABLET = "5e:3a:11:22:33:44", "3c:5a:11:22:33:44", "5e:3a:11:22:33:55"

QUICK = Pace(refresh_s=60.0, ping_s=0.02, list_s=60.0, answer_s=0.3, retry_s=0.02)
"""Follows faults at once, and neither repeats itself nor asks for the list again."""


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path / "wlan0"


def driver(control: Path, **pace: float) -> HostapdDriver:
    return HostapdDriver("guest-wifi", control, lambda: T, Pace(**{**vars_of(QUICK), **pace}))


def vars_of(pace: Pace) -> dict[str, float]:
    return {name: getattr(pace, name) for name in Pace.__slots__}


def station(address: str, keyid: bytes = b"") -> Sighting:
    return Sighting(
        T,
        "guest-wifi",
        "wifi",
        "station",
        identity=keyid,
        address=bytes.fromhex(address.replace(":", "")),
        address_type="global" if address == LAPTOP else "local",
        own_network=True,
    )


async def asked(access_point: VirtualHostapd, command: str, times: int = 2) -> None:
    """Wait until the driver has given a command so often again; the first may have been under way."""
    more = access_point.asked[command] + times
    await asyncio.to_thread(access_point.wait_until, lambda: access_point.asked[command] >= more)


async def joins(access_point: VirtualHostapd, gateway: VirtualGateway, address: str = PHONE) -> None:
    """Let a station join, and see that it is heard at once."""
    gateway.sightings.clear()
    access_point.join(address)
    assert await gateway.heard(1) == [station(address)]


def test_who_is_on_the_network_at_the_start_is_heard(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.join(PHONE, keyid="k-7781")
            access_point.join(TABLET, flags="[AUTH][ASSOC]")
            access_point.join(LAPTOP)
            async with listening(driver(control)) as gateway:
                await gateway.reported(RadioState.HEARING)
                assert await gateway.heard(2) == [station(LAPTOP), station(PHONE, b"k-7781")]
                assert gateway.batches == [2]

    play(scene())


def test_who_joins_is_heard_at_once(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            async with listening(driver(control)) as gateway:
                await gateway.reported(RadioState.HEARING)
                access_point.join(LAPTOP)
                access_point.join(PHONE, keyid="k-7781")
                assert await gateway.heard(2) == [station(LAPTOP), station(PHONE, b"k-7781")]

    play(scene())


def test_who_is_connected_is_heard_again_and_again_in_one_batch_until_they_leave(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.join(PHONE)
            access_point.join(LAPTOP)
            async with listening(driver(control, refresh_s=0.02)) as gateway:
                await gateway.heard(10)
                assert set(gateway.batches) == {2}
                access_point.leave(LAPTOP)
                await gateway.until(lambda: gateway.batches[-3:] == [1, 1, 1])
                assert gateway.sightings[-3:] == [station(PHONE)] * 3
                access_point.leave(PHONE)
                await asked(access_point, "PING")
                heard = len(gateway.sightings)
                await asked(access_point, "PING", 5)
                assert len(gateway.sightings) == heard

    play(scene())


def test_a_hostapd_that_starts_late_stops_and_starts_again_is_heard_each_time(control: Path) -> None:
    async def scene() -> None:
        access_point = VirtualHostapd(control)
        async with listening(driver(control)) as gateway:
            for _ in range(3):
                await gateway.reported(RadioState.MISSING, f"no control socket {control}")
                with access_point:
                    await gateway.reported(RadioState.HEARING)
                    await joins(access_point, gateway)
                    access_point.stop()
                    await gateway.until(lambda: (RadioState.MISSING, "hostapd is ending") in gateway.reports)

    play(scene())


def test_a_hostapd_that_was_killed_is_missed_and_those_who_were_there_are_forgotten(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            async with listening(driver(control, refresh_s=0.02)) as gateway:
                for _ in range(3):
                    await gateway.reported(RadioState.HEARING)
                    await joins(access_point, gateway)
                    access_point.kill()
                    await gateway.reported(RadioState.MISSING, "has left its control socket")
                    gateway.sightings.clear()
                    access_point.start()
                await gateway.reported(RadioState.HEARING)
                await asked(access_point, "PING", 3)
                assert gateway.sightings == []

    play(scene())


def test_a_socket_that_another_hostapd_put_in_its_place_is_noticed(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as old:
            async with listening(driver(control)) as gateway:
                await gateway.reported(RadioState.HEARING)
                with VirtualHostapd(control) as new:
                    await gateway.until(lambda: any("begun anew" in reason for _, reason in gateway.reports))
                    await gateway.reported(RadioState.HEARING)
                    await joins(new, gateway)
                    assert old.attached == []

    play(scene())


def test_a_hostapd_that_is_silent_is_no_hearing_and_speaks_again(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            async with listening(driver(control, answer_s=0.1)) as gateway:
                await gateway.reported(RadioState.HEARING)
                access_point.mute = {"PING", "ATTACH", "STATUS", "STA-FIRST"}
                for _ in range(3):
                    await gateway.reported(RadioState.FAILED, f"does not answer at {control}")
                access_point.mute = set()
                await gateway.reported(RadioState.HEARING)
                await joins(access_point, gateway)

    play(scene())


def test_a_hostapd_that_stands_still_is_no_hearing(control: Path) -> None:
    async def scene() -> None:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as frozen:
            frozen.bind(str(control))
            async with listening(driver(control, answer_s=0.005, retry_s=0.001)) as gateway:
                for _ in range(30):  # more than its socket has room for
                    await gateway.reported(RadioState.FAILED, "does not answer")

    play(scene())


def test_a_hostapd_that_refuses_is_no_hearing(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.refuse = {"ATTACH"}
            async with listening(driver(control)) as gateway:
                await gateway.reported(RadioState.FAILED, f"refuses to tell of stations at {control}")
                access_point.refuse = set()
                await gateway.reported(RadioState.HEARING)

    play(scene())


def test_one_that_answers_ping_but_no_other_question_is_heard_all_the_same(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.join(LAPTOP)
            access_point.mute = {"STATUS", "STA-NEXT"}
            async with listening(driver(control, answer_s=0.1)) as gateway:
                await gateway.reported(RadioState.HEARING)
                assert await gateway.heard(1) == [station(LAPTOP)]
                await joins(access_point, gateway)

    play(scene())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs rights to give up")
def test_without_the_right_to_talk_it_says_which_right(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            os.seteuid(65534)
            try:
                async with listening(driver(control)) as gateway:
                    await gateway.reported(RadioState.DENIED, "ctrl_interface_group")
                    os.seteuid(0)
                    await gateway.reported(RadioState.HEARING)
                    await joins(access_point, gateway)
            finally:
                os.seteuid(0)

    play(scene())


def test_what_is_no_control_socket_is_told_in_plain_words(tmp_path: Path) -> None:
    async def scene() -> None:
        file, stream, folder = tmp_path / "file", tmp_path / "stream", tmp_path
        file.write_text("")
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(str(stream))
            listener.listen()
            for control, state, reason in (
                (folder, RadioState.FAILED, f"name the socket in it, such as {folder}/wlan0"),
                (file, RadioState.MISSING, f"has left its control socket {file}"),
                (stream, RadioState.FAILED, "EPROTOTYPE"),
                (file / "wlan0", RadioState.MISSING, "no control socket"),
                (folder / ("x" * 200), RadioState.FAILED, "path too long"),
            ):
                async with listening(driver(control)) as gateway:
                    await gateway.reported(state, reason)

    play(scene())


def test_an_access_point_that_is_off_the_air_is_off(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.state = "DFS"
            async with listening(driver(control, refresh_s=0.02)) as gateway:
                await gateway.reported(RadioState.OFF, "hostapd calls itself DFS")
                access_point.switch(on=True)
                await gateway.reported(RadioState.HEARING)
                await joins(access_point, gateway)
                access_point.switch(on=False)
                await gateway.reported(RadioState.OFF, "hostapd calls itself DISABLED")
                heard = len(gateway.sightings)
                await asked(access_point, "PING", 3)
                assert len(gateway.sightings) == heard
                await joins(access_point, gateway)
                await gateway.reported(RadioState.HEARING)

    play(scene())


GARBAGE = (
    b"<3>AP-STA-CONNECTED",
    b"<3>AP-STA-CONNECTED not an address",
    b"<3>AP-STA-CONNECTED ff:ff:ff:ff:ff:ff",
    b"<3>" + b"\xff" * 4000,
    b"<" * 20_000,
    b"<3>",
)


def test_garbage_is_counted_and_stops_nothing(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            guest_wifi = driver(control)
            async with listening(guest_wifi) as gateway:
                await gateway.reported(RadioState.HEARING)
                for datagram in (*GARBAGE, b"", b"PONK\n", b"5e:3a:11:22:33:44\nflags=[AUTHORIZED]\n"):
                    access_point.tell(datagram)
                    await asked(access_point, "PING")
                access_point.tell("RX-PROBE-REQUEST sa=5e:3a:11:22:33:66 signal=-60")
                await joins(access_point, gateway)
                assert access_point.lost == 0
                assert guest_wifi.counters == {"malformed": len(GARBAGE), "unasked": 3, "other": 1, "heard": 1}

    play(scene())


def test_nobody_but_hostapd_is_listened_to(control: Path) -> None:
    async def scene() -> None:
        with (
            VirtualHostapd(control) as access_point,
            closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as else_,
        ):
            async with listening(driver(control)) as gateway:
                await gateway.reported(RadioState.HEARING)
                with pytest.raises(PermissionError):
                    else_.sendto(b"<3>AP-STA-CONNECTED 5e:3a:11:22:33:44", access_point.attached[0])
                await joins(access_point, gateway, LAPTOP)

    play(scene())


def test_events_that_were_lost_are_made_good_by_the_list(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.join(TABLET)
            async with listening(driver(control, refresh_s=0.02, list_s=0.05)) as gateway:
                await gateway.heard(1)
                access_point.attached.clear()
                access_point.join(PHONE)
                access_point.leave(TABLET)
                await gateway.until(lambda: gateway.sightings[-1] == station(PHONE) and gateway.batches[-1] == 1)
                assert len(access_point.attached) == 1, "it asked for events again"

    play(scene())


def test_a_list_that_breaks_off_takes_nobody_away(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.join(PHONE)
            async with listening(driver(control, refresh_s=0.02, list_s=0.05)) as gateway:
                await gateway.heard(1)
                access_point.enlist(LAPTOP)
                access_point.refuse = {"STA-NEXT"}
                await gateway.until(lambda: gateway.batches[-2:] == [2, 2])
                access_point.refuse = {"STA-FIRST"}
                await asked(access_point, "STA-FIRST", 3)
                await gateway.heard(len(gateway.sightings) + 4)
                assert gateway.batches[-2:] == [2, 2]

    play(scene())


def test_a_list_during_which_somebody_leaves_does_not_bring_them_back(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.join(PHONE)
            access_point.join(LAPTOP)

            def leave_meanwhile(command: str) -> None:
                if command == f"STA-NEXT {PHONE}" and LAPTOP in access_point.stations:
                    access_point.leave(LAPTOP)

            access_point.before_answering = leave_meanwhile
            async with listening(driver(control)) as gateway:
                assert await gateway.heard(1) == [station(PHONE)]
                assert access_point.asked["STA-FIRST"] == 2

    play(scene())


STEPS = ("join", "leave", "join unheard", "leave unheard", "restart", "off and on the air")


def take_step(access_point: VirtualHostapd, step: str, address: str) -> None:
    if "unheard" in step:
        access_point.attached.clear()
    if "join" in step:
        access_point.join(address)
    elif "leave" in step and address in access_point.stations:
        access_point.leave(address)
    elif step == "restart":
        access_point.kill()
        access_point.start()
    elif step == "off and on the air":
        access_point.switch(on=False)
        access_point.switch(on=True)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from([PHONE, LAPTOP]), st.integers(0, 2)), max_size=12),
)
def test_whatever_happens_those_who_are_connected_are_heard_in_the_end_and_nobody_else(
    steps: list[tuple[str, str, int]],
) -> None:
    async def scene(folder: Path) -> None:
        with VirtualHostapd(folder / "wlan0") as access_point:
            pace = {"refresh_s": 0.01, "ping_s": 0.01, "list_s": 0.03, "retry_s": 0.01}
            async with listening(driver(access_point.path, **pace)) as gateway:
                for step, address, pings in steps:
                    take_step(access_point, step, address)
                    await asked(access_point, "PING", pings)
                access_point.enlist(TABLET)
                here = {station(address) for address in access_point.stations}
                await gateway.until(
                    lambda: set(gateway.sightings[-len(here) :]) == here and len(here) in gateway.batches
                )
                before = len(gateway.sightings)
                await gateway.heard(before + 2 * len(here))
                assert set(gateway.sightings[before:]) == here

    with TemporaryDirectory() as folder:
        play(scene(Path(folder)))


def test_a_flood_of_stations_takes_bounded_memory_and_what_finds_no_room_is_counted(control: Path) -> None:
    flood = 3 * MOST_STATIONS

    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            guest_wifi = driver(control)
            async with listening(guest_wifi) as gateway:
                await gateway.reported(RadioState.HEARING)
                for number in range(flood):
                    access_point.tell("AP-STA-CONNECTED 02:00:00:00:" + number.to_bytes(2, "big").hex(":"))
                    if number % 8 == 7:
                        await asyncio.sleep(0)
                told = flood - access_point.lost
                await gateway.until(lambda: guest_wifi.counters["heard"] + guest_wifi.counters["dropped"] == told)
                assert guest_wifi.counters["heard"] == MOST_STATIONS
                assert max(gateway.batches) <= hostapd.MOST_DATAGRAMS
                await gateway.reported(RadioState.HEARING)

    play(scene())


def test_a_list_without_end_is_given_up(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            access_point.join(PHONE)
            access_point.endless = True
            async with listening(driver(control)) as gateway:
                await gateway.reported(RadioState.HEARING)
                assert await gateway.heard(1) == [station(PHONE)]

    play(scene())


def test_it_takes_leave(control: Path) -> None:
    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            async with listening(driver(control)) as gateway:
                await gateway.reported(RadioState.HEARING)
            await asyncio.to_thread(access_point.wait_until, lambda: access_point.attached == [])

    play(scene())


def test_nobody_is_named(control: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scene() -> None:
        with VirtualHostapd(control) as access_point:
            guest_wifi = driver(control)
            async with listening(guest_wifi) as gateway:
                await gateway.reported(RadioState.HEARING)
                await joins(access_point, gateway)
                access_point.leave(PHONE)
                access_point.tell(f"AP-STA-CONNECTED {PHONE}:66")
                access_point.tell(f"AP-STA-POSSIBLE-PSK-MISMATCH {PHONE}")
                access_point.tell(f"{PHONE}\nflags=[AUTHORIZED]\n".encode())
                access_point.stop()
                await gateway.reported(RadioState.MISSING)
                said = f"{caplog.text} {gateway.reports} {gateway.sightings} {guest_wifi.counters} {vars(guest_wifi)}"
                assert PHONE not in said
                assert repr(bytes.fromhex(PHONE.replace(":", ""))) not in said

    play(scene())


REAL = pytest.mark.skipif(find_hostapd() is None, reason="hostapd is not installed")


@REAL
def test_a_real_hostapd_tells_who_is_on_its_network(tmp_path: Path) -> None:
    async def scene() -> None:
        with running_hostapd(tmp_path) as access_point:
            access_point.join(PHONE)
            access_point.join(LAPTOP)
            async with listening(driver(access_point.control, refresh_s=0.05)) as gateway:
                await gateway.reported(RadioState.HEARING)
                assert await gateway.heard(2) == [station(LAPTOP), station(PHONE)]
                access_point.join(TABLET)
                await gateway.until(lambda: gateway.batches[-1] == 3)
                access_point.leave(PHONE)
                await gateway.until(lambda: gateway.batches[-1] == 2)
                assert set(gateway.sightings[-2:]) == {station(LAPTOP), station(TABLET)}

    play(scene())


@REAL
def test_a_real_hostapd_may_go_off_the_air_end_and_be_killed(tmp_path: Path) -> None:
    async def scene() -> None:
        with running_hostapd(tmp_path) as access_point:
            async with listening(driver(access_point.control)) as gateway:
                await gateway.reported(RadioState.HEARING)
                access_point.tell("DISABLE")
                await gateway.reported(RadioState.OFF, "DISABLED")
                access_point.tell("ENABLE")
                for number in (signal.SIGTERM, signal.SIGKILL):
                    await gateway.reported(RadioState.HEARING)
                    access_point.end(number)
                    await gateway.reported(RadioState.MISSING)
                    access_point.start()
                await gateway.reported(RadioState.HEARING)
                access_point.join(PHONE)
                assert await gateway.heard(1) == [station(PHONE)]

    play(scene())
