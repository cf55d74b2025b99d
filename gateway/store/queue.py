"""Which events wait to be sent. Pure; `Marks` is what of it the disk holds for a restart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from gateway.events import Priority

Place = tuple[int, int]
"""Priority and number of an event: its place in the queue."""

Cursor = tuple[int, ...]
"""For each priority, the last number that was read."""

START: Cursor = (0,) * len(Priority)

HELD_MOST = 100
"""Events that may stay behind while those after them count as sent, also after a restart."""


class Marks(NamedTuple):
    """What tells after a restart which events wait: of each priority those after its floor, and those that are held."""

    floors: Cursor = START
    held: tuple[Place, ...] = ()

    @classmethod
    def from_json(cls, value: list[list[Any]]) -> Marks:
        floors, held = value
        return cls(tuple(floors), tuple((priority, number) for priority, number in held))

    @property
    def lowest(self) -> int:
        """The number behind which all are that wait."""
        return min([*self.floors, *(number - 1 for _, number in self.held)])

    def allow(self, place: Place) -> bool:
        """Tell whether the event at a place waits."""
        return place[1] > self.floors[place[0]] or place in self.held


@dataclass(slots=True)
class Queue:
    """The places of events that wait, by priority and number. `last` is the highest number that is known."""

    last: int = 0
    _waiting: tuple[dict[int, float], ...] = field(default_factory=lambda: tuple({} for _ in Priority))
    _held: dict[Place, None] = field(default_factory=dict)

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
        for priority, number in places:
            if self._waiting[priority].pop(number, None) is not None:
                found.append((priority, number))
            self._held.pop((priority, number), None)
        return found

    def hold(self, place: Place) -> None:
        """Let an event stay behind: those after it may count as sent."""
        if place in self and len(self._held) < HELD_MOST:
            self._held[place] = None

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

    def marks(self) -> Marks:
        """Return what a restart needs."""
        return Marks(tuple(self._floor(priority) for priority in Priority), tuple(self._held))

    def _floor(self, priority: Priority) -> int:
        numbers = self._waiting[priority]
        return next((number - 1 for number in numbers if (priority, number) not in self._held), self.last)

    def _places(self, after: Cursor) -> Iterator[Place]:
        for priority, waiting in enumerate(self._waiting):
            for number in waiting:
                if number > after[priority]:
                    yield priority, number


def advanced(after: Cursor, place: Place) -> Cursor:
    """Return the cursor behind this place too."""
    priority, number = place
    return (*after[:priority], number, *after[priority + 1 :])
