"""From quarters of an hour in which somebody counted by hand to the law that turns what is heard into people."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gateway.configuration.config import CrowdLaw, CrowdPlace, CrowdSource
from gateway.crowd.evidence import SOURCES, Measure
from gateway.crowd.people import QUARTER_S, calibrated, log_chance

NOBODY = 0.5  # fewer people than this, on average over a quarter hour
LEAST_NOISE = 0.5  # even where nothing at all was heard while nobody was there
DIGITS = 3

_Z75 = 0.6745  # three of four values of a normal distribution lie above so many standard deviations below its mean
_LEAST_FREEDOM = 3

SHAPES = tuple(10 ** (step / 20 - 1) for step in range(56))
"""From all or nothing (0.1) to hardly more than chance alone (56)."""


class Point(NamedTuple):
    """A quarter of an hour: what was heard within the seconds that were listened to, and how many people there were."""

    heard: float
    watched: float
    people: float

    @property
    def share(self) -> float:
        return self.watched / QUARTER_S


class Counted(NamedTuple):
    """A quarter of an hour that was listened to and counted by hand."""

    measure: Measure
    people: float


class Told(NamedTuple):
    """What was heard, and what was to be expected."""

    heard: float
    mean: float
    peopled: bool


Day = Sequence[Point]


def calibrate(days: Sequence[Sequence[Counted]], place: CrowdPlace) -> CrowdLaw | None:
    """Return the law of the source that tells most of the people of some place; None where there were none, or unheard.

    A day is what was counted in one go: days differ more than the quarters of one.
    """
    laws = [(source, fit(points, source)) for source in SOURCES if (points := _points(days, source, place))]
    found = [(_error(_points(days, source, place), law), law) for source, law in laws if law]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _points(days: Iterable[Sequence[Counted]], source: CrowdSource, place: CrowdPlace) -> list[Day]:
    return [
        [Point(getattr(one.measure.heard[source], place), one.measure.watched, one.people) for one in day]
        for day in days
    ]


def _error(days: Iterable[Day], law: CrowdLaw) -> float:
    return statistics.fmean(
        abs(calibrated(point.heard, point.watched, law).count - point.people) for day in days for point in day
    )


def fit(days: Sequence[Day], source: CrowdSource) -> CrowdLaw | None:
    """Return the law that days counted by hand come from; None where nobody was counted, or those were not heard.

    The shapes are the most probable ones where each day is told by the other days alone (of a single day, by itself),
    so that they hold what changes from day to day; the baseline's from quarters with nobody, the other's with somebody.
    The latter is lowered to what so few days make sure of.
    """
    points = [point for day in days for point in day]
    slope = _slope(points)
    if slope is None:
        return None
    told = [list(_told_by_others(days)), list(_told(points, *slope))]
    shape, baseline_shape = (_shape(told, peopled=peopled) for peopled in (True, False))
    shape *= sure_share(sum(any(point.people >= NOBODY for point in day) for day in days))
    busiest = max(point.people for point in points)
    baseline, per_person = slope
    return CrowdLaw(source, *map(_short, (per_person, shape, baseline, baseline_shape, busiest)))


def sure_share(days: int) -> float:
    """Return the share of a shape that holds for three of four days, where so many days showed it (a tolerance bound).

    One over a shape is a variance. It was seen on so many days, which are what differs, not on all their quarters: days
    less one are its degrees of freedom, and the share is chi-squared's lower quarter by those (Wilson and Hilferty,
    1931). Two and three days are taken for four, or no figure would be left; one shows nothing of how days differ.
    """
    if days < 2:
        return 1.0
    ninths = 2 / (9 * max(days - 1, _LEAST_FREEDOM))
    return (1 - ninths - _Z75 * math.sqrt(ninths)) ** 3


def _slope(points: Iterable[Point]) -> tuple[float, float] | None:
    """Return what is heard with nobody there, and beyond that for each person, of a quarter hour."""
    found = list(points)
    empty = [point for point in found if point.people < NOBODY]
    peopled = [point for point in found if point.people >= NOBODY]
    listened = sum(point.share for point in empty)
    baseline = max(sum(point.heard for point in empty) / listened if listened else 0.0, LEAST_NOISE)
    beyond = sum(point.heard - point.share * baseline for point in peopled)
    return (baseline, beyond / sum(point.share * point.people for point in peopled)) if beyond > 0 else None


def _told_by_others(days: Sequence[Day]) -> Iterator[Told]:
    for left_out, day in enumerate(days):
        slope = _slope(point for number, other in enumerate(days) if number != left_out for point in other)
        if slope is not None:
            yield from _told(day, *slope)


def _told(points: Iterable[Point], baseline: float, per_person: float) -> Iterator[Told]:
    for point in points:
        peopled = point.people >= NOBODY
        mean = baseline + point.people * per_person if peopled else baseline
        yield Told(point.heard, point.share * mean, peopled)


def _shape(told: Iterable[Sequence[Told]], *, peopled: bool) -> float:
    """Return the most probable shape by the first of several tellings that has such quarters at all."""
    kinds = ([one for one in telling if one.peopled is peopled] for telling in told)
    found = next(filter(None, kinds), [])
    return max(SHAPES, key=lambda shape: sum(log_chance(one.heard, one.mean, shape) for one in found))


def _short(figure: float) -> float:
    return float(f"{figure:.{DIGITS}g}")
