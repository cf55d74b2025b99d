"""PUBLISH and PUBACK: as the specification has them, as the library writes them, and whatever a broker sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.mqtt.framing import encode_integer, take_packets
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.packets import Acknowledgement, encode_publish, parse_puback

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
TOPICS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=80)
MESSAGES = st.builds(
    Outgoing,
    TOPICS,
    st.binary(max_size=300),
    st.booleans(),
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.binary(max_size=40),
    st.none() | TEXTS,
    st.none() | TOPICS,
)


class Sink:
    """What the library takes for a socket; keeps the last that was sent."""

    def __init__(self) -> None:
        self.sent = b""

    def send(self, data: bytes) -> int:
        self.sent = bytes(data)
        return len(data)

    def setblocking(self, flag: bool) -> None:
        pass

    def close(self) -> None:
        pass

    def fileno(self) -> int:
        return -1


def as_paho_writes(message: Outgoing) -> bytes:
    """Return a message's packet as the library writes it, which gives its first the identifier 1."""
    sink = Sink()

    class OfSink(Client):
        def _create_socket(self) -> Sink:  # type: ignore[override]
            return sink

    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in (
        ("MessageExpiryInterval", message.expiry_s),
        ("ContentType", message.content_type),
        ("ResponseTopic", message.answer_topic),
        ("CorrelationData", message.correlation),
    ):
        if value is not None:
            setattr(properties, name, value)
    client = OfSink(CallbackAPIVersion.VERSION2, "x", protocol=MQTTv5)
    client.connect("socket")
    client.publish(message.topic, message.payload, qos=1, retain=message.retain, properties=properties)
    return sink.sent


@given(MESSAGES)
def test_a_publish_is_what_the_library_would_write(message: Outgoing) -> None:
    """Byte for byte."""
    assert encode_publish(message, 1) == as_paho_writes(message)


@pytest.mark.parametrize(
    ("message", "identifier", "packet"),
    [
        (Outgoing("a/b", b"hi"), 10, b"\x32\x0a\x00\x03a/b\x00\x0a\x00hi"),  # figure 3-9, with a payload
        (Outgoing("a/b", b"", retain=True), 0xFFFF, b"\x33\x08\x00\x03a/b\xff\xff\x00"),
        (Outgoing("a", b"", expiry_s=60), 2, b"\x32\x0b\x00\x01a\x00\x02\x05\x02\x00\x00\x00\x3c"),
        (Outgoing("a", b"", content_type="t"), 2, b"\x32\x0a\x00\x01a\x00\x02\x04\x03\x00\x01t"),
        (
            Outgoing("a", b"", correlation=b"\x00\xff", answer_topic="b"),
            2,
            b"\x32\x0f\x00\x01a\x00\x02\x09\x08\x00\x01b\x09\x00\x02\x00\xff",
        ),
        (Outgoing("门", b"!"), 2, b"\x32\x09\x00\x03\xe9\x97\xa8\x00\x02\x00!"),
    ],
)
def test_a_publish_is_as_the_specification_has_it(message: Outgoing, identifier: int, packet: bytes) -> None:
    assert encode_publish(message, identifier) == packet


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0", "\ud800", "a" * 65_536])
def test_what_is_no_topic_is_refused(topic: str) -> None:
    for message in (Outgoing(topic, b""), Outgoing("a", b"", answer_topic=topic)):
        with pytest.raises(ValueError):  # noqa: PT011
            encode_publish(message, 2)


@pytest.mark.parametrize("message", [Outgoing("a", b"", correlation=bytes(65_536)), Outgoing("a", bytes(1 << 28))])
def test_what_has_no_place_in_a_packet_is_refused(message: Outgoing) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        encode_publish(message, 2)


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (b"\x40\x02\x00\x07", Acknowledgement(7)),
        (b"\x40\x03\xff\xff\x10", Acknowledgement(0xFFFF, 0x10)),
        (b"\x40\x04\x00\x07\x87\x00", Acknowledgement(7, 0x87)),
        (b"\x40\x09\x00\x07\x97\x05\x1f\x00\x029!", Acknowledgement(7, 0x97, "9!")),
        (b"\x40\x0b\x00\x07\x00\x07\x26\x00\x01a\x00\x01b", Acknowledgement(7)),
        (b"\x40\x00", None),  # no identifier
        (b"\x40\x02\x00\x00", None),  # which is never 0 (section 2.2.1)
        (b"\x40\x01\x07", None),
        (b"\x40\x04\x00\x07\x87\x01", None),  # properties that are not there
        (b"\x40\x05\x00\x07\x87\x00\x00", None),  # something behind them
        (b"\x40\x06\x00\x07\x87\x02\x1f\x00", None),  # a text that is cut
        (b"\x40\x08\x00\x07\x87\x04\x1f\x00\x01\xff", None),  # one that is no UTF-8
        (b"\x40\x08\x00\x07\x87\x04\x03\x00\x01a", None),  # no property of a PUBACK
        (b"\x40\x0c\x00\x07\x87\x08\x1f\x00\x01a\x1f\x00\x01b", None),  # which may come once
        (b"\x40\x08\x00\x07\x87\xff\xff\xff\xff\x01", None),
    ],
)
def test_an_acknowledgement_is_read_or_is_none(packet: bytes, said: Acknowledgement | None) -> None:
    assert parse_puback(packet) == said


@given(st.integers(1, 0xFFFF), st.integers(0, 255), st.none() | TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
def test_what_the_library_writes_of_an_acknowledgement_is_read(
    identifier: int, reason: int, words: str | None, pairs: list[tuple[str, str]]
) -> None:
    """Whatever else a broker says beside the reason."""
    properties = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]
    if words is not None:
        properties.ReasonString = words
    if pairs:
        properties.UserProperty = pairs
    body = identifier.to_bytes(2) + bytes((reason,)) + properties.pack()  # type: ignore[no-untyped-call]
    packet = b"\x40" + encode_integer(len(body)) + body
    assert parse_puback(packet) == Acknowledgement(identifier, reason, words)
    assert take_packets(bytearray(packet), 1 << 20) == [packet]


@given(st.binary(max_size=60))
def test_any_bytes_are_an_acknowledgement_or_none(body: bytes) -> None:
    """Nothing is raised, and no identifier is 0."""
    said = parse_puback(b"\x40" + encode_integer(len(body)) + body)
    assert said is None or 0 < said.identifier <= 0xFFFF
