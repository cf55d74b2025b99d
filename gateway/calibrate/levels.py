"""From what was heard in each zone to the levels and offsets that tell the zones apart. Pure.

Of the two ways that the installer faced, each counts for half. A receiver's `offset` is what makes two receivers even
halfway between a zone of the one and a zone of the other. A zone's `at_least` is the level at its edge.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from gateway.calibrate.survey import Survey
from gateway.configuration.config import Hear, Zone

LEAST_OFFSET_DB = 4.0  # what a walk finds is off by some 2 dB
MOST_OFFSET_DB = 30.0
ROUNDS = 200
EDGE_DB = 6.0  # from the middle of a zone to an edge that nobody walked
CONTEND_DB = 6.0  # receivers that are so nearly as loud draw the line by themselves
SLACK_DB = 4.0  # the spread of fading, so that the level is met at the edge too
APART_DB = 2.0  # between two levels of one receiver
WEAKEST_DBM, STRONGEST_DBM = -98.0, -30.0


def propose(zones: Sequence[Zone], survey: Survey, receivers: Sequence[str]) -> tuple[Zone, ...]:
    """Return the zones with a level and an offset for each entry whose zone one of `receivers` heard the tag in."""
    offsets = _offsets(zones, survey, receivers)
    levels: dict[tuple[str, str], float] = {}
    for receiver in receivers:
        for zone, level in _levels(zones, survey, receiver, receivers):
            levels[zone.id, receiver] = level

    def amended(zone: Zone, hear: Hear) -> Hear:
        level = levels.get((zone.id, hear.receiver))
        if level is None or hear.at_least is None:
            return hear
        offset = offsets.get(hear.receiver, 0.0)
        return Hear(hear.receiver, float(round(level + offset)), offset)

    return tuple(replace(zone, hear=tuple(amended(zone, hear) for hear in zone.hear)) for zone in zones)


def hears(zone: Zone, receiver: str) -> bool:
    """Tell whether a zone is held by a level at a receiver."""
    return any(hear.receiver == receiver and hear.at_least is not None for hear in zone.hear)


def _offsets(zones: Sequence[Zone], survey: Survey, receivers: Sequence[str]) -> dict[str, float]:
    """Find the offsets that come nearest to even at all the lines, 0 for the receiver in the middle of them."""
    uneven = {pair: db for pair in combinations(receivers, 2) if (db := _uneven(zones, survey, *pair)) is not None}
    found = dict.fromkeys(receivers, 0.0)
    for _ in range(ROUNDS):
        for receiver in receivers:
            wanted = [found[s] - db for (r, s), db in uneven.items() if r == receiver]
            wanted += [found[r] + db for (r, s), db in uneven.items() if s == receiver]
            if wanted:
                found[receiver] = statistics.fmean(wanted)
    middle = statistics.median_low(found.values()) if found else 0.0
    return {receiver: _clear(offset - middle) for receiver, offset in found.items()}


def _clear(offset: float) -> float:
    return float(round(min(max(offset, -MOST_OFFSET_DB), MOST_OFFSET_DB))) if abs(offset) >= LEAST_OFFSET_DB else 0.0


def _uneven(zones: Sequence[Zone], survey: Survey, one: str, other: str) -> float | None:
    """Return how much louder `one` is than `other` halfway between the zones of either that are hardest to tell apart.

    Zones outside are left out, for their receiver hears them through the shop's front.
    """
    gaps = []
    for a in zones:
        for b in zones:
            if "outside" in (a.kind, b.kind) or not _contend(a, one, b, other):
                continue
            here, there = (_difference(survey, zone.id, one, other) for zone in (a, b))
            if here is not None and there is not None:
                gaps.append((here - there, (here + there) / 2))
    return min(gaps)[1] if gaps else None


def _contend(a: Zone, one: str, b: Zone, other: str) -> bool:
    return hears(a, one) and hears(b, other) and not hears(a, other) and not hears(b, one)


def _difference(survey: Survey, zone: str, one: str, other: str) -> float | None:
    levels = [survey.level(zone, "middle", receiver) for receiver in (one, other)]
    return levels[0].centre - levels[1].centre if levels[0] and levels[1] else None


def _levels(
    zones: Sequence[Zone], survey: Survey, receiver: str, receivers: Sequence[str]
) -> Iterator[tuple[Zone, float]]:
    """Yield each zone that a receiver hears with its level there, before any offset; the loudest zone first."""
    middles = {
        zone.id: level.centre
        for zone in zones
        if hears(zone, receiver) and (level := survey.level(zone.id, "middle", receiver))
    }
    ranked = sorted((zone for zone in zones if zone.id in middles), key=lambda zone: -middles[zone.id])
    ceiling = STRONGEST_DBM
    for zone, quieter in zip(ranked, [*ranked[1:], None], strict=False):
        if quieter:
            edge = _between(survey, zone, receiver, middles[zone.id], middles[quieter.id])
        else:
            edge = _outermost(survey, zone, receiver, middles[zone.id], receivers)
        ceiling = max(min(edge, ceiling), WEAKEST_DBM)
        yield zone, ceiling
        ceiling -= APART_DB


def _between(survey: Survey, zone: Zone, receiver: str, here: float, beyond: float) -> float:
    """Return the level at a zone's edge, which lies between what is heard here and in the next zone.

    A few steps along the edge may all lie in one shadow, so what lies halfway between both zones counts for half.
    """
    halfway = (here + beyond) / 2
    edge = survey.level(zone.id, "edge", receiver)
    return (min(max(edge.centre, beyond), here) + halfway) / 2 if edge else halfway


def _outermost(survey: Survey, zone: Zone, receiver: str, here: float, receivers: Sequence[str]) -> float:
    """Return the level at the edge beyond which this receiver holds no zone.

    Where another receiver is nearly as loud there, the louder one decides, and the level is only to be met.
    """
    edge = survey.level(zone.id, "edge", receiver)
    if edge is None:
        return here - EDGE_DB
    others = [survey.level(zone.id, "edge", other) for other in receivers if other != receiver]
    contended = any(other and other.centre >= edge.centre - CONTEND_DB for other in others)
    if contended and zone.kind in ("inside", "shelf"):
        return min(edge.centre - SLACK_DB, here)
    return min(edge.centre, here)
