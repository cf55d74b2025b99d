"""A small web server over h11: one request a connection, everything bounded, and nothing told of who asked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl, urlsplit

import h11

from drivers.driver import Clock

log = logging.getLogger("hushbell")

REQUEST_S = 10.0
"""From the connection to the end of the answer."""

MOST_CONNECTIONS = 64
MOST_FOR_ONE = 8
LONGEST_HEAD = 8192
LONGEST_BODY = 4096
MOST_FIELDS = 20
GULP = 4096

_ALWAYS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_REASONS = {200: "OK", 204: "No Content", 303: "See Other"}


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A request in parts; `peer` is the network address that it came from."""

    method: str
    path: str
    peer: str
    host: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in small letters; of two the first


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/html; charset=utf-8"


Answer = Callable[[Request], Awaitable[Response]]


class _RefusedError(Exception):
    """A request that is not looked at, with the status that says why."""

    def __init__(self, status: int) -> None:
        self.status = status


class WebServer:
    """Serves one address and port."""

    def __init__(self, address: str, port: int, answer: Answer, clock: Clock) -> None:
        self._address = address
        self._answer = answer
        self._clock = clock
        self._talks: set[asyncio.Task[None]] = set()
        self._callers: Counter[str] = Counter()
        self.listening = asyncio.Event()
        self.port = port

    async def run(self) -> None:
        """Serve until cancelled. Raises OSError where the address is not to be had."""
        server = await asyncio.start_server(self._take, self._address, self.port, limit=LONGEST_HEAD)
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = (writer.get_extra_info("peername") or ("",))[0]
        if len(self._talks) >= MOST_CONNECTIONS or self._callers[peer] >= MOST_FOR_ONE:
            writer.transport.abort()
            return
        talk = asyncio.ensure_future(self._talk(reader, writer, peer))
        self._talks.add(talk)
        self._callers[peer] += 1

        def over(done: asyncio.Task[None]) -> None:
            self._talks.discard(done)
            self._callers[peer] -= 1
            if not self._callers[peer]:
                del self._callers[peer]
            writer.transport.abort()
            if not done.cancelled() and (error := done.exception()):
                log.error("a connection to the guest page failed (%s)", type(error).__name__)

        talk.add_done_callback(over)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Answer one request; whoever is slow or breaks off is told nothing."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_S):
                connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
                method = ""
                try:
                    request = await _read(connection, reader, peer)
                    method, response = request.method, await self._respond(request)
                except _RefusedError as refused:
                    response = Response(refused.status)
                writer.write(_written(connection, method, response, self._clock()))
                writer.write_eof()
                while await reader.read(GULP):  # what was sent is lost where a socket is closed with bytes unread
                    pass

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except Exception as error:  # its text could quote an address
            log.error("the guest page failed (%s)", type(error).__name__)
            return Response(500)


async def _read(connection: h11.Connection, reader: asyncio.StreamReader, peer: str) -> Request:
    """Read one whole request. Raises _RefusedError where it is malformed or too long, OSError where none came."""
    head: h11.Request | None = None
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise _RefusedError(error.error_status_hint) from None
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(GULP))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LONGEST_BODY:
                raise _RefusedError(413)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, body, peer)
        else:
            raise ConnectionResetError  # nothing was asked


def _request(head: h11.Request, body: bytes, peer: str) -> Request:
    headers: dict[str, str] = {}
    for name, value in head.headers:
        headers.setdefault(name.decode("ascii"), value.decode("latin-1"))
    try:
        target = urlsplit(head.target.decode("ascii"))
        query, form = _fields(target.query), _fields(body.decode("ascii"))
    except ValueError:
        raise _RefusedError(400) from None
    return Request(head.method.decode("ascii"), target.path, peer, headers.get("host", ""), query, form, headers)


def _fields(text: str) -> dict[str, str]:
    """Read fields as forms send them. Raises ValueError."""
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    return dict(reversed(pairs))  # of two with one name the first


def _written(connection: h11.Connection, method: str, response: Response, now: float) -> bytes:
    """Write an answer, as one after which the connection is closed."""
    body = response.body.encode()
    headers = [("Date", formatdate(now, usegmt=True)), ("Connection", "close"), *_ALWAYS, *response.headers]
    if response.status != 204:
        headers += [("Content-Type", response.kind), ("Content-Length", str(len(body)))]
    reason = _REASONS.get(response.status, "Refused")
    head = h11.Response(status_code=response.status, reason=reason.encode(), headers=headers)
    events: list[h11.Event] = [head, h11.EndOfMessage()]
    if body and method != "HEAD":
        events.insert(1, h11.Data(data=body))
    return b"".join(connection.send(event) or b"" for event in events)
