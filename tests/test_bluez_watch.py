"""The watch on a virtual bluetoothd over a real D-Bus."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from virtual_bluez import HANG, Fault, PrivateBus, VirtualBlueZ
from virtual_gateway import run_quietly

from drivers import bluez_watch
from drivers.bluez_watch import BlueZWatch, QuietBus
from drivers.driver import RadioState
from drivers.errors import RadioError

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon")


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBus]:
    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        yield bus


def play(scene: Coroutine[None, None, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_quietly(bounded())


@asynccontextmanager
async def client(bus: PrivateBus) -> AsyncIterator[MessageBus]:
    """Be somebody else on the bus."""
    connection = await MessageBus(bus_address=bus.address).connect()
    try:
        yield connection
    finally:
        connection.disconnect()
        await connection.wait_for_disconnect()  # type: ignore[no-untyped-call]


async def seen(watch: BlueZWatch, name: str, **expected: object) -> None:
    """Wait until an adapter is seen to be so."""
    while not (name in watch.adapters and expected.items() <= asdict(watch.adapters[name]).items()):
        await watch.change()


def test_it_knows_what_was_there_before_it(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter("hci0")
            bluez.add_adapter("hci1", address="00:1A:7D:DA:71:13", powered=False, blocked=True)
            async with BlueZWatch() as watch:
                assert watch.running
                assert sorted(watch.adapters) == ["hci0", "hci1"]
                assert watch.adapters["hci0"].powered
                assert not watch.adapters["hci0"].blocked
                assert watch.adapters["hci1"].address == "00:1A:7D:DA:71:13"
                assert watch.adapters["hci1"].blocked

    play(scene())


def test_it_sees_bluetoothd_come_and_go(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with BlueZWatch() as watch:
            ran = [watch.running]
            async with VirtualBlueZ(bus.address) as bluez:
                bluez.add_adapter()
                await seen(watch, "hci0")
                ran.append(watch.running)
            while watch.adapters:
                await watch.change()
            assert [*ran, watch.running] == [False, True, False]

    play(scene())


def test_an_adapter_lives_again_each_time_it_was_added_or_switched_off(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez, BlueZWatch() as watch:
            lives = []
            bluez.add_adapter()
            await seen(watch, "hci0")
            lives.append(watch.adapters["hci0"].life)
            bluez.power(on=False)
            bluez.power(on=True)
            await seen(watch, "hci0", powered=True, life=lives[-1] + 1)
            lives.append(watch.adapters["hci0"].life)
            bluez.remove_adapter()
            bluez.add_adapter()
            await seen(watch, "hci0", life=lives[-1] + 1)

    play(scene())


def test_looking_again_keeps_the_life_of_what_is_still_there(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            async with BlueZWatch() as watch:
                before, asked = watch.adapters["hci0"], bluez.calls.count("GetManagedObjects")
                while await watch.change(0.01):
                    pass
                assert watch.adapters["hci0"] == before
                assert bluez.calls.count("GetManagedObjects") > asked

    play(scene())


def test_new_devices_do_not_wake_it(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez, BlueZWatch() as watch:
            bluez.add_adapter()
            await seen(watch, "hci0")
            scan = Message(
                destination="org.bluez", path="/org/bluez/hci0", interface="org.bluez.Adapter1", member="StartDiscovery"
            )
            async with client(bus) as scanner:
                await scanner.call(scan)
                await seen(watch, "hci0", discovering=True)
                await watch.change(0)
                bluez.advertise("D0:11:22:33:44:55", -60)
                bluez.advertise("D0:11:22:33:44:55", -50)
                bluez.add_adapter("hci1")
                assert await watch.change()
                assert "hci1" in watch.adapters, "the first thing seen after the adverts"

    play(scene())


def test_what_others_send_is_not_believed(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez, BlueZWatch() as watch:
            bluez.add_adapter()
            await seen(watch, "hci0")
            forged = Message(
                message_type=MessageType.SIGNAL,
                destination=watch._bus.unique_name,
                path="/org/bluez/hci0",
                interface="org.freedesktop.DBus.Properties",
                member="PropertiesChanged",
                signature="sa{sv}as",
                body=["org.bluez.Adapter1", {"Powered": Variant("b", False)}, []],
            )
            async with client(bus) as stranger:
                await stranger.send(forged)
                bluez.add_adapter("hci1")
                await seen(watch, "hci1")
                assert watch.adapters["hci0"].powered

    play(scene())


def test_only_bluetoothd_can_give_up_a_passive_scan(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with (
            VirtualBlueZ(bus.address) as bluez,
            BlueZWatch() as watch,
            client(bus) as scanner,
            client(bus) as stranger,
        ):
            release = partial(Message, scanner.unique_name, "/monitor", "org.bluez.AdvertisementMonitor1", "Release")
            told: list[bool] = []
            with watch.monitored(scanner):
                for somebody in (stranger, bluez._bus):
                    await somebody.call(release())
                    told.append(watch.released)
            with watch.monitored(scanner):
                told.append(watch.released)
            await bluez._bus.call(release())
            told.append(watch.released)
            assert told == [False, True, False, False], "a stranger's, bluetoothd's, the scan after that, no scan"

    play(scene())


def test_it_lets_bluetoothd_forget_devices_by_the_bunch_and_only_so_many_at_a_time(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluez_watch, "MOST_TO_FORGET", 100)

    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez, BlueZWatch() as watch:
            bluez.add_adapter()
            await seen(watch, "hci0")
            for number in range(150):
                watch.forget(f"/org/bluez/hci0/dev_C0_00_00_00_00_{number:02X}")
            await bluez.called("RemoveDevice", 100)
            await bluez.settled()
            assert bluez.calls.count("RemoveDevice") == 100
            watch.forget("/org/bluez/hci0/dev_C0_00_00_00_00_00")
            await bluez.called("RemoveDevice", 101)

    play(scene())


def test_it_does_not_wait_for_what_bluetoothd_never_forgets(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            bluez.fail("RemoveDevice", HANG)
            async with BlueZWatch() as watch:
                await seen(watch, "hci0")
                watch.forget("/org/bluez/hci0/dev_C0_00_00_00_00_00")
                await bluez.called("RemoveDevice")

    play(scene())


def test_d_bus_may_end_while_bluetoothd_is_to_forget(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez, BlueZWatch() as watch:
            bluez.add_adapter()
            await seen(watch, "hci0")
            bus.stop()
            for number in range(150):
                watch.forget(f"/org/bluez/hci0/dev_C0_00_00_00_00_{number:02X}")
            with pytest.raises(RadioError, match="went away"):
                await seen(watch, "hci1")
        bus.start()

    play(scene())


def test_the_end_of_d_bus_is_an_error(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with BlueZWatch() as watch:
            bus.stop()
            with pytest.raises(RadioError, match="D-Bus") as caught:
                await seen(watch, "hci0")
            assert caught.value.state is RadioState.MISSING
        with pytest.raises(RadioError, match="not running"):
            async with BlueZWatch():
                pass
        bus.start()

    play(scene())


def test_whoever_finds_out_that_d_bus_ended_is_told_and_asyncio_says_nothing(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez, BlueZWatch() as watch:
            bluez.add_adapter()
            bus.stop()
            for _ in range(2):
                with pytest.raises(RadioError, match="went away"):
                    await watch.switch("hci0", on=False)
        bus.start()

    play(scene())


def test_an_ended_d_bus_leaves_alone_who_was_given_the_number_of_its_socket(bus: PrivateBus) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        here, theirs = socket.socketpair()
        connection = await QuietBus(bus_address=bus.address).connect()
        number = connection._fd or 0
        bus.stop()
        with pytest.raises(EOFError):
            await connection.wait_for_disconnect()  # type: ignore[no-untyped-call]
        with here, theirs, socket.socket(fileno=os.dup2(here.fileno(), number)) as ours:
            read = asyncio.Event()
            loop.add_reader(ours, read.set)
            with pytest.raises(BrokenPipeError):
                await connection.call(Message("org.bluez", "/", "org.freedesktop.DBus.Peer", "Ping"))
            theirs.send(b"a frame")
            await read.wait()
            loop.remove_reader(ours)
        bus.start()

    play(scene())


def test_a_d_bus_that_does_not_answer_is_an_error(bus: PrivateBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bluez_watch, "ANSWER_S", 0.1)

    async def scene() -> None:
        bus.freeze()
        with pytest.raises(RadioError, match="does not answer") as caught:
            async with BlueZWatch():
                pass
        assert caught.value.state is RadioState.FAILED
        bus.thaw()

    play(scene())


@pytest.mark.parametrize(
    ("fault", "state", "words"),
    [
        (HANG, RadioState.FAILED, "does not answer"),
        (Fault("org.freedesktop.DBus.Error.AccessDenied"), RadioState.DENIED, "bluetooth"),
        (Fault("org.bluez.Error.Strange"), RadioState.FAILED, "Strange"),
    ],
)
def test_a_bluetoothd_that_does_not_tell_is_an_error(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch, fault: Fault, state: RadioState, words: str
) -> None:
    monkeypatch.setattr(bluez_watch, "ANSWER_S", 0.1)

    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.fail("GetManagedObjects", fault)
            with pytest.raises(RadioError, match=words) as caught:
                async with BlueZWatch():
                    pass
            assert caught.value.state is state

    play(scene())
