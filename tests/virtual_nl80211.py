"""What stands where the kernel's nl80211 will: adapters whose interfaces are TAP devices, with faults on demand."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from virtual_wifi import ETHERNET, RADIOTAP, VirtualMonitor

from drivers.nl80211 import MONITOR, Interface, Nl80211

STATION = 2
WITHIN_S = 10.0


class VirtualNl80211:
    """A kernel with adapters that are plugged in and pulled out. Use it with `with`, which pulls all out.

    `faults` gives, by the name of a method or `connect`, the number of the error it fails with.
    """

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        self.forbidden: set[int] = set()  # frequencies
        self.tuned: list[tuple[str, int]] = []
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
        self._interfaces.pop(name)[0].remove()

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
        self._asked("connect")
        self.connected += 1
        try:
            yield self
        finally:
            self.connected -= 1

    async def interfaces(self) -> list[Interface]:
        self._asked("interfaces")
        return [
            Interface(socket.if_nametoindex(name), name, phy, kind) for name, (_, phy, kind) in self._interfaces.items()
        ]

    async def add_monitor(self, phy: int, name: str) -> None:
        self._asked("add_monitor")
        self.plug(name, MONITOR, phy)

    async def remove(self, interface: int) -> None:
        self._asked("remove")
        self.pull(socket.if_indextoname(interface))

    async def tune(self, interface: int, frequency: int) -> None:
        self._asked("tune")
        if frequency in self.forbidden:
            raise OSError(22, "Invalid argument")
        self.tuned.append((socket.if_indextoname(interface), frequency))

    def _asked(self, what: str) -> None:
        self._news.set()
        if what in self.faults:
            raise OSError(self.faults[what], os.strerror(self.faults[what]))
