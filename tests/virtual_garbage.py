"""What must hold of whatever bytes come in, by the place where they come in, with bytes to begin from.

`tests/test_fuzz.py` damages the seeds by chance, with a seed of its own; `fuzz/run.py` lets coverage lead it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from virtual_captures import (
    CARD,
    PROBE,
    STATION,
    Field,
    Interface,
    Stamped,
    Tlv,
    Vendor,
    altbeacon,
    block,
    btsnoop,
    channel,
    coded,
    eddystone,
    event,
    extended,
    extended_report,
    flags,
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

from drivers import dot11
from drivers.advertisement import EDDYSTONE, Meaning, decode_ad, decode_hci_event, identify
from drivers.captures import CaptureError, read_sightings_of
from drivers.dot11 import decode_frame, decode_radiotap_frame
from drivers.link_layer import decode_link_layer, decode_nordic, decode_with_pseudo_header
from drivers.prism import parse_prism
from drivers.radiotap import parse_layout
from drivers.sighting import AddressType, Kind, Pseudonyms, Radio, Sighting, as_json_line, parse_sighting
from drivers.stations import is_event, parse_consent, parse_event, parse_listed, parse_pong, parse_state
from gateway.configuration.configfile import read_config
from gateway.control import ControlServer, Send
from gateway.identity.fields import MemberError
from gateway.identity.member import Member, parse_member
from gateway.mqtt.topics import Arrival, Refused, Topics
from rules.document import Faults, parse_document
from rules.loader import load_rules

ROOT: Final = Path(__file__).resolve().parents[1]
T: Final = 1_763_791_200
IDENTITIES: Final = {"ibeacon": 20, "altbeacon": 20, "eddystone-uid": 16, "eddystone-eid": 8}


class Entry(NamedTuple):
    """A place where bytes come in: what holds of them, or AssertionError, and well-made ones to begin from."""

    hold: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


class _OneName(Pseudonyms):
    """Calls everybody the same, so that what else is told of a device shows."""

    def of(self, address: bytes) -> str:
        return "p"


def could_be(sighting: Sighting) -> bool:
    """Tell whether a sighting is one that its own notation can carry, tells no address, and hears what radios hear."""
    told = as_json_line(sighting, _OneName())
    read = parse_sighting(told)
    other = sighting if sighting.address is None else sighting._replace(address=b"\x5e" * 6)
    return (
        isinstance(read, Sighting)
        and (read.kind, read.rssi, read.identity, read.power) == _told_of(sighting)
        and sighting.kind in get_args(Kind)
        and len(sighting.identity) == (IDENTITIES.get(sighting.kind, 0))
        and (sighting.address is None or len(sighting.address) == 6)
        and sighting.address_type in (None, *get_args(AddressType))
        and (told, repr(sighting)) == (as_json_line(other, _OneName()), repr(other))
    )


def _told_of(sighting: Sighting) -> tuple[object, ...]:
    return sighting.kind, sighting.rssi, sighting.identity, sighting.power


def hold_advertisement(data: bytes) -> None:
    """Advertising data has one meaning, and every identity stands in it as it is."""
    means = (decode_ad(data), identify({0x4C: data}, {}), identify({}, {EDDYSTONE: data}))
    assert all(_could_mean(meaning, data) for meaning in means)


def _could_mean(meaning: Meaning, data: bytes) -> bool:
    kind, identity, power = meaning
    return (
        len(identity) == IDENTITIES.get(kind, 0)
        and identity in data
        and (power is None) == (kind in ("advert", "eddystone-tlm"))
        and (power is None or -128 <= power < 128)
    )


def hold_hci(packet: bytes) -> None:
    """Every packet is sightings or counted, and no more of them than it has room for."""
    counters: Counter[str] = Counter()
    sightings = decode_hci_event(T, "door", packet, counters)
    assert all(map(could_be, sightings))
    assert sightings or counters
    assert 10 * len(sightings) <= len(packet)


_LINKS = (decode_link_layer, decode_with_pseudo_header, decode_nordic)


def hold_link_layer(data: bytes) -> None:
    """Every packet, of the link type that the first byte chooses, is a sighting or counted once."""
    counters: Counter[str] = Counter()
    sighting = _LINKS[data[0] % len(_LINKS)](T, "street", data[1:], counters) if data else None
    assert counters.total() == bool(data and sighting is None)
    assert sighting is None or could_be(sighting)


def hold_wifi(frame: bytes) -> None:
    """Every frame is a sighting or counted once, the same whatever headers came before; no offset lies outside."""
    layout = parse_layout(frame)
    if layout is not None:
        assert all(8 <= offset < layout.length <= len(frame) for _, offset in layout.fields)
    first = _decode_wifi(frame)
    dot11._plans.clear()
    assert first == _decode_wifi(frame) == _decode_wifi(frame)
    counters: Counter[str] = Counter()
    assert (decode_frame(T, "air", frame, None, None, counters) is None) == counters.total()
    parse_prism(frame)


def _decode_wifi(frame: bytes) -> tuple[Sighting | None, Counter[str]]:
    counters: Counter[str] = Counter()
    sighting = decode_radiotap_frame(T, "air", frame, counters, frozenset({STATION}))
    assert (sighting is None) == counters.total()
    assert sighting is None or could_be(sighting)
    return sighting, counters


def hold_capture(data: bytes) -> None:
    """A file gives what can be read of it and at most one line that names it."""
    path = _written(data)
    lines: list[str] = []
    try:
        found = list(read_sightings_of(path, _receiver, Counter(), lines.append))
    except CaptureError as error:
        found, lines = [], [str(error)]
    assert all(map(could_be, found))
    assert len(lines) <= 1
    assert not any("\n" in line or not line.startswith(str(path)) for line in lines)


def _receiver(radio: Radio) -> str:
    return radio


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hushbell-")


def _written(data: bytes) -> Path:
    path = Path(_folder().name) / str(os.getpid())
    path.write_bytes(data)
    return path


def hold_hostapd(datagram: bytes) -> None:
    """Every datagram is an event, an answer or neither; a station is one, and a name of its key can be written."""
    event = parse_event(datagram)
    listed = parse_listed(datagram)
    for said in (event, listed):
        station = getattr(said, "station", None)
        if station is not None:
            assert len(station.address) == 6
            assert not station.address[0] & 1
            assert re.fullmatch(rb"[!-~]{0,64}", station.keyid)
            assert station.address.hex() not in repr(said)
    assert event is None or is_event(datagram)
    assert parse_state(datagram) is None or "\n" not in str(parse_state(datagram))
    assert parse_pong(datagram) is None or parse_consent(datagram) is None


class _Writer:
    """Stands for the other end of the daemon's door."""

    def __init__(self) -> None:
        self.sent = b""
        self.closed = False
        self.transport = self

    def get_write_buffer_size(self) -> int:
        return len(self.sent)

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def hold_control(data: bytes) -> None:
    """Whatever is said at the daemon's door, the talk ends, and what it answers is JSON by the line."""
    asyncio.run(_hold_control(data))


async def _hold_control(data: bytes) -> None:
    async def handle(request: dict[str, Any], send: Send) -> None:
        send({"asked": request})

    reader, writer = asyncio.StreamReader(limit=1 << 16), _Writer()
    reader.feed_data(data)
    reader.feed_eof()
    server: Any = ControlServer(Path(), handle)
    await server._talk(reader, writer)
    assert writer.closed
    assert all(json.loads(line) for line in writer.sent.splitlines())


_TOPICS = (
    "commands/members.put",
    "devices/badge-1/status",
    "alerts/floor/claims/badge-1",
    "facts/new_arrivals",
    "outcomes",
)


def hold_mqtt(data: bytes) -> None:
    """Every message, on the topic that the first byte chooses, is a value, or refused in one line.

    So is a member, who is the same when put again as the gateway tells of him.
    """
    if not data:
        return
    topics = Topics("lilac-01", "door-pi")
    topic = topics.under(_TOPICS[data[0] % len(_TOPICS)])
    said = topics.parse(Arrival(topic, data[1:], retained=data[0] >= 0x80))
    assert not isinstance(said, Refused) or said.reason.isprintable()
    member = _member(data[1:])
    assert member is None or parse_member(json.loads(json.dumps(member.as_json()))) == member


def _member(payload: bytes) -> Member | None:
    fault = ""
    try:
        return parse_member(json.loads(payload))
    except MemberError as error:
        fault = str(error)
    except (ValueError, RecursionError):
        pass
    assert fault.isprintable()
    return None


def hold_document(raw: bytes) -> None:
    """A file of YAML is read, or its faults say where in it: as any document, as a configuration, as rules."""
    path = _written(raw)
    document, as_config, as_rules = Faults(), Faults(), Faults()
    root = parse_document(raw, str(path), document)
    if root is not None:
        root.data()
    if read_config(path, as_config) is None:
        assert as_config.errors()
    load_rules([path], as_rules)
    lines = len(re.split(rb"\r\n|\r|\n|\xc2\x85|\xe2\x80[\xa8\xa9]", raw))
    for fault in (*document.found, *as_config.found, *as_rules.found):
        assert 0 <= fault.line <= lines + 1, fault
        assert str(fault).isprintable(), fault


def _advertising() -> list[bytes]:
    return [
        ibeacon(),
        altbeacon(power=0),
        eddystone(b"\x00\xe7" + bytes(range(16)) + bytes(2)),
        eddystone(b"\x30\xe7" + bytes(range(8))),
        eddystone(b"\x10\xee\x00ex\x07"),
        eddystone(b"\x20\x00" + bytes(12)),
        eddystone(b"\x20\x01" + bytes(16)),
        b"\x02\x15" + CARD + b"\xc5",
    ]


def _events() -> list[bytes]:
    return [
        event(legacy_report(ibeacon()), legacy_report(altbeacon())),
        event(extended_report(eddystone(bytes(20))), extended_report(b"", rssi=127), extended=True),
        event(legacy_report(eddystone(b"\x10\xee\x00")), claimed=3),
        event(),
    ]


def _packets() -> list[bytes]:
    plain = link_layer(2, STATION[::-1] + ibeacon())
    whole = [
        b"\x00" + plain,
        b"\x00" + link_layer(7, extended(ibeacon())),
        b"\x00" + link_layer(4, STATION[::-1] + altbeacon()),
        b"\x01" + with_pseudo_header(plain, 0x0C03),
        b"\x01" + with_pseudo_header(coded(plain), 0x8C03),
        b"\x02" + nordic(plain),
        b"\x02" + nordic(coded(plain), 0x21),
    ]
    return [*whole, b"\x01" + with_pseudo_header(b"\0" + plain[1:], 0x0C03)]


def _frames() -> list[bytes]:
    return [
        radiotap([[flags(0), channel(2437), signal(-61)]]) + PROBE,
        radiotap([[signal(-61)], Vendor(bytes(5), 3), [signal(-70)]]) + PROBE,
        radiotap([[channel(5180)]], [Tlv(5, b"\xc3")]) + management(11),
        radiotap([[Field(0, 8, bytes(8)), flags(0x10), Field(18, 4, bytes(8))], [signal(-70), Field(11, 1, b"\1")]])
        + PROBE,
        prism(6, -61) + PROBE,
    ]


def stamped(packets: Iterable[bytes]) -> list[Stamped]:
    return [Stamped((T + number) * 10**9, packet) for number, packet in enumerate(packets)]


LINE = (
    b'{"t": 1763791200.%d, "receiver": "door", "radio": "ble", "kind": "eddystone-eid", "rssi": -6, '
    b'"eid": "00ff00ff00ff00ff", "address_type": "random", "device": "p3k9"}\n'
)
_WIFI, _MIXED = stamped(_frames()[:4]), [Interface(127, 9), Interface(187)]
CAPTURES: Final[dict[str, bytes]] = {
    "pcap-radiotap": pcap(_WIFI, 127),
    "pcap-prism": pcap(stamped([prism(6, -61) + PROBE, prism(6, -61, order=">") + PROBE]), 119, ">"),
    "pcap-bare": pcap(stamped([PROBE] * 3), 105, nanoseconds=True),
    "pcap-hci": pcap(stamped(_events()), 187),
    "pcap-hci-with-direction": pcap(stamped(b"\0\0\0\1" + packet for packet in _events()), 201),
    "pcap-monitor": pcap(stamped(b"\0\0\0\3" + packet[1:] for packet in _events()), 254),
    "pcap-link-layer": pcap(stamped(packet[1:] for packet in _packets()[:3]), 251),
    "pcap-pseudo-header": pcap(stamped(packet[1:] for packet in _packets()[3:5]), 256),
    "pcap-nordic": pcap(stamped(packet[1:] for packet in _packets()[5:7]), 272),
    "pcapng": pcapng(_WIFI, [Interface(127, 9)]) + pcapng(_WIFI, _MIXED, ">") + block(3, bytes(4) + PROBE, ">"),
    "btsnoop": btsnoop(stamped(_events())),
    "gzip": gzip.compress(pcapng(_WIFI, [Interface(127)])),
    "lines": b"".join(LINE % number for number in range(9)),
}


def _captures() -> list[bytes]:
    return list(CAPTURES.values())


def _datagrams() -> list[bytes]:
    return [
        b"<3>AP-STA-CONNECTED 9e:e0:f1:a2:b3:c4 keyid=k-7781",
        b"<3>AP-STA-DISCONNECTED 9e:e0:f1:a2:b3:c4",
        b"<3>CTRL-EVENT-TERMINATING ",
        b"9e:e0:f1:a2:b3:c4\nflags=[AUTH][ASSOC][AUTHORIZED]\naid=1\nkeyid=k-7781\n",
        b"state=ENABLED\nphy=phy0\n",
        b"PONG\n",
        b"FAIL\n",
    ]


def _requests() -> list[bytes]:
    return [b'{"watch": true}\n', b'{"enrol": "door", "seconds": 30}\n', b'{"buzz": "floor"}\n', b"[1e999, NaN]\n"]


MEMBER: Final = {
    "member": "oX3f-91c2",
    "credentials": [
        {"kind": "ibeacon", "uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 14, "minor": 2071},
        {"kind": "rotating", "key": "0f" * 32},
        {"kind": "wifi", "address": "5e:3a:11:22:33:44"},
        {"kind": "wifi-key", "keyid": "k-7781"},
    ],
    "consent": [
        {
            "purpose": "recognise",
            "text": "sha256:" + "ab" * 32,
            "language": "zh",
            "act": "card held to the door",
            "at": "2026-11-01T09:00:00+08:00",
        }
    ],
    "greeting": "王女士",
    "language": "zh",
    "attributes": {"tier": "gold", "points": 620, "tags": ["a"], "balance": 18.5},
    "choices": {"deny": ["offers:alcohol"], "allow": [], "only": [], "paused_until": None},
    "test": False,
}


def _messages() -> list[bytes]:
    return [
        b"\x00" + json.dumps(MEMBER, ensure_ascii=False).encode(),
        b'\x01{"state": "online", "battery": 0.7}',
        b'\x02{"alert": "a-01936f5e", "action": "claim"}',
        b'\x03{"item": "sku-114", "zone": "shoes"}',
        b'\x04{"feedback": "f-1", "outcome": "redeemed", "amount": 128.0}',
        b"\x81",
    ]


def _documents() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "config").glob("*/*.yaml"))]


ENTRIES: Final[dict[str, Entry]] = {
    "advertisement": Entry(hold_advertisement, _advertising),
    "hci": Entry(hold_hci, _events),
    "link_layer": Entry(hold_link_layer, _packets),
    "wifi": Entry(hold_wifi, _frames),
    "capture": Entry(hold_capture, _captures),
    "hostapd": Entry(hold_hostapd, _datagrams),
    "control": Entry(hold_control, _requests),
    "mqtt": Entry(hold_mqtt, _messages),
    "document": Entry(hold_document, _documents),
}
"""By name."""
