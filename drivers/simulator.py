"""A virtual antenna: frames from another process's world, decoded as if they had come from the air.

The world listens on a Unix socket of type SOCK_SEQPACKET, and each packet is one frame as a capture would hold it.
Its first byte tells the radio: 4 is an HCI event (H4's packet indicator, Core Spec Vol 4 Part A, 2), 0 begins an
802.11 frame with a radiotap header (its version).
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from drivers.advertisement import decode_hci_event
from drivers.dot11 import decode_radiotap_frame
from drivers.driver import Clock, Deliver, RadioState, Report
from drivers.sighting import Sighting

RETRY_S: Final = 0.5
MOST_FRAMES: Final = 64
"""Frames taken in one wake-up, so that a flood leaves the loop time for others."""

_HCI_EVENT: Final = 0x04
_RADIOTAP: Final = 0x00
_MOST_BYTES: Final = 4096
_TAKEN_WITHIN_S: Final = 1.0


class SimulatorDriver:
    """Hears whatever is sent from the antenna at `path`; without one the radio is missing."""

    def __init__(self, receiver: str, path: Path, clock: Clock, retry_s: float = RETRY_S) -> None:
        self.receiver = receiver
        self.counters: Counter[str] = Counter()
        self._path = path
        self._clock = clock
        self._retry_s = retry_s

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Hear until cancelled; an antenna that vanished is looked for until it returns."""
        report(RadioState.STARTING, "looking for the antenna")
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as radio, suppress(OSError):
                radio.setblocking(False)
                await asyncio.get_running_loop().sock_connect(radio, str(self._path))
                report(RadioState.HEARING, "")
                await self._hear(radio, deliver)
            report(RadioState.MISSING, f"no antenna listens at {self._path}")
            await asyncio.sleep(self._retry_s)

    async def _hear(self, radio: socket.socket, deliver: Deliver) -> None:
        """Deliver frames until the antenna vanishes."""
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()
        loop.add_reader(radio, self._take, radio, deliver, gone)
        try:
            await gone
        finally:
            loop.remove_reader(radio)

    def _take(self, radio: socket.socket, deliver: Deliver, gone: asyncio.Future[None]) -> None:
        """Take what has arrived, at most `MOST_FRAMES`."""
        now = self._clock()
        sightings: list[Sighting] = []
        with suppress(BlockingIOError):
            for _ in range(MOST_FRAMES):
                frame = _receive(radio)
                if not frame:
                    if not gone.done():
                        gone.set_result(None)
                    break
                sightings += self._decode(now, frame)
        if sightings:
            self.counters["heard"] += len(sightings)
            deliver(sightings)

    def _decode(self, now: float, frame: bytes) -> list[Sighting]:
        if frame[0] == _HCI_EVENT:
            return decode_hci_event(now, self.receiver, frame, self.counters)
        if frame[0] == _RADIOTAP:
            sighting = decode_radiotap_frame(now, self.receiver, frame, self.counters)
            return [] if sighting is None else [sighting]
        self.counters["other"] += 1
        return []


def _receive(radio: socket.socket) -> bytes:
    """Return a frame; nothing when the antenna is gone."""
    try:
        return radio.recv(_MOST_BYTES)
    except ConnectionError:
        return b""


class Antenna:
    """The world's end of the socket: what it sends is heard by each simulator that is connected.

    Use it with `with`, or let it `appear` and `vanish`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._radios: list[socket.socket] = []
        self._waiting: set[asyncio.Future[None]] = set()

    def __enter__(self) -> Self:
        self.appear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish()

    def appear(self) -> None:
        """Begin to listen; raises OSError where that is not possible."""
        self.vanish()
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        self._socket.listen()

    def vanish(self) -> None:
        """Be gone, as a radio that is pulled out."""
        if self._socket is None:
            return
        for sock in (self._socket, *self._radios):
            sock.close()
        self._socket, self._radios = None, []
        self._path.unlink(missing_ok=True)

    async def connected(self) -> None:
        """Wait until a simulator is connected; the antenna must not vanish meanwhile. Any number may wait."""
        self._accept()
        if self._radios or self._socket is None:
            return
        loop, listener = asyncio.get_running_loop(), self._socket
        came: asyncio.Future[None] = loop.create_future()
        self._waiting.add(came)
        loop.add_reader(listener, self._accept)
        try:
            await came
        finally:
            self._waiting.discard(came)
            if not self._waiting:
                loop.remove_reader(listener)

    async def send(self, frame: bytes) -> int:
        """Send a frame; return how many simulators took it. One that takes nothing for a second is let go."""
        self._accept()
        taken = 0
        for radio in tuple(self._radios):
            if await _give(radio, frame):
                taken += 1
            else:
                self._let_go(radio)
        return taken

    def _accept(self) -> None:
        """Let in who is waiting, and let go who left."""
        with suppress(BlockingIOError):
            while self._socket is not None:
                radio, _ = self._socket.accept()
                radio.setblocking(False)
                self._radios.append(radio)
        for radio in tuple(self._radios):
            if not _listens(radio):
                self._let_go(radio)
        for came in self._waiting if self._radios else ():
            if not came.done():
                came.set_result(None)

    def _let_go(self, radio: socket.socket) -> None:
        radio.close()
        with suppress(ValueError):
            self._radios.remove(radio)


async def _give(radio: socket.socket, frame: bytes) -> bool:
    """Send a frame, waiting for room; tell whether it was taken."""
    try:
        async with asyncio.timeout(_TAKEN_WITHIN_S):
            await asyncio.get_running_loop().sock_sendall(radio, frame)
    except OSError:  # left, or too slow: a TimeoutError is one
        return False
    return True


def _listens(radio: socket.socket) -> bool:
    """Tell whether a simulator, which never sends, is still there."""
    try:
        radio.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
