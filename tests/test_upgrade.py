"""Databases of earlier versions are brought to this one, whole or not at all; those of later ones are left alone."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_core import START, a_core, a_member
from virtual_earlier import (
    ALERT,
    DAY_S,
    DECISION,
    GATEWAY_KEY,
    GRAVE,
    VISIT,
    T,
    event_data,
    event_id,
    make_version_1,
    make_version_2,
)

from gateway.store import changes, schema
from gateway.store.copy import FILE as COPY
from gateway.store.database import FolderLock, Reason, StoreError
from gateway.store.packing import pack
from gateway.store.store import FILE, Store

PEOPLE = [("m-0001", '{"member": "m-0001", "greeting": "陈女士"}'), ("m-0002", "{}")]

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from gateway.store import schema
from gateway.store.store import Store

died, steps = int(sys.argv[1]), schema.statements
schema.FUNCTIONS = {**schema.FUNCTIONS, "died": lambda _: os.kill(os.getpid(), signal.SIGKILL)}
schema.statements = lambda version: [*steps(version)[:died], "SELECT died(0)"]
asyncio.run(Store.open(Path(sys.argv[2])))
"""


def make(version: int, folder: Path) -> None:
    if version == 1:
        make_version_1(folder / FILE, PEOPLE)
    else:
        make_version_2(folder / FILE)


def opened(folder: Path) -> None:
    async def run() -> None:
        await (await Store.open(folder)).close()

    asyncio.run(run())


def refusal(folder: Path, open_: Callable[..., object] = Store.open) -> StoreError:
    with pytest.raises(StoreError) as caught:
        asyncio.run(open_(folder))  # type: ignore[arg-type]
    return caught.value


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        [version] = database.execute("PRAGMA user_version").fetchone()
        return [f"version {version}", *database.iterdump()]


def tables(file: Path) -> list[tuple[str, str, list[str]]]:
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        return [(kind, name, re.findall(r"\w+|[^\w\s\"]", sql)) for kind, name, sql in found]


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".db-shm"}


@pytest.mark.parametrize("version", [1, 2])
def test_an_upgraded_database_is_laid_out_as_a_new_one(tmp_path: Path, version: int) -> None:
    (tmp_path / "new").mkdir()
    make(version, tmp_path)
    opened(tmp_path)
    opened(tmp_path / "new")
    assert tables(tmp_path / FILE) == tables(tmp_path / "new" / FILE)


def test_version_1_keeps_its_members_its_key_and_its_graves_and_seals_them(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        assert (await store.begin_run(), store.gateway_key) == (4, GATEWAY_KEY)
        assert [row async for row in store.members.all()] == PEOPLE
        assert await store.members.tombstones() == [GRAVE]
        await store.close()

    make(1, tmp_path)
    asyncio.run(run())
    for needle in ("陈女士".encode(), GATEWAY_KEY):
        assert [name for name, raw in files(tmp_path).items() if needle in raw] == []


@pytest.mark.parametrize("version", [1, 2])
def test_what_waited_waits_and_what_was_sent_can_be_asked_for(tmp_path: Path, version: int) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        waiting = [row.event for row in await store.outbox.pending(10)]
        assert [(event.id, event.data) for event in waiting] == [(event_id(n), event_data(n)) for n in (2, 3)]
        past = await store.outbox.events_since("visits", 0, 10)
        assert [(each.event.sequence, each.event.data) for each in past] == [(1, event_data(1))]
        [decision] = await store.held.decisions()
        assert (decision.id, decision.t, decision.detail) == (DECISION[0], DECISION[1], DECISION[6])
        await store.close()

    make(version, tmp_path)
    asyncio.run(run())


@pytest.mark.parametrize("version", [1, 2])
def test_the_core_goes_on_from_what_an_earlier_version_kept(tmp_path: Path, version: int) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        state = {(row.kind, row.key): row.value for row in await store.held.state()}
        assert state["sequence", "visits"] == 2
        assert state["alert", "a-1"] == ALERT
        assert state["visit", "m-0001"] == {**VISIT, "arrived": T}
        assert ("ledger", "m-0001") not in state
        assert ("fact", "queue") not in state
        a_core(a_member()).restore(await store.held.state(), START)
        await store.close()

    make(version, tmp_path)
    asyncio.run(run())


JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(st.none() | inner, max_size=3) | st.dictionaries(st.text(), st.none() | inner, max_size=3),
    max_leaves=5,
)
ROW = st.tuples(
    st.sampled_from(["kind", "other"]),
    st.sampled_from(["key", ""]),
    st.none() | JSON,
    st.none() | st.just("m-0001"),
    st.none() | st.floats(0, 1e10),
)
DECISIONS = st.lists(
    st.builds(lambda n, detail: (f"d-{n}", n + 0.5, *DECISION[2:6], detail, *DECISION[7:]), st.integers(0, 3), JSON),
    max_size=2,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(ROW, max_size=3), DECISIONS), max_size=4))
def test_what_was_not_folded_comes_to_what_it_would_have_come_to(commits: list[Any]) -> None:
    """State and decisions are those of the fold that commits are brought into their tables with."""

    async def run(folder: Path) -> None:
        store = await Store.open(folder)
        rows = {(row.kind, row.key): row for row in await store.held.state() if row.kind in ("kind", "other")}
        assert rows == {key: row for key, row in expected.state.items() if row.value is not None}
        found = {row.id: row for row in await store.held.decisions()}
        assert found == {row.id: row for row in reversed(expected.decisions)}
        await store.close()

    expected = changes.merged([(pack(each),) for each in commits])
    with tempfile.TemporaryDirectory() as folder:
        make_version_2(Path(folder) / FILE)
        with closing(sqlite3.connect(Path(folder) / FILE, isolation_level=None)) as old:
            old.execute("DELETE FROM changes")
            old.executemany("INSERT INTO changes (body) VALUES (?)", [(pack(each),) for each in commits])
        asyncio.run(run(Path(folder)))


def test_of_version_1_each_visit_that_was_counted_becomes_a_row(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        rows = [row for row in await store.held.state() if row.kind == "history"]
        assert {(row.member, row.value["started"], row.value["passed"]) for row in rows} == {
            ("m-0001", T - 9 * DAY_S, False),
            ("m-0001", T - DAY_S, False),
            ("m-0001", T - 2 * DAY_S, True),
        }
        assert len({row.key for row in rows}) == 3
        await store.close()

    make(1, tmp_path)
    asyncio.run(run())


@pytest.mark.parametrize("died", [0, 2, 4, 9, 12, 18, 20, 24, len(schema.statements(1))])
def test_whoever_is_killed_in_between_leaves_all_as_it_was(tmp_path: Path, died: int) -> None:
    make(1, tmp_path)
    before = dump(tmp_path / FILE)
    child = subprocess.run([sys.executable, "-c", KILLED, str(died), str(tmp_path)], check=False)
    assert child.returncode == -9
    assert dump(tmp_path / FILE) == before
    opened(tmp_path)
    assert dump(tmp_path / FILE)[0] == f"version {schema.VERSION}"


def test_a_gateway_of_the_earlier_version_that_still_runs_is_not_upgraded_under(tmp_path: Path) -> None:
    make(1, tmp_path)
    running = FolderLock(tmp_path)
    assert running.take()
    before = dump(tmp_path / FILE)
    assert refusal(tmp_path).reason is Reason.LOCKED
    assert dump(tmp_path / FILE) == before
    running.free()
    opened(tmp_path)


def test_reading_alone_upgrades_nothing_and_says_what_does(tmp_path: Path) -> None:
    make(1, tmp_path)
    before = files(tmp_path)
    error = refusal(tmp_path, Store.open_readonly)
    assert (error.reason, "start the gateway once" in str(error)) == (Reason.OLDER, True)
    assert files(tmp_path) == before


def test_the_members_come_back_from_a_copy_of_an_earlier_version(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        assert (store.restored, store.gateway_key) == (len(PEOPLE), GATEWAY_KEY)
        assert [row async for row in store.members.all()] == PEOPLE
        await store.close()

    make_version_1(tmp_path / COPY, PEOPLE)
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    asyncio.run(run())


def test_a_copy_of_an_earlier_version_is_followed(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.members.put([("m-0003", "{}")])
        await store.close()

    opened(tmp_path)
    make_version_1(tmp_path / COPY, PEOPLE)
    asyncio.run(run())
    assert dump(tmp_path / COPY)[0] == f"version {schema.VERSION}"
    with closing(sqlite3.connect(tmp_path / COPY)) as copy:
        assert copy.execute("SELECT id FROM members").fetchall() == [("m-0003",)]


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
@pytest.mark.parametrize("open_", [Store.open, Store.open_readonly])
def test_a_later_database_is_refused_and_no_byte_of_it_changed(
    tmp_path: Path, journal: str, open_: Callable[..., object]
) -> None:
    with closing(sqlite3.connect(tmp_path / "made.db", isolation_level=None)) as later:
        later.execute(f"PRAGMA journal_mode = {journal}")
        later.execute("CREATE TABLE later (what)")
        later.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        for file in tmp_path.glob("made.db*"):  # as they lie after a kill
            (tmp_path / file.name.replace("made.db", FILE)).write_bytes(file.read_bytes())
    before = files(tmp_path)
    error = refusal(tmp_path, open_)
    assert error.reason is Reason.NEWER
    assert str(error).endswith("a newer Hushbell made this database: install that one again; nothing was changed")
    assert files(tmp_path) == before


@pytest.mark.usefixtures("chinese")
def test_chinese_is_said_what_to_do_with_a_later_database(tmp_path: Path) -> None:
    opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as later:
        later.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    assert str(refusal(tmp_path)).endswith("数据库由较新版本的 Hushbell 创建：请重新安装该版本；未作任何更改")
