"""What the kernel says of interfaces; the ioctls on a virtual radio."""

from __future__ import annotations

import pytest
from virtual_wifi import ETHERNET, RADIOTAP, VirtualMonitor, why_not

from drivers import links
from drivers.links import Link

LO, ETH, AIR, BRIDGE, VLAN = (
    Link(1, "lo"),
    Link(2, "eth0"),
    Link(3, "wlan1", master=4),
    Link(4, "br0"),
    Link(5, "br0.5", parent=4),
)
ALL = (LO, ETH, AIR, BRIDGE, VLAN)

CASES: list[tuple[set[int], set[str]]] = [
    (set(), set()),
    ({2}, {"eth0"}),
    ({2, 3}, {"eth0", "wlan1"}),
    ({4}, {"br0", "wlan1"}),
    ({5}, {"br0.5", "br0", "wlan1"}),
    ({99}, set()),
]


@pytest.mark.parametrize(("routed", "expected"), CASES)
def test_what_carries_a_route_is_found_down_to_the_wire(routed: set[int], expected: set[str]) -> None:
    assert links.carriers(ALL, routed) == expected


def test_two_ends_that_name_each_other_are_no_trap() -> None:
    assert links.carriers((Link(7, "a", parent=8), Link(8, "b", parent=7)), {8}) == {"a", "b"}


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
