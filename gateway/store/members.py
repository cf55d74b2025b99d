"""Members as SQL: each is one JSON text under its id; who was erased leaves a keyed digest."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from gateway.store.database import Statement

ONE = "SELECT 1 FROM members WHERE id = ?"
AFTER = "SELECT id, body FROM members WHERE id > ? ORDER BY id LIMIT ?"
VERSION = "SELECT value FROM meta WHERE name = 'members'"
ERASED = "SELECT 1 FROM tombstones WHERE digest = ?"

_CHANGED = Statement("UPDATE meta SET value = value + 1 WHERE name = 'members'")


def put(rows: Sequence[tuple[str, str]], key: bytes) -> list[Statement]:
    """Store members; one who was erased and is put again is erased no longer."""
    return [
        Statement("INSERT INTO members VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", rows),
        Statement("DELETE FROM tombstones WHERE digest = ?", [(digest(id_, key),) for id_, _ in rows]),
        _CHANGED,
    ]


def removed(id_: str) -> list[Statement]:
    """Remove a member's row, and with it the keys."""
    return [Statement("DELETE FROM members WHERE id = ?", [(id_,)]), _CHANGED]


def erased(id_: str, key: bytes) -> list[Statement]:
    """Remove every row about a member but for queued events, and leave a tombstone."""
    return [
        *removed(id_),
        Statement("DELETE FROM state WHERE member = ?", [(id_,)]),
        Statement("DELETE FROM decisions WHERE member = ?", [(id_,)]),
        Statement("INSERT OR IGNORE INTO tombstones VALUES (?)", [(digest(id_, key),)]),
    ]


def digest(id_: str, key: bytes) -> bytes:
    """Return a name for a member that only this gateway can make (HMAC-SHA256)."""
    return hmac.digest(key, id_.encode(), "sha256")
