"""Commands as MQTT 5 request and response: a handler for each name, one answer to each request."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from gateway.events import Json
from gateway.mqtt.connection import Delivery, Done, Outgoing
from gateway.mqtt.topics import Code, Command, Refused, Topics

log = logging.getLogger("hushbell.mqtt")

Handler = Callable[[Mapping[str, Json]], Awaitable[Json]]
"""Carries out one command and returns its result; raises CommandError for what the caller got wrong."""

AT_ONCE = 64
"""Commands that may run or wait their turn; to more we are busy."""

REMEMBERED = 256
REMEMBERED_BYTES = 16 * 1024
REMEMBERED_S = 300.0
"""Answers that are given again to a request that comes again: how many, how large, how old at most."""

ANSWER_BYTES = 256 * 1024
ANSWER_LIFE_S = 300


class CommandError(Exception):
    """Why a command is refused: a code of the contract, words for a developer, and the field at fault."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class _Given(NamedTuple):
    """An answer, maybe still in the making, and when its request came (monotonic seconds)."""

    answer: asyncio.Task[bytes]
    t: float


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
        self._handlers: dict[str, Handler] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._given: OrderedDict[bytes, _Given] = OrderedDict()
        self._running: set[asyncio.Task[bytes]] = set()

    def register(self, name: str, handler: Handler) -> None:
        self._handlers[name] = handler
        self._turns.setdefault(_family(name), asyncio.Lock())

    def receive(self, request: Command | Refused) -> None:
        """Take a request; it is carried out and answered later. Without a fit answer topic it is not carried out."""
        topic = request.answer_topic
        if topic is None or not self._topics.may_answer(topic):
            self.counters["no answer topic"] += 1
            return
        answer = self._find(request) or self._begin(request)
        if answer is None:
            self._reply(topic, request.correlation, _error("busy", "too many commands are waiting, try again"))
        else:
            answer.add_done_callback(lambda done: self._on_answer(topic, request.correlation, done))

    async def close(self) -> None:
        """Give up what still runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _find(self, request: Command | Refused) -> asyncio.Task[bytes] | None:
        """Return the answer to the same request, if it came before and not long ago."""
        given = self._given.get(_key(request))
        recent = given is not None and self._monotonic() - given.t < REMEMBERED_S
        return given.answer if given is not None and recent else None

    def _begin(self, request: Command | Refused) -> asyncio.Task[bytes] | None:
        """Start to make an answer; None when too many are being made."""
        if len(self._running) >= AT_ONCE:
            return None
        task = asyncio.create_task(self._make_answer(request), name="mqtt command")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if request.correlation is not None:
            self._remember(_key(request), task)
        return task

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

    async def _make_answer(self, request: Command | Refused) -> bytes:
        if isinstance(request, Refused):
            return _error(request.code, request.reason)
        handler = self._handlers.get(request.name)
        if handler is None:
            return _error("unknown", "there is no such command")
        async with self._turns[_family(request.name)]:
            try:
                answer = _text({"ok": True, "result": await handler(request.arguments)})
            except CommandError as error:
                return _error(error.code, str(error), error.field)
            except Exception as error:
                log.error("command %s failed (%s)", request.name, type(error).__name__)
                return _error("internal", "the gateway failed at this")
        return answer if len(answer) <= ANSWER_BYTES else _error("too_large", "the answer is too large")

    def _on_answer(self, topic: str, correlation: bytes | None, task: asyncio.Task[bytes]) -> None:
        if not task.cancelled():
            self._reply(topic, correlation, task.result())

    def _reply(self, topic: str, correlation: bytes | None, answer: bytes) -> None:
        def done(delivery: Delivery, _: str) -> None:
            self.counters[f"answer {delivery.value}"] += 1
            if delivery is Delivery.REFUSED and len(answer) > REMEMBERED_BYTES:  # for its size, it may be
                self._reply(topic, correlation, _error("too_large", "the broker does not take so large an answer"))

        outgoing = Outgoing(
            topic, answer, expiry_s=ANSWER_LIFE_S, correlation=correlation, content_type="application/json"
        )
        self._send(outgoing, done)


def _family(name: str) -> str:
    return name.partition(".")[0]


def _key(request: Command | Refused) -> bytes:
    """Return what names a request: two with the same key ask the same thing once."""
    asked = [request.name, request.arguments] if isinstance(request, Command) else [request.reason]
    what = [request.answer_topic, (request.correlation or b"").hex(), *asked]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).digest()


def _error(code: Code, message: str, field: str | None = None) -> bytes:
    return _text({"ok": False, "error": {"code": code, "field": field, "message": message}})


def _text(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
