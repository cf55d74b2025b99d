"""The two clocks, read here and nowhere else: wall for schedules and stored rows, monotonic for durations."""

from __future__ import annotations

import time


def wall() -> float:
    """Return seconds since the epoch."""
    return time.time()


def monotonic() -> float:
    """Return seconds since some moment, never going back."""
    return time.monotonic()
