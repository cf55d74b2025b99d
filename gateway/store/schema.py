"""The tables, as SQL.

Laid out for SD cards, which wear by the block: a commit appends to two tables and touches nothing else. What it brings
beside events waits in `changes` until it is folded into tables of its own, many commits at a time.
"""

from __future__ import annotations

VERSION = 2

PAGE_BYTES = 1024
"""Small, for a commit is small: what it writes is whole pages."""

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

-- `body` is sealed. `changed` is the number of the change that brought the row, so that whoever follows reads what is
-- new and no more.
CREATE TABLE IF NOT EXISTS members (
  id TEXT PRIMARY KEY, body BLOB NOT NULL, changed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_by_change ON members (changed);

-- Whoever missed that the key was changed, and whoever would store a text that is open to all, is refused.
CREATE TRIGGER IF NOT EXISTS members_are_put_sealed BEFORE INSERT ON members
WHEN substr(new.body, 1, 4) != (SELECT value FROM meta WHERE name = 'sealing')
BEGIN SELECT RAISE(ABORT, 'the key was changed: begin anew'); END;
CREATE TRIGGER IF NOT EXISTS members_stay_sealed BEFORE UPDATE OF body ON members
WHEN substr(new.body, 1, 4) != (SELECT value FROM meta WHERE name = 'sealing')
BEGIN SELECT RAISE(ABORT, 'the key was changed: begin anew'); END;

-- Members who were erased, as keyed digests, to be applied again after a restore. Behind the 32 bytes of the digest is
-- the time, in 8, where the member withdrew at a gateway's page.
CREATE TABLE IF NOT EXISTS tombstones (digest BLOB PRIMARY KEY) WITHOUT ROWID;

-- In the order of commits. `body` is the data, packed; it is null in a tombstone, and `gone` says why: expired,
-- sacrificed or erased.
CREATE TABLE IF NOT EXISTS events (
  number INTEGER PRIMARY KEY, priority INTEGER NOT NULL, topic TEXT NOT NULL, sequence INTEGER NOT NULL,
  type TEXT NOT NULL, time REAL NOT NULL, expires REAL NOT NULL, member TEXT, id NOT NULL, body BLOB, gone TEXT
);

-- What commits brought beside events, packed, and not yet folded into the tables below.
CREATE TABLE IF NOT EXISTS changes (number INTEGER PRIMARY KEY, body BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS decisions (
  t REAL, id TEXT, member TEXT NOT NULL, visit TEXT NOT NULL, rule TEXT NOT NULL, outcome TEXT NOT NULL,
  detail TEXT NOT NULL, event TEXT, subject TEXT, PRIMARY KEY (t, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS decisions_by_subject ON decisions (subject) WHERE subject IS NOT NULL;

CREATE TABLE IF NOT EXISTS state (
  kind TEXT, key TEXT, value TEXT NOT NULL, member TEXT, until REAL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- Holds zeros for a moment, to overwrite what was deleted.
CREATE TABLE IF NOT EXISTS scratch (zeros BLOB);
"""
