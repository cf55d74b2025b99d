"""`hushbell members backup`, `restore` and `rotate-key`: the register in one sealed file, and under a new key."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from getpass import getpass
from pathlib import Path
from typing import Any

from gateway import clock
from gateway.commandline.lines import complain, refuse, say
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.events import StateRow, rfc3339
from gateway.store import archive, backups
from gateway.store.archive import ArchiveError, Piece
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.messages import say as told
from rules.messages import say_why

SHORTEST_SECRET = 12
AT_ONCE = 500
REACHED = "ledger"


class BackupError(Exception):
    """Carries in one line why nothing was done."""


def backup(given: Namespace) -> int:
    """Write the register into one file, sealed with a passphrase; return the exit status."""
    return _carried_out(given, _backup)


def restore(given: Namespace) -> int:
    """Bring back the members of a backup who are not there, and were not erased; return the exit status."""
    return _carried_out(given, _restore)


def rotate(given: Namespace) -> int:
    """Seal the register under a new key; return the exit status."""
    return _carried_out(given, _rotate)


def _carried_out(given: Namespace, work: Callable[[Config, Namespace], Coroutine[Any, Any, str]]) -> int:
    try:
        say(asyncio.run(work(load_config(given.config), given)))
    except ConfigError as error:
        refuse(str(error))
    except (StoreError, BackupError) as error:
        complain(str(error))
    except ArchiveError as error:
        complain(f"{given.file}: {told(str(error))}")
    except OSError as error:
        complain(f"{error.filename}: {say_why(error)}")
    else:
        return 0
    return 2


async def _backup(config: Config, given: Namespace) -> str:
    secret = _secret(given.passphrase_file, again=True)
    store = await Store.open_readonly(config.gateway.state)
    if store is None:
        raise BackupError(told("there is no register yet"))
    try:
        pieces = [piece async for piece in _pieces(store, config.gateway.id)]
    finally:
        await store.close()
    try:
        _write(given.file, pieces, secret)
    except OSError as error:  # a full disk names no file, and others the one that is being made
        raise BackupError(f"{given.file}: {say_why(error)}") from error
    count = sum(len(piece.members) for piece in pieces)
    return told("{count} members are in {file}", count=count, file=given.file)


async def _pieces(store: Store, gateway: str) -> AsyncIterator[Piece]:
    yield Piece(gateway=gateway, gateway_key=store.gateway_key, t=clock.wall())
    yield Piece(tombstones=await store.members.tombstones())
    reached = {row.key: row for row in await store.held.state() if row.kind == REACHED}
    some: list[tuple[str, str]] = []
    async for row in store.members.all():
        some.append(row)
        if len(some) == AT_ONCE:
            yield _piece(some, reached)
            some = []
    yield _piece(some, reached)


def _piece(some: list[tuple[str, str]], reached: Mapping[str, StateRow]) -> Piece:
    return Piece(members=some, reached=[reached[id_] for id_, _ in some if id_ in reached])


def _write(path: Path, pieces: list[Piece], secret: bytes) -> None:
    """Write the file for its owner only, and put it in its place when it is whole."""
    if (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise BackupError(told("{file}: no file can be written there", file=path))
    made = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.writelines(archive.written(pieces, secret, secrets.token_bytes(archive.SALT_BYTES)))
            stream.flush()
            os.fsync(stream.fileno())
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


async def _restore(config: Config, given: Namespace) -> str:
    secret = _secret(given.passphrase_file, again=False)
    first = _looked_through(given.file, secret)
    if first.gateway != config.gateway.id:
        raise BackupError(
            told(
                "{file}: is of the gateway {theirs!r}, and this one is {ours!r}",
                file=given.file,
                theirs=first.gateway,
                ours=config.gateway.id,
            )
        )
    store = await Store.open(config.gateway.state, mend=False)
    try:
        with given.file.open("rb") as stream:
            put = await backups.restore(store, archive.read(stream, secret))
        total = await store.members.count()
    finally:
        await store.close()
    at = rfc3339(first.t, config.store.timezone)
    return told(
        "{put} members are back as they were at {at}, {total} are enrolled; send again what changed since",
        put=put,
        at=at,
        total=total,
    )


def _looked_through(path: Path, secret: bytes) -> Piece:
    """Return the first piece of a file that is whole."""
    with path.open("rb") as stream:
        pieces = archive.read(stream, secret)
        first = next(pieces, None)
        for _ in pieces:
            pass
    if first is None:
        raise ArchiveError("is empty")
    return first


async def _rotate(config: Config, _: Namespace) -> str:
    await backups.renew_key(config.gateway.state)
    return told("the register is sealed under a new key")


def _secret(file: Path | None, *, again: bool) -> bytes:
    """Return the passphrase from a file or from whoever sits there. Raises BackupError."""
    if file is not None:
        secret = file.read_bytes().strip()
    elif sys.stdin.isatty():
        secret = getpass(told("Passphrase: ")).encode()
        if again and getpass(told("Again: ")).encode() != secret:
            raise BackupError(told("the two are not the same"))
    else:
        raise BackupError(
            told("nobody is here to type a passphrase; name a file that holds it: --passphrase-file FILE")
        )
    if again and len(secret) < SHORTEST_SECRET:
        raise BackupError(told("the passphrase is too short, {least} characters are the least", least=SHORTEST_SECRET))
    return secret
