from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_captures import CARD, STATION, ibeacon, structure

from drivers.link_layer import decode_link_layer, decode_nordic, decode_with_pseudo_header
from drivers.sighting import Sighting

Decode = Callable[[float, str, bytes, Counter[str]], Sighting | None]


def crc(pdu: bytes) -> bytes:
    """Return the CRC of an advertising PDU bit by bit, as Vol 6 Part B, 3.1.1 draws the register."""
    register = [int(bit) for bit in f"{0x555555:024b}"[::-1]]  # position 0 first
    for byte in pdu:
        for bit in range(8):
            feedback = register[23] ^ (byte >> bit & 1)
            register = [feedback, *register[:23]]
            for position in (1, 3, 4, 6, 9, 10):
                register[position] ^= feedback
    bits = register[::-1]  # position 23 is sent first
    return bytes(sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in (0, 8, 16))


def packet(kind: int, payload: bytes, *, random: bool = True, access: str = "d6be898e") -> bytes:
    pdu = bytes([kind | (0x40 if random else 0), len(payload)]) + payload
    return bytes.fromhex(access) + pdu + crc(pdu)


def advert(kind: int = 2, data: bytes | None = None) -> bytes:
    return packet(kind, STATION[::-1] + (ibeacon() if data is None else data))


def with_pseudo_header(whole: bytes, flags: int, signal: int = -61) -> bytes:
    return pack("<BbbBIH", 37, signal, -90, 0, 0x8E89BED6, flags) + whole


def nordic(whole: bytes, flags: int = 0x01, loss: int = 61) -> bytes:
    return pack("<BHBHBBBBBHI", 7, len(whole) + 10, 3, 1, 2, 10, flags, 37, loss, 0, 0) + whole


def heard(decode: Decode, whole: bytes) -> tuple[Sighting | None, Counter[str]]:
    counters: Counter[str] = Counter()
    return decode(1.5, "street", whole, counters), counters


def test_the_crc_is_the_one_that_advertisers_send() -> None:
    # ADV_NONCONN_IND of the specification's register alone: an empty register stays what it was
    assert crc(b"") == bytes.fromhex("aaaaaa")


@pytest.mark.parametrize(
    ("decode", "whole", "rssi"),
    [
        (decode_link_layer, advert(), None),
        (decode_with_pseudo_header, with_pseudo_header(advert(), 0x0C02), -61),
        (decode_with_pseudo_header, with_pseudo_header(advert(), 0x0000), None),
        (decode_nordic, nordic(advert()), -61),
        (decode_nordic, nordic(advert(), loss=200), None),
    ],
)
def test_an_advert_is_a_sighting_in_each_link_type(decode: Decode, whole: bytes, rssi: int | None) -> None:
    expected = Sighting(1.5, "street", "ble", "ibeacon", rssi, CARD, -59, STATION, "random")
    assert heard(decode, whole) == (expected, Counter())


@pytest.mark.parametrize(
    ("decode", "whole"),
    [
        (decode_link_layer, advert()[:-1] + bytes([advert()[-1] ^ 1])),
        (decode_with_pseudo_header, with_pseudo_header(advert(), 0x0402)),
        (decode_with_pseudo_header, with_pseudo_header(advert()[:-1] + b"\x00", 0x0002)),
        (decode_nordic, nordic(advert(), 0x00)),
    ],
)
def test_a_bad_crc_leaves_the_packet_out(decode: Decode, whole: bytes) -> None:
    assert heard(decode, whole) == (None, Counter({"bad-crc": 1}))


@pytest.mark.parametrize("kind", [0, 1, 2, 6])
def test_every_kind_of_legacy_advert_counts(kind: int) -> None:
    sighting, counters = heard(decode_link_layer, advert(kind, STATION if kind == 1 else b""))
    assert sighting is not None
    assert (sighting.kind, sighting.identity, counters) == ("advert", b"", Counter())


OTHERS = {
    "a scan request": (packet(3, STATION + STATION), "other"),
    "a connection request": (packet(5, bytes(34)), "other"),
    "a reserved PDU": (packet(15, STATION), "other"),
    "a packet of a connection": (packet(2, STATION, access="11223344"), "other"),
    "an advert without an address": (packet(2, STATION[:5]), "other"),
    "a pointer to another PDU": (packet(7, b"\x09\x11" + STATION[::-1] + b"\x01\x02\x03"[:2]), "other"),
    "a stranger's scan response": (advert(4, structure(9, b"phone")), "scan-response"),
    "a cut packet": (advert()[:-1], "malformed"),
    "nothing": (b"", "malformed"),
}


@pytest.mark.parametrize(("whole", "cause"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_advert_is_counted_by_its_cause(whole: bytes, cause: str) -> None:
    assert heard(decode_link_layer, whole) == (None, Counter([cause]))


def test_an_extended_advert_is_a_sighting_with_and_without_an_address() -> None:
    addressed = packet(7, b"\x07\x01" + STATION[::-1] + ibeacon(), random=False)
    sighting, _ = heard(decode_link_layer, addressed)
    assert sighting is not None
    assert (sighting.kind, sighting.address, sighting.address_type) == ("ibeacon", STATION, "public")
    sighting, _ = heard(decode_link_layer, packet(7, b"\x00" + ibeacon()))
    assert sighting is not None
    assert (sighting.kind, sighting.address, sighting.address_type) == ("ibeacon", None, None)


def test_a_coded_packet_of_the_nrf_sniffer_is_left_out() -> None:
    assert heard(decode_nordic, nordic(advert(), 0x21)) == (None, Counter(other=1))


@given(st.binary(max_size=80), st.sampled_from((b"", bytes.fromhex("d6be898e"), bytes(17), bytes(10))))
def test_arbitrary_bytes_never_raise_and_are_a_sighting_or_counted_once(data: bytes, start: bytes) -> None:
    for decode in (decode_link_layer, decode_with_pseudo_header, decode_nordic):
        sighting, counters = heard(decode, start + data)
        assert counters.total() == (sighting is None)


@given(st.binary(max_size=70), st.integers(0, 15))
def test_a_packet_with_a_true_crc_never_raises(payload: bytes, kind: int) -> None:
    sighting, counters = heard(decode_link_layer, packet(kind, payload))
    assert counters.total() == (sighting is None)
    assert not counters["bad-crc"]
