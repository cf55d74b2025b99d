"""Bluetooth Low Energy through bleak and BlueZ: scanning that survives what bleak is silent about."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from bleak import BleakScanner
from bleak.args.bluez import BlueZDiscoveryFilters, BlueZScannerArgs, OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.bluezdbus import manager as bleak_manager
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakError

from drivers.advertisement import address_type
from drivers.bluez_watch import Adapter, BlueZWatch, Bus, QuietBus, choose
from drivers.devices import Device
from drivers.driver import Clock, Deliver, RadioState, Report, Rung
from drivers.errors import RadioError
from drivers.gulps import Gulps
from drivers.sighting import Sighting

# At DEBUG bleak writes each message from BlueZ, and with it the address of everybody who passes.
logging.getLogger("bleak").setLevel(logging.INFO)

# By itself bleak connects to D-Bus with dbus-fast's own class, whose end leaves tracebacks in the log.
bleak_manager.MessageBus = QuietBus  # type: ignore[attr-defined]

NO_RSSI: Final = -127

# Filters nothing, but with a level and duplicates asked for BlueZ signals each advert with its own RSSI, and not
# only those that differ from the last by 8 dB (BlueZ, src/adapter.c and src/device.c, 5.66 and later).
_FILTERS: Final[BlueZDiscoveryFilters] = {"RSSI": NO_RSSI, "DuplicateData": True}

# What a passive scan lets through, by where it stands in which AD structure (BlueZ, src/adv_monitor.c and
# src/shared/ad.c). Each names the frame itself: flags, which are the usual pattern, are not in every beacon's advert.
_PATTERNS: Final = (
    OrPattern(0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, b"\x4c\x00\x02\x15"),  # iBeacon, by Apple's number
    OrPattern(2, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, b"\xbe\xac"),  # AltBeacon, by any company
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, b"\xaa\xfe"),  # Eddystone
)

Scan = Literal["active", "passive"]

MOST_DEVICES: Final = 5000
"""How many devices of one scan are known at a time: bleak keeps 3.5 kB of each, and BlueZ each for half a minute."""

MOST_AT_ONCE: Final = 256
"""How many sightings are delivered at once."""

_KNOWN: Final = "hushbell"
_KEPT: Final = ("Connected", "Paired", "Bonded", "Trusted", "Blocked")
"""What says that somebody else has to do with a device."""

_SWITCHES: Final = 3
"""How often an adapter that was switched off is asked at once to come on again."""

_make: Final = tuple.__new__  # takes a third of the time that a named tuple's own does

log = logging.getLogger(__name__)

_DENIED: Final = (RadioState.DENIED, "no right to scan on {}: the user must be in the group bluetooth")
_GONE: Final = (RadioState.MISSING, "{} is gone")
_NO_PASSIVE: Final = (
    RadioState.FAILED,
    "BlueZ offers no passive scan on {}: write `Experimental = true` into /etc/bluetooth/main.conf and restart "
    "bluetoothd, or take `scan: active`",
)
_REFUSALS: Final = {
    "org.bluez.Error.InProgress": (RadioState.BUSY, "{} is busy with another scan"),
    "org.bluez.Error.NotReady": (RadioState.OFF, "{} is not ready: switched off, or just starting"),
    "org.bluez.Error.NotAuthorized": _DENIED,
    "org.bluez.Error.NotPermitted": _DENIED,
    "org.freedesktop.DBus.Error.AccessDenied": _DENIED,
    "org.freedesktop.DBus.Error.NameHasNoOwner": (RadioState.MISSING, "bluetoothd is not running"),
    "org.freedesktop.DBus.Error.ServiceUnknown": (RadioState.MISSING, "bluetoothd is not running"),
    "org.freedesktop.DBus.Error.UnknownMethod": _GONE,
    "org.freedesktop.DBus.Error.UnknownObject": _GONE,
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds."""

    answer_s: float = 10.0  # for BlueZ to begin or end a scan
    settle_s: float = 0.5  # for the adapter to say that it scans, or why it does not
    dark_s: float = 2.0  # between switching an adapter off and on again
    retry_s: float = 1.0  # after a failure; doubled for each that follows
    longest_retry_s: float = 30.0

    def retries(self) -> Iterator[float]:
        """Give the time to wait after each of the failures that follow each other."""
        wait_s = self.retry_s
        while True:
            yield wait_s
            wait_s = min(2 * wait_s, self.longest_retry_s)


class _AdapterError(RadioError):
    """There is nothing to scan on; a change of the adapters will tell."""


class _ScanError(RadioError):
    """The adapter is there and does not scan; trying again may help."""


class BleDriver:
    """Hears all advertising on one adapter, given by name or address; None takes the first that is on.

    BlueZ asks for scan responses and merges them into the advert. Of either only manufacturer and service data are
    looked at, so a stranger's name stays with bleak.

    A passive scan transmits nothing. BlueZ then signals a device when it is new and when it changed, and not each
    of its adverts: enough for who is there, too little for levels.
    """

    rungs = tuple(Rung)

    def __init__(
        self,
        receiver: str,
        adapter: str | None,
        clock: Clock,
        patience: Patience | None = None,
        *,
        scan: Scan = "active",
    ) -> None:
        self.receiver = receiver
        self.counters: Counter[str] = Counter()
        self._wanted = adapter
        self._clock = clock
        self._kind: Scan = scan
        self._asked: Rung | None = None
        self._dark: str | None = None  # the adapter that we switched off and that is not on again
        self._watch: BlueZWatch | None = None
        self._patience = patience or Patience()
        self._retries = self._patience.retries()
        self._batch: list[Sighting] = []
        self._seen: dict[
            str, tuple[BLEDevice, AdvertisementData]
        ] = {}  # bleak's own, in the order in which it met them
        self._deliver: Deliver
        self._loop: asyncio.AbstractEventLoop

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Hear until cancelled, whatever BlueZ, the adapter or D-Bus does."""
        self._deliver, self._loop = deliver, asyncio.get_running_loop()
        report(RadioState.STARTING, "looking for the Bluetooth adapter")
        while True:
            try:
                async with BlueZWatch() as watch:
                    self._watch, self._asked = watch, None
                    await self._follow(watch, report)
            except RadioError as trouble:
                report(trouble.state, trouble.reason)
            finally:
                self._watch = None
            await asyncio.sleep(next(self._retries))

    def recover(self, rung: Rung) -> None:
        """Ask for a rung; `run` ends the scan, does it, and scans again."""
        if self._watch is not None:
            self._asked = rung
            self._watch.wake()

    async def _follow(self, watch: BlueZWatch, report: Report) -> None:
        """Scan on the adapter whenever that is possible; end only by `RadioError` with D-Bus itself."""
        while True:
            if self._dark in watch.adapters:
                await self._switch_on(watch, str(self._dark))
            try:
                adapter = _usable(watch, self._wanted)
            except _AdapterError as missing:
                self._asked = None
                report(missing.state, missing.reason)
                await watch.change(self._patience.longest_retry_s)
                continue
            try:
                if self._asked:
                    await self._climb(watch, adapter)
                    continue
                async with self._scan(watch, adapter) as connection:
                    connection.add_done_callback(watch.wake)
                    await self._hear(watch, adapter, connection, report)
            except _ScanError as refused:
                report(refused.state, refused.reason)
                await self._pause(watch, adapter)

    async def _climb(self, watch: BlueZWatch, adapter: Adapter) -> None:
        """Do what was asked for; the scan has ended, and begins again afterwards whatever comes of it."""
        rung, self._asked = self._asked, None
        self.counters[str(rung)] += 1
        try:
            if rung is Rung.POWER_CYCLE:
                await self._power_cycle(watch, adapter.name)
            elif rung is Rung.RESTART:
                await watch.restart_bluetoothd()
        except RadioError as refusal:
            self.counters[f"{rung}-refused"] += 1
            log.warning("receiver %s: %s", self.receiver, refusal.reason)

    async def _power_cycle(self, watch: BlueZWatch, adapter: str) -> None:
        """Switch an adapter off and on. It comes on again also when we are to end meanwhile, or at the next look."""
        self._dark = adapter
        try:
            await watch.switch(adapter, on=False)
            await asyncio.sleep(self._patience.dark_s)
        finally:
            await self._switch_on(watch, adapter)

    async def _switch_on(self, watch: BlueZWatch, adapter: str) -> None:
        for _ in range(_SWITCHES):
            with suppress(RadioError):
                await watch.switch(adapter, on=True)
                self._dark = None
                return
            await asyncio.sleep(self._patience.retry_s)

    @asynccontextmanager
    async def _scan(self, watch: BlueZWatch, adapter: Adapter) -> AsyncIterator[asyncio.Task[None]]:
        """Scan; give the task that ends with bleak's connection, and the scan with it."""
        arguments: BlueZScannerArgs = {"adapter": adapter.name, "filters": _FILTERS, "or_patterns": list(_PATTERNS)}
        scanner = BleakScanner(self._on_advert, scanning_mode=self._kind, bluez=arguments)
        try:
            async with asyncio.timeout(self._patience.answer_s):
                await scanner.start()
        except asyncio.CancelledError:
            _hang_up()
            raise
        except TimeoutError:
            _hang_up()
            raise _ScanError(RadioState.FAILED, f"BlueZ does not answer when asked to scan on {adapter.name}") from None
        except Exception as error:
            raise _explain(error, adapter.name, self._kind) from None
        try:
            self._seen = scanner._backend.seen_devices
            bus, connection = _connection()
            _read_in_gulps(bus)
            with watch.monitored(bus) if self._kind == "passive" else nullcontext():
                yield connection
        finally:
            self._flush()
            await self._stop(scanner)

    async def _stop(self, scanner: BleakScanner) -> None:
        """End a scan. One that BlueZ has lost answers with one error or another, and is over too."""
        try:
            async with asyncio.timeout(self._patience.answer_s):
                with suppress(Exception):
                    await scanner.stop()
        except TimeoutError:
            _hang_up()

    async def _hear(self, watch: BlueZWatch, adapter: Adapter, connection: asyncio.Task[None], report: Report) -> None:
        """Report hearing while the adapter says that it scans; return when that is over or a rung was asked for.

        Of a passive scan BlueZ says only that it gave it up, so it hears when it was not given up at once.
        """
        settled = False
        while not connection.done() and not self._asked and _lives(watch, adapter):
            if watch.released:
                raise _ScanError(RadioState.FAILED, f"BlueZ gave up the passive scan on {adapter.name}")
            if settled if self._kind == "passive" else watch.adapters[adapter.name].discovering:
                report(RadioState.HEARING, "")
                self._retries = self._patience.retries()
                await watch.change()
                settled = self._kind == "passive"
            elif settled:
                raise _ScanError(RadioState.FAILED, f"{adapter.name} does not scan, although BlueZ began a scan on it")
            else:
                settled = not await watch.change(self._patience.settle_s)

    async def _pause(self, watch: BlueZWatch, adapter: Adapter) -> None:
        """Wait before trying again, unless the adapter is gone, switched off or made anew, or a rung is asked for."""
        loop = asyncio.get_running_loop()
        until = loop.time() + next(self._retries)
        while not self._asked and _lives(watch, adapter):
            if not await watch.change(until - loop.time()):
                break

    def _on_advert(self, device: BLEDevice, advert: AdvertisementData) -> None:
        """Take one signal of BlueZ as one sighting, to be delivered with all that came in the same wake-up."""
        try:
            known: Device = device.details[_KNOWN]
            known.again = True
        except KeyError:
            known = self._meet(device)
        properties = advert.platform_data[1]
        manufacturer, services = properties.get("ManufacturerData"), properties.get("ServiceData")
        rssi: int | None = advert.rssi
        if rssi == NO_RSSI:
            if manufacturer is known.manufacturer and services is known.services:
                return  # no advert: BlueZ says that the device is no longer heard
            rssi = None
        kind, identity, power = known.hear(manufacturer, services)
        batch = self._batch
        if not batch:
            self._loop.call_soon(self._flush)
        batch.append(
            _make(
                Sighting,
                (
                    self._clock(),
                    self.receiver,
                    "ble",
                    kind,
                    rssi,
                    identity,
                    power,
                    known.address,
                    known.address_type,
                    None,
                    None,
                    None,
                    None,
                ),
            )
        )
        if len(batch) == MOST_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self.counters["heard"] += len(batch)
            self._deliver(batch)

    def _meet(self, device: BLEDevice) -> Device:
        """Begin to keep what is needed of a device, in bleak's record of it: bleak forgets it when BlueZ does."""
        address = bytes.fromhex(device.address.replace(":", ""))
        random = device.details["props"].get("AddressType") != "public"
        known = device.details[_KNOWN] = Device(address, address_type(address, random=random))
        if len(self._seen) > MOST_DEVICES:
            self._make_room()
        return known

    def _make_room(self) -> None:
        """Forget whoever was met longest ago, but spare each that was heard since until all others had their turn.

        BlueZ is to forget the device too: bleak passes over what it is told of one that it does not know, so only
        as a new one is it heard again.
        """
        manager, seen = _manager(), self._seen
        for _ in range(len(seen)):
            path, (device, _) = next(iter(seen.items()))
            properties = manager._properties.get(path, {}).get("org.bluez.Device1", {})
            if not device.details[_KNOWN].again and not any(map(properties.get, _KEPT)):
                manager._properties.pop(path, None)
                manager._notify_device_removed(path)
                self.counters["forgotten"] += 1
                if self._watch is not None:
                    self._watch.forget(path)
                return
            device.details[_KNOWN].again = False
            seen[path] = seen.pop(path)


def _usable(watch: BlueZWatch, wanted: str | None) -> Adapter:
    """Return the adapter to scan on, or raise why there is none."""
    if not watch.running:
        raise _AdapterError(RadioState.MISSING, "bluetoothd is not running")
    adapter = choose(watch.adapters.values(), wanted)
    if adapter is None:
        name = f"no Bluetooth adapter {wanted}" if wanted else "no Bluetooth adapter for Low Energy"
        raise _AdapterError(RadioState.MISSING, f"there is {name}")
    if adapter.blocked:
        raise _AdapterError(RadioState.OFF, f"{adapter.name} is blocked; `rfkill unblock bluetooth` frees it")
    if not adapter.powered:
        raise _AdapterError(RadioState.OFF, f"{adapter.name} is switched off")
    return adapter


def _lives(watch: BlueZWatch, adapter: Adapter) -> bool:
    """Tell whether the adapter is there and was not off since it was looked at."""
    now = watch.adapters.get(adapter.name)
    return now is not None and now.life == adapter.life


def _explain(error: Exception, adapter: str, kind: Scan) -> _ScanError:
    """Say in plain words why a scan did not begin."""
    match error:
        case BleakDBusError():
            unknown = (RadioState.FAILED, f"BlueZ refuses to scan on {{}}: {error.dbus_error}")
            state, reason = _REFUSALS.get(error.dbus_error, unknown)
        case BleakBluetoothNotAvailableError():
            state, reason = RadioState.DENIED, "the D-Bus system bus refuses this user"
        case BleakError() if kind == "passive":  # BlueZ shows no monitors where experiments are off
            state, reason = _NO_PASSIVE
        case BleakError():  # the one that is left: bleak does not find the adapter
            state, reason = _GONE
        case _:  # D-Bus went away, which dbus-fast and bleak show as one of several types
            state, reason = RadioState.MISSING, "the D-Bus system bus went away"
    return _ScanError(state, reason.format(adapter))


def _manager() -> bleak_manager.BlueZManager:
    """Return what bleak keeps for this loop; it has no name for it, nor a word when its connection to D-Bus ends."""
    return bleak_manager._global_instances[asyncio.get_running_loop()]


def _hang_up() -> None:
    """Close bleak's connection to D-Bus; it opens another when it scans again.

    Only so does BlueZ forget a discovery that was asked for and never answered: it would call each further one
    busy. The scans of other adapters go the same way, and their drivers see it and begin again.
    """
    with suppress(KeyError):
        if bus := _manager()._bus:
            bus.disconnect()


def _connection() -> tuple[Bus, asyncio.Task[None]]:
    """Return bleak's connection to D-Bus, and its task that ends with that."""
    manager = _manager()
    if manager._bus is None or manager._bus_watcher_task is None:
        raise _ScanError(RadioState.MISSING, "the D-Bus system bus went away")
    return manager._bus, manager._bus_watcher_task


def _read_in_gulps(bus: Bus) -> None:
    """Let a connection wake us less often while the air is busy, and not keep us from all else while it floods.

    By itself dbus-fast wakes us for each message, and reads on for as long as there is something to read. Neither it
    nor asyncio has a word for doing otherwise; where another version of theirs hides what is needed, it stays so.
    """
    with suppress(AttributeError, KeyError, ValueError):  # KeyError: it rests, from an earlier scan on the connection
        selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        sock: Any = bus._sock
        reader = selector.get_key(sock).data[0]._callback
        if not isinstance(getattr(reader, "__self__", None), Gulps):
            unmarshaller, take, fail, _ = reader.args
            Gulps(sock, unmarshaller.unmarshall, take, fail)
