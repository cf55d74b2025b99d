"""The outbox: what waits to be sent, and what was sent within the day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from gateway.events import Outcome, Priority
from gateway.store import events, marks
from gateway.store.database import Database
from gateway.store.events import OutboxRow, PastEvent
from gateway.store.queue import START, Cursor, Marks, Place, Queue
from gateway.store.unfolded import Unfolded

QUEUE_BOUND = 100_000
"""How many events may wait; beyond it counts are given up, then visits, never alerts."""

CHUNK = 1000
"""Events that are given up in one transaction, so that an alert need not wait long behind them."""


class Outbox:
    """One store's outbox. Every method that reads or writes raises StoreError, with nothing half done."""

    def __init__(self, database: Database, queue: Queue, unfolded: Unfolded, counters: Counter[str]) -> None:
        self._database = database
        self._queue = queue
        self._unfolded = unfolded
        self._counters = counters
        self._partings: set[Place] = set()  # those that are known to wait
        self._parted = True  # there may be others, or one was sent
        self._unswept = False  # what was told may still lie in pages that are free, or in the log
        self._in_doubt = False  # whether the last commit took effect
        self._watchers: list[Callable[[], None]] = []

    @property
    def queued(self) -> int:
        """How many events wait to be sent."""
        return len(self._queue)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each change of what is queued, but for what was sent; return what ends this."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    async def load(self, marked: Marks) -> None:
        """See what waits."""
        for priority, number, expires in await self._database.read(events.WAITING, marked.lowest):
            if marked.allow((priority, number)):
                self._queue.add((priority, number), expires)
        self._queue.resume(marked)
        self._queue.last = (await self._database.read(events.LAST))[0][0]

    async def put(self, outcome: Outcome) -> None:
        """Keep events, with the decisions and state that came with them, in one transaction."""
        async with self._unfolded.turn:
            await self._put(outcome)
        if outcome.events:
            self._call_watchers()

    async def _put(self, outcome: Outcome) -> None:
        await self._resolve_doubt()
        first = self._queue.last + 1
        news = self._queue.news()
        rows = [*outcome.state.values(), *marks.rows(news)]
        self._in_doubt = True
        await self._unfolded.put(rows, outcome.decisions, events.put(outcome.events, first))
        self._in_doubt = False
        self._queue.keep(news)
        for number, event in enumerate(outcome.events, first):
            self._queue.add((event.priority, number), event.expires)
        self._parted |= any(map(events.is_parting, outcome.events))
        self._counters["committed"] += len(outcome.events)

    async def _resolve_doubt(self) -> None:
        """See what became of a commit that was broken off: what it kept is to be sent."""
        if self._in_doubt:
            for priority, number, expires in await self._database.read(events.WAITING, self._queue.last):
                self._queue.add((priority, number), expires)
            self._parted = True
            self._in_doubt = False

    async def pending(self, limit: int, after: Cursor = START) -> list[OutboxRow]:
        """Return events to send behind a cursor, by priority and then number."""
        while places := self._queue.behind(after, limit):
            rows = await self._database.read(events.WAITING_AT, events.numbers_of(places))
            found = {row[0]: OutboxRow(*row) for row in rows}
            self._queue.remove(place for place in places if place[1] not in found)  # another process erased them
            if found:
                return [found[number] for _, number in places if number in found]
        return []

    async def events_since(self, topic: str, sequence: int, limit: int) -> list[PastEvent]:
        """Return what left the queue for a topic after a sequence number, in order, tombstones among them."""
        waiting = events.numbers_of(self._queue)
        rows = await self._database.read(events.SINCE, topic, topic, sequence, waiting, limit)
        return [events.past_event(row) for row in rows]

    def expires(self, place: Place) -> float | None:
        """Return when an event that is still to be sent expires; None where it is not to be sent any more."""
        return self._queue.expires(place)

    def sent(self, *places: Place) -> None:
        """Take events off the queue; the disk learns of it with the next commit, or by `keep_marks`."""
        self._counters["sent"] += len(self._queue.remove(places))
        self._parted |= not self._partings.isdisjoint(places)

    def hold(self, place: Place) -> None:
        """Let an event wait on while those after it count as sent."""
        self._queue.hold(place)

    def drop(self, places: Sequence[Place]) -> None:
        """Take off the queue what was erased."""
        self._queue.remove(places)
        self._call_watchers()

    async def keep_marks(self) -> None:
        """Write down what was sent, where the disk does not have it yet."""
        async with self._unfolded.turn:
            await self._resolve_doubt()
            news = self._queue.news()
            if rows := marks.rows(news):
                await self._unfolded.put(rows)
                self._queue.keep(news)
        await self.forget_partings()

    async def forget_partings(self) -> None:
        """Forget who is gone as soon as all were told; see who is still to be told."""
        if not self._parted:
            return
        self._parted = False
        try:
            if await self._erase_partings():
                self._unswept = True
            if self._unswept:
                await self._unfolded.fold()
                await self._unfolded.scrub()
                await self._database.empty_log()
                self._unswept = False
        except BaseException:
            self._parted = True
            raise

    async def _erase_partings(self) -> bool:
        async with self._unfolded.turn:
            await self._resolve_doubt()
            places = events.places(await self._database.read(events.PARTINGS))
            self._partings = {place for place in places if place in self._queue}
            told = [place for place in places if place not in self._partings]
            if told:
                await self._database.write(events.gone(told, "erased"), overwriting=True)
        return bool(told)

    async def redate(self, by_s: float) -> None:
        """Let what waits live as long as it had to, where the clock was set by so much, here and on the disk."""
        self._queue.redate(by_s)
        places = [*self._queue]
        if places:
            async with self._unfolded.turn:
                await self._database.write(events.redated(places, by_s))

    async def expire(self, now: float) -> int:
        """Make tombstones of events that nobody waits for any more; return how many."""
        return await self._give_up(self._queue.expired(now), "expired")

    async def sacrifice(self) -> None:
        """Give up the least urgent where too many wait."""
        if self.queued > QUEUE_BOUND:
            excess = self.queued - QUEUE_BOUND + QUEUE_BOUND // 100
            await self._give_up(self._queue.least(excess, {Priority.ALERT}), "sacrificed")

    async def _give_up(self, places: Sequence[Place], why: str) -> int:
        for start in range(0, len(places), CHUNK):
            some = places[start : start + CHUNK]
            async with self._unfolded.turn:
                await self._database.write(events.gone(some, why))
                self._counters[why] += len(self._queue.remove(some))
        return len(places)

    def _call_watchers(self) -> None:
        for callback in self._watchers:
            callback()
