"""The store: what the daemon keeps, and the outbox it sends from."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from gateway import clock
from gateway.config import Privacy
from gateway.events import DecisionRow, Outcome, Priority, StateRow
from gateway.store import decisions, members, outbox, state
from gateway.store.database import Database, FolderLock, Reason, Row, Statement, StoreError, forget_set_aside
from gateway.store.outbox import Cursor, OutboxRow, PastEvent, Place

FILE = "hushbell.db"
QUEUE_BOUND = 100_000
"""How many events may wait; beyond it counts are given up, then visits, never alerts."""

SENT_KEPT_S = 86400.0
SENT_KEPT = 200_000
"""How long, and how many, events are kept after they were sent."""

SET_ASIDE_KEPT_S = 7 * 86400.0
"""How long a damaged database lies beside the new one."""

CHUNK = 1000
"""Rows of one transaction where many are written, so that an alert need not wait long behind them."""


class Store:
    """One gateway's database, in its state folder. `counters` counts what was committed, sent and given up.

    Every method raises StoreError, with nothing half done, when the database refuses.
    """

    gateway_key: bytes  # 32 random bytes, made once

    def __init__(self, database: Database, folder: Path, gateway_key: bytes) -> None:
        self.gateway_key = gateway_key
        self.counters: Counter[str] = Counter()
        self._database = database
        self._lock = FolderLock(folder)
        self._queued = 0
        self._watchers: list[Callable[[], None]] = []

    @classmethod
    async def open(cls, folder: Path, *, mend: bool = True) -> Store:
        """Open or begin the store in a state folder, which is made where there is none. Raises StoreError.

        A damaged database is moved aside and a new one begun; `set_aside` then names the old one.
        """
        database = await Database.open(folder / FILE, clock.wall(), mend=mend)
        try:
            store = cls(database, folder, await _gateway_key(database))
            store._queued = (await database.read(outbox.UNSENT))[0][0]
        except BaseException:
            await database.close()
            raise
        return store

    @classmethod
    async def open_readonly(cls, folder: Path) -> Store | None:
        """Open what a state folder holds without changing it; None when there is nothing. Raises StoreError."""
        database = await Database.open_readonly(folder / FILE)
        if database is None:
            return None
        rows = await database.read("SELECT value FROM meta WHERE name = 'gateway_key'")
        if not rows:
            await database.close()
            return None
        return cls(database, folder, rows[0][0])

    async def close(self) -> None:
        await self._database.close()
        self._lock.free()

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged database was moved to when this store was opened."""
        return self._database.set_aside

    @property
    def queued(self) -> int:
        """How many events wait to be sent."""
        return self._queued

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each change of what is queued, but for marks; return what ends this."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    async def begin_run(self) -> int:
        """Take the store for this process, and return the number of its run, which rises at each start.

        Raises StoreError with `Reason.LOCKED` while another daemon has it.
        """
        if not self._lock.take():
            raise StoreError(self._database.path, Reason.LOCKED, "another hushbell runs with this state folder")
        await self._database.write(Statement("UPDATE meta SET value = value + 1 WHERE name = 'run'"))
        return int((await self._database.read("SELECT value FROM meta WHERE name = 'run'"))[0][0])

    async def commit(self, outcome: Outcome) -> None:
        """Keep events, decisions and state in one transaction, durable when this returns.

        What is committed twice, by the events' and decisions' ids, is kept once.
        """
        if not outcome:
            return
        queued, *_ = await self._database.write(
            outbox.put(outcome.events), decisions.put(outcome.decisions), *state.put(outcome.state.values())
        )
        self.counters["committed"] += queued
        self._queued += queued
        if outcome.events:
            self._call_watchers()
        if self._queued > QUEUE_BOUND:
            await self._sacrifice(clock.wall())

    async def state(self) -> list[StateRow]:
        return [state.state_row(row) for row in await self._database.read(state.ALL)]

    # Members

    async def put_members(self, rows: Sequence[tuple[str, str]]) -> None:
        """Add or replace members, as id and JSON text; a thousand in a transaction."""
        for start in range(0, len(rows), CHUNK):
            await self._database.write(*members.put(rows[start : start + CHUNK], self.gateway_key))

    async def remove_member(self, id_: str) -> None:
        """Remove a member's row, with its keys, from the file and its log; other rows stay under retention."""
        await self._database.write(*members.removed(id_))
        await self._database.empty_log()

    async def members(self) -> AsyncIterator[tuple[str, str]]:
        """Iterate over all members as id and JSON text, in the order of ids."""
        last = ""
        while rows := await self._database.read(members.AFTER, last, CHUNK):
            for id_, body in rows:
                yield id_, body
            last = rows[-1][0]

    async def has_member(self, id_: str) -> bool:
        return bool(await self._database.read(members.ONE, id_))

    async def members_version(self) -> int:
        """Return a number that is another one after any process changed the members."""
        return int((await self._database.read(members.VERSION))[0][0])

    async def erase_member(self, id_: str) -> None:
        """Remove every row about a member, queued events too, and leave a tombstone that only we can read."""
        unqueued, *_ = await self._database.write(
            *outbox.erased(id_, clock.wall()), *members.erased(id_, self.gateway_key)
        )
        self._queued -= unqueued
        self._call_watchers()
        await self._database.empty_log()

    async def is_erased(self, id_: str) -> bool:
        return bool(await self._database.read(members.ERASED, members.digest(id_, self.gateway_key)))

    # The outbox

    async def pending(self, limit: int, after: Cursor = outbox.START) -> list[OutboxRow]:
        """Return events to send behind a cursor, by priority and then number."""
        sql, parameters = outbox.pending(after, limit)
        return [outbox.outbox_row(row) for row in await self._database.read(sql, *parameters)]

    async def mark_sent(self, places: Sequence[Place], now: float) -> None:
        unqueued, *_ = await self._database.write(*outbox.sent(places, now))
        self.counters["sent"] += unqueued
        self._queued -= unqueued

    async def expire(self, now: float) -> int:
        """Make tombstones of events that nobody waits for any more; return how many."""
        total = 0
        while places := _places(await self._database.read(outbox.EXPIRED, now, CHUNK)):
            await self._give_up(places, "expired", now)
            total += len(places)
        return total

    async def events_since(self, topic: str, sequence: int, limit: int) -> list[PastEvent]:
        """Return what left the queue for a topic after a sequence number, in order, tombstones among them."""
        return [outbox.past_event(row) for row in await self._database.read(outbox.SINCE, topic, sequence, limit)]

    async def _sacrifice(self, now: float) -> None:
        excess = self._queued - QUEUE_BOUND + QUEUE_BOUND // 100
        while excess > 0:
            rows = await self._database.read(outbox.SACRIFICE, Priority.ALERT, min(excess, CHUNK))
            if not rows:
                return
            await self._give_up(_places(rows), "sacrificed", now)
            excess -= len(rows)

    async def _give_up(self, places: list[Place], why: str, now: float) -> None:
        unqueued, *_ = await self._database.write(*outbox.gone(places, why, now))
        self.counters[why] += unqueued
        self._queued -= unqueued

    def _call_watchers(self) -> None:
        for callback in self._watchers:
            callback()

    # Decisions and retention

    async def decisions(
        self, *, subject: str | None = None, visit: str | None = None, limit: int = 100
    ) -> list[DecisionRow]:
        """Return decisions, the newest first: of an alert or offer, of a visit, or all."""
        if subject is not None:
            rows = await self._database.read(decisions.OF_SUBJECT, subject, limit)
        elif visit is not None:
            rows = await self._database.read(decisions.OF_VISIT, visit, limit)
        else:
            rows = await self._database.read(decisions.ALL, limit)
        return [decisions.decision_row(row) for row in rows]

    async def prune(self, now: float, privacy: Privacy) -> int:
        """Expire events and delete what retention no longer allows; return how many rows.

        Writes nothing where there is nothing to do.
        """
        return (
            await self.expire(now)
            + await self._prune(outbox.OLD, (now - SENT_KEPT_S, SENT_KEPT), outbox.deleted)
            + await self._prune(decisions.OLD, (now - privacy.alerts_s,), decisions.deleted)
            + await self._prune(state.OLD, (now,), state.deleted)
            + forget_set_aside(self._database.path, now - SET_ASIDE_KEPT_S)
        )

    async def _prune(
        self, sql: str, parameters: tuple[float, ...], deleted: Callable[[list[Row]], list[Statement]]
    ) -> int:
        total = 0
        while rows := await self._database.read(sql, *parameters, CHUNK):
            await self._database.write(*deleted(rows))
            total += len(rows)
        return total


def _places(rows: Sequence[Row]) -> list[Place]:
    return [(row[0], row[1]) for row in rows]


async def _gateway_key(database: Database) -> bytes:
    """Return the gateway's key, made on the first opening."""
    sql = "SELECT value FROM meta WHERE name = 'gateway_key'"
    if not await database.read(sql):
        first = [("gateway_key", secrets.token_bytes(32)), ("run", 0), ("members", 0)]
        await database.write(Statement("INSERT OR IGNORE INTO meta VALUES (?, ?)", first))
    key: bytes = (await database.read(sql))[0][0]
    return key
