"""Network interfaces whatever they are: their link type, up and down, and which of them others depend on."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Collection
from struct import pack, unpack_from
from typing import Final, NamedTuple

RADIOTAP: Final = 803  # ARPHRD_IEEE80211_RADIOTAP of linux/if_arp.h

UP: Final = 0x01  # IFF_UP of linux/if.h
CONNECTED: Final = 0x40  # IFF_RUNNING: associated, or serving a network

_GET_FLAGS, _SET_FLAGS, _GET_HARDWARE = 0x8913, 0x8914, 0x8927  # linux/sockios.h


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


class Link(NamedTuple):
    """A network interface by its number; `master` is the bridge or bond it is part of, `parent` whose frames it takes.

    A VLAN has the interface below it for a parent.
    """

    number: int
    name: str
    master: int | None = None
    parent: int | None = None


def carriers(links: Collection[Link], routed: Collection[int]) -> frozenset[str]:
    """Return the names of the interfaces by which those in `routed` reach others, themselves among them."""
    found, before = set(routed), 0
    while len(found) > before:
        before = len(found)
        found |= {link.number for link in links if link.master in found}
        found |= {link.parent for link in links if link.number in found and link.parent}
    return frozenset(link.name for link in links if link.number in found)
