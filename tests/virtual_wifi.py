"""A virtual Wi-Fi radio: a TAP device whose link type says radiotap, which to the kernel is a monitor interface.

Frames written to it are captured from it. What it lacks is nl80211.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
from itertools import count
from struct import pack, unpack_from
from types import TracebackType
from typing import Self

RADIOTAP = 803  # ARPHRD_IEEE80211_RADIOTAP
ETHERNET = 1

_TUNSETIFF = 0x400454CA
_TUNSETLINK = 0x400454CD
_TUNSETCARRIER = 0x400454E2
_IFF_TAP_NO_PI = 0x0002 | 0x1000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x0001

_numbers = count()


def why_not() -> str:
    """Return why there can be no virtual radio here; nothing when there can."""
    try:
        with VirtualMonitor():
            return ""
    except OSError as error:
        return f"needs a TAP device: {error.strerror}"


class VirtualMonitor:
    """An interface that exists between `create` and `remove`. Use it with `with`, which begins with it up."""

    def __init__(self, link: int = RADIOTAP, name: str = "") -> None:
        self.name = name or f"hush{os.getpid() % 10**6}x{next(_numbers)}"
        self._link = link
        self._file = -1

    def __enter__(self) -> Self:
        self.create()
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def create(self, link: int | None = None) -> None:
        """Plug the radio in; it is down then. Raises OSError without the right to."""
        self._file = os.open("/dev/net/tun", os.O_RDWR)
        try:
            fcntl.ioctl(self._file, _TUNSETIFF, pack("16sH22x", self.name.encode(), _IFF_TAP_NO_PI))
            fcntl.ioctl(self._file, _TUNSETLINK, link or self._link)
        except OSError:
            self.remove()
            raise

    def remove(self) -> None:
        """Pull the radio out."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def up(self) -> None:
        self._set_flags(_IFF_UP, 0)

    def down(self) -> None:
        self._set_flags(0, _IFF_UP)

    def connect(self, *, connected: bool) -> None:
        """Have the carrier that an interface has once it is on a network; there is one at first."""
        fcntl.ioctl(self._file, _TUNSETCARRIER, pack("i", connected))

    def receive(self, frame: bytes) -> None:
        """Let a frame arrive: at least 14 bytes, with its radiotap header."""
        os.write(self._file, frame)

    def fileno(self) -> int:
        """Return the file to which a frame may be written that is to arrive, by another process too."""
        return self._file

    def sent(self) -> list[bytes]:
        """Return the frames that were sent on this interface since this was asked last."""
        found = []
        while select.select([self._file], [], [], 0)[0]:
            found.append(os.read(self._file, 4096))
        return found

    def _set_flags(self, on: int, off: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            answer = fcntl.ioctl(control, _SIOCGIFFLAGS, pack("16sH22x", self.name.encode(), 0))
            flags = unpack_from("H", answer, 16)[0] & ~off | on
            fcntl.ioctl(control, _SIOCSIFFLAGS, pack("16sH22x", self.name.encode(), flags))
