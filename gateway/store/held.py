"""What is held, for whoever must tell."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

from gateway.events import DecisionRow, StateRow
from gateway.store import changes, decisions, events, lookup, marks, state
from gateway.store.changes import Changes
from gateway.store.database import Database
from gateway.store.events import PastEvent
from gateway.store.unfolded import Unfolded

CHUNK = 1000

COLUMNS = "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'"


class Held:
    """Reads one store's state, decisions and events, folded or not. Every method raises StoreError."""

    def __init__(self, database: Database, unfolded: Unfolded) -> None:
        self._database = database
        self._unfolded = unfolded

    async def state(self) -> list[StateRow]:
        """Return the core's state as it was last committed."""
        return [row for row in await self._unfolded.state(await self._unfolded.rows()) if row.kind != marks.KIND]

    async def rule_texts(self) -> dict[str, str]:
        """Return the texts of the rules that decided, by their SHA-256 in hex."""
        return {row.key: row.value for row in await self.state() if row.kind == decisions.RULE_TEXT}

    async def decisions(
        self, *, subject: str | None = None, visit: str | None = None, limit: int = 100
    ) -> list[DecisionRow]:
        """Return decisions, the newest first: of an alert or offer, of a visit, or all."""
        unfolded = (await self._unfolded.merged()).decisions
        if subject is not None:
            return await lookup.of_subject(self._database, unfolded, subject, limit)
        if visit is not None:
            return await lookup.of_visit(self._database, unfolded, visit, limit)
        return await lookup.newest(self._database, unfolded, limit)

    async def decision_of_event(self, event: str) -> list[DecisionRow]:
        """Return the decision that an event came of, where one is kept."""
        return await lookup.of_event(self._database, (await self._unfolded.merged()).decisions, event)

    async def silences(self, since: float) -> list[lookup.Silent]:
        """Return how often each rule said no since a time, and why, the most frequent first."""
        return await lookup.silences(self._database, (await self._unfolded.merged()).decisions, since)

    async def news(self) -> Changes:
        """Return what is not folded yet; `about` takes it for as many members as are told of at once."""
        return await self._unfolded.merged()

    async def about(self, id_: str, news: Changes) -> tuple[list[StateRow], list[DecisionRow], list[PastEvent]]:
        """Return every row about a member beside the member's own: events that still wait to be sent among them.

        Each row comes once, and in the same order, whether it is folded before, meanwhile or later.
        """
        found = map(state.state_row, await self._database.read(state.OF_MEMBER, id_))
        kept = {(row.kind, row.key): row for row in found}
        kept |= {key: row for key, row in news.state.items() if key in kept or row.member == id_}
        decided = {row.id: row for row in news.decisions if row.member == id_}
        decided |= {row[0]: decisions.decision_row(row) for row in await self._database.read(decisions.OF_MEMBER, id_)}
        return (
            [kept[key] for key in sorted(kept) if kept[key].value is not None],
            sorted(decided.values(), key=lambda row: (row.t, row.id)),
            [events.past_event(row) for row in await self._database.read(events.OF_MEMBER, id_)],
        )

    async def everything(self) -> AsyncIterator[StateRow | DecisionRow | PastEvent]:
        """Iterate over all rows but the members' own; an event's is its data, with whom it is about."""
        unfolded = await self._unfolded.rows()
        for kept in await self._unfolded.state(unfolded):
            yield kept
        decided = {row.id: row for row in changes.merged(unfolded).decisions}
        place: tuple[float, str] = (-math.inf, "")
        while rows := await self._database.read(decisions.BEHIND, *place, CHUNK):
            for row in map(decisions.decision_row, rows):
                decided.pop(row.id, None)
                yield row
                place = row.t, row.id
        for row in decided.values():
            yield row
        number = -1
        while rows := await self._database.read(events.BEHIND, number, CHUNK):
            for event in map(events.past_event, rows):
                yield event
            number = rows[-1][0]

    async def columns(self) -> list[tuple[str, str]]:
        """Return every table with each of its columns."""
        return [(table, column) for table, column in await self._database.read(COLUMNS)]
