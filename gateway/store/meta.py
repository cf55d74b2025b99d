"""What is known of a database as a whole, as SQL: single values by name."""

from __future__ import annotations

from typing import Any

from gateway.store.database import Database, Statement

_GET = "SELECT value FROM meta WHERE name = ?"
_SET = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


async def get(database: Database, name: str) -> Any:
    """Return a value, None where there is none. Raises StoreError."""
    rows = await database.read(_GET, name)
    return rows[0][0] if rows else None


def put(**values: object) -> Statement:
    return Statement(_SET, list(values.items()))


def first(**values: object) -> Statement:
    """Keep values where there are none yet."""
    return Statement("INSERT OR IGNORE INTO meta VALUES (?, ?)", list(values.items()))
