"""Decisions as SQL: why a rule fired or did not, in the order of time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from gateway.events import DecisionRow
from gateway.store.database import Row, Statement, json_text

ALL = """
SELECT id, t, member, visit, rule, outcome, detail, event, subject FROM decisions
ORDER BY t DESC, id DESC LIMIT ?"""

OF_SUBJECT = """
SELECT id, t, member, visit, rule, outcome, detail, event, subject FROM decisions
WHERE subject = ? ORDER BY t DESC, id DESC LIMIT ?"""

OF_VISIT = """
SELECT id, t, member, visit, rule, outcome, detail, event, subject FROM decisions
WHERE visit = ? ORDER BY t DESC, id DESC LIMIT ?"""

OF_EVENT = """
SELECT id, t, member, visit, rule, outcome, detail, event, subject FROM decisions
WHERE event = ? AND t BETWEEN ? AND ? ORDER BY t DESC, id DESC LIMIT ?"""

SILENCES = """
SELECT rule, outcome, coalesce(detail ->> '$.line', 0), coalesce(detail ->> '$.reason', ''), count(*), max(t)
FROM decisions WHERE t >= ? AND outcome != 'fired' AND id NOT IN (SELECT value FROM json_each(?)) GROUP BY 1, 2, 3"""
"""By rule, outcome and line; the reason is that of the row with the latest time (sqlite.org/lang_select, 2.5)."""

OF_MEMBER = """
SELECT id, t, member, visit, rule, outcome, detail, event, subject FROM decisions
WHERE member = ? ORDER BY t, id"""

BEHIND = """
SELECT id, t, member, visit, rule, outcome, detail, event, subject FROM decisions
WHERE (t, id) > (?, ?) ORDER BY t, id LIMIT ?"""

RULE_TEXT = "rule"
"""The kind of state that keeps rules' texts, by their SHA-256 in hex, until the last decision goes that names it."""

OLD = "SELECT t, id FROM decisions WHERE t < ? ORDER BY t LIMIT ?"


def put(rows: Iterable[DecisionRow]) -> Statement:
    """Store decisions; one that is stored already stays as it is."""
    return Statement(
        "INSERT INTO decisions (id, t, member, visit, rule, outcome, detail, event, subject)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(d.id, d.t, d.member, d.visit, d.rule, d.outcome, json_text(d.detail), d.event, d.subject) for d in rows],
    )


def deleted(keys: Sequence[Row]) -> list[Statement]:
    """Delete decisions, given as time and id."""
    return [Statement("DELETE FROM decisions WHERE t = ? AND id = ?", keys)]


def forgotten(member: str) -> Statement:
    """Delete every decision about a member."""
    return Statement("DELETE FROM decisions WHERE member = ?", [(member,)])


def decision_row(row: Row) -> DecisionRow:
    id_, t, member, visit, rule, outcome, detail, event, subject = row
    return DecisionRow(id_, t, member, visit, rule, outcome, json.loads(detail), event, subject)
