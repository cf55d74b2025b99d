"""Where MQTT packets end in a stream of bytes, so that none larger than was agreed is ever gathered."""

from __future__ import annotations


class PacketError(Exception):
    """Says that a packet is larger than allowed, or that its length is no length."""


def whole_packets(buffer: bytes | bytearray, start: int, most_bytes: int) -> int:
    """Return where the last whole packet ends, counting packets from `start` (MQTT 5, section 2.1.4).

    Raises PacketError.
    """
    end = start
    while (after := _end_of_packet(buffer, end, most_bytes)) is not None and after <= len(buffer):
        end = after
    return end


def _end_of_packet(buffer: bytes | bytearray, start: int, most_bytes: int) -> int | None:
    """Return where the packet that begins at `start` ends, as far as its head tells yet."""
    length = 0
    for at in range(1, 5):
        if start + at >= len(buffer):
            return None
        byte = buffer[start + at]
        length |= (byte & 0x7F) << (7 * at - 7)
        if byte < 0x80:
            if length > most_bytes:
                raise PacketError
            return start + at + 1 + length
    raise PacketError
