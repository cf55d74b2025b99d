"""Makes a recording of rooms worse in ways in which another one could be: louder, thinner, later, deafer, doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from random import Random
from typing import NamedTuple, Protocol

from gateway.heard import Heard

SAME_ADVERT_S = 0.02


class Hardship(Protocol):
    def __call__(self, frames: Sequence[Heard]) -> list[Heard]: ...


class Hard(NamedTuple):
    """A hardship by name, and the member whom it makes hard to place, if it is one."""

    name: str
    make: Hardship
    doubtful: str | None = None


def louder(frames: Sequence[Heard], db: int) -> list[Heard]:
    return [_by(frame, db) for frame in frames]


def beacons_unlike(frames: Sequence[Heard], spread_db: float, seed: int) -> list[Heard]:
    draw = Random(seed)
    off = {member: draw.gauss(0, spread_db) for member in sorted({frame.member for frame in frames})}
    return [_by(frame, off[frame.member]) for frame in frames]


def receivers_unlike(frames: Sequence[Heard], spread_db: float, seed: int) -> list[Heard]:
    draw = Random(seed)
    off = {receiver: draw.gauss(0, spread_db) for receiver in _receivers(frames)}
    return [_by(frame, off[frame.receiver]) for frame in frames]


def faded(frames: Sequence[Heard], spread_db: float, seed: int) -> list[Heard]:
    draw = Random(seed)
    return [_by(frame, draw.gauss(0, spread_db)) for frame in frames]


def lossy(frames: Sequence[Heard], lost: float, seed: int, receiver: str | None = None) -> list[Heard]:
    """Lose a share of frames, at one receiver or at all."""
    draw = Random(seed)
    return [frame for frame in frames if receiver not in (None, frame.receiver) or draw.random() >= lost]


def sparse(frames: Sequence[Heard], every_s: float) -> list[Heard]:
    """Leave one advert of each beacon in so long, as all receivers heard it."""
    first: dict[tuple[str, int], float] = {}
    return [f for f in frames if f.t - first.setdefault((f.member, int(f.t / every_s)), f.t) < SAME_ADVERT_S]


def clock_off(frames: Sequence[Heard], receiver: str, by_s: float) -> list[Heard]:
    """Let one receiver's clock be off; frames come in the order in which they were sent."""
    return [frame._replace(t=frame.t + by_s) if frame.receiver == receiver else frame for frame in frames]


def out_of_order(frames: Sequence[Heard], within_s: float, seed: int) -> list[Heard]:
    """Let each frame come late by anything up to so long."""
    draw = Random(seed)
    return sorted(frames, key=lambda frame: frame.t + draw.uniform(0, within_s))


def on_a_boundary(frames: Sequence[Heard], member: str, other: str, louder_db: float, seed: int) -> list[Heard]:
    """Let another receiver hear one beacon as loudly as the room's own does, to half a decibel or so."""
    draw = Random(seed)
    made: list[Heard] = []
    for frame in frames:
        made.append(frame)
        if frame.member == member and frame.receiver != other and draw.random() < 0.8:
            made.append(_by(frame, louder_db + draw.gauss(0, 2.0))._replace(receiver=other))
    return made


def through_walls(frames: Sequence[Heard], wall_db: float, seed: int) -> list[Heard]:
    """Turn all beacons up by 10 dB, so that each other receiver hears them too, by a wall and some luck weaker."""
    draw = Random(seed)
    receivers = _receivers(frames)
    members = sorted({frame.member for frame in frames})
    luck = {(member, receiver): draw.gauss(0, 4.0) for member in members for receiver in receivers}
    made: list[Heard] = []
    for frame in frames:
        loud = _by(frame, 10)
        made.append(loud)
        for receiver in receivers:
            weak = _by(loud, luck[frame.member, receiver] - wall_db + draw.gauss(0, 4.0))._replace(receiver=receiver)
            if receiver != frame.receiver and (weak.rssi or 0) >= -99 and draw.random() < 0.7:
                made.append(weak)
    return made


def hardships(members: Sequence[str], receivers: Sequence[str]) -> Iterator[Hard]:
    """Yield all that a recording of these is put through; seeded, so that they are the same each time."""
    yield Hard("as recorded", partial(louder, db=0))
    for db in (-5, 15):
        yield Hard(f"all beacons {db:+d} dB", partial(louder, db=db))
    for seed in range(3):
        yield Hard(f"beacons that differ by 4 dB, {seed}", partial(beacons_unlike, spread_db=4.0, seed=seed))
        yield Hard(f"receivers that differ by 3 dB, {seed}", partial(receivers_unlike, spread_db=3.0, seed=seed))
        yield Hard(f"10 dB louder, walls of 12 dB, {seed}", partial(through_walls, wall_db=12.0, seed=seed))
    for spread_db in (2.0, 4.0):
        yield Hard(f"{spread_db:.0f} dB more fading", partial(faded, spread_db=spread_db, seed=1))
    for lost in (0.3, 0.6, 0.9):
        yield Hard(f"{lost:.0%} lost", partial(lossy, lost=lost, seed=1))
    for every_s in (0.5, 1.0, 2.0):
        yield Hard(f"an advert in {every_s} s", partial(sparse, every_s=every_s))
    yield Hard("out of order by up to 2 s", partial(out_of_order, within_s=2.0, seed=1))
    for receiver in receivers:
        yield Hard(f"{receiver} misses a third", partial(lossy, lost=1 / 3, seed=1, receiver=receiver))
        for by_s in (-2.0, 2.0):
            yield Hard(f"{receiver}'s clock off by {by_s:+.0f} s", partial(clock_off, receiver=receiver, by_s=by_s))
    for member in members:
        boundary = partial(on_a_boundary, member=member, other=receivers[-1], louder_db=0.5, seed=1)
        yield Hard(f"beacon {member} alike at {receivers[-1]}", boundary, doubtful=member)


def _receivers(frames: Sequence[Heard]) -> list[str]:
    return sorted({frame.receiver for frame in frames})


def _by(frame: Heard, db: float) -> Heard:
    return frame._replace(rssi=None if frame.rssi is None else round(frame.rssi + db))
