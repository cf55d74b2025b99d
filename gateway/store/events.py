"""Events as SQL: as they were committed, for a day after they were sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from gateway.contract.events import Gone
from gateway.events import Event, Priority, envelope
from gateway.store.database import Row, Statement
from gateway.store.packing import inflate, pack
from gateway.store.queue import Place

LAST = "SELECT coalesce(max(number), 0) FROM events"
WAITING = "SELECT priority, number, expires FROM events WHERE number > ? AND gone IS NULL ORDER BY number"
WAITING_AT = "SELECT * FROM events WHERE number IN (SELECT value FROM json_each(?)) AND gone IS NULL"
PLACES_OF_MEMBER = "SELECT priority, number FROM events WHERE member = ? AND topic GLOB ?"
BEHIND = "SELECT * FROM events WHERE number > ? ORDER BY number LIMIT ?"
OF_MEMBER = "SELECT * FROM events WHERE member = ? ORDER BY number"

# On a topic numbers and sequence rise together: the search goes back no further than to what was asked for.
SINCE = """
SELECT * FROM events WHERE topic = ? AND number > coalesce((
  SELECT number FROM events WHERE topic = ? AND sequence <= ? ORDER BY number DESC LIMIT 1
), 0) AND number NOT IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ?"""

# The newest event is never deleted, so that its number is not given again.
OLD = """
SELECT number FROM events WHERE number <= ? AND number < (SELECT max(number) FROM events)
AND number NOT IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ?"""

OUTLIVED = """
SELECT number FROM events WHERE expires < ? AND number < (SELECT max(number) FROM events)
AND number NOT IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ?"""

NEWEST_OUTLIVED = """
SELECT priority, number FROM events WHERE number = (SELECT max(number) FROM events) AND expires < ?
AND body IS NOT NULL AND number NOT IN (SELECT value FROM json_each(?))"""

PARTINGS = "SELECT priority, number FROM events WHERE topic = 'members' AND member IS NULL AND body IS NOT NULL"


class OutboxRow(NamedTuple):
    """An event as it is kept, column by column. `number` rises in the order of commits and is never given twice.

    `gone` says why it was never sent (`expired` ...); nothing of its data is left then.
    """

    number: int
    priority: int
    topic: str
    sequence: int
    type: str
    time: float
    expires: float
    member: str | None
    short_id: bytes | str
    packed: bytes | None
    gone: Gone | None

    @property
    def place(self) -> Place:
        return (self.priority, self.number)

    @property
    def event(self) -> Event:
        return Event(
            id=_long(self.short_id),
            topic=self.topic,
            type=self.type,
            time=self.time,
            sequence=self.sequence,
            data=msgspec.json.decode(self._data),
            expires=self.expires,
            priority=Priority(self.priority),
            member=self.member,
        )

    def body(self, source: str, timezone: ZoneInfo) -> bytes:
        """Return the same as `Event.body`, with the data as they lie there."""
        data = msgspec.Raw(self._data)
        said = envelope(_long(self.short_id), self.type, self.time, self.sequence, data, source, timezone)
        return msgspec.json.encode(said)

    @property
    def _data(self) -> bytes:
        return b"{}" if self.packed is None else inflate(self.packed)


class PastEvent(NamedTuple):
    """An event that left the queue; `gone` says why it was never sent (`expired` ...) and its data is then empty."""

    event: Event
    gone: Gone | None


def put(events: Iterable[Event], first: int) -> Statement:
    """Store events under numbers that rise from the first."""
    return Statement(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [
            (number, e.priority, e.topic, e.sequence, e.type, e.time, e.expires, e.member, _short(e.id), pack(e.data))
            for number, e in enumerate(events, first)
        ],
    )


def gone(places: Sequence[Place], why: str) -> Statement:
    """Make tombstones of events, which name nobody."""
    rows = [(why, number) for _, number in places]
    return Statement("UPDATE events SET body = NULL, member = NULL, gone = ? WHERE number = ?", rows)


def is_parting(event: Event) -> bool:
    """Tell whether an event says that a member is gone: nothing of it stays once it is sent."""
    return event.topic == "members" and event.member is None


def redated(places: Iterable[Place], by_s: float) -> Statement:
    """Move the expiry of events."""
    sql = "UPDATE events SET expires = expires + ? WHERE number IN (SELECT value FROM json_each(?))"
    return Statement(sql, [(by_s, numbers_of(places))])


def erased(member: str, topics: str) -> Statement:
    """Make tombstones of a member's events, sent ones too, on topics that match a pattern (GLOB)."""
    sql = "UPDATE events SET body = NULL, member = NULL, gone = 'erased' WHERE member = ? AND topic GLOB ?"
    return Statement(sql, [(member, topics)])


def deleted(numbers: Sequence[Row]) -> list[Statement]:
    """Delete events, given as rows of one number."""
    return [Statement("DELETE FROM events WHERE number = ?", numbers)]


def numbers_of(places: Iterable[Place]) -> str:
    """Return places as the parameter of a query over numbers."""
    return msgspec.json.encode([number for _, number in places]).decode()


def places(rows: Iterable[Row]) -> list[Place]:
    return [(row[0], row[1]) for row in rows]


def past_event(row: Row) -> PastEvent:
    kept = OutboxRow(*row)
    return PastEvent(kept.event, kept.gone)


def _short(id_: str) -> bytes | str:
    """Return the bytes of a UUID, and what is none as it is."""
    try:
        found = UUID(id_)
    except ValueError:
        return id_
    return found.bytes if str(found) == id_ else id_


def _long(kept: bytes | str) -> str:
    if isinstance(kept, str):
        return kept
    digits = kept.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
