"""Finds decisions: those in their table, and those that are not folded into it yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.events import DecisionRow
from gateway.store import decisions
from gateway.store.database import Database, Row, json_text


class Silent(NamedTuple):
    """How often a rule said no for one reason; `reason` is the latest, of the time `t`."""

    rule: str
    outcome: str
    line: int
    reason: str
    times: int
    t: float


async def of_subject(
    database: Database, unfolded: Iterable[DecisionRow], subject: str, limit: int
) -> list[DecisionRow]:
    """Return the decisions about an alert or offer, the newest first."""
    rows = await database.read(decisions.OF_SUBJECT, subject, limit)
    return _merged([row for row in unfolded if row.subject == subject], rows)[:limit]


async def of_visit(database: Database, unfolded: Iterable[DecisionRow], visit: str, limit: int) -> list[DecisionRow]:
    """Return the decisions of a visit, the newest first."""
    rows = await database.read(decisions.OF_VISIT, visit, limit)
    return _merged([row for row in unfolded if row.visit == visit], rows)[:limit]


async def newest(database: Database, unfolded: Iterable[DecisionRow], limit: int) -> list[DecisionRow]:
    """Return decisions, the newest first."""
    return _merged(unfolded, await database.read(decisions.ALL, limit))[:limit]


async def of_event(database: Database, unfolded: Iterable[DecisionRow], event: str) -> list[DecisionRow]:
    """Return the decision that an event came of; the event's id has its time (RFC 9562, section 5.7)."""
    try:
        t = (UUID(event).int >> 80) / 1000
    except ValueError:
        return []
    rows = await database.read(decisions.OF_EVENT, event, t - 1, t + 1, 1)
    return _merged([row for row in unfolded if row.event == event], rows)


def _merged(unfolded: Iterable[DecisionRow], rows: Sequence[Row]) -> list[DecisionRow]:
    found = {row.id: row for row in (*unfolded, *map(decisions.decision_row, rows))}
    return sorted(found.values(), key=lambda row: (row.t, row.id), reverse=True)


async def silences(database: Database, unfolded: Iterable[DecisionRow], since: float) -> list[Silent]:
    """Count who said no since a time, by rule, outcome and line, the most frequent first.

    Each row counts once, whether it is folded before, meanwhile or later.
    """
    waiting = [row for row in unfolded if row.t >= since and row.outcome != "fired"]
    ids = json_text([row.id for row in waiting])
    kept = [Silent(*row) for row in await database.read(decisions.SILENCES, since, ids)]
    return counted([*kept, *map(_silent, waiting)])


def _silent(row: DecisionRow) -> Silent:
    return Silent(row.rule, row.outcome, row.detail.get("line", 0), row.detail.get("reason", ""), 1, row.t)


def counted(found: Iterable[Silent]) -> list[Silent]:
    """Add up what is said by the same rule for the same reason, the most frequent first."""
    sums: dict[tuple[str, str, int], Silent] = {}
    for each in found:
        key = (each.rule, each.outcome, each.line)
        before = sums.get(key)
        if before:
            latest = max(before, each, key=lambda silent: silent.t)
            each = latest._replace(times=before.times + each.times)
        sums[key] = each
    return sorted(sums.values(), key=lambda silent: (-silent.times, silent.rule))


def counted_rows(rows: Iterable[DecisionRow]) -> list[Silent]:
    """Count the silences among decisions."""
    return counted(_silent(row) for row in rows if row.outcome != "fired")
