"""Whether a reference beacon is still heard as loud as it used to be. Pure: told levels and the time, no clock."""

from __future__ import annotations

import math
import statistics
from collections import deque

MINUTE_S = 60.0
FEW_FRAMES = 3  # in a minute: fewer show no level
MOST_FRAMES = 600
USUAL_MINUTES = 30
"""The first minutes, which show what is usual."""
HOUR_MINUTES = 60
DRIFT_DB = 6.0
MOSTLY = 0.9
"""Of an hour's minutes, which must be off to the same side: now and then somebody stands in between."""


class Drift:
    """Follows one receiver's reference beacon by the median of each minute; `reason` is empty while all is as usual."""

    def __init__(self) -> None:
        self.reason = ""
        self._began = -math.inf
        self._levels: list[int] = []
        self._first: list[float] = []
        self._hour: deque[float] = deque(maxlen=HOUR_MINUTES)

    def take(self, rssi: int | None) -> None:
        """Take one frame of the beacon, in dBm."""
        if rssi is not None and len(self._levels) < MOST_FRAMES:
            self._levels.append(rssi)

    def moment(self, now: float) -> None:
        """Let time pass; `now` is of a steady clock. A minute in which too little is heard shows nothing."""
        if now - self._began < MINUTE_S:
            return
        if len(self._levels) >= FEW_FRAMES:
            self._minute(statistics.median(self._levels))
        self._began = now
        self._levels.clear()

    def _minute(self, level: float) -> None:
        if len(self._first) < USUAL_MINUTES:
            self._first.append(level)
            return
        usual = statistics.median(self._first)
        self._hour.append(level - usual)
        louder = sum(off > DRIFT_DB for off in self._hour)
        quieter = sum(off < -DRIFT_DB for off in self._hour)
        if max(louder, quieter) >= MOSTLY * HOUR_MINUTES:
            self.reason = _reason(statistics.median(self._hour))
        elif max(louder, quieter) < HOUR_MINUTES / 2:
            self.reason = ""


def _reason(off_db: float) -> str:
    side = "louder" if off_db > 0 else "quieter"
    return (
        f"the reference beacon is {abs(off_db):.0f} dB {side} than it was, for an hour: see whether it or the receiver "
        "was moved or covered, then calibrate anew"
    )
