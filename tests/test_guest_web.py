"""Invariant: whatever bytes arrive, there is one bounded answer or none, the server goes on, and nothing is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.guest import web
from gateway.guest.web import LONGEST_BODY, LONGEST_HEAD, MOST_CONNECTIONS, MOST_FOR_ONE, Request, Response, WebServer

T = 1763791200.0
HOST = "127.0.0.1"
FINE = Response(200, "好")
GET = b"GET /x?a=1&b=%E4%B8%81&a=2 HTTP/1.1\r\nHost: bell\r\nCookie: c=d\r\n\r\n"


class Desk:
    """Answers with what it is told to, and keeps what it was asked."""

    def __init__(self, response: Response | None = None) -> None:
        self.asked: list[Request] = []
        self.response = response

    async def answer(self, request: Request) -> Response:
        self.asked.append(request)
        if self.response is None:
            raise LookupError("5e:3a:11:22:33:44")
        return self.response


async def serving(desk: Desk, scene: Callable[[WebServer], Awaitable[None]]) -> None:
    server = WebServer(HOST, 0, desk.answer, lambda: T)
    task = asyncio.create_task(server.run())
    async with asyncio.timeout(20):
        await server.listening.wait()
        try:
            await scene(server)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def said(server: WebServer, sent: bytes, *, and_ends: bool = True) -> bytes:
    """Send bytes and return all that comes back."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        writer.write(sent)
        if and_ends:
            writer.write_eof()
        return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come about")


def ask(sent: bytes, response: Response | None = FINE) -> tuple[bytes, list[Request]]:
    desk, answers = Desk(response), []

    async def scene(server: WebServer) -> None:
        answers.append(await said(server, sent))

    asyncio.run(serving(desk, scene))
    return answers[0], desk.asked


def test_a_request_is_taken_apart_and_answered_and_the_connection_closed() -> None:
    answer, [request] = ask(GET)
    assert (request.method, request.path, request.peer, request.host) == ("GET", "/x", HOST, "bell")
    assert request.query == {"a": "1", "b": "丁"}
    assert request.headers["cookie"] == "c=d"
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert {b"Connection: close", b"Content-Length: 3", b"Cache-Control: no-store"} <= set(head.split(b"\r\n"))
    assert b"Date: Sat, 22 Nov 2025 06:00:00 GMT" in head
    assert body == "好".encode()


def test_a_form_is_read_whole_also_in_pieces() -> None:
    fields = b"form=x&recognise=yes&greeting=%E7%8E%8B"
    sent = b"POST /agree HTTP/1.1\r\nHost: bell\r\nContent-Length: %d\r\n\r\n%s" % (len(fields), fields)
    chunked = (
        b"POST /agree HTTP/1.1\r\nHost: bell\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"a\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (fields[:10], len(fields) - 10, fields[10:])
    )
    for request in (sent, chunked):
        assert ask(request)[1][0].form == {"form": "x", "recognise": "yes", "greeting": "王"}


def test_head_is_answered_without_a_body() -> None:
    answer, _ = ask(b"HEAD / HTTP/1.1\r\nHost: bell\r\n\r\n")
    assert answer.endswith(b"Content-Length: 3\r\n\r\n")
    assert ask(b"GET / HTTP/1.1\r\nHost: bell\r\n\r\n", Response(204))[0].endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 2 * LONGEST_HEAD + b" HTTP/1.1\r\nHost: bell\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: bell\r\nX: " + b"a" * LONGEST_HEAD, 431),
        (b"POST / HTTP/1.1\r\nHost: bell\r\nContent-Length: 99999\r\n\r\n" + b"a" * (LONGEST_BODY + 1), 413),
        (b"POST / HTTP/1.1\r\nHost: bell\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: bell\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
        (b"POST / HTTP/1.1\r\nHost: bell\r\nContent-Length: 3\r\n\r\n\xff=a", 400),
        (b"POST / HTTP/1.1\r\nHost: bell\r\nContent-Length: 7\r\n\r\na=%FF&b", 400),
        (b"GET /?" + b"a=1&" * 50 + b" HTTP/1.1\r\nHost: bell\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: bell\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: bell\r\nContent-Length: 9\r\n\r\nabc", None),
        (b"", None),
        (b"GET / HT", None),
    ],
)
def test_what_is_malformed_or_too_long_is_refused_unseen(sent: bytes, status: int | None) -> None:
    answer, asked = ask(sent)
    if status is not None:
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert asked == []
    assert len(answer) < 500


def test_a_fault_of_ours_is_told_without_what_it_was_about(caplog: pytest.LogCaptureFixture) -> None:
    answer, _ = ask(GET, None)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert [record.getMessage() for record in caplog.records] == ["the guest page failed (LookupError)"]


def test_one_guest_has_few_connections_and_whoever_dawdles_is_parted_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "REQUEST_S", 0.2)
    assert MOST_FOR_ONE < MOST_CONNECTIONS

    async def scene(server: WebServer) -> None:
        slow = [asyncio.create_task(said(server, b"GET / HT", and_ends=False)) for _ in range(MOST_FOR_ONE)]
        await until(lambda: len(server._talks) == MOST_FOR_ONE)
        assert await said(server, GET) == b""
        assert await asyncio.gather(*slow) == [b""] * MOST_FOR_ONE
        assert (await said(server, GET)).startswith(b"HTTP/1.1 200")
        await until(lambda: not server._talks)
        assert server._callers == {}

    asyncio.run(serving(Desk(Response(200)), scene))


PIECES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /agree HTTP/1.1\r\n",
        b"Host: bell\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
        b"\r\n",
        b"a=%zz",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PIECES | st.binary(max_size=30), max_size=8).map(b"".join), min_size=5, max_size=20))
def test_no_bytes_do_any_harm(requests: list[bytes]) -> None:
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)

    async def scene(server: WebServer) -> None:
        for sent in requests:
            answer = await said(server, sent)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
            assert len(answer) < 500
        assert (await said(server, GET)).startswith(b"HTTP/1.1 200")

    try:
        asyncio.run(serving(Desk(Response(200, "x")), scene))
    finally:
        logging.getLogger().removeHandler(handler)
    assert records == []
