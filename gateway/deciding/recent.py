"""What was heard of each member lately, as decisions are explained by it: receivers and bands, in memory alone."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from gateway.configuration.config import Zone
from gateway.contract.reading import Json
from gateway.presence.frames import MOST_FRAMES, read_frames, receivers_of

BAND_DB = 10
GAP_S = 10.0  # without a frame, and the next begins a spell
MOST_SPELLS = 4  # of those: each costs a decision some 25 bytes on the disk

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
    """Tells the last frames of each member who is here; presence takes them."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        self._receivers = receivers_of(zones)
        self._door = frozenset(hear.receiver for zone in zones if zone.kind == "door" for hear in zone.hear)
        self._frames: dict[str, array[float]] = {}

    def keep(self, member: str, frames: array[float]) -> None:
        """Tell these frames of a member from now on."""
        self._frames[member] = frames

    def told(self, member: str, t: float, *, zones: bool) -> list[Json]:
        """Return receiver, band, seconds before `t` of the first and last frame, and frames of each spell, in order.

        Without consent to zones, what the door's receivers heard is told alone.
        """
        frames = read_frames(self._frames.get(member, _NONE)[-2 * MOST_FRAMES :], self._receivers)
        banded = [(t, (receiver, level and level // BAND_DB * BAND_DB)) for t, receiver, level in frames]
        return [
            [receiver, low, round(t - spell.since, 1), round(t - spell.until, 1), spell.frames]
            for (receiver, low), spell in _spells(banded)
            if zones or receiver in self._door
        ]

    def forget(self, member: str) -> None:
        self._frames.pop(member, None)


_NONE: array[float] = array("d")


def _spells(frames: list[tuple[float, _Band]]) -> list[tuple[_Band, _Spell]]:
    """Put frames together and return the newest spells, in order.

    Of frames of one moment, of which some may be forgotten, none counts.
    """
    spells: dict[_Band, _Spell] = {}
    forgotten = frames[0][0] if len(frames) == MOST_FRAMES else None
    for t, band in frames:
        if t == forgotten:
            continue
        spell = spells.get(band)
        if spell is not None and t <= spell.until + GAP_S:
            spell.take(t)
        else:
            spells[band] = _Spell(t)
    newest = sorted(spells.items(), key=lambda item: (item[1].until, *_order(item)))[-MOST_SPELLS:]
    return sorted(newest, key=_order)


def _order(item: tuple[_Band, _Spell]) -> tuple[float, float, str, int]:
    (receiver, low), spell = item
    return spell.since, spell.until, receiver, low or 0
