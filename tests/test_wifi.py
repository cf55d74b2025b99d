"""The Wi-Fi driver with scapy's socket and the kernel's filter; only the radio is virtual."""

from __future__ import annotations

import errno
import logging
import os
import socket
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from pyroute2 import AsyncIPRoute
from virtual_gateway import VirtualGateway, listening, play
from virtual_network import run_apart
from virtual_network import why_not as why_not_apart
from virtual_nl80211 import VirtualNl80211
from virtual_wifi import ETHERNET, VirtualMonitor, why_not

from drivers import frames, links, wifi
from drivers.driver import RadioState, Recoverable, Rung
from drivers.monitor import own_network
from drivers.netlink import ACCESS_POINT, MONITOR
from drivers.sighting import Sighting
from drivers.wifi import Air, WifiDriver

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
WHY_NOT_APART = why_not_apart()
APART = pytest.mark.skipif(bool(WHY_NOT_APART), reason=WHY_NOT_APART)

PHONE = bytes.fromhex("5e3a11223344")
STATION = bytes.fromhex("3c5a11223344")
SHOP = bytes.fromhex("0211223344aa")
CANARY = b"canary-ssid"


def driver(interface: str, kernel: VirtualNl80211 | None = None, air: Air | None = None) -> WifiDriver:
    clock, retry_s = lambda: 1763791200.5, 0.02
    if kernel is None:
        return WifiDriver("air", interface, clock, air, retry_s=retry_s)
    return WifiDriver("air", interface, clock, air, retry_s=retry_s, connect=kernel.connect)


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

    def decode(t: float, receiver: str, frame: bytes, counters: Counter[str], own: frozenset[bytes]) -> Sighting:
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


HOPPING = Air(channels=(1, 6, 36), dwell_s=0.002)


async def heard_by_its_own(kernel: VirtualNl80211, gateway: VirtualGateway) -> VirtualMonitor:
    """Wait until the driver hears with a monitor interface that it made; return that."""
    await gateway.reported(RadioState.HEARING)
    (monitor,) = kernel.monitors()
    before = len(gateway.sightings)
    monitor.receive(frames.probe_request(PHONE, -60))
    await gateway.heard(before + 1)
    return monitor


def test_an_interface_of_its_own_is_made_and_removed() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            async with listening(driver(air.name, kernel)) as gateway:
                monitor = await heard_by_its_own(kernel, gateway)
                assert monitor.name == f"hush-{kernel.phy_of(air.name)}"
                assert not links.flags_of(air.name) & links.UP
                assert kernel.tuned == []
            assert kernel.monitors() == []
            assert kernel.connected == 0
            assert not links.flags_of(air.name) & links.UP

    play(scene())


def test_what_a_killed_run_left_is_removed_at_the_start() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            phy = kernel.phy_of(air.name)
            left = kernel.plug(f"hush-{phy}", MONITOR, phy)
            other = kernel.plug("", MONITOR, phy)
            left_number = socket.if_nametoindex(left.name)
            async with listening(driver(air.name, kernel)) as gateway:
                await gateway.reported(RadioState.HEARING)
                assert {each.name for each in kernel.monitors()} == {left.name, other.name}
                assert socket.if_nametoindex(left.name) != left_number
            assert kernel.monitors() == [other]

    play(scene())


def test_an_idle_interface_is_down_meanwhile_and_up_again_in_the_end() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            air.up()
            async with listening(driver(air.name, kernel)) as gateway:
                await heard_by_its_own(kernel, gateway)
                assert not links.flags_of(air.name) & links.UP
            assert links.flags_of(air.name) & links.UP

    play(scene())


def test_an_interface_that_is_in_use_is_left_alone_until_it_is_free() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air, point = kernel.plug(), kernel.plug(kind=ACCESS_POINT)
            air.connect(connected=True)
            for interface in (air, point):
                interface.up()
                async with listening(driver(interface.name, kernel)) as gateway:
                    await gateway.reported(RadioState.BUSY, "connected to a network or serves one")
                    assert links.flags_of(interface.name) & links.UP
                    assert kernel.monitors() == []
                    interface.down()
                    await heard_by_its_own(kernel, gateway)

    play(scene())


async def give_route(name: str, how: str) -> None:
    """Let the way to all others lead through an interface, one way or the other."""
    family = socket.AF_INET6 if "IPv6" in how else socket.AF_INET
    async with AsyncIPRoute() as system:
        number = socket.if_nametoindex(name)
        if "bridge" in how:
            await system.link("add", ifname="br0", kind="bridge")
            bridge = socket.if_nametoindex("br0")
            await system.link("set", index=number, master=bridge)
            await system.link("set", index=bridge, state="up")
            number = bridge
        table = 77 if "another table" in how else 254
        route = {"multipath": [{"oif": number}]} if "several" in how else {"oif": number}
        await system.route("add", family=family, dst="default", table=table, **route)


WAYS = ["IPv4", "IPv6", "IPv4 in another table", "IPv6 in another table", "IPv4 over a bridge", "IPv4 on several ways"]


@APART
@pytest.mark.parametrize("of_twin", [False, True])
@pytest.mark.parametrize("how", WAYS)
def test_the_interface_of_the_default_route_is_refused(how: str, of_twin: bool) -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            route = kernel.plug(phy=kernel.phy_of(air.name)) if of_twin else air
            route.connect(connected=True)
            route.up()
            await give_route(route.name, how)
            async with listening(driver(air.name, kernel, HOPPING)) as gateway:
                await gateway.reported(RadioState.FAILED, "carries this machine's own network")
                assert route.name in await own_network()
                assert set(kernel.asked) <= {"connect", "GET_INTERFACE"}
                route.down()
                if "bridge" in how:
                    links.set_down("br0")
                await heard_by_its_own(kernel, gateway)

    play(scene(), run_apart)


def test_of_two_receivers_on_one_radio_one_hears_and_the_other_waits_for_it_and_says_so() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            twin = kernel.plug(phy=kernel.phy_of(air.name))
            async with AsyncExitStack() as first_runs, AsyncExitStack() as second_runs:
                first = await first_runs.enter_async_context(listening(driver(air.name, kernel)))
                monitor = await heard_by_its_own(kernel, first)
                second = await second_runs.enter_async_context(listening(driver(twin.name, kernel)))
                await second.reported(RadioState.BUSY, f"the radio of {twin.name} is another receiver's already")
                monitor.receive(frames.probe_request(PHONE, -60))
                await first.heard(2)
                assert (kernel.monitors(), second.sightings) == ([monitor], [])
                await first_runs.aclose()
                await heard_by_its_own(kernel, second)

    play(scene())


def test_a_run_that_ends_while_its_interface_is_made_leaves_none_behind() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            async with listening(driver(air.name, kernel)):
                await kernel.until(lambda: kernel.asked[-1:] == ["NEW_INTERFACE"])
            assert kernel.monitors() == []

    play(scene())


RUNGS = list(Rung)


@pytest.mark.parametrize("rung", RUNGS)
def test_each_rung_is_done_on_an_interface_of_its_own(rung: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    set_down: list[str] = []
    really = links.set_down

    def note(name: str) -> None:
        set_down.append(name)
        really(name)

    monkeypatch.setattr(links, "set_down", note)

    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            receiver = driver(air.name, kernel, HOPPING)
            assert isinstance(receiver, Recoverable)
            async with listening(receiver) as gateway:
                monitor = await heard_by_its_own(kernel, gateway)
                for _ in range(2):
                    await kernel.until(lambda: kernel.tuned[-1][1] == 2412)  # so that others would come next
                    set_down.clear()
                    kernel.tuned.clear()
                    receiver.recover(rung)
                    again = await heard_by_its_own(kernel, gateway)
                    begun = kernel.tuned[:2]  # before which a change that was under way may end
                    assert (monitor.name, 2412) in begun, "it begins with the first channel again"
                    assert (again is monitor) is (rung is not Rung.RESTART)
                    assert set_down == [monitor.name] * (rung is Rung.POWER_CYCLE)
                    monitor = again
                assert receiver.counters == {"heard": 3, str(rung): 2}
            assert gateway.states == []

    play(scene())


def test_an_interface_that_is_not_its_own_is_not_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        with VirtualMonitor() as air:
            receiver = driver(air.name)
            async with listening(receiver) as gateway:
                await heard_again(air, gateway)
                for rung in RUNGS:
                    receiver.recover(rung)
                    await heard_again(air, gateway)
                done = {"rescan": 1, "power-cycle": 1, "restart": 1, "restart-refused": 1}
                assert receiver.counters == {"heard": 4, **done}
                assert f"receiver air: {air.name} was in monitor mode before us" in caplog.text

    play(scene())


def test_without_the_right_to_set_it_down_it_is_heard_on(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_interface: str) -> None:
        raise PermissionError(errno.EPERM, "")

    async def scene() -> None:
        with VirtualMonitor() as air, pytest.MonkeyPatch.context() as patch:
            patch.setattr(links, "set_down", refuse)
            receiver = driver(air.name)
            async with listening(receiver) as gateway:
                await heard_again(air, gateway)
                receiver.recover(Rung.POWER_CYCLE)
                await heard_again(air, gateway)
                assert receiver.counters == {"heard": 2, "power-cycle": 1, "power-cycle-refused": 1}
                assert "CAP_NET_ADMIN" in caplog.text

    play(scene())


def test_an_interface_that_was_set_down_comes_up_again_as_soon_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked(_interface: str) -> None:
        raise OSError(errno.ERFKILL, "")

    async def scene() -> None:
        with VirtualMonitor() as air:
            receiver = driver(air.name)
            async with listening(receiver) as gateway:
                await heard_again(air, gateway)
                with monkeypatch.context() as patch:
                    patch.setattr(links, "set_up", blocked)
                    receiver.recover(Rung.POWER_CYCLE)
                    await gateway.reported(RadioState.OFF, "rfkill unblock")
                await heard_again(air, gateway)
                assert receiver.counters == {"heard": 2, "power-cycle": 1}

    play(scene())


def test_a_rung_for_a_radio_that_is_not_there_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            name = kernel.plug().name
            kernel.faults["NEW_INTERFACE"] = errno.EIO
            receiver = driver(name, kernel)
            async with listening(receiver) as gateway:
                await gateway.reported(RadioState.FAILED, "EIO")
                receiver.recover(Rung.RESTART)
                await gateway.until(lambda: receiver.counters["restart-refused"] == 1)
                kernel.faults.clear()
                await heard_by_its_own(kernel, gateway)
                assert receiver.counters == {"heard": 1, "restart": 1, "restart-refused": 1}

    play(scene())


def test_an_adapter_that_is_pulled_out_and_plugged_in_is_heard_again_under_new_numbers() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            name = kernel.plug().name
            names = set()
            async with listening(driver(name, kernel, HOPPING)) as gateway:
                for _ in range(3):
                    names.add((await heard_by_its_own(kernel, gateway)).name)
                    kernel.unplug(name)
                    await gateway.reported(RadioState.MISSING, f"no interface {name}")
                    kernel.plug(name)
                await heard_by_its_own(kernel, gateway)
                assert len(names) == 3
            assert kernel.monitors() == []

    play(scene())


def test_its_own_interface_that_goes_down_or_away_is_made_anew() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            async with listening(driver(air.name, kernel)) as gateway:
                monitor = await heard_by_its_own(kernel, gateway)
                monitor.down()
                await gateway.reported(RadioState.OFF, f"the radio of {air.name} went down")
                monitor = await heard_by_its_own(kernel, gateway)
                kernel.pull(monitor.name)
                await gateway.reported(RadioState.OFF, f"the radio of {air.name} went down")
                await heard_by_its_own(kernel, gateway)

    play(scene())


REFUSALS = [
    ("NEW_INTERFACE", errno.EPERM, RadioState.DENIED, "CAP_NET_ADMIN"),
    ("NEW_INTERFACE", errno.EOPNOTSUPP, RadioState.FAILED, "cannot do monitor mode"),
    ("NEW_INTERFACE", errno.EBUSY, RadioState.BUSY, "in use for something else"),
    ("NEW_INTERFACE", errno.ERFKILL, RadioState.OFF, "rfkill unblock"),
    ("NEW_INTERFACE", errno.EIO, RadioState.FAILED, "EIO"),
    ("GET_INTERFACE", errno.ENOBUFS, RadioState.FAILED, "ENOBUFS"),
    (
        "connect",
        errno.ENOENT,
        RadioState.FAILED,
        "not in monitor mode (link type 1, not 803), and the kernel's nl80211",
    ),
]


@pytest.mark.parametrize(("what", "number", "state", "reason"), REFUSALS)
def test_a_refusal_of_the_kernel_is_told_and_outlived(what: str, number: int, state: RadioState, reason: str) -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            kernel.faults[what] = number
            async with listening(driver(air.name, kernel)) as gateway:
                await gateway.reported(state, reason)
                kernel.faults.clear()
                await heard_by_its_own(kernel, gateway)

    play(scene())


def test_a_radio_that_cannot_be_switched_on_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked(_interface: str) -> None:
        raise OSError(errno.ERFKILL, "")

    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            with monkeypatch.context() as patch:
                patch.setattr(links, "set_up", blocked)
                async with listening(driver(air.name, kernel)) as gateway:
                    await gateway.reported(RadioState.OFF, "rfkill unblock")
                    assert kernel.monitors() == []
                    patch.undo()
                    await heard_by_its_own(kernel, gateway)

    play(scene())


@pytest.mark.parametrize("own", [True, False])
def test_channels_are_visited_in_turn(own: bool) -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug(kind=2 if own else MONITOR)
            if not own:
                air.up()
            async with listening(driver(air.name, kernel, HOPPING)) as gateway:
                await gateway.reported(RadioState.HEARING)
                await kernel.until(lambda: len(kernel.tuned) >= 7)
                (monitor,) = kernel.monitors()
                assert kernel.tuned[:7] == [(monitor.name, mhz) for mhz in (2412, 2437, 5180, 2412, 2437, 5180, 2412)]
                assert (monitor is air) is not own
            assert len(kernel.monitors()) == (not own)

    play(scene())


def test_a_channel_that_is_forbidden_is_told_once_and_the_others_are_heard() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            kernel.forbidden = {5180}
            async with listening(driver(air.name, kernel, HOPPING)) as gateway:
                await kernel.until(lambda: len(kernel.tuned) >= 9)
                assert {mhz for _, mhz in kernel.tuned} == {2412, 2437}
                notes = [reason for state, reason in gateway.reports if state is RadioState.HEARING]
                assert notes == ["", "not allowed here: channel 36, left out"]

    play(scene())


def test_a_radio_that_vanishes_while_it_is_tuned_is_taken_anew() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel:
            air = kernel.plug()
            async with listening(driver(air.name, kernel, HOPPING)) as gateway:
                await heard_by_its_own(kernel, gateway)
                kernel.faults["SET_CHANNEL"] = errno.EIO
                await gateway.reported(RadioState.FAILED, "EIO")
                kernel.faults.clear()
                await heard_by_its_own(kernel, gateway)

    play(scene())


def test_without_nl80211_a_monitor_interface_is_heard_on_its_channel_and_that_is_told() -> None:
    """This is the connection that the driver makes by itself."""

    async def scene() -> None:
        with VirtualMonitor() as air:
            async with listening(driver(air.name, air=Air(channels=(1, 6)))) as gateway:
                await heard_again(air, gateway)
                air.remove()
                await gateway.reported(RadioState.MISSING)
                air.create()
                air.up()
                await gateway.reported(RadioState.HEARING, "nl80211 cannot be reached, so the channel stays")

    play(scene())


def test_a_monitor_interface_without_channels_is_not_asked_of_nl80211() -> None:
    async def scene() -> None:
        with VirtualNl80211() as kernel, VirtualMonitor() as air:
            kernel.faults["connect"] = errno.EIO
            async with listening(driver(air.name, kernel)) as gateway:
                await heard_again(air, gateway)
                assert gateway.reports == []

    play(scene())


def test_frames_for_the_shops_own_networks_are_told_apart() -> None:
    other = bytes.fromhex("0299aabbccdd")

    async def scene() -> None:
        with VirtualMonitor() as air:
            async with listening(driver(air.name, air=Air(bssids=frozenset({SHOP})))) as gateway:
                await gateway.reported(RadioState.HEARING)
                air.receive(frames.association_request(PHONE, SHOP, -40))
                air.receive(frames.association_request(PHONE, other, -40))
                air.receive(frames.probe_request(PHONE, -40))
                assert [each.own_network for each in await gateway.heard(3)] == [True, False, None]

    play(scene())


def test_importing_it_imports_little_of_scapy() -> None:
    program = "import sys, drivers.wifi; print(*(name for name in sys.modules if name.startswith('scapy.layers')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
