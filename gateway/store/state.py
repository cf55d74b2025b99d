"""The core's durable state as SQL: values by kind and key, each until its time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from gateway.events import StateRow
from gateway.store.database import Row, Statement, json_text

ALL = "SELECT kind, key, value, member, until FROM state ORDER BY kind, key"
OF_MEMBER = "SELECT kind, key, value, member, until FROM state WHERE member = ? ORDER BY kind, key"
OF_KIND = "SELECT kind, key, value, member, until FROM state WHERE kind = ? ORDER BY kind, key"
OLD = "SELECT kind, key FROM state WHERE until < ? LIMIT ?"


def put(rows: Iterable[StateRow]) -> list[Statement]:
    """Store rows; those without a value are removed."""
    rows = list(rows)
    return [
        *deleted([(row.kind, row.key) for row in rows if row.value is None]),
        Statement(
            "INSERT INTO state VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, key)"
            " DO UPDATE SET value = excluded.value, member = excluded.member, until = excluded.until",
            [(r.kind, r.key, json_text(r.value), r.member, r.until) for r in rows if r.value is not None],
        ),
    ]


def deleted(keys: Sequence[Row]) -> list[Statement]:
    """Remove rows, given as kind and key."""
    return [Statement("DELETE FROM state WHERE kind = ? AND key = ?", keys)]


def state_row(row: Row) -> StateRow:
    """Read a row. A value that rotted, and is no JSON any more, comes as the text that it is."""
    kind, key, text, member, until = row
    try:
        value = json.loads(text)
    except ValueError:
        value = str(text)
    return StateRow(kind, key, value, member, until)


def forgotten(member: str) -> Statement:
    """Remove every row about a member."""
    return Statement("DELETE FROM state WHERE member = ?", [(member,)])
