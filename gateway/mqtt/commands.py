"""Commands as MQTT 5 request and response: a handler for each name, one answer to each request."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from gateway.contract.catalogue import LARGE_BYTES
from gateway.contract.commands import OPERATIONS, Answer, Error, Operation, Refusal
from gateway.contract.reading import Code, RefusedError, fit, parse_json
from gateway.identity.personal import refuse_personal, refuse_personal_page
from gateway.mqtt.outgoing import Delivery, Done, Outgoing
from gateway.mqtt.topics import Command, Topics

log = logging.getLogger("hushbell.mqtt")

A = TypeVar("A")
R = TypeVar("R")

AT_ONCE = 64
AT_ONCE_EACH = 32
"""Commands that may run or wait their turn, of all clients and of one; to more we are busy."""

A_SECOND = 200.0
BURST = 400.0
"""How many commands of one client are taken, for long and at once. To as many more we say that we are busy."""

MOST_CLIENTS = 1000

REMEMBERED = 256
REMEMBERED_BYTES = 16 * 1024
REMEMBERED_S = 300.0
"""Answers that are given again to a request that comes again: how many, how large, how old at most."""

ANSWER_BYTES = 256 * 1024
ANSWER_LIFE_S = 300

MOST_LOST = 64
"""Answers that may wait for a new link, of which the oldest are given up."""

KNOWN = frozenset(operation.name for operation in OPERATIONS)


class _Given(NamedTuple):
    """An answer, maybe still in the making, and when its request came (monotonic seconds)."""

    answer: asyncio.Task[bytes]
    t: float


class _Lost(NamedTuple):
    """An answer that was lost with the link, or was made before there was one, and when (monotonic seconds)."""

    request: Command
    answer: bytes
    t: float


class _Handler(NamedTuple):
    """What carries out a command; raises RefusedError for what the caller got wrong."""

    arguments: Any
    page: str
    call: Callable[[Any], Awaitable[Any]]


@dataclass(slots=True)
class _Client:
    """Who asks: how many requests wait, and how many more may come now."""

    t: float  # monotonic, of the last request
    room: float = BURST
    waiting: int = 0

    def take(self, now: float) -> float:
        """Count a request; return the room that is left, which is negative where there was none."""
        self.room = max(min(self.room + (now - self.t) * A_SECOND, BURST) - 1, -BURST)
        self.t = now
        return self.room


class Commands:
    """Carries out commands and answers them on their Response Topic, which must be a client's own.

    Commands of one family (`members.put`, `members.remove`) run in the order in which they came; families do not
    wait for each other. A request that comes again (the same answer topic, Correlation Data, name and arguments) is
    not carried out again and gets the same answer. `counters` counts what became of answers, and requests that
    could not have one.
    """

    def __init__(self, topics: Topics, send: Callable[[Outgoing, Done], None], monotonic: Callable[[], float]) -> None:
        self.counters: Counter[str] = Counter()
        self._topics = topics
        self._send = send
        self._monotonic = monotonic
        self._handlers: dict[str, _Handler] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._given: OrderedDict[bytes, _Given] = OrderedDict()
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._running: set[asyncio.Task[bytes]] = set()
        self._lost: deque[_Lost] = deque(maxlen=MOST_LOST)

    def register(self, operation: Operation[A, R], handler: Callable[[A], Awaitable[R]]) -> None:
        """Let a handler carry out a command; it raises RefusedError for what the caller got wrong."""
        self._handlers[operation.name] = _Handler(operation.arguments, operation.page, handler)
        self._turns.setdefault(_family(operation.name), asyncio.Lock())

    def receive(self, request: Command) -> None:
        """Take a request; it is carried out and answered later. Without a fit answer topic it is not carried out."""
        name = self._topics.client_of(request.answer_topic)
        if name is None:
            self.counters["no answer topic"] += 1
            return
        client = self._client(name)
        room = client.take(self._monotonic())
        if room <= -BURST:
            self.counters["unanswered, too many of one client"] += 1
            return
        answer = self._find(request) or (self._begin(client, request) if room >= 0 else None)
        if answer is None:
            self._reply(request, _refusal("busy", "too many commands are waiting, try again"))
        else:
            answer.add_done_callback(lambda done: self._on_answer(request, done))

    def answer_again(self) -> None:
        """Send, now that there is a link, the answers that had none: a broker gives us what waited as we sign on."""
        lost = [*self._lost]
        self._lost.clear()
        for request, answer, t in lost:
            if self._monotonic() - t < ANSWER_LIFE_S:
                self._reply(request, answer)

    async def close(self) -> None:
        """Give up what still runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _client(self, name: str) -> _Client:
        client = self._clients.setdefault(name, _Client(self._monotonic()))
        self._clients.move_to_end(name)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return client

    def _find(self, request: Command) -> asyncio.Task[bytes] | None:
        """Return the answer to the same request, if it came before and not long ago."""
        given = self._given.get(_key(request))
        recent = given is not None and self._monotonic() - given.t < REMEMBERED_S
        return given.answer if given is not None and recent else None

    def _begin(self, client: _Client, request: Command) -> asyncio.Task[bytes] | None:
        """Start to make an answer; None when too many are being made."""
        if len(self._running) >= AT_ONCE or client.waiting >= AT_ONCE_EACH:
            return None
        task = asyncio.create_task(self._make_answer(request), name="mqtt command")
        self._running.add(task)
        client.waiting += 1
        task.add_done_callback(lambda done: self._end(client, done))
        if request.correlation is not None:
            self._remember(_key(request), task)
        return task

    def _end(self, client: _Client, task: asyncio.Task[bytes]) -> None:
        self._running.discard(task)
        client.waiting -= 1

    def _remember(self, key: bytes, task: asyncio.Task[bytes]) -> None:
        self._given[key] = _Given(task, self._monotonic())
        self._given.move_to_end(key)
        if len(self._given) > REMEMBERED:
            self._given.popitem(last=False)

        def forget_what_is_large(task: asyncio.Task[bytes]) -> None:
            given = self._given.get(key)
            if given and given.answer is task and (task.cancelled() or len(task.result()) > REMEMBERED_BYTES):
                del self._given[key]

        task.add_done_callback(forget_what_is_large)

    async def _make_answer(self, request: Command) -> bytes:
        try:
            handler = self._handler(request.name)
            arguments = _read(request.arguments, handler.arguments, handler.page)
            async with self._turns[_family(request.name)]:
                answer = msgspec.json.encode(Answer(result=await handler.call(arguments)))
        except RefusedError as error:
            return _refusal(error.code, error.message, error.field)
        except Exception as error:
            log.error("command %s failed (%s)", request.name, type(error).__name__)
            return _refusal("internal", "the gateway failed at this")
        return answer if len(answer) <= ANSWER_BYTES else _refusal("too_large", "the answer is too large")

    def _handler(self, name: str) -> _Handler:
        if name in self._handlers:
            return self._handlers[name]
        if name in KNOWN:
            raise RefusedError("refused", "", "this version of the gateway cannot do that yet")
        raise RefusedError("unknown", "", "there is no such command")

    def _on_answer(self, request: Command, task: asyncio.Task[bytes]) -> None:
        if not task.cancelled():
            self._reply(request, task.result())

    def _reply(self, request: Command, answer: bytes) -> None:
        def done(delivery: Delivery, _: str) -> None:
            self.counters[f"answer {delivery.value}"] += 1
            if delivery is Delivery.LOST:
                self._lost.append(_Lost(request, answer, self._monotonic()))
            elif delivery is Delivery.REFUSED and len(answer) > REMEMBERED_BYTES:  # for its size, it may be
                self._reply(request, _refusal("too_large", "the broker does not take so large an answer"))

        outgoing = Outgoing(
            request.answer_topic or "",
            answer,
            expiry_s=ANSWER_LIFE_S,
            correlation=request.correlation,
            content_type="application/json",
        )
        self._send(outgoing, done)


def _family(name: str) -> str:
    return name.partition(".")[0]


def _key(request: Command) -> bytes:
    """Return what names a request: two with the same key ask the same thing once."""
    asked = (request.answer_topic, request.correlation, request.name, request.arguments)
    return hashlib.sha256(repr(asked).encode()).digest()


def _read(payload: bytes, arguments: Any, page: str) -> Any:
    """Read a command's arguments. Raises RefusedError."""
    value = parse_json(payload or b"{}", LARGE_BYTES)
    if page and isinstance(value, dict) and isinstance(text := value.get(page), str):
        refuse_personal({name: argument for name, argument in value.items() if name != page})
        refuse_personal_page(page, text)
    else:
        refuse_personal(value)
    return fit(value, arguments)


def _refusal(code: Code, message: str, field: str = "") -> bytes:
    return msgspec.json.encode(Refusal(error=Error(code=code, field=field or None, message=message)))
