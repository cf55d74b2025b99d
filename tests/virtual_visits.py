"""Visits that are over, in a shop with two shelves."""

from __future__ import annotations

from gateway.configuration.config import ZoneKind
from gateway.deciding.history import DAY_S, Past

NOW = 1_763_791_200.0
KINDS: dict[str, ZoneKind] = {
    "pavement": "outside",
    "entrance": "door",
    "floor": "inside",
    "shoes": "shelf",
    "hats": "shelf",
}


def visit(days_ago: float, *stops: tuple[str | None, float], passed: bool = False, seconds: float = 600.0) -> Past:
    """Return a visit with stops at seconds after its start."""
    started = NOW - days_ago * DAY_S
    return Past(f"v-{days_ago}", started, started + seconds, passed, tuple((zone, started + s) for zone, s in stops))
