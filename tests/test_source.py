from __future__ import annotations

import gzip
from io import BufferedReader, BytesIO

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.source import Source


class Trickle(BytesIO):
    """Gives a few bytes at a time, as a pipe may."""

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        return super().readinto(memoryview(buffer)[:7])


def source(data: bytes) -> Source:
    return Source(BufferedReader(BytesIO(data)))


def test_bytes_come_in_the_pieces_asked_for() -> None:
    read = source(b"abcdefgh")
    assert (read.peek(3), read.take(3), read.peek(99), read.take(5), read.take(1)) == (
        b"abc",
        b"abc",
        b"defgh",
        b"defgh",
        None,
    )
    assert not read.cut


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_pipe_that_trickles_gives_the_same(pack: type[bytes]) -> None:
    read = Source(BufferedReader(Trickle(pack(bytes(range(200))))))
    assert read.take(150) == bytes(range(150))
    read.skip(49)
    assert read.take(1) == b"\xc7"
    assert read.take(1) is None
    assert not read.cut


def test_too_few_bytes_are_a_cut_and_none_at_all_only_where_some_are_needed() -> None:
    read = source(b"abc")
    assert (read.take(4), read.cut) == (None, True)
    read = source(b"abc")
    assert (read.take(3), read.take(1), read.cut) == (b"abc", None, False)
    assert (read.need(1), read.cut) == (None, True)
    read = source(b"abc")
    read.skip(100_000)
    assert read.cut


def test_packed_bytes_are_unpacked_member_by_member() -> None:
    read = source(gzip.compress(b"abc") + gzip.compress(b"def"))
    assert read.take(6) == b"abcdef"
    assert read.take(1) is None
    assert not read.cut


@pytest.mark.parametrize("damage", [b"", b"\x00\x01garbage", b"\xff" * 40])
def test_packing_that_breaks_off_gives_what_came_before_and_is_a_cut(damage: bytes) -> None:
    whole = bytes(range(256)) * 300
    packed = gzip.compress(whole, 1)
    read = source(packed[: len(packed) - 8] + damage)
    assert read.take(len(whole)) == whole
    assert read.take(1) is None
    assert read.cut


def test_a_bomb_is_read_in_bounded_memory() -> None:
    read = source(gzip.compress(bytes(64 << 20)))
    read.skip(64 << 20)
    assert not read.cut
    assert len(read._buffer) <= 1 << 17
    assert read.take(1) is None


def test_lines_keep_their_ends_and_endless_ones_are_shortened() -> None:
    read = source(b"one\ntwo\r\n\n" + b"x" * 300_000 + b"\nlast")
    assert [read.line(10) for _ in range(6)] == [b"one\n", b"two\r\n", b"\n", b"x" * 10, b"last", None]
    assert not read.cut


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
def test_lines_put_together_are_the_file(lines: list[bytes], longest: int) -> None:
    data = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    assume(not data.startswith(b"\x1f\x8b"))  # or it would be unpacked
    read = source(data)
    expected = [line[:longest] for line in data.splitlines(keepends=True)] if b"\r" not in data else None
    found = list(iter(lambda: read.line(longest), None))
    assert expected is None or found == [line if line.endswith(b"\n") else line[:longest] for line in expected]
    assert all(len(line) <= longest for line in found)


@given(st.binary(max_size=200), st.lists(st.integers(0, 60), max_size=8))
def test_whatever_is_asked_never_raises_and_comes_in_order(data: bytes, sizes: list[int]) -> None:
    for packed in (data, gzip.compress(data)[:-3], b"\x1f\x8b" + data):
        read = source(packed)
        taken = b"".join(read.take(size) or b"" for size in sizes)
        assert packed is not data or data.startswith(taken) or data[:2] == b"\x1f\x8b"
