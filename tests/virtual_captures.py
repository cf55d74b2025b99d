"""Frames, events and capture files made by hand from their specifications, independently of the decoders."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import NamedTuple

STATION = bytes.fromhex("9ee0f1a2b3c4")
SSID = b"canary-network-name"
UUID = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18")
CARD = UUID + bytes.fromhex("000e0817")  # major 14, minor 2071


def management(subtype: int, address: bytes = STATION, sequence: int = 1204, body: bytes = b"") -> bytes:
    """Return an 802.11 management frame to everybody."""
    return pack("<BBH6s6s6sH", subtype << 4, 0, 0, b"\xff" * 6, address, b"\xff" * 6, sequence << 4) + body


PROBE = management(4, body=bytes([0, len(SSID)]) + SSID + bytes.fromhex("010402040b16"))


class Field(NamedTuple):
    """A field of the radiotap namespace."""

    number: int
    alignment: int
    value: bytes


class Vendor(NamedTuple):
    """A vendor namespace: its data and the bits of its presence word."""

    data: bytes
    bits: int


class Tlv(NamedTuple):
    """A type-length-value field at the end."""

    number: int
    value: bytes


def signal(dbm: int) -> Field:
    return Field(5, 1, pack("b", dbm))


def channel(frequency: int) -> Field:
    return Field(3, 2, pack("<HH", frequency, 0x80))


def flags(value: int) -> Field:
    return Field(1, 1, bytes([value]))


def radiotap(namespaces: Sequence[Sequence[Field] | Vendor], tlvs: Sequence[Tlv] = (), padding: int = 0) -> bytes:
    """Return a radiotap header: a presence word for each namespace, then the fields in their order."""
    words = [_word(namespace) for namespace in namespaces]
    for index, following in enumerate(namespaces[1:]):
        words[index] |= 1 << 31 | (1 << 30 if isinstance(following, Vendor) else 1 << 29)
    words[-1] |= 1 << 28 if tlvs else 0
    header = bytearray(4) + b"".join(pack("<I", word) for word in words)
    for namespace in namespaces:
        if isinstance(namespace, Vendor):
            header += bytes(-len(header) % 2) + b"\x12\x34\x56\x01" + pack("<H", len(namespace.data)) + namespace.data
        else:
            for field in sorted(namespace):
                header += bytes(-len(header) % field.alignment) + field.value
    for tlv in tlvs:
        header += bytes(-len(header) % 4) + pack("<HH", tlv.number, len(tlv.value)) + tlv.value
    header += bytes(padding)
    header[2:4] = pack("<H", len(header))
    return bytes(header)


def _word(namespace: Sequence[Field] | Vendor) -> int:
    return namespace.bits if isinstance(namespace, Vendor) else sum(1 << field.number for field in namespace)


def prism(channel_number: int, dbm: int, code: int = 0x44, order: str = "<") -> bytes:
    """Return a Prism header, in the byte order of the machine that captures."""
    values = (1, 2, channel_number, 0, 0, dbm & 0xFFFFFFFF, 0, 2, 0, 100)
    items = b"".join(pack(f"{order}IHHI", number << 16 | code, 0, 4, value) for number, value in enumerate(values, 1))
    return pack(f"{order}II16s", code, 144, b"wlan0") + items


def structure(kind: int, value: bytes) -> bytes:
    """Return one AD structure."""
    return bytes([len(value) + 1, kind]) + value


FLAGS = structure(0x01, b"\x06")


def ibeacon(identity: bytes = CARD, power: int = -59) -> bytes:
    return FLAGS + structure(0xFF, b"\x4c\x00\x02\x15" + identity + pack("b", power))


def altbeacon(identity: bytes = CARD, power: int = -59) -> bytes:
    return FLAGS + structure(0xFF, b"\x18\x01\xbe\xac" + identity + pack("b", power) + b"\x00")


def eddystone(frame: bytes) -> bytes:
    return FLAGS + structure(0x03, b"\xaa\xfe") + structure(0x16, b"\xaa\xfe" + frame)


def legacy_report(data: bytes, rssi: int = -61, address: bytes = STATION, random: int = 1, event: int = 3) -> bytes:
    return pack("<BB6sB", event, random, address[::-1], len(data)) + data + pack("b", rssi)


def extended_report(data: bytes, rssi: int = -61, address: bytes = STATION, random: int = 1, event: int = 0) -> bytes:
    fields = (event, random, address[::-1], 1, 2, 7, 127, rssi, 0, 0, bytes(6), len(data))
    return pack("<HB6sBBBbbHB6sB", *fields) + data


def event(*reports: bytes, extended: bool = False, claimed: int | None = None) -> bytes:
    """Return an HCI event with advertising reports, as on a UART."""
    body = bytes([0x0D if extended else 0x02, len(reports) if claimed is None else claimed]) + b"".join(reports)
    return bytes([0x04, 0x3E, len(body)]) + body


def crc(pdu: bytes) -> bytes:
    """Return the CRC of an advertising PDU bit by bit, as Vol 6 Part B, 3.1.1 draws the register."""
    register = [int(bit) for bit in f"{0x555555:024b}"[::-1]]  # position 0 first
    for byte in pdu:
        for bit in range(8):
            feedback = register[23] ^ (byte >> bit & 1)
            register = [feedback, *register[:23]]
            for position in (1, 3, 4, 6, 9, 10):
                register[position] ^= feedback
    bits = register[::-1]  # position 23 is sent first
    return bytes(sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in (0, 8, 16))


def link_layer(kind: int, payload: bytes, *, random: bool = True, access: str = "d6be898e") -> bytes:
    """Return a link-layer packet from the access address to the CRC."""
    pdu = bytes([kind | (0x40 if random else 0), len(payload)]) + payload
    return bytes.fromhex(access) + pdu + crc(pdu)


def coded(packet: bytes) -> bytes:
    """Return the packet as sniffers write it that was sent on the coded PHY."""
    return packet[:4] + b"\x00" + packet[4:]


def extended(data: bytes, address: bytes = STATION) -> bytes:
    """Return the payload of an extended advertising PDU that tells its address."""
    return b"\x07\x01" + address[::-1] + data


def with_pseudo_header(packet: bytes, flags: int, signal: int = -61) -> bytes:
    return pack("<BbbBIH", 37, signal, -90, 0, 0x8E89BED6, flags) + packet


def nordic(packet: bytes, flags: int = 0x01, loss: int = 61) -> bytes:
    return pack("<BHBHBBBBBHI", 7, len(packet) + 10, 3, 1, 2, 10, flags, 37, loss, 0, 0) + packet


class Stamped(NamedTuple):
    """A packet to be put into a capture: nanoseconds since the epoch, bytes, and the number of its interface."""

    nanoseconds: int
    data: bytes
    interface: int = 0


def pcap(packets: Sequence[Stamped], link: int, order: str = "<", *, nanoseconds: bool = False) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    capture = pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for packet in packets:
        seconds, rest = divmod(packet.nanoseconds, 10**9)
        size = len(packet.data)
        capture += pack(f"{order}IIII", seconds, rest if nanoseconds else rest // 1000, size, size) + packet.data
    return capture


class Interface(NamedTuple):
    """An interface of a pcapng section; `resolution` is the option's byte, None leaves it out."""

    link: int
    resolution: int | None = None
    offset: int = 0
    longest: int = 0


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = pack(f"{order}I", len(body) + 12)
    return pack(f"{order}I", kind) + size + body + size


def pcapng(packets: Sequence[Stamped], interfaces: Sequence[Interface], order: str = "<") -> bytes:
    section = block(0x0A0D0D0A, pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    section += b"".join(block(1, _interface(interface, order), order) for interface in interfaces)
    section += block(5, bytes(20), order)  # statistics, which nobody reads
    for packet in packets:
        ticks = _ticks(packet.nanoseconds, interfaces[packet.interface])
        size = len(packet.data)
        fields = (packet.interface, ticks >> 32, ticks & 0xFFFFFFFF, size, size)
        section += block(6, pack(f"{order}IIIII", *fields) + packet.data + bytes(-size % 4), order)
    return section


def _interface(interface: Interface, order: str) -> bytes:
    options = pack(f"{order}HH", 2, 3) + b"abc\0"
    if interface.resolution is not None:
        options += pack(f"{order}HHB3x", 9, 1, interface.resolution)
    if interface.offset:
        options += pack(f"{order}HHq", 14, 8, interface.offset)
    return pack(f"{order}HHI", interface.link, 0, interface.longest) + options + bytes(4)


def _ticks(nanoseconds: int, interface: Interface) -> int:
    resolution = 6 if interface.resolution is None else interface.resolution
    parts: int = (2 if resolution & 0x80 else 10) ** (resolution & 0x7F)
    return (nanoseconds - interface.offset * 10**9) * parts // 10**9


def btsnoop(packets: Sequence[Stamped], datalink: int = 1002, flags: int = 3) -> bytes:
    capture = b"btsnoop\0" + pack(">II", 1, datalink)
    for packet in packets:
        t = packet.nanoseconds // 1000 + 0x00E03AB44A676000 - 946_684_800 * 10**6  # counted from the year 2000
        capture += pack(">IIIIq", len(packet.data), len(packet.data), flags, 0, t) + packet.data
    return capture
