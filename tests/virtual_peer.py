"""A broker of one connection at a time that does as it is told, also what a good broker never would."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

GREETING = b"\x20\x03\x00\x00\x00"  # CONNACK, success


class Held(NamedTuple):
    """A PUBLISH that is not yet acknowledged."""

    identifier: int
    topic: str
    payload: bytes


class Peer:
    """Greets as told, grants subscriptions, and acknowledges what it holds only when asked to."""

    def __init__(self, greeting: bytes = GREETING) -> None:
        self.greeting = greeting
        self.held: list[Held] = []
        self.acknowledged: list[int] = []
        self.connections = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._writer = writer
        self.connections += 1
        self.held.clear()
        try:
            while True:
                self._answer(*await _packet(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._serving.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def end(self) -> None:
        """End all connections."""
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    def _answer(self, kind: int, body: bytes) -> None:
        match kind >> 4:
            case 1:  # CONNECT
                self.write(self.greeting)
            case 8:  # SUBSCRIBE
                self.write(b"\x90\x04" + body[:2] + b"\x00\x01")
            case 4:  # PUBACK
                self.acknowledged.append(struct.unpack_from(">H", body)[0])
            case 3:
                self.held.append(_parse_publish(body))

    def acknowledge(self, count: int | None = None, reason: int = 0) -> None:
        """Acknowledge the first ones held, or all."""
        count = len(self.held) if count is None else count
        for held in self.held[:count]:
            self.write(b"\x40\x03" + struct.pack(">HB", held.identifier, reason))
        del self.held[:count]

    def write(self, raw: bytes) -> None:
        assert self._writer is not None
        self._writer.write(raw)

    def hang_up(self) -> None:
        assert self._writer is not None
        self._writer.close()
        self.held.clear()


@asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[str]:
    """Listen on loopback as long as the block; gives the address."""
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    async with server:
        try:
            yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            await peer.end()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one control packet (MQTT 5, section 2.1) as its first byte and what follows the length."""
    (kind,) = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind, await reader.readexactly(length)


def _parse_publish(body: bytes) -> Held:
    (length,) = struct.unpack_from(">H", body)
    (identifier,) = struct.unpack_from(">H", body, 2 + length)
    properties = body[4 + length]  # these tests send fewer than 128 bytes of them
    return Held(identifier, body[2 : 2 + length].decode(), body[5 + length + properties :])
