"""Carries what the core decided to the disk: together, one transaction at a time, tried again until it is there."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from fnmatch import fnmatchcase

from gateway import clock
from gateway.events import Outcome, Priority

COMPANY_S = 0.5
"""How long visits and counts wait for others to go to the disk with; an alert waits for nobody and takes all along."""

MOST_EVENTS = 10_000
MOST_DECISIONS = 10_000
MOST_STATE = 50_000
STUCK_S = 30.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Committer:
    """Takes outcomes without waiting and commits them in order.

    While the disk refuses, outcomes wait in memory: at most 10,000 events, of which counts are given up before visits,
    and visits before alerts, and as many decisions and 50,000 rows of state, of which the oldest are given up; what is
    given up is counted in `dropped`.
    """

    def __init__(
        self,
        commit: Callable[[Outcome], Awaitable[None]],
        refused: Callable[[Exception | None], None],
        errors: type[Exception],
    ) -> None:
        self._commit = commit
        self._refused = refused
        self._errors = errors
        self._waiting = Outcome()
        self._batch = Outcome()  # what is being committed
        self._turn = asyncio.Lock()  # held while the disk works
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._pushed = self._kept = 0  # outcomes that came, and those of them that are on the disk
        self._committed = asyncio.Event()  # set, and replaced, after each transaction
        self._attempted = math.inf  # when the transaction that runs was begun, monotonic
        self.dropped: Counter[str] = Counter()

    def push(self, outcome: Outcome) -> None:
        """Take an outcome to be committed soon, at once when it holds an alert."""
        self._waiting.merge(outcome)
        if any(event.priority is Priority.ALERT for event in outcome.events):
            self._urgent.set()
        self._bound()
        self._pushed += 1
        self._wake.set()

    def _bound(self) -> None:
        """Give up a tenth of what is too much, so that this is not done for each event."""
        waiting = self._waiting
        if len(waiting.events) > MOST_EVENTS:
            self._sacrifice(len(waiting.events) - MOST_EVENTS * 9 // 10)
        if len(waiting.decisions) > MOST_DECISIONS:
            surplus = len(waiting.decisions) - MOST_DECISIONS * 9 // 10
            self.dropped["decision"] += surplus
            del waiting.decisions[:surplus]
        if len(waiting.state) > MOST_STATE:
            self._forget_state(len(waiting.state) - MOST_STATE * 9 // 10)

    def _sacrifice(self, excess: int) -> None:
        """Give up events, the oldest of the least urgent first."""
        order = sorted(range(len(self._waiting.events)), key=lambda i: -self._waiting.events[i].priority)
        given_up = set(order[:excess])
        for i in given_up:
            self.dropped[f"event {self._waiting.events[i].priority.name.lower()}"] += 1
        self._waiting.events = [event for i, event in enumerate(self._waiting.events) if i not in given_up]

    def _forget_state(self, excess: int) -> None:
        """Give up the oldest rows about members; the few others number what is sent."""
        for key in [key for key, row in self._waiting.state.items() if row.member is not None][:excess]:
            del self._waiting.state[key]
            self.dropped["state"] += 1

    async def forget(self, member: str) -> None:
        """Drop what waits about a member, once a transaction that is under way has ended."""
        async with self._turn:
            for outcome in (self._batch, self._waiting):
                _forget_told(outcome, member, "*")
                outcome.state = {key: row for key, row in outcome.state.items() if row.member != member}

    async def forget_told(self, member: str, topics: str) -> None:
        """Drop decisions about a member, and events on topics that match a pattern, that wait; as `forget`."""
        async with self._turn:
            for outcome in (self._batch, self._waiting):
                _forget_told(outcome, member, topics)

    def is_stuck(self) -> bool:
        """Tell whether the disk has neither taken nor refused a transaction for half a minute."""
        return clock.monotonic() - self._attempted > STUCK_S

    async def settled(self) -> None:
        """Wait until all that was pushed before is on the disk, where it goes at once, whatever is pushed meanwhile."""
        goal = self._pushed
        while self._kept < goal:
            self._urgent.set()
            await self._committed.wait()

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._wake.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(COMPANY_S):
                    await self._urgent.wait()
            self._wake.clear()
            self._urgent.clear()
            self._batch, self._waiting = self._waiting, Outcome()
            pushed = self._pushed
            await self._until_committed()
            self._batch = Outcome()
            self._kept = pushed
            committed, self._committed = self._committed, asyncio.Event()
            committed.set()

    async def _until_committed(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            self._attempted = clock.monotonic()
            try:
                async with self._turn:
                    await self._commit(self._batch)
            except self._errors as error:
                self._refused(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._refused(None)
                return
            finally:
                self._attempted = math.inf


def _forget_told(outcome: Outcome, member: str, topics: str) -> None:
    outcome.events = [e for e in outcome.events if e.member != member or not fnmatchcase(e.topic, topics)]
    outcome.decisions = [row for row in outcome.decisions if row.member != member]
