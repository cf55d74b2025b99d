"""The tables, as SQL.

Laid out for SD cards: what is written often is small and in the order of time, so that a batch dirties few pages.
An event is written once and queued by a trigger; sending it touches only the two narrow tables beside it.
"""

from __future__ import annotations

VERSION = 1

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS members (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;

-- Members who were erased, as keyed digests, to be applied again after a restore.
CREATE TABLE IF NOT EXISTS tombstones (digest BLOB PRIMARY KEY) WITHOUT ROWID;

-- `data` is null in a tombstone, and `gone` says why: expired, sacrificed or erased.
CREATE TABLE IF NOT EXISTS events (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, type TEXT NOT NULL, time REAL NOT NULL,
  sequence INTEGER NOT NULL, expires REAL NOT NULL, priority INTEGER NOT NULL, member TEXT, data TEXT, gone TEXT
);
CREATE INDEX IF NOT EXISTS events_by_sequence ON events (topic, sequence);

-- Events that are still to be sent, in the order of sending.
CREATE TABLE IF NOT EXISTS pending (
  priority INTEGER, number INTEGER, expires REAL NOT NULL, PRIMARY KEY (priority, number)
) WITHOUT ROWID;

-- Events that left the queue at `t`, sent or not.
CREATE TABLE IF NOT EXISTS done (number INTEGER PRIMARY KEY, t REAL NOT NULL);

CREATE TRIGGER IF NOT EXISTS queued AFTER INSERT ON events BEGIN
  INSERT INTO pending VALUES (new.priority, new.number, new.expires);
END;

CREATE TABLE IF NOT EXISTS decisions (
  t REAL, id TEXT, member TEXT NOT NULL, visit TEXT NOT NULL, rule TEXT NOT NULL, outcome TEXT NOT NULL,
  detail TEXT NOT NULL, event TEXT, subject TEXT, PRIMARY KEY (t, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS decisions_by_subject ON decisions (subject) WHERE subject IS NOT NULL;

CREATE TABLE IF NOT EXISTS state (
  kind TEXT, key TEXT, value TEXT NOT NULL, member TEXT, until REAL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
"""
