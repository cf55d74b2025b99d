from __future__ import annotations

import random
from collections import Counter
from struct import pack
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_captures import (
    PROBE,
    SSID,
    STATION,
    Field,
    Tlv,
    Vendor,
    channel,
    flags,
    management,
    prism,
    radiotap,
    signal,
)

from drivers.channels import channel_of, frequency_of
from drivers.dot11 import _MOST_PLANS, _plans, decode_frame, decode_radiotap_frame
from drivers.frames import management_frame
from drivers.prism import parse_prism
from drivers.sighting import Pseudonyms, Sighting, as_json_line

LAYOUTS = {
    "signal only": radiotap([[signal(-77), channel(2437)]]),
    "as mac80211 writes it": radiotap([[Field(0, 8, bytes(8)), flags(0x10), Field(2, 1, b"\x02"), channel(2437),
        signal(-77), Field(11, 1, b"\x00"), Field(14, 2, bytes(2))]]),
    "three antennas": radiotap([[flags(0), channel(2437), signal(-77)], [signal(-80), Field(11, 1, b"\x00")],
        [signal(-79), Field(11, 1, b"\x01")]]),
    "a vendor's namespace": radiotap([[flags(0), channel(2437), signal(-77)], Vendor(b"abcdefg", 0x1FF)]),
    "signal behind a vendor's namespace": radiotap([[flags(0), channel(2437)], Vendor(b"abc", 7), [signal(-77)]]),
    "TLVs at the end": radiotap([[flags(0), channel(2437), signal(-77)]], [Tlv(33, bytes(12)), Tlv(34, bytes(40))]),
    "extended channel": radiotap([[flags(0), signal(-77), Field(18, 4, pack("<IHBB", 0x80, 2437, 6, 20))]]),
    "padded": radiotap([[channel(2437), signal(-77)]], padding=7),
}  # fmt: skip


def decode(frame: bytes | memoryview) -> tuple[Sighting | None, Counter[str]]:
    counters: Counter[str] = Counter()
    return decode_radiotap_frame(1.5, "air", frame, counters), counters


@pytest.mark.parametrize("header", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_probe_request_is_the_same_behind_every_layout(header: bytes) -> None:
    expected = Sighting(1.5, "air", "wifi", "probe-request", -77, b"", None, STATION, "local", 2437, 1204, None, None)
    for frame in (header + PROBE, header + PROBE, memoryview(bytearray(header + PROBE))):
        assert decode(frame) == (expected, Counter())


@pytest.mark.parametrize(
    ("subtype", "kind"),
    [(0, "association-request"), (2, "reassociation-request"), (4, "probe-request"), (11, "authentication")],
)
def test_what_stations_send_is_told_apart(subtype: int, kind: str) -> None:
    sighting, _ = decode(radiotap([[signal(-50)]]) + management(subtype, bytes.fromhex("001122334455"), 4095))
    assert sighting is not None
    assert (sighting.kind, sighting.address_type, sighting.sequence) == (kind, "global", 4095)


SHOP, OTHER, ANY = bytes.fromhex("0211223344aa"), bytes.fromhex("0299aabbccdd"), b"\xff" * 6


@pytest.mark.parametrize(
    ("to", "bssid", "keep", "own_network"),
    [
        (SHOP, SHOP, 24, True),
        (SHOP, ANY, 24, True),
        (OTHER, SHOP, 24, True),
        (OTHER, OTHER, 24, False),
        (ANY, OTHER, 24, False),
        (ANY, ANY, 24, None),
        (SHOP, SHOP, 16, True),
        (OTHER, OTHER, 16, None),
        (OTHER, OTHER, 23, None),
    ],
)
def test_the_shops_own_networks_are_told_by_address(to: bytes, bssid: bytes, keep: int, own_network: object) -> None:
    frame = radiotap([[signal(-50)]]) + management_frame(0, STATION, to, bssid)[:keep]
    counters: Counter[str] = Counter()
    sighting = decode_radiotap_frame(1.5, "air", frame, counters, frozenset({SHOP}))
    assert sighting is not None
    assert sighting.own_network is own_network
    unknown = decode_radiotap_frame(1.5, "air", frame, counters)
    assert unknown is not None
    assert unknown.own_network is None


def test_a_header_without_signal_or_channel_leaves_them_open() -> None:
    sighting, _ = decode(radiotap([[flags(0), Field(12, 1, b"\x30")]]) + PROBE)
    assert sighting is not None
    assert (sighting.rssi, sighting.frequency) == (None, None)


def test_zero_dbm_is_a_signal() -> None:
    sighting, _ = decode(radiotap([[signal(0)]]) + PROBE)
    assert sighting is not None
    assert sighting.rssi == 0


OTHERS = {
    "a bad frame check sequence": (radiotap([[flags(0x50), signal(-50)]]) + PROBE, "bad-fcs"),
    "a beacon": (radiotap([[signal(-50)]]) + management(8), "other"),
    "QoS data": (radiotap([[signal(-50)]]) + b"\x88" + PROBE[1:], "other"),
    "a later version": (radiotap([[signal(-50)]]) + b"\x41" + PROBE[1:], "other"),
    "nothing behind its header, by right": (radiotap([[signal(-50), Field(26, 1, b"\0")]]), "other"),
    "something behind it all the same": (radiotap([[signal(-50), Field(26, 1, b"\0")]]) + PROBE, "other"),
    "a header that is cut, and says so": (radiotap([[signal(-50), Field(26, 1, b"\0")]])[:-1], "malformed"),
    "an acknowledgement": (radiotap([[signal(-50)]]) + b"\xd4\x00\x00\x00" + STATION, "other"),
    "a header alone": (radiotap([[signal(-50)]]), "malformed"),
    "a cut address": (radiotap([[signal(-50)]]) + PROBE[:15], "malformed"),
    "no header": (b"", "malformed"),
}


@pytest.mark.parametrize(("frame", "cause"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_sighting_is_counted_once_by_its_cause(frame: bytes, cause: str) -> None:
    assert decode(frame) == (None, Counter([cause]))
    assert decode(frame) == (None, Counter([cause]))


def test_cut_anywhere_a_frame_is_a_sighting_from_its_address_on_and_counted_before() -> None:
    header = LAYOUTS["as mac80211 writes it"]
    for stop in range(len(header + PROBE)):
        sighting, counters = decode((header + PROBE)[:stop])
        if stop < len(header) + 16:
            assert (sighting, counters) == (None, Counter(malformed=1))
        else:
            assert sighting is not None
            assert sighting.sequence == (1204 if stop >= len(header) + 24 else None)
            assert (sighting.address, sighting.rssi, sighting.frequency) == (STATION, -77, 2437)


class Air(NamedTuple):
    frame: bytes
    rssi: int | None
    frequency: int | None
    sequence: int
    bad: bool


@st.composite
def airs(draw: st.DrawFn) -> Air:
    """A frame built together with what it says."""
    rssi = draw(st.none() | st.integers(-128, 127))
    frequency = draw(st.none() | st.sampled_from((2412, 2484, 5180, 5955)))
    given_flags = draw(st.none() | st.sampled_from((0x00, 0x10, 0x50, 0x40)))
    sequence = draw(st.integers(0, 4095))
    own = [Field(0, 8, bytes(8))] if draw(st.booleans()) else []
    own += [] if given_flags is None else [flags(given_flags)]
    own += [] if frequency is None else [channel(frequency)]
    tail = [] if rssi is None else [signal(rssi)]
    vendor = draw(st.none() | st.binary(max_size=8))
    own_first = own + tail if vendor is None or draw(st.booleans()) else own
    spaces: list[list[Field] | Vendor] = [own_first]
    if vendor is not None:
        spaces += [Vendor(vendor, draw(st.integers(0, 255))), tail if own_first is own else []]
    body = management(4, STATION, sequence, draw(st.binary(max_size=40)))
    return Air(radiotap(spaces) + body, rssi, frequency, sequence, bool((given_flags or 0) & 0x40))


@given(airs())
def test_what_was_built_is_what_is_decoded(air: Air) -> None:
    sighting, counters = decode(air.frame)
    if air.bad:
        assert (sighting, counters) == (None, Counter({"bad-fcs": 1}))
        return
    assert sighting is not None
    assert (sighting.rssi, sighting.frequency, sighting.sequence) == (air.rssi, air.frequency, air.sequence)


@given(st.binary(max_size=120))
def test_arbitrary_bytes_never_raise_and_are_a_sighting_or_counted_once(frame: bytes) -> None:
    sighting, counters = decode(frame)
    assert counters.total() == (sighting is None)
    counters.clear()
    assert (decode_frame(0.0, "air", frame, None, None, counters) is None) == counters.total()
    parse_prism(frame)


def test_a_changed_byte_never_raises() -> None:
    chance = random.Random(20251123)
    for header in LAYOUTS.values():
        for _ in range(500):
            changed = bytearray(header + PROBE)
            changed[chance.randrange(len(changed))] = chance.randrange(256)
            sighting, counters = decode(bytes(changed))
            assert counters.total() == (sighting is None)


def test_a_flood_of_layouts_keeps_memory_bounded() -> None:
    for padding in range(3 * _MOST_PLANS):
        assert decode(radiotap([[signal(-50)]], padding=padding) + PROBE)[0] is not None
    assert len(_plans) <= _MOST_PLANS


def test_the_network_s_name_is_nowhere_in_what_comes_out() -> None:
    sighting, _ = decode(LAYOUTS["signal only"] + PROBE)
    assert sighting is not None
    for text in (repr(sighting), str(tuple(sighting)), as_json_line(sighting, Pseudonyms())):
        assert SSID.decode() not in text
        assert SSID.hex() not in text


def test_a_bare_frame_takes_what_is_known_of_its_reception() -> None:
    counters: Counter[str] = Counter()
    sighting = decode_frame(2.0, "air", PROBE, -40, 5180, counters)
    assert sighting is not None
    assert (sighting.kind, sighting.rssi, sighting.frequency, sighting.sequence) == ("probe-request", -40, 5180, 1204)
    cut = decode_frame(2.0, "air", PROBE[:23], None, None, counters)
    assert cut is not None
    assert (cut.address, cut.sequence) == (STATION, None)
    assert decode_frame(2.0, "air", PROBE[:15], None, None, counters) is None
    assert counters == Counter(malformed=1)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (prism(7, -57), (-57, 2442)),
        (prism(7, -57, order=">"), (-57, 2442)),
        (prism(44, -200, code=0x41), (None, 5220)),
        (prism(0, 57), (None, None)),
        (prism(7, -57)[:60], (None, 2442)),
    ],
)
def test_a_prism_header_gives_channel_and_negative_signal(header: bytes, expected: tuple[int, int]) -> None:
    assert parse_prism(header) == expected


@pytest.mark.parametrize("header", [b"", prism(7, -57)[:7], b"\x45" + prism(7, -57)[1:], bytes(200)])
def test_what_is_no_prism_header_is_none(header: bytes) -> None:
    assert parse_prism(header) is None


@pytest.mark.parametrize(
    ("frequency", "number"),
    [(2412, 1), (2472, 13), (2484, 14), (5180, 36), (5825, 165), (5885, 177), (5935, 2), (5955, 1), (6115, 33),
     (7115, 233), (4920, 184), (2413, None), (2400, None), (0, None), (65535, None), (58320, None)],
)  # fmt: skip
def test_channels_by_their_frequency(frequency: int, number: int | None) -> None:
    assert channel_of(frequency) == number


@pytest.mark.parametrize(
    ("number", "frequency"), [(1, 2412), (13, 2472), (14, 2484), (36, 5180), (0, None), (20, None)]
)
def test_frequencies_by_their_channel(number: int, frequency: int | None) -> None:
    assert frequency_of(number) == frequency
