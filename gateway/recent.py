"""What was heard of each member lately, as decisions are explained by it: receivers and bands, in memory alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from gateway.contract.reading import Json
from gateway.heard import Heard

BAND_DB = 10
GAP_S = 10.0  # without a frame, and the next begins a spell
MOST_FRAMES = 24  # of one member, the newest
MOST_SPELLS = 4  # of those: each costs a decision some 25 bytes on the disk
MOST_MEMBERS = 10_000

_Band = tuple[str, int | None]
"""A receiver and the lowest dBm of a band; None where it is connected and has no level."""


class _Spell:
    """Frames that one receiver heard in one band. Times are seconds since the epoch."""

    __slots__ = ("frames", "since", "until")

    def __init__(self, t: float) -> None:
        self.since = self.until = t
        self.frames = 1

    def take(self, t: float) -> None:
        self.since, self.until = min(self.since, t), max(self.until, t)
        self.frames += 1


class Recent:
    """Keeps the last frames of each member who is heard, and of no more members than can be here.

    `door` names the receivers of door zones.
    """

    def __init__(self, door: Iterable[str]) -> None:
        self._door = frozenset(door)
        self._frames: OrderedDict[str, deque[Heard]] = OrderedDict()  # finds its first at once

    def hear(self, heard: Heard) -> None:
        """Take a frame of a member."""
        frames = self._frames.get(heard.member)
        if frames is None:
            if len(self._frames) >= MOST_MEMBERS:
                self._frames.popitem(last=False)
            frames = self._frames[heard.member] = deque(maxlen=MOST_FRAMES)
        frames.append(heard)

    def told(self, member: str, t: float, *, zones: bool) -> list[Json]:
        """Return receiver, band, seconds before `t` of the first and last frame, and frames of each spell, in order.

        Without consent to zones, what the door's receivers heard is told alone.
        """
        return [
            [receiver, low, round(t - spell.since, 1), round(t - spell.until, 1), spell.frames]
            for (receiver, low), spell in _spells(self._frames.get(member, deque()))
            if zones or receiver in self._door
        ]

    def forget(self, member: str) -> None:
        self._frames.pop(member, None)

    def clear(self) -> None:
        """Forget everybody, as at a start."""
        self._frames.clear()

    def redate(self, by_s: float) -> None:
        """Take that the clock was set by so much."""
        for member, frames in self._frames.items():
            dated = (heard._replace(t=heard.t + by_s) for heard in frames)
            self._frames[member] = deque(dated, MOST_FRAMES)


def _spells(frames: deque[Heard]) -> list[tuple[_Band, _Spell]]:
    """Put frames together and return the newest spells, in order.

    Of frames of one moment, of which some may be forgotten, none counts.
    """
    spells: dict[_Band, _Spell] = {}
    forgotten = frames[0].t if len(frames) == MOST_FRAMES else None
    for heard in frames:
        if heard.t == forgotten:
            continue
        band = heard.receiver, None if heard.rssi is None else heard.rssi // BAND_DB * BAND_DB
        spell = spells.get(band)
        if spell is not None and heard.t <= spell.until + GAP_S:
            spell.take(heard.t)
        else:
            spells[band] = _Spell(heard.t)
    newest = sorted(spells.items(), key=lambda item: (item[1].until, *_order(item)))[-MOST_SPELLS:]
    return sorted(newest, key=_order)


def _order(item: tuple[_Band, _Spell]) -> tuple[float, float, str, int]:
    (receiver, low), spell = item
    return spell.since, spell.until, receiver, low or 0
