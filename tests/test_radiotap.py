from __future__ import annotations

import os
import random
from pathlib import Path
from struct import pack, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_captures import Field, Tlv, Vendor, channel, flags, radiotap, signal

from drivers.radiotap import parse_layout

SIZES = {  # number: (size, alignment), from radiotap.org's table of defined fields
    0: (8, 8), 1: (1, 1), 2: (1, 1), 3: (4, 2), 4: (2, 2), 5: (1, 1), 6: (1, 1), 7: (2, 2), 8: (2, 2), 9: (2, 2),
    10: (1, 1), 11: (1, 1), 12: (1, 1), 13: (1, 1), 14: (2, 2), 15: (2, 2), 16: (1, 1), 17: (1, 1), 18: (8, 4),
    19: (3, 1), 20: (8, 4), 21: (12, 2), 22: (12, 8), 23: (12, 2), 24: (12, 2), 25: (6, 2), 26: (1, 1), 27: (4, 2),
}  # fmt: skip


def fields(header: bytes) -> list[tuple[int, bytes]] | None:
    layout = parse_layout(header)
    if layout is None:
        return None
    return [(number, header[offset : offset + SIZES[number][0]]) for number, offset in layout.fields]


@st.composite
def namespaces(draw: st.DrawFn) -> list[list[Field] | Vendor]:
    """Namespaces as headers have them: radiotap's first, then more of its own or vendors'."""
    chosen: list[list[Field] | Vendor] = [draw(own_fields())]
    for _ in range(draw(st.integers(0, 4))):
        vendor = st.builds(Vendor, st.binary(max_size=9), st.integers(0, 2**29 - 1))
        chosen.append(draw(st.one_of(own_fields(), vendor)))
    return chosen


@st.composite
def own_fields(draw: st.DrawFn) -> list[Field]:
    numbers = draw(st.lists(st.sampled_from(sorted(SIZES)), unique=True))
    return [
        Field(number, SIZES[number][1], draw(st.binary(min_size=SIZES[number][0], max_size=SIZES[number][0])))
        for number in sorted(numbers)
    ]


@given(namespaces(), st.integers(0, 3))
def test_every_field_of_a_built_header_is_where_it_was_put(built: list[list[Field] | Vendor], padding: int) -> None:
    expected = [(field.number, field.value) for own in built if not isinstance(own, Vendor) for field in own]
    assert fields(radiotap(built, padding=padding) + b"frame") == expected


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise_and_no_offset_lies_outside(data: bytes) -> None:
    layout = parse_layout(data)
    if layout is not None:
        assert all(8 <= offset < layout.length <= len(data) for _, offset in layout.fields)


def test_tlvs_follow_the_fields_and_are_fields_too() -> None:
    header = radiotap([[flags(0x10)]], [Tlv(40, b"abc"), Tlv(5, b"\xc4"), Tlv(3, b"x"), Tlv(33, bytes(12))])
    assert fields(header) == [(1, b"\x10"), (5, b"\xc4")]


def test_antennas_come_after_the_whole() -> None:
    header = radiotap([[signal(-60), channel(2437)], [signal(-63), Field(11, 1, b"\x00")], [signal(-61)]])
    layout = parse_layout(header)
    assert layout is not None
    assert header[layout.offset(5) or 0] == 256 - 60
    assert [number for number, _ in layout.fields] == [3, 5, 5, 11, 5]


def test_a_field_of_unknown_size_ends_the_walk() -> None:
    header = pack("<BBHIIB", 0, 0, 14, 1 << 1 | 1 << 31, 1 << 5, 0x10) + b"\x07"
    assert fields(header) == [(1, b"\x10")]  # the second word goes on from 32, and 37 is not defined


MALFORMED = {
    "nothing": b"",
    "cut before the presence word": pack("<BBH", 0, 0, 8),
    "another version": pack("<BBHI", 1, 0, 8, 0),
    "shorter than itself": pack("<BBHI", 0, 0, 7, 0),
    "longer than the frame": pack("<BBHI", 0, 0, 9, 0),
    "presence words without end": pack("<BBHI", 0, 0, 8, 1 << 31) + b"\xff" * 4,
    "a field beyond its end": pack("<BBHI", 0, 0, 8, 1 << 1) + b"\x10",
    "alignment beyond its end": pack("<BBHIB", 0, 0, 12, 1 << 1 | 1 << 3, 0x10) + bytes(10),
    "a vendor's data beyond its end": radiotap([[flags(0)], Vendor(b"", 0)])[:-2] + b"\xff\xff",
    "two namespaces at once": pack("<BBHI", 0, 0, 8, 3 << 29),
    "a TLV beyond its end": radiotap([[]], [Tlv(40, b"abcd")])[:-6] + b"\xff\xff" + b"abcd",
    "more presence words than any radio has": pack("<BBH", 0, 0, 4 + 4 * 65) + pack("<I", 1 << 31) * 64 + bytes(4),
}


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_header_has_no_layout(header: bytes) -> None:
    assert parse_layout(header) is None


def test_what_is_cut_or_changed_never_raises() -> None:
    chance = random.Random(20251122)
    whole = radiotap([[flags(0), channel(5180), signal(-70)], Vendor(b"abc", 5), [signal(-71)]], [Tlv(33, b"x" * 9)])
    for stop in range(len(whole)):
        assert parse_layout(whole[:stop]) is None
    for _ in range(2000):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] = chance.randrange(256)
        parse_layout(bytes(changed))


VECTORS: dict[
    str, list[tuple[int, int | None]] | None
] = {  # file: fields as the radiotap project's own parser prints them
    "0.bin": [(0, 9833440827789222417)],
    "00.bin": [(0, 9833440827789222417), (0, 1225260500033256362)],
    "0fcs.bin": [(0, 9833440827789222417), (14, None)],  # bit 14, once the FCS, is RX flags today
    "0v0.bin": [(0, 9833440827789222417), (0, 1225260500033256362)],
    "0v0-2.bin": [(0, 9833440827789222417), (0, 1225260500033256362)],
    "0v0-3.bin": [(0, 9833440827789222417), (0, 1225260500033256362)],
    "0v0-4.bin": [(0, 9833440827789222417), (0, 1225260500033256362)],
    "1.bin": [(1, 0x33)],
    "unparsed-vendor.bin": [(1, 0x10), (2, 2), (3, None), (5, None), (11, None), (14, 0), (2, 4)],
    "malformed-vendor.bin": None,
}


@pytest.mark.corpus
@pytest.mark.skipif("HUSHBELL_CORPUS" not in os.environ, reason="HUSHBELL_CORPUS is not set")
@pytest.mark.parametrize("name", VECTORS)
def test_the_radiotap_project_s_vectors(name: str) -> None:
    header = (Path(os.environ["HUSHBELL_CORPUS"]) / "radiotap-vectors" / name).read_bytes()
    expected = VECTORS[name]
    found = fields(header)
    if expected is None or found is None:
        assert (found, expected) == (None, None)
        return
    assert [number for number, _ in found] == [number for number, _ in expected]
    for (_, value), (_, number) in zip(found, expected, strict=True):
        assert number is None or int.from_bytes(value, "little") == number
    assert unpack_from("<H", header, 2)[0] <= len(header)
