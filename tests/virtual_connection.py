"""A gateway's connection without the gateway: what it received, what it told, and waiting for either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gateway.mqtt.address import parse_url
from gateway.mqtt.backoff import Backoff
from gateway.mqtt.connection import Connection, LinkState
from gateway.mqtt.link import Settled
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.settings import Settings
from gateway.mqtt.topics import Arrival
from gateway.mqtt.trouble import Cause

STATUS = "hushbell/v1/s/gateways/g/status"
WILL = Outgoing(STATUS, b'{"state":"offline"}')
FAST = Backoff(first_s=0.02, longest_s=0.1)
WITHIN_S = 10.0


class Gateway:
    """A connection at work, with what it received and told."""

    def __init__(self, url: str | list[str], *filters: str, settled: Settled | None = None, **more: Any) -> None:
        self.arrived: list[Arrival] = []
        self.told: list[LinkState] = []
        first, *others = map(parse_url, [url] if isinstance(url, str) else url)
        settings = Settings(first, "hushbell-s-g", WILL, filters, others=tuple(others), patience_s=2.0)
        self.connection = Connection(replace(settings, **more), self.arrived.append, self.told.append, FAST, settled)
        self.task = asyncio.create_task(self.connection.run())

    @property
    def causes(self) -> list[Cause]:
        """Why there was no link, in the order in which it was told."""
        return [trouble.cause for state in self.told for trouble in state.troubles]

    async def until(self, condition: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not condition():
                    if self.task.done() and not self.task.cancelled():
                        self.task.result()
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"{self.told[-5:]}, {len(self.arrived)} arrived") from None

    async def online(self) -> None:
        await self.until(lambda: self.connection.state.online)

    async def refused(self) -> str:
        """Wait until it is told why there is no link; return that."""
        await self.until(lambda: self.told and not self.told[-1].online)
        return self.told[-1].reason

    async def vanish(self) -> None:
        """Drop the connection without a word, as `kill -9` would."""
        self.task.cancel()
        await asyncio.wait({self.task})

    async def end(self) -> None:
        self.connection.close()
        await asyncio.wait_for(self.task, WITHIN_S)


@asynccontextmanager
async def gateway(url: str | list[str], *filters: str, **more: Any) -> AsyncIterator[Gateway]:
    """Run a connection as long as the block, and wait until it is online."""
    made = Gateway(url, *filters, **more)
    try:
        await made.online()
        yield made
    finally:
        await made.end()


async def trouble_with(url: str | list[str], **more: Any) -> tuple[Cause, str]:
    """Return the first cause why there is no link, and its words."""
    made = Gateway(url, **more)
    try:
        reason = await made.refused()
        return made.causes[0], reason
    finally:
        await made.end()
