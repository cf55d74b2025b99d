"""The members' copy: a second file that takes every change of the members, for when the first is damaged."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.store import members, meta
from gateway.store.database import BESIDE, Database, Reason, Statement, StoreError
from gateway.store.unlocking import find_seals, kept_gateway_key

log = logging.getLogger("hushbell")

FILE = "members.db"

_KEYS = ("gateway_key", "sealing")
_EMPTY = (
    Statement("DELETE FROM members"),
    Statement("DELETE FROM tombstones"),
    meta.put(members=-1),  # until it is whole
)
_PUT = "INSERT OR REPLACE INTO members (id, body) VALUES (?, ?)"
_BURY = "INSERT OR IGNORE INTO tombstones VALUES (?)"


class Copy:
    """Holds members, tombstones and the gateway's key of a database."""

    def __init__(self, folder: Path, original: Database) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._original = original

    async def follow(self, *statements: Statement) -> None:
        """Do what was done to the original; where the two still differ, copy all. Never raises StoreError."""
        try:
            try:
                await self._follow(*statements)
            except StoreError as error:
                if error.reason is not Reason.CORRUPT:
                    raise
                self._delete()
                await self._follow()
        except StoreError as error:
            log.error("the copy of the members cannot be written: %s", error)

    async def restore(self, run: int) -> int | None:
        """Bring back what the copy holds into an original that was begun anew; return how many members.

        None where there is no copy that can be read. `run` is beyond the number of any run there was. Raises StoreError
        where there is one that cannot be used now: the next opening tries it again, for the original has no key yet.
        """
        if not self._path.exists():
            return None
        try:
            async with self._opened() as copy:
                return await self._restore(copy, run)
        except StoreError as error:
            _tell_damaged(error)
            return None

    async def _restore(self, copy: Database, run: int) -> int | None:
        key = await kept_gateway_key(copy, await find_seals(copy, self._folder, may_make=False))
        if key is None:
            return None
        version = await members.version(copy)
        graves = await copy.read("SELECT digest FROM tombstones")
        keys = await _keys(copy)
        gateway_key = keys.pop("gateway_key")
        await self._original.write(meta.put(**keys), Statement(_BURY, graves))
        erased, total = {members.digest_of(tombstone) for (tombstone,) in graves}, 0
        try:
            async for rows in members.in_chunks(copy):
                alive = [row for row in rows if members.digest(row[0], key) not in erased]
                await self._original.write(Statement(_PUT, alive))
                total += len(alive)
        except StoreError as error:
            _tell_damaged(error)
        await self._original.write(meta.put(run=run, members=version, gateway_key=gateway_key))
        return total

    async def make_anew(self) -> None:
        """Copy all, so that nothing is there but what is in the original. Raises StoreError."""
        if self._path.exists():
            self._delete()
            await self._follow()

    async def _follow(self, *statements: Statement) -> None:
        async with self._opened() as copy:
            await copy.write(*statements, overwriting=True)
            if await members.version(copy) != await members.version(self._original):
                await self._copy_all(copy)

    async def _copy_all(self, copy: Database) -> None:
        graves = await self._original.read("SELECT digest FROM tombstones")
        version = await members.version(self._original)
        keys = meta.put(**await _keys(self._original))
        await copy.write(*_EMPTY, keys, Statement(_BURY, graves), overwriting=True)
        async for rows in members.in_chunks(self._original):
            await copy.write(Statement(_PUT, rows))
        await copy.write(meta.put(members=version))

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Database]:
        database = await Database.open(self._path, 0.0, mend=False)
        try:
            yield database
        finally:
            await database.close()

    def _delete(self) -> None:
        for ending in BESIDE:
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)


def _tell_damaged(error: StoreError) -> None:
    """Log that the copy is damaged; raise any other error."""
    if error.reason is not Reason.CORRUPT:
        raise error
    log.error("the copy of the members is damaged too")


async def _keys(database: Database) -> dict[str, object]:
    found = {name: await meta.get(database, name) for name in _KEYS}
    return {name: value for name, value in found.items() if value is not None}
