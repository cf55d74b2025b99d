from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_captures import CARD, STATION

from drivers.sighting import LATEST, Pseudonyms, Sighting, as_json_line, parse_sighting

PSEUDONYMS = Pseudonyms()

LINES = {
    "an iBeacon": (
        Sighting(1763791200.123456, "door", "ble", "ibeacon", -61, CARD, -59, STATION, "resolvable"),
        '{"t": 1763791200.123456, "receiver": "door", "radio": "ble", "kind": "ibeacon", "rssi": -61, '
        '"uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 14, "minor": 2071, "power": -59, '
        '"address_type": "resolvable", "device": "%s"}',
    ),
    "an AltBeacon without an address": (
        Sighting(1.5, "door", "ble", "altbeacon", None, CARD, 0),
        '{"t": 1.5, "receiver": "door", "radio": "ble", "kind": "altbeacon", "rssi": null, '
        '"id": "6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817", "power": 0}',
    ),
    "an Eddystone-UID": (
        Sighting(2.0, "door", "ble", "eddystone-uid", -70, CARD[:10] + bytes(6), -25, STATION, "random"),
        '{"t": 2.0, "receiver": "door", "radio": "ble", "kind": "eddystone-uid", "rssi": -70, '
        '"namespace": "6e9d1c5a2b3f4e709a11", "instance": "000000000000", "power": -25, '
        '"address_type": "random", "device": "%s"}',
    ),
    "an Eddystone-EID": (
        Sighting(2.0, "door", "ble", "eddystone-eid", -70, CARD[:8]),
        '{"t": 2.0, "receiver": "door", "radio": "ble", "kind": "eddystone-eid", "rssi": -70, '
        '"eid": "6e9d1c5a2b3f4e70"}',
    ),
    "an advert": (
        Sighting(2.0, "前门", "ble", "advert", -70, address_type="public", device="p3k9"),
        '{"t": 2.0, "receiver": "前门", "radio": "ble", "kind": "advert", "rssi": -70, "address_type": "public", '
        '"device": "p3k9"}',
    ),
    "a probe request": (
        Sighting(
            1763791200.200001, "air", "wifi", "probe-request", -77, b"", None, STATION, "local", 2437, 1204
        ),
        '{"t": 1763791200.200001, "receiver": "air", "radio": "wifi", "kind": "probe-request", "rssi": -77, '
        '"frequency": 2437, "channel": 6, "sequence": 1204, "address_type": "local", "device": "%s"}',
    ),
    "a station": (
        Sighting(2.0, "guest-wifi", "wifi", "station", address=STATION, address_type="global", own_network=True),
        '{"t": 2.0, "receiver": "guest-wifi", "radio": "wifi", "kind": "station", "rssi": null, "own_network": true, '
        '"address_type": "global", "device": "%s"}',
    ),
    "a station with a key of its own": (
        Sighting(2.0, "guest-wifi", "wifi", "station", identity=b'k"7781', own_network=True),
        '{"t": 2.0, "receiver": "guest-wifi", "radio": "wifi", "kind": "station", "rssi": null, "own_network": true, '
        '"keyid": "k\\"7781"}',
    ),
    "an association": (
        Sighting(
            2.0, "air", "wifi", "association-request", -77, address_type="global", frequency=2413, own_network=True
        ),
        '{"t": 2.0, "receiver": "air", "radio": "wifi", "kind": "association-request", "rssi": -77, '
        '"frequency": 2413, "own_network": true, "address_type": "global"}',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sighting", "line"), LINES.values(), ids=LINES.keys())
def test_a_sighting_is_one_line_of_json(sighting: Sighting, line: str) -> None:
    expected = line.replace("%s", PSEUDONYMS.of(STATION))
    assert as_json_line(sighting, PSEUDONYMS) == expected
    assert parse_sighting(expected) == sighting._replace(
        address=None, device=sighting.device or (PSEUDONYMS.of(STATION) if sighting.address else None)
    )


def test_an_address_is_in_no_text() -> None:
    sighting = LINES["an iBeacon"][0]
    for text in (repr(sighting), as_json_line(sighting, PSEUDONYMS)):
        assert STATION.hex() not in text.replace(":", "").lower()
        assert repr(STATION) not in text


def test_pseudonyms_hold_within_one_run_only() -> None:
    first, second = Pseudonyms(), Pseudonyms()
    addresses = [number.to_bytes(6, "big") for number in range(2000)]
    assert [first.of(address) for address in addresses] == [first.of(address) for address in addresses]
    names = {first.of(address) for address in addresses}
    assert len(names) == 2000
    assert not names & {second.of(address) for address in addresses}


TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
SIGHTINGS = st.one_of(
    st.builds(
        Sighting,
        t=st.floats(0, LATEST),
        receiver=TEXT,
        radio=st.just("ble"),
        kind=st.just("ibeacon"),
        rssi=st.none() | st.integers(-128, 127),
        identity=st.binary(min_size=20, max_size=20),
        power=st.none() | st.integers(-128, 127),
        address=st.none(),
        address_type=st.none() | st.sampled_from(("public", "random", "resolvable")),
        frequency=st.none(),
        sequence=st.none(),
        own_network=st.none(),
        device=st.none() | TEXT,
    ),
    st.builds(
        Sighting,
        t=st.floats(0, LATEST),
        receiver=TEXT,
        radio=st.just("wifi"),
        kind=st.sampled_from(("probe-request", "authentication", "association-request", "reassociation-request")),
        rssi=st.none() | st.integers(-128, 127),
        identity=st.just(b""),
        power=st.none(),
        address=st.none(),
        address_type=st.none() | st.sampled_from(("global", "local")),
        frequency=st.none() | st.integers(1, 100_000),
        sequence=st.none() | st.integers(0, 4095),
        own_network=st.none() | st.booleans(),
        device=st.none() | TEXT,
    ),
    st.builds(
        Sighting,
        t=st.floats(0, LATEST),
        receiver=TEXT,
        radio=st.just("wifi"),
        kind=st.just("station"),
        rssi=st.none(),
        identity=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=64).map(str.encode),
        power=st.none(),
        address=st.none(),
        address_type=st.none() | st.sampled_from(("global", "local")),
        frequency=st.none(),
        sequence=st.none(),
        own_network=st.just(value=True),
        device=st.none() | TEXT,
    ),
)


@given(SIGHTINGS)
def test_what_is_written_reads_back_the_same(sighting: Sighting) -> None:
    line = as_json_line(sighting, PSEUDONYMS)
    assert "\n" not in line
    assert parse_sighting(line) == sighting
    assert json.loads(line)["t"] == sighting.t


ADVERT: dict[str, Any] = {"t": 1.5, "receiver": "door", "radio": "ble", "kind": "advert", "rssi": -61}
IBEACON = ADVERT | {"kind": "ibeacon", "uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 1, "minor": 2}
PROBE = ADVERT | {"radio": "wifi", "kind": "probe-request"}
ON_NETWORK = ADVERT | {"radio": "wifi", "kind": "station"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (ADVERT, Sighting(1.5, "door", "ble", "advert", -61)),
        (ADVERT | {"t": 2}, Sighting(2.0, "door", "ble", "advert", -61)),
        (ADVERT | {"rssi": None, "power": None, "device": None}, Sighting(1.5, "door", "ble", "advert")),
        (
            ADVERT | {"address": "9e:e0:f1:a2:b3:c4", "ssid": "x", "new": [1]},
            Sighting(1.5, "door", "ble", "advert", -61),
        ),
        (
            IBEACON | {"uuid": IBEACON["uuid"].upper()},
            Sighting(1.5, "door", "ble", "ibeacon", -61, CARD[:16] + b"\0\1\0\2"),
        ),
        (
            PROBE | {"channel": 6, "frequency": 2437},
            Sighting(1.5, "door", "wifi", "probe-request", -61, frequency=2437),
        ),
    ],
)
def test_a_log_that_knows_less_or_more_is_read(record: dict[str, Any], expected: Sighting) -> None:
    assert parse_sighting(json.dumps(record)) == expected
    assert parse_sighting(json.dumps(record).encode() + b"\r\n") == expected


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("hello", "not JSON"),
    "bytes that are no text": (b'{"t": "\xff"}', "not JSON"),
    "a list": ("[]", "not a JSON object"),
    "a number": ("1", "not a JSON object"),
    "depth without end": ("[" * 60_000, "not JSON"),
    "digits without end": ('{"t": ' + "1" * 60_000 + "}", "not JSON"),
    "no number": (json.dumps(ADVERT).replace("1.5", "NaN"), "not JSON"),
    "infinity": (json.dumps(ADVERT).replace("1.5", "-Infinity"), "not JSON"),
    "infinity in digits": (json.dumps(ADVERT).replace("1.5", "1e999"), "t"),
    "a time before time": (json.dumps(ADVERT | {"t": -1}), "t"),
    "a time after the calendars": (json.dumps(ADVERT | {"t": 1e15}), "t"),
    "a time in words": (json.dumps(ADVERT | {"t": "now"}), "t"),
    "a time that is a truth": (json.dumps(ADVERT | {"t": True}), "t"),
    "no time": (json.dumps({"receiver": "door"} | {"radio": "ble", "kind": "advert"}), "t"),
    "no receiver": (json.dumps(ADVERT | {"receiver": ""}), "receiver"),
    "a receiver with a line end": (json.dumps(ADVERT | {"receiver": "a\nb"}), "receiver"),
    "half a character": (json.dumps(ADVERT | {"receiver": "\ud800"}), "receiver"),
    "an endless receiver": (json.dumps(ADVERT | {"receiver": "a" * 256}), "receiver"),
    "a receiver that is a number": (json.dumps(ADVERT | {"receiver": 1}), "receiver"),
    "another radio": (json.dumps(ADVERT | {"radio": "lora"}), "radio"),
    "a radio that is a list": (json.dumps(ADVERT | {"radio": ["ble"]}), "radio"),
    "another kind": (json.dumps(ADVERT | {"kind": "beacon"}), "kind"),
    "another radio's kind": (json.dumps(ADVERT | {"kind": "probe-request"}), "kind"),
    "an advert over Wi-Fi": (json.dumps(PROBE | {"kind": "advert"}), "kind"),
    "an RSSI in words": (json.dumps(ADVERT | {"rssi": "-61"}), "rssi"),
    "half an RSSI": (json.dumps(ADVERT | {"rssi": -61.5}), "rssi"),
    "an RSSI of another unit": (json.dumps(ADVERT | {"rssi": 200}), "rssi"),
    "a UUID with a piece missing": (json.dumps(IBEACON | {"uuid": "6e9d1c5a"}), "uuid"),
    "digits of another script": (json.dumps(IBEACON | {"uuid": "٦" * 8 + IBEACON["uuid"][8:]}), "uuid"),
    "no UUID": (json.dumps(ADVERT | {"kind": "ibeacon", "major": 1, "minor": 1}), "uuid"),
    "a major out of range": (json.dumps(IBEACON | {"major": 65536}), "major"),
    "no minor": (json.dumps(IBEACON | {"minor": None}), "minor"),
    "a short id": (json.dumps(ADVERT | {"kind": "altbeacon", "id": "00" * 19}), "id"),
    "an id with spaces": (json.dumps(ADVERT | {"kind": "altbeacon", "id": "00 " * 13 + "0"}), "id"),
    "no instance": (json.dumps(ADVERT | {"kind": "eddystone-uid", "namespace": "00" * 10}), "instance"),
    "no EID": (json.dumps(ADVERT | {"kind": "eddystone-eid"}), "eid"),
    "a sequence out of range": (json.dumps(PROBE | {"sequence": 4096}), "sequence"),
    "a frequency of nothing": (json.dumps(PROBE | {"frequency": 0}), "frequency"),
    "a network that is perhaps ours": (json.dumps(PROBE | {"own_network": 1}), "own_network"),
    "an empty keyid": (json.dumps(ON_NETWORK | {"keyid": ""}), "keyid"),
    "a keyid with a space": (json.dumps(ON_NETWORK | {"keyid": "k 7781"}), "keyid"),
    "an endless keyid": (json.dumps(ON_NETWORK | {"keyid": "k" * 65}), "keyid"),
    "a keyid that is a number": (json.dumps(ON_NETWORK | {"keyid": 7781}), "keyid"),
    "another address type": (json.dumps(ADVERT | {"address_type": "secret"}), "address_type"),
    "a device that is a number": (json.dumps(ADVERT | {"device": 7}), "device"),
}


@pytest.mark.parametrize(("line", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_sighting_is_refused_with_a_reason_that_names_the_field(line: str | bytes, reason: str) -> None:
    refused = parse_sighting(line)
    assert isinstance(refused, str)
    assert refused.split(":")[0] == reason
    assert "\n" not in refused


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from((ADVERT, IBEACON, PROBE, ON_NETWORK)), st.data())
def test_any_value_in_any_field_is_read_or_refused(record: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(
        st.sampled_from((*IBEACON, "device", "sequence", "frequency", "address_type", "own_network", "keyid"))
    )
    parsed = parse_sighting(json.dumps(record | {field: data.draw(JSON)}))
    assert isinstance(parsed, (Sighting, str))


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_arbitrary_lines_never_raise(line: bytes | str) -> None:
    assert isinstance(parse_sighting(line), (Sighting, str))
