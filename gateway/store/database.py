"""The SQLite database as a seam: committed rows are read, and statements are written together or not at all."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import aiosqlite

from gateway.store import schema
from rules.messages import say, say_why

Row = tuple[Any, ...]

BUSY_S = 5.0
"""How long another process's transaction is waited for."""

LOG_BYTES = 4 << 20
LOG_KEPT_BYTES = 2 * LOG_BYTES
"""From when on the write-ahead log is copied into the file, and what it is cut back to after a burst."""

ZEROS = 64 << 20
"""Bytes that are overwritten at a time."""

BESIDE = ("", "-wal", "-shm")
"""SQLite's files, as endings of the database's name."""


class Reason(Enum):
    """Why the store could not do its work; a caller may wait, tell or give up by it."""

    LOCKED = "another process holds the database"
    FULL = "the disk is full"
    READONLY = "the database can only be read"
    CORRUPT = "the database is damaged"
    DENIED = "it cannot be opened"
    DISK = "the disk gave an error"
    NEWER = "a newer Hushbell made this database: install that one again; nothing was changed"
    OLDER = "an older Hushbell made this database: start the gateway once, which brings it up to date"
    KEY = "the key that members are sealed with cannot be used"
    OTHER = "the database refused"


_COMPLETE = "SELECT 1 FROM meta WHERE name = 'gateway_key'"


class StoreError(Exception):
    """What went wrong with the database, in one line. Nothing of the failed write was kept."""

    def __init__(self, path: Path, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{path}: {say(reason.value)}" + (f" ({detail})" if detail else ""))
        self.reason = reason


class Statement(NamedTuple):
    """One SQL statement, run once for each row of parameters."""

    sql: str
    rows: Sequence[Sequence[object]] = ((),)


class Database:
    """One file, read and written on connections of their own, so that what is not yet committed is never read.

    `set_aside` is where a damaged file was moved to when this one was begun, until it has all that comes back.
    """

    def __init__(self, path: Path, reader: aiosqlite.Connection, writer: aiosqlite.Connection | None) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self._reader = reader
        self._writer = writer
        self._overwriting = False
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, now: float, *, mend: bool = True, lock: FolderLock | None = None) -> Database:
        """Open or begin the database; to mend a damaged one, it is moved aside, named after `now` (epoch seconds).

        One that an earlier version made is brought to this one, while nobody else has the lock. Raises StoreError.
        """
        _prepare(path)
        try:
            database = await cls._open(path, lock)
        except StoreError as error:
            if error.reason is not Reason.CORRUPT:
                raise
            if not mend:
                detail = "start the daemon: it sets the file aside and begins a new one"
                raise StoreError(path, Reason.CORRUPT, detail) from error
            _set_aside(path, now)
            _prepare(path)
            database = await cls._open(path, lock)
        if not await database.read(_COMPLETE):
            bases = [file for file in _set_aside_files(path) if file.name.rpartition("-")[2].isdigit()]
            database.set_aside = max(bases, key=_stamp, default=None)
        return database

    @classmethod
    async def _open(cls, path: Path, lock: FolderLock | None) -> Database:
        with _translating(path):
            async with _reader(path) as reader:
                await _version(reader, path)  # before anything is written
            writer = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_S)
            try:
                await _set_up(writer, path, lock)
                reader = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_S)
            except BaseException:
                await writer.close()
                raise
            await reader.execute("PRAGMA query_only = ON")
            return cls(path, reader, writer)

    @classmethod
    async def open_readonly(cls, path: Path) -> Database | None:
        """Open for reading and change nothing on the disk; None when there is no database. Raises StoreError.

        A write-ahead log means that somebody writes, or was killed while writing: then SQLite's own locks are used.
        Without one the file rests, and may lie where no lock file can be made.
        """
        if not _exists(path):
            return None
        with _translating(path):
            reader = await _reader(path)
            try:
                version = await _version(reader, path)
                if 0 < version < schema.VERSION:
                    raise StoreError(path, Reason.OLDER)
            except BaseException:
                await reader.close()
                raise
            if version > 0:
                return cls(path, reader, None)
            await reader.close()
            return None

    async def close(self) -> None:
        """Finish what runs and close; the last to close a database folds its log into the file."""
        async with self._turn:
            await self._reader.close()
            if self._writer is not None:
                await self._writer.close()

    async def read(self, sql: str, *parameters: object) -> list[Row]:
        """Return the rows of a query over what is committed. Raises StoreError."""
        with _translating(self.path):
            return [tuple(row) for row in await self._reader.execute_fetchall(sql, parameters)]

    async def write(self, *statements: Statement, overwriting: bool = False) -> list[int]:
        """Run statements as one transaction; return how many rows each changed.

        With `overwriting`, pages that become free are overwritten.
        Raises StoreError, and then none of them took effect.
        """
        return await self.rewrite(None, lambda _: statements, overwriting=overwriting)

    async def rewrite(
        self, sql: str | None, make: Callable[[list[Row]], Iterable[Statement]], *, overwriting: bool = False
    ) -> list[int]:
        """Run, in one transaction with a query, the statements that are made of its rows; as `write`."""
        writer = self._writer
        if writer is None:
            raise StoreError(self.path, Reason.READONLY)
        with _translating(self.path):
            async with self._turn:
                await self._overwrite(writer, overwriting=overwriting)
                try:
                    await writer.execute("BEGIN IMMEDIATE")
                    rows = [tuple(row) for row in await writer.execute_fetchall(sql)] if sql else []
                    changed = [(await writer.executemany(*each)).rowcount if each.rows else 0 for each in make(rows)]
                    await writer.commit()
                    return changed
                except BaseException:
                    with suppress(sqlite3.Error):
                        await writer.rollback()
                    raise

    async def _overwrite(self, writer: aiosqlite.Connection, *, overwriting: bool) -> None:
        if overwriting is not self._overwriting:
            await writer.execute_fetchall(f"PRAGMA secure_delete = {'ON' if overwriting else 'FAST'}")
            self._overwriting = overwriting

    async def scrub(self) -> None:
        """Overwrite the pages that became free without being overwritten. Raises StoreError."""
        [(page_bytes,)] = await self.read("PRAGMA page_size")
        while free := (await self.read("PRAGMA freelist_count"))[0][0]:
            size = min(free * page_bytes, ZEROS)
            await self.write(Statement("INSERT INTO scratch VALUES (zeroblob(?))", [(size,)]))
            if size < ZEROS:
                break
        await self.write(Statement("DELETE FROM scratch"))

    async def empty_log(self) -> None:
        """Fold the write-ahead log into the file and cut it to nothing, so that it holds no old copy of a row."""
        if self._writer is not None:
            async with self._turn:
                with suppress(sqlite3.OperationalError):  # a reader in another process is in the way
                    await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")


class FolderLock:
    """Lets one daemon at a time use a state folder. The kernel frees it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: int | None = None

    def take(self) -> bool:
        """Return whether the folder is now ours."""
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        give_to_owner(self._path.parent, file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def free(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def json_text(value: object) -> str:
    """Write a value as it is kept in a column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def forget_set_aside(path: Path, before: float) -> int:
    """Delete damaged files that were moved aside before a time (epoch seconds); return how many."""
    old = [file for file in _set_aside_files(path) if _stamp(file) < before]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _set_aside_files(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}.corrupt-*"))


def _stamp(file: Path) -> float:
    digits = file.name.rpartition(".corrupt-")[2].partition("-")[0]
    return float(digits) if digits.isdigit() else 0.0


def _prepare(path: Path) -> None:
    """Make the folder (0700) and the file (0600) before SQLite makes them readable to others."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with suppress(PermissionError):
                os.fchmod(file, 0o600)
                give_to_owner(path.parent, file)
        finally:
            os.close(file)
    except OSError as error:
        reason = Reason.READONLY if error.errno == errno.EROFS else Reason.DENIED
        raise StoreError(path, reason, say_why(error)) from error


def give_to_owner(folder: Path, file: int) -> None:
    """Let root leave no file in a folder whose owner could then not write it; SQLite's other files follow the first."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)


def _exists(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(path, Reason.DENIED, say_why(error)) from error


def _set_aside(path: Path, now: float) -> None:
    """Move a damaged database with its log out of the way, unless a daemon uses it. Raises StoreError."""
    lock = FolderLock(path.parent)
    if not lock.take():
        raise StoreError(path, Reason.CORRUPT, "stop the daemon; it begins a new one when it starts")
    try:
        target = path.with_name(f"{path.name}.corrupt-{int(now)}")
        for ending in BESIDE:
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).rename(target.with_name(target.name + ending))
    finally:
        lock.free()


def _reader(path: Path) -> aiosqlite.Connection:
    """Return what will connect for reading, and leave the file and what is beside it as they are."""
    uri = f"file:{quote(str(path))}?mode=ro"
    if not path.with_name(path.name + "-wal").exists():
        uri += "&immutable=1"
    return aiosqlite.connect(uri, isolation_level=None, timeout=BUSY_S, uri=True)


async def _set_up(writer: aiosqlite.Connection, path: Path, lock: FolderLock | None) -> None:
    for pragma in (
        f"page_size = {schema.PAGE_BYTES}",
        "journal_mode = WAL",
        "synchronous = FULL",  # a commit is on the disk before it is sent
        "secure_delete = ON",
        "temp_store = MEMORY",
        f"journal_size_limit = {LOG_KEPT_BYTES}",
    ):
        await writer.execute_fetchall(f"PRAGMA {pragma}")
    [[page_bytes]] = await writer.execute_fetchall("PRAGMA page_size")  # an older file keeps its own
    await writer.execute_fetchall(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // page_bytes}")
    found = await writer.execute_fetchall("PRAGMA quick_check(1)")
    if [tuple(row) for row in found] != [("ok",)]:
        raise StoreError(path, Reason.CORRUPT)
    version = await _version(writer, path)
    if 0 < version < schema.VERSION and lock and not lock.take():
        raise StoreError(path, Reason.LOCKED, "it is of an older version: start it anew")
    try:
        if version < schema.VERSION:
            await _upgrade(writer, path)
    finally:
        if lock:
            lock.free()
    # What is deleted from now on is overwritten where that costs nothing; `scrub` does the rest.
    await writer.execute_fetchall("PRAGMA secure_delete = FAST")


async def _upgrade(writer: aiosqlite.Connection, path: Path) -> None:
    """Bring the tables to the present version, all at once; another process may have done so meanwhile."""
    for name, function in schema.FUNCTIONS.items():
        await writer.create_function(name, 1, function, deterministic=True)
    await writer.execute("BEGIN IMMEDIATE")
    for sql in schema.statements(await _version(writer, path)):
        await writer.execute(sql)
    await writer.execute(f"PRAGMA user_version = {schema.VERSION}")
    await writer.commit()


async def _version(connection: aiosqlite.Connection, path: Path) -> int:
    """Return the schema's version, 0 for an empty file. Raises StoreError when it is newer than ours."""
    rows = await connection.execute_fetchall("PRAGMA user_version")
    version = int(next(iter(rows))[0])
    if version > schema.VERSION:
        raise StoreError(path, Reason.NEWER)
    return version


_REASONS = {
    sqlite3.SQLITE_BUSY: Reason.LOCKED,
    sqlite3.SQLITE_LOCKED: Reason.LOCKED,
    sqlite3.SQLITE_FULL: Reason.FULL,
    sqlite3.SQLITE_READONLY: Reason.READONLY,
    sqlite3.SQLITE_CORRUPT: Reason.CORRUPT,
    sqlite3.SQLITE_NOTADB: Reason.CORRUPT,
    sqlite3.SQLITE_CANTOPEN: Reason.DENIED,
    sqlite3.SQLITE_PERM: Reason.DENIED,
    sqlite3.SQLITE_AUTH: Reason.DENIED,
    sqlite3.SQLITE_IOERR: Reason.DISK,
}
"""By primary result code (sqlite.org/rescode.html)."""


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        reason = _REASONS.get(getattr(error, "sqlite_errorcode", -1) & 0xFF, Reason.OTHER)
        raise StoreError(path, reason, str(error) if reason is Reason.OTHER else "") from error
