from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_captures import (
    CARD,
    STATION,
    coded,
    crc,
    extended,
    ibeacon,
    link_layer,
    nordic,
    structure,
    with_pseudo_header,
)

from drivers.link_layer import decode_link_layer, decode_nordic, decode_with_pseudo_header
from drivers.sighting import Sighting

Decode = Callable[[float, str, bytes, Counter[str]], Sighting | None]


def advert(kind: int = 2, data: bytes | None = None) -> bytes:
    return link_layer(kind, STATION[::-1] + (ibeacon() if data is None else data))


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
        (decode_with_pseudo_header, with_pseudo_header(coded(advert()), 0x8C02), -61),
        (decode_with_pseudo_header, with_pseudo_header(coded(advert()), 0x8000), None),
        (decode_nordic, nordic(advert()), -61),
        (decode_nordic, nordic(coded(advert()), 0x21), -61),
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
    "a scan request": (link_layer(3, STATION + STATION), "other"),
    "a connection request": (link_layer(5, bytes(34)), "other"),
    "a reserved PDU": (link_layer(15, STATION), "other"),
    "a packet of a connection": (link_layer(2, STATION, access="11223344"), "other"),
    "an advert without an address": (link_layer(2, STATION[:5]), "malformed"),
    "an extended advert of nothing": (link_layer(7, b""), "malformed"),
    "an extended header longer than its packet": (link_layer(7, b"\x06\x00" + bytes(4)), "malformed"),
    "an extended header without its address": (link_layer(7, b"\x06\x01" + bytes(20)), "malformed"),
    "a pointer to another PDU": (link_layer(7, b"\x09\x11" + STATION[::-1] + b"\x01\x02\x03"[:2]), "other"),
    "a stranger's scan response": (advert(4, structure(9, b"phone")), "scan-response"),
    "a cut packet": (advert()[:-1], "malformed"),
    "nothing": (b"", "malformed"),
}


@pytest.mark.parametrize(("whole", "cause"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_advert_is_counted_by_its_cause(whole: bytes, cause: str) -> None:
    assert heard(decode_link_layer, whole) == (None, Counter([cause]))


def test_an_extended_advert_is_a_sighting_with_and_without_an_address() -> None:
    addressed = link_layer(7, extended(ibeacon()), random=False)
    sighting, _ = heard(decode_link_layer, addressed)
    assert sighting is not None
    assert (sighting.kind, sighting.address, sighting.address_type) == ("ibeacon", STATION, "public")
    sighting, _ = heard(decode_link_layer, link_layer(7, b"\x00" + ibeacon()))
    assert sighting is not None
    assert (sighting.kind, sighting.address, sighting.address_type) == ("ibeacon", None, None)


@given(st.binary(max_size=80), st.sampled_from((b"", bytes.fromhex("d6be898e"), bytes(17), bytes(10))))
def test_arbitrary_bytes_never_raise_and_are_a_sighting_or_counted_once(data: bytes, start: bytes) -> None:
    for decode in (decode_link_layer, decode_with_pseudo_header, decode_nordic):
        sighting, counters = heard(decode, start + data)
        assert counters.total() == (sighting is None)


@given(st.binary(max_size=70), st.integers(0, 15))
def test_a_packet_with_a_true_crc_never_raises(payload: bytes, kind: int) -> None:
    sighting, counters = heard(decode_link_layer, link_layer(kind, payload))
    assert counters.total() == (sighting is None)
    assert not counters["bad-crc"]
