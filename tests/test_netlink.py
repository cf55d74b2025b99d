"""Messages as bytes, against the numbers of linux/nl80211.h, and the kernel that we run on as far as it goes."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path
from struct import pack

import pytest
from pyroute2.netlink.exceptions import NetlinkDecodeError, NetlinkDumpInterrupted, NetlinkError
from pyroute2.netlink.nl80211 import nl80211cmd
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg
from virtual_gateway import open_files

from drivers import netlink
from drivers.links import Link
from drivers.netlink import (
    MONITOR,
    Interface,
    connect,
    find_neighbour,
    list_default_routes,
    list_interfaces,
    list_links,
    make_monitor,
    read_default_route,
    read_interface,
    read_link,
    read_neighbour,
    remove_interface,
    set_channel,
)

FAMILY, SEQUENCE, PORT = 0x1C, 7, 77


def attribute(number: int, value: bytes) -> bytes:
    """Return a netlink attribute: length, number, value, padded to four bytes (linux/netlink.h)."""
    return pack("HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def generic(command: int, *attributes: bytes) -> bytes:
    """Return a generic netlink message: a netlink header, then command and version (linux/genetlink.h)."""
    body = pack("BBH", command, 0, 0) + b"".join(attributes)
    return pack("IHHII", 16 + len(body), FAMILY, 5, SEQUENCE, PORT) + body


WHOLE = [
    (list_interfaces(), generic(5)),
    (
        make_monitor(3, "hush-3"),
        generic(
            7,
            attribute(1, pack("I", 3)),
            attribute(4, b"hush-3\0"),
            attribute(5, pack("I", 6)),
            attribute(23, attribute(4, b"")),
        ),
    ),
    (remove_interface(9), generic(8, attribute(3, pack("I", 9)))),
    (set_channel(9, 5180), generic(65, attribute(3, pack("I", 9)), attribute(38, pack("I", 5180)))),
]


@pytest.mark.parametrize(("message", "expected"), WHOLE, ids=["list", "make", "remove", "tune"])
def test_a_request_is_the_bytes_that_the_header_asks_for(message: nl80211cmd, expected: bytes) -> None:
    message["header"] |= {"type": FAMILY, "flags": 5, "sequence_number": SEQUENCE, "pid": PORT}
    message.reset()
    message.encode()
    assert bytes(message.data) == expected


def test_a_monitor_interface_neither_sends_nor_answers() -> None:
    flags = dict(make_monitor(0, "hush-0")["attrs"])["NL80211_ATTR_MNTR_FLAGS"]
    active, no_flag_but = 6, 4
    assert flags == pack("HH", 4, no_flag_but)
    assert pack("HH", 4, active) not in flags


def answer(*attributes: bytes) -> nl80211cmd:
    message = nl80211cmd(generic(7, *attributes))
    message.decode()
    return message


INDEX, NAME, KIND, PHY = (
    attribute(3, pack("I", 9)),
    attribute(4, b"wlan1\0"),
    attribute(5, pack("I", MONITOR)),
    attribute(1, pack("I", 3)),
)


def test_an_answer_is_an_interface() -> None:
    others = attribute(6, bytes(6)) + attribute(153, bytes(8)) + attribute(46, bytes(4))
    assert read_interface(answer(PHY, INDEX, NAME, KIND, others)) == Interface(9, "wlan1", 3, MONITOR)


@pytest.mark.parametrize("missing", range(4))
def test_an_end_that_is_no_network_interface_is_left_out(missing: int) -> None:
    attributes = [PHY, INDEX, NAME, KIND]
    del attributes[missing]
    assert read_interface(answer(*attributes)) is None


EVERYWHERE = (0, 0, 0, 254, 3, 0, 1, 0)  # lengths of both addresses, service, table, protocol, scope, type, flags
ROUTES = [
    (2, EVERYWHERE, [attribute(4, pack("I", 9))], (9,)),
    (10, EVERYWHERE, [attribute(4, pack("I", 9))], (9,)),
    (2, (0, 0, 0, 252, 3, 0, 1, 0), [attribute(15, pack("I", 51820)), attribute(4, pack("I", 9))], (9,)),
    (2, EVERYWHERE, [attribute(9, pack("HBBI", 8, 0, 0, 9) + pack("HBBI", 8, 0, 0, 7))], (9, 7)),
    (2, (24, 0, 0, 254, 3, 0, 1, 0), [attribute(1, bytes(4)), attribute(4, pack("I", 9))], ()),
    (10, (0, 0, 0, 254, 3, 0, 7, 0), [attribute(4, pack("I", 1))], ()),
    (2, (0, 0, 0, 254, 3, 0, 7, 0), [], ()),
    (2, EVERYWHERE, [], ()),
    (128, EVERYWHERE, [attribute(4, pack("I", 9))], ()),
]


@pytest.mark.parametrize(("family", "fields", "attributes", "expected"), ROUTES)
def test_a_route_leads_everywhere_through_interfaces_or_is_none(
    family: int, fields: tuple[int, ...], attributes: list[bytes], expected: tuple[int, ...]
) -> None:
    """The layout of a `struct rtmsg` is that of linux/rtnetlink.h."""
    body = pack("BBBBBBBBI", family, *fields) + b"".join(attributes)
    message = rtmsg(pack("IHHII", 16 + len(body), 24, 2, SEQUENCE, PORT) + body)
    message.decode()
    assert read_default_route(message) == expected


LINKS = [
    ([], Link(9, "wlan1")),
    ([attribute(10, pack("I", 4))], Link(9, "wlan1", master=4)),
    ([attribute(5, pack("I", 3))], Link(9, "wlan1", parent=3)),
    ([attribute(5, pack("I", 3)), attribute(37, pack("i", 0))], Link(9, "wlan1")),
]


@pytest.mark.parametrize(("attributes", "expected"), LINKS)
def test_a_link_says_what_it_is_part_of_and_what_it_stands_on(attributes: list[bytes], expected: Link) -> None:
    body = pack("BxHiII", 0, 1, 9, 0x1003, 0) + b"".join((attribute(3, b"wlan1\0"), *attributes))
    message = ifinfmsg(pack("IHHII", 16 + len(body), 16, 2, SEQUENCE, PORT) + body)
    message.decode()
    assert read_link(message) == expected


def test_the_links_and_routes_of_this_kernel_can_be_read() -> None:
    before = open_files()
    shown = {link.name for link in asyncio.run(list_links())}
    assert shown >= {"lo"}
    assert all(number > 0 for number in asyncio.run(list_default_routes()))
    gc.collect()
    assert open_files() == before


async def reach() -> list[Interface]:
    async with connect() as kernel:
        return await kernel.interfaces()


def test_this_kernel_lists_its_interfaces_or_is_told_to_have_no_nl80211_and_nothing_is_left_open() -> None:
    before = open_files()
    for _ in range(3):
        if Path("/sys/module/cfg80211").exists():
            shown = {path.parent.name for path in Path("/sys/class/net").glob("*/phy80211")}
            assert {interface.name for interface in asyncio.run(reach())} == shown
        else:
            with pytest.raises(FileNotFoundError):
                asyncio.run(reach())
    gc.collect()
    assert open_files() == before


def test_a_refusal_of_the_kernel_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The family that every kernel has knows none of our commands."""
    monkeypatch.setattr("pyroute2.netlink.nl80211.NL80211_GENL_NAME", "nlctrl")

    async def scene() -> None:
        async with connect() as kernel:
            for request in (kernel.interfaces(), kernel.remove(1), kernel.tune(1, 2412), kernel.remove(2)):
                with pytest.raises(OSError, match="not supported"):
                    await request

    before = open_files()
    asyncio.run(scene())
    gc.collect()
    assert open_files() == before


ERRORS = [
    (NetlinkError(1), 1),
    (NetlinkError(16), 16),
    (NetlinkDumpInterrupted(), 11),
    (NetlinkDecodeError(ValueError()), 71),
    (KeyError("no free address available"), 71),
    (RuntimeError(), 71),
]


@pytest.mark.parametrize(("error", "number"), ERRORS)
def test_what_the_library_raises_is_an_error_of_the_system(error: Exception, number: int) -> None:
    async def fail() -> None:
        async with netlink._answer():
            raise error

    with pytest.raises(OSError, match="Errno") as raised:
        asyncio.run(fail())
    assert raised.value.errno == number
    assert isinstance(raised.value, PermissionError) == (number == 1)


def test_a_kernel_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "ANSWER_S", 0.01)

    async def wait() -> None:
        async with netlink._answer():
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(wait())


def test_a_request_that_is_cancelled_leaves_nothing_behind() -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(reach())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError, FileNotFoundError):
            await task

    before = open_files()
    asyncio.run(cancelled())
    gc.collect()
    assert open_files() == before


def neighbour(address: str, lladdr: str | None = "5e:3a:11:22:33:44", state: int = 0x02) -> ndmsg:
    message = ndmsg()
    message["state"] = state
    message["attrs"] = [("NDA_DST", address)] + ([("NDA_LLADDR", lladdr)] if lladdr else [])
    return message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (neighbour("10.0.0.7"), "5e3a11223344"),
        (neighbour("10.0.0.7", state=0x04), "5e3a11223344"),
        (neighbour("10.0.0.7", state=0x80), "5e3a11223344"),
        (neighbour("10.0.0.8"), None),
        (neighbour("10.0.0.7", state=0x01), None),
        (neighbour("10.0.0.7", state=0x20), None),
        (neighbour("10.0.0.7", state=0x40), None),
        (neighbour("10.0.0.7", None), None),
        (neighbour("10.0.0.7", "00:00:00:00:00:00"), None),
        (neighbour("10.0.0.7", "5e:3a:11:22:33:44:55:66"), None),
    ],
)
def test_a_neighbour_is_a_device_that_the_kernel_has_found(answer: ndmsg, expected: str | None) -> None:
    found = read_neighbour(answer, "10.0.0.7")
    assert (found.hex() if found else None) == expected


def test_whom_the_kernel_does_not_know_is_nobody() -> None:
    assert asyncio.run(find_neighbour("203.0.113.77")) is None
    assert asyncio.run(find_neighbour("2001:db8::1")) is None
