"""The store: what the daemon keeps, and the outbox it sends from."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway import clock
from gateway.configuration.config import Privacy
from gateway.events import DecisionRow, Outcome, Priority, StateRow
from gateway.journal import pages as journals
from gateway.store import chain, changes, decisions, lookup, marks, members, meta, notes, outbox, state
from gateway.store.archive import Piece
from gateway.store.changes import Changes
from gateway.store.copy import Copy
from gateway.store.database import (
    Database,
    FolderLock,
    Reason,
    Row,
    Statement,
    StoreError,
    forget_set_aside,
    json_text,
)
from gateway.store.keys import find_keys, renew_key
from gateway.store.left import KEPT_S, Left
from gateway.store.outbox import OutboxRow, PastEvent
from gateway.store.queue import START, Cursor, Place, Queue
from gateway.store.resealing import is_due, reseal
from gateway.store.sealing import Seals
from gateway.store.unlocking import find_seals, gateway_key, kept_gateway_key, put_gateway_key

log = logging.getLogger("hushbell")

FILE = "hushbell.db"
QUEUE_BOUND = 100_000
"""How many events may wait; beyond it counts are given up, then visits, never alerts."""

SENT_KEPT = 200_000
"""How many events are kept after they were sent, in the day that they may be asked for."""

SET_ASIDE_KEPT_S = 7 * 86400.0
"""How long a damaged database lies beside the new one."""

CHUNK = 1000
"""Rows of one transaction where many are written, so that an alert need not wait long behind them."""

FOLD_AFTER = 500
"""Commits whose changes may wait to be folded."""

SCRUB_EVERY_S = 86400.0
"""How often pages are overwritten that held what was deleted."""

COLUMNS = "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'"

NOTHING: Mapping[str, str] = {}


class Store:
    """One gateway's database, in its state folder. `counters` counts what was committed, sent and given up.

    Every method raises StoreError, with nothing half done, when the database refuses.
    """

    gateway_key: bytes  # 32 random bytes, made once

    def __init__(self, database: Database, folder: Path, seals: Seals, key: bytes) -> None:
        self.gateway_key = key
        self.restored: int | None = None
        self.counters: Counter[str] = Counter()
        self._database = database
        self._folder = folder
        self._seals = seals
        self._copy = Copy(folder, database)
        self._lock = FolderLock(folder)
        self._queue = Queue()
        self._left = Left()
        self._partings: set[Place] = set()  # those that are known to wait
        self._parted = True  # there may be others, or one was sent
        self._in_doubt = False  # whether the last commit took effect
        self._unfolded = 0
        self._unclean = True  # free pages may hold what was deleted
        self._scrubbed = 0.0
        self._turn = asyncio.Lock()  # held while what waits changes, in memory and on the disk
        self._watchers: list[Callable[[], None]] = []

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
            store = cls(database, folder, seals, await gateway_key(database, seals))
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
        return cls(database, folder, seals, key)

    async def close(self) -> None:
        await self._database.close()
        self._lock.free()

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged database was moved to when this store was opened."""
        return self._database.set_aside

    @property
    def queued(self) -> int:
        """How many events wait to be sent."""
        return len(self._queue)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each change of what is queued, but for what was sent; return what ends this."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    async def begin_run(self) -> int:
        """Take the store for this process, and return the number of its run, which rises at each start.

        Raises StoreError with `Reason.LOCKED` while another daemon has it.
        """
        if not self._lock.take():
            raise StoreError(self._database.path, Reason.LOCKED, "another hushbell runs with this state folder")
        await self._database.write(Statement("UPDATE meta SET value = value + 1 WHERE name = 'run'"))
        await self._copy.follow()
        return int(await meta.get(self._database, "run"))

    async def _reseal(self) -> None:
        """Change to another key, where there is one; no daemon may be at work with the one of before."""
        if await is_due(self._database, self._seals):
            if not self._lock.take():
                raise StoreError(self._database.path, Reason.LOCKED, "another hushbell runs with the key of before")
            try:
                await reseal(self._database, self._copy, self._folder, self._seals, self.gateway_key)
            finally:
                self._lock.free()

    async def commit(self, outcome: Outcome) -> None:
        """Keep events, decisions and state in one transaction, durable when this returns."""
        if not outcome:
            return
        async with self._turn:
            await self._commit(outcome)
        if outcome.events:
            self._call_watchers()
        if self._unfolded >= FOLD_AFTER:
            await self._fold()
        if self.queued > QUEUE_BOUND:
            await self._sacrifice()

    async def _commit(self, outcome: Outcome) -> None:
        await self._resolve_doubt()
        first = self._queue.last + 1
        news = self._queue.news()
        rows = [*outcome.state.values(), *marks.rows(news)]
        self._in_doubt = True
        await self._database.write(outbox.put(outcome.events, first), *changes.put(rows, outcome.decisions))
        self._in_doubt = False
        self._queue.keep(news)
        self._unfolded += 1
        for number, event in enumerate(outcome.events, first):
            self._queue.add((event.priority, number), event.expires)
        self._parted |= any(map(outbox.is_parting, outcome.events))
        self.counters["committed"] += len(outcome.events)

    async def _resolve_doubt(self) -> None:
        """See what became of a commit that was broken off: what it kept is to be sent."""
        if self._in_doubt:
            for priority, number, expires in await self._database.read(outbox.WAITING, self._queue.last):
                self._queue.add((priority, number), expires)
            self._parted = True
            self._in_doubt = False

    async def _load(self) -> None:
        """See what waits."""
        unfolded = await self._database.read(changes.ALL)
        self._unfolded = len(unfolded)
        own = [row for row in await self._all_state(unfolded) if row.kind == marks.KIND]
        self._left = next((Left.from_json(row.value) for row in own if row.key == "left"), Left())
        marked = marks.from_rows(own)
        for priority, number, expires in await self._database.read(outbox.WAITING, marked.lowest):
            if marked.allow((priority, number)):
                self._queue.add((priority, number), expires)
        self._queue.resume(marked)
        self._queue.last = (await self._database.read(outbox.LAST))[0][0]

    async def state(self) -> list[StateRow]:
        """Return the core's state as it was last committed."""
        return [row for row in await self._all_state(await self._database.read(changes.ALL)) if row.kind != marks.KIND]

    async def _all_state(self, unfolded: Iterable[Row]) -> list[StateRow]:
        rows = {(row.kind, row.key): row for row in map(state.state_row, await self._database.read(state.ALL))}
        rows |= changes.merged(unfolded).state
        return sorted((row for row in rows.values() if row.value is not None), key=lambda row: (row.kind, row.key))

    async def _unfolded_changes(self) -> Changes:
        return changes.merged(await self._database.read(changes.ALL))

    async def _fold(self) -> None:
        """Bring into its tables what commits changed, many at a time."""
        async with self._turn:
            if self._unfolded:
                await self._database.rewrite(changes.ALL, changes.folded)
                self._unfolded = 0
                self._unclean = True

    # Members

    async def put_members(self, rows: Sequence[tuple[str, str]], told: Mapping[str, str] = NOTHING) -> None:
        """Add or replace members, as id and JSON text; a thousand in a transaction, with a note to be told by id."""
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            statements = members.put(some, self.gateway_key, self._seals)
            noted = [notes.row(told[id_], self._seals, id_) for id_, _ in some if id_ in told]
            await self._database.write(*statements, *state.put(noted), overwriting=True)
            await self._copy.follow(*statements)

    async def notes(self) -> list[tuple[str, str]]:
        """Return what is still to be told of members, as key and text, in the order in which it was noted."""
        if not await self._database.read(state.OF_KIND, notes.KIND):
            return []
        gone = (await self._unfolded_changes()).state  # first: what is folded from now on is not among the rows either
        rows = map(state.state_row, await self._database.read(state.OF_KIND, notes.KIND))
        texts = [(row.key, notes.opened(self._seals, row)) for row in rows if (row.kind, row.key) not in gone]
        return [(key, text) for key, text in texts if text is not None]

    async def withdrawals(self, ids: Iterable[str]) -> dict[str, float]:
        """Return who of some members withdrew at a gateway's page and is not back, with the time of it."""
        rows = await self._database.read(members.WITHDRAWALS)
        times = {members.digest_of(each): members.withdrawn_at(each) for (each,) in rows}
        digests = {id_: members.digest(id_, self.gateway_key) for id_ in ids} if times else {}
        return {id_: times[digest] for id_, digest in digests.items() if digest in times}

    async def members(self) -> AsyncIterator[tuple[str, str]]:
        """Iterate over all members as id and JSON text, in the order of ids."""
        async for rows in members.in_chunks(self._database):
            for row in self._opened(rows):
                yield row

    def _opened(self, rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
        """Yield id and JSON text; what does not open is left out, and counted."""
        for id_, body in rows:
            text = members.opened(self._seals, id_, body)
            if text is not None:
                yield id_, text
            else:
                self.counters["members that do not open"] += 1
                log.warning("the stored member …%s is left out: it does not open", id_[-2:])

    async def members_from(self, id_: str, limit: int) -> list[tuple[str, str]]:
        """Return members as id and JSON text, in the order of ids, from this id on."""
        return list(self._opened(await self._database.read(members.FROM, id_, limit)))

    async def held_about(self, id_: str) -> tuple[list[StateRow], list[DecisionRow], list[PastEvent]]:
        """Return every row about a member beside the member's own: events that still wait to be sent among them.

        Each row comes once, and in the same order, whether it is folded before, meanwhile or later.
        """
        news = changes.merged(await self._database.read(changes.ALL))
        found = map(state.state_row, await self._database.read(state.OF_MEMBER, id_))
        kept = {(row.kind, row.key): row for row in found}
        kept |= {key: row for key, row in news.state.items() if key in kept or row.member == id_}
        decided = {row.id: row for row in news.decisions if row.member == id_}
        decided |= {row[0]: decisions.decision_row(row) for row in await self._database.read(decisions.OF_MEMBER, id_)}
        return (
            [kept[key] for key in sorted(kept) if kept[key].value is not None],
            sorted(decided.values(), key=lambda row: (row.t, row.id)),
            [outbox.past_event(row) for row in await self._database.read(outbox.OF_MEMBER, id_)],
        )

    # Backups

    @classmethod
    async def renew_key(cls, folder: Path) -> None:
        """Seal the members under a new key in the state folder. No daemon may be at work. Raises StoreError."""
        store = await cls.open(folder, mend=False)
        try:
            if not store._lock.take():
                raise StoreError(folder / FILE, Reason.LOCKED, "stop the daemon first")
            keys = find_keys(folder)
            if keys.given or store._seals.first not in keys.file:
                detail = "it comes from systemd: give a new one as hushbell-key and the former as hushbell-key-old"
                raise StoreError(folder / FILE, Reason.KEY, detail)
            renew_key(folder)
        finally:
            await store.close()
        await (await cls.open(folder, mend=False)).close()

    async def tombstones(self) -> list[bytes]:
        """Return the digests of who was erased."""
        return [digest for (digest,) in await self._database.read(members.TOMBSTONES)]

    async def restore(self, pieces: Iterable[Piece]) -> int:
        """Put the members of a backup who are not there and were not erased, then or since; return how many.

        Whoever is there stays as he is: what was paused or taken back since is not undone. Where nobody is and nobody
        was erased, the gateway takes the backup's key. No daemon may be at work. Raises StoreError.
        """
        if not self._lock.take():
            raise StoreError(self._database.path, Reason.LOCKED, "stop the daemon first")
        erased = set(map(members.digest_of, await self.tombstones()))
        total = 0
        for piece in pieces:
            if piece.gateway_key:
                await self._take_over(piece.gateway_key)
            if piece.tombstones:
                erased |= await self._bury(piece.tombstones)
            there = await self.members_named([id_ for id_, _ in piece.members])
            rows = [row for row in piece.members if row[0] not in there]
            missing = [row for row in rows if members.digest(row[0], self.gateway_key) not in erased]
            await self.put_members(missing)
            put = {id_ for id_, _ in missing}
            await self.commit(Outcome(state={(row.kind, row.key): row for row in piece.reached if row.member in put}))
            total += len(missing)
        return total

    async def _take_over(self, key: bytes) -> None:
        if key == self.gateway_key:
            return
        if await self.count_members() or await self.tombstones():
            detail = "the backup is of another register than the one that is here"
            raise StoreError(self._database.path, Reason.OTHER, detail)
        await self._database.write(put_gateway_key(key, self._seals), overwriting=True)
        self.gateway_key = key
        await self._copy.make_anew()

    async def _bury(self, digests: Iterable[bytes]) -> set[bytes]:
        """Take tombstones, but of members who came back after they were erased; return those taken."""
        there = {members.digest(id_, self.gateway_key) async for id_ in self.member_ids()}
        taken = [tombstone for tombstone in digests if members.digest_of(tombstone) not in there]
        statement = members.buried(taken)
        await self._database.write(statement)
        await self._copy.follow(statement)
        return set(map(members.digest_of, taken))

    async def has_member(self, id_: str) -> bool:
        return bool(await self._database.read(members.ONE, id_))

    async def members_version(self) -> int:
        """Return a number that is another one after any process changed the members."""
        return await members.version(self._database)

    async def members_named(self, ids: Iterable[str]) -> dict[str, str]:
        """Return those of some members that there are: JSON text by id."""
        return dict(self._opened(await self._database.read(members.NAMED, json_text(list(ids)))))

    async def members_since(self, version: int) -> AsyncIterator[tuple[str, str]]:
        """Iterate over the members that were put after `members_version` was so much, as id and JSON text."""
        async for rows in members.since(self._database, version):
            for row in self._opened(rows):
                yield row

    async def member_ids(self) -> AsyncIterator[str]:
        """Iterate over the ids of all members, in their order."""
        last = ""
        while rows := await self._database.read(members.IDS, last, members.CHUNK):
            for (last,) in rows:
                yield last

    async def count_members(self) -> int:
        return int((await self._database.read(members.COUNT))[0][0])

    async def erase_member(self, id_: str, *, withdrew: float | None = None, told: str | None = None) -> None:
        """Remove every row about a member, queued events too, and leave a tombstone that only we can read.

        `withdrew` is when the member did so at a gateway's page; `told` is a note that is to be told.
        """
        gone = members.erased(id_, self.gateway_key, withdrew)
        noted = [] if told is None else state.put([notes.row(told, self._seals, None)])
        await self._erase(id_, "*", [*gone, state.forgotten(id_), decisions.forgotten(id_), *noted])
        await self._copy.follow(*gone)

    async def erase_traces(self, id_: str) -> None:
        """Remove every row about a member but the member's own."""
        await self._erase(id_, "*", [state.forgotten(id_), decisions.forgotten(id_)])

    async def erase_told(self, id_: str, topics: str) -> None:
        """Remove a member's decisions, and what was or is to be said on topics that match a pattern (GLOB)."""
        await self._erase(id_, topics, [decisions.forgotten(id_)])

    async def _erase(self, id_: str, topics: str, forgotten: Sequence[Statement]) -> None:
        try:
            await asyncio.to_thread(journals.erase, self._folder, self.gateway_key, id_)
        except OSError as error:
            raise StoreError(self._folder, Reason.DENIED, error.strerror or "") from error
        async with self._turn:
            places = _places(await self._database.read(outbox.PLACES_OF_MEMBER, id_, topics))
            unfolded = sum(row.member == id_ for row in (await self._unfolded_changes()).decisions)
            entered = await chain.erasure(self._database, id_, unfolded, clock.wall())
            await self._database.rewrite(
                changes.ALL,
                lambda rows: [outbox.erased(id_, topics), *changes.folded(rows), *forgotten, *entered],
                overwriting=True,
            )
            self._queue.remove(places)
            self._unfolded = 0
        self._call_watchers()
        await self._scrub()
        await self._database.empty_log()

    async def _scrub(self) -> None:
        if self._unclean:
            await self._database.scrub()
            self._unclean = False

    # What is held, for whoever must tell

    async def columns(self) -> list[tuple[str, str]]:
        """Return every table with each of its columns."""
        return [(table, column) for table, column in await self._database.read(COLUMNS)]

    async def everything(self) -> AsyncIterator[StateRow | DecisionRow | PastEvent]:
        """Iterate over all rows but the members' own; an event's is its data, with whom it is about."""
        unfolded = await self._database.read(changes.ALL)
        for kept in await self._all_state(unfolded):
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
        while rows := await self._database.read(outbox.BEHIND, number, CHUNK):
            for event in map(outbox.past_event, rows):
                yield event
            number = rows[-1][0]

    # The outbox

    async def pending(self, limit: int, after: Cursor = START) -> list[OutboxRow]:
        """Return events to send behind a cursor, by priority and then number."""
        while places := self._queue.behind(after, limit):
            rows = await self._database.read(outbox.WAITING_AT, outbox.numbers_of(places))
            found = {row[0]: OutboxRow(*row) for row in rows}
            self._queue.remove(place for place in places if place[1] not in found)  # another process erased them
            if found:
                return [found[number] for _, number in places if number in found]
        return []

    def expires(self, place: Place) -> float | None:
        """Return when an event that is still to be sent expires; None where it is not to be sent any more."""
        return self._queue.expires(place)

    def sent(self, *places: Place) -> None:
        """Take events off the queue; the disk learns of it with the next commit, or by `keep_marks`."""
        self.counters["sent"] += len(self._queue.remove(places))
        self._parted |= not self._partings.isdisjoint(places)

    def hold(self, place: Place) -> None:
        """Let an event wait on while those after it count as sent."""
        self._queue.hold(place)

    async def keep_marks(self) -> None:
        """Write down what was sent, where the disk does not have it yet."""
        async with self._turn:
            await self._resolve_doubt()
            news = self._queue.news()
            if rows := marks.rows(news):
                await self._database.write(*changes.put(rows, ()))
                self._queue.keep(news)
                self._unfolded += 1
        if self._parted:
            await self._forget_partings()

    async def _forget_partings(self) -> None:
        """Forget who is gone as soon as all were told; see who is still to be told."""
        self._parted = False
        try:
            if await self._erase_partings():
                await self._fold()
                await self._scrub()
                await self._database.empty_log()
        except BaseException:
            self._parted = True
            raise

    async def _erase_partings(self) -> bool:
        async with self._turn:
            await self._resolve_doubt()
            places = _places(await self._database.read(outbox.PARTINGS))
            self._partings = {place for place in places if place in self._queue}
            told = [place for place in places if place not in self._partings]
            if told:
                await self._database.write(outbox.gone(told, "erased"), overwriting=True)
        return bool(told)

    async def redate(self, by_s: float) -> None:
        """Let what waits live as long as it had to, where the clock was set by so much, here and on the disk."""
        self._queue.redate(by_s)
        places = [*self._queue]
        if places:
            async with self._turn:
                await self._database.write(outbox.redated(places, by_s))

    async def expire(self, now: float) -> int:
        """Make tombstones of events that nobody waits for any more; return how many."""
        return await self._give_up(self._queue.expired(now), "expired")

    async def events_since(self, topic: str, sequence: int, limit: int) -> list[PastEvent]:
        """Return what left the queue for a topic after a sequence number, in order, tombstones among them."""
        waiting = outbox.numbers_of(self._queue)
        rows = await self._database.read(outbox.SINCE, topic, topic, sequence, waiting, limit)
        return [outbox.past_event(row) for row in rows]

    async def _sacrifice(self) -> None:
        excess = self.queued - QUEUE_BOUND + QUEUE_BOUND // 100
        await self._give_up(self._queue.least(excess, {Priority.ALERT}), "sacrificed")

    async def _give_up(self, places: Sequence[Place], why: str) -> int:
        for start in range(0, len(places), CHUNK):
            some = places[start : start + CHUNK]
            async with self._turn:
                await self._database.write(outbox.gone(some, why))
                self.counters[why] += len(self._queue.remove(some))
        return len(places)

    def _call_watchers(self) -> None:
        for callback in self._watchers:
            callback()

    # Decisions and retention

    async def decisions(
        self, *, subject: str | None = None, visit: str | None = None, limit: int = 100
    ) -> list[DecisionRow]:
        """Return decisions, the newest first: of an alert or offer, of a visit, or all."""
        unfolded = (await self._unfolded_changes()).decisions
        if subject is not None:
            return await lookup.of_subject(self._database, unfolded, subject, limit)
        if visit is not None:
            return await lookup.of_visit(self._database, unfolded, visit, limit)
        return await lookup.newest(self._database, unfolded, limit)

    async def decision_of_event(self, event: str) -> list[DecisionRow]:
        """Return the decision that an event came of, where one is kept."""
        return await lookup.of_event(self._database, (await self._unfolded_changes()).decisions, event)

    async def silences(self, since: float) -> list[lookup.Silent]:
        """Return how often each rule said no since a time, and why, the most frequent first."""
        return await lookup.silences(self._database, (await self._unfolded_changes()).decisions, since)

    async def rule_texts(self) -> dict[str, str]:
        """Return the texts of the rules that decided, by their SHA-256 in hex."""
        rows = await self._all_state(await self._database.read(changes.ALL))
        return {row.key: row.value for row in rows if row.kind == decisions.RULE_TEXT}

    async def prune(self, now: float, privacy: Privacy) -> int:
        """Expire events and delete what retention no longer allows; return how many rows.

        Writes nothing where there is nothing to do.
        """
        expired = await self.expire(now)
        await self._fold()
        if self._parted:
            await self._forget_partings()
        await self._note_left(now)
        upto = max(self._left.upto(now), self._queue.last - SENT_KEPT)
        deleted = (
            await self._prune(outbox.OLD, (upto, outbox.numbers_of(self._queue)), outbox.deleted)
            + await self._prune_decisions(now - privacy.alerts_s)
            + await self._prune(state.OLD, (now,), state.deleted)
        )
        if now - self._scrubbed >= SCRUB_EVERY_S:
            deleted += await self._prune_outlived(now)
        self._unclean |= bool(deleted)
        if now - self._scrubbed >= SCRUB_EVERY_S:
            await self._scrub()
            self._scrubbed = now
        return expired + deleted + forget_set_aside(self._database.path, now - SET_ASIDE_KEPT_S)

    async def _prune_decisions(self, before: float) -> int:
        await chain.note_pruned(self._database, before)
        return await self._prune(decisions.OLD, (before,), decisions.deleted)

    async def close_days(self, now: float, timezone: ZoneInfo) -> int:
        """Enter the digest of each day that is over; return how many."""
        await self._fold()
        return await chain.close_days(self._database, now, timezone)

    async def verify_days(self) -> chain.Verdict:
        """Hold the decisions against the digests of their days."""
        return await chain.verify(self._database)

    async def _prune_outlived(self, now: float) -> int:
        """Delete events that nobody could ask for any more, whenever they left: the gateway may have been away since.

        Of the newest, whose number must not be given again, a tombstone stays.
        """
        waiting = outbox.numbers_of(self._queue)
        deleted = await self._prune(outbox.OUTLIVED, (now - KEPT_S, waiting), outbox.deleted)
        if newest := _places(await self._database.read(outbox.NEWEST_OUTLIVED, now - KEPT_S, waiting)):
            await self._database.write(outbox.gone(newest, "expired"))
        return deleted + len(newest)

    async def _note_left(self, now: float) -> None:
        left = self._left.noting(now, min(self._queue.floors))
        if left != self._left:
            await self._database.write(*changes.put([StateRow(marks.KIND, "left", left.entries)], ()))
            self._left = left
            self._unfolded += 1

    async def _prune(
        self, sql: str, parameters: tuple[object, ...], deleted: Callable[[list[Row]], list[Statement]]
    ) -> int:
        total = 0
        while rows := await self._database.read(sql, *parameters, CHUNK):
            await self._database.write(*deleted(rows))
            total += len(rows)
        return total


def _places(rows: Sequence[Row]) -> list[Place]:
    return [(row[0], row[1]) for row in rows]
