"""The outbox as SQL: events are queued as they are stored, leave the queue when sent, and stay for a day after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.events import Event, Priority
from gateway.store.database import Row, Statement, json_text

Place = tuple[int, int]
"""Priority and number of an event: its place in the queue."""

Cursor = tuple[int, ...]
"""For each priority, the last number that was read."""

START: Cursor = (0,) * len(Priority)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that waits to be sent. `number` rises in the order of commits and is never given twice."""

    number: int
    event: Event

    @property
    def place(self) -> Place:
        return (self.event.priority, self.number)


class PastEvent(NamedTuple):
    """An event that left the queue; `gone` says why it was never sent (`expired` ...) and its data is then empty."""

    event: Event
    gone: str | None


_PENDING_OF_ONE_PRIORITY = """
SELECT * FROM (
  SELECT number, id, topic, type, time, sequence, data, events.expires, events.priority, member
  FROM pending JOIN events USING (number)
  WHERE pending.priority = ? AND pending.number > ? ORDER BY pending.number LIMIT ?
)"""

PENDING = " UNION ALL ".join([_PENDING_OF_ONE_PRIORITY] * len(Priority)) + " LIMIT ?"
UNSENT = "SELECT count(*) FROM pending"
EXPIRED = "SELECT priority, number FROM pending WHERE expires <= ? LIMIT ?"
SACRIFICE = "SELECT priority, number FROM pending WHERE priority > ? ORDER BY priority DESC, number LIMIT ?"

SINCE = """
SELECT number, id, topic, type, time, sequence, data, expires, priority, member, gone FROM events
WHERE topic = ? AND sequence > ? AND NOT EXISTS (
  SELECT 1 FROM pending WHERE pending.priority = events.priority AND pending.number = events.number
) ORDER BY sequence LIMIT ?"""

# The newest event is never deleted, so that its number is not given again.
OLD = """
SELECT number FROM done WHERE number < (SELECT max(number) FROM events)
AND (t < ? OR number <= (SELECT max(number) FROM done) - ?) ORDER BY number LIMIT ?"""


def put(events: Iterable[Event]) -> Statement:
    """Store events and queue them; one that is stored already stays as it is."""
    return Statement(
        "INSERT INTO events (id, topic, type, time, sequence, expires, priority, member, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        [
            (e.id, e.topic, e.type, e.time, e.sequence, e.expires, e.priority, e.member, json_text(e.data))
            for e in events
        ],
    )


def pending(after: Cursor, limit: int) -> tuple[str, list[int]]:
    """Return the query for what is queued behind a cursor, the first to be sent first."""
    parameters = [value for priority in Priority for value in (priority, after[priority], limit)]
    return PENDING, [*parameters, limit]


def advanced(after: Cursor, row: OutboxRow) -> Cursor:
    """Return the cursor behind this row too."""
    priority, number = row.place
    return (*after[:priority], number, *after[priority + 1 :])


def sent(places: Sequence[Place], now: float) -> list[Statement]:
    """Take events off the queue."""
    return [
        Statement("DELETE FROM pending WHERE priority = ? AND number = ?", places),
        Statement("INSERT OR IGNORE INTO done VALUES (?, ?)", [(number, now) for _, number in places]),
    ]


def gone(places: Sequence[Place], why: str, now: float) -> list[Statement]:
    """Take events off the queue and make tombstones of them, which name nobody."""
    return [
        *sent(places, now),
        Statement(
            "UPDATE events SET data = NULL, member = NULL, gone = ? WHERE number = ?",
            [(why, number) for _, number in places],
        ),
    ]


def erased(member: str, now: float) -> list[Statement]:
    """Take a member's events off the queue and make tombstones of them, sent ones too; the first counts the queued."""
    return [
        Statement("DELETE FROM pending WHERE number IN (SELECT number FROM events WHERE member = ?)", [(member,)]),
        Statement("INSERT OR IGNORE INTO done SELECT number, ? FROM events WHERE member = ?", [(now, member)]),
        Statement("UPDATE events SET data = NULL, gone = 'erased', member = NULL WHERE member = ?", [(member,)]),
    ]


def deleted(numbers: Sequence[Row]) -> list[Statement]:
    """Delete events that left the queue, given as rows of one number."""
    return [
        Statement("DELETE FROM events WHERE number = ?", numbers),
        Statement("DELETE FROM done WHERE number = ?", numbers),
    ]


def outbox_row(row: Row) -> OutboxRow:
    number, id_, topic, type_, time, sequence, data, expires, priority, member = row
    body = json.loads(data) if data is not None else {}
    return OutboxRow(number, Event(id_, topic, type_, time, sequence, body, expires, Priority(priority), member))


def past_event(row: Row) -> PastEvent:
    return PastEvent(outbox_row(row[:-1]).event, row[-1])
