"""Databases as earlier versions left them, as SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.store.packing import pack

GATEWAY_KEY = b"\x11" * 32
GRAVE = b"\x22" * 32

VERSION_1 = """
PRAGMA journal_mode = WAL;
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE members (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tombstones (digest BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE events (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, type TEXT NOT NULL, time REAL NOT NULL,
  sequence INTEGER NOT NULL, expires REAL NOT NULL, priority INTEGER NOT NULL, member TEXT, data TEXT, gone TEXT
);
CREATE INDEX events_by_sequence ON events (topic, sequence);
CREATE TABLE pending (
  priority INTEGER, number INTEGER, expires REAL NOT NULL, PRIMARY KEY (priority, number)
) WITHOUT ROWID;
CREATE TABLE done (number INTEGER PRIMARY KEY, t REAL NOT NULL);
CREATE TRIGGER queued AFTER INSERT ON events BEGIN
  INSERT INTO pending VALUES (new.priority, new.number, new.expires);
END;
CREATE TABLE decisions (
  t REAL, id TEXT, member TEXT NOT NULL, visit TEXT NOT NULL, rule TEXT NOT NULL, outcome TEXT NOT NULL,
  detail TEXT NOT NULL, event TEXT, subject TEXT, PRIMARY KEY (t, id)
) WITHOUT ROWID;
CREATE INDEX decisions_by_subject ON decisions (subject) WHERE subject IS NOT NULL;
CREATE TABLE state (
  kind TEXT, key TEXT, value TEXT NOT NULL, member TEXT, until REAL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""

VERSION_2 = """
PRAGMA page_size = 1024;
PRAGMA journal_mode = WAL;
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE members (
  id TEXT PRIMARY KEY, body BLOB NOT NULL, changed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX members_by_change ON members (changed);
CREATE TRIGGER members_are_put_sealed BEFORE INSERT ON members
WHEN substr(new.body, 1, 4) != (SELECT value FROM meta WHERE name = 'sealing')
BEGIN SELECT RAISE(ABORT, 'the key was changed: begin anew'); END;
CREATE TRIGGER members_stay_sealed BEFORE UPDATE OF body ON members
WHEN substr(new.body, 1, 4) != (SELECT value FROM meta WHERE name = 'sealing')
BEGIN SELECT RAISE(ABORT, 'the key was changed: begin anew'); END;
CREATE TABLE tombstones (digest BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE events (
  number INTEGER PRIMARY KEY, priority INTEGER NOT NULL, topic TEXT NOT NULL, sequence INTEGER NOT NULL,
  type TEXT NOT NULL, time REAL NOT NULL, expires REAL NOT NULL, member TEXT, id NOT NULL, body BLOB, gone TEXT
);
CREATE TABLE changes (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE decisions (
  t REAL, id TEXT, member TEXT NOT NULL, visit TEXT NOT NULL, rule TEXT NOT NULL, outcome TEXT NOT NULL,
  detail TEXT NOT NULL, event TEXT, subject TEXT, PRIMARY KEY (t, id)
) WITHOUT ROWID;
CREATE INDEX decisions_by_subject ON decisions (subject) WHERE subject IS NOT NULL;
CREATE TABLE state (
  kind TEXT, key TEXT, value TEXT NOT NULL, member TEXT, until REAL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE scratch (zeros BLOB);
PRAGMA user_version = 2;
"""

T = 1763791200.5
DAY_S = 86400.0

VISIT: dict[str, Any] = {
    "visit": {
        "member": "m-0001",
        "started": T,
        "zone": "entrance",
        "kind": "door",
        "zone_since": T + 2,
        "kind_since": T + 2,
        "last_heard": T + 3,
        "trust": 1,
        "credential": "ibeacon",
        "held_door": True,
        "held_inside": False,
        "route": [["pavement", T], ["entrance", T + 2]],
    },
    "alias": "v-a",
    "since": T,
    "arrived": True,
}
"""An open visit as versions 1 and 2 kept it, but for what version 1 kept twice."""

LEDGER = {"day": 739577, "visits": [["v-a", 739577, ["alert floor"], {"returning-member": 1}]], "days": {}}
ALERT = {"id": "a-1", "group": "floor", "visit": "v-a", "member": "m-0001", "expires": T + 60, "claimed_by": None}
DETAIL = {
    "trigger": "arrived",
    "zone": "entrance",
    "at": T,
    "trust": "hint",
    "credential": "ibeacon",
    "reason": "",
    "file": "rules.yaml",
    "line": 4,
}

ALIVE = ("alive", "", T, None, None)
LEDGER_ROW = ("ledger", "m-0001", LEDGER, "m-0001", 4e9)
ALERT_ROW = ("alert", "a-1", ALERT, "m-0001", T + 60)

TOPICS = [("visits", 1), ("visits", 1), ("crowd", 2), ("alerts/floor", 0)]
SENT = (1, 4)

DECISION = ("d-1", T, "m-0001", "v-a", "returning-member", "fired", DETAIL, None, "a-1")

PUT_STATE = "INSERT INTO state VALUES (?, ?, ?, ?, ?)"
PUT_META = "INSERT INTO meta VALUES (?, ?)"


def event_id(number: int) -> str:
    return f"01936f5e-7b1c-7d20-9c55-{number:012d}"


def event_data(number: int) -> dict[str, object]:
    return {"zone": "entrance", "number": number}


def make_version_1(file: Path, people: Iterable[tuple[str, str]]) -> None:
    """Begin a database as version 1 did, with members, four events of which two wait, a decision and state."""
    visit = {**VISIT, "visit": {"alias": "v-a", **VISIT["visit"]}}
    history = {"visits": [T - 9 * DAY_S, T - DAY_S], "passes": [T - 2 * DAY_S]}
    state = [
        ("sequence", "visits", 2, None, None),
        ALIVE,
        LEDGER_ROW,
        ALERT_ROW,
        ("visit", "m-0001", visit, "m-0001", None),
        ("history", "m-0001", history, "m-0001", T + 90 * DAY_S),
    ]
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.executescript(VERSION_1)
        old.executemany(PUT_META, [("gateway_key", GATEWAY_KEY), ("run", 3), ("members", 7)])
        old.executemany("INSERT INTO members VALUES (?, ?)", people)
        old.execute("INSERT INTO tombstones VALUES (?)", (GRAVE,))
        old.executemany(
            "INSERT INTO events (id, topic, type, time, sequence, expires, priority, member, data)"
            " VALUES (?, ?, 'hushbell.visit.started', ?, ?, 4e9, ?, 'm-0001', ?)",
            [
                (event_id(number), topic, T + number, number, priority, json.dumps(event_data(number)))
                for number, (topic, priority) in enumerate(TOPICS, 1)
            ],
        )
        old.executemany("DELETE FROM pending WHERE number = ?", [(number,) for number in SENT])
        old.executemany("INSERT INTO done VALUES (?, ?)", [(number, T + number) for number in SENT])
        old.executemany(PUT_STATE, [(kind, key, json.dumps(value), *more) for kind, key, value, *more in state])
        id_, t, *middle, detail, event, subject = DECISION
        old.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (t, id_, *middle, json.dumps(detail), event, subject),
        )


def make_version_2(file: Path) -> None:
    """Begin a database as the first version 2 did: four events of which two wait, and nothing folded yet."""
    marks = [[4, 1, 4], [[2, 3]]]
    visit = ("visit", "m-0001", VISIT, "m-0001", None)
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.executescript(VERSION_2)
        old.executemany(PUT_META, [("gateway_key", GATEWAY_KEY), ("run", 3), ("members", 7)])
        old.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, 'hushbell.visit.started', ?, 4e9, 'm-0001', ?, ?, NULL)",
            [
                (number, priority, topic, number, T + number, event_id(number), pack(event_data(number)))
                for number, (topic, priority) in enumerate(TOPICS, 1)
            ],
        )
        old.executemany(PUT_STATE, [("alive", "", "1.0", None, None), ("fact", "queue", "[1]", None, None)])
        sequence, no_fact = ("sequence", "visits", 2, None, None), ("fact", "queue", None, None, None)
        first, then = (("outbox", "sent", value, None, None) for value in ([[0, 0, 0], []], marks))
        changes = (
            [[sequence, LEDGER_ROW, visit, first], []],
            [[ALIVE, ALERT_ROW, no_fact, then], [DECISION]],
        )
        old.executemany("INSERT INTO changes (body) VALUES (?)", [(pack(each),) for each in changes])
