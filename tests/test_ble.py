"""The Bluetooth driver with all of bleak and a real D-Bus; only the radio and bluetoothd are virtual."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from bleak.backends.device import BLEDevice
from dbus_fast import Message
from virtual_bluez import HANG, Fault, PrivateBus, VirtualBlueZ, VirtualSystemd, forget_bleak
from virtual_gateway import VirtualGateway, listening, open_files, run_quietly

from drivers.ble import BleDriver, Patience, Scan, _connection
from drivers.bluez_watch import QuietBus
from drivers.devices import Device
from drivers.driver import RadioState, Recoverable, Rung
from drivers.sighting import Sighting

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon")

CARD = "D0:11:22:33:44:55"
IDENTITY = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817")
IBEACON = {0x004C: b"\x02\x15" + IDENTITY + b"\xc5"}
UID = {"0000feaa-0000-1000-8000-00805f9b34fb": b"\x00\xee" + bytes(range(16)) + b"\x00\x00"}
ALTBEACON = {0x0118: b"\xbe\xac" + IDENTITY + b"\xc5\x00"}
IMPATIENT = Patience(answer_s=0.2, settle_s=0.1, dark_s=0.01, retry_s=0.02, longest_retry_s=0.1)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBus]:
    """Yield the bus, and see that no file or socket outlives what happened on it."""
    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        before = open_files()
        yield bus
        gc.collect()
        assert open_files() == before


def driver(adapter: str | None = None, scan: Scan = "active") -> BleDriver:
    return BleDriver("door", adapter, lambda: 1763791200.25, IMPATIENT, scan=scan)


def stranger(number: int) -> str:
    return f"C0:11:22:33:{number >> 8:02X}:{number & 255:02X}"


def play(scene: Coroutine[None, None, None]) -> None:
    """Play a scene within bounds; it may leave no task behind, and no error unread."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await scene
        await forget_bleak()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_quietly(bounded())


@asynccontextmanager
async def hearing(bus: PrivateBus, *names: str) -> AsyncIterator[tuple[VirtualBlueZ, VirtualGateway]]:
    """Give a bluetoothd with adapters, and what a driver on the first says once it hears."""
    async with VirtualBlueZ(bus.address) as bluez:
        for name in names or ("hci0",):
            bluez.add_adapter(name)
        async with listening(driver()) as gateway:
            await gateway.reported(RadioState.HEARING)
            yield bluez, gateway


async def heard_again(bluez: VirtualBlueZ, gateway: VirtualGateway) -> None:
    """Wait until the driver says that it hears, and see that it does."""
    await gateway.reported(RadioState.HEARING)
    before = len(gateway.sightings)
    bluez.advertise(CARD, -60, manufacturer=IBEACON)
    await gateway.heard(before + 1)


def test_each_advert_is_one_sighting_with_its_own_rssi(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            levels = [-60, -60, -61, -60, -63, -58, -59, -59, -59, -60] * 2
            for level in levels:
                bluez.advertise(CARD, level, manufacturer=IBEACON)
            assert [sighting.rssi for sighting in await gateway.heard(20)] == levels

    play(scene())


def test_a_sighting_says_all_that_bluez_tells_of_the_advert(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            bluez.advertise(CARD, -61, manufacturer=IBEACON)
            assert await gateway.heard(1) == [
                Sighting(
                    t=1763791200.25,
                    receiver="door",
                    radio="ble",
                    kind="ibeacon",
                    rssi=-61,
                    identity=IDENTITY,
                    power=-59,
                    address=bytes.fromhex("d01122334455"),
                    address_type="random",
                )
            ]

    play(scene())


def test_the_address_type_follows_from_bluez_and_the_top_bits(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            bluez.advertise("40:11:22:33:44:55", -61)
            bluez.advertise("C0:11:22:33:44:55", -61)
            bluez.advertise("40:11:22:33:44:56", -61, random=False)
            found = [sighting.address_type for sighting in await gateway.heard(3)]
            assert found == ["resolvable", "random", "public"]

    play(scene())


def test_a_card_that_sends_two_kinds_of_frames_is_heard_as_both(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            for _ in range(3):
                bluez.advertise(CARD, -61, manufacturer=IBEACON)
                bluez.advertise(CARD, -62, services=UID)
            found = [(sighting.kind, sighting.identity, sighting.rssi) for sighting in await gateway.heard(6)]
            assert found == [("ibeacon", IDENTITY, -61), ("eddystone-uid", bytes(range(16)), -62)] * 3

    play(scene())


def test_no_level_is_none_and_the_loss_of_a_device_is_no_advert(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            bluez.advertise(CARD, -127, manufacturer=IBEACON)
            assert [sighting.rssi for sighting in await gateway.heard(1)] == [None]
            bluez.stop_scanning()
            await heard_again(bluez, gateway)
            assert len(gateway.sightings) == 2

    play(scene())


def test_no_address_and_no_name_reaches_a_log_or_a_report(bus: PrivateBus, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            bluez.advertise(CARD, -61, name="canary phone", manufacturer=IBEACON)
            await gateway.heard(1)
            bluez.remove_adapter()
            await gateway.until(lambda: gateway.states[-1:] == [RadioState.MISSING])
            said = f"{caplog.text} {gateway.reports} {gateway.sightings}"
            assert not any(word in said for word in ("canary", CARD, CARD.replace(":", "_"), "d01122334455"))

    play(scene())


def test_a_burst_of_many_devices_loses_nothing(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            for number in range(1000):
                bluez.advertise(f"D0:11:22:33:44:{number % 100:02X}", -40 - number % 50, manufacturer=IBEACON)
            await gateway.heard(1000)

    play(scene())


def test_it_counts_what_it_heard(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            door = driver()
            async with listening(door) as gateway:
                await heard_again(bluez, gateway)
                bluez.advertise(CARD, -60, manufacturer=IBEACON)
                await gateway.heard(2)
            assert door.counters == Counter(heard=2)

    play(scene())


def test_bluetoothd_may_come_late_and_restart(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with listening(driver()) as gateway:
            await gateway.reported(RadioState.MISSING, "bluetoothd")
            for _ in range(3):
                async with VirtualBlueZ(bus.address) as bluez:
                    bluez.add_adapter()
                    await heard_again(bluez, gateway)
                await gateway.reported(RadioState.MISSING, "bluetoothd")

    play(scene())


def test_an_adapter_may_be_pulled_out_and_put_back(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            for _ in range(3):
                bluez.remove_adapter()
                await gateway.reported(RadioState.MISSING, "no Bluetooth adapter")
                bluez.add_adapter()
                await heard_again(bluez, gateway)

    play(scene())


def test_an_adapter_put_back_before_anybody_looked_is_scanned_again(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            bluez.remove_adapter()
            bluez.add_adapter()
            await heard_again(bluez, gateway)

    play(scene())


def test_the_scan_of_somebody_else_is_not_taken_for_ours(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            bluez.power(on=False)
            bluez.power(on=True)
            bluez.scan_for_another()
            await bluez.called("StartDiscovery", 2)
            await heard_again(bluez, gateway)

    play(scene())


def test_an_adapter_may_be_switched_off_and_on(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            for _ in range(3):
                bluez.power(on=False)
                await gateway.reported(RadioState.OFF, "hci0 is switched off")
                bluez.power(on=True)
                await heard_again(bluez, gateway)
            bluez.power(on=False)
            bluez.power(on=True)
            await heard_again(bluez, gateway)

    play(scene())


def test_a_blocked_adapter_says_what_frees_it(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter(powered=False, blocked=True)
            async with listening(driver()) as gateway:
                await gateway.reported(RadioState.OFF, "rfkill unblock")

    play(scene())


@pytest.mark.parametrize(("wanted", "heard"), [("hci1", "hci1"), ("00:1a:7d:da:71:13", "hci1"), (None, "hci2")])
def test_the_adapter_is_chosen_by_name_or_address_or_as_the_first_that_is_on(
    bus: PrivateBus, wanted: str | None, heard: str
) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter("hci0", powered=False)
            bluez.add_adapter("hci2")
            bluez.add_adapter("hci1", address="00:1A:7D:DA:71:13", powered=wanted is not None)
            async with listening(driver(wanted)) as gateway:
                await gateway.reported(RadioState.HEARING)
                for name in ("hci0", "hci1", "hci2"):
                    bluez.advertise(CARD, -60 - int(name[3:]), manufacturer=IBEACON, adapter=name)
                assert [sighting.rssi for sighting in await gateway.heard(1)] == [-60 - int(heard[3:])]

    play(scene())


def test_an_adapter_that_is_not_there_is_named(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter("hci0")
            async with listening(driver("hci7")) as gateway:
                await gateway.reported(RadioState.MISSING, "no Bluetooth adapter hci7")

    play(scene())


@pytest.mark.parametrize(
    ("method", "error", "state", "words"),
    [
        ("StartDiscovery", "org.bluez.Error.InProgress", RadioState.BUSY, "another scan"),
        ("StartDiscovery", "org.bluez.Error.NotReady", RadioState.OFF, "hci0 is not ready"),
        ("SetDiscoveryFilter", "org.bluez.Error.NotReady", RadioState.OFF, "hci0 is not ready"),
        ("StartDiscovery", "org.bluez.Error.NotAuthorized", RadioState.DENIED, "group bluetooth"),
        ("StartDiscovery", "org.freedesktop.DBus.Error.AccessDenied", RadioState.DENIED, "group bluetooth"),
        ("StartDiscovery", "org.freedesktop.DBus.Error.ServiceUnknown", RadioState.MISSING, "bluetoothd"),
        ("StartDiscovery", "org.freedesktop.DBus.Error.UnknownObject", RadioState.MISSING, "hci0 is gone"),
        ("StartDiscovery", "org.bluez.Error.Failed", RadioState.FAILED, "org.bluez.Error.Failed"),
    ],
)
def test_a_scan_that_is_refused_is_tried_again(
    bus: PrivateBus, method: str, error: str, state: RadioState, words: str
) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            bluez.fail(method, *[Fault(error)] * 3)
            async with listening(driver()) as gateway:
                await gateway.until(lambda: [found for found, _ in gateway.reports].count(state) == 3)
                assert words in gateway.reports[-1][1]
                await heard_again(bluez, gateway)

    play(scene())


def test_a_scan_that_is_never_answered_is_given_up_and_tried_again(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            bluez.fail("StartDiscovery", HANG, HANG)
            async with listening(driver()) as gateway:
                await gateway.reported(RadioState.FAILED, "does not answer")
                await gateway.until(lambda: gateway.states == [RadioState.FAILED, RadioState.HEARING])
                await heard_again(bluez, gateway)

    play(scene())


def test_one_adapter_that_hangs_does_not_silence_another(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus, "hci0", "hci1") as (bluez, gateway):
            bluez.scan_for_another("hci0")
            bluez.fail("StartDiscovery", HANG)
            async with listening(driver("hci1")) as other:
                await other.reported(RadioState.FAILED, "hci1")
                await other.reported(RadioState.HEARING)
                await bluez.called("StartDiscovery", 4)
                await heard_again(bluez, gateway)

    play(scene())


def test_a_scan_that_bluez_began_without_scanning_is_not_called_hearing(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            bluez.fail("StartDiscovery", Fault(scans=False))
            async with listening(driver()) as gateway:
                await gateway.until(lambda: RadioState.HEARING in gateway.states)
                assert gateway.states == [RadioState.STARTING, RadioState.FAILED, RadioState.HEARING]
                await heard_again(bluez, gateway)

    play(scene())


def test_a_scan_that_ends_by_itself_is_begun_again(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            bluez.stop_scanning()
            await gateway.reported(RadioState.FAILED, "does not scan")
            await heard_again(bluez, gateway)

    play(scene())


def test_d_bus_may_end_and_begin_again(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            bluez = await stack.enter_async_context(VirtualBlueZ(bus.address))
            bluez.add_adapter()
            gateway = await stack.enter_async_context(listening(driver()))
            await gateway.reported(RadioState.HEARING)
            bus.stop()
            await gateway.reported(RadioState.MISSING, "D-Bus system bus is not running")
            bus.start()
            await gateway.reported(RadioState.MISSING, "bluetoothd")
            again = await stack.enter_async_context(VirtualBlueZ(bus.address))
            again.add_adapter()
            await heard_again(again, gateway)

    play(scene())


def test_bleak_too_leaves_no_error_unread_when_d_bus_ends(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (_, gateway):
            connection, _ = _connection()
            assert isinstance(connection, QuietBus)
            bus.stop()
            with pytest.raises(BrokenPipeError):
                await connection.call(Message("org.bluez", "/org/bluez/hci0", "org.bluez.Adapter1", "StopDiscovery"))
            await gateway.reported(RadioState.MISSING, "D-Bus system bus is not running")
        bus.start()

    play(scene())


@pytest.mark.parametrize("fault", [Fault("org.bluez.Error.Failed"), Fault("org.bluez.Error.InProgress"), HANG])
def test_it_ends_cleanly_whatever_bluez_says_to_that(bus: PrivateBus, fault: Fault) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, _):
            bluez.fail("StopDiscovery", fault)
        async with hearing(bus):
            pass

    play(scene())


def test_cancelled_while_it_waits_for_bluez_it_leaves_no_scan_behind(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            bluez.fail("StartDiscovery", HANG)
            async with listening(BleDriver("door", None, lambda: 0.0)):
                await bluez.called("StartDiscovery")
            async with listening(driver()) as gateway:
                await heard_again(bluez, gateway)
                assert RadioState.BUSY not in gateway.states

    play(scene())


# Passive scanning


@asynccontextmanager
async def hearing_passively(bus: PrivateBus) -> AsyncIterator[tuple[VirtualBlueZ, VirtualGateway]]:
    """Give a bluetoothd with its experiments on, and what a driver that scans passively says once it hears."""
    async with VirtualBlueZ(bus.address) as bluez:
        bluez.add_adapter(experimental=True)
        async with listening(driver(scan="passive")) as gateway:
            await gateway.reported(RadioState.HEARING)
            await bluez.activated.wait()
            yield bluez, gateway


def test_a_passive_scan_hears_every_kind_of_beacon_and_nothing_else(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing_passively(bus) as (bluez, gateway):
            bluez.advertise("D0:11:22:33:44:01", -60, name="canary phone", manufacturer={0x004C: b"\x10\x05"})
            bluez.advertise("D0:11:22:33:44:02", -60, manufacturer=IBEACON)
            bluez.advertise("D0:11:22:33:44:03", -60, manufacturer=ALTBEACON)
            bluez.advertise("D0:11:22:33:44:04", -60, services=UID)
            found = [sighting.kind for sighting in await gateway.heard(3)]
            assert found == ["ibeacon", "altbeacon", "eddystone-uid"]
            assert "StartDiscovery" not in bluez.calls, "that would transmit"

    play(scene())


def test_a_passive_scan_is_told_of_changes_only(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing_passively(bus) as (bluez, gateway):
            for rssi in (-60, -60, -61, -59, -75, -74):
                bluez.advertise(CARD, rssi, manufacturer=IBEACON)
            bluez.advertise("D0:11:22:33:44:99", -50, manufacturer=IBEACON)
            assert [sighting.rssi for sighting in await gateway.heard(3)] == [-60, -75, -50]

    play(scene())


def test_a_passive_scan_comes_back_after_bluetoothd_restarted_and_the_adapter_was_off(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with listening(driver(scan="passive")) as gateway:
            for _ in range(2):
                async with VirtualBlueZ(bus.address) as bluez:
                    bluez.add_adapter(experimental=True)
                    await gateway.reported(RadioState.HEARING)
                    await bluez.activated.wait()
                    bluez.power(on=False)
                    await gateway.reported(RadioState.OFF)
                    bluez.activated.clear()
                    bluez.power(on=True)
                    await bluez.activated.wait()
                    await heard_again(bluez, gateway)
                await gateway.reported(RadioState.MISSING)

    play(scene())


def test_a_passive_scan_that_bluez_gives_up_is_told_and_begun_again(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing_passively(bus) as (bluez, gateway):
            for number in range(3):
                bluez.activated.clear()
                bluez.release()
                await gateway.reported(RadioState.FAILED, "gave up the passive scan on hci0")
                await bluez.activated.wait()
                await gateway.reported(RadioState.HEARING)
                bluez.advertise(stranger(number), -60, manufacturer=IBEACON)
                await gateway.heard(number + 1)

    play(scene())


def test_a_passive_scan_that_bluez_never_takes_up_is_never_called_hearing(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter(experimental=True)
            bluez.fail("RegisterMonitor", *[Fault(scans=False)] * 2)
            async with listening(driver(scan="passive")) as gateway:
                await gateway.until(lambda: RadioState.HEARING in gateway.states)
                assert gateway.states == [RadioState.STARTING, RadioState.FAILED, RadioState.HEARING]
                await heard_again(bluez, gateway)

    play(scene())


def test_without_bluez_experiments_a_passive_scan_says_what_to_write_where(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            async with listening(driver(scan="passive")) as gateway:
                await gateway.reported(RadioState.FAILED, "Experimental = true")
            assert "StartDiscovery" not in bluez.calls, "who asked for silence on the air gets no other scan"

    play(scene())


# Many messages, many devices


def test_while_the_air_is_busy_adverts_are_taken_in_gulps(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, gateway):
            for number in range(200):
                bluez.advertise(CARD, -40 - number % 50, manufacturer=IBEACON)
                await asyncio.sleep(0.001)
            found = [sighting.rssi for sighting in await gateway.heard(200)]
            assert found == [-40 - number % 50 for number in range(200)]
            assert len(gateway.batches) < 100

    play(scene())


@asynccontextmanager
async def hearing_few(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[VirtualBlueZ, BleDriver, VirtualGateway]]:
    """Give a driver that keeps ten devices at most, once it hears."""
    monkeypatch.setattr("drivers.ble.MOST_DEVICES", 10)
    async with VirtualBlueZ(bus.address) as bluez:
        bluez.add_adapter()
        door = driver()
        async with listening(door) as gateway:
            await gateway.reported(RadioState.HEARING)
            yield bluez, door, gateway


def test_who_was_met_longest_ago_is_forgotten_and_heard_again_as_somebody_new(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with hearing_few(bus, monkeypatch) as (bluez, door, gateway):
            for number in range(30):
                bluez.advertise(stranger(number), -60)
            await gateway.heard(30)
            await bluez.called("RemoveDevice", 20)
            assert [number for number in range(30) if bluez.knows(stranger(number))] == list(range(20, 30))
            assert door.counters == Counter(heard=30, forgotten=20)
            bluez.advertise(stranger(0), -44)
            assert (await gateway.heard(31))[-1].rssi == -44

    play(scene())


def test_whoever_goes_on_advertising_and_whoever_is_paired_is_kept(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with hearing_few(bus, monkeypatch) as (bluez, _, gateway):
            bluez.advertise("00:11:22:33:44:55", -60, paired=True)
            for number in range(100):
                bluez.advertise(stranger(number), -60)
                if number % 5 == 0:
                    bluez.advertise(CARD, -50 - number % 8, manufacturer=IBEACON)
            found = await gateway.heard(121)
            assert [sighting.rssi for sighting in found if sighting.identity] == [
                -50 - number % 8 for number in range(0, 100, 5)
            ]
            await bluez.called("RemoveDevice", 92)
            assert bluez.knows(CARD)
            assert bluez.knows("00:11:22:33:44:55")

    play(scene())


def test_a_bluetoothd_that_refuses_to_forget_costs_no_memory_here(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with hearing_few(bus, monkeypatch) as (bluez, door, gateway):
            bluez.fail("RemoveDevice", *[Fault("org.bluez.Error.Failed")] * 90)
            for number in range(100):
                bluez.advertise(stranger(number), -60)
            await gateway.heard(100)
            await bluez.called("RemoveDevice", 90)
            assert door.counters["forgotten"] == 90
            gc.collect()
            assert sum(isinstance(each, BLEDevice | Device) for each in gc.get_objects()) <= 2 * 11

    play(scene())


# Several adapters


def test_two_adapters_are_two_receivers_and_one_may_be_lost_alone(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter("hci0")
            bluez.add_adapter("hci1", address="00:1A:7D:DA:71:13")
            async with listening(driver("hci0")) as door, listening(driver("00:1a:7d:da:71:13")) as shelf:
                await door.reported(RadioState.HEARING)
                await shelf.reported(RadioState.HEARING)
                for round_ in range(3):
                    bluez.advertise(CARD, -40, manufacturer=IBEACON, adapter="hci0")
                    bluez.advertise(CARD, -80, manufacturer=IBEACON, adapter="hci1")
                    await shelf.heard(round_ + 1)
                    bluez.remove_adapter("hci0")
                    await door.reported(RadioState.MISSING)
                    bluez.add_adapter("hci0")
                    await door.reported(RadioState.HEARING)
                assert {sighting.rssi for sighting in await door.heard(3)} == {-40}
                assert {sighting.rssi for sighting in shelf.sightings} == {-80}
                assert set(shelf.states) <= {RadioState.HEARING}, "it heard all the time"

    play(scene())


# Rungs


@pytest.mark.parametrize("rung", [Rung.RESCAN, Rung.POWER_CYCLE])
def test_a_rung_brings_a_frozen_adapter_back_and_is_counted(bus: PrivateBus, rung: Rung) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            door = driver()
            async with listening(door) as gateway:
                await heard_again(bluez, gateway)
                bluez.freeze(until="rescan" if rung is Rung.RESCAN else "power-cycle")
                door.recover(rung)
                await bluez.called("StartDiscovery", 2)
                await heard_again(bluez, gateway)
            assert door.counters == Counter({"heard": 2, str(rung): 1})
            assert isinstance(door, Recoverable)

    play(scene())


def test_bluetoothd_is_started_anew_by_systemd(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with hearing(bus) as (bluez, _), VirtualSystemd(bus.address) as systemd:
            door = driver()
            async with listening(door) as other:
                await other.until(lambda: bool(other.reports))
                await bluez.called("StartDiscovery", 2)
                door.recover(Rung.RESTART)
                await bluez.called("StartDiscovery", 3)
            assert systemd.restarted == ["bluetooth.service"]
            assert door.counters == Counter({"restart": 1})

    play(scene())


@pytest.mark.parametrize("rung", [Rung.POWER_CYCLE, Rung.RESTART])
def test_a_rung_that_is_refused_is_counted_and_told_and_the_scan_goes_on(
    bus: PrivateBus, rung: Rung, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez, VirtualSystemd(bus.address, denied=True):
            bluez.add_adapter()
            bluez.fail("Set", Fault("org.freedesktop.DBus.Error.AccessDenied"))
            door = driver()
            async with listening(door) as gateway:
                await heard_again(bluez, gateway)
                door.recover(rung)
                await bluez.called("StartDiscovery", 2)
                await heard_again(bluez, gateway)
            assert (door.counters[str(rung)], door.counters[f"{rung}-refused"]) == (1, 1)
            assert "this user has no right to" in caplog.text

    play(scene())


def test_an_adapter_that_does_not_come_on_again_at_once_is_asked_until_it_does(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            door = driver()
            async with listening(door) as gateway:
                await heard_again(bluez, gateway)
                bluez.fail("Set", Fault(), *[Fault("org.bluez.Error.Busy")] * 7)
                door.recover(Rung.POWER_CYCLE)
                await gateway.reported(RadioState.OFF)
                await heard_again(bluez, gateway)

    play(scene())


def test_one_who_ends_amid_a_power_cycle_leaves_the_adapter_on(bus: PrivateBus) -> None:
    async def scene() -> None:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter()
            door = BleDriver("door", None, lambda: 0.0, Patience(dark_s=60.0))
            async with listening(door) as gateway:
                await heard_again(bluez, gateway)
                door.recover(Rung.POWER_CYCLE)
                await bluez.called("Set")
            assert bluez.calls.count("Set") == 2
            async with listening(driver()) as gateway:
                await heard_again(bluez, gateway)

    play(scene())
