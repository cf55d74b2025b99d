"""The ladder: what to try next with a radio that gives nothing, and when. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from drivers.driver import Rung

WAITS_S = (30.0, 60.0, 120.0, 300.0, 900.0)
"""How long to wait after each rung that was tried; after the last ones always the longest."""
STEADY_S = 900.0
"""How long a radio must be well for the ladder to begin at its foot again."""


class Ladder:
    """Climbs rung by rung, and from the top begins at the foot again, ever slower. Times are of any steady clock."""

    def __init__(self) -> None:
        self._tried = 0
        self._next = -math.inf
        self._ill_until = -math.inf

    def well(self, now: float) -> None:
        """Take note that the radio is well. One that falls silent every few minutes does not get the mild ones anew."""
        if now - self._ill_until >= STEADY_S:
            self._tried = 0

    def climb(self, now: float, rungs: Sequence[Rung]) -> Rung | None:
        """Return the rung to try now with a radio that is ill; None while the one before may still help."""
        self._ill_until = now
        if now < self._next or not rungs:
            return None
        rung = rungs[self._tried % len(rungs)]
        self._next = now + WAITS_S[min(self._tried, len(WAITS_S) - 1)]
        self._tried += 1
        return rung
