from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_captures import (
    CARD,
    FLAGS,
    STATION,
    altbeacon,
    eddystone,
    event,
    extended_report,
    ibeacon,
    legacy_report,
    structure,
)

from drivers.advertisement import ADVERT, EDDYSTONE, Meaning, address_type, decode_ad, decode_hci_event, identify
from drivers.sighting import Sighting

UID = bytes.fromhex("6e9d1c5a2b3f4e701234") + bytes.fromhex("0000000007a1")
EID = bytes.fromhex("0123456789abcdef")
URL = b"\x10\xe7\x02example\x07"
TLM = b"\x20\x00" + bytes(12)

MEANINGS: dict[str, tuple[bytes, Meaning]] = {
    "an iBeacon": (ibeacon(), ("ibeacon", CARD, -59)),
    "an iBeacon without flags": (ibeacon()[3:], ("ibeacon", CARD, -59)),
    "an iBeacon whose power is 0": (ibeacon(power=0), ("ibeacon", CARD, 0)),
    "an iBeacon whose power is a battery's": (ibeacon(power=26), ("ibeacon", CARD, 26)),
    "an iBeacon before padding": (ibeacon() + bytes(5), ("ibeacon", CARD, -59)),
    "an iBeacon before garbage": (ibeacon() + b"\xff\xff", ("ibeacon", CARD, -59)),
    "an AltBeacon": (altbeacon(), ("altbeacon", CARD, -59)),
    "an AltBeacon without its last byte": (
        structure(0xFF, b"\x18\x01\xbe\xac" + CARD + b"\xc5"),
        ("altbeacon", CARD, -59),
    ),
    "an Eddystone-UID": (eddystone(b"\x00\xe7" + UID + b"\x00\x00"), ("eddystone-uid", UID, -25)),
    "one without reserved bytes": (eddystone(b"\x00\xe7" + UID), ("eddystone-uid", UID, -25)),
    "an Eddystone-EID": (eddystone(b"\x30\xe7" + EID), ("eddystone-eid", EID, -25)),
    "an Eddystone-URL": (eddystone(URL), ("eddystone-url", b"", -25)),
    "Eddystone-TLM": (eddystone(TLM), ("eddystone-tlm", b"", None)),
    "encrypted TLM": (eddystone(b"\x20\x01" + bytes(16)), ("eddystone-tlm", b"", None)),
    "TLM that overruns": (FLAGS + b"\x19\x16\xaa\xfe" + TLM, ("eddystone-tlm", b"", None)),
    "Eddystone without a list": (structure(0x16, b"\xaa\xfe\x30\xe7" + EID), ("eddystone-eid", EID, -25)),
    "Eddystone before its list": (
        structure(0x16, b"\xaa\xfe\x30\xe7" + EID) + structure(0x02, b"\x0f\x18\xaa\xfe"),
        ("eddystone-eid", EID, -25),
    ),
}

ADVERTS = {
    "nothing": b"",
    "flags alone": FLAGS,
    "another list of services": structure(0x03, b"\xab\xfe") + structure(0x16, b"\xaa\xfe\x30\xe7" + EID),
    "an unknown Eddystone frame": eddystone(b"\x01\xe7" + UID),
    "an empty Eddystone frame": eddystone(b""),
    "a short Eddystone-UID": eddystone(b"\x00\xe7" + UID[:-1]),
    "a short Eddystone-EID": eddystone(b"\x30\xe7" + EID[:-1]),
    "a short Eddystone-URL": eddystone(URL[:2]),
    "short TLM": eddystone(TLM[:-1]),
    "an iBeacon of another company": structure(0xFF, b"\x4d\x00\x02\x15" + CARD + b"\xc5"),
    "another message of Apple's": structure(0xFF, b"\x4c\x00\x10\x15" + CARD + b"\xc5"),
    "a short iBeacon": structure(0xFF, b"\x4c\x00\x02\x15" + CARD),
    "a structure that overruns": FLAGS + ibeacon()[3:-1],
    "an iBeacon whose length overruns": FLAGS + b"\x1b" + ibeacon()[4:],
    "an Eddystone-UID whose length overruns": structure(0x03, b"\xaa\xfe") + b"\x16\x16\xaa\xfe\x00\xe7" + UID,
    "an iBeacon behind padding": bytes(2) + ibeacon(),
    "manufacturer data without a company": structure(0xFF, b"\x4c"),
    "a length alone": b"\x1a",
}


@pytest.mark.parametrize(("data", "meaning"), MEANINGS.values(), ids=MEANINGS.keys())
def test_what_advertising_data_says(data: bytes, meaning: Meaning) -> None:
    assert decode_ad(data) == meaning


@pytest.mark.parametrize("data", ADVERTS.values(), ids=ADVERTS.keys())
def test_everything_else_is_an_advert(data: bytes) -> None:
    assert decode_ad(data) == ADVERT


@pytest.mark.parametrize(
    ("manufacturer", "services", "meaning"),
    [
        ({0x4C: b"\x02\x15" + CARD + b"\xc5"}, {}, ("ibeacon", CARD, -59)),
        ({0x59: b"\x01", 0x118: b"\xbe\xac" + CARD + b"\xc5\x00"}, {}, ("altbeacon", CARD, -59)),
        ({}, {EDDYSTONE: b"\x30\xe7" + EID}, ("eddystone-eid", EID, -25)),
        ({0x59: b"\x01"}, {"0000180f-0000-1000-8000-00805f9b34fb": b"\x64"}, ADVERT),
        ({0x4C: b"\x10\x05\x03"}, {EDDYSTONE: b"\x40"}, ADVERT),
        ({}, {}, ADVERT),
    ],
)
def test_what_a_library_parsed_says_the_same(
    manufacturer: dict[int, bytes], services: dict[str, bytes], meaning: Meaning
) -> None:
    assert identify(manufacturer, services) == meaning


@given(st.sampled_from(sorted(MEANINGS)), st.lists(st.binary(min_size=1, max_size=9), max_size=3))
def test_structures_before_it_change_nothing(name: str, before: list[bytes]) -> None:
    data, meaning = MEANINGS[name]
    assert decode_ad(b"".join(structure(0x09, value) for value in before) + data) == meaning


def heard(packet: bytes) -> tuple[list[Sighting], Counter[str]]:
    counters: Counter[str] = Counter()
    return decode_hci_event(1.5, "door", packet, counters), counters


def test_a_legacy_report_is_a_sighting() -> None:
    expected = Sighting(1.5, "door", "ble", "ibeacon", -61, CARD, -59, STATION, "random")
    assert heard(event(legacy_report(ibeacon()))) == ([expected], Counter())


def test_an_extended_report_is_a_sighting() -> None:
    expected = Sighting(1.5, "door", "ble", "altbeacon", -61, CARD, -59, STATION, "public")
    assert heard(event(extended_report(altbeacon(), random=0), extended=True)) == ([expected], Counter())


def test_several_reports_come_each_whole_before_the_next() -> None:
    for extended, report in ((False, legacy_report), (True, extended_report)):
        packet = event(report(ibeacon(), -50), report(b"", -60), report(altbeacon(), -70), extended=extended)
        sightings, counters = heard(packet)
        assert [(s.kind, s.rssi) for s in sightings] == [("ibeacon", -50), ("advert", -60), ("altbeacon", -70)]
        assert not counters


def test_malformed_data_is_an_advert_since_its_framing_holds() -> None:
    sightings, counters = heard(event(legacy_report(b"\x1f" + bytes(10)), legacy_report(ibeacon())))
    assert [s.kind for s in sightings] == ["advert", "ibeacon"]
    assert not counters


@pytest.mark.parametrize(("sent", "rssi"), [(-127, -127), (0, 0), (20, 20), (127, None), (21, None)])
def test_a_reserved_rssi_is_none(sent: int, rssi: int | None) -> None:
    sightings, _ = heard(event(legacy_report(b"", sent), legacy_report(b"", sent)))
    assert [s.rssi for s in sightings] == [rssi, rssi]


@pytest.mark.parametrize(
    ("kind", "top", "expected"),
    [
        (0, 0x40, "public"),
        (1, 0x40, "resolvable"),
        (1, 0x7F, "resolvable"),
        (1, 0x3F, "random"),
        (1, 0xC0, "random"),
        (2, 0x40, "public"),  # an identity that the controller resolved
        (3, 0xC0, "random"),
        (4, 0x40, None),
    ],
)
def test_address_types(kind: int, top: int, expected: str | None) -> None:
    address = bytes([top]) + STATION[1:]
    sightings, _ = heard(event(legacy_report(b"", address=address, random=kind)))
    assert [(s.address, s.address_type) for s in sightings] == [(address, expected)]
    if kind < 2:
        assert address_type(address, random=bool(kind)) == expected


def test_an_anonymous_advert_has_no_address() -> None:
    sightings, _ = heard(event(extended_report(ibeacon(), random=0xFF), extended=True))
    assert [(s.kind, s.address, s.address_type) for s in sightings] == [("ibeacon", None, None)]


def test_scan_responses_are_left_out_unless_they_identify_themselves() -> None:
    named = structure(0x09, b"somebody's phone")
    for extended, response, report in ((False, 4, legacy_report), (True, 0x1B, extended_report)):
        reports = [report(data, event=response) for data in (named, b"", eddystone(URL), eddystone(b"\x30\xe7" + EID))]
        sightings, counters = heard(event(*reports, extended=extended))
        assert [s.kind for s in sightings] == ["eddystone-eid"]
        assert counters == Counter({"scan-response": 3})


OTHERS = {
    "nothing": (b"", "other"),
    "a command": (b"\x01\x0c\x20\x02\x01\x00", "other"),
    "an event of another kind": (b"\x04\x0e\x04\x01\x0c\x20\x00", "other"),
    "another LE event": (b"\x04\x3e\x04\x01\x00\x40\x00", "other"),
    "an event without parameters": (b"\x04\x3e\x00", "malformed"),
    "a cut event": (b"\x04\x3e", "malformed"),
    "more reports than there are": (event(claimed=1), "malformed"),
}


@pytest.mark.parametrize(("packet", "cause"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_report_is_counted_by_its_cause(packet: bytes, cause: str) -> None:
    assert heard(packet) == ([], Counter([cause]))


def test_cut_anywhere_an_event_gives_the_reports_that_are_whole() -> None:
    reports = legacy_report(ibeacon()), legacy_report(altbeacon())
    packet = event(*reports)
    for stop in range(2, len(packet)):
        sightings, counters = heard(packet[:stop])
        assert len(sightings) == (stop >= 5 + len(reports[0]))
        assert counters == Counter(malformed=1)


@given(st.binary(max_size=80), st.sampled_from((b"", b"\x04\x3e", b"\x04\x3e\x30\x02\x02", b"\x04\x3e\x50\x0d\x01")))
def test_arbitrary_bytes_never_raise(data: bytes, start: bytes) -> None:
    decode_ad(data)
    identify({0x4C: data}, {EDDYSTONE: data})
    sightings, counters = heard(start + data)
    assert sightings or counters or (start + data)[4:5] == b"\x00"


def test_a_changed_byte_never_raises() -> None:
    chance = random.Random(20251124)
    packet = event(extended_report(ibeacon()), extended_report(eddystone(b"\x00\xe7" + UID)), extended=True)
    for _ in range(2000):
        changed = bytearray(packet)
        changed[chance.randrange(len(packet))] = chance.randrange(256)
        heard(bytes(changed))


def vectors() -> list[Any]:
    path = Path(os.environ.get("HUSHBELL_CORPUS", "/nonexistent")) / "ble-vectors" / "vectors.json"
    return json.loads(path.read_text())["adverts"] if path.exists() else []


def meanings_of(vector: dict[str, Any]) -> list[tuple[str, bytes, int | None]]:
    data = bytes.fromhex(vector["hex"])
    match vector["layer"]:
        case "ad":
            return [decode_ad(data)]
        case "hci-h4":
            return [(s.kind, s.identity, s.power) for s in heard(data)[0]]
        case "mfg":
            return [identify({int.from_bytes(data[:2], "little"): data[2:]}, {})]
        case _:
            return [identify({76: data}, {})]


@pytest.mark.corpus
@pytest.mark.skipif("HUSHBELL_CORPUS" not in os.environ, reason="HUSHBELL_CORPUS is not set")
def test_the_adverts_that_others_test_with() -> None:
    assert vectors()
    for vector in vectors():
        expect, meanings = vector["expect"], meanings_of(vector)
        if "result" in expect or vector["kind"] == "apple-not-ibeacon":
            assert all(kind == "advert" for kind, _, _ in meanings), vector["source"]
            continue
        assert len(meanings) == expect.get("reports", 1)
        kind, identity, power = meanings[0]
        wanted = expect.get("kinds", [vector["kind"]])[0].replace("etlm", "tlm")
        assert wanted.startswith((kind, "multi-report")), vector["source"]
        assert power == expect.get("tx_power", power)
        named = expect.get("uuid", "").replace("-", "") or expect.get("namespace", "") or expect.get("eid", "")
        assert identity.hex().startswith(named)
        if "major" in expect:
            assert identity[16:] == expect["major"].to_bytes(2, "big") + expect["minor"].to_bytes(2, "big")
