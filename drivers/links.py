"""Network interfaces as the kernel keeps them whatever they are: their link type, up and down, and who has a route."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path
from struct import pack, unpack_from
from typing import Final

RADIOTAP: Final = 803  # ARPHRD_IEEE80211_RADIOTAP of linux/if_arp.h
ROUTES: Final = Path("/proc/self/net")

UP: Final = 0x01  # IFF_UP of linux/if.h
CONNECTED: Final = 0x40  # IFF_RUNNING: associated, or serving a network

_GET_FLAGS, _SET_FLAGS, _GET_HARDWARE = 0x8913, 0x8914, 0x8927  # linux/sockios.h
_IPV4_ZERO, _IPV6_ZERO = "0" * 8, "0" * 32
_REJECT: Final = 0x0200  # RTF_REJECT of linux/ipv6_route.h


def link_type(interface: str) -> int:
    """Return the ARPHRD_* type of an interface. Raises OSError, as all here do."""
    return _word(_ask(_GET_HARDWARE, interface))


def flags_of(interface: str) -> int:
    return _word(_ask(_GET_FLAGS, interface))


def set_up(interface: str) -> None:
    _ask(_SET_FLAGS, interface, flags_of(interface) | UP)


def set_down(interface: str) -> None:
    _ask(_SET_FLAGS, interface, flags_of(interface) & ~UP)


def _ask(request: int, interface: str, flags: int = 0) -> bytes:
    """Fill in a `struct ifreq` (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return fcntl.ioctl(control, request, pack("16sH22x", interface.encode(), flags & 0xFFFF))


def _word(answer: bytes) -> int:
    word: int = unpack_from("H", answer, 16)[0]
    return word


def routed(folder: Path = ROUTES) -> frozenset[str]:
    """Return the interfaces that carry a default route of IPv4 or IPv6 (proc(5), /proc/net/route)."""
    return frozenset((*_routed_by_ipv4(folder / "route"), *_routed_by_ipv6(folder / "ipv6_route")))


def _routed_by_ipv4(file: Path) -> Iterator[str]:
    for fields in _table(file, 8):
        if fields[1] == fields[7] == _IPV4_ZERO:
            yield fields[0]


def _routed_by_ipv6(file: Path) -> Iterator[str]:
    for fields in _table(file, 10):
        if fields[0] == _IPV6_ZERO and fields[1] == "00" and not int(fields[8], 16) & _REJECT:
            yield fields[9]


def _table(file: Path, columns: int) -> Iterator[list[str]]:
    """Yield the lines of a table that the kernel writes; one that is not there is empty."""
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) >= columns:
            yield fields
