"""A walk played through presence with the levels as they are and as they might be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.calibrate.survey import Stand, Survey
from gateway.configuration.config import Zone
from gateway.heard import Heard
from gateway.presence.visits import Presence
from rules.situation import Trust

SETTLED_S = 5.0
LEAVE_S = 120.0
INSTALLER = "installer"


class Score(NamedTuple):
    """Settled seconds in the middle of zones, and of how many the right zone was named."""

    seconds: int
    right: int

    def __str__(self) -> str:
        return f"{self.right / max(self.seconds, 1):.0%}"


def play(zones: Sequence[Zone], survey: Survey) -> Score:
    """Return how the zones would have followed the walk."""
    kinds = {zone.id: zone.kind for zone in zones}
    outside = [[stand] for stand in survey.stands if kinds.get(stand.zone) == "outside"]
    within = [stand for stand in survey.stands if kinds.get(stand.zone) != "outside"]
    right = [hit for stands in (*outside, within) if stands for hit in _hits(zones, survey, stands)]
    return Score(len(right), sum(right))


def _hits(zones: Sequence[Zone], survey: Survey, stands: Sequence[Stand]) -> Iterator[bool]:
    """Tell for each settled second whether the zone was right; who stands outside has not been within before."""
    moments = iter(sorted((t, stand.zone) for stand in stands for t in _seconds(stand)))
    moment = next(moments, None)
    presence = Presence(zones, LEAVE_S)
    for frame in survey.frames:
        if not stands[0].since <= frame.t < stands[-1].until:
            continue
        while moment and moment[0] < frame.t:
            presence.advance(moment[0])
            visit = presence.visits.get(INSTALLER)
            yield visit is not None and visit.zone == moment[1]
            moment = next(moments, None)
        presence.hear(Heard(frame.t, INSTALLER, frame.receiver, "ble", frame.rssi, Trust.HINT, "ibeacon"))


def _seconds(stand: Stand) -> Iterator[float]:
    """Yield the settled seconds of a stand in the middle of its zone: at its edge either side is right."""
    t = stand.since + SETTLED_S
    while stand.spot == "middle" and t < stand.until:
        yield t
        t += 1.0
