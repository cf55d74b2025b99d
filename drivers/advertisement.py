"""BLE advertisements: what one says it is, from AD structures, from HCI events and from what a library parsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Final, NamedTuple

from drivers.sighting import AddressType, Kind, Sighting

Meaning = tuple[Kind, bytes, int | None]
"""Kind, identity and power (dBm) as a `Sighting` has them."""

ADVERT: Final[Meaning] = ("advert", b"", None)
EDDYSTONE: Final = "0000feaa-0000-1000-8000-00805f9b34fb"

_APPLE = 0x004C
_IBEACON = b"\x02\x15"
_ALTBEACON = b"\xbe\xac"
_FEAA = b"\xaa\xfe"
_LE_META_EVENT = b"\x04\x3e"
_SCAN_RESPONSE = 0x04
_SCAN_RESPONSE_BIT = 0x0008
_ANONYMOUS = 0xFF
_MOST_DBM = 20  # more is reserved, and 127 says that there is no reading

_beacon = Struct("<2s20sb")  # mark, identity, power: an iBeacon's, and the beginning of an AltBeacon's
_legacy = Struct("<BB6sB")  # event type, address type, address, length of the data; the data and RSSI follow
_extended = Struct("<HB6s4xB9xB")  # ... PHYs, set, power, RSSI, interval, direct address, length; the data follows


def identify(manufacturer: Mapping[int, bytes], services: Mapping[str, bytes]) -> Meaning:
    """Return what an advertisement is, from its manufacturer data by company and its service data by 128-bit UUID."""
    found = identify_manufacturer(manufacturer)
    return identify_services(services) if found is ADVERT else found


def identify_manufacturer(manufacturer: Mapping[int, bytes]) -> Meaning:
    """Return what manufacturer data say, by company."""
    for company, data in manufacturer.items():
        found = _of_manufacturer(company, data)
        if found is not None:
            return found
    return ADVERT


def identify_services(services: Mapping[str, bytes]) -> Meaning:
    """Return what service data say, by 128-bit UUID."""
    frame = services.get(EDDYSTONE)
    return ADVERT if frame is None else _of_eddystone(frame) or ADVERT


def decode_ad(data: bytes) -> Meaning:
    """Return what advertising data says (Core Specification Vol 3 Part C, 11); malformed data is an `advert`.

    Reading ends at the first structure that is empty or overruns: what came before it stands, and no identity is
    taken from one that overruns.
    """
    eddystone: Meaning | None = None
    listed: bool | None = None
    at, end = 0, len(data)
    while at + 1 < end and data[at]:
        what, start, stop = data[at + 1], at + 2, at + 1 + data[at]
        if what == 0xFF and start + 2 <= stop <= end:
            found = _of_manufacturer(data[start] | data[start + 1] << 8, data[start + 2 : stop])
            if found is not None:
                return found
        elif what == 0x16 and data[start : start + 2] == _FEAA:
            found = _of_eddystone(data[start + 2 : stop])
            if found is not None and (stop <= end or not found[1]):
                eddystone = eddystone or found
        elif what in (0x02, 0x03):
            listed = bool(listed) or _lists_eddystone(data[start:stop])
        at = stop
    # Eddystone demands that the list of services names it: a list without it belies the frame.
    return ADVERT if eddystone is None or listed is False else eddystone


class Report(NamedTuple):
    """One advertisement as a controller or a sniffer reports it."""

    data: bytes
    address: bytes | None  # most significant byte first
    address_type: AddressType | None
    rssi: int | None  # dBm
    scan_response: bool


def address_type(address: bytes, *, random: bool) -> AddressType:
    """Return the type of a device address (Vol 6 Part B, 1.3), most significant byte first."""
    if not random:
        return "public"
    return "resolvable" if address[0] >> 6 == 0b01 else "random"


def decode_report(t: float, receiver: str, report: Report, counters: Counter[str]) -> Sighting | None:
    """Return the sighting in a report; None for a scan response that says nothing a member's card could say."""
    kind, identity, power = decode_ad(report.data)
    if report.scan_response and not identity:
        counters["scan-response"] += 1
        return None
    return Sighting(t, receiver, "ble", kind, report.rssi, identity, power, report.address, report.address_type)


def decode_hci_event(t: float, receiver: str, packet: bytes, counters: Counter[str]) -> list[Sighting]:
    """Return the sightings in one HCI packet as it is on a UART (H4: `04 3e`, length, parameters).

    Takes LE Advertising Report and LE Extended Advertising Report events (Vol 4 Part E, 7.7.65.2 and 7.7.65.13),
    each report whole before the next (5.2). Counts packets that are something else (`other`), reports that are not
    whole (`malformed`) and scan responses (`scan-response`).
    """
    if packet[:2] != _LE_META_EVENT:
        counters["other"] += 1
        return []
    body = packet[3 : 3 + packet[2]] if len(packet) > 2 else b""
    if len(body) < 2:
        counters["malformed"] += 1
        return []
    if body[0] not in _REPORTS:
        counters["other"] += 1
        return []
    sightings = (decode_report(t, receiver, report, counters) for report in _reports(body, counters))
    return [sighting for sighting in sightings if sighting is not None]


def _reports(body: bytes, counters: Counter[str]) -> Iterator[Report]:
    parse = _REPORTS[body[0]]
    if not body[1]:  # an event has at least one
        counters["malformed"] += 1
    at = 2
    for _ in range(body[1]):
        parsed = parse(body, at)
        if parsed is None:
            counters["malformed"] += 1
            return
        report, at = parsed
        yield report


def _parse_legacy(body: bytes, at: int) -> tuple[Report, int] | None:
    if len(body) < at + _legacy.size:
        return None
    event, kind, address, length = _legacy.unpack_from(body, at)
    at += _legacy.size
    end = at + length
    if len(body) <= end:
        return None
    return _report(body[at:end], address, kind, body[end], scan_response=event == _SCAN_RESPONSE), end + 1


def _parse_extended(body: bytes, at: int) -> tuple[Report, int] | None:
    if len(body) < at + _extended.size:
        return None
    event, kind, address, rssi, length = _extended.unpack_from(body, at)
    at += _extended.size
    end = at + length
    if len(body) < end:
        return None
    return _report(body[at:end], address, kind, rssi, scan_response=bool(event & _SCAN_RESPONSE_BIT)), end


_REPORTS = {0x02: _parse_legacy, 0x0D: _parse_extended}


def _report(data: bytes, sent: bytes, kind: int, rssi: int, *, scan_response: bool) -> Report:
    """Make a report of the event's own fields: address in the order of the air, RSSI as an unsigned byte.

    Address types 2 and 3 are identities that the controller resolved; 0xff is anonymous.
    """
    address = None if kind == _ANONYMOUS else sent[::-1]
    known = None if address is None or kind > 3 else address_type(address, random=bool(kind & 1))
    dbm = _signed(rssi)
    return Report(data, address, known, dbm if dbm <= _MOST_DBM else None, scan_response)


def _of_manufacturer(company: int, data: bytes) -> Meaning | None:
    if len(data) < _beacon.size:
        return None
    mark, identity, power = _beacon.unpack_from(data)
    if mark == _IBEACON and company == _APPLE:
        return "ibeacon", identity, power
    if mark == _ALTBEACON:
        return "altbeacon", identity, power
    return None


def _of_eddystone(frame: bytes) -> Meaning | None:
    """Return what an Eddystone frame says (github.com/google/eddystone); UIDs come without reserved bytes too."""
    if len(frame) < 3:
        return None
    what, power = frame[0], _signed(frame[1])
    if what == 0x00 and len(frame) >= 18:
        return "eddystone-uid", frame[2:18], power
    if what == 0x30 and len(frame) >= 10:
        return "eddystone-eid", frame[2:10], power
    if what == 0x20 and len(frame) >= 14:
        return "eddystone-tlm", b"", None
    if what == 0x10:
        return "eddystone-url", b"", power
    return None


def _lists_eddystone(uuids: bytes) -> bool:
    return any(uuids[at : at + 2] == _FEAA for at in range(0, len(uuids), 2))


def _signed(byte: int) -> int:
    return (byte ^ 0x80) - 0x80
