"""Frames of a WebSocket, taken apart however they come; vectors from RFC 6455."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt.websocket import FrameError, Frames, UpgradeError, check_answer, frame, make_key, request

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # section 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ANSWER = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: mqtt"
)


def plain(first: int, payload: bytes) -> bytes:
    """Return a frame as a server sends it (section 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2) + payload
    return bytes((first, 127)) + length.to_bytes(8) + payload


def unmasked(raw: bytes) -> tuple[int, bytes]:
    """Return the first byte and the payload of one client's frame."""
    length, at = raw[1] & 0x7F, 2
    assert raw[1] & 0x80
    if length >= 126:
        size = 2 if length == 126 else 8
        length, at = int.from_bytes(raw[2 : 2 + size]), 2 + size
    mask, payload = raw[at : at + 4], raw[at + 4 :]
    assert len(payload) == length
    return raw[0], bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def test_the_request_asks_for_mqtt() -> None:
    lines = request("broker:80", "/mqtt", KEY).decode().split("\r\n")
    assert lines[0] == "GET /mqtt HTTP/1.1"
    assert {"Host: broker:80", "Sec-WebSocket-Protocol: mqtt", f"Sec-WebSocket-Key: {KEY.decode()}"} <= set(lines)
    assert lines[-2:] == ["", ""]
    assert make_key() != make_key()


def test_the_specifications_own_answer_opens() -> None:
    check_answer(ANSWER.encode(), KEY)
    check_answer(ANSWER.upper().replace(ACCEPT.upper(), ACCEPT).replace("MQTT", "mqtt").encode(), KEY)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ANSWER.replace(ACCEPT, ACCEPT.lower()), "101 Switching Protocols"),
        (ANSWER.replace(": mqtt", ": chat"), "101 Switching Protocols"),
        (ANSWER.replace("Upgrade: websocket", "Upgrade: h2c"), "101 Switching Protocols"),
        (ANSWER.replace("101 Switching Protocols", "404 Not Found"), "404 Not Found"),
        ("SSH-2.0", ""),
        ("", ""),
    ],
)
def test_any_other_answer_does_not(answer: str, said: str) -> None:
    with pytest.raises(UpgradeError) as caught:
        check_answer(answer.encode(), KEY)
    assert str(caught.value) == said


@given(st.binary(max_size=20_000))
def test_any_answer_opens_or_is_refused(answer: bytes) -> None:
    with pytest.raises(UpgradeError):
        check_answer(answer, KEY)


@given(st.one_of(st.binary(max_size=300), st.integers(0, 70_000).map(bytes)))
def test_what_is_sent_is_masked_and_whole(payload: bytes) -> None:
    assert unmasked(frame(payload)) == (0x82, payload)


def test_a_message_in_pieces_with_a_ping_between_is_one_stream() -> None:
    """Section 5.7."""
    frames = Frames()
    raw = b"\x02\x03Hel" + b"\x89\x05Hello" + b"\x80\x02lo"
    assert frames.feed(raw) == b"Hello"
    assert unmasked(frames.reply) == (0x8A, b"Hello")


def test_a_close_is_answered_and_is_the_end() -> None:
    frames = Frames()
    assert frames.feed(b"\x82\x01a" + b"\x88\x02\x03\xe8" + b"\x82\x01b") == b"a"
    assert frames.closed
    assert unmasked(frames.reply) == (0x88, b"\x03\xe8")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x81\x05Hello",
        b"\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\xc2\x01x",
        b"\x83\x00",
        b"\x09\x00",
        b"\x89\x7e\x00\x7e",
    ],
)
def test_what_no_server_of_mqtt_sends_is_refused(raw: bytes) -> None:
    """A text, a masked frame, a reserved bit, an unknown kind, a Ping in pieces, a Ping that is too long."""
    with pytest.raises(FrameError):
        Frames().feed(raw)


def test_a_frame_that_claims_to_be_huge_costs_nothing() -> None:
    frames = Frames()
    assert frames.feed(b"\x82\x7f" + (2**63 - 1).to_bytes(8) + b"begins") == b"begins"
    assert frames.feed(b" and goes on") == b" and goes on"


PIECES = st.lists(
    st.tuples(st.sampled_from([0x02, 0x00, 0x80, 0x82, 0x89, 0x8A]), st.binary(max_size=200)), max_size=12
)


@given(PIECES, st.lists(st.integers(1, 50), min_size=1))
def test_the_stream_does_not_depend_on_how_the_bytes_come(pieces: list[tuple[int, bytes]], steps: list[int]) -> None:
    pieces = [(kind, payload[:125] if kind & 0x08 else payload) for kind, payload in pieces]
    raw = b"".join(plain(kind, payload) for kind, payload in pieces)
    frames, got, at, turn = Frames(), b"", 0, 0
    while at < len(raw):
        step = steps[turn % len(steps)]
        got += frames.feed(raw[at : at + step])
        at, turn = at + step, turn + 1
    assert got == b"".join(payload for kind, payload in pieces if not kind & 0x08)


@given(st.lists(st.binary(max_size=100)))
def test_any_bytes_are_frames_or_a_fault(chunks: list[bytes]) -> None:
    frames = Frames()
    for chunk in chunks:
        try:
            assert len(frames.feed(chunk)) <= sum(map(len, chunks))
        except FrameError:
            return
