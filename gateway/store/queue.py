"""Which events wait to be sent. Pure; `Marks` is what the disk holds of it for a restart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from gateway.events import Priority

Place = tuple[int, int]
"""Priority and number of an event: its place in the queue."""

Cursor = tuple[int, ...]
"""For each priority, the last number that was read."""

START: Cursor = (0,) * len(Priority)


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
    _waiting: tuple[dict[int, float], ...] = field(default_factory=lambda: tuple({} for _ in Priority))
    _held: set[Place] = field(default_factory=set)
    _kept: Cursor = START  # the floors on the disk
    _unkept: dict[Place, bool] = field(default_factory=dict)  # whether held, where the disk has it otherwise

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def __iter__(self) -> Iterator[Place]:
        return self._places(START)

    def __contains__(self, place: Place) -> bool:
        return place[1] in self._waiting[place[0]]

    def add(self, place: Place, expires: float) -> None:
        """Queue an event; numbers rise."""
        priority, number = place
        self._waiting[priority][number] = expires
        self.last = max(self.last, number)

    def expires(self, place: Place) -> float | None:
        """Return when an event expires; None where it does not wait."""
        return self._waiting[place[0]].get(place[1])

    def redate(self, by_s: float) -> None:
        """Move every expiry, where the clock was set by so much."""
        for waiting in self._waiting:
            for number in waiting:
                waiting[number] += by_s

    def remove(self, places: Iterable[Place]) -> list[Place]:
        """Take events off; return those that were there."""
        found = []
        for place in places:
            if self._waiting[place[0]].pop(place[1], None) is not None:
                found.append(place)
            if place in self._held:
                self._held.remove(place)
                self._unkept[place] = False
        return found

    def hold(self, place: Place) -> None:
        """Let an event stay behind: those after it may count as sent."""
        if place in self and place not in self._held:
            self._held.add(place)
            self._unkept[place] = True

    def behind(self, after: Cursor, limit: int) -> list[Place]:
        """Return places behind a cursor, the first to be sent first."""
        return list(islice(self._places(after), limit))

    def expired(self, now: float) -> list[Place]:
        return [
            (priority, number)
            for priority, waiting in enumerate(self._waiting)
            for number, expires in waiting.items()
            if expires <= now
        ]

    def least(self, count: int, spared: Collection[Priority]) -> list[Place]:
        """Return the oldest of the least urgent, at most so many, and none of the priorities that are spared."""
        order = [priority for priority in reversed(Priority) if priority not in spared]
        return list(islice(((priority, number) for priority in order for number in self._waiting[priority]), count))

    def resume(self, marks: Marks) -> None:
        """Take from the disk what was marked."""
        for place in marks.held:
            self.hold(place)
        self._kept = marks.floors
        self._unkept = dict.fromkeys(marks.held - self._held, False)

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
        numbers = self._waiting[priority]
        return next((number - 1 for number in numbers if (priority, number) not in self._held), self.last)

    def _places(self, after: Cursor) -> Iterator[Place]:
        for priority, waiting in enumerate(self._waiting):
            for number in waiting:
                if number > after[priority]:
                    yield priority, number
