"""Where packets end: whole ones are found however they come, and no length makes anybody wait for what is too large."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt.framing import PacketError, whole_packets

MOST = 1000


def packet(length: int) -> bytes:
    """Return a PUBLISH with this remaining length, as MQTT 5, section 1.5.5 encodes it."""
    head, rest = bytearray(b"\x30"), length
    while True:
        rest, byte = divmod(rest, 128)
        head.append(byte | (0x80 if rest else 0))
        if not rest:
            return bytes(head) + bytes(length)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 1000])
def test_a_packet_is_whole_with_its_last_byte(length: int) -> None:
    raw = packet(length)
    assert whole_packets(raw, 0, MOST) == len(raw)
    assert whole_packets(raw[:-1], 0, MOST) == 0
    assert whole_packets(raw + raw[:-1], 0, MOST) == len(raw)
    assert whole_packets(raw + raw, len(raw), MOST) == 2 * len(raw)


@pytest.mark.parametrize(
    "raw", [packet(1001)[:3], b"\x20\xff\xff\xff\x7f", b"\x20\xff\xff\xff\xff", b"\x30\x00\x30\xff\xff\xff\xff\x01"]
)
def test_what_is_too_large_is_refused_by_its_head(raw: bytes) -> None:
    with pytest.raises(PacketError):
        whole_packets(raw, 0, MOST)


@given(st.lists(st.integers(0, 300), max_size=8), st.integers(0, 300))
def test_whole_packets_end_where_the_last_of_them_does(lengths: list[int], rest: int) -> None:
    """However many bytes of the next one are there."""
    raw = b"".join(map(packet, lengths))
    assert whole_packets(raw + packet(301)[:rest], 0, MOST) == len(raw)


@given(st.binary(max_size=400))
def test_any_bytes_end_somewhere_or_are_refused(raw: bytes) -> None:
    with suppress(PacketError):
        assert 0 <= whole_packets(raw, 0, MOST) <= len(raw)
