"""The last frames of a member in a row of numbers: of each its time, and a number for its receiver and its level."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from gateway.configuration.config import Zone

MOST_FRAMES = 24  # of one member, the newest
MOST_NUMBERS = 2 * (MOST_FRAMES + 8)  # in a row: those of eight frames go at once

LOWEST, HIGHEST, PLACE = -512, 512, 1024
"""dBm that a row has room for, and how far it is from the levels of one receiver to those of the next."""
NO_LEVEL = 256


def receivers_of(zones: Iterable[Zone]) -> list[str]:
    """Return the receivers that hear zones, in their order in a row."""
    return list(dict.fromkeys(hear.receiver for zone in zones for hear in zone.hear))


def read_frames(row: array[float], receivers: Sequence[str]) -> Iterator[tuple[float, str, int | None]]:
    """Yield the time, the receiver and the level of each frame; None where it is connected and has no level."""
    for t, number in zip(row[::2], row[1::2], strict=True):
        place, above = divmod(int(number) - LOWEST, PLACE)
        level = above + LOWEST
        yield t, receivers[place // 2], None if level == NO_LEVEL else level
