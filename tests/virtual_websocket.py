"""A WebSocket server in front of a broker, as strict as RFC 6455 has it, and written apart from the gateway's own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PIECE = 700
"""Bytes of the broker's stream in one frame, so that packets and frames do not end together."""


class Bridge:
    """Carries each WebSocket to a port of loopback. It sends a Ping before each frame, and wants a masked Pong."""

    def __init__(self, port: int, path: str = "/mqtt", answer: bytes | None = None) -> None:
        self.pongs = 0
        self.frames = 0
        self.faults: list[str] = []
        self._port = port
        self._path = path
        self._answer = answer
        self._carrying: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            if await self._open(reader, writer):
                await self._carry(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._carrying.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def end(self) -> None:
        carrying = list(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        request, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self._answer is not None:
            writer.write(self._answer)
            return False
        if request != f"GET {self._path} HTTP/1.1":
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return False
        assert (fields["sec-websocket-version"], fields["sec-websocket-protocol"]) == ("13", "mqtt")
        assert len(base64.b64decode(fields["sec-websocket-key"])) == 16
        keyed = fields["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        digest = hashlib.sha1(keyed, usedforsecurity=False).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        )
        return True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._carry_back(from_broker, writer))
        try:
            while (payload := await self._frame(reader)) is not None:
                to_broker.write(payload)
                await to_broker.drain()
        finally:
            back.cancel()
            to_broker.close()

    async def _carry_back(self, from_broker: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await from_broker.read(PIECE):
            half = len(piece) // 2
            writer.write(b"\x89\x04ping" + _plain(0x02, piece[:half]) + b"\x89\x00" + _plain(0x80, piece[half:]))
            await writer.drain()
        writer.write(b"\x88\x02\x03\xe8")
        writer.close()

    async def _frame(self, reader: asyncio.StreamReader) -> bytes | None:
        """Read one frame of the client; None for a Close, and for what it may not send, which is kept in `faults`."""
        first, second = await reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await reader.readexactly(8))
        if not second & 0x80:
            self.faults.append(f"frame {first:#x} is not masked")
            return None
        mask = await reader.readexactly(4)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(length)))
        match first:
            case 0x8A:
                self.pongs += 1
                return b""
            case 0x82:
                self.frames += 1
                return payload
            case 0x88:
                return None
        self.faults.append(f"frame {first:#x}")
        return None


def _plain(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    return bytes((first, 126)) + struct.pack(">H", length) + payload


@asynccontextmanager
async def bridging(bridge: Bridge, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Listen on loopback as long as the block; gives the address without a path."""
    server = await asyncio.start_server(bridge.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        try:
            yield f"{'wss' if context else 'ws'}://localhost:{server.sockets[0].getsockname()[1]}"
        finally:
            await bridge.end()
