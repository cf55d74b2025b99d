"""A digest a day over the decisions: a chain of SHA-256 in which a row that was changed, added or lost shows.

Laws. An entry's digest covers the entry before it and what it says of days: how many rows each has, and their digest.
The latest entry that speaks of a day counts; one that erased rows of a member speaks of each closed day anew, and says
no more of the member than how many rows went. The oldest entry that is held is taken at its word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from gateway.contract.reading import Json
from gateway.events import StateRow
from gateway.store.database import Row

KIND = "digest"
PRUNED = "pruned"
"""The key of the time up to which retention has deleted rows; every other key is an entry's number."""

KEPT_S = 400 * 86400.0

What = Literal["day", "erased"]


class Day(NamedTuple):
    """The rows of a day of the shop's calendar that is over. Times are seconds since the epoch."""

    since: float
    until: float
    rows: int
    digest: str  # SHA-256 in hex of the rows in the order of time and id


class Entry(NamedTuple):
    """A link of the chain: a day is over, or a member's rows were erased."""

    number: int
    what: What
    at: float
    erased: int  # rows
    days: tuple[Day, ...]
    before: str  # the digest of the entry before
    digest: str


class Rows:
    """Digests rows, given in the order of time and id."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._count = 0

    def take(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._hash.update(msgspec.json.encode(row) + b"\n")
            self._count += 1

    def day(self, since: float, until: float) -> Day:
        return Day(since, until, self._count, self._hash.hexdigest())


def link(last: Entry | None, what: What, at: float, days: Sequence[Day], erased: int = 0) -> Entry:
    """Return the entry that follows the last one."""
    number, before = (last.number + 1, last.digest) if last else (1, "")
    entry = Entry(number, what, at, erased, tuple(days), before, "")
    return entry._replace(digest=_digest(entry))


def _digest(entry: Entry) -> str:
    return hashlib.sha256(msgspec.json.encode(entry[:-1])).hexdigest()


def state_row(entry: Entry) -> StateRow:
    return StateRow(KIND, f"{entry.number:08d}", list(entry), None, entry.at + KEPT_S)


def entry_of(value: Json) -> Entry | None:
    """Take back what was kept; None where it is not what was written."""
    try:
        return msgspec.convert(value, Entry)
    except msgspec.ValidationError:
        return None


def is_linked(entry: Entry, last: Entry | None) -> bool:
    """Tell whether an entry is what it was, and follows the one before it, where that is held."""
    if entry.digest != _digest(entry):
        return False
    return last is None or (entry.number, entry.before) == (last.number + 1, last.digest)


def days_now(entries: Iterable[Entry]) -> dict[float, Day]:
    """Return what counts of each day, by its beginning."""
    return {day.since: day for entry in entries for day in entry.days}


def closed_until(entries: Iterable[Entry]) -> float:
    """Return the time up to which days are closed, 0 where none is."""
    return max((day.until for entry in entries for day in entry.days), default=0.0)
