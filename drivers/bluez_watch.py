"""What bleak does not tell: whether bluetoothd runs, and what became of its adapters."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from types import TracebackType
from typing import Any, Final, Self

from dbus_fast import AuthError, BusType, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

from drivers.driver import RadioState
from drivers.errors import RadioError

ANSWER_S: Final = 5.0
MOST_TO_FORGET: Final = 5000
"""How many devices wait for bluetoothd to forget them; of more it is not asked."""

_BUNCH: Final = 32

_BUS: Final = "org.freedesktop.DBus"
_SERVICE: Final = "org.bluez"
_ADAPTER: Final = "org.bluez.Adapter1"
_MONITORS: Final = "org.bluez.AdvertisementMonitorManager1"
_MONITOR: Final = "org.bluez.AdvertisementMonitor1"
_PROPERTIES: Final = f"{_BUS}.Properties"
_SYSTEMD: Final = "org.freedesktop.systemd1"
_UNIT: Final = "bluetooth.service"
_OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
# Only adapters, by their exact paths: a rule for all objects would wake us for each new device on the air.
_PATHS: Final = tuple(f"/org/bluez/hci{number}" for number in range(16))
_RULES: Final = (
    f"type='signal',sender='{_BUS}',interface='{_BUS}',member='NameOwnerChanged',arg0='{_SERVICE}'",
    f"type='signal',sender='{_SERVICE}',interface='{_BUS}.Properties',member='PropertiesChanged',arg0='{_ADAPTER}'",
    *(f"type='signal',sender='{_SERVICE}',interface='{_OBJECTS}',arg0path='{path}'" for path in _PATHS),
)

Bus = MessageBus
"""A connection to D-Bus."""

Properties = Mapping[str, Any]
"""Property values by name, each a dbus-fast Variant."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A Bluetooth adapter as BlueZ shows it (BlueZ's org.bluez.Adapter).

    `life` is another number each time the adapter was added or switched off: no scan outlives it.
    """

    name: str  # hci0
    life: int
    address: str = ""
    powered: bool = False
    discovering: bool = False
    blocked: bool = False  # by rfkill; BlueZ tells from 5.66 on
    low_energy: bool = True
    passive: bool = False  # could scan passively, when all was last asked for

    def with_properties(self, properties: Properties) -> Adapter:
        """Return the adapter after these properties changed."""
        values = {name: variant.value for name, variant in properties.items()}
        return replace(
            self,
            address=values.get("Address", self.address),
            powered=values.get("Powered", self.powered),
            discovering=values.get("Discovering", self.discovering),
            blocked=values["PowerState"] == "off-blocked" if "PowerState" in values else self.blocked,
            low_energy="central" in values["Roles"] if "Roles" in values else self.low_energy,
        )


def choose(adapters: Iterable[Adapter], wanted: str | None) -> Adapter | None:
    """Return the adapter of that name or address, or for None the first that is on and can do Low Energy."""
    fitting = [adapter for adapter in adapters if _suits(adapter, wanted)]
    return min(fitting, key=lambda adapter: (not adapter.powered, adapter.name), default=None)


def _suits(adapter: Adapter, wanted: str | None) -> bool:
    if wanted is None:
        return adapter.low_energy
    return wanted == adapter.name or wanted.upper() == adapter.address


class QuietBus(MessageBus):
    """A connection to D-Bus whose end is told to whoever waits for an answer, and does no harm.

    dbus-fast keeps the error with what could not be sent too, where nobody reads it, so that asyncio logs it with a
    traceback. Once it has ended, it goes on to use the number of its socket, which may be another socket's by then.
    """

    def send(self, msg: Message) -> asyncio.Future[Any]:  # type: ignore[override]
        """Send a message, whose future may be left unread. Raises BrokenPipeError where the connection has ended."""
        if self._disconnected:
            raise BrokenPipeError
        try:
            sent = super().send(msg)
        except OSError:  # it ended just now, and dbus-fast would wait until there is room again
            sent = self._writer.fut  # type: ignore[union-attr, assignment]
        sent.add_done_callback(_read)
        return sent


def _read(sent: asyncio.Future[Any]) -> None:
    if not sent.cancelled():
        sent.exception()


class BlueZWatch:
    """bluetoothd and its adapters as they are now, followed over a D-Bus connection of its own.

    Use it with `async with`. By itself it asks and listens only; `switch` and `restart_bluetoothd` do what they say.
    Raises `RadioError` on entry and from `change` when D-Bus or bluetoothd cannot be asked.
    """

    def __init__(self) -> None:
        self.adapters: dict[str, Adapter] = {}
        self._owner = ""  # bluetoothd's own name on the bus
        self._stale = True
        self._changed = asyncio.Event()
        self._lives = count(1)
        self.released = False  # a passive scan's monitor, since `monitored`
        self._to_forget: deque[str] = deque()
        self._forgetting: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Tell whether bluetoothd runs."""
        return bool(self._owner)

    async def __aenter__(self) -> Self:
        self._bus = await _connect()
        self._end = asyncio.create_task(self._until_the_end(), name="bluez watch")
        try:
            self._bus.add_message_handler(self._on_message)
            for rule in _RULES:
                await self._ask(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", rule)
            await self._refresh()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def change(self, within_s: float | None = None) -> bool:
        """Wait for a change, at most so long, and then look; tell whether there was one."""
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            self._stale = True
        changed = self._changed.is_set()
        self._changed.clear()
        if self._stale:
            await self._refresh()
        return changed

    def wake(self, _cause: object = None) -> None:
        """Let `change` return, for something that only its caller knows of."""
        self._changed.set()

    async def switch(self, adapter: str, *, on: bool) -> None:
        """Switch an adapter on or off (BlueZ's org.bluez.Adapter, Powered); raises `RadioError` when refused."""
        arguments = [_ADAPTER, "Powered", Variant("b", on)]
        reply = await self._call(_SERVICE, f"/org/bluez/{adapter}", _PROPERTIES, "Set", "ssv", arguments)
        _demand(reply, f"{adapter} cannot be switched {'on' if on else 'off'}")

    async def restart_bluetoothd(self) -> None:
        """Ask systemd to start bluetoothd anew; raises `RadioError` when refused.

        The right to do so for this one unit comes from polkit (systemd's org.freedesktop.systemd1, RestartUnit).
        """
        path, manager = "/org/freedesktop/systemd1", f"{_SYSTEMD}.Manager"
        reply = await self._call(_SYSTEMD, path, manager, "RestartUnit", "ss", [_UNIT, "replace"])
        _demand(reply, "bluetoothd cannot be started anew")

    def forget(self, device: str) -> None:
        """Let bluetoothd forget a device soon (BlueZ's org.bluez.Adapter, RemoveDevice), if it was not slow so far."""
        if len(self._to_forget) < MOST_TO_FORGET:
            self._to_forget.append(device)
            if self._forgetting is None:
                self._forgetting = asyncio.create_task(self._forget(), name="bluez forgets")

    async def _forget(self) -> None:
        """Ask in bunches, with an answer to the last of each: dbus-fast takes a socket that is full for the end."""
        with suppress(RadioError, BrokenPipeError):  # the end of D-Bus is told elsewhere
            while self._to_forget and self._bus.connected:
                *bunch, last = (self._to_forget.popleft() for _ in range(min(len(self._to_forget), _BUNCH)))
                for device in bunch:
                    self._bus.send(self._removal(device, MessageFlag.NO_REPLY_EXPECTED))
                await self._answer(self._removal(last, MessageFlag.NONE))
        self._to_forget.clear()
        self._forgetting = None

    def _removal(self, device: str, flags: MessageFlag) -> Message:
        path = device.rpartition("/")[0]
        return Message(self._owner, path, _ADAPTER, "RemoveDevice", signature="o", body=[device], flags=flags)

    @contextmanager
    def monitored(self, bus: Bus) -> Iterator[None]:
        """Follow a connection that has monitors for passive scans: see when bluetoothd gives one up.

        Of several monitors on one connection each is taken for lost (BlueZ's org.bluez.AdvertisementMonitor, Release).
        """

        def on_call(message: Message) -> None:
            if message.member == "Release" and message.interface == _MONITOR and message.sender == self._owner:
                self.released = True
                self._changed.set()

        self.released = False
        bus.add_message_handler(on_call)
        try:
            yield
        finally:
            bus.remove_message_handler(on_call)

    async def _close(self) -> None:
        self._bus.disconnect()
        await self._end
        if self._forgetting is not None:
            await self._forgetting

    async def _until_the_end(self) -> None:
        with suppress(Exception):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._stale = True
        self._changed.set()

    async def _refresh(self) -> None:
        """Ask for all that is known. bluetoothd is asked by its own name, because asking `org.bluez` may start it."""
        reply = await self._ask(_BUS, "/org/freedesktop/DBus", _BUS, "GetNameOwner", _SERVICE)
        self._see_owner("" if reply is None else reply[0])
        self._stale = False  # now, because what comes while we ask may make it true again
        objects = await self._ask(self._owner, "/", _OBJECTS, "GetManagedObjects") if self._owner else None
        seen = {_name(path): found for path, found in (objects or [{}])[0].items() if _ADAPTER in found}
        for name, interfaces in seen.items():
            self._see(name, interfaces[_ADAPTER])
        self.adapters = {
            name: replace(adapter, passive=_MONITORS in seen[name])
            for name, adapter in self.adapters.items()
            if name in seen
        }

    async def _ask(self, service: str, path: str, interface: str, member: str, *arguments: str) -> list[Any] | None:
        """Return the answer's body, or None where it says that bluetoothd is not there."""
        return _body(await self._call(service, path, interface, member, "s" * len(arguments), list(arguments)))

    async def _call(
        self, service: str, path: str, interface: str, member: str, signature: str, arguments: list[Any]
    ) -> Message:
        """Return the answer to a call, be it an error; raises `RadioError` where there is none."""
        return await self._answer(Message(service, path, interface, member, signature=signature, body=arguments))

    async def _answer(self, message: Message) -> Message:
        """Return the answer to a message, be it an error; raises `RadioError` where there is none."""
        try:
            async with asyncio.timeout(ANSWER_S):
                reply = await self._bus.call(message) if self._bus.connected else None
        except TimeoutError:
            raise RadioError(RadioState.FAILED, "bluetoothd does not answer") from None
        except (OSError, EOFError):
            reply = None
        if reply is None:
            raise RadioError(RadioState.MISSING, "the D-Bus system bus went away")
        return reply

    def _on_message(self, message: Message) -> None:
        """Take a signal. Anybody on the bus may send us one, so the sender and the signature are checked."""
        if message.message_type is not MessageType.SIGNAL:
            return
        body, about, name = message.body, (message.member, message.signature), _name(message.path)
        if message.sender == _BUS:
            if about == ("NameOwnerChanged", "sss") and body[0] == _SERVICE:
                self._see_owner(body[2])
        elif message.sender != self._owner:
            return
        elif about == ("InterfacesAdded", "oa{sa{sv}}") and _ADAPTER in body[1]:
            self._see(body[0], body[1][_ADAPTER])
        elif about == ("InterfacesRemoved", "oas") and _ADAPTER in body[1]:
            self.adapters.pop(_name(body[0]), None)
        elif about == ("PropertiesChanged", "sa{sv}as") and body[0] == _ADAPTER and name in self.adapters:
            self._see(message.path, body[1])
        self._changed.set()

    def _see_owner(self, owner: str) -> None:
        if owner != self._owner:
            self._owner = owner
            self.adapters.clear()
            self._stale = True

    def _see(self, path: str | None, properties: Properties) -> None:
        name = _name(path)
        before = self.adapters.get(name) or Adapter(name, next(self._lives))
        now = before.with_properties(properties)
        if before.powered and not now.powered:
            now = replace(now, life=next(self._lives))
        self.adapters[name] = now


def _name(path: str | None) -> str:
    return (path or "").rpartition("/")[2]


def _body(reply: Message) -> list[Any] | None:
    if reply.message_type is not MessageType.ERROR:
        return list(reply.body)
    error = (reply.error_name or "").rpartition(".")[2]
    if error in ("NameHasNoOwner", "ServiceUnknown", "UnknownObject", "UnknownMethod"):
        return None
    if error in ("AccessDenied", "AuthFailed"):
        raise RadioError(RadioState.DENIED, "no right to ask bluetoothd: the user must be in the group bluetooth")
    raise RadioError(RadioState.FAILED, f"bluetoothd answers with the error {error}")


def _demand(reply: Message, refusal: str) -> None:
    """Raise `RadioError` where the answer is an error."""
    if reply.message_type is not MessageType.ERROR:
        return
    error = (reply.error_name or "").rpartition(".")[2]
    denied = error in ("AccessDenied", "AuthFailed", "InteractiveAuthorizationRequired")
    state = RadioState.DENIED if denied else RadioState.FAILED
    raise RadioError(state, f"{refusal}: {'this user has no right to' if denied else error}")


async def _connect() -> Bus:
    """Return a connection to the system bus, or raise `RadioError`."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await QuietBus(bus_type=BusType.SYSTEM).connect()
    except AuthError:
        raise RadioError(RadioState.DENIED, "the D-Bus system bus refuses this user") from None
    except TimeoutError:
        raise RadioError(RadioState.FAILED, "the D-Bus system bus does not answer") from None
    except Exception:  # no socket, refused, a bad address: dbus-fast has a type for each
        raise RadioError(RadioState.MISSING, "the D-Bus system bus is not running") from None
