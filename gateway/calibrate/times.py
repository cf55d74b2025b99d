"""Numbers and times in what an installer wrote down."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.sighting import LATEST


def parse_number(text: str) -> float | None:
    """Return a finite number."""
    try:
        figure = float(text)
    except ValueError:
        return None
    return figure if math.isfinite(figure) else None


def parse_time(text: str, timezone: ZoneInfo) -> float | None:
    """Return seconds since the epoch, from those or from a time of ISO 8601, local where it has no offset."""
    t = parse_number(text)
    if t is None:
        try:
            local = datetime.fromisoformat(text)
            t = (local if local.tzinfo else local.replace(tzinfo=timezone)).timestamp()
        except (ValueError, OverflowError):
            return None
    return t if 0 <= t <= LATEST else None
