"""From a commit to a subscriber: how late an alert arrives, and how fast a full outbox empties; on a real mosquitto.

Run it from the project's root: `python benchmarks/delivery.py [FOLDER]`. The folder is where the database is put, for
latency is the disk's more than anything else's. The subscriber is a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple, cast
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import line, quantile, say  # noqa: E402
from paho.mqtt.client import MQTTMessage  # noqa: E402
from virtual_broker import running_broker  # noqa: E402
from virtual_client import VirtualClient  # noqa: E402
from virtual_contract import faults  # noqa: E402

from gateway.committer import Committer  # noqa: E402
from gateway.contract.examples import BODIES  # noqa: E402
from gateway.events import Event, Outcome, Priority  # noqa: E402
from gateway.mqtt.address import parse_url  # noqa: E402
from gateway.mqtt.connection import Connection, LinkState  # noqa: E402
from gateway.mqtt.framing import take_packets  # noqa: E402
from gateway.mqtt.link import WINDOW  # noqa: E402
from gateway.mqtt.outgoing import Outgoing  # noqa: E402
from gateway.mqtt.packets import encode_publish  # noqa: E402
from gateway.mqtt.publisher import CONTENT_TYPE, Publisher  # noqa: E402
from gateway.mqtt.settings import Settings  # noqa: E402
from gateway.mqtt.topics import Topics  # noqa: E402
from gateway.store.database import StoreError  # noqa: E402
from gateway.store.store import Store  # noqa: E402

TOPICS = Topics("lilac-01", "door-pi")
SHANGHAI = ZoneInfo("Asia/Shanghai")
PACED, PACE_S, ALERT_EVERY = 600, 0.02, 3
BURST, CHUNK = 20_000, 500
ONE_BY_ONE = 400
ROUNDS = 5
CONNECT = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03raw"
BROKER = f"allow_anonymous true\nmax_inflight_messages {WINDOW}"  # as the shipped configuration has it


def an_event(number: int, priority: Priority = Priority.VISIT) -> Event:
    name, topic = ("alert.raised", "alerts/floor") if priority is Priority.ALERT else ("visit.started", "visits")
    data = BODIES[name][0]["data"] | {"visit": f"v-{number:06x}"}
    now = time.time()
    id_ = f"01936f5e-7b1c-7d20-9c55-{number:012x}"
    return Event(id_, topic, f"hushbell.{name}", now, number, data, now + 600, priority)


def check_events() -> None:
    """See that what is sent is as the description says: the subscriber has no time to."""
    for event in (an_event(0), an_event(1, Priority.ALERT)):
        found = faults("send", TOPICS.under(event.topic), event.body(TOPICS.source, SHANGHAI))
        if found:
            raise ValueError(found)


def listen(port: int) -> None:
    """Print the number of each event that comes, and when."""

    class Subscriber(VirtualClient):
        def _on_message(self, _: object, __: object, message: MQTTMessage) -> None:
            now = time.monotonic()
            if b'"sequence"' in message.payload:
                say(f"{int(json.loads(message.payload)['sequence'])} {now}\n")
                sys.stdout.flush()

    subscriber = Subscriber(port, "back-end", TOPICS.under("#"))
    say("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    subscriber.close()


class Subscriber:
    """A subscriber in a process of its own; `came` says when each event did, by its number."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, __file__, "--listen", str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._said = cast("IO[str]", self._process.stdout)
        self._said.readline()

    def came(self, count: int) -> dict[int, float]:
        found = (self._said.readline().split() for _ in range(count))
        return {int(number): float(t) for number, t in found}

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Gateway:
    """A store and a connection, and what runs them."""

    store: Store
    connection: Connection
    tasks: list[asyncio.Task[None]]

    @classmethod
    async def begin(cls, folder: Path, url: str) -> Gateway:
        online = asyncio.Event()

        def changed(link: LinkState) -> None:
            if link.online:
                online.set()

        settings = Settings(parse_url(url), TOPICS.client_id, Outgoing(TOPICS.status, b"{}"), ("x",))
        connection = Connection(settings, lambda arrival: None, changed)
        made = cls(await Store.open(folder), connection, [asyncio.create_task(connection.run())])
        await online.wait()
        return made

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        made = Publisher(self.store.outbox, self.connection, TOPICS, SHANGHAI, time.time)
        task = asyncio.create_task(made.run())
        yield made
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def end(self) -> None:
        self.connection.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.store.close()

    async def fill(self, first: int, count: int) -> None:
        for start in range(first, first + count, CHUNK):
            await self.store.commit(Outcome([an_event(number) for number in range(start, start + CHUNK)]))


async def pace(gateway: Gateway, subscriber: Subscriber) -> tuple[dict[int, float], list[float]]:
    """Return how late each event came that was pushed by the clock, by its number, and how long commits took; in s."""
    committed: list[float] = []

    async def commit(outcome: Outcome) -> None:
        since = time.monotonic()
        await gateway.store.commit(outcome)
        committed.append(time.monotonic() - since)

    committer = Committer(commit, lambda _: None, StoreError)
    gateway.tasks.append(asyncio.create_task(committer.run()))
    begun: dict[int, float] = {}
    async with gateway.publisher() as publisher:
        for number in range(PACED):
            priority = Priority.VISIT if number % ALERT_EVERY else Priority.ALERT
            begun[number] = time.monotonic()
            committer.push(Outcome([an_event(number, priority)]))
            await asyncio.sleep(PACE_S)
        await committer.settled()
        await publisher.drained()
    came = await asyncio.to_thread(subscriber.came, PACED)
    return {number: came[number] - then for number, then in begun.items()}, committed


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of a task."""
    since, used = time.monotonic(), time.process_time()
    await work()
    return time.monotonic() - since, time.process_time() - used


def message(event: Event) -> Outgoing:
    body = event.body(TOPICS.source, SHANGHAI)
    return Outgoing(TOPICS.under(event.topic), body, expiry_s=600, content_type=CONTENT_TYPE)


async def send_one_by_one(gateway: Gateway, *, marking: bool) -> None:
    """Send as the simplest outbox does: the first, its acknowledgement awaited, its mark committed, the next."""
    for _ in range(ONE_BY_ONE):
        (row,) = await gateway.store.outbox.pending(1)
        await gateway.connection.publish(message(row.event))
        gateway.store.outbox.sent(row.place)
        if marking:
            await gateway.store.outbox.keep_marks()


def send_beforehand_made(port: int) -> float:
    """Return the seconds in which the broker acknowledges packets from a socket that does nothing else."""
    packets = [encode_publish(message(an_event(number)), number + 1) for number in range(BURST)]
    buffer = bytearray()
    with socket.create_connection(("127.0.0.1", port)) as broker:
        broker.sendall(CONNECT)
        broker.recv(100)
        since = time.monotonic()
        sent = acknowledged = 0
        while acknowledged < BURST:
            room = WINDOW - (sent - acknowledged)
            broker.sendall(b"".join(packets[sent : sent + room]))
            sent = min(sent + room, BURST)
            buffer += broker.recv(1 << 16)
            acknowledged += len(take_packets(buffer, 100))
        return time.monotonic() - since


class Round(NamedTuple):
    """Events a second, one way and the other, and us of CPU for one of ours."""

    awaited: float
    marked: float
    ours: float
    most: float
    cpu_us: float


async def a_round(gateway: Gateway, first: int, port: int) -> Round:
    """Measure each way once, right after the other: what else the machine does changes by the minute."""
    await gateway.fill(first, BURST + 2 * CHUNK)
    awaited_s, _ = await timed(partial(send_one_by_one, gateway, marking=False))
    marked_s, _ = await timed(partial(send_one_by_one, gateway, marking=True))
    queued = gateway.store.outbox.queued
    async with gateway.publisher() as publisher:
        ours_s, cpu_s = await timed(publisher.drained)
    most_s = await asyncio.to_thread(send_beforehand_made, port)
    return Round(ONE_BY_ONE / awaited_s, ONE_BY_ONE / marked_s, queued / ours_s, BURST / most_s, cpu_s / queued * 1e6)


def show(rounds: list[Round]) -> None:
    """Print the median of each figure, with the least and the most."""

    def figure(name: str, of: Callable[[Round], float], unit: str) -> None:
        least, *_, most = found = sorted(map(of, rounds))
        line(f"  {name}", median(found), unit, f"{least:.1f} to {most:.1f}")

    figure("one awaited publish at a time", lambda each: each.awaited, "a second")
    figure("the same, each marked on the disk", lambda each: each.marked, "a second")
    figure("ours, acknowledged and marked", lambda each: each.ours, "a second")
    figure("what the broker takes at most", lambda each: each.most, "a second")
    figure("ours by one awaited at a time", lambda each: each.ours / each.awaited, "times")
    figure("ours by one marked at a time", lambda each: each.ours / each.marked, "times")
    figure("ours by what the broker takes", lambda each: each.ours / each.most, "times")
    figure("CPU of the gateway", lambda each: each.cpu_us, "us an event")


async def measure(folder: Path, url: str, port: int) -> None:
    check_events()
    subscriber = Subscriber(port)
    gateway = await Gateway.begin(folder / "paced", url)
    late, committed = await pace(gateway, subscriber)
    await gateway.end()
    subscriber.close()
    say(f"{PACED} events, {1 / PACE_S:.0f} a second, every third an alert\n")
    alerts = [t for number, t in late.items() if number % ALERT_EVERY == 0]
    others = [t for number, t in late.items() if number % ALERT_EVERY]
    for name, found in (("alert", alerts), ("visit", others), ("of which the commit", committed)):
        for share, words in ((0.5, "p50"), (0.99, "p99")):
            line(f"  {name}, {words}", quantile(found, share) * 1e3, "ms")
    gateway = await Gateway.begin(folder / "full", url)
    say(f"a full outbox, {BURST} events, nobody listens; the median of {ROUNDS} rounds, the least and the most\n")
    show([await a_round(gateway, number * 2 * BURST, port) for number in range(ROUNDS)])
    await gateway.end()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--listen"]:
        listen(int(arguments[1]))
        return 0
    with tempfile.TemporaryDirectory(dir=arguments[0] if arguments else None) as name:
        folder = Path(name)
        with running_broker(folder / "broker", BROKER) as broker:
            asyncio.run(measure(folder, broker.url, broker.port))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
