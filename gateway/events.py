"""What is said and what is kept: events (CloudEvents 1.0), decisions and durable state, as one step decided them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gateway.contract.events import Event as Envelope
from gateway.contract.reading import Json


class Priority(IntEnum):
    """What goes first, and what is sacrificed last, when the outbox is full."""

    ALERT = 0  # alerts, offers, security
    VISIT = 1
    COUNT = 2


@dataclass(frozen=True, slots=True)
class Event:
    """One message to come, whole: `data` is final and `sequence` is this event's number on its topic.

    `topic` is relative to the root, such as `alerts/floor`. An event that is not on the wire at `expires`
    (seconds since the epoch) is dropped instead of being sent late.
    """

    id: str
    topic: str
    type: str
    time: float
    sequence: int
    data: dict[str, Json]
    expires: float
    priority: Priority
    member: str | None = None  # whom it is about, for erasure; never sent

    def body(self, source: str, timezone: ZoneInfo) -> bytes:
        """Return the structured-mode JSON envelope (CloudEvents 1.0, JSON format 1.0.2, section 3)."""
        return msgspec.json.encode(self.envelope(source, timezone))

    def envelope(self, source: str, timezone: ZoneInfo) -> Envelope:
        return envelope(self.id, self.type, self.time, self.sequence, self.data, source, timezone)


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """Why a rule fired or did not, for `explain`. `event` is the id of what it raised, else None."""

    id: str
    t: float
    member: str
    visit: str
    rule: str
    outcome: str  # `fired` or the word of the reason why not
    detail: dict[str, Json]
    event: str | None = None
    subject: str | None = None  # the alert's or offer's own id, as `explain` is asked for it


@dataclass(frozen=True, slots=True)
class StateRow:
    """One piece of the core's durable state; `value` None removes it. Kept no longer than `until`."""

    kind: str  # visit, history, ledger, alert, sequence ...
    key: str
    value: Json
    member: str | None = None
    until: float | None = None


@dataclass(slots=True)
class Outcome:
    """What one step of the core decided; committed whole, or not at all."""

    events: list[Event] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    state: dict[tuple[str, str], StateRow] = field(default_factory=dict)  # by kind and key, the last one counts

    def __bool__(self) -> bool:
        return bool(self.events or self.decisions or self.state)

    def put(self, row: StateRow) -> None:
        self.state[row.kind, row.key] = row

    def merge(self, other: Outcome) -> None:
        self.events += other.events
        self.decisions += other.decisions
        self.state |= other.state


def envelope(id_: str, type_: str, t: float, sequence: int, data: Any, source: str, timezone: ZoneInfo) -> Envelope:
    """Return what is sent of an event; `data` is an object, or one that is JSON already (`msgspec.Raw`)."""
    return Envelope(
        id=id_,
        source=source,
        type=type_,
        time=rfc3339(t, timezone),
        sequence=str(sequence).zfill(16),
        data=data,
    )


def rfc3339(t: float, timezone: ZoneInfo) -> str:
    """Write seconds since the epoch as RFC 3339 with milliseconds and the shop's offset."""
    minute, ms = divmod(floor(t) * 1000 + round(t % 1 * 1e6) // 1000, 60_000)
    before, behind = _around_seconds(minute, timezone)
    return f"{before}{ms // 1000:02d}.{ms % 1000:03d}{behind}"


@lru_cache(maxsize=256)
def _around_seconds(minute: int, timezone: ZoneInfo) -> tuple[str, str]:
    """Write what stands before and behind the seconds of a minute since the epoch: no zone's offset has any."""
    text = datetime.fromtimestamp(60 * minute, timezone).isoformat()
    return text[:17], text[19:]
