"""Captures and lines that were damaged: never another exception than the promised one, never an impossible sighting.

The seed stands in each test's name; HUSHBELL_FUZZ gives how many files each of them damages.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from virtual_captures import (
    PROBE,
    Interface,
    Stamped,
    Tlv,
    Vendor,
    altbeacon,
    btsnoop,
    channel,
    eddystone,
    event,
    extended_report,
    flags,
    ibeacon,
    legacy_report,
    pcap,
    pcapng,
    prism,
    radiotap,
    signal,
)

from drivers.captures import CaptureError, read_sightings_of
from drivers.sighting import AddressType, Kind, Pseudonyms, Sighting, as_json_line, parse_sighting

FILES = int(os.environ.get("HUSHBELL_FUZZ", "150"))
T = 1_763_791_200 * 10**9

WIFI = [
    radiotap([[flags(0), channel(2437), signal(-61)]]) + PROBE,
    radiotap([[signal(-61)], Vendor(bytes(5), 3), [signal(-70)]]) + PROBE,
    radiotap([[channel(5180)]], [Tlv(5, b"\xc3")]) + PROBE,
]
BLE = [
    event(legacy_report(ibeacon()), legacy_report(altbeacon())),
    event(extended_report(eddystone(bytes(20))), extended=True),
    event(legacy_report(eddystone(b"\x10\xee\x00")), claimed=3),
]


def stamped(packets: list[bytes]) -> list[Stamped]:
    return [Stamped(T + number, packet) for number, packet in enumerate(packets)]


LINE = (
    b'{"t": 1763791200.%d, "receiver": "door", "radio": "ble", "kind": "eddystone-eid", "rssi": -6, '
    b'"eid": "00ff00ff00ff00ff", "address_type": "random", "device": "p3k9"}\n'
)
WHOLE: dict[str, Callable[[], bytes]] = {
    "pcap-radiotap": lambda: pcap(stamped(WIFI), 127),
    "pcap-prism": lambda: pcap(stamped([prism(6, -61) + PROBE] * 3), 119, ">"),
    "pcap-bare": lambda: pcap(stamped([PROBE] * 3), 105, nanoseconds=True),
    "pcapng": lambda: pcapng(stamped(WIFI), [Interface(127, 9)]),
    "pcap-hci": lambda: pcap(stamped(BLE), 187),
    "btsnoop": lambda: btsnoop(stamped(BLE)),
    "gzip": lambda: gzip.compress(pcapng(stamped(WIFI), [Interface(127)])),
    "lines": lambda: b"".join(LINE % number for number in range(9)),
}


def damage(draw: Random, whole: bytes) -> bytes:
    """Flip, cut, put in and repeat a few bytes, mostly near each other and often to values at an edge."""
    damaged = bytearray(whole)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(damaged) + 1)
        match draw.randrange(5):
            case 0:
                damaged[at : at + 1] = bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))])
            case 1:
                damaged[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80", b"\x01\0\0\0"))
            case 2:
                del damaged[at : at + draw.randint(1, 40)]
            case 3:
                damaged[at:at] = damaged[at : at + draw.randint(1, 200)]
            case _:
                damaged[at:at] = draw.randbytes(draw.randint(1, 8))
    return bytes(damaged)


def could_be(sighting: Sighting) -> bool:
    """Tell whether a sighting is one that its own notation can carry, and hears what its radio hears."""
    told = json.loads(as_json_line(sighting, Pseudonyms()))
    return (
        isinstance(parse_sighting(json.dumps(told)), Sighting)
        and sighting.kind in get_args(Kind)
        and (sighting.address is None or len(sighting.address) == 6)
        and sighting.address_type in (None, *get_args(AddressType))
    )


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_damaged_file_gives_what_can_be_read_or_one_line(form: str, seed: int, tmp_path: Path) -> None:
    draw = Random(f"{form} {seed}")
    whole = WHOLE[form]()
    path = tmp_path / "capture"
    for _ in range(FILES):
        path.write_bytes(damage(draw, whole))
        warnings: list[str] = []
        try:
            found = list(read_sightings_of(path, lambda radio: radio, Counter(), warnings.append))
        except CaptureError as error:
            found, warnings = [], [str(error)]
        assert all(map(could_be, found)), path.read_bytes().hex()
        assert len(warnings) <= 1
        assert not any("\n" in warning for warning in warnings)


@pytest.mark.parametrize("form", WHOLE)
def test_what_is_damaged_is_whole_to_begin_with(form: str, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(WHOLE[form]())
    assert list(read_sightings_of(path, lambda radio: radio, Counter(), pytest.fail))
