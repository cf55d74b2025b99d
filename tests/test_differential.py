"""Frames that are made here, by scapy's layers and by hand, mean the same to us and to tshark, field by field.

HUSHBELL_FRAMES gives how many of each kind are made. tshark is a witness for what it knows: version 4.0 passes over the
radiotap field of another user (25), loses its place behind TLVs, and takes the coding indicator into the CRC.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from struct import pack
from typing import Any

import pytest
from scapy.layers.dot11 import (
    Dot11,
    Dot11AssoReq,
    Dot11Auth,
    Dot11Beacon,
    Dot11Elt,
    Dot11ProbeReq,
    Dot11ProbeResp,
    Dot11QoS,
    Dot11ReassoReq,
    RadioTap,
)
from scapy.packet import Packet, Raw
from virtual_captures import (
    FLAGS,
    Field,
    Interface,
    Stamped,
    Vendor,
    altbeacon,
    coded,
    eddystone,
    event,
    extended,
    extended_report,
    ibeacon,
    legacy_report,
    link_layer,
    nordic,
    pcap,
    pcapng,
    prism,
    radiotap,
    structure,
    with_pseudo_header,
)

from drivers.captures import read_capture
from drivers.sighting import Sighting

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

MANY = int(os.environ.get("HUSHBELL_FRAMES", "300"))
T = 1_763_791_200 * 10**9
ANY = "ff:ff:ff:ff:ff:ff"
KINDS = {0: "association-request", 2: "reassociation-request", 4: "probe-request", 11: "authentication"}

Told = tuple[object, ...]
"""What a frame says."""

Row = dict[str, str]
"""tshark's fields of a packet, by name; one that occurs several times has commas."""


def ours(capture: Path) -> tuple[list[Sighting], Counter[str]]:
    counters: Counter[str] = Counter()
    return list(read_capture(capture, lambda radio: radio, counters, pytest.fail)), counters


def by_tshark(capture: Path, *names: str, first: bool = False) -> Iterator[Row]:
    command = ["tshark", "-r", str(capture), "-T", "fields", "-E", f"occurrence={'f' if first else 'a'}"]
    command += [word for name in names for word in ("-e", name)]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return (dict(zip(names, line.split("\t"), strict=True)) for line in told.splitlines())


def is_set(flag: str) -> bool:
    return flag in ("1", "True")


def number(text: str) -> int | None:
    return int(text, 0) if text else None


def stamped(packets: Sequence[bytes]) -> list[Stamped]:
    return [Stamped(T + index * 1_234_567_000, packet) for index, packet in enumerate(packets)]


SIZES = {  # number: (size, alignment), from radiotap.org's table of defined fields
    0: (8, 8), 1: (1, 1), 2: (1, 1), 3: (4, 2), 4: (2, 2), 5: (1, 1), 6: (1, 1), 7: (2, 2), 8: (2, 2), 9: (2, 2),
    10: (1, 1), 11: (1, 1), 12: (1, 1), 13: (1, 1), 14: (2, 2), 15: (2, 2), 18: (8, 4), 19: (3, 1), 20: (8, 4),
    21: (12, 2), 22: (12, 8), 23: (12, 2), 24: (12, 2), 27: (4, 2),
}  # fmt: skip


def address(draw: Random) -> str:
    return draw.randbytes(6).hex(":")


def elements(draw: Random) -> Packet:
    """Make information elements, some of which claim another length than they have."""
    chain = Dot11Elt(ID=0, info=draw.randbytes(draw.randrange(33)))
    for _ in range(draw.randrange(4)):
        chain /= Dot11Elt(ID=draw.randrange(256), info=draw.randbytes(draw.randrange(40)))
        if draw.random() < 0.2:
            chain.lastlayer().len = draw.randrange(256)
    return chain


BODIES: list[tuple[int, int, Callable[[Random], Packet]]] = [  # type, subtype and what follows the header
    (0, 4, lambda draw: Dot11ProbeReq() / elements(draw)),
    (0, 0, lambda draw: Dot11AssoReq(cap=draw.randrange(1 << 16)) / elements(draw)),
    (0, 2, lambda draw: Dot11ReassoReq(current_AP=address(draw)) / elements(draw)),
    (0, 11, lambda draw: Dot11Auth(algo=draw.randrange(4), seqnum=draw.randrange(5), status=0)),
    (0, 8, lambda draw: Dot11Beacon() / elements(draw)),
    (0, 5, lambda draw: Dot11ProbeResp() / elements(draw)),
    (2, 8, lambda draw: Dot11QoS(TID=draw.randrange(8)) / Raw(draw.randbytes(40))),
    (2, 0, lambda draw: Raw(draw.randbytes(30))),
    (2, 12, lambda draw: Raw(draw.randbytes(30))),
    (1, 8, lambda draw: Raw(draw.randbytes(20))),
    (1, 11, lambda draw: Raw(draw.randbytes(20))),
    (1, 13, lambda draw: Raw(draw.randbytes(20))),
]


def frame(draw: Random) -> bytes:
    """Make an 802.11 frame of any kind, retried, protected and with all other flags at times."""
    major, minor, body = draw.choice((*BODIES[:1] * 4, *BODIES))
    header = Dot11(
        type=major,
        subtype=minor,
        FCfield=draw.choice((0, 0x08, 0x10, 0x40, 0x48)),
        addr1=draw.choice((ANY, address(draw))),
        addr2=address(draw),
        addr3=draw.choice((ANY, address(draw))),
        SC=draw.randrange(1 << 16),
    )
    return bytes(header / body(draw))


def field(draw: Random, of: int) -> Field:
    size, alignment = SIZES[of]
    value = draw.randbytes(size)
    if of == 1:
        value = bytes([draw.choice((0, 0x02, 0x10, 0x20, 0x40, 0x50))])
    if of == 3:
        value = pack("<HH", draw.choice((2412, 2484, 5180, 5955)), 0x80)
    if of == 18:
        value = pack("<IHBB", 0x80, draw.choice((2412, 5180)), 6, 20)
    return Field(of, alignment, value)


def fields(draw: Random, among: Sequence[int], most: int) -> list[Field]:
    return [field(draw, of) for of in sorted(draw.sample(among, draw.randrange(most + 1)))]


def header_by_hand(draw: Random) -> bytes:
    """Make a header of any fields, antennas and vendors, and perhaps with room behind them."""
    namespaces: list[list[Field] | Vendor] = [fields(draw, list(SIZES), 8)]
    for _ in range(draw.choice((0, 0, 1, 2, 4))):
        vendor = Vendor(draw.randbytes(draw.randrange(12)), draw.randrange(1 << 28))
        namespaces.append(vendor if draw.random() < 0.3 else fields(draw, (1, 3, 5, 6, 11, 19), 3))
    return radiotap(namespaces, padding=draw.choice((0, 0, 1, 3)))


def header_by_scapy(draw: Random) -> bytes:
    values = {
        "TSFT": ("mac_timestamp", draw.getrandbits(64)),
        "Flags": ("Flags", draw.choice((0, 0x10, 0x40, 0x50))),
        "Rate": ("Rate", 12),
        "Channel": ("ChannelFrequency", draw.choice((2437, 5180))),
        "dBm_AntSignal": ("dBm_AntSignal", draw.randrange(-128, 128)),
        "Antenna": ("Antenna", 1),
        "RXFlags": ("RXFlags", 0),
        "A_MPDU": ("A_MPDU_ref", 7),
        "timestamp": ("timestamp", 9),
    }
    present = [name for name in values if draw.random() < 0.5]
    given: dict[str, Any] = dict(values[name] for name in present)
    return bytes(RadioTap(present="+".join(present), **given))


RADIOTAP = ("radiotap.dbm_antsignal", "radiotap.channel.freq", "radiotap.xchannel.freq", "radiotap.flags.badfcs")
WLAN = ("wlan.fc.type_subtype", "wlan.ta", "wlan.seq")


def of_wifi(row: Row) -> Told | str:
    subtype = number(row["wlan.fc.type_subtype"])
    if is_set(row["radiotap.flags.badfcs"]):
        return "bad-fcs"
    if subtype not in KINDS:
        return "other"
    frequency = number(row["radiotap.channel.freq"] or row["radiotap.xchannel.freq"])
    rssi = number(row["radiotap.dbm_antsignal"])
    return KINDS[subtype], row["wlan.ta"], number(row["wlan.seq"]), rssi, frequency or None


def told_on_wifi(sighting: Sighting) -> Told:
    heard = (sighting.address or b"").hex(":")
    return sighting.kind, heard, sighting.sequence, sighting.rssi, sighting.frequency


def compare(
    capture: Path, rows: Sequence[Row], theirs: Callable[[Row], Told | str], told: Callable[[Sighting], Told]
) -> None:
    """See that packets which are sightings to both tell the same, and that all others are left out for one cause."""
    sightings, counters = ours(capture)
    expected = [theirs(row) for row in rows]
    assert [told(sighting) for sighting in sightings] == [what for what in expected if not isinstance(what, str)]
    assert counters == Counter(what for what in expected if isinstance(what, str))
    assert sightings
    assert counters


@pytest.mark.parametrize("header", [header_by_hand, header_by_scapy])
def test_frames_behind_radiotap(header: Callable[[Random], bytes], tmp_path: Path) -> None:
    draw = Random(header.__name__)
    capture = tmp_path / "frames.pcap"
    capture.write_bytes(pcap(stamped([header(draw) + frame(draw) for _ in range(MANY)]), 127))
    compare(capture, list(by_tshark(capture, *RADIOTAP, *WLAN, first=True)), of_wifi, told_on_wifi)


@pytest.mark.parametrize("order", ["<", ">"])
def test_frames_behind_a_prism_header(order: str, tmp_path: Path) -> None:
    draw = Random(f"prism {order}")
    capture = tmp_path / "frames.pcap"
    frames = [prism(draw.randint(1, 14), draw.randint(-128, -1), order=order) + frame(draw) for _ in range(MANY)]
    capture.write_bytes(pcap(stamped(frames), 119, order))
    names = ("prism.did.signal", "prism.did.channel", *WLAN)

    def of_prism(row: Row) -> Told | str:
        if number(row["wlan.fc.type_subtype"]) not in KINDS:
            return "other"
        channel = number(row["prism.did.channel"]) or 0
        frequency = 2484 if channel == 14 else 2407 + 5 * channel
        kind = KINDS[int(row["wlan.fc.type_subtype"], 0)]
        return kind, row["wlan.ta"], number(row["wlan.seq"]), number(row["prism.did.signal"]), frequency

    compare(capture, list(by_tshark(capture, *names, first=True)), of_prism, told_on_wifi)


def advertising_data(draw: Random) -> bytes:
    identity, power = draw.randbytes(20), draw.randint(-128, 127)
    return draw.choice(
        (
            ibeacon(identity, power),
            ibeacon(identity, 0),
            altbeacon(identity, power),
            eddystone(b"\x00" + pack("b", power) + identity[:16] + bytes(draw.choice((0, 2)))),
            eddystone(b"\x30" + pack("b", power) + identity[:8]),
            eddystone(b"\x10" + pack("b", power) + b"\x02ex\x07"),
            eddystone(b"\x20\x01" + identity[:16]),
            FLAGS + structure(9, b"phone"),
            b"",
        )
    )


ADDRESS, PDU, RANDOM = (
    "btle.advertising_address",
    "btle.advertising_header.pdu_type",
    "btle.advertising_header.randomized_tx",
)
MANUFACTURER, SERVICE = "btcommon.eir_ad.entry.data", "btcommon.eir_ad.entry.service_data"
LINK_LAYER = (
    ADDRESS,
    PDU,
    RANDOM,
    MANUFACTURER,
    SERVICE,
    "btle_rf.signal_dbm",
    "nordic_ble.rssi",
    "btle.crc.incorrect",
)


def identities(row: Row) -> list[str]:
    """Return what identifies the beacons in what tshark tells of advertising data."""
    by_maker = [data[4:44] for data in row[MANUFACTURER].split(",") if data.startswith(("0215", "beac"))]
    return by_maker + [data[4:36] for data in row[SERVICE].split(",") if data.startswith(("00", "30"))]


def identity(sighting: Sighting) -> list[str]:
    return [sighting.identity.hex()] if sighting.identity else []


def told_on_ble(sighting: Sighting) -> Told:
    return (sighting.address or b"").hex(":"), sighting.address_type, sighting.rssi, identity(sighting)


def of_link_layer(row: Row) -> Told | str:
    kind, sender = number(row[PDU]), row[ADDRESS]
    if is_set(row["btle.crc.incorrect"]) or row["btle.crc.incorrect"] == "Incorrect":
        return "bad-crc"
    if kind == 4 and not identities(row):
        return "scan-response"
    if kind not in (0, 2, 4, 6, 7):
        return "other"
    resolvable = "resolvable" if int(sender[:2], 16) >> 6 == 1 else "random"
    rssi = number(row["btle_rf.signal_dbm"] or row["nordic_ble.rssi"])
    return sender, resolvable if is_set(row[RANDOM]) else "public", rssi, identities(row)


def packet(draw: Random, damaged: float = 0.1) -> bytes:
    """Make an advertising packet; so many have a CRC that is wrong."""
    kind = draw.choice((0, 2, 3, 4, 5, 6, 7))
    payload = draw.randbytes(6) + advertising_data(draw)
    if kind == 7:
        payload = extended(advertising_data(draw), draw.randbytes(6))
    if kind in (3, 5):
        payload = draw.randbytes(12 if kind == 3 else 34)
    made = link_layer(kind, payload, random=draw.random() < 0.5)
    return made if draw.random() >= damaged else made[:-1] + bytes([made[-1] ^ 1])


FORMS: dict[str, tuple[int, Callable[[Random], bytes]]] = {
    "bare": (251, packet),
    "unchecked": (256, lambda draw: with_pseudo_header(packet(draw), 0x0003, draw.randint(-128, 0))),
    "coded": (256, lambda draw: with_pseudo_header(coded(packet(draw, 0)), 0x8C03, draw.randint(-128, 0))),
    "of the nRF Sniffer": (272, lambda draw: nordic(packet(draw, 0), 0x01, draw.randrange(128))),
    "of the nRF Sniffer, coded": (272, lambda draw: nordic(coded(packet(draw, 0)), 0x21, draw.randrange(128))),
}


@pytest.mark.parametrize("form", FORMS)
def test_link_layer_packets(form: str, tmp_path: Path) -> None:
    draw = Random(form)
    link, make = FORMS[form]
    capture = tmp_path / "packets.pcap"
    capture.write_bytes(pcap(stamped([make(draw) for _ in range(MANY)]), link))
    compare(capture, list(by_tshark(capture, *LINK_LAYER)), of_link_layer, told_on_ble)


def test_advertising_events(tmp_path: Path) -> None:
    draw = Random("events")
    capture = tmp_path / "events.pcap"
    events = []
    for _ in range(MANY):
        whole = draw.random() < 0.5
        report = extended_report if whole else legacy_report
        reports = [
            report(
                advertising_data(draw), draw.choice((127, draw.randint(-127, 20))), draw.randbytes(6), draw.randrange(4)
            )
            for _ in range(draw.choice((1, 1, 2, 4)))
        ]
        events.append(event(*reports, extended=whole))
    capture.write_bytes(pcap(stamped(events), 187))
    rows = list(by_tshark(capture, "bthci_evt.bd_addr", "bthci_evt.rssi", MANUFACTURER, SERVICE))
    sightings, counters = ours(capture)
    assert not counters
    senders = [
        sender for row in rows for sender in row["bthci_evt.bd_addr"].split(",") if int(sender.replace(":", ""), 16)
    ]
    assert [(sighting.address or b"").hex(":") for sighting in sightings] == senders
    levels = [int(level) for row in rows for level in row["bthci_evt.rssi"].split(",")]
    assert [127 if sighting.rssi is None else sighting.rssi for sighting in sightings] == levels
    found = sorted(name for sighting in sightings for name in identity(sighting))
    assert found == sorted(name for row in rows for name in identities(row))
    assert len(found) > MANY / 2


REWRITTEN = [("pcap", 127), ("nsecpcap", 127), ("pcapng", 127), ("pcapng", 201), ("btsnoop", 201)]


@pytest.mark.parametrize(("form", "link"), REWRITTEN)
def test_captures_that_wireshark_wrote_say_what_ours_say(form: str, link: int, tmp_path: Path) -> None:
    draw = Random(form)
    whole, written = tmp_path / "whole.pcapng", tmp_path / "written"
    made = [header_by_scapy(draw) + frame(draw) if link == 127 else b"\0\0\0\1" + event(
        legacy_report(ibeacon(draw.randbytes(20)))) for _ in range(100)]  # fmt: skip
    whole.write_bytes(pcapng(stamped(made), [Interface(link, 9)]))
    subprocess.run(["editcap", "-F", form, whole, written], check=True, capture_output=True)
    (expected, counted), (sightings, counters) = ours(whole), ours(written)
    assert [sighting[1:] for sighting in sightings] == [sighting[1:] for sighting in expected]
    assert all(abs(one.t - other.t) < 2e-6 for one, other in zip(sightings, expected, strict=True))
    assert counters == counted


def test_captures_that_wireshark_merged_say_what_each_says(tmp_path: Path) -> None:
    draw = Random("merged")
    parts = [tmp_path / "wifi.pcap", tmp_path / "ble.pcap", tmp_path / "bare.pcap"]
    parts[0].write_bytes(pcap(stamped([header_by_scapy(draw) + frame(draw) for _ in range(50)]), 127, ">"))
    parts[1].write_bytes(pcap(stamped([event(legacy_report(ibeacon()))] * 50), 187, nanoseconds=True))
    parts[2].write_bytes(pcap(stamped([frame(draw) for _ in range(50)]), 105))
    merged = tmp_path / "merged.pcapng"
    subprocess.run(["mergecap", "-F", "pcapng", "-w", merged, *parts], check=True, capture_output=True)
    sightings, counters = ours(merged)
    separate = [ours(part) for part in parts]
    assert Counter(sightings) == Counter(sighting for each, _ in separate for sighting in each)
    assert counters == sum((counted for _, counted in separate), Counter())
