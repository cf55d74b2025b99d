"""Retention: what is old goes, and the decisions of each day are closed by a digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from gateway.configuration.config import Privacy
from gateway.events import StateRow
from gateway.store import chain, decisions, events, marks, state
from gateway.store.database import Database, Row, Statement, forget_set_aside
from gateway.store.left import KEPT_S, Left
from gateway.store.outbox import Outbox
from gateway.store.queue import Queue
from gateway.store.unfolded import Unfolded

SENT_KEPT = 200_000
"""How many events are kept after they were sent, in the day that they may be asked for."""

SET_ASIDE_KEPT_S = 7 * 86400.0
"""How long a damaged database lies beside the new one."""

SCRUB_EVERY_S = 86400.0
"""How often pages are overwritten that held what was deleted."""

CHUNK = 1000
"""Rows of one transaction, so that an alert need not wait long behind them."""


class Retention:
    """Keeps one store to its times. Every method raises StoreError."""

    def __init__(self, database: Database, queue: Queue, unfolded: Unfolded, outbox: Outbox) -> None:
        self._database = database
        self._queue = queue
        self._unfolded = unfolded
        self._outbox = outbox
        self._left = Left()
        self._scrubbed = 0.0

    def load(self, own: Iterable[StateRow]) -> None:
        """See when events left the queue, from the rows of state that are the store's own."""
        self._left = next((Left.from_json(row.value) for row in own if row.key == "left"), Left())

    async def prune(self, now: float, privacy: Privacy) -> int:
        """Expire events and delete what retention no longer allows; return how many rows.

        Writes nothing where there is nothing to do.
        """
        expired = await self._outbox.expire(now)
        await self._unfolded.fold()
        await self._outbox.forget_partings()
        await self._note_left(now)
        upto = max(self._left.upto(now), self._queue.last - SENT_KEPT)
        deleted = (
            await self._prune(events.OLD, (upto, events.numbers_of(self._queue)), events.deleted)
            + await self._prune_decisions(now - privacy.alerts_s)
            + await self._prune(state.OLD, (now,), state.deleted)
        )
        is_scrub_due = abs(now - self._scrubbed) >= SCRUB_EVERY_S  # the clock may have been set back
        if is_scrub_due:
            deleted += await self._prune_outlived(now)
        self._unfolded.is_unclean |= bool(deleted)
        if is_scrub_due:
            await self._unfolded.scrub()
            self._scrubbed = now
        return expired + deleted + forget_set_aside(self._database.path, now - SET_ASIDE_KEPT_S)

    async def _note_left(self, now: float) -> None:
        left = self._left.noting(now, min(self._queue.floors))
        if left != self._left:
            await self._unfolded.put([StateRow(marks.KIND, "left", left.entries)])
            self._left = left

    async def _prune_decisions(self, before: float) -> int:
        await chain.note_pruned(self._database, before)
        return await self._prune(decisions.OLD, (before,), decisions.deleted)

    async def _prune_outlived(self, now: float) -> int:
        """Delete events that nobody could ask for any more, whenever they left: the gateway may have been away since.

        Of the newest, whose number must not be given again, a tombstone stays.
        """
        waiting = events.numbers_of(self._queue)
        deleted = await self._prune(events.OUTLIVED, (now - KEPT_S, waiting), events.deleted)
        if newest := events.places(await self._database.read(events.NEWEST_OUTLIVED, now - KEPT_S, waiting)):
            await self._database.write(events.gone(newest, "expired"))
        return deleted + len(newest)

    async def _prune(
        self, sql: str, parameters: tuple[object, ...], deleted: Callable[[list[Row]], list[Statement]]
    ) -> int:
        total = 0
        while rows := await self._database.read(sql, *parameters, CHUNK):
            await self._database.write(*deleted(rows))
            total += len(rows)
        return total

    async def close_days(self, now: float, timezone: ZoneInfo) -> int:
        """Enter the digest of each day that is over; return how many."""
        await self._unfolded.fold()
        return await chain.close_days(self._database, now, timezone)

    async def verify_days(self) -> chain.Verdict:
        """Hold the decisions against the digests of their days."""
        return await chain.verify(self._database)
