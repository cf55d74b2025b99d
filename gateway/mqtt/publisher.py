"""Brings what is committed to the broker: in order, marked only when acknowledged, and nothing that is too late."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

from gateway.mqtt.connection import Connection
from gateway.mqtt.outgoing import Delivery, Outgoing
from gateway.mqtt.topics import Topics
from gateway.store.database import StoreError
from gateway.store.events import OutboxRow
from gateway.store.outbox import Outbox
from gateway.store.queue import START, Place

log = logging.getLogger("hushbell.mqtt")

MARK_AFTER_S = 5.0
MARK_MOST = 1024
"""What was acknowledged is marked with the next commit, or when it is this old or this much.

While the store cannot mark, no more than this many are sent.
"""

READ_AHEAD = 512
"""Events read at a time; those that were not yet sent are read again when the store changed."""

REST_S, LONGEST_REST_S = 15.0, 240.0
"""How long events rest that the broker refused, twice as long each time, and how long a store that gave an error."""

CONTENT_TYPE = "application/cloudevents+json"


class Publisher:
    """Sends the outbox whenever there is a link.

    What a lost link left open is read and sent again, under its own id. `counters` counts `delivered`, `refused` and
    `lost`.
    """

    def __init__(
        self, outbox: Outbox, connection: Connection, topics: Topics, timezone: ZoneInfo, clock: Callable[[], float]
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._outbox = outbox
        self._connection = connection
        self._topics = topics
        self._source = topics.source
        self._timezone = timezone
        self._clock = clock
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._sent_to = list(START)
        self._ahead: deque[OutboxRow] = deque()  # the first of what the store has behind `_sent_to`
        self._changed = False  # the store did, since it was last read
        self._open: set[Place] = set()  # sent, not yet acknowledged
        self._delivered: list[Place] = []  # of the acknowledgements that are being read
        self._unmarked = 0  # acknowledged since the disk was last brought to know
        self._mark_due = False
        self._draining = 0
        self._rested = False  # what the broker refused may be tried again
        self._rest_s = REST_S
        self._told: set[int] = set()  # of which priorities it was logged that they are refused
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    async def run(self) -> None:
        """Publish until cancelled; then mark what was acknowledged."""
        ends = [self._outbox.watch(self._on_change), self._connection.watch(self._on_room)]
        self._wake.set()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._step()
        finally:
            for end in ends:
                end()
            for timer in self._timers.values():
                timer.cancel()
            await self._mark()

    async def drained(self) -> None:
        """Wait until all that was committed before is acknowledged and marked, which may be never."""
        self._draining += 1
        self._idle.clear()
        self._wake.set()
        try:
            await self._idle.wait()
        finally:
            self._draining -= 1

    async def _step(self) -> None:
        try:
            empty = await self._send_pending()
        except StoreError as error:
            log.error("the outbox cannot be read: %s", error)
            self._later(REST_S, self._wake.set)
            return
        if self._unmarked >= MARK_MOST:
            await self._mark()
            if not self._unmarked:
                self._wake.set()
        elif self._mark_due or (self._draining and not self._open and self._unmarked):
            await self._mark()
        if empty and self._rested:  # not before, or what follows many that are refused would never have its turn
            self._rested = False
            self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
            self._start_over()
        if (empty or not self._outbox.queued) and not self._open and not self._unmarked:
            self._idle.set()

    async def _send_pending(self) -> bool:
        """Send as long as there is room; return whether everything is sent."""
        while self._connection.room and self._unmarked < MARK_MOST:
            if not self._ahead and not await self._read():
                return True
            await self._send()
        return False

    async def _read(self) -> bool:
        """Read what is to be sent next; return whether there is any."""
        self._changed = False
        self._ahead.extend(await self._outbox.pending(READ_AHEAD, tuple(self._sent_to)))
        return bool(self._ahead)

    async def _send(self) -> None:
        """Send what there is room for, leaving out what is on its way and giving up what is too late."""
        now = self._clock()
        late = False
        room = self._connection.room
        while self._ahead and room:
            row = self._ahead.popleft()
            place = row.place
            self._sent_to[row.priority] = row.number
            expires = self._outbox.expires(place)
            if expires is None or place in self._open:
                continue
            if expires <= now:
                late = True
            else:
                room -= 1
                self._open.add(place)
                self._connection.send(self._message(row, expires - now), partial(self._on_done, place))
        if self._changed:
            self._ahead.clear()
        if late:
            await self._outbox.expire(now)

    def _message(self, row: OutboxRow, life_s: float) -> Outgoing:
        return Outgoing(
            self._topics.under(row.topic),
            row.body(self._source, self._timezone),
            expiry_s=max(1, int(life_s)),
            content_type=CONTENT_TYPE,
        )

    def _on_done(self, place: Place, delivery: Delivery, reason: str) -> None:
        if delivery is Delivery.DELIVERED:
            self._delivered.append(place)
            return
        self._open.discard(place)
        self.counters[delivery.value] += 1
        if delivery is Delivery.LOST:
            self._start_over()
        else:
            self._tell_refusal(place, reason)
            self._outbox.hold(place)
            self._later(self._rest_s, self._on_rested)

    def _on_room(self) -> None:
        """Take off the queue what was delivered, as much as came at once."""
        if places := self._delivered:
            self._delivered = []
            self._open.difference_update(places)
            self.counters["delivered"] += len(places)
            self._outbox.sent(*places)
            self._forget_refusals({priority for priority, _ in places})
            self._unmarked += len(places)
            self._later(MARK_AFTER_S, self._on_mark_due)
        self._wake.set()

    def _tell_refusal(self, place: Place, reason: str) -> None:
        """Log the first of a priority, until one of it is delivered."""
        if place[0] not in self._told:
            self._told.add(place[0])
            log.warning("the broker refuses events of priority %d: %s", place[0], reason)

    def _forget_refusals(self, priorities: set[int]) -> None:
        if not self._told.isdisjoint(priorities):
            self._told -= priorities
            self._rest_s = REST_S

    def _on_rested(self) -> None:
        self._rested = True
        self._wake.set()

    def _start_over(self) -> None:
        """Read the queue from its beginning, for what was sent in vain."""
        self._sent_to = list(START)
        self._ahead.clear()
        self._wake.set()

    def _on_change(self) -> None:
        """Forget what was read ahead: the store has something more urgent, or holds it no longer."""
        self._changed = True
        self._ahead.clear()
        self._wake.set()

    def _on_mark_due(self) -> None:
        self._mark_due = True
        self._wake.set()

    async def _mark(self) -> None:
        self._mark_due = False
        try:
            await self._outbox.keep_marks()
        except StoreError as error:
            log.error("what was sent cannot be marked: %s", error)
            self._later(MARK_AFTER_S, self._on_mark_due)
        else:
            self._unmarked = 0

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call once, later; a call that is due already stays as it is."""

        def due() -> None:
            del self._timers[call]
            call()

        if call not in self._timers:
            self._timers[call] = asyncio.get_running_loop().call_later(delay_s, due)
