"""Which zones can be told apart by what was heard in them, and which cannot. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from gateway.calibrate.levels import hears
from gateway.calibrate.survey import Survey
from gateway.configuration.config import Hear, Zone

ALIKE = 0.2
"""Zones of which one second in five lies on the wrong side of their line cannot be told apart."""
CLOSE = 0.02


@dataclass(frozen=True, slots=True)
class Contrast:
    """What tells a zone from another: a level at one receiver, or the difference between two, second by second.

    `louder` lies above `line`, `quieter` below it.
    """

    zone: str
    other: str
    receivers: tuple[str, ...]
    louder: tuple[float, ...]
    quieter: tuple[float, ...]
    line: float

    @property
    def confused(self) -> float:
        """The share of seconds on the wrong side of the line, of both zones alike."""
        below = statistics.fmean(level < self.line for level in self.louder)
        above = statistics.fmean(level >= self.line for level in self.quieter)
        return (below + above) / 2


def contrasts(zones: Sequence[Zone], survey: Survey, receivers: Sequence[str]) -> Iterator[Contrast]:
    """Yield how each two zones differ under the levels that they have."""
    for one, other in combinations(zones, 2):
        shared = [name for name in receivers if hears(one, name) and hears(other, name)]
        if shared:
            found = [_on_one(one, other, survey, name) for name in shared]
        else:
            found = [_between(one, other, survey, receivers)]
        clearest = min((each for each in found if each), key=lambda each: each.confused, default=None)
        if clearest:
            yield clearest


def _on_one(one: Zone, other: Zone, survey: Survey, receiver: str) -> Contrast | None:
    first, second = (_entry(zone, receiver) for zone in (one, other))
    if _floor(first) < _floor(second):
        one, other, first = other, one, second
    return _contrast(one, other, survey, (receiver,), _floor(first), 0.0)


def _between(one: Zone, other: Zone, survey: Survey, receivers: Sequence[str]) -> Contrast | None:
    own = [_loudest(zone, survey, receivers) for zone in (one, other)]
    if own[0] is None or own[1] is None:
        return None
    offset = _entry(one, own[0]).offset - _entry(other, own[1]).offset
    return _contrast(one, other, survey, (own[0], own[1]), 0.0, offset)


def _contrast(
    one: Zone, other: Zone, survey: Survey, receivers: tuple[str, ...], line: float, offset: float
) -> Contrast | None:
    louder, quieter = (
        tuple(_figure(levels) + offset for levels in survey.seconds(zone.id, receivers)) for zone in (one, other)
    )
    return Contrast(one.id, other.id, receivers, louder, quieter, line) if louder and quieter else None


def _figure(levels: tuple[float, ...]) -> float:
    return levels[0] - levels[1] if len(levels) > 1 else levels[0]


def _loudest(zone: Zone, survey: Survey, receivers: Sequence[str]) -> str | None:
    """Return the receiver that hears a zone best, of those that hold it."""
    heard = {
        name: level.centre + _entry(zone, name).offset
        for name in receivers
        if hears(zone, name) and (level := survey.level(zone.id, "middle", name))
    }
    return max(heard, key=lambda name: heard[name], default=None)


def _entry(zone: Zone, receiver: str) -> Hear:
    return next(hear for hear in zone.hear if hear.receiver == receiver and hear.at_least is not None)


def _floor(hear: Hear) -> float:
    return (hear.at_least or 0.0) - hear.offset
