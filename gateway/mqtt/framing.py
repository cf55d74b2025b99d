"""Where MQTT packets end in a stream of bytes, so that none larger than was agreed is ever gathered."""

from __future__ import annotations

MOST_INTEGER = 0xFFFFFFF


class PacketError(Exception):
    """Says that a packet is larger than allowed, or that its length is no length."""


def take_packets(buffer: bytearray, most_bytes: int) -> list[bytes]:
    """Take the whole packets off a buffer (MQTT 5, section 2.1.4). Raises PacketError."""
    packets = []
    start = 0
    while found := parse_integer(buffer, start + 1):
        length, behind = found
        if length > most_bytes:
            raise PacketError
        end = behind + length
        if end > len(buffer):
            break
        packets.append(bytes(buffer[start:end]))
        start = end
    del buffer[:start]
    return packets


def parse_integer(data: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Read a variable byte integer (section 1.5.5); return it and where it ends, None where that is still to come.

    Raises PacketError.
    """
    if start < len(data) and data[start] < 0x80:
        return data[start], start + 1
    value = 0
    for place in range(4):
        if start + place >= len(data):
            return None
        byte = data[start + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, start + place + 1
    raise PacketError


def encode_integer(value: int) -> bytes:
    """Write a variable byte integer of at most `MOST_INTEGER`."""
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
