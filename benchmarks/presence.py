"""Scores presence on simulated walks and, where HUSHBELL_CORPUS names them, on recorded rooms; prints the tables.

Run it from the project's root: `python benchmarks/presence.py [WALKS]`.
"""

from __future__ import annotations

import bisect
import gzip
import json
import math
import os
import random
import statistics
import sys
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from virtual_installer import survey  # noqa: E402
from virtual_walks import CEILING, SHOP, Air, Shop, Stood, Walk, errand, mean_dbm, passage  # noqa: E402

from benchmarks.hardships import hardships  # noqa: E402
from gateway.calibrate.levels import propose  # noqa: E402
from gateway.configuration.config import Hear, Zone  # noqa: E402
from gateway.heard import Heard  # noqa: E402
from gateway.presence.visits import Change, Presence  # noqa: E402
from rules.situation import Trust  # noqa: E402

LEAVE_S = 120.0
ROUGH_S = 10.0  # how far off a written itinerary may be
HEARD_WITHIN_S = 5.0
BRIEF_S = 3.0  # a zone that is merely crossed so fast needs no event
SETTLED_S = 5.0  # after arriving


class Where(NamedTuple):
    """What presence says at a moment."""

    zone: str | None
    confidence: float


def follow(
    zones: Sequence[Zone], frames: Iterable[Heard], moments: Iterable[float]
) -> tuple[list[Change], list[dict[str, Where]]]:
    """Play frames and return all changes, and where everybody was said to be at each moment."""
    presence = Presence(zones, LEAVE_S)
    changes: list[Change] = []
    said: list[dict[str, Where]] = []
    ahead = iter(sorted(moments))
    moment = next(ahead, None)
    for frame in frames:
        while moment is not None and moment < frame.t:
            changes += presence.advance(moment)
            said.append({member: Where(visit.zone, visit.confidence) for member, visit in presence.visits.items()})
            moment = next(ahead, None)
        changes += presence.hear(frame)
    while presence.deadline < math.inf:
        changes += presence.advance(presence.deadline)
    return changes, said


class Tenth(NamedTuple):
    """What was said with a confidence within one tenth: how often, the confidences summed, how often it was right."""

    said: int = 0
    told: float = 0.0
    right: int = 0

    def line(self) -> str:
        told, right = self.told / self.said, self.right / self.said
        return f"told {told:6.1%}  right {right:6.1%}  of {self.said:6d}"


@dataclass(slots=True)
class Reliability:
    """How often what was said with a confidence was right, by tenths."""

    tenths: dict[int, Tenth] = field(default_factory=dict)

    def add(self, confidence: float, right: bool) -> None:
        number = min(int(confidence * 10), 9)
        said, told, correct = self.tenths.get(number, Tenth())
        self.tenths[number] = Tenth(said + 1, told + confidence, correct + right)

    def share(self, low: float, high: float) -> float:
        """Return how often what was said with a confidence from `low` to `high` was right."""
        tenths = [self.tenths.get(number, Tenth()) for number in range(round(low * 10), round(high * 10))]
        return sum(tenth.right for tenth in tenths) / max(sum(tenth.said for tenth in tenths), 1)

    @property
    def error(self) -> float:
        """How far, on average, a confidence is off from how often it is right (expected calibration error)."""
        said = sum(tenth.said for tenth in self.tenths.values())
        return sum(abs(tenth.told - tenth.right) for tenth in self.tenths.values()) / max(said, 1)

    def lines(self) -> Iterator[str]:
        for number, tenth in sorted(self.tenths.items()):
            yield f"  {number / 10:.1f} to {(number + 1) / 10:.1f}  {tenth.line()}"
        yield f"  off by {self.error:.1%} on average"


# Recorded rooms


class Period(NamedTuple):
    """How one beacon fared in one room."""

    beacon: str
    room: str
    seconds: int
    named: int
    right: int


@dataclass(slots=True)
class Rooms:
    """How a recording fared. `legs` counts the walks between rooms; 0 where no itinerary was written down."""

    periods: list[Period]
    moves: dict[str, int]
    legs: dict[str, int]
    reliability: Reliability

    @property
    def named(self) -> float:
        return sum(p.named for p in self.periods) / max(sum(p.seconds for p in self.periods), 1)

    @property
    def right(self) -> float:
        return sum(p.right for p in self.periods) / max(sum(p.named for p in self.periods), 1)

    @property
    def moves_a_leg(self) -> float:
        return sum(self.moves[beacon] for beacon in self.legs) / max(sum(self.legs.values()), 1)

    def sparing(self, beacon: str | None) -> Rooms:
        """Return the score without the periods of one beacon."""
        periods = [period for period in self.periods if period.beacon != beacon]
        return Rooms(periods, self.moves, self.legs, self.reliability)


Itinerary = Mapping[str, Sequence[tuple[float, float, str]]]


def load_rooms(folder: Path, run: str) -> tuple[list[Heard], Itinerary]:
    """Read one recording: the carried beacons as members, by their minor, and where they were, if written down."""
    frames: list[Heard] = []
    for line in gzip.decompress((folder / f"{run}.sightings.jsonl.gz").read_bytes()).splitlines():
        seen: dict[str, Any] = json.loads(line)
        if not seen["uuid"].startswith("daf246ce-f2"):  # a receiver's own
            member = str(seen["minor"])
            frames.append(Heard(seen["t"], member, seen["receiver"], "ble", seen["rssi"], Trust.HINT, "ibeacon"))
    truth = folder / f"{run}.truth.json"
    return frames, json.loads(truth.read_text())["beacons"] if truth.exists() else {}


def score_rooms(frames: Sequence[Heard], itinerary: Itinerary, at_least: float = -100.0) -> Rooms:
    """Play a recording with one zone for each receiver, and compare with the itinerary for each settled second."""
    receivers = sorted({frame.receiver for frame in frames})
    zones = [Zone(receiver, "inside", (Hear(receiver, at_least),)) for receiver in receivers]
    seconds = range(int(frames[0].t), int(frames[-1].t))
    changes, said = follow(zones, frames, seconds)
    moves = Counter({frame.member: 0 for frame in frames})
    moves.update(change.visit.member for change in changes if change.what == "moved")
    reliability = Reliability()
    times: dict[str, list[float]] = defaultdict(list)
    for frame in frames:
        times[frame.member].append(frame.t)
    periods = [
        _score_period(beacon, period, sorted(times[beacon]), dict(zip(seconds, said, strict=False)), reliability)
        for beacon, stays in itinerary.items()
        for period in stays
    ]
    return Rooms(periods, dict(moves), {beacon: len(stays) - 1 for beacon, stays in itinerary.items()}, reliability)


def _score_period(
    beacon: str,
    period: tuple[float, float, str],
    times: Sequence[float],
    said: Mapping[int, Mapping[str, Where]],
    reliability: Reliability,
) -> Period:
    begins, ends, room = period
    seconds = named = right = 0
    for second in range(int(begins + ROUGH_S), int(ends - ROUGH_S)):
        newest = bisect.bisect(times, second) - 1
        if newest < 0 or second - times[newest] > HEARD_WITHIN_S:
            continue
        seconds += 1
        where = said.get(second, {}).get(beacon)
        if where and where.zone:
            named += 1
            right += where.zone == room
            reliability.add(where.confidence, where.zone == room)
    return Period(beacon, room, seconds, named, right)


# Simulated walks


@dataclass(slots=True)
class Walks:
    """How many walks fared. `delays_s` are from crossing into a zone to its event, inf where there was none."""

    walks: int = 0
    delays_s: list[float] = field(default_factory=list)
    switches: int = 0
    true_switches: int = 0
    door_stops: int = 0
    settled: int = 0
    named: int = 0
    right: int = 0
    events: Reliability = field(default_factory=Reliability)
    seconds: Reliability = field(default_factory=Reliability)

    def delay_s(self, share: float) -> float:
        ordered = sorted(self.delays_s)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def line(self) -> str:
        return (
            f"p50 {self.delay_s(0.5):4.1f} s  p90 {self.delay_s(0.9):4.1f} s  "
            f"switches {self.switches / self.walks:4.2f} of {self.true_switches / self.walks:4.2f}  "
            f"door stops seen {self.door_stops / self.walks:6.1%}  "
            f"named {self.named / self.settled:6.1%}  right {self.right / max(self.named, 1):6.1%}"
        )


def score_walks(shop: Shop, count: int, air: Air, zones: Sequence[Zone] = ()) -> Walks:
    """Play `count` errands and compare with the truth; the levels are those of `zones`, else the shop's own."""
    score = Walks()
    for seed in range(count):
        _score_walk(score, errand(shop, seed, air), zones or shop.zones())
    return score


def _score_walk(score: Walks, walk: Walk, zones: Sequence[Zone]) -> None:
    seconds = [(stood, second) for stood in walk.stood for second in _settled(stood)]
    changes, said = follow(zones, walk.heard, (second for _, second in seconds))
    held = [change for change in changes if change.what != "ended"]
    score.walks += 1
    score.switches += sum(change.what == "moved" for change in held)
    entered = [(t, zone) for t, zone in walk.truth if zone]
    score.true_switches += len(entered) - 1
    score.delays_s += [delay for delay in _delays(walk, held) if delay is not None]
    score.door_stops += _saw(held, walk.stood[0])
    for change in held:
        if change.zone:
            score.events.add(change.confidence, change.zone in _zones_during(walk, change.at, change.decided))
    for (stood, _), where in zip(seconds, said, strict=False):
        found = where.get("m")
        score.settled += 1
        if found and found.zone:
            score.named += 1
            score.right += found.zone == stood.zone
            score.seconds.add(found.confidence, found.zone == stood.zone)


def _settled(stood: Stood) -> Iterator[float]:
    second = stood.since + SETTLED_S
    while second < stood.until:
        yield second
        second += 1.0


def _zones_during(walk: Walk, begins: float, ends: float) -> set[str | None]:
    untils = [since for since, _ in walk.truth[1:]] + [math.inf]
    return {z for (since, z), until in zip(walk.truth, untils, strict=True) if since <= ends and until >= begins}


def _delays(walk: Walk, held: Sequence[Change]) -> Iterator[float | None]:
    """Give, for each zone entered for longer than a moment, how long its event took."""
    ends = [since for since, _ in walk.truth[1:]] + [walk.heard[-1].t]
    for (since, zone), until in zip(walk.truth, ends, strict=True):
        if zone is None or until - since < BRIEF_S:
            continue
        before = [change for change in held if change.decided <= since]
        if before and before[-1].zone == zone:
            yield 0.0
        else:
            after = [c.decided for c in held if c.zone == zone and since < c.decided < until + 6.0]
            yield after[0] - since if after else float("inf")


def _saw(held: Sequence[Change], stood: Stood) -> bool:
    """Tell whether the zone was held at some time of a stop in it, as known soon after."""
    for change, following in zip(held, [*held[1:], None], strict=True):
        left = following.at if following else float("inf")
        if change.zone == stood.zone and change.decided <= stood.until + 4.0 and left > stood.since:
            return True
    return False


def dwells(reach_m: float, pause_s: float, count: int, air: Air) -> list[float]:
    """Return how long each of `count` people seemed to be at a window of which the zone reaches `reach_m`."""
    found: list[float] = []
    shop = Shop(SHOP.masts, pavement_m=reach_m)
    zones = [zone for zone in shop.zones() if zone.kind == "outside"]
    for seed in range(count):
        changes, _ = follow(zones, passage(shop, seed, pause_s, air).heard, ())
        visits = [change.visit for change in changes if change.what == "ended"]
        found.append(max((visit.zone_heard - visit.zone_since for visit in visits), default=0.0))
    return found


# Costs


def cost(people: int) -> float:
    """Return what a frame of a present member costs, judgements included (us of CPU), `people` being present."""
    draw = random.Random(people)
    zones = SHOP.zones()
    presence = Presence(zones, LEAVE_S)
    members = [f"member-{number}" for number in range(people)]
    rounds = 14
    spent: list[float] = []
    for turn in range(rounds):
        frames = [
            Heard(turn + n / people, member, "door", "ble", round(draw.gauss(-58, 4)), Trust.HINT, "ibeacon")
            for n, member in enumerate(members)
        ]
        begun = time.process_time()
        for frame in frames:
            presence.hear(frame)
        spent.append((time.process_time() - begun) / people)
    return min(spent[rounds // 2 :]) * 1e6


def size(people: int, receivers: Sequence[str]) -> float:
    """Return the bytes that a present member takes, heard by `receivers`."""
    members = [f"member-{number}" for number in range(people)]
    tracemalloc.start()
    presence = Presence(SHOP.zones(), LEAVE_S)
    before = tracemalloc.get_traced_memory()[0]
    for turn in range(8):
        for number, member in enumerate(members):
            for receiver in receivers:
                t = turn * 0.5 + number * 1e-6
                presence.hear(Heard(t, member, receiver, "ble", -60, Trust.HINT, "ibeacon"))
    presence.advance(5.0)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return taken / people


# Tables

Say = Callable[[str], object]


def say_rooms(folder: Path, say: Say) -> None:
    for run in ("four-rooms-2015-03-07", "four-rooms-2015-03-13", "two-rooms-2015-03-03"):
        frames, itinerary = load_rooms(folder, run)
        for at_least in (-100.0, -95.0, -90.0):
            rooms = score_rooms(frames, itinerary, at_least)
            moves, legs = sum(rooms.moves.values()), sum(rooms.legs.values())
            say(f"{run}, at_least {at_least:.0f}: {moves} moves for {legs or 'unknown'} legs ({rooms.moves})\n")
            if itinerary:
                say(f"  named {rooms.named:.1%}, right {rooms.right:.2%}\n")
            if itinerary and at_least == -100.0:
                for p in rooms.periods:
                    say(f"  beacon {p.beacon} {p.room}: {p.seconds} s, named {p.named}, right {p.right}\n")
                say("".join(f"{line}\n" for line in rooms.reliability.lines()))


def say_hardships(folder: Path, say: Say) -> None:
    frames, itinerary = load_rooms(folder, "four-rooms-2015-03-07")
    for hard in hardships(sorted(itinerary), sorted({frame.receiver for frame in frames})):
        rooms = score_rooms(hard.make(frames), itinerary)
        say(f"{hard.name:32}  named {rooms.sparing(hard.doubtful).named:6.1%}  right {rooms.right:7.2%}  ")
        say(f"moves a leg {rooms.moves_a_leg:4.2f}\n")


def say_walks(count: int, say: Say) -> None:
    for name, shop in (("at 2 m", SHOP), ("at the ceiling", CEILING)):
        for air in (Air(), Air(1.0), Air(2.0), Air(0.35, 0.33)):
            score = score_walks(shop, count, air)
            say(f"{name}, {air.interval_s} s adverts, {air.loss:.0%} lost: {score.line()}\n")
            if shop is SHOP and air == Air():
                say("settled seconds, by confidence\n" + "".join(f"{line}\n" for line in score.seconds.lines()))
                say("events, by confidence\n" + "".join(f"{line}\n" for line in score.events.lines()))


def say_installers(count: int, say: Say) -> None:
    """Say how walks fare under the levels that `hushbell calibrate` proposes to twelve installers."""
    for name, shop in (("at 2 m", SHOP), ("at the ceiling", CEILING)):
        say(f"{name}, levels set by hand: {score_walks(shop, count, Air()).line()}\n")
        receivers = [mast.receiver for mast in shop.masts]
        for seed in range(12):
            zones = propose(shop.zones(), survey(shop, seed, 20.0), receivers)
            say(f"{name}, levels of installer {seed}: {score_walks(shop, count, Air(), zones).line()}\n")


def say_windows(count: int, say: Say) -> None:
    """Say how often who walks by is taken for one who stops, and the other way round, by the dwell asked for."""
    for reach_m in (2.5, 3.0, 4.0, 6.0):
        by, stops, stays = (dwells(reach_m, pause_s, count, Air()) for pause_s in (0.0, 5.0, 10.0))
        medians = " ".join(f"{statistics.median(found):.1f}" for found in (by, stops, stays))
        say(f"zone of {reach_m} m ({mean_dbm(reach_m):.0f} dBm): median dwells {medians} s\n")
        for dwell_s in (3, 5, 7, 8, 10):
            taken, missed, overlooked = (sum(d >= dwell_s for d in found) / count for found in (by, stops, stays))
            say(f"  dwell of {dwell_s:2d} s: walks by and is taken for stopping {taken:6.1%}  ")
            say(f"stops for 5 s and is missed {1 - missed:6.1%}  for 10 s {1 - overlooked:6.1%}\n")


def main(arguments: Sequence[str]) -> int:
    say = sys.stdout.write
    count = int(arguments[0]) if arguments else 600
    corpus = os.environ.get("HUSHBELL_CORPUS")
    if corpus:
        say_rooms(Path(corpus) / "room-beacons", say)
        say_hardships(Path(corpus) / "room-beacons", say)
    else:
        say("recorded rooms: left out, HUSHBELL_CORPUS is not set\n")
    say_walks(count, say)
    say_installers(count // 6, say)
    say_windows(count, say)
    for people in (100, 10_000, 100_000):
        say(f"a frame of one of {people} present members: {cost(people):.2f} us\n")
    for receivers in (["door"], ["door", "shelf-a", "shelf-b"]):
        say(f"a present member heard by {len(receivers)} receivers: {size(2000, receivers):.0f} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
