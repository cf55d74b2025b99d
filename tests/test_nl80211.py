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

from drivers import nl80211
from drivers.nl80211 import (
    MONITOR,
    Interface,
    connect,
    list_interfaces,
    make_monitor,
    read_interface,
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


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


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
        async with nl80211._answer():
            raise error

    with pytest.raises(OSError, match="Errno") as raised:
        asyncio.run(fail())
    assert raised.value.errno == number
    assert isinstance(raised.value, PermissionError) == (number == 1)


def test_a_kernel_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nl80211, "ANSWER_S", 0.01)

    async def wait() -> None:
        async with nl80211._answer():
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
