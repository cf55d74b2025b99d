"""The connection to the broker: kept up through everything, at the first of several that takes us."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway import clock
from gateway.mqtt.address import Address
from gateway.mqtt.backoff import Backoff, return_delay
from gateway.mqtt.link import Link, Settled, open_link
from gateway.mqtt.outgoing import Delivery, Done, Outgoing, PublishError
from gateway.mqtt.retained import Retained
from gateway.mqtt.settings import Settings
from gateway.mqtt.topics import Arrival
from gateway.mqtt.trouble import Cause, Trouble, TroubleError
from rules.messages import say

log = logging.getLogger("hushbell.mqtt")

WAITING = 256
"""Messages that may wait for a place in the window; more are refused."""

FAREWELL_S = 1.0

SETTLE_S = 5.0
"""How long after signing on, at least, a broker's retained messages are expected."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether a broker is reached, and if not why, for each that was tried.

    `resumed`: it is the broker that we were on, and it kept our session while we were away.
    """

    online: bool
    troubles: tuple[Trouble, ...] = ()
    address: Address | None = None
    remark: str = ""
    resumed: bool = False

    @property
    def reason(self) -> str:
        return self.remark if self.online else "; ".join(map(str, self.troubles))

    def __str__(self) -> str:
        where = say("connected to the broker at {address}", address=self.address) if self.online else say("no broker")
        return f"{where}: {self.reason}" if self.reason else where


class Connection:
    """Keeps one connection up: back-off, subscriptions, retained values, and a bounded window of messages.

    `receive` takes what arrives, and an empty retained message for each that a new session has no more; `tell` takes
    each change of the link. Both are called on the event loop. What arrives is acknowledged when `settled` returns.
    """

    def __init__(
        self,
        settings: Settings,
        receive: Callable[[Arrival], None],
        tell: Callable[[LinkState], None],
        backoff: Backoff | None = None,
        settled: Settled | None = None,
    ) -> None:
        self.state = LinkState(online=False, troubles=(Trouble(Cause.NOT_YET),))
        self._settings = settings
        self._receive = receive
        self._tell = tell
        self._backoff = backoff or Backoff()
        self._settled = settled
        self._closing = asyncio.Event()
        self._link: Link | None = None
        self._last: Address | None = None  # of the broker that we were on
        self._kept: dict[str, bytes] = {}
        self._retained = Retained()
        self._sweeping: asyncio.TimerHandle | None = None
        self._parting = False
        self._waiting: deque[tuple[Outgoing, Done]] = deque()
        self._watchers: list[Callable[[], None]] = []

    @property
    def is_settling(self) -> bool:
        """Whether the broker may still be sending what it kept."""
        return self._link is None or self._sweeping is not None

    @property
    def room(self) -> int:
        """How many more messages may be sent now; 0 while there is no link."""
        return self._link.room if self._link and not self._waiting else 0

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when there may be room, or none any more; return what ends this."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def send(self, message: Outgoing, done: Done) -> None:
        """Publish without waiting; `done` hears of it exactly once."""
        if self._link is None:
            done(Delivery.LOST, self.state.reason)
        elif not self._waiting and self._link.room:
            self._link.publish(message, done)
        elif len(self._waiting) < WAITING:
            self._waiting.append((message, done))
        else:
            done(Delivery.REFUSED, say("too many messages wait for the broker"))

    async def publish(self, message: Outgoing) -> None:
        """Publish and wait for the acknowledgement. Raises PublishError."""
        outcome: asyncio.Future[tuple[Delivery, str]] = asyncio.get_running_loop().create_future()

        def done(delivery: Delivery, reason: str) -> None:
            if not outcome.done():
                outcome.set_result((delivery, reason))

        self.send(message, done)
        delivery, reason = await outcome
        if delivery is not Delivery.DELIVERED:
            raise PublishError(delivery, reason)

    def keep(self, topic: str, payload: bytes) -> None:
        """Publish a retained value now, where there is a link, and again at each connection."""
        self._kept[topic] = payload
        if self._link is not None and not self._parting:
            self._send_kept(topic)

    def close(self) -> None:
        """Let `run` publish the will as a farewell, disconnect and return."""
        self._closing.set()

    async def run(self) -> None:
        """Connect and reconnect until `close`; cancelled, it drops the link and the broker speaks the will."""
        keeping = asyncio.create_task(self._keep_up(), name="mqtt link")
        closing = asyncio.create_task(self._closing.wait(), name="mqtt closing")
        try:
            await asyncio.wait({keeping, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._link is not None and closing.done():
                await self._say_farewell(self._link)
            if keeping.done():
                keeping.result()
        finally:
            keeping.cancel()
            closing.cancel()
            await asyncio.gather(keeping, closing, return_exceptions=True)

    async def _keep_up(self) -> None:
        attempt = 0
        while True:
            began = clock.monotonic()
            troubles = await self._one_round()
            self._change(LinkState(online=False, troubles=troubles))
            attempt = attempt + 1 if clock.monotonic() - began < self._backoff.longest_s else 0
            await asyncio.sleep(self._backoff.delay(attempt, random.random()))

    async def _one_round(self) -> tuple[Trouble, ...]:
        """Use the first broker that takes us as long as it does; return why there is none, or no longer one."""
        troubles = []
        for address in self._settings.addresses:
            try:
                link = await self._open(address)
            except TroubleError as error:
                troubles.append(error.trouble)
            else:
                return (await self._use(link),)
        return tuple(troubles)

    async def _open(self, address: Address) -> Link:
        """Sign on and subscribe. Raises TroubleError."""
        link = await open_link(address, self._settings, self._take, self._on_room, self._settled)
        if not self._is_resumed(link):
            self._retained.doubt()
        await link.subscribe()
        return link

    def _is_resumed(self, link: Link) -> bool:
        return link.resumed and self._last in (None, link.address)

    async def _use(self, link: Link) -> Trouble:
        """Use a link, and a better one as soon as there is one, until it is lost; return why it was."""
        while True:
            try:
                self._enter(link)
                successor = await self._await_end(link)
            finally:
                self._leave(link)
            if isinstance(successor, Trouble):
                return successor
            link = successor

    async def _await_end(self, link: Link) -> Trouble | Link:
        """Wait until a link is lost, or a broker that is preferred to its own takes us."""
        tending = asyncio.create_task(link.tend(), name="mqtt tending")
        seeking = asyncio.create_task(self._seek_better(link.address), name="mqtt seeking")
        better: Link | None = None
        try:
            await asyncio.wait({tending, seeking}, return_when=asyncio.FIRST_COMPLETED)
            if not seeking.done():
                return tending.result()
            better = seeking.result()
            await self._say_farewell(link)
        except asyncio.CancelledError:
            if better:
                better.drop()
            raise
        else:
            return better
        finally:
            tending.cancel()
            seeking.cancel()

    async def _seek_better(self, current: Address) -> Link:
        """Try the brokers before this one now and then, until one takes us."""
        better = self._settings.addresses[: self._settings.addresses.index(current)]
        while True:
            await asyncio.sleep(return_delay(random.random()))
            for address in better:
                try:
                    return await self._open(address)
                except TroubleError as error:
                    log.info("%s", error)

    def _enter(self, link: Link) -> None:
        resumed = self._is_resumed(link)
        if self._last == link.address and not link.resumed:
            log.warning(say("the broker lost our session, and the claims, outcomes and commands of the meantime"))
        self._link, self._last = link, link.address
        for topic in self._kept:
            self._send_kept(topic)
        self._sweeping = asyncio.get_running_loop().call_later(SETTLE_S, self._sweep)
        self._change(LinkState(online=True, address=link.address, remark=link.remark, resumed=resumed))

    def _leave(self, link: Link) -> None:
        self._link, self._parting = None, False
        if self._sweeping:
            self._sweeping.cancel()
        link.drop()
        waiting, self._waiting = self._waiting, deque()
        for _, done in waiting:
            done(Delivery.LOST, str(Trouble(Cause.LOST)))

    def _send_kept(self, topic: str) -> None:
        def done(delivery: Delivery, reason: str) -> None:
            if delivery is Delivery.REFUSED:
                log.warning("the broker does not keep %s: %s", topic, reason)

        self.send(Outgoing(topic, self._kept[topic], retain=True), done)

    async def _say_farewell(self, link: Link) -> None:
        """Say what the will would say, then part, so that nobody takes us for being there."""
        self._parting = True
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self.publish(self._settings.will._replace(retain=True))
                link.leave()
                await asyncio.wait({link.gone})
        except (TimeoutError, PublishError):
            log.info("the broker did not hear our farewell and will speak the will")

    # What arrives

    def _take(self, arrival: Arrival) -> None:
        if arrival.retained:
            self._retained.take(arrival.topic, arrival.payload)
        self._receive(arrival)

    def _sweep(self) -> None:
        """Take back what a broker that did not keep our session has no more."""
        self._sweeping = None
        for topic in self._retained.sweep():
            self._receive(Arrival(topic, b"", retained=True))

    # Who waits for room

    def _on_room(self) -> None:
        while self._waiting and self._link is not None and self._link.room:
            self._link.publish(*self._waiting.popleft())
        self._call_watchers()

    def _change(self, state: LinkState) -> None:
        if state != self.state:
            self.state = state
            self._tell(state)
        self._call_watchers()

    def _call_watchers(self) -> None:
        for callback in self._watchers:
            callback()
