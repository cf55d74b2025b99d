"""How often a member came: visits, and passes that held zones of kind `outside` only."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

DAY_S = 86400.0
KEPT_S = 90 * DAY_S
MOST = 1000  # of each, for one member


@dataclass(slots=True)
class History:
    """The starts of one member's ended visits and passes of the last 90 days, in seconds since the epoch, rising."""

    visits: list[float] = field(default_factory=list)
    passes: list[float] = field(default_factory=list)

    def add(self, started: float, now: float, *, passed: bool, kept_s: float = KEPT_S) -> None:
        times = self.passes if passed else self.visits
        times.insert(bisect_left(times, started), started)
        for kept in (self.visits, self.passes):
            del kept[: max(bisect_left(kept, now - kept_s), len(kept) - MOST)]

    def counts(self, now: float) -> dict[str, int]:
        """Return `visits_7d` ... `passes_90d` as rules read them."""
        return {
            f"{name}_{days}d": len(times) - bisect_left(times, now - days * DAY_S)
            for name, times in (("visits", self.visits), ("passes", self.passes))
            for days in (7, 30, 90)
        }

    def as_json(self) -> dict[str, Any]:
        return {"visits": self.visits, "passes": self.passes}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> History:
        return cls([float(t) for t in value["visits"]], [float(t) for t in value["passes"]])
