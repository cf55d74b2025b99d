"""Who plays in the demo: badges, the back end and the narrator. Each knows MQTT and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway import clock
from gateway.mqtt.address import parse_url
from gateway.mqtt.backoff import Backoff
from gateway.mqtt.connection import Connection, LinkState
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.settings import Settings
from gateway.mqtt.topics import Arrival

QUICK = Backoff(0.05, 0.5)


class NotSeenError(Exception):
    """Says what should have been seen on MQTT and was not."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as it came in, with the wall clock's time of its arrival."""

    t: float
    topic: str
    payload: bytes

    @property
    def body(self) -> dict[str, Any]:
        body = json.loads(self.payload or b"{}")
        return body if isinstance(body, dict) else {}

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.body.get("data", {}))

    @property
    def type(self) -> str:
        return str(self.body.get("type", "")).removeprefix("hushbell.")


Wanted = Callable[[Seen], bool]


class Player:
    """One client of the broker, which remembers all that it has seen."""

    def __init__(self, name: str, root: str, url: str, topics: Sequence[str], presence: str = "") -> None:
        self.name = name
        self.seen: list[Seen] = []
        self._root = root
        self._presence = presence
        self._news = asyncio.Event()
        bye = b'{"state": "offline"}' if presence else b""
        will = Outgoing(presence or f"{root}/replies/{name}/bye", bye, retain=True)
        filters = [f"{root}/{topic}" for topic in topics]
        settings = Settings(parse_url(url), f"demo-{name}", will, filters)
        self._connection = Connection(settings, self._receive, self._changed, QUICK)
        self._task: asyncio.Task[None] | None = None

    def _receive(self, arrival: Arrival) -> None:
        self.seen.append(Seen(clock.wall(), arrival.topic, arrival.payload))
        self._news.set()

    def _changed(self, link: LinkState) -> None:
        self._news.set()

    async def enter(self) -> None:
        """Connect, and say so on the own status topic where there is one."""
        self._task = asyncio.create_task(self._connection.run(), name=f"demo {self.name}")
        if self._presence:
            self._connection.keep(self._presence, b'{"state": "online", "battery": 0.9}')
        await self._wait(lambda: self._connection.state.online, 10.0, f"{self.name} at the broker")

    async def leave(self) -> None:
        self._connection.close()
        if self._task:
            await asyncio.wait({self._task}, timeout=5.0)
            self._task.cancel()

    async def see(self, wanted: Wanted, within_s: float, what: str, since: int = 0) -> Seen:
        """Wait for a message; raises NotSeenError with `what` when it does not come."""
        found: list[Seen] = []

        def came() -> bool:
            found[:] = [seen for seen in self.seen[since:] if wanted(seen)][:1]
            return bool(found)

        await self._wait(came, within_s, what)
        return found[0]

    async def say(self, topic: str, body: object, *, retain: bool = False) -> None:
        """Publish a JSON body."""
        await self._connection.publish(Outgoing(f"{self._root}/{topic}", json.dumps(body).encode(), retain))

    async def ask(self, command: str, arguments: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Send a command and return the answer's result; raises NotSeenError where it is refused."""
        answers = f"{self._root}/replies/{self.name}/{number}"
        outgoing = Outgoing(
            f"{self._root}/commands/{command}",
            json.dumps(arguments).encode(),
            correlation=str(number).encode(),
            answer_topic=answers,
        )
        since = len(self.seen)
        await self._connection.publish(outgoing)
        answer = (await self.see(lambda seen: seen.topic == answers, 10.0, f"an answer to {command}", since)).body
        if not answer.get("ok"):
            raise NotSeenError(f"{command} was refused: {answer.get('error')}")
        return dict(answer["result"])

    async def _wait(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NotSeenError(f"not seen within {within_s:.0f} s: {what}") from None
