"""An interface in monitor mode: the configured one where it is such, else one of our own on the same radio."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from drivers import links, netlink
from drivers.driver import RadioState
from drivers.errors import RadioError
from drivers.netlink import ACCESS_POINT, MONITOR, Interface, Nl80211


def is_monitor(interface: str) -> bool:
    """Tell whether an interface gives whole frames. Raises OSError where it is not there."""
    return links.link_type(interface) == links.RADIOTAP


async def own_network() -> frozenset[str]:
    """Return the names of the interfaces by which this machine reaches others. Raises OSError."""
    return links.carriers(await netlink.list_links(), await netlink.list_default_routes())


async def refuse_own_network(interfaces: Iterable[str], wanted: str) -> None:
    """Raise RadioError where one of the interfaces is the way by which this machine reaches others."""
    for name in (await own_network()).intersection(interfaces):
        way = wanted if name == wanted else f"{wanted} shares its radio with {name}, which"
        raise RadioError(RadioState.FAILED, f"{way} carries this machine's own network: take another adapter")


@asynccontextmanager
async def own_monitor(nl80211: Nl80211 | None, wanted: str) -> AsyncIterator[str]:
    """Give the name of a monitor interface made beside `wanted`, up; in the end it is removed.

    One that a killed run left is removed first. An interface that is up without being connected is down meanwhile,
    so that nobody sends from it. Raises RadioError or OSError, and so may what is done in between.
    """
    if nl80211 is None:
        raise RadioError(RadioState.FAILED, f"{_astray(wanted)}, and the kernel's nl80211 cannot be reached")
    base = await _find(nl80211, wanted)
    beside = [each.name for each in await nl80211.interfaces() if each.phy == base.phy]
    await refuse_own_network(beside, wanted)
    name = f"hush-{base.phy}"
    with _claimed(name, wanted):
        await _remove(nl80211, name)
        async with _silent(base):
            try:
                await _add(nl80211, base, name)
                links.set_up(name)
                yield name
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                raise RadioError(RadioState.OFF, f"the radio of {wanted} went down") from None
            finally:
                with suppress(OSError):  # with the adapter its interfaces go
                    await _remove(nl80211, name)


def switch_off(interface: str) -> None:
    """Set an interface down; where no other of its radio is up, the radio rests. Raises RadioError or OSError."""
    with _saying_which_right(interface):
        links.set_down(interface)


@contextmanager
def _claimed(name: str, wanted: str) -> Iterator[None]:
    """Hold a name that one receiver at a time can hold, of whatever process; the kernel takes it back from the dead."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        try:
            claim.bind(f"\0hushbell/{name}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            reason = f"the radio of {wanted} is another receiver's already: take another adapter"
            raise RadioError(RadioState.BUSY, reason) from None
        yield


async def _find(nl80211: Nl80211, wanted: str) -> Interface:
    found = next((each for each in await nl80211.interfaces() if each.name == wanted), None)
    if found is None:
        raise RadioError(RadioState.FAILED, f"{_astray(wanted)}, and is no Wi-Fi interface")
    return found


def _astray(interface: str) -> str:
    return f"{interface} is not in monitor mode (link type {links.link_type(interface)}, not {links.RADIOTAP})"


@asynccontextmanager
async def _silent(base: Interface) -> AsyncIterator[None]:
    """Keep an idle interface down meanwhile; raise RadioError for one that somebody uses."""
    flags = links.flags_of(base.name)
    if flags & links.UP and (flags & links.CONNECTED or base.kind == ACCESS_POINT):
        raise RadioError(RadioState.BUSY, f"{base.name} is connected to a network or serves one: take another adapter")
    if not flags & links.UP:
        yield
        return
    switch_off(base.name)
    try:
        yield
    finally:
        with suppress(OSError):
            links.set_up(base.name)


async def _remove(nl80211: Nl80211, name: str) -> None:
    for each in await nl80211.interfaces():
        if each.name == name and each.kind == MONITOR:
            await nl80211.remove(each.number)


async def _add(nl80211: Nl80211, base: Interface, name: str) -> None:
    try:
        with _saying_which_right(base.name):
            await nl80211.add_monitor(base.phy, name)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        raise RadioError(RadioState.FAILED, f"{base.name} cannot do monitor mode: take another adapter") from None


@contextmanager
def _saying_which_right(interface: str) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        reason = f"no right to listen with {interface}: the service needs CAP_NET_ADMIN"
        raise RadioError(RadioState.DENIED, reason) from None
