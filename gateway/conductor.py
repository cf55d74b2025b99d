"""Leads the core through real time: hands it inputs as they come, and wakes it at exactly its deadlines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from drivers.driver import Clock
from drivers.sighting import Sighting
from gateway.core import Core
from gateway.events import Outcome

LONGEST_WAIT_S = 3600.0


class Conductor:
    """Calls `take` with each outcome that is not empty."""

    def __init__(self, core: Core, clock: Clock, take: Callable[[Outcome], None]) -> None:
        self.core = core
        self._clock = clock
        self._take = take
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf

    def hear(self, sightings: Sequence[Sighting]) -> None:
        """Hand a batch of frames to the core."""
        self.settle(self.core.hear(sightings))

    def settle(self, outcome: Outcome) -> None:
        """Pass on what an input decided, and see when the core wants to be woken next."""
        if outcome:
            self._take(outcome)
        due = self.core.deadline
        if due != self._due:
            self._due = due
            self._set_timer()

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self.close()
        if self._due < math.inf:
            wait_s = min(max(self._due - self._clock(), 0.0), LONGEST_WAIT_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._wake)

    def _wake(self) -> None:
        """Advance to every deadline that has come by the wall clock, which may have been set meanwhile."""
        now = self._clock()
        due, self._due = self._due, math.nan
        self.settle(self.core.advance(due) if due <= now else Outcome())
