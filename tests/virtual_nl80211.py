"""What stands where the kernel's nl80211 will: adapters whose interfaces are TAP devices, with faults on demand.

It takes the messages that the kernel would get, and knows no others.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from pyroute2.netlink.nl80211 import NL80211_VALUES, nl80211cmd
from virtual_wifi import ETHERNET, RADIOTAP, VirtualMonitor

from drivers import netlink
from drivers.netlink import MONITOR, Nl80211

STATION = 2
WITHIN_S = 10.0
RECEIVE_ONLY = netlink._MONITOR_FLAGS


class VirtualNl80211:
    """A kernel with adapters that are plugged in and pulled out. Use it with `with`, which pulls all out.

    `faults` gives, by the name of a command or `connect`, the number of the error it fails with. `sent` keeps what was
    sent through monitor interfaces that are gone.
    """

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        self.forbidden: set[int] = set()  # frequencies
        self.asked: list[str] = []
        self.tuned: list[tuple[str, int]] = []
        self.sent: list[bytes] = []
        self.connected = 0
        self._interfaces: dict[str, tuple[VirtualMonitor, int, int]] = {}  # with phy and kind
        self._phys = 0
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in tuple(self._interfaces):
            self.pull(name)

    def plug(self, name: str = "", kind: int = STATION, phy: int | None = None) -> VirtualMonitor:
        """Plug an adapter in, or with `phy` add an interface to one; the interface is down and on no network."""
        if phy is None:
            self._phys += 1
            phy = os.getpid() % 10**6 * 100 + self._phys
        interface = VirtualMonitor(RADIOTAP if kind == MONITOR else ETHERNET, name)
        interface.create()
        interface.connect(connected=kind == MONITOR)
        self._interfaces[interface.name] = (interface, phy, kind)
        return interface

    def phy_of(self, name: str) -> int:
        return self._interfaces[name][1]

    def unplug(self, name: str) -> None:
        """Pull out the adapter that an interface is of, and all interfaces with it."""
        phy = self.phy_of(name)
        for each in tuple(self._interfaces):
            if self.phy_of(each) == phy:
                self.pull(each)

    def pull(self, name: str) -> None:
        """Take one interface away."""
        interface, _, kind = self._interfaces.pop(name)
        self.sent += interface.sent() if kind == MONITOR else []
        interface.remove()

    def monitors(self) -> list[VirtualMonitor]:
        """Return the interfaces in monitor mode."""
        return [interface for interface, _, kind in self._interfaces.values() if kind == MONITOR]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that was asked makes the condition true."""
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Nl80211]:
        self._note("connect")
        self.connected += 1
        try:
            yield _Line(self)
        finally:
            self.connected -= 1

    def answer(self, command: str, attributes: dict[str, Any]) -> list[nl80211cmd]:
        """Do what a message asks for. Raises OSError as the kernel would, KeyError for what nobody may ask."""
        self._note(command)
        match command:
            case "GET_INTERFACE":
                return [self._describe(name) for name in self._interfaces]
            case "NEW_INTERFACE":
                assert (attributes["IFTYPE"], attributes["MNTR_FLAGS"]) == (MONITOR, RECEIVE_ONLY)
                self.plug(attributes["IFNAME"], MONITOR, attributes["WIPHY"])
            case "DEL_INTERFACE":
                self.pull(socket.if_indextoname(attributes["IFINDEX"]))
            case "SET_CHANNEL":
                self._tune(socket.if_indextoname(attributes["IFINDEX"]), attributes["WIPHY_FREQ"])
            case _:
                raise KeyError(command)
        return []

    def _describe(self, name: str) -> nl80211cmd:
        _, phy, kind = self._interfaces[name]
        answer = nl80211cmd()
        attributes = {"IFINDEX": socket.if_nametoindex(name), "IFNAME": name, "WIPHY": phy, "IFTYPE": kind}
        answer["attrs"] = [[f"NL80211_ATTR_{attribute}", value] for attribute, value in attributes.items()]
        return answer

    def _tune(self, name: str, frequency: int) -> None:
        if frequency in self.forbidden:
            raise OSError(22, "Invalid argument")
        self.tuned.append((name, frequency))

    def _note(self, what: str) -> None:
        self.asked.append(what)
        self._news.set()
        if what in self.faults:
            raise OSError(self.faults[what], os.strerror(self.faults[what]))


class _Line(netlink._Kernel):
    """The driver's own connection, without the socket. The answer comes a moment after the deed."""

    def __init__(self, kernel: VirtualNl80211) -> None:
        self._kernel = kernel

    async def _ask(self, message: nl80211cmd, flags: int = 0) -> list[nl80211cmd]:
        command = NL80211_VALUES[message["cmd"]].removeprefix("NL80211_CMD_")
        attributes = {name.removeprefix("NL80211_ATTR_"): value for name, value in message["attrs"]}
        answer = self._kernel.answer(command, attributes)
        await asyncio.sleep(0)
        return answer
