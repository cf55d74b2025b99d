"""An installer who walks a simulated shop with a tag and stands where `hushbell calibrate` says."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import get_args

from virtual_walks import AIR, SENSITIVITY_DBM, Air, Link, Mast, Point, Shop

from gateway.calibrate.survey import Frame, Spot, Stand, Survey, Way

SPEED_M_PER_S = 0.5  # to and fro
STRETCH_M = 1.5
NEAR_M = 0.4  # from an edge, where one stands at it
FAR = 0.75  # of the greatest distance from the receiver, where the edge is far
OFTEN = 400


def survey(shop: Shop, seed: int, seconds: float = 15.0, air: Air = AIR) -> Survey:
    """Return what was heard of a tag worn on any side, in each zone: its middle and its edge, towards and away."""
    rng = random.Random(seed)
    worn = rng.uniform(-math.pi, math.pi)
    frames: list[Frame] = []
    stands: list[Stand] = []
    t = 0.0
    for zone, mast in _zones(shop):
        for spot in get_args(Spot):
            places = list(_places(shop, zone, mast, spot, rng))
            for way in get_args(Way):
                stands.append(Stand(zone, spot, way, t, t + seconds))
                turned = worn + (math.pi if way == "away" else 0.0)
                frames += (f._replace(t=t + f.t) for f in _heard(shop, mast, places, turned, seconds, air, rng))
                t += seconds + 5.0
    return Survey(frames, stands)


def _zones(shop: Shop) -> Iterator[tuple[str, Mast]]:
    if shop.pavement_m is not None:
        yield "pavement", shop.masts[0]
    yield from ((mast.zone, mast) for mast in shop.masts)


def _places(shop: Shop, zone: str, mast: Mast, spot: Spot, rng: random.Random) -> Iterator[Point]:
    """Yield places of a zone, near each other: about where customers stand, or along its far edge."""
    around = (mast.at[0], mast.at[1] - (2.3 if zone == "pavement" else 0.5 if mast.kind == "shelf" else -0.3))
    if spot == "middle":
        found = [(around[0] + rng.uniform(-1, 1), around[1] + rng.uniform(-1, 1)) for _ in range(OFTEN)]
    else:
        reach = 10.0
        found = [(mast.at[0] + rng.uniform(-reach, reach), rng.uniform(-8.0, 9.0)) for _ in range(20 * OFTEN)]
        found = [place for place in found if shop.zone_at(place) == zone and _at_an_edge(shop, zone, place)]
        farthest = max(math.dist(place, mast.at) for place in found)
        found = [place for place in found if math.dist(place, mast.at) >= FAR * farthest]
    found = [place for place in found if shop.zone_at(place) == zone]
    anchor = found[0]
    yield from (place for place in found if math.dist(place, anchor) <= STRETCH_M)


def _at_an_edge(shop: Shop, zone: str, place: Point) -> bool:
    steps = ((NEAR_M * math.cos(n * math.pi / 4), NEAR_M * math.sin(n * math.pi / 4)) for n in range(8))
    return any(shop.zone_at((place[0] + x, place[1] + y)) != zone for x, y in steps)


def _heard(
    shop: Shop, mast: Mast, places: list[Point], turned: float, seconds: float, air: Air, rng: random.Random
) -> Iterator[Frame]:
    """Yield what is heard of a tag that is carried to and fro among places for some seconds."""
    links = [Link(each, rng) for each in shop.masts]
    place, goal = places[0], rng.choice(places)
    t = rng.uniform(0, air.interval_s)
    while t < seconds:
        stride = min(SPEED_M_PER_S * air.interval_s, math.dist(place, goal))
        bearing = math.atan2(goal[1] - place[1], goal[0] - place[0])
        place = (place[0] + stride * math.cos(bearing), place[1] + stride * math.sin(bearing))
        goal = rng.choice(places) if math.dist(place, goal) < 0.01 else goal
        facing = math.atan2(mast.at[1] - place[1], mast.at[0] - place[0]) + turned
        channel = rng.randrange(3)
        for link in links:
            link.move(stride, air.interval_s)
            level = link.level(place, facing, shop.height_m, channel) + rng.gauss(0, 1)
            if rng.random() > air.loss and rng.random() < 1 / (1 + math.exp(SENSITIVITY_DBM - level)):
                yield Frame(t, link.mast.receiver, round(level))
        t += air.interval_s
