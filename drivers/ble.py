"""Bluetooth Low Energy through bleak and BlueZ: scanning that survives what bleak is silent about."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from bleak import BleakScanner
from bleak.args.bluez import BlueZDiscoveryFilters, BlueZScannerArgs, OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.bluezdbus import manager as bleak_manager
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakError

from drivers.advertisement import ADVERT, Meaning, address_type, identify
from drivers.bluez_watch import Adapter, BlueZWatch
from drivers.driver import Clock, Deliver, RadioState, Report, Rung
from drivers.errors import RadioError
from drivers.sighting import AddressType, Sighting

# At DEBUG bleak writes each message from BlueZ, and with it the address of everybody who passes.
logging.getLogger("bleak").setLevel(logging.INFO)

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

_KNOWN: Final = "hushbell"
_SWITCHES: Final = 3
"""How often an adapter that was switched off is asked at once to come on again."""

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


@dataclass(slots=True)
class _Device:
    """What is kept of a device from one advert to the next: bleak's data as they last were, and what they meant."""

    address: bytes
    address_type: AddressType
    manufacturer: Mapping[int, bytes] | None = None
    services: Mapping[str, bytes] | None = None
    by_manufacturer: Meaning = ADVERT
    by_services: Meaning = ADVERT

    def meaning(self, manufacturer: Mapping[int, bytes] | None, services: Mapping[str, bytes] | None) -> Meaning:
        """Return what the newest signal said.

        bleak merges all it was told of a device, so a card that sends iBeacon and Eddystone frames in turn would
        look like an iBeacon always. What the signal brought is what bleak holds in new objects; where it brought no
        data at all, the device is taken for what it last said.
        """
        new, also_new = manufacturer is not self.manufacturer, services is not self.services
        if new and manufacturer != self.manufacturer:
            self.by_manufacturer = identify(manufacturer or {}, {})
        if also_new and services != self.services:
            self.by_services = identify({}, services or {})
        self.manufacturer, self.services = manufacturer, services
        if new is not also_new:
            return self.by_manufacturer if new else self.by_services
        return self.by_services if self.by_manufacturer == ADVERT else self.by_manufacturer


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
        self._deliver: Deliver

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Hear until cancelled, whatever BlueZ, the adapter or D-Bus does."""
        self._deliver = deliver
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
                adapter = _choose(watch, self._wanted)
            except _AdapterError as missing:
                self._asked = None
                report(missing.state, missing.reason)
                await watch.change(self._patience.longest_retry_s)
                continue
            try:
                if self._asked:
                    await self._climb(watch, adapter)
                    continue
                async with self._scan(adapter) as connection:
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
    async def _scan(self, adapter: Adapter) -> AsyncIterator[asyncio.Task[None]]:
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
            yield _connection()
        finally:
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

        Of a passive scan BlueZ says nothing more: it has begun when it was accepted.
        """
        settled = False
        while not connection.done() and not self._asked and _lives(watch, adapter):
            if self._kind == "passive" or watch.adapters[adapter.name].discovering:
                report(RadioState.HEARING, "")
                self._retries = self._patience.retries()
                await watch.change()
                settled = False
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
        """Deliver one signal of BlueZ as one sighting.

        At once: on air as quiet as a shop's each advert is a wake-up of its own, and one more turn of the loop for
        a batch of one costs more than all that is done here.
        """
        known: _Device = device.details.get(_KNOWN) or _meet(device)
        properties = advert.platform_data[1]
        manufacturer, services = properties.get("ManufacturerData"), properties.get("ServiceData")
        rssi: int | None = advert.rssi
        if rssi == NO_RSSI:
            if manufacturer is known.manufacturer and services is known.services:
                return  # no advert: BlueZ says that the device is no longer heard
            rssi = None
        kind, identity, power = known.meaning(manufacturer, services)
        self.counters["heard"] += 1
        self._deliver(
            [
                tuple.__new__(  # a third of the time that the named tuple's own takes
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
            ]
        )


def _choose(watch: BlueZWatch, wanted: str | None) -> Adapter:
    """Return the adapter of that name or address, or the first that is on and can do Low Energy."""
    if not watch.running:
        raise _AdapterError(RadioState.MISSING, "bluetoothd is not running")
    able = [adapter for adapter in watch.adapters.values() if _suits(adapter, wanted)]
    if not able:
        name = f"no Bluetooth adapter {wanted}" if wanted else "no Bluetooth adapter for Low Energy"
        raise _AdapterError(RadioState.MISSING, f"there is {name}")
    adapter = min(able, key=lambda adapter: (not adapter.powered, adapter.name))
    if adapter.blocked:
        raise _AdapterError(RadioState.OFF, f"{adapter.name} is blocked; `rfkill unblock bluetooth` frees it")
    if not adapter.powered:
        raise _AdapterError(RadioState.OFF, f"{adapter.name} is switched off")
    return adapter


def _suits(adapter: Adapter, wanted: str | None) -> bool:
    if wanted is None:
        return adapter.low_energy
    return wanted == adapter.name or wanted.upper() == adapter.address


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


def _meet(device: BLEDevice) -> _Device:
    """Begin to keep what is needed of a device, in bleak's own record of it: bleak forgets it when BlueZ does."""
    address = bytes.fromhex(device.address.replace(":", ""))
    random = device.details["props"].get("AddressType") != "public"
    known = device.details[_KNOWN] = _Device(address, address_type(address, random=random))
    return known


def _hang_up() -> None:
    """Close bleak's connection to D-Bus; it opens another when it scans again.

    Only so does BlueZ forget a discovery that was asked for and never answered: it would call each further one
    busy. The scans of other adapters go the same way, and their drivers see it and begin again.
    """
    manager = bleak_manager._global_instances.get(asyncio.get_running_loop())
    if manager is not None and manager._bus is not None:
        manager._bus.disconnect()


def _connection() -> asyncio.Task[None]:
    """Return bleak's task that ends when its connection to D-Bus does, of which it tells nobody."""
    task = bleak_manager._global_instances[asyncio.get_running_loop()]._bus_watcher_task
    if task is None:
        raise _ScanError(RadioState.MISSING, "the D-Bus system bus went away")
    return task
