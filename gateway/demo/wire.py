"""The wire between the demo's gateway and its broker: a relay that can be cut and joined."""

from __future__ import annotations

import asyncio
import contextlib


class Wire:
    """Relays connections to a loopback port from another one, which the gateway is told to be the broker's."""

    def __init__(self, port: int) -> None:
        self._broker_port = port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def join(self) -> None:
        """Let connections through, on the same port as before."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def cut(self) -> None:
        """End every connection, and let no new one through."""
        if self._server is None:
            return
        self._server.close()
        for end in tuple(self._ends):
            end.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        ends = {writer, there_writer}
        self._ends |= ends
        ways = {asyncio.create_task(_pump(reader, there_writer)), asyncio.create_task(_pump(there_reader, writer))}
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.transport.abort()
        await asyncio.wait(ways)
        self._ends -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
