"""Which events wait to be sent. Pure; `Marks` is what the disk holds of it for a restart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import NamedTuple

from gateway.events import Priority

Place = tuple[int, int]
"""Priority and number of an event: its place in the queue."""

Cursor = tuple[int, ...]
"""For each priority, the last number that was read."""

START: Cursor = (0,) * len(Priority)

Expiries = tuple[dict[int, float], ...]
"""For each priority, when events expire, by number."""


class Marks(NamedTuple):
    """What tells after a restart which events wait: of each priority those after its floor, and those that are held."""

    floors: Cursor = START
    held: frozenset[Place] = frozenset()

    @property
    def lowest(self) -> int:
        """The number behind which all are that wait."""
        return min([*self.floors, *(number - 1 for _, number in self.held)])

    def allow(self, place: Place) -> bool:
        """Tell whether the event at a place waits."""
        return place[1] > self.floors[place[0]] or place in self.held


class News(NamedTuple):
    """What the disk does not know yet: the floors where they moved, and which events are held, or no longer."""

    floors: Cursor | None
    held: dict[Place, bool]


@dataclass(slots=True)
class Queue:
    """The places of events that wait, by priority and number. `last` is the highest number that is known.

    Events that are held stay behind while those after them count as sent, also after a restart.
    """

    last: int = 0
    _waiting: Expiries = field(default_factory=lambda: tuple({} for _ in Priority))  # but for those that are held
    _held: Expiries = field(default_factory=lambda: tuple({} for _ in Priority))
    _kept: Cursor = START  # the floors on the disk
    _unkept: dict[Place, bool] = field(default_factory=dict)  # whether held, where the disk has it otherwise

    def __len__(self) -> int:
        return sum(map(len, self._waiting + self._held))

    def __iter__(self) -> Iterator[Place]:
        return self._places(START)

    def __contains__(self, place: Place) -> bool:
        return self.expires(place) is not None

    def add(self, place: Place, expires: float) -> None:
        """Queue an event; numbers rise."""
        priority, number = place
        self._waiting[priority][number] = expires
        self.last = max(self.last, number)

    def expires(self, place: Place) -> float | None:
        """Return when an event expires; None where it does not wait."""
        priority, number = place
        return self._waiting[priority].get(number, self._held[priority].get(number))

    def redate(self, by_s: float) -> None:
        """Move every expiry, where the clock was set by so much."""
        for expiries in self._waiting + self._held:
            for number in expiries:
                expiries[number] += by_s

    def remove(self, places: Iterable[Place]) -> list[Place]:
        """Take events off; return those that were there."""
        return [place for place in places if self._remove(place)]

    def _remove(self, place: Place) -> bool:
        priority, number = place
        if self._held[priority].pop(number, None) is not None:
            self._unkept[place] = False
            return True
        return self._waiting[priority].pop(number, None) is not None

    def hold(self, place: Place) -> None:
        """Let an event stay behind: those after it may count as sent."""
        priority, number = place
        expires = self._waiting[priority].pop(number, None)
        if expires is not None:
            self._held[priority][number] = expires
            self._unkept[place] = True

    def behind(self, after: Cursor, limit: int) -> list[Place]:
        """Return places behind a cursor, the first to be sent first."""
        return list(islice(self._places(after), limit))

    def expired(self, now: float) -> list[Place]:
        """Return what has expired, in the order in which it would be sent."""
        return sorted(
            (priority, number)
            for each in (self._waiting, self._held)
            for priority, expiries in enumerate(each)
            for number, expires in expiries.items()
            if expires <= now
        )

    def least(self, count: int, spared: Collection[Priority]) -> list[Place]:
        """Return the oldest of the least urgent, at most so many, and none of the priorities that are spared."""
        order = [priority for priority in reversed(Priority) if priority not in spared]
        return list(islice(((priority, number) for priority in order for number in self._numbers(priority)), count))

    def resume(self, marks: Marks) -> None:
        """Take from the disk what was marked."""
        for place in sorted(marks.held):
            self.hold(place)
        self._kept = marks.floors
        self._unkept = dict.fromkeys((place for place in marks.held if place not in self), False)

    @property
    def floors(self) -> Cursor:
        """For each priority, the number up to which nothing waits but what is held."""
        return tuple(self._floor(priority) for priority in Priority)

    def news(self) -> News:
        floors = self.floors
        return News(None if floors == self._kept else floors, dict(self._unkept))

    def keep(self, news: News) -> None:
        """Take it that the disk knows this."""
        self._kept = news.floors or self._kept
        for place, is_held in news.held.items():
            if self._unkept.get(place) is is_held:
                del self._unkept[place]

    def _floor(self, priority: Priority) -> int:
        return next(iter(self._waiting[priority]), self.last + 1) - 1

    def _places(self, after: Cursor) -> Iterator[Place]:
        return ((priority, number) for priority in Priority for number in self._numbers(priority, after[priority]))

    def _numbers(self, priority: Priority, after: int = 0) -> Iterator[int]:
        """Yield what waits of a priority behind a number, the oldest first."""
        held = sorted(self._held[priority])
        waiting = (number for number in self._waiting[priority] if number > after)
        return merge(waiting, held[bisect_right(held, after) :])
