"""What the kernel says of interfaces; the ioctls on a virtual radio."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual_wifi import ETHERNET, RADIOTAP, VirtualMonitor, why_not

from drivers import links

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ZERO = "0" * 32


def ipv4(name: str, destination: str, mask: str) -> str:
    return f"{name}\t{destination}\t0101A8C0\t0003\t0\t0\t600\t{mask}\t0\t0\t0\n"


def ipv6(name: str, destination: str = ZERO, prefix: str = "00", flags: str = "00000003") -> str:
    return f"{destination} {prefix} {ZERO} 00 {ZERO} 00000400 00000001 00000000 {flags} {name:>8}\n"


CASES = [
    ("", "", set()),
    (HEAD, "", set()),
    (HEAD + ipv4("wlan0", "00000000", "00000000"), "", {"wlan0"}),
    (HEAD + ipv4("wlan0", "0001A8C0", "00FFFFFF"), "", set()),
    (HEAD + ipv4("tun0", "00000000", "00000080"), "", set()),
    ("", ipv6("eth0"), {"eth0"}),
    ("", ipv6("lo", flags="00200200"), set()),
    ("", ipv6("eth0", prefix="40"), set()),
    (HEAD + ipv4("wlan0", "00000000", "00000000"), ipv6("eth0"), {"wlan0", "eth0"}),
    ("garbage\n\n", "a b c\n", set()),
]


@pytest.mark.parametrize(("four", "six", "expected"), CASES)
def test_the_way_out_is_found(tmp_path: Path, four: str, six: str, expected: set[str]) -> None:
    (tmp_path / "route").write_text(four)
    (tmp_path / "ipv6_route").write_text(six)
    assert links.routed(tmp_path) == expected


def test_without_tables_nobody_carries_a_route(tmp_path: Path) -> None:
    assert links.routed(tmp_path) == frozenset()


def test_the_tables_of_this_kernel_can_be_read() -> None:
    assert all(0 < len(name) < 16 for name in links.routed())


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize("link", [ETHERNET, RADIOTAP])
def test_an_interface_goes_up_and_down(link: int) -> None:
    interface = VirtualMonitor(link)
    interface.create()
    try:
        assert links.link_type(interface.name) == link
        assert not links.flags_of(interface.name) & links.UP
        links.set_up(interface.name)
        assert links.flags_of(interface.name) & links.UP
        links.set_down(interface.name)
        assert not links.flags_of(interface.name) & links.UP
    finally:
        interface.remove()


@pytest.mark.parametrize("ask", [links.link_type, links.flags_of, links.set_up, links.set_down])
def test_an_interface_that_is_not_there_is_an_error(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(OSError, match="No such device"):
        ask("hush-none")
