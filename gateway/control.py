"""The daemon's local door: a Unix socket in the state folder over which `watch` and `enrol` talk to it in JSON lines.

Whoever may write in the state folder may talk here; the folder's mode is the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from rules.messages import say as told

NAME = "hushbell.sock"
MOST_CLIENTS = 8
MOST_WAITING_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 16

Send = Callable[[dict[str, Any]], None]
Handler = Callable[[dict[str, Any], Send], Awaitable[None]]


class ControlError(Exception):
    """The daemon cannot be reached; the text is one line for the user."""


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Give a path to the socket that fits into a socket address, which holds 107 bytes, however deep the folder is."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


class ControlServer:
    """Serves requests with a handler that may send many lines and ends the talk by returning."""

    def __init__(self, folder: Path, handler: Handler) -> None:
        self._folder = folder
        self._handler = handler
        self._talks: set[asyncio.Task[None]] = set()
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        door = self._open()
        self.listening.set()
        try:
            server = await asyncio.start_unix_server(
                self._serve, sock=door, limit=LONGEST_LINE_BYTES, start_serving=False
            )
            async with server:
                try:
                    await server.serve_forever()
                finally:  # from Python 3.12 on a server waits for its talks
                    for talk in self._talks:
                        talk.cancel()
                    await asyncio.gather(*self._talks, return_exceptions=True)
        finally:
            door.close()

    def _open(self) -> socket.socket:
        """Take the place of a socket that a killed daemon left; ours is nobody else's from the first moment on."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder / NAME).unlink()
        door = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)
        try:
            with _short(self._folder) as path:
                door.bind(path)
            door.listen()
        finally:
            os.umask(mask)
        return door

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        await asyncio.wait({task})

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def send(value: dict[str, Any]) -> None:
            if writer.transport.get_write_buffer_size() < MOST_WAITING_BYTES:
                writer.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")

        try:
            if len(self._talks) > MOST_CLIENTS:
                send({"failed": "too many talk to the daemon already"})
                return
            request = json.loads(await reader.readline())
            gone = asyncio.ensure_future(reader.read())
            work = asyncio.ensure_future(self._handler(request, send))
            try:
                await asyncio.wait((gone, work), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (gone, work):
                    each.cancel()
                await asyncio.gather(gone, work, return_exceptions=True)
            await writer.drain()
        except (ValueError, RecursionError, OSError):
            pass  # a client that talks nonsense or went away is told nothing
        finally:
            writer.close()


async def ask(folder: Path, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Send a request to the daemon of a state folder and yield its answers. Raises ControlError."""
    try:
        with _short(folder) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise ControlError(told("no daemon runs for {folder}; start it with `hushbell run`", folder=folder)) from None
    except ConnectionRefusedError:
        raise ControlError(
            told("the daemon for {folder} has stopped; start it with `hushbell run`", folder=folder)
        ) from None
    except PermissionError:
        raise ControlError(
            told("no right to talk to the daemon for {folder}; try as root or as its user", folder=folder)
        ) from None
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        async for line in reader:
            answer = json.loads(line)
            if set(answer) == {"failed"}:
                raise ControlError(answer["failed"])
            yield answer
    except ConnectionError:
        raise ControlError(told("the daemon ended")) from None
    finally:
        writer.close()
