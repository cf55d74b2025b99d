"""What was heard of each member lately, as decisions are explained by it: receivers and bands, in memory alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from gateway.contract.reading import Json
from gateway.heard import Heard

BAND_DB = 10
GAP_S = 10.0  # without a frame, and the next begins a spell
MOST_SPELLS = 4  # of one member, the newest: each costs a decision some 25 bytes on the disk
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
    """Keeps a handful of spells for each member who is heard, and no more members than can be here.

    `door` names the receivers of door zones.
    """

    def __init__(self, door: Iterable[str]) -> None:
        self._door = frozenset(door)
        self._spells: OrderedDict[str, dict[_Band, _Spell]] = OrderedDict()  # finds its first at once

    def hear(self, heard: Heard) -> None:
        """Take a frame of a member."""
        band = heard.receiver, None if heard.rssi is None else heard.rssi // BAND_DB * BAND_DB
        spells = self._spells.get(heard.member)
        if spells is None:
            if len(self._spells) >= MOST_MEMBERS:
                self._spells.popitem(last=False)
            spells = self._spells[heard.member] = {}
        spell = spells.get(band)
        if spell is not None and heard.t <= spell.until + GAP_S:
            spell.take(heard.t)
            return
        spells[band] = _Spell(heard.t)
        if len(spells) > MOST_SPELLS:
            del spells[min(spells, key=lambda band: spells[band].until)]

    def told(self, member: str, t: float, *, zones: bool) -> list[Json]:
        """Return receiver, band, seconds before `t` of the first and last frame, and frames of each spell, in order.

        Without consent to zones, what the door's receivers heard is told alone.
        """
        return [
            [receiver, low, round(t - spell.since, 1), round(t - spell.until, 1), spell.frames]
            for (receiver, low), spell in sorted(self._spells.get(member, {}).items(), key=_order)
            if zones or receiver in self._door
        ]

    def forget(self, member: str) -> None:
        self._spells.pop(member, None)

    def clear(self) -> None:
        """Forget everybody, as at a start."""
        self._spells.clear()

    def redate(self, by_s: float) -> None:
        """Take that the clock was set by so much."""
        for spells in self._spells.values():
            for spell in spells.values():
                spell.since += by_s
                spell.until += by_s


def _order(item: tuple[_Band, _Spell]) -> tuple[float, float, str, int]:
    (receiver, low), spell = item
    return spell.since, spell.until, receiver, low or 0
