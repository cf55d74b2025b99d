"""Asks whoever does not answer MQTT 5 why: whether it speaks the version before, or does not take our certificate."""

from __future__ import annotations

import asyncio
import ssl

from gateway.mqtt.address import Address
from gateway.mqtt.tls import TlsFiles, tls_trouble
from gateway.mqtt.trouble import Cause, TroubleError
from gateway.mqtt.wire import dial

OLD_GREETING = b"\x20\x02"
"""How a CONNACK of MQTT 3.1.1 begins (section 3.2); in MQTT 5 it has more than two bytes."""

_OLD_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"  # a clean session, no client id, keep alive 10 s

_OF_CERTIFICATES = (Cause.CERTIFICATE_REFUSED, Cause.CERTIFICATE_WANTED)


async def speaks_old(address: Address, files: TlsFiles, patience_s: float) -> bool:
    """Tell whether a broker greets a client of MQTT 3.1.1, be it to refuse it."""
    came, _ = await _ask(address, files, patience_s, _OLD_CONNECT)
    return came.startswith(OLD_GREETING)


async def certificate_trouble(address: Address, files: TlsFiles, patience_s: float) -> TroubleError | None:
    """Return what a broker that hangs up after the handshake says of our certificate (RFC 8446, section 6.2).

    Nothing is sent: a broker that closes with bytes of ours unread resets the connection, and its word may be lost.
    """
    _, error = await _ask(address, files, patience_s, b"")
    trouble = tls_trouble(error, address, files) if isinstance(error, ssl.SSLError) else None
    return trouble if trouble and trouble.trouble.cause in _OF_CERTIFICATES else None


async def _ask(address: Address, files: TlsFiles, patience_s: float, question: bytes) -> tuple[bytes, Exception | None]:
    """Return what answers a question on a connection of its own, two bytes at least, or why there is none."""
    try:
        wire = await dial(address, files)
    except TroubleError:
        return b"", None
    came = asyncio.Event()
    ended: list[Exception | None] = []

    def on_end(error: Exception | None) -> None:
        ended.append(error)
        came.set()

    wire.on_data, wire.on_end = came.set, on_end
    try:
        wire.send(question)
        wire.flush()
        async with asyncio.timeout(patience_s):
            while len(wire.buffer) < len(OLD_GREETING) and not wire.ended:
                await came.wait()
                came.clear()
    except TimeoutError:
        return b"", None
    finally:
        wire.abort()
    return bytes(wire.buffer), next(iter(ended), None)
