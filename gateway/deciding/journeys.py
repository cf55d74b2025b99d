"""Dwell and routes of many visits: how long people were in each zone, where they went, and to which shelf first.

Only visits of members who agreed to zones have stops; the others count as visits and passes, and for nothing else.
Whoever asks leaves out the visits of test members: a visit does not say whose it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from gateway.configuration.config import ZoneKind
from gateway.deciding.history import Past


@dataclass(frozen=True, slots=True)
class Dwell:
    """How long a zone was stayed in: `visits` that did, in seconds altogether, and at the median of these visits."""

    visits: int
    seconds: float
    median_s: float


@dataclass(frozen=True, slots=True)
class Journeys:
    """What many visits have in common."""

    visits: int
    passes: int
    followed: int  # of both, those whose stops are known
    dwell: Mapping[str, Dwell]
    moves: Mapping[tuple[str, str], int]  # from one zone to the next that was known
    first_shelf: Mapping[str, int]
    to_first_shelf_s: float | None  # the median from coming in to standing at it


def journeys(past: Iterable[Past], kinds: Mapping[str, ZoneKind]) -> Journeys:
    """Sum up visits; `kinds` are those of the shop's zones, and stops in zones that it has no more do not count."""
    visits = list(past)
    moves: Counter[tuple[str, str]] = Counter()
    firsts: list[tuple[str, float]] = []
    stayed: dict[str, list[float]] = {}
    for visit in visits:
        moves.update(pairwise(_zones(visit, kinds)))
        firsts += _first_shelf(visit, kinds)
        for zone, seconds in _stayed(visit, kinds).items():
            stayed.setdefault(zone, []).append(seconds)
    return Journeys(
        visits=sum(not visit.passed for visit in visits),
        passes=sum(visit.passed for visit in visits),
        followed=sum(bool(visit.stops) for visit in visits),
        dwell={zone: _dwell(seconds) for zone, seconds in stayed.items()},
        moves=dict(moves),
        first_shelf=dict(Counter(zone for zone, _ in firsts)),
        to_first_shelf_s=median(seconds for _, seconds in firsts) if firsts else None,
    )


def _zones(visit: Past, kinds: Mapping[str, ZoneKind]) -> list[str]:
    """Return the known zones of a visit in order; where it was not known in between, a zone goes on."""
    return [zone for zone, _ in groupby(zone for zone, _ in visit.stops if zone in kinds) if zone is not None]


def _stayed(visit: Past, kinds: Mapping[str, ZoneKind]) -> dict[str, float]:
    """Return how long a visit was in each zone, in all its stops there."""
    total: dict[str, float] = {}
    for zone, seconds in visit.dwells():
        if zone is not None and zone in kinds:
            total[zone] = total.get(zone, 0.0) + seconds
    return total


def _first_shelf(visit: Past, kinds: Mapping[str, ZoneKind]) -> list[tuple[str, float]]:
    """Return the first shelf and how long after coming in it was held; nothing where there is none."""
    came_in = next((since for zone, since in visit.stops if kinds.get(zone or "", "inside") != "outside"), None)
    shelf = next(((zone, since) for zone, since in visit.stops if zone and kinds.get(zone) == "shelf"), None)
    return [(shelf[0], shelf[1] - came_in)] if shelf and came_in is not None else []


def _dwell(seconds: Sequence[float]) -> Dwell:
    return Dwell(len(seconds), sum(seconds), median(seconds))
