"""The store: what the daemon keeps, and the outbox it sends from."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path

import msgspec

from gateway import clock
from gateway.events import Outcome
from gateway.store import marks, meta
from gateway.store.copy import Copy
from gateway.store.database import Database, FolderLock, Reason, Statement, StoreError
from gateway.store.erasure import Erasure
from gateway.store.held import Held
from gateway.store.keys import find_keys, renew_key
from gateway.store.membertable import MemberTable
from gateway.store.outbox import Outbox
from gateway.store.queue import Queue
from gateway.store.resealing import is_due, reseal
from gateway.store.retention import Retention
from gateway.store.unfolded import FOLD_AFTER, Unfolded
from gateway.store.unlocking import Secrets, find_seals, gateway_key, kept_gateway_key

FILE = "hushbell.db"


class Store:
    """One gateway's database, in its state folder. `counters` counts what was committed, sent and given up.

    Every method raises StoreError, with nothing half done, when the database refuses.
    """

    def __init__(self, database: Database, folder: Path, secrets: Secrets) -> None:
        self.restored: int | None = None
        self.counters: Counter[str] = Counter()
        self._database = database
        self._folder = folder
        self._secrets = secrets
        self._copy = Copy(folder, database)
        self._lock = FolderLock(folder)
        self._unfolded = Unfolded(database)
        queue = Queue()
        self.outbox = Outbox(database, queue, self._unfolded, self.counters)
        self.members = MemberTable(database, self._copy, secrets, self._unfolded, self.counters)
        self.held = Held(database, self._unfolded)
        self.erasure = Erasure(database, folder, self._copy, secrets, self._unfolded, self.outbox)
        self.retention = Retention(database, queue, self._unfolded, self.outbox)

    @classmethod
    async def open(cls, folder: Path, *, mend: bool = True) -> Store:
        """Open or begin the store in a state folder, which is made where there is none. Raises StoreError.

        A damaged database is moved aside and a new one begun with the members of the copy; `set_aside` then names the
        old one, and `restored` says how many members there were, None where there is no copy.
        """
        now = clock.wall()
        database = await Database.open(folder / FILE, now, mend=mend, lock=FolderLock(folder))
        try:
            restored = await Copy(folder, database).restore(int(now)) if database.set_aside else None
            seals = await find_seals(database, folder, may_make=True)
            store = cls(database, folder, Secrets(seals, await gateway_key(database, seals)))
            store.restored = restored
            await store._reseal()
            await store._load()
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
        try:
            seals = await find_seals(database, folder, may_make=False)
            key = await kept_gateway_key(database, seals)
        except BaseException:
            await database.close()
            raise
        if key is None:
            await database.close()
            return None
        return cls(database, folder, Secrets(seals, key))

    async def close(self) -> None:
        await self._database.close()
        self._lock.free()

    @property
    def gateway_key(self) -> bytes:
        """32 random bytes, made once."""
        return self._secrets.gateway_key

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged database was moved to when this store was opened."""
        return self._database.set_aside

    def take(self, refusal: str) -> None:
        """Take the store for this process. Raises StoreError with `Reason.LOCKED` while another daemon has it."""
        if not self._lock.take():
            raise StoreError(self._database.path, Reason.LOCKED, refusal)

    async def begin_run(self) -> int:
        """Take the store for this process, and return the number of its run, which rises at each start.

        Raises StoreError with `Reason.LOCKED` while another daemon has it.
        """
        self.take("another hushbell runs with this state folder")
        await self._database.write(Statement("UPDATE meta SET value = value + 1 WHERE name = 'run'"))
        await self._copy.follow()
        return int(await meta.get(self._database, "run"))

    def change_key(self) -> None:
        """Make another key in the state folder: the next opening seals under it. No daemon may be at work."""
        self.take("stop the daemon first")
        keys = find_keys(self._folder)
        if keys.given or self._secrets.seals.first not in keys.file:
            detail = "it comes from systemd: give a new one as hushbell-key and the former as hushbell-key-old"
            raise StoreError(self._database.path, Reason.KEY, detail)
        renew_key(self._folder)

    async def _reseal(self) -> None:
        """Change to another key, where there is one; no daemon may be at work with the one of before."""
        if await is_due(self._database, self._secrets.seals):
            self.take("another hushbell runs with the key of before")
            try:
                await reseal(self._database, self._copy, self._folder, self._secrets.seals, self.gateway_key)
            finally:
                self._lock.free()

    async def _load(self) -> None:
        try:
            own = [row for row in await self._unfolded.load() if row.kind == marks.KIND]
            self.retention.load(own)
            marked = marks.from_rows(own)
        except (ValueError, TypeError, msgspec.MsgspecError, zlib.error):
            raise StoreError(self._database.path, Reason.CORRUPT, "a row is not as it was written") from None
        await self.outbox.load(marked)

    async def commit(self, outcome: Outcome) -> None:
        """Keep events, decisions and state in one transaction, durable when this returns."""
        if not outcome:
            return
        await self.outbox.put(outcome)
        if self._unfolded.count >= FOLD_AFTER:
            await self._unfolded.fold()
        await self.outbox.sacrifice()
