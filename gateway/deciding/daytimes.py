"""The times of the shop's day that some rule waits for: each comes once a day, also where the clocks change."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


class DayTimes:
    """Knows which time of the day comes next: `deadline`, in seconds since the epoch."""

    def __init__(self, times: Iterable[time], timezone: ZoneInfo) -> None:
        self._times = tuple(times)
        self._timezone = timezone
        self.deadline = math.inf

    def begin(self, t: float) -> None:
        """Look ahead from `t` on; what would have come before it does not come late."""
        moments = [moment for moment, _ in self._moments(t) if moment > t]
        self.deadline = min(moments, default=math.inf)

    def take(self, t: float) -> list[time]:
        """Return the times that come at `deadline`, where that is `t` or before."""
        if self.deadline > t:
            return []
        come = [of_day for moment, of_day in self._moments(self.deadline) if moment == self.deadline]
        self.begin(self.deadline)
        return come

    def _moments(self, t: float) -> list[tuple[float, time]]:
        """Return when each time comes on the day of `t` and the next: the first of two, or past a gap, by PEP 495."""
        today = datetime.fromtimestamp(t, self._timezone).date()
        days = (today, today + timedelta(days=1))
        moments = [(datetime.combine(day, of_day, self._timezone), of_day) for day in days for of_day in self._times]
        return [(moment.timestamp(), of_day) for moment, of_day in moments]
