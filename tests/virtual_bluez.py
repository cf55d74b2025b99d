"""A virtual Bluetooth radio: an `org.bluez` on a private D-Bus that behaves as bluetoothd does, faults included.

What it copies of BlueZ (src/adapter.c, src/device.c; 5.66 to 5.87), because a scanner can tell the difference:
a session belongs to a D-Bus client, begins when StartDiscovery is asked for and not when it is answered, and ends
with the client's connection; without power there is NotReady; a known device is signalled by what changed alone;
RSSI is signalled when it moved by 8 dB, or always while a discovery filter is set; data that did not change is
signalled when DuplicateData is asked for; when the last session ends, RSSI is taken back. A passive scan
(src/adv_monitor.c) is a client's object with patterns: it counts from when that object appears after it was
registered, and hears only what a pattern matches; it ends when bluetoothd releases it. A frozen adapter says that all
is well and hears nothing.
"""

from __future__ import annotations

import asyncio
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from bleak.backends.bluezdbus import manager as bleak_manager
from dbus_fast import Message, MessageFlag, MessageType, NameFlag, Variant
from dbus_fast.aio import MessageBus

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
MONITOR = "org.bluez.AdvertisementMonitor1"
MONITORS = "org.bluez.AdvertisementMonitorManager1"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
UNKNOWN_OBJECT = "org.freedesktop.DBus.Error.UnknownObject"
UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"
IN_PROGRESS = "org.bluez.Error.InProgress"
NOT_READY = "org.bluez.Error.NotReady"
FAILED = "org.bluez.Error.Failed"

_SIGNALLED_STEP_DB = 8

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """A dbus-daemon of our own; `address` belongs into DBUS_SYSTEM_BUS_ADDRESS. Use it with `with`."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="bus"))
        self._socket = self._folder / "bus"
        self.address = f"unix:path={self._socket}"
        (self._folder / "conf").write_text(_CONFIGURATION.format(socket=self._socket))
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start the daemon and wait until it listens."""
        command = ["dbus-daemon", f"--config-file={self._folder}/conf", "--nofork", "--nopidfile", "--print-address=1"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "dbus-daemon did not start"

    def stop(self) -> None:
        """Stop the daemon, and with it each connection."""
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait(5)
        self._process.stdout.close()
        self._socket.unlink(missing_ok=True)

    def is_busy(self) -> bool:
        """Tell whether the daemon has something to do; what it is sent wakes it before who sent that goes on."""
        try:
            state = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state in "RD"

    def freeze(self) -> None:
        """Let the daemon answer nothing until `thaw`."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class _PatientSocket:
    """Waits for room where dbus-fast would take a full socket for the end of the bus."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def send(self, data: bytes) -> int:
        while True:
            try:
                return self._socket.send(data)
            except BlockingIOError:
                select.select([], [self._socket], [], 5)


Pattern = tuple[int, int, bytes]
"""Where in which AD structure what must stand."""

Thaw = Literal["rescan", "power-cycle", "restart"]
"""What it takes to bring a frozen adapter back."""


@dataclass
class _Radio:
    """What an adapter is told by its clients, by their names on the bus."""

    filters: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    monitors: dict[tuple[str, str], list[Pattern] | None] = field(default_factory=dict)  # by client and path
    doomed: set[tuple[str, str]] = field(default_factory=set)  # monitors that are released instead of activated
    frozen_until: Thaw | None = None

    def begin(self, client: str) -> None:
        """Scan for a client."""
        self.sessions.add(client)
        if self.frozen_until == "rescan":
            self.frozen_until = None

    def matches(self, structures: Sequence[tuple[int, bytes]]) -> bool:
        """Tell whether a monitor that is active lets these AD structures through."""
        patterns = [pattern for monitor in self.monitors.values() for pattern in monitor or ()]
        return any(
            kind == wanted and data[at : at + len(content)] == content
            for at, wanted, content in patterns
            for kind, data in structures
        )


@dataclass(frozen=True)
class Fault:
    """What is wrong with one call: it is refused, or has its effect and no answer, or its answer and no scan."""

    error: str | None = None
    answered: bool = True
    scans: bool = True


HANG = Fault(answered=False, scans=False)


class VirtualBlueZ:
    """bluetoothd on the bus at `address`. Use it with `async with`; on exit it dies, as by SIGKILL."""

    def __init__(self, address: str) -> None:
        self.calls: list[str] = []
        self.activated = asyncio.Event()  # a passive scan has begun
        self._called = asyncio.Event()
        self._address = address
        self._objects: dict[str, dict[str, dict[str, Variant]]] = {}
        self._radios: dict[str, _Radio] = {}
        self._faults: dict[str, deque[Fault]] = {}

    async def __aenter__(self) -> Self:
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus._writer.sock = _PatientSocket(self._bus._sock)  # type: ignore[union-attr, arg-type]
        self._bus.add_message_handler(self._on_message)
        for rule in (
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'",
            f"type='signal',interface='{OBJECTS}',member='InterfacesAdded'",
        ):
            await self._ask_bus("AddMatch", rule)
        await self._bus.request_name("org.bluez", NameFlag.DO_NOT_QUEUE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.disconnect()
        await asyncio.gather(self._bus.wait_for_disconnect(), return_exceptions=True)  # type: ignore[no-untyped-call]

    async def _ask_bus(self, member: str, *arguments: str) -> None:
        service, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
        signature, body = "s" * len(arguments), list(arguments)
        await self._bus.call(Message(service, path, service, member, signature=signature, body=body))

    # What the test does to it.

    async def settled(self) -> None:
        """Wait until the bus has passed on all that was said so far."""
        await self._ask_bus("GetId")

    def fail(self, member: str, *faults: Fault) -> None:
        """Let the next calls of a method meet these faults, one each."""
        self._faults.setdefault(member, deque()).extend(faults)

    async def called(self, member: str, times: int = 1) -> None:
        """Wait until a method was called so often."""
        while self.calls.count(member) < times:
            self._called.clear()
            await self._called.wait()

    def add_adapter(
        self,
        name: str = "hci0",
        *,
        address: str = "DC:A6:32:00:00:01",
        powered: bool = True,
        blocked: bool = False,
        experimental: bool = False,
    ) -> None:
        """Plug in an adapter; with BlueZ's experiments on it can scan passively."""
        state = "off-blocked" if blocked else "on" if powered else "off"
        properties = {
            "Address": Variant("s", address),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", "virtual"),
            "Alias": Variant("s", "virtual"),
            "Powered": Variant("b", powered),
            "PowerState": Variant("s", state),
            "Discovering": Variant("b", False),
            "Roles": Variant("as", ["central", "peripheral"]),
            "UUIDs": Variant("as", []),
        }
        self._radios[_path(name)] = _Radio()
        self._add(_path(name), ADAPTER, properties, also=(MONITORS,) if experimental else ())

    def remove_adapter(self, name: str = "hci0") -> None:
        """Unplug an adapter."""
        for path in [path for path in self._objects if path.startswith(f"{_path(name)}/")]:
            self._remove(path, DEVICE)
        del self._radios[_path(name)]
        self._remove(_path(name), ADAPTER)

    def power(self, name: str = "hci0", *, on: bool) -> None:
        """Switch an adapter on or off; off, it forgets its sessions."""
        changes = {"Powered": Variant("b", on), "PowerState": Variant("s", "on" if on else "off")}
        if not on:
            self._end(_path(name))
        self._change(_path(name), ADAPTER, changes)

    def block(self, name: str = "hci0") -> None:
        """Block an adapter as rfkill does; switched on it is free again."""
        self.power(name, on=False)
        self._change(_path(name), ADAPTER, {"PowerState": Variant("s", "off-blocked")})

    def freeze(self, name: str = "hci0", *, until: Thaw) -> None:
        """Let an adapter hear nothing and say nothing of that."""
        self._radios[_path(name)].frozen_until = until

    def scan_for_another(self, name: str = "hci0") -> None:
        """Let some other client scan on an adapter."""
        self._radios[_path(name)].sessions.add("another")
        self._change(_path(name), ADAPTER, {"Discovering": Variant("b", True)})

    def leave_to_us(self, name: str = "hci0") -> None:
        """Let the other client scan no more."""
        self._leave(_path(name), "another")

    def release(self, name: str = "hci0") -> None:
        """Give up each passive scan on an adapter."""
        radio = self._radios[_path(name)]
        for client, path in radio.monitors:
            self._release(client, path)
        radio.monitors.clear()

    def stop_scanning(self, name: str = "hci0") -> None:
        """Let the adapter end its scan although nobody asked for that."""
        self._end(_path(name))

    def advertise(
        self,
        address: str,
        rssi: int,
        *,
        manufacturer: Mapping[int, bytes] | None = None,
        services: Mapping[str, bytes] | None = None,
        name: str | None = None,
        random: bool = True,
        paired: bool = False,
        adapter: str = "hci0",
    ) -> None:
        """Let an advert arrive at the antenna."""
        radio = self._radios.get(_path(adapter))
        if radio is None or radio.frozen_until:
            return
        if not radio.sessions and not radio.matches(_structures(manufacturer, services, name)):
            return
        filters = [radio.filters[client] for client in radio.sessions if client in radio.filters]
        if any(rssi < each.get("RSSI", -127) for each in filters):
            return
        heard = _heard(manufacturer, services, name)
        path = f"{_path(adapter)}/dev_{address.replace(':', '_')}"
        if path not in self._objects:
            fixed = _new_device(address, random=random, name=name, adapter=_path(adapter))
            fixed["Paired"] = Variant("b", paired)
            self._add(path, DEVICE, {**fixed, "RSSI": Variant("n", rssi), **heard})
            return
        known = self._objects[path][DEVICE]
        repeated = any(each.get("DuplicateData") for each in filters)
        changes = {key: value for key, value in heard.items() if repeated or known.get(key) != value}
        step = 0 if filters else _SIGNALLED_STEP_DB
        if "RSSI" not in known or abs(known["RSSI"].value - rssi) >= step:
            changes["RSSI"] = Variant("n", rssi)
        if changes:
            self._change(path, DEVICE, changes)

    def knows(self, address: str, adapter: str = "hci0") -> bool:
        """Tell whether it keeps a device."""
        return f"{_path(adapter)}/dev_{address.replace(':', '_')}" in self._objects

    # What bluetoothd does.

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        message = Message(
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
            message_type=MessageType.SIGNAL,
        )
        self._bus.send(message)

    def _add(self, path: str, interface: str, properties: dict[str, Variant], also: Sequence[str] = ()) -> None:
        self._objects[path] = {interface: properties, **{each: {} for each in also}}
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, self._objects[path]])

    def _remove(self, path: str, interface: str) -> None:
        del self._objects[path]
        self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [path, [interface]])

    def _change(self, path: str, interface: str, changes: dict[str, Variant], gone: Sequence[str] = ()) -> None:
        properties = self._objects[path][interface]
        properties.update(changes)
        for key in gone:
            del properties[key]
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changes, list(gone)])

    def _end(self, path: str) -> None:
        """End an adapter's scan with all its sessions."""
        self._radios[path].sessions.clear()
        if not self._objects[path][ADAPTER]["Discovering"].value:
            return
        for device, interfaces in self._objects.items():
            if device.startswith(f"{path}/") and "RSSI" in interfaces[DEVICE]:
                self._change(device, DEVICE, {}, ["RSSI"])
        self._change(path, ADAPTER, {"Discovering": Variant("b", False)})

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
            name, _, owner = message.body
            if name.startswith(":") and not owner:
                self._client_left(name)
        if message.message_type is MessageType.SIGNAL and message.member == "InterfacesAdded":
            self._activate(str(message.sender), *message.body)
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        self.calls.append(str(message.member))
        self._called.set()
        faults = self._faults.get(str(message.member))
        fault = faults.popleft() if faults else Fault()
        answer = Message.new_error(message, fault.error, "at fault") if fault.error else self._answer(message, fault)
        return answer if fault.answered and not message.flags & MessageFlag.NO_REPLY_EXPECTED else True

    def _client_left(self, client: str) -> None:
        for path, radio in self._radios.items():
            radio.filters.pop(client, None)
            radio.monitors = {key: value for key, value in radio.monitors.items() if key[0] != client}
            self._leave(path, client)

    def _activate(self, client: str, path: str, interfaces: dict[str, dict[str, Variant]]) -> None:
        """Take a monitor's patterns when the object that was registered appears."""
        for radio in self._radios.values():
            if (client, path) in radio.doomed:
                radio.doomed.discard((client, path))
                del radio.monitors[client, path]
                self._release(client, path)
            elif (client, path) in radio.monitors and MONITOR in interfaces:
                patterns = interfaces[MONITOR]["Patterns"].value
                radio.monitors[client, path] = [(at, kind, bytes(content)) for at, kind, content in patterns]
                self.activated.set()

    def _release(self, client: str, path: str) -> None:
        self._bus.send(Message(client, path, MONITOR, "Release", flags=MessageFlag.NO_REPLY_EXPECTED))

    def _leave(self, path: str, client: str) -> None:
        sessions = self._radios[path].sessions
        sessions.discard(client)
        if not sessions:
            self._end(path)

    def _answer(self, message: Message, fault: Fault) -> Message:
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects])
        radio = self._radios.get(str(message.path))
        if radio is None:
            return Message.new_error(message, UNKNOWN_OBJECT, "no such object")
        return self._obey(message, radio, fault)

    def _obey(self, message: Message, radio: _Radio, fault: Fault) -> Message:
        """Do what an adapter is told."""
        adapter = self._objects[str(message.path)][ADAPTER]
        client = str(message.sender)
        if message.interface == PROPERTIES and message.member == "Set":
            return self._set_powered(message, on=message.body[2].value)
        if message.interface == MONITORS:
            return self._monitor(message, radio, fault)
        if not adapter["Powered"].value:
            return Message.new_error(message, NOT_READY, "Resource Not Ready")
        match message.member:
            case "RemoveDevice":
                return self._forget(message, message.body[0])
            case "SetDiscoveryFilter":
                radio.filters[client] = {key: value.value for key, value in message.body[0].items()}
            case "StartDiscovery" if client in radio.sessions:
                return Message.new_error(message, IN_PROGRESS, "Operation already in progress")
            case "StartDiscovery":
                radio.begin(client)
                if fault.scans and not adapter["Discovering"].value:
                    self._change(str(message.path), ADAPTER, {"Discovering": Variant("b", True)})
            case "StopDiscovery" if client not in radio.sessions:
                return Message.new_error(message, FAILED, "No discovery started")
            case "StopDiscovery":
                self._leave(str(message.path), client)
            case _:
                return Message.new_error(message, UNKNOWN_METHOD, "no such method")
        return Message.new_method_return(message)

    def _forget(self, message: Message, device: str) -> Message:
        if device not in self._objects:
            return Message.new_error(message, "org.bluez.Error.DoesNotExist", "Does Not Exist")
        self._remove(device, DEVICE)
        return Message.new_method_return(message)

    def _set_powered(self, message: Message, *, on: bool) -> Message:
        """Obey Powered, the one property that anybody sets."""
        path = str(message.path)
        if self._objects[path][ADAPTER]["PowerState"].value == "off-blocked":
            return Message.new_error(message, FAILED, "blocked")
        if not on and self._radios[path].frozen_until == "power-cycle":
            self._radios[path].frozen_until = None
        self.power(path.rpartition("/")[2], on=on)
        return Message.new_method_return(message)

    def _monitor(self, message: Message, radio: _Radio, fault: Fault) -> Message:
        """Register or forget a monitor; without power too, since bluetoothd keeps it for later."""
        if MONITORS not in self._objects[str(message.path)]:
            return Message.new_error(message, UNKNOWN_METHOD, "no such interface")
        key = (str(message.sender), message.body[0])
        if message.member == "RegisterMonitor":
            radio.monitors[key] = None
            if not fault.scans:
                radio.doomed.add(key)
        elif radio.monitors.pop(key, ()) == ():
            return Message.new_error(message, "org.bluez.Error.DoesNotExist", "no such monitor")
        return Message.new_method_return(message)


class VirtualSystemd:
    """systemd as far as it starts bluetoothd anew; `denied` as polkit denies it. Use it with `async with`."""

    def __init__(self, address: str, *, denied: bool = False) -> None:
        self.restarted: list[str] = []
        self._address = address
        self._denied = denied

    async def __aenter__(self) -> Self:
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.add_message_handler(self._on_message)
        await self._bus.request_name("org.freedesktop.systemd1", NameFlag.DO_NOT_QUEUE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.disconnect()
        await asyncio.gather(self._bus.wait_for_disconnect(), return_exceptions=True)  # type: ignore[no-untyped-call]

    def _on_message(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL or message.member != "RestartUnit":
            return None
        if self._denied:
            error = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
            return Message.new_error(message, error, "Interactive authentication required.")
        self.restarted.append(message.body[0])
        return Message.new_method_return(message, "o", ["/org/freedesktop/systemd1/job/1"])


def _path(adapter: str) -> str:
    return f"/org/bluez/{adapter}"


def _structures(
    manufacturer: Mapping[int, bytes] | None, services: Mapping[str, bytes] | None, name: str | None
) -> list[tuple[int, bytes]]:
    """Return an advert's AD structures, type and data; no flags, as a beacon that accepts no connection has none."""
    found = [(0xFF, company.to_bytes(2, "little") + data) for company, data in (manufacturer or {}).items()]
    found += [(0x16, bytes.fromhex(uuid[4:8])[::-1] + data) for uuid, data in (services or {}).items()]
    return found if name is None else [*found, (0x09, name.encode())]


def _heard(
    manufacturer: Mapping[int, bytes] | None, services: Mapping[str, bytes] | None, name: str | None
) -> dict[str, Variant]:
    heard: dict[str, Variant] = {}
    if manufacturer is not None:
        values = {company: Variant("ay", data) for company, data in manufacturer.items()}
        heard["ManufacturerData"] = Variant("a{qv}", values)
    if services is not None:
        heard["ServiceData"] = Variant("a{sv}", {uuid: Variant("ay", data) for uuid, data in services.items()})
    if name is not None:
        heard["Name"] = Variant("s", name)
    return heard


def _new_device(address: str, *, random: bool, name: str | None, adapter: str) -> dict[str, Variant]:
    return {
        "Address": Variant("s", address),
        "AddressType": Variant("s", "random" if random else "public"),
        "Alias": Variant("s", name or address.replace(":", "-")),
        "Paired": Variant("b", False),
        "Connected": Variant("b", False),
        "UUIDs": Variant("as", []),
        "Adapter": Variant("o", adapter),
        "ServicesResolved": Variant("b", False),
    }


async def forget_bleak() -> None:
    """Close the D-Bus connection that bleak keeps for this loop, which only the end of a process closes otherwise."""
    manager = bleak_manager._global_instances.pop(asyncio.get_running_loop(), None)
    if manager is not None and manager._bus is not None and manager._bus_watcher_task is not None:
        manager._bus.disconnect()
        await manager._bus_watcher_task
