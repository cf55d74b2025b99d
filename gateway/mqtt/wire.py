"""A stream of bytes to a broker: TCP, TLS, a WebSocket on either, or a Unix socket. Nothing here waits for ever."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import cast

from gateway.mqtt import framing, websocket
from gateway.mqtt.address import Address
from gateway.mqtt.tls import TlsFiles, make_context, tls_trouble
from gateway.mqtt.trouble import Cause, TroubleError, harmless
from rules.messages import say

CONNECT_S = 5.0
"""How long it may take until bytes can flow, TLS and WebSocket included."""

RESOLVE_S = 3.0
MOST_ADDRESSES = 4
"""How long looking a name up may take of that, and how many of its addresses are tried."""

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})


class Wire(asyncio.Protocol):
    """Gathers what comes until whole packets are there, and looks like a socket to an MQTT client.

    `on_data` is called when something came, `on_end` once, when it is over. What is sent waits for `flush`.
    """

    def __init__(self) -> None:
        self.on_data: Callable[[], None] = lambda: None
        self.on_end: Callable[[Exception | None], None] = lambda _: None
        self.ended = False
        self.buffer = bytearray()
        self._offered = b""
        self._out: list[bytes] = []
        self._frames: websocket.Frames | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self.buffer += self._frames.feed(data) if self._frames else data
        except websocket.FrameError as error:
            self._end(error)
            self.abort()
            return
        if self._frames and self._frames.reply and self._transport:
            self._transport.write(self._frames.reply)
            self._frames.reply = b""
        self.on_data()
        if self._frames and self._frames.closed:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        if not self.ended:
            self.ended = True
            self.on_end(error)

    def open_frames(self, rest: bytes) -> None:
        """Take all that comes from now on, and what came already, for WebSocket frames."""
        self._frames = websocket.Frames()
        self.buffer.clear()
        self.data_received(rest)

    def take_packets(self, most_bytes: int) -> list[bytes]:
        """Return the whole packets that came since the last time. Raises PacketError."""
        return framing.take_packets(self.buffer, most_bytes)

    def offer(self, packet: bytes) -> None:
        """Let `recv` give this."""
        self._offered += packet

    # What an MQTT client needs of a socket

    def recv(self, size: int) -> bytes:
        if not self._offered:
            raise BlockingIOError
        data, self._offered = self._offered[:size], self._offered[size:]
        return data

    def send(self, data: bytes | bytearray) -> int:
        self._out.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Send all that was given to `send` since the last time, at once."""
        data, self._out = b"".join(self._out), []
        if data and self._transport and not self._transport.is_closing():
            self._transport.write(websocket.frame(data) if self._frames else data)

    def close(self) -> None:
        """Send what is left, then close."""
        self.flush()
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Close without another word."""
        transport, self._transport = self._transport, None
        if transport:
            transport.abort()

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        pass


async def dial(address: Address, files: TlsFiles) -> Wire:
    """Open a wire. Raises TroubleError, within `CONNECT_S`."""
    try:
        async with asyncio.timeout(CONNECT_S):
            if address.unix:
                _, wire = await asyncio.get_running_loop().create_unix_connection(Wire, address.path)
                return wire
            wire = await _dial_network(address, files)
            if address.websocket:
                await _upgrade(wire, address)
            return wire
    except (OSError, ValueError) as error:
        raise _dial_trouble(error, address, files) from error


async def _dial_network(address: Address, files: TlsFiles) -> Wire:
    """Try one after the other of a name's addresses, each with its share of the time."""
    context = await asyncio.to_thread(make_context, files) if address.tls else None
    try:
        async with asyncio.timeout(RESOLVE_S):
            places = (await resolve(address))[:MOST_ADDRESSES]
    except TimeoutError:
        raise socket.gaierror(socket.EAI_AGAIN, "") from None
    trouble: OSError = socket.gaierror()
    for place in places:
        try:
            async with asyncio.timeout(CONNECT_S / len(places)):
                _, wire = await asyncio.get_running_loop().create_connection(
                    Wire, place, address.port, ssl=context, server_hostname=address.host if context else None
                )
                return wire
        except ssl.SSLError:
            raise
        except OSError as error:
            trouble = error
    raise trouble


async def resolve(address: Address) -> list[str]:
    """Look a name up, in a thread that nobody waits for: without a network it takes half a minute. Raises OSError."""
    with suppress(ValueError):
        return [str(ip_address(address.host))]
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def look_up() -> None:
        found: list[str] = []
        trouble: Exception | None = None
        try:
            infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, ValueError) as error:
            trouble = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found, trouble)

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    return await answer


async def _upgrade(wire: Wire, address: Address) -> None:
    """Turn a wire into a WebSocket. Raises TroubleError."""
    came = asyncio.Event()
    wire.on_data = came.set
    wire.on_end = lambda _: came.set()
    key = websocket.make_key()
    wire.send(websocket.request(address.authority, address.path, key))
    wire.flush()
    try:
        head, rest = await _head(wire, came)
        websocket.check_answer(head, key)
    except websocket.UpgradeError as error:
        wire.abort()
        reason = harmless(str(error)) or say("it speaks no HTTP")
        raise TroubleError(Cause.NO_WEBSOCKET, address=address, path=address.path, reason=reason) from error
    except BaseException:
        wire.abort()
        raise
    wire.open_frames(rest)


async def _head(wire: Wire, came: asyncio.Event) -> tuple[bytes, bytes]:
    """Wait for the head of an HTTP answer; return it, and what came behind it. Raises UpgradeError."""
    while b"\r\n\r\n" not in wire.buffer:
        if wire.ended or len(wire.buffer) > websocket.MOST_HEAD:
            raise websocket.UpgradeError
        await came.wait()
        came.clear()
    head, _, rest = bytes(wire.buffer).partition(b"\r\n\r\n")
    return head, rest


def _dial_trouble(error: OSError | ValueError, address: Address, files: TlsFiles) -> TroubleError:
    """Say what a failed attempt to connect means."""
    values = {"address": address, "host": address.host}
    match error:
        case ssl.SSLError():
            return tls_trouble(error, address, files)
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return TroubleError(Cause.NO_NAME_SERVER, **values)
        case socket.gaierror() | UnicodeError():
            return TroubleError(Cause.UNKNOWN_NAME, **values)
        case ConnectionRefusedError():
            return TroubleError(Cause.NOBODY_LISTENS, **values)
        case TimeoutError():
            return TroubleError(Cause.SILENT, **values)
        case FileNotFoundError() if address.unix:
            return TroubleError(Cause.NO_SOCKET, **values)
        case PermissionError() if address.unix:
            return TroubleError(Cause.SOCKET_DENIED, **values)
        case ConnectionError() if address.tls:
            return TroubleError(Cause.NO_TLS, **values, scheme=address.scheme)
        case OSError() if error.errno in _NO_ROUTE:
            return TroubleError(Cause.NO_ROUTE, **values)
    return TroubleError(Cause.NOT_REACHED, **values, reason=harmless(str(error)))
