"""A digest a day: whatever is changed, added or lost in a day that is closed is told, and nothing else is."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.configuration.config import Privacy
from gateway.events import DecisionRow, Outcome, StateRow
from gateway.store.chain import GRACE_S, Verdict
from gateway.store.decisions import RULE_TEXT
from gateway.store.store import FILE, Store

DAY_S = 86400.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
MIDNIGHT = 1_763_740_800.0  # 2025-11-22 in Shanghai
TEXT = "- name: window-regular\n"
TEXT_SHA256 = "c8a0e3a10c7ac6d8aa71ae5a2fbc0e1b1b1f3f3c8d6a3d0e4d5c6b7a8f9e0d1c"


def row(t: float, member: str = "anna-0001") -> DecisionRow:
    id_ = f"01936f5e-7b1c-7d20-9c55-{member}-{t}"
    return DecisionRow(id_, MIDNIGHT + t, member, "v-1", "window-regular", "cap", {"reason": "quiet hours"})


def days(*counts: int, member: str = "anna-0001") -> list[DecisionRow]:
    """Return so many rows of each day in turn."""
    return [row(day * DAY_S + 3600 * n + 1, member) for day, count in enumerate(counts) for n in range(count)]


async def closed(store: Store, rows: list[DecisionRow], until_day: int) -> int:
    await store.commit(Outcome(decisions=rows))
    return await store.retention.close_days(MIDNIGHT + until_day * DAY_S + GRACE_S, SHANGHAI)


def in_store(folder: Path, work: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await Store.open(folder)
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


def tamper(folder: Path, sql: str, *parameters: str) -> None:
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        connection.execute(sql, parameters)


def verdict(folder: Path) -> Verdict:
    async def run() -> Verdict:
        store = await Store.open_readonly(folder)
        assert store is not None
        try:
            return await store.retention.verify_days()
        finally:
            await store.close()

    return asyncio.run(run())


def test_each_day_that_is_over_gets_one_entry_and_today_none(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        assert await closed(store, days(2, 0, 3, 1), 3) == 2
        assert await store.retention.close_days(MIDNIGHT + 3.5 * DAY_S, SHANGHAI) == 0
        assert await store.retention.close_days(MIDNIGHT + 4 * DAY_S + GRACE_S - 1, SHANGHAI) == 0
        assert await store.retention.close_days(MIDNIGHT + 4 * DAY_S + GRACE_S, SHANGHAI) == 1

    in_store(tmp_path, work)
    found = verdict(tmp_path)
    assert found.is_whole
    assert [(each.entry.what, each.entry.days[0].rows, each.fares) for each in found.entries] == [
        ("day", 2, "held"),
        ("day", 3, "held"),
        ("day", 1, "held"),
    ]
    assert [each.entry.days[0].since - MIDNIGHT for each in found.entries] == [0, 2 * DAY_S, 3 * DAY_S]


def test_a_store_without_decisions_is_whole(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        assert await store.retention.close_days(MIDNIGHT, SHANGHAI) == 0

    in_store(tmp_path, work)
    assert verdict(tmp_path) == Verdict([], [], 0, 0)


@pytest.mark.parametrize(
    ("sql", "fares"),
    [
        ("UPDATE decisions SET outcome = 'fired' WHERE t < 1763740802", ["changed", "held"]),
        ("DELETE FROM decisions WHERE t > 1763827200", ["held", "changed"]),
        ("INSERT INTO decisions SELECT t + 1, id || '0', member, visit, rule, outcome, detail, event, subject "
         "FROM decisions WHERE t < 1763740802", ["changed", "held"]),
        ("UPDATE state SET value = replace(value, '\"day\"', '\"erased\"') WHERE key = '00000001'", ["broken", "held"]),
        ("DELETE FROM state WHERE key = '00000001'", ["held"]),
        ("UPDATE state SET value = '[]' WHERE key = '00000002'", ["held"]),
    ],
)  # fmt: skip
def test_what_was_changed_by_hand_is_told(tmp_path: Path, sql: str, fares: list[str]) -> None:
    async def work(store: Store) -> None:
        assert await closed(store, days(2, 2), 2) == 2

    in_store(tmp_path, work)
    assert verdict(tmp_path).is_whole
    tamper(tmp_path, sql)
    found = verdict(tmp_path)
    assert [each.fares for each in found.entries] == fares
    assert not found.is_whole


def test_an_entry_that_was_taken_out_of_the_chain_is_missed(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        assert await closed(store, days(1, 1, 1), 3) == 3

    in_store(tmp_path, work)
    tamper(tmp_path, "DELETE FROM state WHERE key = '00000002'")
    assert [each.fares for each in verdict(tmp_path).entries] == ["held", "broken"]


def test_a_row_that_was_put_into_a_day_without_any_is_told(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        await closed(store, days(1, 0, 1), 3)
        await store.commit(Outcome(decisions=[row(DAY_S + 1)]))
        await store.retention.close_days(MIDNIGHT + 4 * DAY_S, SHANGHAI)

    in_store(tmp_path, work)
    assert (verdict(tmp_path).strays, verdict(tmp_path).is_whole) == (1, False)


def test_an_erased_members_rows_go_and_an_entry_says_how_many_went(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        await store.members.put([("bert-0002", "{}")])
        await closed(store, [*days(2, 2), *days(1, 0, 1, member="bert-0002")], 2)
        await store.commit(Outcome(decisions=[row(2 * DAY_S + 7, "bert-0002")]))
        await store.erasure.of_member("bert-0002")
        await store.erasure.of_member("bert-0002")

    in_store(tmp_path, work)
    found = verdict(tmp_path)
    assert found.is_whole
    assert [each.entry.what for each in found.entries] == ["day", "day", "erased"]
    erased = found.entries[-1].entry
    assert (erased.erased, [day.rows for day in erased.days]) == (3, [2])
    assert b"bert" not in (tmp_path / FILE).read_bytes()


def test_days_whose_rows_retention_took_are_not_missed(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        await closed(store, days(2, 2, 2), 3)
        assert await store.retention.prune(MIDNIGHT + 1.5 * DAY_S + Privacy().alerts_s, Privacy()) == 4

    in_store(tmp_path, work)
    found = verdict(tmp_path)
    assert found.is_whole
    assert [each.fares for each in found.entries] == ["pruned", "pruned", "held"]


def test_a_rules_text_that_is_not_what_was_kept_is_told(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        out = Outcome()
        out.put(StateRow(RULE_TEXT, TEXT_SHA256, "another text"))
        await store.commit(out)
        await store.retention.close_days(MIDNIGHT, SHANGHAI)

    in_store(tmp_path, work)
    assert verdict(tmp_path).texts == [TEXT_SHA256]


@pytest.mark.parametrize("key", ["00000001", "00000002", "pruned"])
@pytest.mark.parametrize("value", ["{rotten", "[]"])
def test_beside_an_entry_that_rotted_days_are_closed_and_members_erased(tmp_path: Path, key: str, value: str) -> None:
    async def close(store: Store) -> None:
        assert await closed(store, days(1, 2, 1), 2) == 2

    async def go_on(store: Store) -> None:
        assert await store.retention.close_days(MIDNIGHT + 3 * DAY_S + GRACE_S, SHANGHAI) >= 1
        await store.erasure.of_member("anna-0001")
        assert await store.held.decisions() == []

    in_store(tmp_path, close)
    tamper(tmp_path, "INSERT OR REPLACE INTO state VALUES ('digest', ?, ?, NULL, NULL)", key, value)
    in_store(tmp_path, go_on)
    found = verdict(tmp_path)
    assert (found.unreadable, found.is_whole) == (1, False)


def test_a_rules_text_that_rotted_is_told(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        await store.retention.close_days(MIDNIGHT, SHANGHAI)

    in_store(tmp_path, work)
    tamper(tmp_path, "INSERT INTO state VALUES ('rule', ?, '{rotten', NULL, NULL)", TEXT_SHA256)
    assert verdict(tmp_path).texts == [TEXT_SHA256]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 86_000), st.sampled_from(["anna-0001", "bert-0002"]))),
    st.lists(st.sampled_from(["close", "prune", "erase anna-0001", "erase bert-0002"]), max_size=6),
)
def test_whatever_the_gateway_itself_does_the_chain_verifies(
    decided: list[tuple[int, int, str]], steps: list[str]
) -> None:
    """No commit, closing, pruning or erasure makes a whole chain look tampered with."""

    async def work(store: Store) -> None:
        rows = sorted({(day * DAY_S + s, member) for day, s, member in decided})
        for day in range(5):
            await closed(store, [row(t, member) for t, member in rows if t // DAY_S == day], day + 1)
            for step in steps[day : day + 1]:
                now = MIDNIGHT + (day + 1) * DAY_S + GRACE_S
                if step == "close":
                    await store.retention.close_days(now, SHANGHAI)
                elif step == "prune":
                    await store.retention.prune(now, Privacy(alerts_s=1.5 * DAY_S))
                else:
                    await store.erasure.of_member(step.partition(" ")[2])
            assert (await store.retention.verify_days()).is_whole

    with TemporaryDirectory() as folder:
        in_store(Path(folder), work)
