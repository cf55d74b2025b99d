"""From the outbox to the broker: order, acknowledgement, expiry, and what a crash at any point leaves."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_peer import Peer, serving

from gateway.events import Event, Outcome, Priority
from gateway.mqtt import publisher as module
from gateway.mqtt.connection import Backoff, Connection, Outgoing, Settings, parse_url
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.topics import Topics
from gateway.store.database import Reason, StoreError
from gateway.store.outbox import PastEvent
from gateway.store.store import Store

NOW = 1_800_000_000.0
TOPICS = Topics("s", "g")
SHANGHAI = ZoneInfo("Asia/Shanghai")
ALERT, VISIT, COUNT = Priority
THREE_AT_ONCE = b"\x20\x06\x00\x00\x03\x21\x00\x03"
TESTS = Path(__file__).parent


def event(number: int, priority: Priority = VISIT, *, life_s: float = 600.0, member: str | None = None) -> Event:
    id_ = f"01936f5e-7b1c-7d20-9c55-{number:012d}"
    topic = {ALERT: "alerts/floor", VISIT: "visits", COUNT: "crowd"}[priority]
    return Event(id_, topic, "hushbell.test", NOW, number, {"n": number}, NOW + life_s, priority, member)


@dataclass
class Outbox:
    """A store with a publisher that runs towards a broker; `now` is its clock."""

    store: Store
    url: str
    now: float = NOW
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        settings = Settings(parse_url(self.url), TOPICS.client_id, Outgoing(TOPICS.status, b"{}"), ("x",))
        connection = Connection(settings, lambda _: None, lambda _: None, Backoff(0.01, 0.05))
        self.publisher = Publisher(self.store, connection, TOPICS, SHANGHAI, lambda: self.now)
        self.tasks = [asyncio.create_task(connection.run()), asyncio.create_task(self.publisher.run())]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def commit(self, *events: Event) -> None:
        await self.store.commit(Outcome(list(events)))

    async def pending(self) -> list[int]:
        return [row.event.sequence for row in await self.store.pending(10_000)]

    async def drained(self) -> None:
        await asyncio.wait_for(self.publisher.drained(), 20)


@asynccontextmanager
async def outbox(folder: Path, url: str) -> AsyncIterator[Outbox]:
    store = await Store.open(folder)
    made = Outbox(store, url)
    try:
        yield made
    finally:
        await made.stop()
        await store.close()


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def numbers(peer: Peer) -> list[int]:
    return [json.loads(held.payload)["data"]["n"] for held in peer.held]


def test_an_event_is_sent_as_the_contract_says(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with outbox(tmp_path / "state", broker.url) as made:
            await made.commit(event(1, ALERT, life_s=60.9))
            made.start()
            await made.drained()
            assert made.store.queued == 0
            assert made.publisher.counters == {"delivered": 1}

    with running_broker(tmp_path / "b") as broker, VirtualClient(broker.port, "w", "+/+/+/alerts/+") as watcher:
        asyncio.run(run(broker))
        (received,) = watcher.wait_for(1)
    assert received.topic == "hushbell/v1/s/alerts/floor"
    assert received.payload == event(1, ALERT).body("/stores/s/gateways/g", SHANGHAI)
    assert (received.expiry_s, received.content_type) == (60, "application/cloudevents+json")
    assert not received.retained


def test_thousands_arrive_in_order_and_once(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with outbox(tmp_path / "state", broker.url) as made:
            await made.commit(*(event(number) for number in range(1, 2001)))
            made.start()
            await made.drained()
            assert await made.pending() == []

    with running_broker(tmp_path / "b") as broker, VirtualClient(broker.port, "w", "+/+/+/visits") as watcher:
        asyncio.run(run(broker))
        assert [message.body["data"]["n"] for message in watcher.wait_for(2000)] == list(range(1, 2001))


def test_an_alert_goes_out_before_what_was_queued(tmp_path: Path) -> None:
    async def run() -> None:
        peer = Peer(THREE_AT_ONCE)
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(*(event(number) for number in range(1, 1001)))
            made.start()
            await until(lambda: numbers(peer) == [1, 2, 3])
            await made.commit(event(1001, ALERT))
            peer.acknowledge(1)
            await until(lambda: numbers(peer) == [2, 3, 1001])
            await made.commit(event(1002, COUNT), event(1003, ALERT))
            peer.acknowledge(2)
            await until(lambda: numbers(peer) == [1001, 1003, 4])

    asyncio.run(run())


def test_only_what_was_acknowledged_counts_as_sent(tmp_path: Path) -> None:
    """After a lost link the others are sent again under their ids, and none of those that were acknowledged."""

    async def run() -> None:
        peer = Peer(THREE_AT_ONCE)
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(*(event(number) for number in range(1, 6)))
            made.start()
            await until(lambda: numbers(peer) == [1, 2, 3])
            assert await made.pending() == [1, 2, 3, 4, 5]
            peer.acknowledge(2)
            await until(lambda: numbers(peer) == [3, 4, 5])
            peer.hang_up()
            await until(lambda: numbers(peer) == [3, 4, 5])
            await made.stop()
            peer.held.clear()
            assert await made.pending() == [3, 4, 5]
            made.start()
            await until(lambda: numbers(peer) == [3, 4, 5])
            peer.acknowledge()
            await made.drained()
            assert await made.pending() == []
            assert [past.event.sequence for past in await made.store.events_since("visits", 0, 9)] == [1, 2, 3, 4, 5]

    asyncio.run(run())


def test_what_is_too_late_is_not_sent(tmp_path: Path) -> None:
    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(event(1, ALERT, life_s=60), event(2, ALERT, life_s=61), event(3))
            made.now = NOW + 60
            made.start()
            await until(lambda: numbers(peer) == [2, 3])
            peer.acknowledge()
            await made.drained()
            assert made.store.counters["expired"] == 1
            past = await made.store.events_since("alerts/floor", 0, 9)
            assert [each.gone for each in past] == ["expired", None]

    asyncio.run(run())


def test_who_was_erased_is_not_sent(tmp_path: Path) -> None:
    async def run() -> None:
        peer = Peer(THREE_AT_ONCE)
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(*(event(number, member=f"m-{number % 2}") for number in range(1, 9)))
            made.start()
            await until(lambda: numbers(peer) == [1, 2, 3])
            await made.store.erase_member("m-1")
            peer.acknowledge()
            await until(lambda: numbers(peer) == [4, 6, 8])
            peer.acknowledge()
            await made.drained()

    asyncio.run(run())


def test_what_the_broker_refuses_waits_and_hinders_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_S", 0.05)

    async def run() -> None:
        peer = Peer(THREE_AT_ONCE)
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(*(event(number) for number in range(1, 6)))
            made.start()
            await until(lambda: numbers(peer) == [1, 2, 3])
            peer.acknowledge(1, reason=0x97)  # quota exceeded
            peer.acknowledge(2)
            await until(lambda: numbers(peer) == [4, 5, 1])
            peer.acknowledge()
            await made.drained()
            assert made.publisher.counters == {"delivered": 5, "refused": 1}

    asyncio.run(run())


def test_a_store_that_cannot_mark_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARK_AFTER_S", 0.02)

    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            mark_sent, refusals = made.store.mark_sent, [1, 2]

            async def mark_late(*arguments: object) -> None:
                if refusals:
                    refusals.pop()
                    raise StoreError(tmp_path, Reason.LOCKED)
                await mark_sent(*arguments)  # type: ignore[arg-type]

            monkeypatch.setattr(made.store, "mark_sent", mark_late)
            await made.commit(event(1))
            made.start()
            await until(lambda: peer.held)
            peer.acknowledge()
            await made.drained()
            assert refusals == []
            assert await made.pending() == []

    asyncio.run(run())


def test_idle_it_writes_nothing(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with outbox(tmp_path / "state", broker.url) as made:
            made.start()
            await made.commit(event(1))
            await made.drained()
            before = _written(tmp_path / "state")
            await asyncio.sleep(module.MARK_AFTER_S + 0.2)  # longer than any timer that could write
            assert _written(tmp_path / "state") == before

    with running_broker(tmp_path / "b") as broker:
        asyncio.run(run(broker))


def _written(folder: Path) -> dict[str, tuple[int, int]]:
    return {file.name: (file.stat().st_mtime_ns, file.stat().st_size) for file in folder.iterdir()}


KILLS = 10
EVENTS = 3000


@pytest.mark.parametrize("seed", [20261122])
def test_killed_at_any_point_every_committed_event_arrives_under_one_id(tmp_path: Path, seed: int) -> None:
    """SIGKILL at random points and a broker that is away for a while: nothing that was committed is lost or doubled."""
    chance = random.Random(seed)
    ledger = tmp_path / "ledger"
    with running_broker(tmp_path / "b") as broker:
        topics = [f"hushbell/v1/s/{topic}" for topic in ("visits", "alerts/floor")]
        with VirtualClient(broker.port, "back-end", *topics, session_s=3600) as back_end:
            for kill in range(KILLS):
                _run_and_kill(tmp_path / "state", broker, ledger, chance, stop_broker=kill % 4 == 2)
            _start(tmp_path / "state", broker, ledger).wait(60)
            past = asyncio.run(_past(tmp_path / "state"))
            wanted = {each.event.id for each in past if each.gone is None}
            back_end.wait_until(lambda: {message.body["id"] for message in back_end.received} >= wanted, 30)
            received = [(message.body["data"]["number"], message.body["id"]) for message in back_end.received]
    committed = {line for line in ledger.read_text().split() if line != "ready"}
    gone = {each.event.id: each.gone for each in past if each.gone}
    assert [each.event.sequence for each in past] == list(range(1, EVENTS + 1))
    assert committed <= {each.event.id for each in past}
    assert {id_ for _, id_ in received} >= committed - gone.keys()
    assert len({number for number, _ in received}) == len(set(received)), f"an event came under two ids, seed {seed}"
    assert set(gone.values()) <= {"expired"}
    assert not any(each.event.sequence % 10 for each in past if each.gone), "only what was to expire soon did"
    first = list(dict.fromkeys(number for number, _ in received if number % 10))
    assert first == sorted(first), "visits arrive in their order, but for repeats"


def _start(folder: Path, broker: VirtualBroker, ledger: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(TESTS / "outbox_child.py"), str(folder), broker.url, str(ledger), str(EVENTS)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(TESTS.parent)})


def _run_and_kill(
    folder: Path, broker: VirtualBroker, ledger: Path, chance: random.Random, *, stop_broker: bool
) -> None:
    runs = _ready(ledger)
    child = _start(folder, broker, ledger)
    deadline = time.monotonic() + 30
    while _ready(ledger) == runs and time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.005)
    if stop_broker:
        broker.stop()
    with suppress(subprocess.TimeoutExpired):
        child.wait(chance.uniform(0, 0.5))
    if stop_broker:
        broker.start()
        with suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0, 0.3))
    child.kill()
    child.wait()


def _ready(ledger: Path) -> int:
    return ledger.read_text().count("ready") if ledger.exists() else 0


async def _past(folder: Path) -> list[PastEvent]:
    store = await Store.open(folder)
    assert store.queued == 0
    past = [
        *await store.events_since("visits", 0, EVENTS),
        *await store.events_since("alerts/floor", 0, EVENTS),
    ]
    await store.close()
    return sorted(past, key=lambda each: each.event.sequence)
