"""What was heard of each member lately, as decisions are explained by it: receivers and bands, in memory alone."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from gateway.configuration.config import Zone
from gateway.contract.reading import Json

BAND_DB = 10
GAP_S = 10.0  # without a frame, and the next begins a spell
MOST_FRAMES = 24  # of one member, the newest
MOST_SPELLS = 4  # of those: each costs a decision some 25 bytes on the disk

LOWEST, HIGHEST, PLACE = -512, 512, 1024
"""dBm that a row of frames has room for, and how far it is from the levels of one receiver to those of the next."""
NO_LEVEL = 256
MOST_NUMBERS = 2 * (MOST_FRAMES + 8)  # in a row: those of eight frames go at once

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
        frames = self._frames.get(member, _NONE)[-2 * MOST_FRAMES :]
        return [
            [receiver, low, round(t - spell.since, 1), round(t - spell.until, 1), spell.frames]
            for (receiver, low), spell in _spells(list(self._read(frames)))
            if zones or receiver in self._door
        ]

    def _read(self, frames: array[float]) -> Iterator[tuple[float, _Band]]:
        for t, number in zip(frames[::2], frames[1::2], strict=True):
            place, above = divmod(int(number) - LOWEST, PLACE)
            level = above + LOWEST
            yield t, (self._receivers[place // 2], None if level == NO_LEVEL else level // BAND_DB * BAND_DB)

    def forget(self, member: str) -> None:
        self._frames.pop(member, None)

    def clear(self) -> None:
        """Forget everybody, as at a start."""
        self._frames.clear()


_NONE: array[float] = array("d")


def receivers_of(zones: Iterable[Zone]) -> list[str]:
    """Return the receivers that hear zones, in their order in a row of frames."""
    return list(dict.fromkeys(hear.receiver for zone in zones for hear in zone.hear))


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
