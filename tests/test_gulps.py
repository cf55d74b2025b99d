"""Reading in gulps, on a pair of sockets: each message is one byte."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from socket import socket, socketpair

import pytest

from drivers import gulps
from drivers.gulps import MOST_MESSAGES, Gulps

WITHIN_S = 10.0
FAILURE = ValueError("not a message")


class Ear:
    """Reads one end of a pair in gulps, as a library would that keeps what it read."""

    def __init__(self, sock: socket) -> None:
        sock.setblocking(False)
        self.taken = bytearray()
        self.failed: list[Exception] = []
        self.over = asyncio.Event()
        self.reads = 0  # of the socket
        self._socket = sock
        self._kept = bytearray()
        self._news = asyncio.Event()
        Gulps(sock, self._read, self._take, self._fail)

    async def has(self, number: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while len(self.taken) < number:
                self._news.clear()
                await self._news.wait()

    def _read(self) -> int | None:
        if not self._kept:
            self.reads += 1
            try:
                self._kept += self._socket.recv(100)
            except BlockingIOError:
                return None
            if not self._kept:
                raise EOFError
        return self._kept.pop(0)

    def _take(self, message: int) -> None:
        if message == 0:
            raise FAILURE
        self.taken.append(message)
        self._news.set()

    def _fail(self, error: Exception) -> None:
        self.failed.append(error)
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self.over.set()


def play(scene: Callable[[Ear, socket], Awaitable[None]]) -> None:
    async def played() -> None:
        ours, theirs = socketpair()
        with ours, theirs:
            await scene(Ear(ours), theirs)
            if ours.fileno() >= 0:
                asyncio.get_running_loop().remove_reader(ours)

    asyncio.run(played())


def test_a_message_that_comes_alone_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gulps, "_BUSY_S", 0.0)
    monkeypatch.setattr(gulps, "REST_S", 2 * WITHIN_S)

    async def scene(ear: Ear, far: socket) -> None:
        for number in range(1, 10):
            far.send(b"m")
            await ear.has(number)

    play(scene)


def test_a_busy_socket_rests_and_loses_nothing_and_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gulps, "_BUSY_S", WITHIN_S)
    sent = bytes(range(1, 251))

    async def scene(ear: Ear, far: socket) -> None:
        for number in sent:
            far.send(bytes([number]))
            await asyncio.sleep(0)
        await ear.has(len(sent))
        assert ear.taken == sent
        assert ear.reads < len(sent) / 2

    play(scene)


def test_a_flood_leaves_everybody_else_on_the_loop_a_turn() -> None:
    flood = b"m" * 4000

    async def scene(ear: Ear, far: socket) -> None:
        far.send(flood)
        seen = [0]
        while seen[-1] < len(flood):
            await asyncio.sleep(0)
            seen.append(len(ear.taken))
        assert max(after - before for before, after in pairwise(seen)) <= MOST_MESSAGES

    play(scene)


@pytest.mark.parametrize(("end", "expected"), [(b"", EOFError), (b"\0", ValueError)])
def test_what_goes_wrong_is_told_once_and_ends_the_reading(end: bytes, expected: type[Exception]) -> None:
    async def scene(ear: Ear, far: socket) -> None:
        far.send(b"mm" + end)
        if not end:
            far.close()
        await asyncio.wait_for(ear.over.wait(), WITHIN_S)
        await asyncio.sleep(2 * gulps.REST_S)
        assert [type(error) for error in ear.failed] == [expected]

    play(scene)


def test_closed_while_it_rests_it_leaves_whoever_has_its_number_now_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gulps, "_BUSY_S", WITHIN_S)

    async def scene() -> None:
        ours, far = socketpair()
        ear = Ear(ours)
        for number in (1, 2):
            far.send(b"m")
            await ear.has(number)
        descriptor = ours.fileno()
        ours.close()
        near, other = sorted(socketpair(), key=lambda sock: sock.fileno() != descriptor)
        assert near.fileno() == descriptor
        heard = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, heard.set)
        await asyncio.sleep(2 * gulps.REST_S)
        other.send(b"m")
        await asyncio.wait_for(heard.wait(), WITHIN_S)
        asyncio.get_running_loop().remove_reader(descriptor)
        for sock in (far, near, other):
            sock.close()

    asyncio.run(scene())
