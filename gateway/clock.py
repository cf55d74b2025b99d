"""The two clocks, read here and nowhere else: wall for schedules and stored rows, monotonic for durations."""

from __future__ import annotations

import os
import time

_OFFSET = os.environ.get("HUSHBELL_CLOCK_OFFSET", "")
OFFSET_S = float(_OFFSET) if _OFFSET.replace(".", "", 1).isdigit() else 0.0
"""Seconds by which this process lives ahead of the machine's clock; the demo plays just before a quarter hour."""


def wall() -> float:
    """Return seconds since the epoch."""
    return time.time() + OFFSET_S


def monotonic() -> float:
    """Return seconds since some moment, never going back."""
    return time.monotonic()
