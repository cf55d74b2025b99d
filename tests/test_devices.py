"""What a device says, told by what is new in all that was ever told of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.advertisement import ADVERT, EDDYSTONE, Meaning, identify
from drivers.devices import Device

IBEACON = {0x004C: b"\x02\x15" + bytes(range(20)) + b"\xc5"}
ANOTHER = {0x004C: b"\x02\x15" + bytes(20) + b"\xc5"}
PHONE = {0x004C: b"\x10\x05"}
UID = {EDDYSTONE: b"\x00\xee" + bytes(range(16)) + b"\x00\x00"}
TLM = {EDDYSTONE: b"\x20\x00" + bytes(12)}
SENT: tuple[Mapping[int, bytes], ...] = (IBEACON, ANOTHER, PHONE)
SERVED: tuple[Mapping[str, bytes], ...] = (UID, TLM, {"0000180f-0000-1000-8000-00805f9b34fb": b"\x64"})


def a_device() -> Device:
    return Device(b"\xd0\x11\x22\x33\x44\x55", "random")


def of(manufacturer: Mapping[int, bytes] | None = None, services: Mapping[str, bytes] | None = None) -> Meaning:
    return identify(manufacturer or {}, services or {})


def test_the_same_data_in_new_objects_mean_the_same() -> None:
    device = a_device()
    assert {device.hear(dict(IBEACON), None) for _ in range(3)} == {of(IBEACON)}


def test_a_card_that_sends_two_kinds_in_turn_is_taken_for_each() -> None:
    device, beacon, uid = a_device(), dict(IBEACON), dict(UID)
    assert device.hear(beacon, None) == of(IBEACON)
    assert device.hear(beacon, uid) == of(None, UID)
    assert device.hear(beacon, uid) == of(None, UID), "a signal without data"
    beacon = dict(IBEACON)
    assert device.hear(beacon, uid) == of(IBEACON)
    assert device.hear(beacon, dict(TLM)) == of(None, TLM)


@pytest.mark.parametrize(("manufacturer", "meaning"), [(IBEACON, of(IBEACON)), (PHONE, of(None, UID))])
def test_of_two_kinds_at_once_the_one_that_a_card_could_say_counts(
    manufacturer: Mapping[int, bytes], meaning: Meaning
) -> None:
    assert a_device().hear(manufacturer, UID) == meaning


def test_data_that_are_taken_back_mean_nothing() -> None:
    device = a_device()
    device.hear(dict(IBEACON), None)
    assert device.hear(None, None) == ADVERT


@given(st.lists(st.tuples(st.sampled_from(SENT), st.none()) | st.tuples(st.none(), st.sampled_from(SERVED))))
def test_each_signal_means_what_it_would_alone(
    signals: list[tuple[Mapping[int, bytes] | None, Mapping[str, bytes] | None]],
) -> None:
    device = a_device()
    manufacturer: Mapping[int, bytes] | None = None
    services: Mapping[str, bytes] | None = None
    for sent, served in signals:
        manufacturer = manufacturer if sent is None else dict(sent)
        services = services if served is None else dict(served)
        assert device.hear(manufacturer, services) == of(sent, served)
