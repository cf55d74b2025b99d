"""From the outbox to the broker: order, acknowledgement, expiry, and what a crash at any point leaves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_peer import Peer, serving

from gateway.events import Event, Outcome, Priority
from gateway.mqtt import publisher as module
from gateway.mqtt.address import parse_url
from gateway.mqtt.backoff import Backoff
from gateway.mqtt.connection import Connection
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.settings import Settings
from gateway.mqtt.topics import Topics
from gateway.store.database import Reason, StoreError
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
        self.publisher = Publisher(self.store.outbox, connection, TOPICS, SHANGHAI, lambda: self.now)
        self.tasks = [asyncio.create_task(connection.run()), asyncio.create_task(self.publisher.run())]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def commit(self, *events: Event) -> None:
        await self.store.commit(Outcome(list(events)))

    async def pending(self) -> list[int]:
        return [row.event.sequence for row in await self.store.outbox.pending(10_000)]

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
            assert made.store.outbox.queued == 0
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
            assert [past.event.sequence for past in await made.store.outbox.events_since("visits", 0, 9)] == [
                1,
                2,
                3,
                4,
                5,
            ]

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
            past = await made.store.outbox.events_since("alerts/floor", 0, 9)
            assert [each.gone for each in past] == ["expired", None]

    asyncio.run(run())


def test_who_was_erased_is_not_sent(tmp_path: Path) -> None:
    async def run() -> None:
        peer = Peer(THREE_AT_ONCE)
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(*(event(number, member=f"m-{number % 2}") for number in range(1, 9)))
            made.start()
            await until(lambda: numbers(peer) == [1, 2, 3])
            await made.store.erasure.of_member("m-1")
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


def test_what_is_refused_for_ever_never_keeps_what_follows_from_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REST_S", 0.0)
    peer = Peer(THREE_AT_ONCE)

    def begins(turn: list[int]) -> bool:
        return numbers(peer)[: len(turn)] == turn

    async def run() -> None:
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(*(event(number) for number in range(1, 7)), event(7, COUNT))
            made.start()
            for turn in ([1, 2, 3], [4, 5, 6], [7]):
                await until(partial(begins, turn))
                await asyncio.sleep(0.01)  # for which the refused had rested long enough
                peer.acknowledge(len(turn), reason=0x87)
            await until(lambda: begins([1, 2, 3]))

    asyncio.run(run())
    assert len([record for record in caplog.records if "refuses" in record.message]) == 2, "one for each priority"


def test_what_is_refused_is_tried_again_less_and_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_REST_S", 0.04)
    peer = Peer()

    async def run() -> None:
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            await made.commit(event(1))
            made.start()
            rests = []
            for _ in range(4):
                await until(lambda: peer.held)
                rests.append(made.publisher._rest_s)
                peer.acknowledge(reason=0x87)
            assert rests == [0.01, 0.02, 0.04, 0.04]
            await until(lambda: peer.held)
            peer.acknowledge()
            await made.drained()
            assert made.publisher._rest_s == 0.01

    asyncio.run(run())


def test_however_many_are_refused_what_was_delivered_is_not_sent_again_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        peer = Peer(b"\x20\x06\x00\x00\x03\x21\x02\x00")  # 512 at once, of which we use 64
        async with serving(peer) as url:
            async with outbox(tmp_path, url) as first:
                await first.commit(*(event(number) for number in range(1, 401)))
                first.start()
                for number in range(1, 401):
                    await until(lambda: peer.held)
                    peer.acknowledge(1, reason=0x87 if number % 2 else 0)
                await first.drained()
            async with outbox(tmp_path, url) as second:
                assert await second.pending() == list(range(1, 401, 2))
                second.start()
                await until(lambda: peer.held)
                while second.store.outbox.queued:
                    await until(lambda: peer.held or not second.store.outbox.queued)
                    peer.acknowledge()
                await second.drained()
            async with outbox(tmp_path, url) as third:
                assert await third.pending() == []
                assert [row.value for row in await third.store._unfolded.state([]) if row.key.startswith("held")] == []

    asyncio.run(run())


@pytest.mark.parametrize("by_s", [-3 * 86400.0, 3 * 86400.0])
def test_what_waits_lives_as_long_as_it_had_to_where_the_clock_is_set(tmp_path: Path, by_s: float) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with outbox(tmp_path / "state", broker.url) as made:
            await made.commit(event(1, life_s=10.0), event(2, life_s=60.5))
            await made.store.outbox.redate(by_s)
            assert [made.store.outbox.expires(row.place) for row in await made.store.outbox.pending(2)] == [
                NOW + by_s + life_s for life_s in (10.0, 60.5)
            ]
        async with outbox(tmp_path / "state", broker.url) as made:
            made.now += by_s + 10.0
            made.start()
            await made.drained()
            assert made.store.counters == {"expired": 1, "sent": 1}

    with running_broker(tmp_path / "b") as broker, VirtualClient(broker.port, "w", "hushbell/#") as watcher:
        asyncio.run(run(broker))
        watcher.wait_until(lambda: watcher.on("/visits"))
        (received,) = watcher.on("/visits")
    assert (received.body["data"], received.expiry_s) == ({"n": 2}, 50)


def test_a_store_that_cannot_mark_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARK_AFTER_S", 0.02)

    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url, outbox(tmp_path, url) as made:
            keep_marks, refusals = made.store.outbox.keep_marks, [1, 2]

            async def mark_late() -> None:
                if refusals:
                    refusals.pop()
                    raise StoreError(tmp_path, Reason.LOCKED)
                await keep_marks()

            monkeypatch.setattr(made.store.outbox, "keep_marks", mark_late)
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
