"""Wi-Fi management frames through a scapy capture socket on an interface in monitor mode, channel by channel."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import socket
from collections import Counter
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from functools import partial
from struct import pack, unpack
from typing import Final

from scapy.arch.linux import L2ListenSocket

from drivers import links
from drivers.channels import DWELL_S
from drivers.dot11 import decode_radiotap_frame
from drivers.driver import Clock, Deliver, RadioState, Report, Rung
from drivers.errors import RadioError
from drivers.monitor import is_monitor, own_monitor, refuse_own_network, switch_off
from drivers.netlink import Connect, Nl80211, connect
from drivers.tuner import Tuner

RETRY_S: Final = 1.0
NO_NL80211: Final = "the kernel's nl80211 cannot be reached, so the channel stays as it is"
MOST_FRAMES: Final = 64
"""Frames taken in one wake-up, so that a flood leaves the loop time for others."""

# scapy warns that it cannot dissect what it is not asked to dissect.
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

log = logging.getLogger(__name__)

_EVERY_PROTOCOL: Final = 0x0003  # ETH_P_ALL
_SO_ATTACH_FILTER: Final = 26
_SO_RCVBUFFORCE: Final = 33
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_BUFFER_BYTES: Final = 1 << 20
_MOST_BYTES: Final = 4096

# The first byte of an 802.11 header: version 0, type management, then the subtype (IEEE 802.11-2020, 9.2.4.1).
_ASSOCIATION_REQUEST: Final = 0x00
_REASSOCIATION_REQUEST: Final = 0x20
_PROBE_REQUEST: Final = 0x40
_AUTHENTICATION: Final = 0xB0
_HEADER_BYTES: Final = 24  # of a management frame (9.3.3.1)
_FILTER: Final = (
    # The length of the radiotap header is little-endian; the kernel's loads are not.
    (0x30, 0, 0, 3),  # ldb [3]
    (0x64, 0, 0, 8),  # lsh #8
    (0x07, 0, 0, 0),  # tax
    (0x30, 0, 0, 2),  # ldb [2]
    (0x4C, 0, 0, 0),  # or x
    (0x07, 0, 0, 0),  # tax
    (0x50, 0, 0, 0),  # ldb [x + 0]
    (0x15, 3, 0, _PROBE_REQUEST),  # jeq #..., accept
    (0x15, 2, 0, _AUTHENTICATION),
    (0x15, 1, 0, _ASSOCIATION_REQUEST),
    (0x15, 0, 3, _REASSOCIATION_REQUEST),  # jeq #..., accept, refuse
    # Accept, and cut after the 802.11 header: a stranger's SSID stays in the kernel.
    (0x87, 0, 0, 0),  # txa
    (0x04, 0, 0, _HEADER_BYTES),  # add #24
    (0x16, 0, 0, 0),  # ret a
    (0x06, 0, 0, 0),  # ret #0
)


@dataclass(frozen=True, slots=True)
class Air:
    """What to listen to: channels in turn (none: as the interface is set), each for a while, and whose networks."""

    channels: tuple[int, ...] = ()
    dwell_s: float = DWELL_S
    bssids: frozenset[bytes] = frozenset()  # of the shop's own access points; none: not known


class WifiDriver:
    """Hears what stations send to find or join a network; never sends.

    An interface that is in monitor mode is used as it is; beside any other the driver makes one of its own. Frames
    bear the time at which they were taken from the kernel. `dropped` counts those that the kernel had no room for.
    """

    rungs = tuple(Rung)

    def __init__(
        self,
        receiver: str,
        interface: str,
        clock: Clock,
        air: Air | None = None,
        *,
        retry_s: float = RETRY_S,
        connect: Connect = connect,
    ) -> None:
        self.receiver = receiver
        self.counters: Counter[str] = Counter()
        self._interface = interface
        self._clock = clock
        self._air = air or Air()
        self._retry_s = retry_s
        self._connect = connect
        self._asked: Rung | None = None
        self._over: asyncio.Future[None] | None = None  # ends the capture
        self._is_dark = False  # an interface that we set down has not come up again

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Hear until cancelled; an interface that went away, down or astray is taken anew when it can be.

        A reason beside `HEARING` says why the channels are not all listened to.
        """
        report(RadioState.STARTING, f"looking for the interface {self._interface}")
        while True:
            try:
                await self._listen(deliver, report)
            except (OSError, ValueError, RadioError) as error:
                trouble = _explain(error, self._interface)
                report(trouble.state, trouble.reason)
                if rung := self._begin():
                    self._refuse(rung, trouble.reason)
                await asyncio.sleep(self._retry_s)

    def recover(self, rung: Rung) -> None:
        """Ask for a rung; `run` ends the capture, does it, and captures again."""
        self._asked = rung
        if self._over and not self._over.done():
            self._over.set_result(None)

    async def _listen(self, deliver: Deliver, report: Report) -> None:
        """Deliver frames until that fails, and raise why, or until an interface of our own is to be made anew."""
        ready, channels = is_monitor(self._interface), self._air.channels
        if ready:
            await refuse_own_network((self._interface,), self._interface)
        async with AsyncExitStack() as stack:
            nl80211 = await self._reach(stack) if channels or not ready else None
            name = self._interface if ready else await stack.enter_async_context(own_monitor(nl80211, self._interface))
            while True:
                self._climb(name, remade=not ready)
                with closing(_open(name)) as capture:
                    report(RadioState.HEARING, NO_NL80211 if channels and nl80211 is None else "")
                    await self._hear(capture, deliver, self._tuner(nl80211, name, report))
                if self._asked is Rung.RESTART and not ready:
                    return

    def _begin(self) -> Rung | None:
        """Return what was asked for, and count it."""
        rung, self._asked = self._asked, None
        if rung:
            self.counters[str(rung)] += 1
        return rung

    def _climb(self, name: str, *, remade: bool) -> None:
        """Do what was asked for before capturing again; what was `remade` at the start needs nothing more."""
        match self._begin():
            case Rung.POWER_CYCLE:
                self._switch_off(name)
            case Rung.RESTART if not remade:
                self._refuse(Rung.RESTART, f"{name} was in monitor mode before us, so it is not ours to make anew")
        if self._is_dark:
            links.set_up(name)
            self._is_dark = False

    def _switch_off(self, name: str) -> None:
        try:
            switch_off(name)
            self._is_dark = True
        except (OSError, RadioError) as error:
            self._refuse(Rung.POWER_CYCLE, _explain(error, name).reason)

    def _refuse(self, rung: Rung, reason: str) -> None:
        self.counters[f"{rung}-refused"] += 1
        log.warning("receiver %s: %s", self.receiver, reason)

    async def _reach(self, stack: AsyncExitStack) -> Nl80211 | None:
        try:
            return await stack.enter_async_context(self._connect())
        except OSError:
            return None

    def _tuner(self, nl80211: Nl80211 | None, name: str, report: Report) -> Tuner | None:
        if nl80211 is None or not self._air.channels:
            return None
        tune = partial(nl80211.tune, socket.if_nametoindex(name))
        return Tuner(tune, self._air.channels, self._air.dwell_s, partial(report, RadioState.HEARING))

    async def _hear(self, capture: L2ListenSocket, deliver: Deliver, tuner: Tuner | None) -> None:
        """Deliver frames until a rung is asked for, or the socket or the tuner fails, and raise its error."""
        loop = asyncio.get_running_loop()
        self._over = over = loop.create_future()
        tuning: set[asyncio.Future[None]] = set()
        if tuner:
            tuning.add(asyncio.create_task(tuner.run(), name=f"tuner {self.receiver}"))
        loop.add_reader(capture.fileno(), self._take, capture, deliver, over)
        try:
            ended, _ = await asyncio.wait({over, *tuning}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(capture.fileno())
            self._count_drops(capture.ins)
            for task in tuning:
                task.cancel()
            await asyncio.gather(*tuning, return_exceptions=True)
        if errors := [error for end in ended if (error := end.exception())]:
            raise errors[0]

    def _take(self, capture: L2ListenSocket, deliver: Deliver, over: asyncio.Future[None]) -> None:
        """Take what the kernel has, at most `MOST_FRAMES`."""
        now, own = self._clock(), self._air.bssids
        sightings = []
        try:
            for _ in range(MOST_FRAMES):
                _, frame, _ = capture.recv_raw(_MOST_BYTES)
                sighting = decode_radiotap_frame(now, self.receiver, frame or b"", self.counters, own)
                if sighting is not None:
                    sightings.append(sighting)
            self._count_drops(capture.ins)
        except BlockingIOError:
            pass
        except OSError as error:
            if not over.done():
                over.set_exception(error)
        if sightings:
            self.counters["heard"] += len(sightings)
            deliver(sightings)

    def _count_drops(self, sock: socket.socket) -> None:
        """Add what the kernel dropped since it was last asked (packet(7), PACKET_STATISTICS)."""
        _, dropped = unpack("II", sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        if dropped:
            self.counters["dropped"] += dropped


def _open(interface: str) -> L2ListenSocket:
    """Return a capture socket that gives only frames of this interface that passed the filter.

    scapy's own way would receive from every interface until it is bound, and compile the filter with libpcap; with
    protocol 0 it receives nothing until it is bound again.
    """
    socket.if_nametoindex(interface)
    capture = L2ListenSocket(iface=interface, type=0, promisc=False, nofilter=1)
    try:
        _bind(capture.ins, interface)
    except BaseException:
        capture.close()
        raise
    return capture


def _bind(sock: socket.socket, interface: str) -> None:
    link = sock.getsockname()[3]
    if link != links.RADIOTAP:
        raise RadioError(
            RadioState.FAILED, f"{interface} is not in monitor mode (link type {link}, not {links.RADIOTAP})"
        )
    sock.setblocking(False)
    _make_room(sock)
    _attach_filter(sock)
    sock.bind((interface, _EVERY_PROTOCOL))
    down = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if down:
        raise OSError(down, "")


def _make_room(sock: socket.socket) -> None:
    """Let the kernel keep some 2,000 frames for us, where we may beyond net.core.rmem_max (socket(7))."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)


def _attach_filter(sock: socket.socket) -> None:
    """Give the kernel the filter as a `struct sock_fprog` (linux/filter.h)."""
    program = b"".join(pack("HBBI", *instruction) for instruction in _FILTER)
    buffer = ctypes.create_string_buffer(program, len(program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pack("HP", len(_FILTER), ctypes.addressof(buffer)))


def _explain(error: Exception, interface: str) -> RadioError:
    """Say in plain words what the kernel's or scapy's error means."""
    if isinstance(error, RadioError):
        return error
    if isinstance(error, PermissionError):
        return RadioError(RadioState.DENIED, f"no right to capture on {interface}: the service needs CAP_NET_RAW")
    number = getattr(error, "errno", None) or errno.ENODEV  # what says "no such name" bears no number
    if number == errno.ENETDOWN:
        return RadioError(RadioState.OFF, f"{interface} is down; `ip link set {interface} up` starts it")
    if number == errno.ERFKILL:
        return RadioError(RadioState.OFF, f"the radio of {interface} is blocked; `rfkill unblock wlan` frees it")
    if number == errno.EBUSY:
        return RadioError(RadioState.BUSY, f"the radio of {interface} is in use for something else")
    if number in (errno.ENODEV, errno.ENXIO):
        return RadioError(RadioState.MISSING, f"there is no interface {interface}")
    return RadioError(
        RadioState.FAILED, f"capture on {interface} fails with the error {errno.errorcode.get(number, number)}"
    )
