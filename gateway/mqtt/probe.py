"""Asks whoever does not answer MQTT 5 whether it speaks the version before."""

from __future__ import annotations

import asyncio

from gateway.mqtt.address import Address
from gateway.mqtt.tls import TlsFiles
from gateway.mqtt.trouble import TroubleError
from gateway.mqtt.wire import dial

OLD_GREETING = b"\x20\x02"
"""How a CONNACK of MQTT 3.1.1 begins (section 3.2); in MQTT 5 it has more than two bytes."""

_OLD_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"  # a clean session, no client id, keep alive 10 s


async def speaks_old(address: Address, files: TlsFiles, patience_s: float) -> bool:
    """Tell whether a broker greets a client of MQTT 3.1.1, be it to refuse it."""
    try:
        wire = await dial(address, files)
    except TroubleError:
        return False
    came = asyncio.Event()
    wire.on_data, wire.on_end = came.set, lambda _: came.set()
    try:
        wire.send(_OLD_CONNECT)
        wire.flush()
        async with asyncio.timeout(patience_s):
            while len(wire.buffer) < len(OLD_GREETING) and not wire.ended:
                await came.wait()
                came.clear()
    except TimeoutError:
        return False
    finally:
        wire.abort()
    return wire.buffer.startswith(OLD_GREETING)
