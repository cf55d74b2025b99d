"""The tables, as SQL, and what brings a database of an earlier version to this one.

Laid out for SD cards, which wear by the block: a commit appends to two tables and touches nothing else. What it brings
beside events waits in `changes` until it is folded into tables of its own, many commits at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.store.packing import inflate, pack

PAGE_BYTES = 1024
"""Small, for a commit is small: what it writes is whole pages."""

_MEMBERS = (
    # `body` is sealed. `changed` is the number of the change that brought the row, so that whoever follows reads what
    # is new and no more.
    "CREATE TABLE members (id TEXT PRIMARY KEY, body BLOB NOT NULL, changed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE INDEX members_by_change ON members (changed)",
    # Whoever missed that the key was changed, and whoever would store a text that is open to all, is refused.
    """CREATE TRIGGER members_are_put_sealed BEFORE INSERT ON members
    WHEN substr(new.body, 1, 4) != (SELECT value FROM meta WHERE name = 'sealing')
    BEGIN SELECT RAISE(ABORT, 'the key was changed: begin anew'); END""",
    """CREATE TRIGGER members_stay_sealed BEFORE UPDATE OF body ON members
    WHEN substr(new.body, 1, 4) != (SELECT value FROM meta WHERE name = 'sealing')
    BEGIN SELECT RAISE(ABORT, 'the key was changed: begin anew'); END""",
)

# In the order of commits. `body` is the data, packed; it is null in a tombstone, and `gone` says why: expired,
# sacrificed or erased.
_EVENTS = """CREATE TABLE events (
  number INTEGER PRIMARY KEY, priority INTEGER NOT NULL, topic TEXT NOT NULL, sequence INTEGER NOT NULL,
  type TEXT NOT NULL, time REAL NOT NULL, expires REAL NOT NULL, member TEXT, id NOT NULL, body BLOB, gone TEXT
)"""

# What commits brought beside events, packed, and not yet folded into `decisions` and `state`.
_CHANGES = "CREATE TABLE changes (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"

# Holds zeros for a moment, to overwrite what was deleted.
_SCRATCH = "CREATE TABLE scratch (zeros BLOB)"

TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    *_MEMBERS,
    # Members who were erased, as keyed digests, to be applied again after a restore. Behind the 32 bytes of the digest
    # is the time, in 8, where the member withdrew at a gateway's page.
    "CREATE TABLE tombstones (digest BLOB PRIMARY KEY) WITHOUT ROWID",
    _EVENTS,
    _CHANGES,
    """CREATE TABLE decisions (
      t REAL, id TEXT, member TEXT NOT NULL, visit TEXT NOT NULL, rule TEXT NOT NULL, outcome TEXT NOT NULL,
      detail TEXT NOT NULL, event TEXT, subject TEXT, PRIMARY KEY (t, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX decisions_by_subject ON decisions (subject) WHERE subject IS NOT NULL",
    """CREATE TABLE state (
      kind TEXT, key TEXT, value TEXT NOT NULL, member TEXT, until REAL, PRIMARY KEY (kind, key)
    ) WITHOUT ROWID""",
    _SCRATCH,
)

_SEALED_MEMBERS = (
    "ALTER TABLE members RENAME TO members_1",
    *_MEMBERS,
    "INSERT INTO members SELECT id, body, 0 FROM members_1",
    "DROP TABLE members_1",
)

_PACKED_EVENTS = (
    "DROP TRIGGER queued",
    "ALTER TABLE events RENAME TO events_1",
    _EVENTS,
    """INSERT INTO events
    SELECT number, priority, topic, sequence, type, time, expires, member, id, packed(data), gone FROM events_1""",
    # All count as sent, but for those that are held.
    """INSERT INTO state SELECT 'outbox', 'floors', json_array(last, last, last), NULL, NULL
    FROM (SELECT coalesce(max(number), 0) AS last FROM events)""",
    "INSERT INTO state SELECT 'outbox', 'held ' || number, priority, NULL, NULL FROM pending",
    "DROP TABLE events_1",
    "DROP TABLE pending",
    "DROP TABLE done",
    _CHANGES,
    _SCRATCH,
)

_A_ROW_FOR_EACH_VISIT = (
    """INSERT INTO state SELECT 'history', alias, json_object(
      'visit', alias, 'started', t, 'ended', t, 'passed', json(passed), 'stops', json('[]')
    ), member, until
    FROM (
      SELECT 'v-' || row_number() OVER () AS alias, time.value AS t, member, until,
        iif(times.key = 'passes', 'true', 'false') AS passed
      FROM state, json_each(state.value) AS times, json_each(times.value) AS time WHERE kind = 'history'
    )""",
    "DELETE FROM state WHERE kind = 'history' AND json_type(value, '$.visits') IS NOT NULL",
)

_FOLDED = (
    """INSERT OR REPLACE INTO state
    SELECT each.value ->> 0, each.value ->> 1, each.value -> 2, each.value ->> 3, each.value ->> 4
    FROM changes, json_each(unpacked(body), '$[0]') AS each ORDER BY number, each.id""",
    "DELETE FROM state WHERE value = 'null'",
    """INSERT OR IGNORE INTO decisions
    SELECT each.value ->> 1, each.value ->> 0, each.value ->> 2, each.value ->> 3, each.value ->> 4, each.value ->> 5,
      each.value -> 6, each.value ->> 7, each.value ->> 8
    FROM changes, json_each(unpacked(body), '$[1]') AS each ORDER BY number, each.id""",
    "DELETE FROM changes",
)

_STATE_AS_IT_IS_READ = (
    """INSERT OR IGNORE INTO state SELECT 'outbox', 'held ' || (place.value ->> 1), place.value -> 0, NULL, NULL
    FROM state, json_each(state.value, '$[1]') AS place WHERE state.kind = 'outbox' AND state.key = 'sent'""",
    """INSERT OR IGNORE INTO state SELECT 'outbox', 'floors', value -> 0, NULL, NULL FROM state
    WHERE kind = 'outbox' AND key = 'sent'""",
    "DELETE FROM state WHERE kind = 'outbox' AND key = 'sent'",
    """UPDATE state SET value = json_set(
      json_remove(value, '$.visit.alias'), '$.arrived', iif(value ->> 'arrived', value ->> 'since', NULL)
    ) WHERE kind = 'visit' AND json_type(value, '$.arrived') IN ('true', 'false')""",
    # What was counted by the day says nothing of the week that caps look back on.
    "DELETE FROM state WHERE kind = 'ledger' AND json_type(value, '$.touched') IS NULL",
)

MIGRATIONS: Mapping[int, Sequence[str]] = {
    2: (*_SEALED_MEMBERS, *_PACKED_EVENTS, *_A_ROW_FOR_EACH_VISIT),
    3: (*_FOLDED, *_STATE_AS_IT_IS_READ),
}
"""For each version what brings a database of the one before to it; it stays as it is, whatever comes later."""

VERSION = max(MIGRATIONS)

FUNCTIONS: Mapping[str, Callable[[Any], str | bytes | None]] = {
    "packed": lambda data: None if data is None else pack(msgspec.json.decode(data)),
    "unpacked": lambda body: inflate(body).decode(),
}
"""What migrations call, each of one value."""


def statements(version: int) -> list[str]:
    """Return what brings a database of a version, 0 for an empty one, to the present version."""
    if version == 0:
        return [*TABLES]
    return [sql for number in range(version + 1, VERSION + 1) for sql in MIGRATIONS[number]]
