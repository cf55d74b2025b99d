"""BLE advertisements as sniffers record them: link-layer packets from the access address to the CRC."""

from __future__ import annotations

from collections import Counter
from functools import cache
from struct import Struct
from typing import Final, Literal

from drivers.advertisement import Report, address_type, decode_report
from drivers.sighting import Sighting

_ADVERTISING = bytes.fromhex("d6be898e")  # access address (Core Specification Vol 6 Part B, 2.1.2)
_DIRECTED, _SCAN_RESPONSE, _EXTENDED = 1, 4, 7  # PDU types (2.3)
_LEGACY = (0, _DIRECTED, 2, _SCAN_RESPONSE, 6)
_RANDOM = 0x40  # TxAdd
_HAS_ADDRESS, _POINTS_ON = 0x01, 0x10  # of an extended header (2.3.4)
_CRC_START: Final = 0xAAAAAA  # 0x555555 and the polynomial with their bits in the order of the air (3.1.1)
_CRC_POLYNOMIAL: Final = 0xDA6000
_SIGNAL_VALID, _CRC_CHECKED, _CRC_VALID = 0x0002, 0x0400, 0x0800
_PHY, _CODED = 0xC000, 0x8000
_NORDIC_PHY, _NORDIC_CODED = 0x70, 0x20

_pseudo_header = Struct("<xb6xH")  # link type 256: channel, signal, noise, offences, access address, flags
_nordic = Struct("<8xBxB6x")  # link type 272: board, sizes, version, counter, id, size; flags, channel, RSSI, times


def decode_link_layer(t: float, receiver: str, packet: bytes, counters: Counter[str]) -> Sighting | None:
    """Return the sighting in a bare packet (link type 251). Counts `bad-crc`, `malformed` and `other` packets."""
    return _decode(t, receiver, packet, None, None, counters)


def decode_with_pseudo_header(t: float, receiver: str, packet: bytes, counters: Counter[str]) -> Sighting | None:
    """Return the sighting in a packet with the pseudo-header of link type 256; counts as for a bare one."""
    if len(packet) < _pseudo_header.size:
        counters["malformed"] += 1
        return None
    signal, flags = _pseudo_header.unpack_from(packet)
    valid = bool(flags & _CRC_VALID) if flags & _CRC_CHECKED else None
    rssi = signal if flags & _SIGNAL_VALID else None
    packet = packet[_pseudo_header.size :]
    return _decode(t, receiver, _uncoded(packet) if flags & _PHY == _CODED else packet, rssi, valid, counters)


def decode_nordic(t: float, receiver: str, packet: bytes, counters: Counter[str]) -> Sighting | None:
    """Return the sighting in a packet of the nRF Sniffer (link type 272); counts as for a bare one."""
    if len(packet) < _nordic.size:
        counters["malformed"] += 1
        return None
    flags, loss = _nordic.unpack_from(packet)
    rssi = -loss if loss < 128 else None
    packet = packet[_nordic.size :]
    coded = flags & _NORDIC_PHY == _NORDIC_CODED
    return _decode(t, receiver, _uncoded(packet) if coded else packet, rssi, bool(flags & 1), counters)


def _uncoded(packet: bytes) -> bytes:
    """Take out the coding indicator that follows the access address on the coded PHY (Vol 6 Part B, 2.2)."""
    return packet[:4] + packet[5:]


def _decode(
    t: float, receiver: str, packet: bytes, rssi: int | None, valid: bool | None, counters: Counter[str]
) -> Sighting | None:
    """Return the sighting in a packet; `valid` is None where nobody has checked the CRC."""
    end = 6 + packet[5] if len(packet) > 5 else 6
    if len(packet) < end + 3:
        counters["malformed"] += 1
        return None
    if packet[:4] != _ADVERTISING:
        counters["other"] += 1
        return None
    if not (_crc_holds(packet[4 : end + 3]) if valid is None else valid):
        counters["bad-crc"] += 1
        return None
    report = _report(packet[4], packet[6:end], rssi)
    if isinstance(report, str):
        counters[report] += 1
        return None
    return decode_report(t, receiver, report, counters)


_Cause = Literal["malformed", "other"]


def _report(header: int, payload: bytes, rssi: int | None) -> Report | _Cause:
    """Return what an advertising PDU reports; one that is a request, or only points to another PDU, is `other`."""
    what, random = header & 0x0F, bool(header & _RANDOM)
    if what == _EXTENDED:
        return _extended_report(payload, random=random, rssi=rssi)
    if what not in _LEGACY:
        return "other"
    if len(payload) < 6:
        return "malformed"
    address = payload[5::-1]
    data = b"" if what == _DIRECTED else payload[6:]
    return Report(data, address, address_type(address, random=random), rssi, what == _SCAN_RESPONSE)


def _extended_report(payload: bytes, *, random: bool, rssi: int | None) -> Report | _Cause:
    size = payload[0] & 0x3F if payload else 0
    header, data = payload[1 : 1 + size], payload[1 + size :]
    flags = header[0] if header else 0
    if not payload or len(header) < size or (flags & _HAS_ADDRESS and size < 7):
        return "malformed"
    if flags & _POINTS_ON and not data:
        return "other"
    if not flags & _HAS_ADDRESS:
        return Report(data, None, None, rssi, scan_response=False)
    address = header[6:0:-1]
    return Report(data, address, address_type(address, random=random), rssi, scan_response=False)


def _crc_holds(packet: bytes) -> bool:
    table = _crc_table()
    state = _CRC_START
    for byte in packet[:-3]:
        state = state >> 8 ^ table[(state ^ byte) & 0xFF]
    return packet[-3:] == state.to_bytes(3, "little")


@cache
def _crc_table() -> tuple[int, ...]:
    return tuple(_shift(byte) for byte in range(256))


def _shift(state: int) -> int:
    for _ in range(8):
        state = state >> 1 ^ (_CRC_POLYNOMIAL if state & 1 else 0)
    return state
