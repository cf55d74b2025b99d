"""A WebSocket as a stream of bytes, seen from the client (RFC 6455). Does no I/O.

The MQTT library's own leaves Pongs unmasked, upon which a server has to close the connection (section 5.1).
"""

from __future__ import annotations

import base64
import hashlib
import secrets

MOST_HEAD = 8192
"""Bytes of a server's answer to the request, at most."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_FINAL, _MASKED = 0x80, 0x80
_MOST_CONTROL = 125


class UpgradeError(Exception):
    """Says that a server opens no WebSocket; its text is the status line of the answer, or empty where it is none."""


class FrameError(Exception):
    """Says that what came is no frame that a server of MQTT may send."""


def make_key() -> bytes:
    """Return a fresh Sec-WebSocket-Key."""
    return base64.b64encode(secrets.token_bytes(16))


def request(authority: str, path: str, key: bytes) -> bytes:
    """Return the opening request (section 4.1; the subprotocol: MQTT 5, section 6)."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    ).encode("ascii")


def check_answer(head: bytes, key: bytes) -> None:
    """Raise UpgradeError unless a server's answer, up to its empty line, opens the WebSocket that was asked for."""
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    expected = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    fit = (
        status.startswith("HTTP/1.1 101")
        and fields.get("upgrade", "").lower() == "websocket"
        and "upgrade" in fields.get("connection", "").lower()
        and fields.get("sec-websocket-accept") == expected
        and fields.get("sec-websocket-protocol", "mqtt") == "mqtt"
    )
    if not fit:
        raise UpgradeError(status.partition(" ")[2][:64] if status.startswith("HTTP/") else "")


def frame(payload: bytes, kind: int = _BINARY) -> bytes:
    """Wrap bytes into one masked frame (sections 5.2 and 5.3)."""
    length = len(payload)
    if length <= _MOST_CONTROL:
        head = bytes((_FINAL | kind, _MASKED | length))
    elif length < 1 << 16:
        head = bytes((_FINAL | kind, _MASKED | 126)) + length.to_bytes(2)
    else:
        head = bytes((_FINAL | kind, _MASKED | 127)) + length.to_bytes(8)
    mask = secrets.token_bytes(4)
    return head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    pattern = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(pattern)).to_bytes(length)


class Frames:
    """Takes frames apart as they come. `reply` holds what has to be sent back; `closed` is set by a Close.

    Data is passed on as it comes, so a frame that claims to be huge costs nothing.
    """

    def __init__(self) -> None:
        self.reply = b""
        self.closed = False
        self._buffer = bytearray()
        self._left = 0  # bytes of a data frame that are still to come

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the network and return those of the stream. Raises FrameError."""
        self._buffer += data
        stream = bytearray()
        while not self.closed:
            if self._left:
                piece = self._buffer[: self._left]
                del self._buffer[: len(piece)]
                self._left -= len(piece)
                stream += piece
            if not self._buffer or not self._take_head():
                break
        return bytes(stream)

    def _take_head(self) -> bool:
        """Take the next frame's head, and all of a control frame; return whether it was there."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        kind, length = buffer[0] & 0x0F, buffer[1] & 0x7F
        extension = {126: 2, 127: 8}.get(length, 0)
        if buffer[0] & 0x70 or buffer[1] & _MASKED or kind not in (_CONTINUATION, _BINARY, _CLOSE, _PING, _PONG):
            raise FrameError
        if kind >= _CLOSE:
            return self._take_control(kind, length)
        if len(buffer) < 2 + extension:
            return False
        self._left = int.from_bytes(buffer[2 : 2 + extension]) if extension else length
        del buffer[: 2 + extension]
        return True

    def _take_control(self, kind: int, length: int) -> bool:
        """Answer a Ping; of several in one piece of data the last answer goes (section 5.5.3)."""
        if length > _MOST_CONTROL or not self._buffer[0] & _FINAL:
            raise FrameError
        if len(self._buffer) < 2 + length:
            return False
        payload = bytes(self._buffer[2 : 2 + length])
        del self._buffer[: 2 + length]
        if kind == _PING:
            self.reply = frame(payload, _PONG)
        elif kind == _CLOSE:
            self.reply, self.closed = frame(payload, _CLOSE), True
        return True
