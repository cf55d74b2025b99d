"""Carries what the core decided to the disk: merged, one transaction at a time, tried again until it is there."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable

from gateway import clock
from gateway.events import Outcome, Priority

MOST_EVENTS = 10_000
MOST_DECISIONS = 10_000
STUCK_S = 30.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Committer:
    """Takes outcomes without waiting and commits them in order.

    While the disk refuses, outcomes wait in memory: at most 10,000 events, of which counts are given up before visits,
    and visits before alerts; what is given up is counted in `dropped`.
    """

    def __init__(
        self,
        commit: Callable[[Outcome], Awaitable[None]],
        refused: Callable[[str], None],
        errors: type[Exception],
    ) -> None:
        self._commit = commit
        self._refused = refused
        self._errors = errors
        self._waiting = Outcome()
        self._batch = Outcome()  # what is being committed
        self._turn = asyncio.Lock()  # held while the disk works
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._attempted = math.inf  # when the transaction that runs was begun, monotonic
        self.dropped: Counter[str] = Counter()

    def push(self, outcome: Outcome) -> None:
        """Take an outcome to be committed soon."""
        self._waiting.merge(outcome)
        if len(self._waiting.events) > MOST_EVENTS or len(self._waiting.decisions) > MOST_DECISIONS:
            self._sacrifice()
        self._idle.clear()
        self._wake.set()

    def _sacrifice(self) -> None:
        """Give up a tenth, the oldest of the least urgent first, so that this is not done for each event."""
        for priority in (Priority.COUNT, Priority.VISIT, Priority.ALERT):
            excess = len(self._waiting.events) - MOST_EVENTS * 9 // 10
            oldest = [event for event in self._waiting.events if event.priority is priority][: max(excess, 0)]
            if oldest:
                given_up = {event.id for event in oldest}
                self._waiting.events = [event for event in self._waiting.events if event.id not in given_up]
                self.dropped[f"event {priority.name.lower()}"] += len(given_up)
        surplus = len(self._waiting.decisions) - MOST_DECISIONS * 9 // 10
        if surplus > 0:
            self.dropped["decision"] += surplus
            del self._waiting.decisions[:surplus]

    async def forget(self, member: str) -> None:
        """Drop what waits about a member, once a transaction that is under way has ended."""
        async with self._turn:
            for outcome in (self._batch, self._waiting):
                outcome.events = [event for event in outcome.events if event.member != member]
                outcome.decisions = [row for row in outcome.decisions if row.member != member]
                outcome.state = {key: row for key, row in outcome.state.items() if row.member != member}

    def is_stuck(self) -> bool:
        """Tell whether the disk has neither taken nor refused a transaction for half a minute."""
        return clock.monotonic() - self._attempted > STUCK_S

    async def settled(self) -> None:
        """Wait until all that was pushed is on the disk."""
        await self._idle.wait()

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._batch, self._waiting = self._waiting, Outcome()
            await self._until_committed()
            self._batch = Outcome()
            if not self._waiting:
                self._idle.set()

    async def _until_committed(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            self._attempted = clock.monotonic()
            try:
                async with self._turn:
                    await self._commit(self._batch)
            except self._errors as error:
                self._refused(str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._refused("")
                return
            finally:
                self._attempted = math.inf
