"""Frames as radios would have received them, made for the simulator's antenna and for tests."""

from __future__ import annotations

from struct import pack
from typing import Final

BROADCAST: Final = b"\xff" * 6

_FLAGS_GENERAL_AND_LE_ONLY: Final = bytes.fromhex("020106")


def advertising_report(address: bytes, rssi: int, data: bytes, *, random: bool = True) -> bytes:
    """Return an HCI LE Advertising Report event as on a UART (Core Spec Vol 4 Part A, 2; Part E, 7.7.65.2).

    `address` has its most significant byte first, `data` are at most 31 bytes of AD structures. The advert is one
    that can be neither connected nor scanned.
    """
    report = pack("<BB6sB", 0x03, random, address[::-1], len(data)) + data + pack("b", rssi)
    parameters = bytes((0x02, 1)) + report
    return bytes((0x04, 0x3E, len(parameters))) + parameters


def ibeacon_report(address: bytes, rssi: int, identity: bytes, power: int = -59, *, random: bool = True) -> bytes:
    """Return the report of an iBeacon; `identity` are UUID, major and minor, `power` is in dBm at 1 m."""
    data = pack(">BBHBB20sb", 26, 0xFF, 0x4C00, 0x02, 0x15, identity, power)
    return advertising_report(address, rssi, _FLAGS_GENERAL_AND_LE_ONLY + data, random=random)


def radiotap_frame(frame: bytes, rssi: int, frequency: int) -> bytes:
    """Return an 802.11 frame behind a radiotap header with flags, channel (MHz) and signal (dBm) (radiotap.org)."""
    band = 0x00A0 if frequency < 3000 else 0x0140  # 2.4 GHz with CCK, 5 GHz with OFDM
    return pack("<BxHIBxHHb", 0, 15, 1 << 1 | 1 << 3 | 1 << 5, 0, frequency, band, rssi) + frame


def management_frame(
    subtype: int, source: bytes, destination: bytes, bssid: bytes, sequence: int = 0, body: bytes = b""
) -> bytes:
    """Return an 802.11 management frame (IEEE 802.11-2020, 9.3.3.1)."""
    return pack("<BBH6s6s6sH", subtype << 4, 0, 0, destination, source, bssid, (sequence & 0xFFF) << 4) + body


def probe_request(address: bytes, rssi: int, *, frequency: int = 2437, sequence: int = 0, ssid: bytes = b"") -> bytes:
    """Return a captured probe request; without an SSID it asks for any network (9.3.3.9)."""
    body = bytes((0, len(ssid))) + ssid + bytes.fromhex("010402040b16")
    return radiotap_frame(management_frame(4, address, BROADCAST, BROADCAST, sequence, body), rssi, frequency)


def association_request(
    address: bytes, bssid: bytes, rssi: int, *, frequency: int = 2437, sequence: int = 0, ssid: bytes = b""
) -> bytes:
    """Return a captured association request to a network (9.3.3.5)."""
    body = bytes.fromhex("3104 0a00") + bytes((0, len(ssid))) + ssid + bytes.fromhex("010402040b16")
    return radiotap_frame(management_frame(0, address, bssid, bssid, sequence, body), rssi, frequency)
