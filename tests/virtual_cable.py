"""A cable between a client and a broker: a proxy on loopback that can be cut, so that neither side is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Cable:
    """Carries connections to a port of loopback while it is whole."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._carrying: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._carry(reader, there), self._carry(there_reader, writer))
        finally:
            self._carrying.discard(task)
            there.close()
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def end(self) -> None:
        carrying = list(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


@asynccontextmanager
async def cabled(port: int) -> AsyncIterator[tuple[Cable, str]]:
    """Lay a cable to a broker as long as the block; gives it, and the address at its near end."""
    cable = Cable(port)
    server = await asyncio.start_server(cable.serve, "127.0.0.1", 0)
    async with server:
        try:
            yield cable, f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            await cable.end()
