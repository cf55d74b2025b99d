"""Where packets end: whole ones are found however they come, and no length makes anybody wait for what is too large."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt.framing import MOST_INTEGER, PacketError, encode_integer, parse_integer, take_packets

MOST = 1000

INTEGERS = [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (MOST_INTEGER, "ffffff7f")]
"""MQTT 5, table 1-1."""


def packet(length: int) -> bytes:
    """Return a PUBLISH with this remaining length."""
    return b"\x30" + encode_integer(length) + bytes(length)


@pytest.mark.parametrize(("value", "digits"), INTEGERS)
def test_a_length_is_written_and_read_as_the_specification_has_it(value: int, digits: str) -> None:
    raw = bytes.fromhex(digits)
    assert encode_integer(value) == raw
    assert parse_integer(b"x" + raw + b"x", 1) == (value, 1 + len(raw))
    assert parse_integer(raw[:-1], 0) is None


@pytest.mark.parametrize("length", [0, 1, 127, 128, 1000])
def test_a_packet_is_whole_with_its_last_byte(length: int) -> None:
    raw = packet(length)
    buffer = bytearray(raw + raw[:-1])
    assert take_packets(buffer, MOST) == [raw]
    assert take_packets(buffer, MOST) == []
    buffer += raw[-1:]
    assert take_packets(buffer, MOST) == [raw]
    assert not buffer


@pytest.mark.parametrize(
    "raw", [packet(1001)[:3], b"\x20\xff\xff\xff\x7f", b"\x20\xff\xff\xff\xff", b"\x30\x00\x30\xff\xff\xff\xff\x01"]
)
def test_what_is_too_large_is_refused_by_its_head(raw: bytes) -> None:
    with pytest.raises(PacketError):
        take_packets(bytearray(raw), MOST)


@given(st.lists(st.integers(0, 300), max_size=8), st.lists(st.integers(0, 3000), max_size=6))
def test_packets_are_the_same_however_their_bytes_come(lengths: list[int], cuts: list[int]) -> None:
    """All of them, in their order, and nothing is left."""
    raw = b"".join(map(packet, lengths))
    marks = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    buffer = bytearray()
    found = []
    for start, end in pairwise(marks):
        buffer += raw[start:end]
        found += take_packets(buffer, MOST)
    assert (found, bytes(buffer)) == ([*map(packet, lengths)], b"")


@given(st.binary(max_size=400))
def test_any_bytes_end_somewhere_or_are_refused(raw: bytes) -> None:
    buffer = bytearray(raw)
    with suppress(PacketError):
        assert b"".join(take_packets(buffer, MOST)) + buffer == raw
