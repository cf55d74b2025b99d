"""What commits changed and is not in its tables yet, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from gateway.events import DecisionRow, StateRow
from gateway.store import changes, state
from gateway.store.changes import Changes
from gateway.store.database import Database, Row, Statement

FOLD_AFTER = 500
"""Commits whose changes may wait to be folded."""


class Unfolded:
    """The commits that wait to be folded, `count` of them.

    `turn` is held while what waits changes, in memory and on the disk: here, and in the outbox. `is_unclean` tells
    whether free pages may hold what was deleted. Every method raises StoreError.
    """

    def __init__(self, database: Database) -> None:
        self.turn = asyncio.Lock()
        self.count = 0
        self.is_unclean = True
        self._database = database

    async def load(self) -> list[StateRow]:
        """See how many there are; return the state, the store's own among it."""
        rows = await self.rows()
        self.count = len(rows)
        return await self.state(rows)

    async def rows(self) -> list[Row]:
        return await self._database.read(changes.ALL)

    async def merged(self) -> Changes:
        return changes.merged(await self.rows())

    async def state(self, rows: Iterable[Row]) -> list[StateRow]:
        """Return the state as it was last committed, the store's own among it; `rows` is what is not folded."""
        kept = {(row.kind, row.key): row for row in map(state.state_row, await self._database.read(state.ALL))}
        kept |= changes.merged(rows).state
        return sorted((row for row in kept.values() if row.value is not None), key=lambda row: (row.kind, row.key))

    async def put(self, rows: Iterable[StateRow], decided: Iterable[DecisionRow] = (), *before: Statement) -> None:
        """Keep what a commit changed, in one transaction with what it brought before."""
        await self._database.write(*before, *changes.put(rows, decided))
        self.count += 1

    async def fold(self) -> None:
        """Bring into its tables what commits changed."""
        async with self.turn:
            if self.count:
                await self._database.rewrite(changes.ALL, changes.folded)
                self.count = 0
                self.is_unclean = True

    async def scrub(self) -> None:
        if self.is_unclean:
            await self._database.scrub()
            self.is_unclean = False
