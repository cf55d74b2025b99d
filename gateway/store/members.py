"""Members as SQL: each is one JSON text under its id, sealed; who was erased leaves a keyed digest."""

from __future__ import annotations

import hmac
import struct
from collections.abc import AsyncIterator, Iterable, Sequence

from gateway.store.database import Database, Row, Statement
from gateway.store.sealing import Seals

ONE = "SELECT 1 FROM members WHERE id = ?"
FROM = "SELECT id, body FROM members WHERE id >= ? ORDER BY id LIMIT ?"
AFTER = "SELECT id, body FROM members WHERE id > ? ORDER BY id LIMIT ?"
NAMED = "SELECT id, body FROM members WHERE id IN (SELECT value FROM json_each(?))"
IDS = "SELECT id FROM members WHERE id > ? ORDER BY id LIMIT ?"
TOMBSTONES = "SELECT digest FROM tombstones"
WITHDRAWALS = "SELECT digest FROM tombstones WHERE length(digest) > 32"
COUNT = "SELECT count(*) FROM members"
SINCE = """
SELECT id, body, changed FROM members WHERE (changed, id) > (?, ?) ORDER BY changed, id LIMIT ?"""
VERSION = "SELECT value FROM meta WHERE name = 'members'"

CHUNK = 1000
"""How many are read or written at once, so that an alert need not wait long behind them."""

DIGEST_BYTES = 32

_PUT = """
INSERT INTO members VALUES (?, ?, coalesce((SELECT value FROM meta WHERE name = 'members'), 0))
ON CONFLICT (id) DO UPDATE SET body = excluded.body, changed = excluded.changed"""

_UNBURIED = "DELETE FROM tombstones WHERE digest BETWEEN ? AND ?"

_TIME = struct.Struct(">d")
_LAST = b"\xff" * _TIME.size

_CHANGED = Statement("UPDATE meta SET value = value + 1 WHERE name = 'members'")


Sealed = bytes | str
"""A member's text as it is kept; before there were seals it lay open."""


def sealed(seals: Seals, id_: str, text: str) -> bytes:
    return seals.seal(text.encode(), f"member {id_}")


def opened(seals: Seals, id_: str, body: Sealed) -> str | None:
    """Return a member's text; None where it was not sealed for that member, or the key is not there."""
    if isinstance(body, str):
        return body
    text = seals.open(body, f"member {id_}")
    return None if text is None else text.decode()


def put(rows: Sequence[tuple[str, str]], key: bytes, seals: Seals) -> list[Statement]:
    """Store members; one who was erased and is put again is erased no longer."""
    return [
        _CHANGED,
        Statement(_PUT, [(id_, sealed(seals, id_, text)) for id_, text in rows]),
        Statement(_UNBURIED, [(buried_as, buried_as + _LAST) for id_, _ in rows if (buried_as := digest(id_, key))]),
    ]


def erased(id_: str, key: bytes, withdrew: float | None) -> list[Statement]:
    """Remove a member's own row, and leave a tombstone, with the time at which the member withdrew, if so."""
    tombstone = digest(id_, key) + (b"" if withdrew is None else _TIME.pack(withdrew))
    return [
        Statement("DELETE FROM members WHERE id = ?", [(id_,)]),
        _CHANGED,
        buried([tombstone]),
    ]


def buried(digests: Iterable[bytes]) -> Statement:
    """Keep tombstones."""
    return Statement("INSERT OR IGNORE INTO tombstones VALUES (?)", [(each,) for each in digests])


def digest_of(tombstone: bytes) -> bytes:
    """Return whose tombstone it is."""
    return tombstone[:DIGEST_BYTES]


def withdrawn_at(tombstone: bytes) -> float:
    """Return when who has this tombstone of `WITHDRAWALS` withdrew, seconds since the epoch."""
    return float(_TIME.unpack(tombstone[DIGEST_BYTES:])[0])


def digest(id_: str, key: bytes) -> bytes:
    """Return a name for a member that only this gateway can make (HMAC-SHA256)."""
    return hmac.digest(key, id_.encode(), "sha256")


async def in_chunks(database: Database) -> AsyncIterator[list[Row]]:
    """Iterate over all members as id and sealed text, in the order of ids, many at a time."""
    last = ""
    while rows := await database.read(AFTER, last, CHUNK):
        yield rows
        last = rows[-1][0]


async def since(database: Database, number: int) -> AsyncIterator[list[Row]]:
    """Iterate over the members that changes after that number brought, as id and sealed text, many at a time."""
    after: tuple[int, str] = (number + 1, "")
    while rows := await database.read(SINCE, *after, CHUNK):
        yield [row[:2] for row in rows]
        after = rows[-1][2], rows[-1][0]


async def version(database: Database) -> int:
    """Return a number that is another one after any change of the members."""
    rows = await database.read(VERSION)
    return int(rows[0][0]) if rows else -1
