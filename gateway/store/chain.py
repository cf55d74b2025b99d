"""The chain of digests in the database: days are closed, a member's erasure is entered, and all of it is verified."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from gateway.contract.reading import Json
from gateway.events import StateRow
from gateway.store import digests, state
from gateway.store.database import Database, Statement, json_text
from gateway.store.decisions import RULE_TEXT
from gateway.store.digests import Day, Entry

GRACE_S = 600.0
"""How long after midnight a day is closed: what was decided before is on the disk by then."""

AT_ONCE = 1000

_FIRST = "SELECT t FROM decisions WHERE t >= ? ORDER BY t LIMIT 1"
_COUNT = "SELECT count(*) FROM decisions WHERE t >= ? AND t < ?"
_TIMES = "SELECT t FROM decisions WHERE member = ?"
_OF_DAY = (
    "SELECT id, t, member, visit, rule, outcome, detail, event, subject FROM decisions"
    " WHERE t < ? AND (t, id) > (?, ?) AND member IS NOT ? ORDER BY t, id LIMIT ?"
)

Fares = Literal["held", "pruned", "changed", "broken"]


class Checked(NamedTuple):
    """An entry, and how it fares: its rows are as they were, gone by retention, or not; or the chain breaks here."""

    entry: Entry
    fares: Fares
    now: tuple[Day, ...] = ()  # the days that are not as they were, as they are


class Verdict(NamedTuple):
    """What verification found. `texts` are the keys of rule texts that are not what was kept."""

    entries: list[Checked]
    texts: list[str]
    unreadable: int  # entries
    strays: int  # rows of days that are closed, and of which no entry speaks

    @property
    def is_whole(self) -> bool:
        wrong = any(each.fares in ("changed", "broken") for each in self.entries)
        return not (wrong or self.texts or self.unreadable or self.strays)


class _Kept(NamedTuple):
    entries: list[Entry]
    pruned: float  # the time up to which rows are gone
    unreadable: int
    last: Entry | None  # empty where it cannot be read: its number is not given again


async def close_days(database: Database, now: float, timezone: ZoneInfo) -> int:
    """Enter every day that is over; return how many. What waits to be folded must be folded. Raises StoreError."""
    kept = await _kept(database)
    last, closed, made = kept.last, digests.closed_until(kept.entries), 0
    while rows := await database.read(_FIRST, closed):
        begins, ends = _day_of(rows[0][0], timezone)
        if now < ends + GRACE_S:
            break
        last = digests.link(last, "day", now, [await _day(database, max(begins, closed), ends)])
        await database.write(_put(last))
        closed, made = ends, made + 1
    return made


def _day_of(t: float, timezone: ZoneInfo) -> tuple[float, float]:
    """Return when the day of the shop's calendar begins and ends that a time lies in."""
    midnight = datetime.fromtimestamp(t, timezone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()


async def erasure(database: Database, member: str, unfolded: int, now: float) -> list[Statement]:
    """Return what enters, in the transaction that erases a member's decisions, that they went. Raises StoreError.

    `unfolded` is how many of them are not in their table yet. Where another process made an entry meanwhile, the
    transaction is refused.
    """
    times = [t for (t,) in await database.read(_TIMES, member)]
    if not times and not unfolded:
        return []
    kept = await _kept(database)
    closed = [day for day in digests.days_now(kept.entries).values() if day.until > kept.pruned]
    touched = [day for day in closed if any(day.since <= t < day.until for t in times)]
    days = [await _day(database, day.since, day.until, without=member) for day in touched]
    return [_put(digests.link(kept.last, "erased", now, days, len(times) + unfolded))]


def _put(entry: Entry) -> Statement:
    row = digests.state_row(entry)
    return Statement(
        "INSERT INTO state VALUES (?, ?, ?, NULL, ?)", [(row.kind, row.key, json_text(row.value), row.until)]
    )


async def note_pruned(database: Database, before: float) -> None:
    """Keep up to when retention deletes rows, once a day: such a day cannot be verified any more."""
    kept = await _kept(database)
    days = digests.days_now(kept.entries).values()
    until = max((day.until for day in days if day.since < before), default=0.0)
    if until > kept.pruned:
        await database.write(*state.put([StateRow(digests.KIND, digests.PRUNED, until)]))


async def verify(database: Database) -> Verdict:
    """Hold every entry against the rows and the entry before it. Raises StoreError."""
    kept = await _kept(database)
    counts = digests.days_now(kept.entries)
    now = {day: await _day(database, day.since, day.until) for day in counts.values() if day.until > kept.pruned}
    checked, last = [], None
    for entry in kept.entries:
        spoken = [day for day in entry.days if counts[day.since] is day]
        checked.append(_check(entry, last, spoken, now))
        last = entry
    [(held,)] = await database.read(_COUNT, kept.pruned, digests.closed_until(kept.entries))
    strays = held - sum(day.rows for day in now.values())
    return Verdict(checked, await _wrong_texts(database), kept.unreadable, strays)


def _check(entry: Entry, last: Entry | None, spoken: list[Day], now: dict[Day, Day]) -> Checked:
    if not digests.is_linked(entry, last):
        return Checked(entry, "broken")
    changed = tuple(now[day] for day in spoken if now.get(day, day) != day)
    if changed:
        return Checked(entry, "changed", changed)
    return Checked(entry, "pruned" if spoken and not any(day in now for day in spoken) else "held")


async def _day(database: Database, since: float, until: float, *, without: str | None = None) -> Day:
    rows = digests.Rows()
    place: tuple[float, str] = (since, "")
    while found := await database.read(_OF_DAY, until, *place, without, AT_ONCE):
        rows.take(found)
        place = found[-1][1], found[-1][0]
    return rows.day(since, until)


async def _wrong_texts(database: Database) -> list[str]:
    texts = await _values(database, RULE_TEXT)
    return [key for key, text in texts.items() if hashlib.sha256(str(text).encode()).hexdigest() != key]


async def _kept(database: Database) -> _Kept:
    values = await _values(database, digests.KIND)
    pruned = values.pop(digests.PRUNED, 0.0)
    found = [digests.entry_of(value) for value in values.values()]
    entries = [entry for entry in found if entry is not None]
    unreadable = len(found) - len(entries)
    last = found[-1] if found else None
    if found and last is None:
        last = Entry(int(max(values)), "day", 0.0, 0, (), "", "")
    if not isinstance(pruned, int | float):
        return _Kept(entries, 0.0, unreadable + 1, last)
    return _Kept(entries, pruned, unreadable, last)


async def _values(database: Database, kind: str) -> dict[str, Json]:
    """Return what is kept of a kind, in the order of keys."""
    rows = map(state.state_row, await database.read(state.OF_KIND, kind))
    return {row.key: row.value for row in rows}
