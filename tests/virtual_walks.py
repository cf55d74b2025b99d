"""A shop made of numbers: people walk, their tags send, receivers hear; where everybody was is known.

Path loss, shadowing and fading follow the usual indoor models: log-distance loss, Gaussian shadowing in dB that
decorrelates with the distance walked (Gudmundson 1991), Rician fading on each of the three advertising channels, and
a body that takes up to `BODY_DB` away where it stands between tag and receiver.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gateway.configuration.config import Hear, Zone, ZoneKind
from gateway.heard import Heard
from rules.situation import Trust

POWER_DBM = -59.0  # at 1 m, the usual calibration of an iBeacon
EXPONENT = 2.2
SHADOW_DB = 4.0
SHADOW_M = 1.5  # distance that decorrelates shadowing to 1/e
RICE_K = 4.0  # power in the direct path over the power scattered
FADE_M = 0.06  # half a wavelength at 2.4 GHz
RESTLESS_M_PER_S = 0.02  # how fast the air changes around one who stands
BODY_DB = 8.0
FRONT_DB = 5.0  # what glass and brick take between the street (y < 0) and a receiver in the shop
SENSITIVITY_DBM = -95.0
SPEED_M_PER_S = (0.8, 1.4)

Point = tuple[float, float]


class Mast(NamedTuple):
    """A receiver and the zone around it: within `reach_m`, or, where that is None, all that is nearest to it."""

    receiver: str
    zone: str
    kind: ZoneKind
    at: Point
    reach_m: float | None = None


@dataclass(frozen=True, slots=True)
class Shop:
    """A floor plan. The street is where y < 0; the first mast's receiver also hears the pavement, `pavement_m` far."""

    masts: tuple[Mast, ...]
    pavement_m: float | None = None
    height_m: float = 1.0  # of receivers above the tags

    def zone_at(self, place: Point) -> str | None:
        """Return the zone that holds at `place`, which is the truth that presence has to find."""
        near = sorted(self.masts, key=lambda mast: math.dist(mast.at, place))
        for mast in near:
            if mast.reach_m is not None and math.dist(mast.at, place) <= mast.reach_m:
                return mast.zone
        if self.pavement_m is not None and place[1] < 0:
            return "pavement" if math.dist(self.masts[0].at, place) <= self.pavement_m else None
        return next((mast.zone for mast in near if mast.reach_m is None), None)

    def zones(self) -> tuple[Zone, ...]:
        """Return the configuration that an installer finds by walking the edge of each zone."""
        zones = [Zone(m.zone, m.kind, (Hear(m.receiver, self._edge_dbm(m.reach_m)),)) for m in self.masts]
        if self.pavement_m is not None:
            edge_dbm = self._edge_dbm(self.pavement_m) - FRONT_DB
            zones.insert(0, Zone("pavement", "outside", (Hear(self.masts[0].receiver, edge_dbm),)))
        return tuple(zones)

    def _edge_dbm(self, reach_m: float | None) -> float:
        if reach_m is None:
            return -90.0
        return float(round(mean_dbm(math.hypot(reach_m, self.height_m)) - BODY_DB / 2))


DOOR = Mast("door", "entrance", "door", (0.0, 0.3), 2.5)
SHELVES = (Mast("shelf-a", "shoes", "shelf", (-4.0, 6.0)), Mast("shelf-b", "coats", "shelf", (4.0, 6.0)))
SHOP = Shop((DOOR, *SHELVES), pavement_m=8.0)
CEILING = replace(SHOP, height_m=2.2)


@dataclass(frozen=True, slots=True)
class Air:
    """How a tag sends: an advert each `interval_s`, of which a receiver misses `loss`."""

    interval_s: float = 0.35
    loss: float = 0.15


AIR = Air()


class Stay(NamedTuple):
    """Walk to a place, then stand there."""

    at: Point
    seconds: float


class Stood(NamedTuple):
    """Where the walker stood, and from when until when."""

    zone: str | None
    since: float
    until: float


@dataclass(slots=True)
class Walk:
    """What was heard on one walk, and the truth: the walker's zone from each time on, and where the walker stood."""

    heard: list[Heard] = field(default_factory=list)
    truth: list[tuple[float, str | None]] = field(default_factory=list)
    stood: list[Stood] = field(default_factory=list)

    @property
    def ends(self) -> float:
        return self.heard[-1].t if self.heard else 0.0


def mean_dbm(distance_m: float) -> float:
    """Return the mean level at a distance."""
    return POWER_DBM - 10 * EXPONENT * math.log10(max(distance_m, 0.3))


@dataclass(slots=True)
class Link:
    """The air between one tag and one receiver."""

    mast: Mast
    rng: random.Random
    shadow: float = 0.0
    scatter: list[complex] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shadow = self.rng.gauss(0, SHADOW_DB)
        self.scatter = [self._scattered() for _ in range(3)]

    def _scattered(self) -> complex:
        return complex(self.rng.gauss(0, math.sqrt(0.5)), self.rng.gauss(0, math.sqrt(0.5)))

    def move(self, walked_m: float, seconds: float) -> None:
        """Let the tag move, and the air around it change."""
        keep = math.exp(-walked_m / SHADOW_M)
        self.shadow = keep * self.shadow + math.sqrt(1 - keep * keep) * self.rng.gauss(0, SHADOW_DB)
        keep = math.exp(-(walked_m + RESTLESS_M_PER_S * seconds) / FADE_M)
        rest = math.sqrt(1 - keep * keep)
        self.scatter = [keep * path + rest * self._scattered() for path in self.scatter]

    def level(self, place: Point, facing: float, height_m: float, channel: int) -> float:
        distance = math.hypot(math.dist(place, self.mast.at), height_m)
        away = math.atan2(self.mast.at[1] - place[1], self.mast.at[0] - place[0]) - facing
        body = BODY_DB * (1 - math.cos(away)) / 2
        field_strength = abs(math.sqrt(RICE_K / (RICE_K + 1)) + self.scatter[channel] / math.sqrt(RICE_K + 1))
        front = FRONT_DB if place[1] < 0 else 0.0
        return mean_dbm(distance) + self.shadow - body - front + 20 * math.log10(max(field_strength, 1e-3))


def walk(shop: Shop, start: Point, stays: Sequence[Stay], air: Air, rng: random.Random, member: str = "m") -> Walk:
    """Walk through `stays` and return all that the shop's receivers heard of the walker's tag."""
    made = Walk()
    links = [Link(mast, rng) for mast in shop.masts]
    send = rng.uniform(0, air.interval_s)
    step_s = 0.05
    worn = rng.uniform(-math.pi, math.pi)  # on which side of the body the tag is carried
    before = start
    for t, place, heading, staying in _path(start, stays, rng, step_s):
        zone = shop.zone_at(place)
        if not made.truth or made.truth[-1][1] != zone:
            made.truth.append((t, zone))
        if staying and (not made.stood or made.stood[-1].since != staying[0]):
            made.stood.append(Stood(zone, *staying))
        if t < send:
            continue
        send += air.interval_s + rng.uniform(0, 0.01)
        walked = math.dist(before, place)
        before = place
        channel = rng.randrange(3)
        for link in links:
            link.move(walked, air.interval_s)
            level = link.level(place, heading + worn, shop.height_m, channel) + rng.gauss(0, 1)
            heard = rng.random() > air.loss and rng.random() < 1 / (1 + math.exp(SENSITIVITY_DBM - level))
            if heard:
                made.heard.append(Heard(t, member, link.mast.receiver, "ble", round(level), Trust.HINT, "ibeacon"))
    return made


def _path(
    start: Point, stays: Sequence[Stay], rng: random.Random, step_s: float
) -> Iterator[tuple[float, Point, float, tuple[float, float] | None]]:
    """Yield time, place, heading and, while standing, from when until when."""
    t, place, heading = 0.0, start, 0.0
    for stay in stays:
        speed = rng.uniform(*SPEED_M_PER_S)
        while (left := math.dist(place, stay.at)) > 0.01:
            heading = math.atan2(stay.at[1] - place[1], stay.at[0] - place[0])
            stride = min(speed * step_s, left)
            place = (place[0] + stride * math.cos(heading), place[1] + stride * math.sin(heading))
            yield t, place, heading, None
            t += step_s
        arrived = t
        turn_at = t + rng.expovariate(1 / 5)
        while t < arrived + stay.seconds:
            if t >= turn_at:
                heading, turn_at = rng.uniform(-math.pi, math.pi), t + rng.expovariate(1 / 5)
            yield t, place, heading, (arrived, arrived + stay.seconds)
            t += step_s


def errand(shop: Shop, seed: int, air: Air = AIR) -> Walk:
    """Come in from the street, stop at the door for 4 s, then stand at two shelves."""
    rng = random.Random(seed)
    door = (rng.uniform(-0.7, 0.7), rng.uniform(0.1, 1.0))
    shelves = [(mast.at[0] + rng.uniform(-1, 1), mast.at[1] - 0.5 + rng.uniform(-1, 1)) for mast in shop.masts[1:]]
    stays = [Stay(door, 4.0), *(Stay(place, rng.uniform(15, 40)) for place in shelves)]
    return walk(shop, (rng.uniform(-6, 6), -6.0), stays, air, rng)


def passage(shop: Shop, seed: int, pause_s: float, air: Air = AIR) -> Walk:
    """Walk along the street, 1 to 2 m from the window; stop at it for `pause_s`, if that is not 0."""
    rng = random.Random(seed)
    side, y = rng.choice((-14.0, 14.0)), rng.uniform(-1.9, -1.1)
    pause = [Stay((rng.uniform(-0.7, 0.7), y), pause_s)] if pause_s else []
    return walk(shop, (side, y), [*pause, Stay((-side, y), 0.0)], air, rng)
