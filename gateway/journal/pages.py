"""The files of the journal: one for a run and day, each a row of sealed pages that are bound to their places."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from gateway.deciding.inputs import Input
from gateway.folders import settle
from gateway.journal.entries import Entry, decode, encode, names, without
from gateway.store.database import give_to_owner
from gateway.store.sealing import KEY_BYTES, Seals
from rules.messages import say_why

FOLDER = "journal"
SUFFIX = ".journal"
BEGUN = ".new"  # what a journal that is written anew is called until it is whole
MAGIC = b"hushbell journal 1\n"
MOST_BYTES = 1 << 24  # of one page
_LENGTH = 4


class JournalError(Exception):
    """A journal that cannot be read; the text is one line for the user."""


def seals_of(gateway_key: bytes) -> Seals:
    """Return what seals journals: a key of their own, which whoever opens the gateway's key has, also a changed one."""
    key = blake2b(b"journal", key=gateway_key, digest_size=KEY_BYTES).digest()
    return Seals(key, [key])


def name_of(run: int, day: date, part: int = 1) -> str:
    """Name a journal: a run has more than one of a day where it had to begin anew."""
    return f"{run:08d}-{day:%Y%m%d}{f'-{part}' if part > 1 else ''}{SUFFIX}"


def day_of(path: Path) -> date | None:
    """Return the day on which a journal began; None for any other file."""
    try:
        return date.fromisoformat(path.name.removesuffix(SUFFIX).split("-")[1]) if path.suffix == SUFFIX else None
    except (IndexError, ValueError):
        return None


def journals(state: Path) -> list[Path]:
    """Return the journals of a state folder, oldest first."""
    found = (path for path in (state / FOLDER).glob(f"*{SUFFIX}") if day_of(path))
    return sorted(found, key=lambda path: [(len(part), part) for part in path.stem.split("-")])


class Pages:
    """Writes one journal. Every method raises OSError."""

    def __init__(self, state: Path, name: str, seals: Seals) -> None:
        self.path = state / FOLDER / name
        self._seals = seals
        self._written = 0
        folder = self.path.parent
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            give_to_owner(state, descriptor)
            os.write(descriptor, MAGIC)
        except OSError:
            self.leave()
            raise
        finally:
            os.close(descriptor)

    def append(self, entries: list[Entry | Input]) -> None:
        """Write a page behind the others, once nobody writes them anew."""
        page = _sealed(self._seals, self.path.name, self._written, encode(entries))
        with _held(self.path) as file:
            at = file.seek(0, os.SEEK_END)
            try:
                file.write(page)
                file.flush()
            except OSError:
                file.truncate(at)
                raise
        self._written += 1

    def leave(self) -> None:
        """Take the journal away where nothing was written. Never raises OSError."""
        if not self._written:
            with suppress(OSError):
                self.path.unlink()

    def is_busy(self) -> bool:
        """Tell whether somebody writes this journal anew, which may take a second."""
        with self.path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def settle(self) -> None:
        """Let what was written outlast a power cut."""
        with self.path.open("rb") as file:
            os.fdatasync(file.fileno())


def read(path: Path, seals: Seals, torn: Callable[[str], None]) -> Iterator[list[Entry | Input]]:
    """Yield the entries of each page; where the last one is not whole, tell so. Raises JournalError."""
    for page in _pages(path, seals, torn):
        try:
            yield decode(page.opened)
        except msgspec.MsgspecError:
            raise JournalError(f"{path}: page {page.number} is not as this version writes it") from None


class _Page(NamedTuple):
    number: int
    written: bytes  # as it is in the file
    opened: bytes


def _pages(path: Path, seals: Seals, torn: Callable[[str], None]) -> Iterator[_Page]:
    with _opened_file(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise JournalError(f"{path}: not a journal")
        number = 0
        while head := file.read(_LENGTH):
            size = int.from_bytes(head, "big")
            sealed = file.read(min(size, MOST_BYTES))
            if len(head) < _LENGTH or len(sealed) < size:
                torn(f"{path}: the end is torn off after page {number}; what is before it is whole")
                return
            yield _Page(number, head + sealed, _opened(seals, path, number, sealed))
            number += 1


def is_journal(path: Path) -> bool:
    """Tell by its first bytes whether a file is a journal."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _opened_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise JournalError(f"{path}: {say_why(error)}") from error


def _sealed(seals: Seals, name: str, number: int, raw: bytes) -> bytes:
    sealed = seals.seal(zlib.compress(raw), f"{name} {number}")
    return len(sealed).to_bytes(_LENGTH, "big") + sealed


def _opened(seals: Seals, path: Path, number: int, sealed: bytes) -> bytes:
    opened = seals.open(sealed, f"{path.name} {number}")
    if opened is None:
        raise JournalError(f"{path}: page {number} does not open: another gateway's, or damaged, or renamed")
    try:
        return zlib.decompress(opened)
    except zlib.error:
        raise JournalError(f"{path}: page {number} is not as this version writes it") from None


@contextmanager
def _held(path: Path) -> Iterator[BinaryIO]:
    """Open a journal that nobody else writes meanwhile; one that was written anew is another file."""
    while True:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                yield file
                return


def erase(state: Path, gateway_key: bytes, member_id: str) -> None:
    """Write the journals that a member is in anew, without the member; what does not open goes. Raises OSError."""
    seals = seals_of(gateway_key)
    for path in journals(state):
        with _held(path):
            if _is_in(path, seals, member_id):
                _rewrite(path, seals, member_id)


def _is_in(path: Path, seals: Seals, member_id: str) -> bool:
    """Tell whether a journal names a member, or cannot be read to its end."""
    try:
        return any(names(page.opened, member_id) for page in _pages(path, seals, lambda _: None))
    except JournalError:
        return True


def _rewrite(path: Path, seals: Seals, member_id: str) -> None:
    made = path.with_suffix(BEGUN)
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        give_to_owner(path.parent.parent, descriptor)
        file.write(MAGIC)
        with suppress(JournalError, msgspec.MsgspecError):
            file.writelines(_pages_without(path, seals, member_id))
        file.flush()
        os.fsync(descriptor)
    made.replace(path)
    settle(path.parent)


def _pages_without(path: Path, seals: Seals, member_id: str) -> Iterator[bytes]:
    """Yield pages as they are written, those that hold nothing of a member as they were."""
    voices = set[int]()
    for page in _pages(path, seals, lambda _: None):
        if not voices and not names(page.opened, member_id):
            yield page.written
            continue
        entries = decode(page.opened)
        left = list(without(entries, member_id, voices))
        yield page.written if left == entries else _sealed(seals, path.name, page.number, encode(left))


def prune(state: Path, before: date) -> int:
    """Delete the journals that began before a day, also one begun anew in vain; return how many. Raises OSError."""
    old = [path for path in journals(state) if (day_of(path) or before) < before]
    for path in old:
        path.unlink(missing_ok=True)
        path.with_suffix(BEGUN).unlink(missing_ok=True)
    return len(old)
