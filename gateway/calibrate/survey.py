"""What the receivers heard of an installer's tag while the installer stood in each zone. Pure."""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Spot = Literal["middle", "edge"]
Way = Literal["towards", "away"]

FEW_FRAMES = 5
HEARD_SHARE = 1 / 3
"""Of the frames that the best receiver heard: of one that hears less the loud frames alone are known, not the level."""
UNHEARD_DBM = -100.0


class Frame(NamedTuple):
    """One advert of the tag at one receiver."""

    t: float
    receiver: str
    rssi: int


class Stand(NamedTuple):
    """When the installer was where, facing the zone's receiver or turned away from it."""

    zone: str
    spot: Spot
    way: Way
    since: float
    until: float


class Level(NamedTuple):
    """Median levels at one receiver, in dBm, with the body behind the tag and in front of it; one may be missing."""

    towards: float | None
    away: float | None

    @property
    def known(self) -> tuple[float, ...]:
        return tuple(level for level in self if level is not None)

    @property
    def centre(self) -> float:
        """The level halfway between both ways: a customer turns either."""
        return statistics.fmean(self.known)

    @property
    def body_db(self) -> float | None:
        """What the body takes, None where only one way is known."""
        return None if self.towards is None or self.away is None else abs(self.towards - self.away)


class Survey:
    """Frames in the order of time, and the stands among them."""

    def __init__(self, frames: Iterable[Frame], stands: Iterable[Stand]) -> None:
        self.frames = sorted(frames)
        self.stands = sorted(stands, key=lambda stand: stand.since)

    def during(self, stand: Stand) -> Sequence[Frame]:
        begin, end = (bisect_left(self.frames, t, key=lambda frame: frame.t) for t in (stand.since, stand.until))
        return self.frames[begin:end]

    def level(self, zone: str, spot: Spot, receiver: str) -> Level | None:
        """Return how loud the tag was at a receiver; None where that receiver did not hear enough of it."""
        level = Level(self._median(zone, spot, "towards", receiver), self._median(zone, spot, "away", receiver))
        return level if level.known else None

    def _median(self, zone: str, spot: Spot, way: Way, receiver: str) -> float | None:
        frames = [f for stand in self.stands if stand[:3] == (zone, spot, way) for f in self.during(stand)]
        heard = Counter(frame.receiver for frame in frames)
        if heard[receiver] < max(FEW_FRAMES, HEARD_SHARE * max(heard.values(), default=0)):
            return None
        return statistics.median(frame.rssi for frame in frames if frame.receiver == receiver)

    def seconds(self, zone: str, receivers: Sequence[str]) -> list[tuple[float, ...]]:
        """Return for each second in the zone's middle the median level at each of some receivers.

        One that heard nothing in a second in which another did is at `UNHEARD_DBM`.
        """
        found: list[tuple[float, ...]] = []
        for stand in self.stands:
            if stand.zone == zone and stand.spot == "middle":
                seconds: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
                for frame in self.during(stand):
                    seconds[int(frame.t - stand.since)][frame.receiver].append(frame.rssi)
                found += [tuple(_median(heard.get(name)) for name in receivers) for heard in seconds.values()]
        return found


def _median(levels: Sequence[int] | None) -> float:
    return statistics.median(levels) if levels else UNHEARD_DBM
