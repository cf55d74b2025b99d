"""The member table: who is here, sealed, who is gone, and what is still to be told of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

from gateway.store import members, notes, state
from gateway.store.copy import Copy
from gateway.store.database import Database, Reason, Row, StoreError, json_text
from gateway.store.unfolded import Unfolded
from gateway.store.unlocking import Secrets, put_gateway_key

log = logging.getLogger("hushbell")

NOTHING: Mapping[str, str] = {}


class MemberTable:
    """The members of one store, each as id and JSON text, and the tombstones of who was erased.

    Every method raises StoreError. What does not open is left out, and counted.
    """

    def __init__(
        self, database: Database, copy: Copy, secrets: Secrets, unfolded: Unfolded, counters: Counter[str]
    ) -> None:
        self._database = database
        self._copy = copy
        self._secrets = secrets
        self._unfolded = unfolded
        self._counters = counters

    async def put(self, rows: Sequence[tuple[str, str]], told: Mapping[str, str] = NOTHING) -> None:
        """Add or replace members; a thousand in a transaction, with a note to be told by id."""
        seals = self._secrets.seals
        for start in range(0, len(rows), members.CHUNK):
            some = rows[start : start + members.CHUNK]
            statements = members.put(some, self._secrets.gateway_key, seals)
            noted = [notes.row(told[id_], seals, id_) for id_, _ in some if id_ in told]
            await self._database.write(*statements, *state.put(noted), overwriting=True)
            await self._copy.follow(*statements)

    async def notes(self) -> list[tuple[str, str]]:
        """Return what is still to be told of members, as key and text, in the order in which it was noted."""
        if not await self._database.read(state.OF_KIND, notes.KIND):
            return []
        gone = (await self._unfolded.merged()).state  # first: what is folded from now on is not among the rows either
        rows = map(state.state_row, await self._database.read(state.OF_KIND, notes.KIND))
        texts = [(row.key, notes.opened(self._secrets.seals, row)) for row in rows if (row.kind, row.key) not in gone]
        return [(key, text) for key, text in texts if text is not None]

    async def all(self) -> AsyncIterator[tuple[str, str]]:
        """Iterate over all members in the order of ids."""
        async for rows in members.in_chunks(self._database):
            for row in self._opened(rows):
                yield row

    async def since(self, version: int) -> AsyncIterator[tuple[str, str]]:
        """Iterate over the members that were put after `version` was so much."""
        async for rows in members.since(self._database, version):
            for row in self._opened(rows):
                yield row

    async def starting_at(self, id_: str, limit: int) -> list[tuple[str, str]]:
        """Return members in the order of ids, from this id on."""
        return list(self._opened(await self._database.read(members.FROM, id_, limit)))

    async def named(self, ids: Iterable[str]) -> dict[str, str]:
        """Return those of some members that there are: JSON text by id."""
        return dict(self._opened(await self._database.read(members.NAMED, json_text(list(ids)))))

    def _opened(self, rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
        for id_, body in rows:
            text = members.opened(self._secrets.seals, id_, body)
            if text is not None:
                yield id_, text
            else:
                self._counters["members that do not open"] += 1
                log.warning("the stored member …%s is left out: it does not open", id_[-2:])

    async def ids(self) -> AsyncIterator[str]:
        """Iterate over the ids of all members, in their order."""
        last = ""
        while rows := await self._database.read(members.IDS, last, members.CHUNK):
            for (last,) in rows:
                yield last

    async def has(self, id_: str) -> bool:
        return bool(await self._database.read(members.ONE, id_))

    async def count(self) -> int:
        return int((await self._database.read(members.COUNT))[0][0])

    async def version(self) -> int:
        """Return a number that is another one after any process changed the members."""
        return await members.version(self._database)

    async def withdrawals(self, ids: Iterable[str]) -> dict[str, float]:
        """Return who of some members withdrew at a gateway's page and is not back, with the time of it."""
        rows = await self._database.read(members.WITHDRAWALS)
        times = {members.digest_of(each): members.withdrawn_at(each) for (each,) in rows}
        digests = {id_: members.digest(id_, self._secrets.gateway_key) for id_ in ids} if times else {}
        return {id_: times[digest] for id_, digest in digests.items() if digest in times}

    async def tombstones(self) -> list[bytes]:
        """Return the digests of who was erased."""
        return [digest for (digest,) in await self._database.read(members.TOMBSTONES)]

    async def bury(self, tombstones: Iterable[bytes]) -> set[bytes]:
        """Take tombstones, but of members who came back after they were erased; return the digests of those taken."""
        there = {members.digest(id_, self._secrets.gateway_key) async for id_ in self.ids()}
        taken = [tombstone for tombstone in tombstones if members.digest_of(tombstone) not in there]
        statement = members.buried(taken)
        await self._database.write(statement)
        await self._copy.follow(statement)
        return set(map(members.digest_of, taken))

    async def take_key(self, key: bytes) -> None:
        """Name members by another gateway's key, which may be where nobody is and nobody was erased."""
        if key == self._secrets.gateway_key:
            return
        if await self.count() or await self.tombstones():
            detail = "the backup is of another register than the one that is here"
            raise StoreError(self._database.path, Reason.OTHER, detail)
        await self._database.write(put_gateway_key(key, self._secrets.seals), overwriting=True)
        self._secrets.gateway_key = key
        await self._copy.make_anew()
