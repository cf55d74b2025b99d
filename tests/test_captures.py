from __future__ import annotations

import gzip
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest
from virtual_captures import (
    CARD,
    PROBE,
    STATION,
    Interface,
    Stamped,
    block,
    btsnoop,
    channel,
    event,
    ibeacon,
    legacy_report,
    link_layer,
    management,
    nordic,
    pcap,
    pcapng,
    prism,
    radiotap,
    signal,
    with_pseudo_header,
)

from drivers.captures import CaptureError, read_capture, read_sightings_of
from drivers.sighting import Pseudonyms, Radio, Sighting, as_json_line, parse_sighting

T = 1_763_791_200_123_456_000
TAPPED = radiotap([[channel(2437), signal(-77)]]) + PROBE
HEARD = event(legacy_report(ibeacon()))
SENT = link_layer(2, STATION[::-1] + ibeacon())
PROBED = Sighting(T / 10**9, "wifi-1", "wifi", "probe-request", -77, b"", None, STATION, "local", 2437, 1204)
CARRIED = Sighting(T / 10**9, "ble-1", "ble", "ibeacon", -61, CARD, -59, STATION, "random")

Read = tuple[list[Sighting], Counter[str], list[str]]


def receiver(radio: Radio) -> str:
    return f"{radio}-1"


def read(path: Path, name: Callable[[Radio], str] = receiver) -> Read:
    counters: Counter[str] = Counter()
    warnings: list[str] = []
    return list(read_sightings_of(path, name, counters, warnings.append)), counters, warnings


def written(folder: Path, data: bytes) -> Path:
    path = folder / "capture"
    path.write_bytes(data)
    return path


def fault(path: Path) -> str:
    with pytest.raises(CaptureError) as caught:
        read(path)
    return str(caught.value)


LINKS = {
    105: (PROBE, PROBED._replace(rssi=None, frequency=None)),
    119: (prism(6, -77) + PROBE, PROBED),
    127: (TAPPED, PROBED),
    187: (HEARD, CARRIED),
    201: (b"\x00\x00\x00\x01" + HEARD, CARRIED),
    251: (SENT, CARRIED._replace(rssi=None)),
    254: (b"\x00\x00\x00\x03" + HEARD[1:], CARRIED),
    256: (with_pseudo_header(SENT, 0x0C03), CARRIED),
    272: (nordic(SENT), CARRIED),
}


FORMS: dict[str, Callable[[bytes, int], bytes]] = {
    "pcap": lambda packet, link: pcap([Stamped(T, packet)], link),
    "pcap of the other order, in nanoseconds": lambda packet, link: pcap(
        [Stamped(T, packet)], link, ">", nanoseconds=True
    ),
    "pcapng": lambda packet, link: pcapng([Stamped(T, packet)], [Interface(link)]),
    "pcapng of the other order, second section": lambda packet, link: (
        pcapng([], [Interface(1)]) + pcapng([Stamped(T, packet, 1)], [Interface(1), Interface(link, 9, -3600)], ">")
    ),
}


@pytest.mark.parametrize("pack_up", [bytes, gzip.compress])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("link", LINKS)
def test_every_link_type_gives_its_sighting_in_every_form(
    tmp_path: Path, link: int, form: str, pack_up: Callable[[bytes], bytes]
) -> None:
    packet, sighting = LINKS[link]
    assert read(written(tmp_path, pack_up(FORMS[form](packet, link)))) == ([sighting], Counter(), [])


@pytest.mark.parametrize("pack_up", [bytes, gzip.compress])
@pytest.mark.parametrize(("datalink", "packet"), [(1001, HEARD[1:]), (1002, HEARD), (2001, HEARD[1:])])
def test_every_kind_of_btsnoop_gives_its_sighting(
    tmp_path: Path, datalink: int, packet: bytes, pack_up: Callable[[bytes], bytes]
) -> None:
    capture = btsnoop([Stamped(T, packet)], datalink)
    assert read(written(tmp_path, pack_up(capture))) == ([CARRIED], Counter(), [])


def test_a_frame_of_the_prism_type_without_its_header_is_bare(tmp_path: Path) -> None:
    sightings, _, _ = read(written(tmp_path, pcap([Stamped(T, PROBE)], 119)))
    assert sightings == [PROBED._replace(rssi=None, frequency=None)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_cut_prism_header_is_no_frame(tmp_path: Path, order: str) -> None:
    packets = [Stamped(T, prism(6, -77, order=order)[:size]) for size in (8, 40, 143, 144)]
    assert read(written(tmp_path, pcap(packets, 119))) == ([], Counter(malformed=4), [])


def test_a_packet_of_the_monitor_that_is_no_event_is_counted(tmp_path: Path) -> None:
    packet = Stamped(T, b"\x00\x00\x00\x02" + HEARD[1:])
    assert read(written(tmp_path, pcap([packet], 254))) == ([], Counter(other=1), [])


@pytest.mark.parametrize("pack_up", [bytes, gzip.compress])
def test_pcapng_of_both_radios_names_a_receiver_for_each(tmp_path: Path, pack_up: Callable[[bytes], bytes]) -> None:
    packets = [Stamped(T, TAPPED, 0), Stamped(T, HEARD, 1), Stamped(T, b"ethernet", 2), Stamped(T, TAPPED, 0)]
    capture = pcapng(packets, [Interface(127), Interface(187), Interface(1)])
    asked: list[Radio] = []

    def name(radio: Radio) -> str:
        asked.append(radio)
        return receiver(radio)

    assert read(written(tmp_path, pack_up(capture)), name) == ([PROBED, CARRIED, PROBED], Counter(other=1), [])
    assert asked == ["wifi", "ble"]


def test_every_packet_is_a_sighting_or_counted_by_its_cause(tmp_path: Path) -> None:
    frames = [TAPPED, b"", radiotap([[signal(-50)]]) + management(8), TAPPED[:20], TAPPED]
    sightings, counters, warnings = read(written(tmp_path, pcap([Stamped(T, frame) for frame in frames], 127)))
    assert (sightings, counters, warnings) == ([PROBED, PROBED], Counter(malformed=2, other=1), [])


def test_a_time_that_no_calendar_holds_is_malformed(tmp_path: Path) -> None:
    before = btsnoop([Stamped(-(10**18), HEARD), Stamped(T, HEARD)])
    assert read(written(tmp_path, before)) == ([CARRIED], Counter(malformed=1), [])


CAPTURES = {
    "pcap": pcap([Stamped(T, TAPPED)] * 3, 127),
    "pcapng": pcapng([Stamped(T, TAPPED)] * 3, [Interface(127)]),
    "btsnoop": btsnoop([Stamped(T, HEARD)] * 3),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_a_cut_capture_gives_what_was_whole_and_one_warning(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, CAPTURES[name][:-7])
    sightings, _, warnings = read(path)
    assert len(sightings) == 2
    assert warnings == [f"{path}: cut short or damaged, packets read before: 2"]


@pytest.mark.parametrize("name", CAPTURES)
def test_a_cut_gzip_gives_what_was_whole_and_one_warning(tmp_path: Path, name: str) -> None:
    packed = gzip.compress(CAPTURES[name], 0)
    for stop in range(60, len(packed)):
        sightings, _, warnings = read(written(tmp_path, packed[:stop]))
        assert len(sightings) == 3 or len(warnings) == 1
        assert len(warnings) <= 1


def test_a_capture_of_nothing_is_no_fault(tmp_path: Path) -> None:
    assert read(written(tmp_path, pcap([], 127))) == ([], Counter(), [])
    assert read(written(tmp_path, pcapng([], []))) == ([], Counter(), [])


NO_CAPTURES = {
    "nothing": (b"", "empty, expected a capture (pcap, pcapng or btsnoop)"),
    "a text": (b"hello world, hello world, hello", "not a capture or cut short in its header"),
    "a cut header": (CAPTURES["pcap"][:23], "not a capture or cut short in its header"),
    "nothing, packed": (gzip.compress(b""), "empty"),
    "a cut header, packed": (gzip.compress(CAPTURES["pcap"], 0)[:30], "not a capture or cut short in its header"),
    "a text, packed": (gzip.compress(b"hello"), "not a capture"),
    "bad packing": (b"\x1f\x8b\xff\xff", "cut short"),
    "ethernet": (pcap([Stamped(T, b"ethernet")], 1), "link type 1, expected one of 105, 119, 127, 187"),
    "ethernet in pcapng": (pcapng([Stamped(T, b"ethernet")], [Interface(1)]), "link type 1, expected one of 105"),
    "another btsnoop": (btsnoop([Stamped(T, HEARD)], 1003), "link type 1003, expected one of 105"),
}


@pytest.mark.parametrize(("data", "complaint"), NO_CAPTURES.values(), ids=NO_CAPTURES.keys())
def test_what_is_no_capture_is_one_line_that_names_the_file(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = written(tmp_path, data)
    line = fault(path)
    assert line.startswith(f"{path}: {complaint}")
    assert "\n" not in line


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert fault(tmp_path / "none").endswith("/none: No such file or directory")
    assert fault(tmp_path).endswith(": Is a directory")


SIGHTINGS = [
    Sighting(1.5, "door", "ble", "ibeacon", -61, CARD, -59, address_type="random", device="p1"),
    Sighting(2.5, "air", "wifi", "probe-request", -77, frequency=2437, sequence=3),
]
LINES = [as_json_line(sighting, Pseudonyms()).encode() + b"\n" for sighting in SIGHTINGS]


@pytest.mark.parametrize("pack_up", [bytes, gzip.compress])
@pytest.mark.parametrize("end", [b"", b"\n\n", LINES[0][:0]])
def test_sightings_are_read_as_they_stand(tmp_path: Path, pack_up: Callable[[bytes], bytes], end: bytes) -> None:
    path = written(tmp_path, pack_up(b"\n" + b"".join(LINES).rstrip() + end))
    assert read(path) == (SIGHTINGS, Counter(), [])


def test_lines_that_are_no_sightings_are_left_out_with_one_warning(tmp_path: Path) -> None:
    path = written(tmp_path, LINES[0] + b"{}\n" + b"x" * 200_000 + b"\n" + LINES[1] + b"[]\n")
    assert read(path) == (
        SIGHTINGS,
        Counter(malformed=3),
        [f"{path}:2: {parse_sighting(b'{}')}; lines left out: 3"],
    )


def test_a_cut_line_is_one_warning(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(LINES) + LINES[0][:-9])
    assert read(path) == (SIGHTINGS, Counter(), [f"{path}: cut short, sightings read before: 2"])
    path = written(tmp_path, gzip.compress(b"".join(LINES * 50), 0)[:-300])
    sightings, counters, warnings = read(path)
    assert 90 < len(sightings) < 100
    assert not counters
    assert len(warnings) == 1


def test_a_file_of_other_json_is_refused_by_its_first_line(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"member": "oX3f-91c2"}\n')
    assert fault(path).startswith(f"{path}:1: kind: expected one of ibeacon,")
    assert fault(written(tmp_path, b'{"t": 1.5')) == f"{path}, expected sightings as JSON lines"


def test_a_capture_alone_is_wanted_where_sightings_are_no_use(tmp_path: Path) -> None:
    path = written(tmp_path, LINES[0])
    with pytest.raises(CaptureError, match="not a capture, expected a capture"):
        list(read_capture(path, receiver, Counter(), pytest.fail))


@pytest.mark.parametrize("name", [*CAPTURES, "sightings"])
def test_changed_bytes_never_raise_more_than_one_line(tmp_path: Path, name: str) -> None:
    chance = random.Random(20251126)
    whole = CAPTURES.get(name) or b"".join(LINES)
    complaints = []
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            read(written(tmp_path, bytes(changed)))
        except CaptureError as error:
            complaints.append(str(error))
    assert not [complaint for complaint in complaints if "\n" in complaint]


def test_an_error_of_the_one_who_names_receivers_is_not_hidden(tmp_path: Path) -> None:
    def name(_radio: Radio) -> str:
        raise LookupError

    with pytest.raises(LookupError):
        read(written(tmp_path, CAPTURES["pcap"]), name)


def test_a_simple_block_and_a_cut_one_of_pcapng(tmp_path: Path) -> None:
    simple = block(3, pack("<I", len(TAPPED)) + TAPPED)
    path = written(tmp_path, CAPTURES["pcapng"] + simple + simple[:-1])
    sightings, _, warnings = read(path)
    assert sightings == [PROBED] * 4
    assert len(warnings) == 1


WIFI = {  # probe requests, associations, authentications, as tshark counts them
    "wpa2-psk-linksys.cap": (18, 4, 8),
    "wpa-psk-linksys.cap": (9, 1, 2),
    "capture_wds-01.cap": (0, 1, 2),
    "wep.shared.key.authentication.cap": (0, 1, 4),
    "wep.open.system.authentication.cap": (0, 1, 2),
    "zn2i.pcap": (0, 1, 3),
    "testm1m2m3.pcap": (1, 0, 0),
    "wpaclean_crash.pcap": (0, 1, 0),
}
LAB = {
    "2022-10-18": 12_613,
    "2022-11-23": 12_479,
    "2022-11-24": 2_321,
    "2023-02-28": 26_997,
    "2023-03-28": 16_723,
    "2023-04-11": 21_397,
    "2023-04-14": 3_227,
}
ROOMS = {"two-rooms-2015-03-03": 39_802, "four-rooms-2015-03-07": 38_942, "four-rooms-2015-03-13": 26_317}

in_corpus = pytest.mark.skipif("HUSHBELL_CORPUS" not in os.environ, reason="HUSHBELL_CORPUS is not set")


def corpus() -> Path:
    return Path(os.environ["HUSHBELL_CORPUS"])


def kinds(path: Path) -> Counter[str]:
    sightings, _, warnings = read(path)
    assert not warnings
    return Counter(sighting.kind for sighting in sightings)


@pytest.mark.corpus
@in_corpus
@pytest.mark.parametrize("name", WIFI)
def test_recorded_wifi_captures_give_the_frames_that_tshark_counts(name: str) -> None:
    found = kinds(corpus() / "wifi-captures" / name)
    associations = found["association-request"] + found["reassociation-request"]
    assert (found["probe-request"], associations, found["authentication"]) == WIFI[name]


@pytest.mark.corpus
@in_corpus
def test_no_recorded_wifi_capture_raises() -> None:
    paths = sorted((corpus() / "wifi-captures").glob("*cap"))
    assert paths
    for path in paths:
        if path.name == "wep_64_ptw_02.cap":
            assert "not a capture" in fault(path)
        else:
            kinds(path)


@pytest.mark.corpus
@in_corpus
def test_the_recorded_scanner_heard_its_beacons() -> None:
    sightings, counters, warnings = read(corpus() / "ble-hci" / "hcidumpBig.btsnoop")
    beacons = [sighting for sighting in sightings if sighting.kind == "ibeacon"]
    assert (len(sightings), len(beacons), counters, warnings) == (494, 429, Counter(), [])
    assert len({sighting.identity for sighting in beacons}) == 11
    assert len({sighting.address for sighting in sightings}) == 76


@pytest.mark.corpus
@in_corpus
def test_the_street_captures_hold_no_beacon() -> None:
    paths = sorted((corpus() / "ble-no-ibeacon").glob("*.pcap"))
    assert paths
    for path in paths:
        assert set(kinds(path)) <= {"advert"}


@pytest.mark.corpus
@in_corpus
@pytest.mark.parametrize("day", LAB)
def test_every_frame_of_the_lab_is_a_probe_request(day: str) -> None:
    assert kinds(corpus() / "lab-probes" / f"{day}.pcap") == Counter({"probe-request": LAB[day]})


@pytest.mark.corpus
@in_corpus
@pytest.mark.parametrize("name", ROOMS)
def test_every_line_of_the_rooms_is_a_sighting(name: str) -> None:
    assert kinds(corpus() / "room-beacons" / f"{name}.sightings.jsonl.gz") == Counter(ibeacon=ROOMS[name])
