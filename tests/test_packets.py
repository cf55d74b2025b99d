from __future__ import annotations

import random
from collections.abc import Callable
from io import BufferedReader, BytesIO
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_captures import Interface, Stamped, block, btsnoop, pcap, pcapng

from drivers.packets import HCI_H4, Packet, read_packets
from drivers.source import Source

T = 1_763_791_200_123_456_789
PACKETS = [Stamped(T, b"first"), Stamped(T + 10**9, b""), Stamped(T + 2 * 10**9, b"third one")]


def packets_of(data: bytes) -> tuple[list[Packet] | None, bool]:
    source = Source(BufferedReader(BytesIO(data)))
    packets = read_packets(source)
    return (None if packets is None else list(packets)), source.cut


def expected(link: int, resolution: int, packets: list[Stamped] = PACKETS) -> list[Packet]:
    parts = 10**9 // resolution
    return [Packet(packet.nanoseconds // parts / resolution, link, packet.data) for packet in packets]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_in_both_byte_orders_and_resolutions(order: str) -> None:
    assert packets_of(pcap(PACKETS, 127, order)) == (expected(127, 10**6), False)
    assert packets_of(pcap(PACKETS, 127, order, nanoseconds=True)) == (expected(127, 10**9), False)


def test_the_link_type_of_pcap_is_its_lower_half() -> None:
    assert packets_of(pcap(PACKETS, 0x1400_0069)) == (expected(105, 10**6), False)


def test_a_time_is_what_the_file_says_to_its_last_digit() -> None:
    packets, _ = packets_of(pcap([Stamped(T, b"")], 127))
    assert packets is not None
    assert repr(packets[0].t) == "1763791200.123456"


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_with_several_interfaces(order: str) -> None:
    interfaces = [
        Interface(127),
        Interface(187, 9),
        Interface(105, 3),
        Interface(251, 0x80 | 20),
        Interface(1, 6, 10**9),
    ]
    packets = [Stamped(T, b"data" * number, number) for number in range(5)]
    found, cut = packets_of(pcapng(packets, interfaces, order))
    assert not cut
    assert found is not None
    assert [(packet.link, packet.data) for packet in found] == [
        (interface.link, packet.data) for interface, packet in zip(interfaces, packets, strict=True)
    ]
    for packet, precision in zip(found, (1e-6, 1e-6, 1e-3, 1e-6, 1e-6), strict=True):
        assert abs(packet.t - T / 10**9) <= precision


def test_sections_of_either_order_follow_each_other_with_interfaces_of_their_own() -> None:
    first = pcapng(PACKETS[:1], [Interface(1), Interface(127)])
    second = pcapng(PACKETS[:1], [Interface(105)], ">")
    assert packets_of(first + second) == (expected(1, 10**6, PACKETS[:1]) + expected(105, 10**6, PACKETS[:1]), False)


def test_older_and_simpler_blocks_of_pcapng_are_read_too() -> None:
    capture = pcapng(PACKETS[:1], [Interface(127, longest=4)])
    ticks = PACKETS[1].nanoseconds // 1000
    old = block(2, pack("<HHIIII", 0, 0, ticks >> 32, ticks & 0xFFFFFFFF, 3, 3) + b"old")
    simple = block(3, pack("<I", 6) + b"simp")
    found, cut = packets_of(capture + old + simple)
    assert found is not None
    assert [packet.data for packet in found] == [b"first", b"old", b"simp"]
    assert found[1].t == found[2].t == ticks / 10**6
    assert not cut


@pytest.mark.parametrize(
    ("datalink", "flags", "link", "start"),
    [
        (1002, 3, HCI_H4, b""),
        (1001, 3, HCI_H4, b"\x04"),
        (1001, 2, HCI_H4, b"\x02"),
        (1001, 1, HCI_H4, b"\x02"),
        (2001, 3, HCI_H4, b"\x04"),
        (2001, 0x0001_0003, HCI_H4, b"\x04"),
        (2001, 2, HCI_H4, b"\x02"),
        (1003, 3, 1003, b""),
    ],
)
def test_btsnoop_in_its_forms(datalink: int, flags: int, link: int, start: bytes) -> None:
    packets = [Stamped(packet.nanoseconds, start + packet.data) for packet in PACKETS]
    assert packets_of(btsnoop(PACKETS, datalink, flags)) == (expected(link, 10**6, packets), False)


CAPTURES = {
    "pcap": pcap(PACKETS, 127),
    "big-endian pcap": pcap(PACKETS, 127, ">", nanoseconds=True),
    "pcapng": pcapng(PACKETS, [Interface(127)]),
    "big-endian pcapng": pcapng(PACKETS, [Interface(127, 9)], ">"),
    "btsnoop": btsnoop(PACKETS),
}
HEADERS = {"pcap": 24, "big-endian pcap": 24, "pcapng": 24, "big-endian pcapng": 24, "btsnoop": 16}


@pytest.mark.parametrize("name", CAPTURES)
def test_cut_anywhere_a_capture_gives_what_was_whole(name: str) -> None:
    whole, _ = packets_of(CAPTURES[name])
    assert whole is not None
    whole_lengths = set()
    for stop in range(len(CAPTURES[name])):
        packets, cut = packets_of(CAPTURES[name][:stop])
        if stop < HEADERS[name]:
            assert packets is None
        else:
            assert packets == whole[: len(packets or [])]
            whole_lengths.add(len(packets or []))
            assert cut or len(packets or []) < len(whole)
    assert whole_lengths == {0, 1, 2}


DAMAGED: dict[str, bytes] = {
    "a packet of gigabytes": pcap([], 127) + pack("<IIII", 1, 0, 0x7FFFFFFF, 0) + b"x" * 99,
    "a btsnoop packet of gigabytes": btsnoop([]) + pack(">IIIIq", 9, 0x7FFFFFFF, 3, 0, 0) + b"x" * 99,
    "a block of gigabytes that is read": pcapng([], [Interface(1)]) + pack("<II", 6, 0x7FFFFFFC) + b"x" * 99,
    "a block of gigabytes that is passed over": pcapng([], [Interface(1)]) + pack("<II", 99, 0x7FFFFFFC) + b"x" * 99,
    "a block of no length": pcapng([], [Interface(1)]) + pack("<II", 6, 0),
    "a block of odd length": pcapng([], [Interface(1)]) + pack("<II", 6, 33) + b"x" * 99,
    "a block whose ends disagree": pcapng([], [Interface(1)]) + block(5, b"")[:-1] + b"\x07",
    "a packet of no interface": pcapng([], [Interface(1)]) + block(6, pack("<IIIII", 1, 0, 0, 0, 0)),
    "a packet larger than its block": pcapng([], [Interface(1)]) + block(6, pack("<IIIII", 0, 0, 0, 9, 9)),
    "a packet without fields": pcapng([], [Interface(1)]) + block(6, b""),
    "a simple packet of no interface": pcapng([], []) + block(3, pack("<I", 0)),
    "a simple packet larger than its block": pcapng([], [Interface(1)]) + block(3, pack("<I", 9)),
    "an interface without fields": pcapng([], []) + block(1, b""),
    "interfaces without end": pcapng([], [Interface(1)] * 1025),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_length_that_cannot_be_ends_the_capture(data: bytes) -> None:
    assert packets_of(data) == ([], True)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xd4\xc3\xb2\xa1", b"btsnoop\0", b"\n\r\r\n" + bytes(40), bytes(99)])
def test_what_is_no_capture_is_none(data: bytes) -> None:
    assert packets_of(data)[0] is None


@given(st.sampled_from([data[: HEADERS[name]] for name, data in CAPTURES.items()]), st.binary(max_size=120))
def test_a_header_before_garbage_never_raises(header: bytes, garbage: bytes) -> None:
    packets, _ = packets_of(header + garbage)
    assert packets is not None


@pytest.mark.parametrize("name", CAPTURES)
def test_a_changed_byte_never_raises(name: str) -> None:
    chance = random.Random(20251125)
    for _ in range(1000):
        changed = bytearray(CAPTURES[name])
        changed[chance.randrange(len(changed))] = chance.randrange(256)
        packets_of(bytes(changed))


STAMPS = st.lists(st.builds(Stamped, st.integers(0, 4 * 10**18), st.binary(max_size=40), st.just(0)), max_size=5)
BUILDERS: list[Callable[[list[Stamped]], bytes]] = [
    lambda packets: pcap(packets, 127),
    lambda packets: pcapng(packets, [Interface(127)], ">"),
    btsnoop,
]


@given(st.sampled_from(BUILDERS), STAMPS)
def test_what_was_put_in_comes_out(build: Callable[[list[Stamped]], bytes], packets: list[Stamped]) -> None:
    found, cut = packets_of(build(packets))
    assert found is not None
    assert [packet.data for packet in found] == [packet.data for packet in packets]
    assert [packet.t for packet in found] == [packet.nanoseconds // 1000 / 10**6 for packet in packets]
    assert not cut
