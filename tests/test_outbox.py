"""The outbox: what is queued, in which order, what becomes of it, and what is given up when there is too much."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.configuration.config import Privacy
from gateway.contract.reading import Json
from gateway.events import Event, Outcome, Priority
from gateway.store import events, outbox, retention
from gateway.store.events import OutboxRow
from gateway.store.queue import START, Cursor
from gateway.store.store import Store

NOW = 1_800_000_000.0
DAY = 86400.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
ALERT, VISIT, COUNT = Priority


def event(
    number: int, priority: Priority = VISIT, *, expires: float = NOW + DAY, member: str | None = None, topic: str = "t"
) -> Event:
    id_ = f"01936f5e-7b1c-7d20-9c55-{number:012d}"
    return Event(id_, topic, "hushbell.test", NOW, number, {"n": number}, expires, priority, member)


def sequences(rows: Iterable[object]) -> list[int]:
    return [row.event.sequence for row in rows]  # type: ignore[attr-defined]


def behind(after: Cursor, row: OutboxRow) -> Cursor:
    """Return the cursor behind this row too."""
    return (*after[: row.priority], row.number, *after[row.priority + 1 :])


async def commit(store: Store, *events: Event) -> None:
    await store.commit(Outcome(list(events)))


def test_alerts_go_before_visits_and_visits_before_counts(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        await commit(store, event(1, COUNT), event(2, VISIT), event(3, ALERT), event(4, VISIT))
        await commit(store, event(5, ALERT))
        assert sequences(await store.outbox.pending(10)) == [3, 5, 2, 4, 1]
        assert sequences(await store.outbox.pending(3)) == [3, 5, 2]
        await store.close()

    asyncio.run(run())


def test_a_cursor_reads_on_and_sees_an_alert_that_came_later(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        await commit(store, *(event(number, VISIT) for number in range(1, 7)), event(7, COUNT))
        after = START
        for row in await store.outbox.pending(3):
            after = behind(after, row)
        await commit(store, event(8, ALERT))
        assert sequences(await store.outbox.pending(10, after)) == [8, 4, 5, 6, 7]
        await store.close()

    asyncio.run(run())


def test_each_change_of_the_queue_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        told = []
        stop = store.outbox.watch(lambda: told.append(store.outbox.queued))
        await commit(store, event(1, member="m-1"), event(2))
        await store.erasure.of_member("m-1")
        stop()
        await commit(store, event(3))
        assert told == [2, 1]
        await store.close()

    asyncio.run(run())


def test_what_expired_is_a_tombstone_and_never_comes_up(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        late = [event(number, ALERT, expires=NOW + 60, member="m-1", topic="alerts/floor") for number in range(1, 1501)]
        await commit(store, *late, event(1501, ALERT, topic="alerts/floor"))
        assert await store.outbox.expire(NOW + 59) == 0
        assert await store.outbox.expire(NOW + 60) == 1500
        assert store.counters["expired"] == 1500
        assert sequences(await store.outbox.pending(10)) == [1501]
        since = await store.outbox.events_since("alerts/floor", 1498, 10)
        assert [(past.event.sequence, past.gone, past.event.data, past.event.member) for past in since] == [
            (1499, "expired", {}, None),
            (1500, "expired", {}, None),
        ]
        await store.close()

    asyncio.run(run())


def test_what_was_sent_can_be_asked_for_until_a_day_after(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        topics = ["visits"] * 5 + ["crowd"]
        events = [event(number, expires=NOW + 20 * DAY, topic=topic) for number, topic in enumerate(topics, 1)]
        await commit(store, *events)
        rows = await store.outbox.pending(10)
        store.outbox.sent(*[row.place for row in rows[:4]])
        assert await store.retention.prune(NOW + 10 * DAY, Privacy()) == 0
        assert sequences(await store.outbox.events_since("visits", 1, 2)) == [2, 3]
        assert sequences(await store.outbox.events_since("visits", 0, 10)) == [1, 2, 3, 4]
        assert await store.retention.prune(NOW + 11 * DAY - 1, Privacy()) == 0
        assert await store.retention.prune(NOW + 11 * DAY + 1, Privacy()) == 4
        assert await store.outbox.events_since("visits", 0, 10) == []
        assert sequences(await store.outbox.pending(10)) == [5, 6]
        await store.close()

    asyncio.run(run())


def test_numbers_are_never_given_again(tmp_path: Path) -> None:
    """Even when all was sent and pruned: a publisher that has read up to a number must not miss what comes after."""

    async def run() -> None:
        store = await Store.open(tmp_path)
        after = START
        for number in range(1, 4):
            await commit(store, event(number))
            rows = await store.outbox.pending(10, after)
            assert sequences(rows) == [number]
            after = behind(after, rows[0])
            store.outbox.sent(rows[0].place)
            await store.retention.prune(NOW + 10 * DAY, Privacy())
        await store.close()

    asyncio.run(run())


def test_no_more_than_a_bound_is_kept_of_what_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SENT_KEPT", 10)

    async def run() -> None:
        store = await Store.open(tmp_path)
        await commit(store, *map(event, range(1, 31)))
        store.outbox.sent(*[row.place for row in await store.outbox.pending(30)])
        await store.retention.prune(NOW, Privacy())
        assert sequences(await store.outbox.events_since("t", 0, 100)) == list(range(21, 31))
        await store.close()

    asyncio.run(run())


def test_a_full_queue_gives_up_counts_then_visits_and_never_alerts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "QUEUE_BOUND", 100)

    async def run() -> None:
        store = await Store.open(tmp_path)
        await commit(store, *(event(number, COUNT) for number in range(1, 41)))
        await commit(store, *(event(number, VISIT) for number in range(41, 101)))
        assert store.counters["sacrificed"] == 0
        await commit(store, *(event(number, ALERT) for number in range(101, 111)))
        assert sequences(await store.outbox.pending(200)) == [*range(101, 111), *range(41, 101), *range(12, 41)]
        await commit(store, *(event(number, ALERT) for number in range(111, 161)))
        assert sequences(await store.outbox.pending(200)) == [*range(101, 161), *range(62, 101)]
        await commit(store, *(event(number, ALERT) for number in range(161, 261)))
        assert sequences(await store.outbox.pending(200)) == list(range(101, 261))
        assert store.counters["sacrificed"] == 100
        assert store.outbox.queued == 160
        assert [past.gone for past in await store.outbox.events_since("t", 0, 3)] == ["sacrificed"] * 3
        await store.close()

    asyncio.run(run())


@given(
    st.uuids().map(str) | st.text(min_size=1),
    st.floats(0, 4e9),
    st.integers(0, 10**16 - 1),
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists)
    ),
)
def test_what_is_sent_from_a_row_is_what_its_event_says(
    id_: str, t: float, sequence: int, data: dict[str, Json]
) -> None:
    """Byte for byte, though the data are not read on the way."""
    committed = Event(id_, "t", "hushbell.test", t, sequence, data, t + 1, VISIT, "m-1")
    (columns,) = events.put([committed], 7).rows
    kept = OutboxRow._make((*columns, None))
    assert (kept.event, kept.place) == (committed, (VISIT, 7))
    assert kept.body("/stores/s", SHANGHAI) == committed.body("/stores/s", SHANGHAI)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.lists(st.tuples(st.sampled_from(Priority), st.integers(1, 9)), max_size=5)),
        st.tuples(st.just("send"), st.integers(0, 6)),
        st.tuples(st.just("wait"), st.integers(1, 4)),
        st.tuples(st.just("erase"), st.integers(0, 2)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=12,
)


class Model:
    """What an outbox must be: every event waits, was sent, or is a tombstone; one of them, and once."""

    def __init__(self) -> None:
        self.now = NOW
        self.events: dict[int, Event] = {}
        self.waiting: list[Event] = []
        self.sent: dict[int, Event] = {}
        self.gone: dict[int, str] = {}

    def put(self, events: Iterable[Event]) -> None:
        for each in events:
            if each.sequence not in self.events:
                self.events[each.sequence] = each
                self.waiting.append(each)
        self.waiting.sort(key=lambda each: (each.priority, each.sequence))

    def expire(self) -> None:
        for each in [each for each in self.waiting if each.expires <= self.now]:
            self.waiting.remove(each)
            self.gone[each.sequence] = "expired"

    def erase(self, member: str) -> None:
        for number, each in self.events.items():
            if each.member == member and number not in self.gone:
                self.gone[number] = "erased"
                self.sent.pop(number, None)
        self.waiting = [each for each in self.waiting if each.sequence not in self.gone]


@settings(max_examples=25, deadline=None)
@given(OPERATIONS)
def test_nothing_is_lost_and_nothing_is_twice(operations: list[tuple[str, object]]) -> None:
    """After any operations, each event waits, was sent or is a tombstone, in the order of priority and commit."""

    async def run(folder: Path) -> None:
        store, model = await Store.open(folder), Model()
        for what, how_much in operations:
            store = await _apply(store, model, what, how_much, folder)
            assert [row.event for row in await store.outbox.pending(1000)] == model.waiting
            assert store.outbox.queued == len(model.waiting)
            past = await store.outbox.events_since("t", 0, 1000)
            assert {p.event.sequence: p.gone for p in past if p.gone} == model.gone
            assert {p.event.sequence: p.event for p in past if not p.gone} == model.sent
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def _apply(store: Store, model: Model, what: str, how_much: object, folder: Path) -> Store:
    match what, how_much:
        case "commit", list(kinds):
            first = len(model.events) + 1
            events = [
                event(first + i, priority, expires=model.now + life, member=f"m-{i % 3}")
                for i, (priority, life) in enumerate(kinds)
            ]
            model.put(events)
            await commit(store, *events)
        case "send", int(count):
            rows = await store.outbox.pending(count)
            store.outbox.sent(*[row.place for row in rows])
            model.sent |= {each.sequence: each for each in model.waiting[:count]}
            model.waiting = model.waiting[count:]
        case "wait", int(seconds):
            model.now += seconds
            model.expire()
            await store.outbox.expire(model.now)
        case "erase", int(member):
            model.erase(f"m-{member}")
            await store.erasure.of_member(f"m-{member}")
        case "reopen", _:
            await store.outbox.keep_marks()
            await store.close()
            return await Store.open(folder)
    return store
