"""What the kernel tells and does over netlink, asked through pyroute2: Wi-Fi interfaces, their channels, and routes.

The requests to nl80211 are those of linux/nl80211.h; the questions after links and routes those of rtnetlink(7).
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from socket import AF_INET, AF_INET6
from struct import pack
from typing import Any, Final, NamedTuple, Protocol

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkDecodeError, NetlinkError
from pyroute2.netlink.nl80211 import NL80211_NAMES, AsyncNL80211, nl80211cmd
from pyroute2.netlink.rtnl import RTM_GETLINK, RTM_GETNEIGH, RTM_GETROUTE
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.iprsocket import AsyncIPRSocket
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from drivers.links import Link

ANSWER_S: Final = 5.0

ACCESS_POINT: Final = 3
MONITOR: Final = 6
"""Kinds of interface (enum nl80211_iftype)."""

_OTHER_NETWORKS: Final = 4  # NL80211_MNTR_FLAG_OTHER_BSS
_MONITOR_FLAGS: Final = pack("HH", 4, _OTHER_NETWORKS)
"""Frames of every network, of good checksum, without control frames; not `active`, which would acknowledge."""

_UNKNOWN: Final = 0x01 | 0x20 | 0x40  # NUD_INCOMPLETE, NUD_FAILED and NUD_NOARP of linux/neighbour.h
_ADDRESS_BYTES: Final = 6

_UNICAST: Final = 1  # RTN_UNICAST of linux/rtnetlink.h: no refusal, and none of this machine's own addresses


class Interface(NamedTuple):
    """A Wi-Fi interface. `number` is the kernel's for it, `phy` that of its radio; several interfaces may share one."""

    number: int
    name: str
    phy: int
    kind: int


class Nl80211(Protocol):
    """What is asked of the kernel. Each method raises OSError with the kernel's number, or TimeoutError."""

    async def interfaces(self) -> list[Interface]: ...

    async def add_monitor(self, phy: int, name: str) -> None:
        """Make an interface in monitor mode, which is down; it can receive and nothing else."""
        ...

    async def remove(self, interface: int) -> None: ...

    async def tune(self, interface: int, frequency: int) -> None:
        """Set the channel of an interface in monitor mode by its centre in MHz, 20 MHz wide."""
        ...


Connect = Callable[[], AbstractAsyncContextManager[Nl80211]]
"""Reaches the kernel's nl80211. Raises FileNotFoundError where it has none, OSError otherwise."""


@asynccontextmanager
async def connect() -> AsyncIterator[Nl80211]:
    """Reach the nl80211 of the kernel that we run on; the connection is closed in the end."""
    kernel = _Kernel()
    try:
        await kernel.open()
        yield kernel
    finally:
        kernel.close()


class _Socket(AsyncNL80211):  # type: ignore[misc]
    module_err_level = "debug"  # that the kernel lacks nl80211 is ours to say


class _Kernel:
    def __init__(self) -> None:
        self._socket = _Socket()

    async def open(self) -> None:
        async with _answer():
            await self._socket.bind()

    def close(self) -> None:
        self._socket.close()

    async def interfaces(self) -> list[Interface]:
        answers = await self._ask(list_interfaces(), NLM_F_REQUEST | NLM_F_DUMP)
        return [found for answer in answers if (found := read_interface(answer))]

    async def add_monitor(self, phy: int, name: str) -> None:
        await self._ask(make_monitor(phy, name))

    async def remove(self, interface: int) -> None:
        await self._ask(remove_interface(interface))

    async def tune(self, interface: int, frequency: int) -> None:
        await self._ask(set_channel(interface, frequency))

    async def _ask(self, message: nl80211cmd, flags: int = NLM_F_REQUEST | NLM_F_ACK) -> list[nl80211cmd]:
        async with _answer():
            answers = await self._socket.nlm_request(message, msg_type=self._socket.prid, msg_flags=flags)
            return [answer async for answer in answers]


async def list_links() -> list[Link]:
    """Return all network interfaces. Raises OSError, as `list_default_routes` does."""
    return [read_link(answer) for answer in await _list(RTM_GETLINK, ifinfmsg())]


async def list_default_routes() -> frozenset[int]:
    """Return the numbers of the interfaces that a default route of any table leads through, IPv4's and IPv6's.

    Asked for both families at once, the kernel at times leaves IPv6 out.
    """
    found: set[int] = set()
    for family in (AF_INET, AF_INET6):
        question = rtmsg()
        question["family"] = family
        for answer in await _list(RTM_GETROUTE, question):
            found.update(read_default_route(answer))
    return frozenset(found)


async def find_neighbour(network_address: str) -> bytes | None:
    """Return the address of the device that has a network address; None where none or several do. Raises OSError."""
    question = ndmsg()
    question["family"] = AF_INET6 if ":" in network_address else AF_INET
    answers = await _list(RTM_GETNEIGH, question)
    found = {address for answer in answers if (address := read_neighbour(answer, network_address))}
    return found.pop() if len(found) == 1 else None


async def _list(question: int, message: Any) -> list[Any]:
    with closing(AsyncIPRSocket(groups=0)) as sock:
        async with _answer():
            await sock.bind()
            answers = await sock.nlm_request(message, msg_type=question, msg_flags=NLM_F_REQUEST | NLM_F_DUMP)
            return [answer async for answer in answers]


@asynccontextmanager
async def _answer() -> AsyncIterator[None]:
    """Give the kernel its time, and turn pyroute2's errors into OSError."""
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except NetlinkError as error:
        code = max(error.code, 0) or errno.EAGAIN  # a list that changed while it was told has no number
        raise OSError(code, os.strerror(code)) from None
    except (NetlinkDecodeError, RuntimeError, KeyError) as error:
        raise OSError(errno.EPROTO, f"pyroute2 failed ({type(error).__name__})") from None


# Messages


def list_interfaces() -> nl80211cmd:
    return _message("GET_INTERFACE")


def make_monitor(phy: int, name: str) -> nl80211cmd:
    return _message(
        "NEW_INTERFACE", ("WIPHY", phy), ("IFNAME", name), ("IFTYPE", MONITOR), ("MNTR_FLAGS", _MONITOR_FLAGS)
    )


def remove_interface(interface: int) -> nl80211cmd:
    return _message("DEL_INTERFACE", ("IFINDEX", interface))


def set_channel(interface: int, frequency: int) -> nl80211cmd:
    """Without a width the kernel takes 20 MHz around the frequency (net/wireless/nl80211.c, nl80211_parse_chandef)."""
    return _message("SET_CHANNEL", ("IFINDEX", interface), ("WIPHY_FREQ", frequency))


def _message(command: str, *attributes: tuple[str, object]) -> nl80211cmd:
    message = nl80211cmd()
    message["cmd"] = NL80211_NAMES[f"NL80211_CMD_{command}"]
    message["attrs"] = [[f"NL80211_ATTR_{name}", value] for name, value in attributes]
    return message


def read_interface(answer: nl80211cmd) -> Interface | None:
    """Return the interface in an answer; None for a radio's end that is no network interface, as of Wi-Fi Direct."""
    names = ("IFINDEX", "IFNAME", "WIPHY", "IFTYPE")
    number, name, phy, kind = (answer.get_attr(f"NL80211_ATTR_{name}") for name in names)
    return None if None in (number, name, phy, kind) else Interface(number, name, phy, kind)


def read_link(answer: ifinfmsg) -> Link:
    """Return the interface in an answer; a parent in another network namespace is none of ours."""
    name, master, parent, elsewhere = (
        answer.get_attr(f"IFLA_{name}") for name in ("IFNAME", "MASTER", "LINK", "LINK_NETNSID")
    )
    return Link(answer["index"], name or "", master, parent if elsewhere is None else None)


def read_default_route(answer: rtmsg) -> tuple[int, ...]:
    """Return the interfaces that a route leads through, none where it does not lead everywhere."""
    if answer["family"] not in (AF_INET, AF_INET6) or answer["dst_len"] or answer["type"] != _UNICAST:
        return ()
    hops = answer.get_attr("RTA_MULTIPATH") or ()
    return tuple(number for number in (answer.get_attr("RTA_OIF"), *(hop["oif"] for hop in hops)) if number)


def read_neighbour(answer: ndmsg, network_address: str) -> bytes | None:
    """Return the address of the device in an answer, where it has that network address and is known to."""
    if answer["state"] & _UNKNOWN or answer.get_attr("NDA_DST") != network_address:
        return None
    written = answer.get_attr("NDA_LLADDR") or ""
    address = bytes.fromhex(written.replace(":", ""))
    return address if len(address) == _ADDRESS_BYTES and any(address) else None
