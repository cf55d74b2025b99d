"""Erasure: what is held about a member goes, from every table and from the journals."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from gateway import clock
from gateway.journal import pages as journals
from gateway.store import chain, changes, decisions, events, members, notes, state
from gateway.store.copy import Copy
from gateway.store.database import Database, Reason, Statement, StoreError
from gateway.store.outbox import Outbox
from gateway.store.unfolded import Unfolded
from gateway.store.unlocking import Secrets
from rules.messages import say_why


class Erasure:
    """Erases from one store and the journals beside it. Every method raises StoreError."""

    def __init__(
        self, database: Database, folder: Path, copy: Copy, secrets: Secrets, unfolded: Unfolded, outbox: Outbox
    ) -> None:
        self._database = database
        self._folder = folder
        self._copy = copy
        self._secrets = secrets
        self._unfolded = unfolded
        self._outbox = outbox

    async def of_member(self, id_: str, *, withdrew: float | None = None, told: str | None = None) -> None:
        """Remove every row about a member, queued events too, and leave a tombstone that only we can read.

        `withdrew` is when the member did so at a gateway's page; `told` is a note that is to be told.
        """
        gone = members.erased(id_, self._secrets.gateway_key, withdrew)
        noted = [] if told is None else state.put([notes.row(told, self._secrets.seals, None)])
        await self._erase(id_, "*", [*gone, state.forgotten(id_), decisions.forgotten(id_), *noted])
        await self._copy.follow(*gone)

    async def of_traces(self, id_: str) -> None:
        """Remove every row about a member but the member's own."""
        await self._erase(id_, "*", [state.forgotten(id_), decisions.forgotten(id_)])

    async def of_told(self, id_: str, topics: str) -> None:
        """Remove a member's decisions, and what was or is to be said on topics that match a pattern (GLOB)."""
        await self._erase(id_, topics, [decisions.forgotten(id_)])

    async def _erase(self, id_: str, topics: str, forgotten: Sequence[Statement]) -> None:
        try:
            await asyncio.to_thread(journals.erase, self._folder, self._secrets.gateway_key, id_)
        except OSError as error:
            raise StoreError(self._folder, Reason.DENIED, say_why(error)) from error
        async with self._unfolded.turn:
            places = events.places(await self._database.read(events.PLACES_OF_MEMBER, id_, topics))
            unfolded = sum(row.member == id_ for row in (await self._unfolded.merged()).decisions)
            entered = await chain.erasure(self._database, id_, unfolded, clock.wall())
            await self._database.rewrite(
                changes.ALL,
                lambda rows: [events.erased(id_, topics), *changes.folded(rows), *forgotten, *entered],
                overwriting=True,
            )
            self._unfolded.count = 0
            self._outbox.drop(places)
        await self._unfolded.scrub()
        await self._database.empty_log()
