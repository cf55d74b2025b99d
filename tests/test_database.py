"""The store on disk: rights, atomic commits, damage, other processes, reading without writing, erasure."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.configuration.config import Privacy
from gateway.events import DecisionRow, Event, Outcome, Priority, StateRow
from gateway.store import database, members
from gateway.store.copy import FILE as COPY
from gateway.store.database import Database, Reason, Row, Statement, StoreError
from gateway.store.keys import FILE as KEYS
from gateway.store.schema import PAGE_BYTES
from gateway.store.store import FILE, Store

NOBODY = 65534
GARBAGE = b"not a database at all" * 1000


def event(number: int, member: str | None = None, text: str = "") -> Event:
    id_ = f"01936f5e-7b1c-7d20-9c55-{number:012d}"
    return Event(id_, "visits", "hushbell.visit.started", 1e9, number, {"text": text}, 2e9, Priority.VISIT, member)


def decision(number: int, member: str, t: float = 1e9, subject: str | None = None) -> DecisionRow:
    id_ = f"01936f5e-7b1c-7d20-9c55-{number:012d}"
    return DecisionRow(id_, t, member, "v-1", "window-regular", "cap", {"cap": "1 per day"}, None, subject)


def outcome(number: int, member: str = "m-1", text: str = "") -> Outcome:
    made = Outcome([event(number, member, text)], [decision(number, member)])
    made.put(StateRow("sequence", "visits", number))
    made.put(StateRow("visit", member, {"text": text}, member))
    return made


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run the block without root's right to write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="hushbell-"))
    folder.chmod(0o755)
    yield folder / "state"
    shutil.rmtree(folder)


def test_the_state_is_for_the_owner_only(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path / "state")
        await store.begin_run()
        for file in (tmp_path / "state").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
        await store.close()

    asyncio.run(run())
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_runs_are_counted_and_the_key_stays(tmp_path: Path) -> None:
    async def run() -> tuple[int, bytes]:
        store = await Store.open(tmp_path)
        number = await store.begin_run()
        await store.close()
        return number, store.gateway_key

    first, second = asyncio.run(run()), asyncio.run(run())
    assert (first[0], second[0]) == (1, 2)
    assert first[1] == second[1]
    assert len(first[1]) == 32


def test_one_daemon_at_a_time(tmp_path: Path) -> None:
    async def run() -> None:
        first, second = await Store.open(tmp_path), await Store.open(tmp_path)
        await first.begin_run()
        with pytest.raises(StoreError, match="another hushbell runs") as caught:
            await second.begin_run()
        assert caught.value.reason is Reason.LOCKED
        await first.close()
        assert await second.begin_run() == 2
        await second.close()

    asyncio.run(run())


def test_what_is_committed_comes_back_whole(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.commit(outcome(1, text="王女士"))
        await store.close()
        store = await Store.open(tmp_path)
        assert [row.event for row in await store.outbox.pending(10)] == [event(1, "m-1", "王女士")]
        assert await store.held.decisions(visit="v-1") == [decision(1, "m-1")]
        assert await store.held.state() == [
            StateRow("sequence", "visits", 1),
            StateRow("visit", "m-1", {"text": "王女士"}, "m-1"),
        ]
        gone = Outcome()
        gone.put(StateRow("visit", "m-1", None))
        await store.commit(gone)
        assert await store.held.state() == [StateRow("sequence", "visits", 1)]
        await store.close()

    asyncio.run(run())


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.commit(outcome(1))
        good = Statement("INSERT INTO members (id, body) VALUES ('m-1', '{}')")
        with pytest.raises(StoreError):
            await store._database.write(good, Statement("INSERT INTO members (id, body) VALUES ('m-1', '{}')"))
        assert [member async for member in store.members.all()] == []
        await store.commit(outcome(2))
        assert len(await store.outbox.pending(10)) == 2
        await store.close()

    asyncio.run(run())


def test_a_commit_that_is_cancelled_is_whole_or_nothing_and_hinders_no_other(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        for number in range(1, 30):
            task = asyncio.create_task(store.commit(outcome(number, f"m-{number}")))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
        await store.commit(outcome(99))
        kept = {row.event.member for row in await store.outbox.pending(100)}
        assert kept == {row.member for row in await store.held.state() if row.member}
        assert kept == {row.member for row in await store.held.decisions()}
        assert "m-1" in kept
        await store.close()

    asyncio.run(run())


def test_a_full_disk_is_told_and_nothing_is_half_committed(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(50_000).hex()

    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.commit(outcome(1))
        assert store._database._writer is not None
        await store._database._writer.execute_fetchall("PRAGMA max_page_count = 1")  # raised to what is in use
        with pytest.raises(StoreError, match="the disk is full") as caught:
            await store.commit(outcome(2, text=noise))
        assert caught.value.reason is Reason.FULL
        assert "\n" not in str(caught.value)
        assert len(await store.outbox.pending(10)) == len(await store.held.decisions()) == 1
        await store._database._writer.execute_fetchall("PRAGMA max_page_count = 100000")
        await store.commit(outcome(2, text=noise))
        assert len(await store.outbox.pending(10)) == len(await store.held.decisions()) == 2
        await store.close()

    asyncio.run(run())


def test_a_locked_database_is_told_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)

    async def run() -> None:
        store = await Store.open(tmp_path)
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError) as caught:
                await store.commit(outcome(1))
            assert caught.value.reason is Reason.LOCKED
            assert await store.outbox.pending(10) == []
            other.execute("COMMIT")
        await store.commit(outcome(1))
        assert len(await store.outbox.pending(10)) == 1
        await store.close()

    asyncio.run(run())


def test_a_damaged_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(GARBAGE)

    async def run() -> None:
        store = await Store.open(tmp_path)
        assert store.set_aside is not None
        assert store.set_aside.name.startswith("hushbell.db.corrupt-")
        assert store.set_aside.read_bytes().startswith(b"not a database")
        assert await store.begin_run() == 1
        await store.retention.prune(4e9, Privacy())
        assert not store.set_aside.exists()
        await store.close()

    asyncio.run(run())


def test_a_value_that_rotted_comes_as_it_is_so_that_it_can_be_left_out(tmp_path: Path) -> None:
    async def fill() -> None:
        store = await Store.open(tmp_path)
        await store.commit(Outcome(state={("history", "m-1"): StateRow("history", "m-1", {"visits": []}, "m-1")}))
        await store._unfolded.fold()
        await store.close()

    async def look() -> None:
        store = await Store.open(tmp_path)
        assert [row.value for row in await store.held.state()] == ["{rotten"]
        await store.close()

    asyncio.run(fill())
    with closing(sqlite3.connect(tmp_path / FILE)) as raw, raw:
        raw.execute("UPDATE state SET value = '{rotten'")
    asyncio.run(look())


@pytest.mark.parametrize(
    "damage",
    [
        "INSERT INTO changes (body) VALUES (x'00ff')",
        "INSERT INTO changes (body) VALUES (x'')",
        "INSERT INTO state VALUES ('outbox', 'left', '7', NULL, NULL)",
        "INSERT INTO state VALUES ('outbox', 'floors', '{rotten', NULL, NULL)",
        "INSERT INTO state VALUES ('outbox', 'floors', '[1]', NULL, NULL)",
        "INSERT INTO state VALUES ('outbox', 'held 1', '{rotten', NULL, NULL)",
        "INSERT INTO state VALUES ('outbox', 'held 1', '3', NULL, NULL)",
    ],
)
def test_rows_of_the_stores_own_that_rotted_are_told_in_one_line(tmp_path: Path, damage: str) -> None:
    async def open_it() -> None:
        await (await Store.open(tmp_path)).close()

    asyncio.run(open_it())
    with closing(sqlite3.connect(tmp_path / FILE)) as raw, raw:
        raw.execute(damage)
    with pytest.raises(StoreError, match=r"hushbell\.db: the database is damaged \(a row is not as it was written\)$"):
        asyncio.run(open_it())


def test_a_damaged_page_is_found_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / FILE

    async def fill() -> None:
        store = await Store.open(tmp_path)
        await store.members.put([(f"m-{number:04d}", "x" * 500) for number in range(1000)])
        await store.close()

    async def look() -> None:
        store = await Store.open(tmp_path)
        assert store.set_aside is not None
        assert store.restored == 1000
        await store.close()

    asyncio.run(fill())
    raw = bytearray(path.read_bytes())
    for page in range(40, len(raw) // PAGE_BYTES, 12):
        raw[page * PAGE_BYTES : page * PAGE_BYTES + 64] = os.urandom(64)
    path.write_bytes(raw)
    asyncio.run(look())


def test_a_damaged_database_is_not_moved_away_under_a_running_daemon(tmp_path: Path) -> None:
    daemon = database.FolderLock(tmp_path)
    assert daemon.take()
    (tmp_path / FILE).write_bytes(GARBAGE)
    with pytest.raises(StoreError, match="stop the daemon") as caught:
        asyncio.run(Store.open(tmp_path))
    assert caught.value.reason is Reason.CORRUPT
    assert (tmp_path / FILE).exists()
    daemon.free()


READ_ONLY = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")))
MOUNTED = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$0" -c "$2" "$1"'
OPENING = """
import asyncio, sys, pathlib
from gateway.store.store import Store, StoreError
try:
    asyncio.run(Store.open(pathlib.Path(sys.argv[1])))
except StoreError as error:
    print(error.reason.name, error)
"""


def test_a_disk_that_is_mounted_read_only_is_told(tmp_path: Path) -> None:
    asyncio.run(_open_and_close(tmp_path))
    if subprocess.run([*READ_ONLY, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to make a mount namespace")
    command = [*READ_ONLY, "sh", "-c", MOUNTED, sys.executable, str(tmp_path), OPENING]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    where = tmp_path / FILE
    assert done.stdout == f"READONLY {where}: the database can only be read (this disk can only be read)\n"
    asyncio.run(_open_and_close(tmp_path))


@pytest.mark.parametrize("where", ["file/below", "denied/state"])
def test_a_folder_that_cannot_be_made_is_one_line(open_folder: Path, where: str) -> None:
    (open_folder.parent / "file").write_text("")
    (open_folder.parent / "denied").mkdir(mode=0o500)
    with unprivileged(), pytest.raises(StoreError) as caught:
        asyncio.run(Store.open(open_folder.parent / where))
    assert caught.value.reason is Reason.DENIED
    assert "\n" not in str(caught.value)


def test_a_torn_log_gives_a_whole_beginning(tmp_path: Path) -> None:
    """Whatever of the log reached the disk before the power went, what is found is the first n commits, each whole."""
    live = tmp_path / "live"

    async def fill() -> bytes:
        store = await Store.open(live)
        await store.close()
        store = await Store.open(live)
        for number in range(1, 13):
            await store.commit(outcome(number, f"m-{number:02d}"))
        log = (live / f"{FILE}-wal").read_bytes()
        shutil.copy(live / FILE, tmp_path / "file")
        await store.close()
        return log

    async def look(folder: Path) -> int:
        store = await Store.open(folder)
        numbers = [row.event.sequence for row in await store.outbox.pending(100)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(await store.held.decisions()) == len(numbers)
        states = await store.held.state()
        assert [row.value for row in states if row.kind == "sequence"] == numbers[-1:]
        assert sum(row.kind == "visit" for row in states) == len(numbers)
        assert store.set_aside is None
        await store.close()
        return len(numbers)

    log = asyncio.run(fill())
    found = []
    for step in range(17):
        cut = tmp_path / f"cut-{step}"
        cut.mkdir()
        shutil.copy(tmp_path / "file", cut / FILE)
        shutil.copy(live / KEYS, cut)
        (cut / f"{FILE}-wal").write_bytes(log[: len(log) * step // 16 - 7 if step else 0])
        found.append(asyncio.run(look(cut)))
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] >= 11


async def _open_and_close(folder: Path) -> None:
    await (await Store.open(folder)).close()


def test_reading_where_nothing_is_gives_nothing(tmp_path: Path) -> None:
    assert asyncio.run(Store.open_readonly(tmp_path / "none")) is None
    (tmp_path / FILE).touch()
    assert asyncio.run(Store.open_readonly(tmp_path)) is None
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_reading_changes_nothing_on_the_disk(tmp_path: Path) -> None:
    async def fill() -> None:
        store = await Store.open(tmp_path)
        await store.members.put([("m-1", "{}")])
        await store.close()

    async def read() -> None:
        store = await Store.open_readonly(tmp_path)
        assert store is not None
        assert [member async for member in store.members.all()] == [("m-1", "{}")]
        with pytest.raises(StoreError) as caught:
            await store.members.put([("m-2", "{}")])
        assert caught.value.reason is Reason.READONLY
        await store.close()

    def whole() -> dict[str, tuple[int, bytes]]:
        return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.iterdir()}

    asyncio.run(fill())
    before = whole()
    asyncio.run(read())
    assert whole() == before


def test_reading_goes_on_beside_a_running_daemon(tmp_path: Path) -> None:
    async def run() -> None:
        daemon = await Store.open(tmp_path)
        await daemon.begin_run()
        await daemon.members.put([("m-1", "{}")])
        reader = await Store.open_readonly(tmp_path)
        assert reader is not None
        assert reader.gateway_key == daemon.gateway_key
        await daemon.members.put([("m-2", "{}")])
        assert [id_ async for id_, _ in reader.members.all()] == ["m-1", "m-2"]
        await reader.close()
        await daemon.close()

    asyncio.run(run())


@pytest.mark.parametrize("after", ["a clean end", "a crash"])
def test_reading_from_a_folder_where_nothing_can_be_written(open_folder: Path, after: str) -> None:
    async def fill() -> None:
        store = await Store.open(open_folder.parent / "live")
        await store.members.put([("m-1", "{}")])
        if after == "a crash":
            shutil.copytree(open_folder.parent / "live", open_folder)
        await store.close()
        if after == "a clean end":
            shutil.copytree(open_folder.parent / "live", open_folder)

    async def read() -> list[str]:
        store = await Store.open_readonly(open_folder)
        assert store is not None
        ids = [id_ async for id_, _ in store.members.all()]
        await store.close()
        return ids

    asyncio.run(fill())
    for file in open_folder.iterdir():
        file.chmod(0o444)
    open_folder.chmod(0o555)
    with unprivileged():
        assert asyncio.run(read()) == ["m-1"]


def test_members_are_seen_by_others_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        daemon, command = await Store.open(tmp_path), await Store.open(tmp_path)
        before = await daemon.members.version()
        await daemon.commit(outcome(1))
        assert await daemon.members.version() == before
        await command.members.put([("m-1", "{}")])
        assert await daemon.members.version() != before
        assert [member async for member in daemon.members.all()] == [("m-1", "{}")]
        before = await daemon.members.version()
        await command.erasure.of_member("m-1")
        assert await daemon.members.version() != before
        await command.close()
        await daemon.close()

    asyncio.run(run())


def test_many_members_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    rows = [(f"m-{number:05d}", f'{{"n":{number}}}') for number in range(2500)]

    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.members.put(rows)
        await store.members.put([("m-00000", "changed")])
        assert [member async for member in store.members.all()] == [("m-00000", "changed"), *rows[1:]]
        await store.close()

    asyncio.run(run())


def test_erasure_leaves_no_byte_of_a_member(tmp_path: Path) -> None:
    """Rows, state, decisions, events queued, sent and pruned, the copy: no file holds id or text any more."""
    canary, other = "oX3f-canary-id", "oX3f-other-id"
    chance = random.Random(1)

    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.begin_run()
        await store.members.put([(canary, '{"greeting": "canary-text"}'), (other, "{}")])
        packed: list[bytes] = []
        for number in range(1, 80):
            text = chance.randbytes(20).hex()
            await store.commit(outcome(number, canary if number % 2 else other, text))
            packed += await _packed(store) if number in (20, 40, 79) else []
            if number == 20:  # what was deleted lies in free pages
                store.outbox.sent(*[row.place for row in await store.outbox.pending(100)])
                await store.retention.prune(1e9, Privacy())
            if number == 40:
                await store.retention.prune(1e9 + 2 * 86400, Privacy())
        assert sum(bool(_bytes_with(tmp_path, piece)) for piece in packed) > 100
        await store.erasure.of_member(canary)
        for needle in (canary.encode(), b'"canary-text"'):
            assert _bytes_with(tmp_path, needle) == []
        left = await _packed(store)
        assert [piece for piece in packed if piece not in left and _bytes_with(tmp_path, piece)] == []
        assert [id_ async for id_, _ in store.members.all()] == [other]
        assert {row.event.member for row in await store.outbox.pending(100)} == {other}
        assert {row.member for row in await store.held.decisions()} == {other}
        assert {row.member for row in await store.held.state()} == {None, other}
        since = await store.outbox.events_since("visits", 40, 100)
        assert {past.gone for past in since if past.event.sequence % 2} == {"erased"}
        await store.close()

    asyncio.run(run())


async def _packed(store: Store) -> list[bytes]:
    """Return bytes of each packed value."""
    rows = await store._database.read("SELECT body FROM events WHERE body NOT NULL UNION ALL SELECT body FROM changes")
    return [body[-36:-12] for (body,) in rows]


def _bytes_with(folder: Path, needle: bytes) -> list[str]:
    return [file.name for file in folder.iterdir() if needle in file.read_bytes()]


def test_a_key_that_was_replaced_or_erased_is_in_no_file(tmp_path: Path) -> None:
    """Neither as it was, nor sealed: not in the database, its log, its free pages, nor the copy."""
    keys = ["00112233445566778899aabbccddeeff" * 40, "ffeeddccbbaa99887766554433221100" * 40]

    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.begin_run()
        sealed: list[bytes] = []
        for key in keys:
            await store.members.put([("m-1", f'{{"key": "{key}"}}')])
            body: bytes = (await store._database.read("SELECT body FROM members"))[0][0]
            sealed.append(body[-32:])
        await store._database.empty_log()
        assert _bytes_with(tmp_path, sealed[0]) == []
        assert sorted(_bytes_with(tmp_path, sealed[1])) == [FILE, COPY]
        await store.erasure.of_member("m-1")
        assert _bytes_with(tmp_path, sealed[1]) == []
        assert not any(_bytes_with(tmp_path, key[:32].encode()) for key in keys)
        await store.close()

    asyncio.run(run())


def test_the_members_come_back_from_the_copy_and_who_was_erased_does_not(tmp_path: Path) -> None:
    async def fill() -> tuple[int, bytes]:
        store = await Store.open(tmp_path)
        run = await store.begin_run()
        await store.members.put([(f"m-{number:04d}", f'{{"n": {number}}}') for number in range(2500)])
        await store.members.put([("m-0001", "paused")])
        await store.erasure.of_member("m-0002")
        await store.commit(outcome(1))
        await store.close()
        return run, store.gateway_key

    async def look() -> None:
        store = await Store.open(tmp_path)
        assert (store.restored, store.gateway_key) == (2499, key)
        assert [row async for row in store.members.all()][:3] == [
            ("m-0000", '{"n": 0}'),
            ("m-0001", "paused"),
            ("m-0003", '{"n": 3}'),
        ]
        assert await store.begin_run() > run
        assert await store.outbox.pending(10) == []
        await store.close()

    run, key = asyncio.run(fill())
    (tmp_path / FILE).write_bytes(GARBAGE)
    asyncio.run(look())


def test_a_grave_in_the_copy_counts_more_than_a_row(tmp_path: Path) -> None:
    async def fill() -> None:
        store = await Store.open(tmp_path)
        await store.begin_run()
        await store.members.put([("m-1", "{}"), ("m-2", "{}")])
        await store.erasure.of_member("m-1")
        await store.close()
        with closing(sqlite3.connect(tmp_path / COPY, isolation_level=None)) as copy:
            copy.execute("INSERT INTO members (id, body) SELECT 'm-1', body FROM members")

    async def look() -> None:
        store = await Store.open(tmp_path)
        assert [id_ async for id_, _ in store.members.all()] == ["m-2"]
        await store.close()

    asyncio.run(fill())
    (tmp_path / FILE).write_bytes(GARBAGE)
    asyncio.run(look())


@pytest.mark.parametrize("after_chunks", range(4))
def test_a_copy_that_cannot_be_used_now_is_tried_again_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_chunks: int
) -> None:
    people = [(f"m-{number:04d}", "{}") for number in range(2500)]

    async def fill() -> bytes:
        store = await Store.open(tmp_path)
        await store.begin_run()
        await store.members.put(people)
        await store.close()
        return store.gateway_key

    async def refused(database: Database) -> AsyncIterator[list[Row]]:
        chunks = in_chunks(database)
        for _ in range(after_chunks):
            yield await anext(chunks)
        raise StoreError(tmp_path, Reason.KEY)

    async def look() -> None:
        with monkeypatch.context() as context:
            context.setattr(members, "in_chunks", refused)
            for mend in (True, False, True):
                with pytest.raises(StoreError):
                    await Store.open(tmp_path, mend=mend)
        store = await Store.open(tmp_path, mend=False)
        assert (store.restored, store.gateway_key) == (2500, key)
        assert store.set_aside
        assert store.set_aside.read_bytes() == GARBAGE
        await store.begin_run()
        assert [row async for row in store.members.all()] == people
        await store.close()
        again = await Store.open(tmp_path)
        assert again.set_aside is None
        await again.close()

    in_chunks = members.in_chunks
    key = asyncio.run(fill())
    (tmp_path / FILE).write_bytes(GARBAGE)
    asyncio.run(look())
    with closing(sqlite3.connect(tmp_path / COPY)) as copy:
        assert copy.execute("SELECT count(*) FROM members").fetchone() == (2500,)


def test_what_is_whole_of_a_damaged_copy_comes_back_under_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def damaged(database: Database) -> AsyncIterator[list[Row]]:
        async for rows in in_chunks(database):
            yield rows
            if database.path.name == COPY:
                raise StoreError(tmp_path, Reason.CORRUPT)

    async def play() -> None:
        store = await Store.open(tmp_path)
        await store.members.put([(f"m-{number:04d}", "{}") for number in range(2500)])
        await store.close()
        (tmp_path / FILE).write_bytes(GARBAGE)
        with monkeypatch.context() as context:
            context.setattr(members, "in_chunks", damaged)
            again = await Store.open(tmp_path)
        assert (again.restored, again.gateway_key) == (1000, store.gateway_key)
        await again.close()

    in_chunks = members.in_chunks
    asyncio.run(play())


@pytest.mark.parametrize("damage", ["missing", "garbage", "behind"])
def test_a_copy_that_is_not_as_it_should_be_is_made_anew(tmp_path: Path, damage: str) -> None:
    async def run() -> list[tuple[str, bytes]]:
        store = await Store.open(tmp_path)
        await store.begin_run()
        await store.members.put([("m-1", "{}")])
        (tmp_path / COPY).unlink()
        if damage == "garbage":
            (tmp_path / COPY).write_bytes(GARBAGE)
        if damage == "behind":
            await store.members.put([("m-2", "{}")])
            with closing(sqlite3.connect(tmp_path / COPY, isolation_level=None)) as copy:
                copy.execute("UPDATE meta SET value = 1 WHERE name = 'members'")
        await store.members.put([("m-3", "{}")])
        rows = await store._database.read("SELECT id, body FROM members ORDER BY id")
        await store.close()
        return rows

    rows = asyncio.run(run())
    with closing(sqlite3.connect(tmp_path / COPY)) as copy:
        assert copy.execute("SELECT id, body FROM members ORDER BY id").fetchall() == rows


def test_two_damaged_files_begin_anew(tmp_path: Path) -> None:
    for name in (FILE, COPY):
        (tmp_path / name).write_bytes(GARBAGE)

    async def run() -> None:
        store = await Store.open(tmp_path)
        assert store.restored is None
        assert await store.begin_run() == 1
        await store.close()

    asyncio.run(run())


def test_a_commit_whose_end_is_not_known_is_still_sent(tmp_path: Path) -> None:
    """Broken off after it took effect: its events are neither lost behind the marks nor numbered twice."""

    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.commit(outcome(1))
        write = store._database.write

        async def broken_off(*statements: Statement, overwriting: bool = False) -> list[int]:
            await write(*statements)
            raise asyncio.CancelledError

        store._database.write = broken_off  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await store.commit(outcome(2))
        store._database.write = write  # type: ignore[method-assign]
        store.outbox.sent(*[row.place for row in await store.outbox.pending(10)])
        await store.outbox.keep_marks()
        assert [row.event.sequence for row in await store.outbox.pending(10)] == [2]
        await store.commit(outcome(3))
        await store.close()
        store = await Store.open(tmp_path)
        assert [row.event.sequence for row in await store.outbox.pending(10)] == [2, 3]
        await store.close()

    asyncio.run(run())


def test_a_clock_that_was_set_back_puts_off_no_overwriting_of_what_was_deleted(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        for now in (2e9, 1e9):
            await store.commit(
                Outcome(state={("history", "m-1"): StateRow("history", "m-1", {}, "m-1", until=now - 1)})
            )
            await store.retention.prune(now, Privacy())
            assert not store._unfolded.is_unclean
        await store.close()

    asyncio.run(run())


def test_decisions_and_state_are_kept_as_long_as_they_may_be(tmp_path: Path) -> None:
    day = 86400.0
    privacy = Privacy(alerts_s=30 * day)

    async def run() -> None:
        store = await Store.open(tmp_path)
        made = Outcome(decisions=[decision(n, "m-1", t=n * day, subject=f"a-{n}") for n in range(1, 61)])
        made.put(StateRow("ledger", "m-1", {}, "m-1", until=59 * day))
        made.put(StateRow("history", "m-1", {}, "m-1", until=61 * day))
        made.put(StateRow("sequence", "visits", 7))
        await store.commit(made)
        assert await store.retention.prune(60 * day, privacy) == 30
        assert [row.t / day for row in await store.held.decisions()] == list(range(60, 29, -1))
        assert [row.kind for row in await store.held.state()] == ["history", "sequence"]
        assert await store.held.decisions(subject="a-29") == []
        assert [row.id for row in await store.held.decisions(subject="a-40")] == [decision(40, "").id]
        assert await store.retention.prune(60 * day, privacy) == 0
        await store.close()

    asyncio.run(run())
