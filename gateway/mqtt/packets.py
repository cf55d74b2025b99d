"""The two packets that an outbox is made of: PUBLISH with QoS 1, written, and PUBACK, read. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gateway.mqtt.framing import MOST_INTEGER, PacketError, encode_integer, parse_integer
from gateway.mqtt.outgoing import Outgoing

PUBACK = 0x40
"""How a PUBACK begins (MQTT 5, section 3.4.1)."""

MOST_TEXT = 0xFFFF

_PUBLISH, _PUBLISH_RETAINED = b"\x32", b"\x33"  # section 3.3.1, with QoS 1
_EXPIRY, _CONTENT_TYPE, _ANSWER_TOPIC, _CORRELATION = b"\x02", b"\x03", b"\x08", b"\x09"  # section 3.3.2.3
_REASON_STRING, _USER_PROPERTY = 0x1F, 0x26  # section 3.4.2.2


class Acknowledgement(NamedTuple):
    """A reason code for one PUBLISH (section 3.4.2.1), and what the broker itself says of it."""

    identifier: int
    reason: int = 0
    words: str | None = None


def encode_publish(message: Outgoing, identifier: int) -> bytes:
    """Return a message as a packet (section 3.3). Raises ValueError where its topic is none, or it is too large."""
    topic, properties = _topic(message.topic), _properties(message)
    length = len(topic) + 2 + len(properties) + len(message.payload)
    if length > MOST_INTEGER:
        raise ValueError
    head = _PUBLISH_RETAINED if message.retain else _PUBLISH
    return b"".join((head, encode_integer(length), topic, identifier.to_bytes(2), properties, message.payload))


@lru_cache(maxsize=256)
def _topic(name: str) -> bytes:
    """Encode a topic name (section 4.7). Raises ValueError where it has a wildcard, or is no text of MQTT."""
    if not name or set(name) & set("+#"):
        raise ValueError
    return _text(name)


def _properties(message: Outgoing) -> bytes:
    """Encode properties with their length before them (section 2.2.2). Raises ValueError."""
    encoded = b""
    if message.expiry_s is not None:
        encoded += _EXPIRY + message.expiry_s.to_bytes(4)
    if message.content_type is not None:
        encoded += _CONTENT_TYPE + _text(message.content_type)
    if message.answer_topic is not None:
        encoded += _ANSWER_TOPIC + _topic(message.answer_topic)
    if message.correlation is not None:
        encoded += _CORRELATION + _binary(message.correlation)
    return encode_integer(len(encoded)) + encoded


@lru_cache(maxsize=256)
def _text(text: str) -> bytes:
    """Encode a text (section 1.5.4). Raises ValueError where it has a null character or half a surrogate pair."""
    if "\0" in text:
        raise ValueError
    return _binary(text.encode())


def _binary(data: bytes) -> bytes:
    if len(data) > MOST_TEXT:
        raise ValueError
    return len(data).to_bytes(2) + data


def parse_puback(packet: bytes) -> Acknowledgement | None:
    """Read a whole PUBACK (section 3.4); None where it is none."""
    _, start = parse_integer(packet, 1) or (0, len(packet))
    identifier = int.from_bytes(packet[start : start + 2])
    if not identifier or len(packet) < start + 2:
        return None
    if len(packet) <= start + 3:
        return Acknowledgement(identifier, packet[start + 2] if len(packet) == start + 3 else 0)
    try:
        words = _reason_string(_properties_behind(packet, start + 3))
    except (PacketError, UnicodeDecodeError):
        return None
    return Acknowledgement(identifier, packet[start + 2], words)


def _properties_behind(body: bytes, start: int) -> bytes:
    """Return the properties that are all the rest of a packet. Raises PacketError."""
    length, at = parse_integer(body, start) or (0, 0)
    if at + length != len(body):
        raise PacketError
    return body[at:]


def _reason_string(properties: bytes) -> str | None:
    """Find what the broker says, and pass over what its users said (section 3.4.2.2). Raises as `_text_at`."""
    found, at = None, 0
    while at < len(properties):
        kind, at = properties[at], at + 1
        text, at = _text_at(properties, at)
        if kind == _USER_PROPERTY:
            _, at = _text_at(properties, at)
        elif kind == _REASON_STRING and found is None:
            found = text
        else:
            raise PacketError
    return found


def _text_at(data: bytes, at: int) -> tuple[str, int]:
    """Read a text (section 1.5.4) and where it ends. Raises PacketError or UnicodeDecodeError."""
    start = at + 2
    end = start + int.from_bytes(data[at:start])
    if end > len(data) or start > len(data):
        raise PacketError
    return data[start:end].decode(), end
