"""What stands where the gateway will: hears one driver, keeps what it delivered and reported, and waits for either."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from drivers.driver import Driver, RadioState
from drivers.sighting import Sighting

WITHIN_S = 10.0
SCENE_S = 30.0


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


Run = Callable[[Coroutine[Any, Any, None]], None]
"""Gives a scene its loop, and ends with it."""


def run_quietly(scene: Coroutine[Any, Any, None], run: Run = asyncio.run) -> None:
    """Run a scene; it may leave no error behind that nobody read, since asyncio logs each with a traceback."""
    unread: list[str] = []

    async def overheard() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda _, context: unread.append(f"{context['message']}: {context.get('exception')!r}")
        )
        await scene

    run(overheard())
    gc.collect()
    assert not unread, unread


def play(scene: Coroutine[Any, Any, None], run: Run = asyncio.run, within_s: float = SCENE_S) -> None:
    """Play a scene within bounds; it may leave no task behind, no file open and no error unread."""

    async def bounded() -> None:
        async with asyncio.timeout(within_s):
            await scene
        assert asyncio.all_tasks() == {asyncio.current_task()}

    before = open_files()
    run_quietly(bounded(), run)
    assert open_files() == before


class VirtualGateway:
    """Keeps all that one driver says."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self.batches: list[int] = []
        self.reports: list[tuple[RadioState, str]] = []
        self._news = asyncio.Event()

    def deliver(self, sightings: list[Sighting]) -> None:
        self.sightings += sightings
        self.batches.append(len(sightings))
        self._news.set()

    def report(self, state: RadioState, reason: str) -> None:
        self.reports.append((state, reason))
        self._news.set()

    @property
    def states(self) -> list[RadioState]:
        """The states reported, without repeats."""
        found = [state for state, _ in self.reports]
        return [state for at, state in enumerate(found) if at == 0 or found[at - 1] is not state]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that the driver said makes the condition true."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.reports[-5:]}, {len(self.sightings)} sightings") from None

    async def heard(self, number: int) -> list[Sighting]:
        """Wait for so many sightings in all; return them."""
        await self.until(lambda: len(self.sightings) >= number)
        return self.sightings

    async def reported(self, state: RadioState, within: str = "") -> None:
        """Wait until the newest report is this state, for a reason that holds these words; forget the reports."""
        await self.until(lambda: bool(self.reports) and self.reports[-1][0] is state and within in self.reports[-1][1])
        self.reports.clear()


@asynccontextmanager
async def listening(driver: Driver) -> AsyncIterator[VirtualGateway]:
    """Run a driver; in the end cancel it and see that it ends as it should."""
    gateway = VirtualGateway()
    running = asyncio.create_task(driver.run(gateway.deliver, gateway.report), name="driver")
    try:
        yield gateway
    finally:
        assert not running.done(), f"the driver ended by itself: {running}"
        running.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(running, WITHIN_S)
