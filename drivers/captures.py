"""Files of what was heard, captures and sightings, as sightings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from drivers.advertisement import decode_hci_event
from drivers.dot11 import decode_frame, decode_radiotap_frame
from drivers.link_layer import decode_link_layer, decode_nordic, decode_with_pseudo_header
from drivers.packets import HCI_H4, h4_type, read_packets
from drivers.prism import LENGTH as PRISM_LENGTH
from drivers.prism import parse_prism
from drivers.sighting import LATEST, Radio, Sighting, parse_sighting
from drivers.source import Source

Name = Callable[[Radio], str]
"""Gives the receiver that a capture's packets of one radio belong to. Asked once, when the first such packet comes."""

Warn = Callable[[str], None]
"""Takes one line for the user about a file that is read all the same, at most one a file."""

_LONGEST_LINE = 1 << 16


class CaptureError(Exception):
    """A file is not what it should be; the text is one line for the user."""


def read_capture(path: Path, name: Name, counters: Counter[str], warn: Warn) -> Iterator[Sighting]:
    """Give the sightings in a pcap, pcapng or btsnoop file, and count by cause the packets that are none.

    Raises CaptureError when it is no capture, or one of neither Wi-Fi nor Bluetooth.
    """
    with _open(path) as source:
        yield from _read_capture(source, path, name, counters, warn)


def read_sightings_of(path: Path, name: Name, counters: Counter[str], warn: Warn) -> Iterator[Sighting]:
    """Give the sightings in a capture, or in a file of sightings as JSON lines, whichever it is.

    Raises CaptureError when it is neither.
    """
    with _open(path) as source:
        if _holds_json(source):
            yield from _read_lines(source, path, counters, warn)
        else:
            yield from _read_capture(source, path, name, counters, warn)


@contextmanager
def _open(path: Path) -> Iterator[Source]:
    try:
        with path.open("rb") as file:
            yield Source(file)
    except OSError as fault:
        raise CaptureError(f"{path}: {fault.strerror or fault}") from None


def _holds_json(source: Source) -> bool:
    return source.peek(64).lstrip().startswith(b"{")


def _read_capture(source: Source, path: Path, name: Name, counters: Counter[str], warn: Warn) -> Iterator[Sighting]:
    packets = read_packets(source)
    if packets is None:
        raise CaptureError(f"{path}: {_why_none(source)}, expected a capture (pcap, pcapng or btsnoop)")
    receiver = cache(name)
    count, foreign, known = 0, None, False
    for count, packet in enumerate(packets, 1):  # noqa: B007 -- used behind the loop
        reading = _LINKS.get(packet.link)
        if reading is None:
            foreign = packet.link
            counters["other"] += 1
            continue
        known = True
        radio, decode = reading
        if 0 <= packet.t <= LATEST:
            yield from decode(packet.t, receiver(radio), packet.data, counters)
        else:
            counters["malformed"] += 1
    if foreign is not None and not known:
        raise CaptureError(f"{path}: link type {foreign}, expected one of {', '.join(map(str, sorted(_LINKS)))}")
    if source.cut:
        warn(f"{path}: cut short or damaged, packets read before: {count}")


def _why_none(source: Source) -> str:
    if _holds_json(source):
        return "not a capture"
    if source.peek(1):
        return "not a capture or cut short in its header"
    return "cut short" if source.cut else "empty"


def _read_lines(source: Source, path: Path, counters: Counter[str], warn: Warn) -> Iterator[Sighting]:
    whole, faulty, first = 0, 0, ""
    for number, line in enumerate(iter(lambda: source.line(_LONGEST_LINE), None), 1):
        sighting = parse_sighting(line)
        if isinstance(sighting, Sighting):
            whole += 1
            yield sighting
        elif not line.endswith(b"\n") and not source.peek(1):
            source.cut = True
        elif not line.isspace():
            counters["malformed"] += 1
            faulty += 1
            first = first or f"{path}:{number}: {sighting}"
    if not whole and (faulty or source.cut):
        raise CaptureError(f"{first or path}, expected sightings as JSON lines")
    if faulty:
        warn(f"{first}; lines left out: {faulty}")
    elif source.cut:
        warn(f"{path}: cut short, sightings read before: {whole}")


_Decode = Callable[[float, str, bytes, Counter[str]], Iterable[Sighting]]
_DecodeOne = Callable[[float, str, bytes, Counter[str]], Sighting | None]


def _each(decode: _DecodeOne) -> _Decode:
    def decode_as_many(t: float, receiver: str, data: bytes, counters: Counter[str]) -> Iterable[Sighting]:
        sighting = decode(t, receiver, data, counters)
        return () if sighting is None else (sighting,)

    return decode_as_many


def _decode_bare(t: float, receiver: str, data: bytes, counters: Counter[str]) -> Sighting | None:
    return decode_frame(t, receiver, data, None, None, counters)


def _decode_prism(t: float, receiver: str, data: bytes, counters: Counter[str]) -> Sighting | None:
    """Decode a frame behind a Prism header, which some captures of this type leave out."""
    reception = parse_prism(data)
    if reception is None:
        return decode_frame(t, receiver, data, None, None, counters)
    return decode_frame(t, receiver, data[PRISM_LENGTH:], *reception, counters)


def _decode_hci_with_direction(t: float, receiver: str, data: bytes, counters: Counter[str]) -> Iterable[Sighting]:
    return decode_hci_event(t, receiver, data[4:], counters)


def _decode_monitor(t: float, receiver: str, data: bytes, counters: Counter[str]) -> Iterable[Sighting]:
    """Decode a packet of the Linux Bluetooth monitor: adapter and opcode, two bytes each, come before it."""
    return decode_hci_event(t, receiver, h4_type(int.from_bytes(data[2:4], "big")) + data[4:], counters)


_LINKS: dict[int, tuple[Radio, _Decode]] = {  # by link type (tcpdump.org/linktypes)
    105: ("wifi", _each(_decode_bare)),
    119: ("wifi", _each(_decode_prism)),
    127: ("wifi", _each(decode_radiotap_frame)),
    HCI_H4: ("ble", decode_hci_event),
    201: ("ble", _decode_hci_with_direction),
    251: ("ble", _each(decode_link_layer)),
    254: ("ble", _decode_monitor),
    256: ("ble", _each(decode_with_pseudo_header)),
    272: ("ble", _each(decode_nordic)),
}
