"""When events left the queue, by the hour, so that each is kept for a day after."""

from __future__ import annotations

from typing import NamedTuple

EVERY_S = 3600.0
KEPT_S = 86400.0
"""How long events are kept after they were sent."""


class Left(NamedTuple):
    """Times, rising, each with the number up to which every event had left the queue by then."""

    entries: tuple[tuple[float, int], ...] = ()

    @classmethod
    def from_json(cls, value: list[list[float]]) -> Left:
        return cls(tuple((t, int(number)) for t, number in value))

    def upto(self, now: float) -> int:
        """Return the number up to which all events left long enough ago."""
        return max((number for t, number in self.entries if t <= now - KEPT_S), default=0)

    def noting(self, now: float, number: int) -> Left:
        """Return this with an entry for now, where one is due, and without those that are of no more use."""
        entries = self.entries
        if number > max((known for _, known in entries), default=0) and (
            not entries or abs(now - entries[-1][0]) >= EVERY_S
        ):
            entries = (*entries, (now, number))
        old = [entry for entry in entries if entry[0] <= now - KEPT_S]
        return Left(tuple(entry for entry in entries if entry not in old[:-1]))
