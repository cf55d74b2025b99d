"""Journals as files: sealed page by page, torn ends, erasure, retention, and the days that they are of."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_core import CONFIG, START, come_in, hear, later, shelf
from virtual_journal import KEY, a_recorded_core

import gateway.journal.pages as pages_module
from gateway.configuration.config import Config
from gateway.deciding.inputs import FactSaid, Input, Person, Restored
from gateway.events import StateRow
from gateway.journal.entries import Begun, Entry, Mark, Met, Numbered, Reached, Voice, Voices, pack
from gateway.journal.journal import Journal
from gateway.journal.pages import (
    MAGIC,
    JournalError,
    Pages,
    day_of,
    erase,
    is_journal,
    journals,
    name_of,
    prune,
    read,
    seals_of,
)
from gateway.store.store import Store
from rules.situation import Trust

DAY_S = 86400.0
SEALS = seals_of(KEY)
DAY = date(2026, 11, 22)
ANNA, BERT = Person("anna-0001", frozenset({"recognise"})), Person("bert-0002", frozenset({"recognise"}))


def voice(number: int, member: str) -> Voice:
    return Voice(number, member, "door", "ble", Trust.HINT, "ibeacon")


def pages(state: Path, *written: Sequence[Entry | Input]) -> Path:
    journal = Pages(state, name_of(1, DAY), SEALS)
    for entries in written:
        journal.append(list(entries))
    journal.settle()
    return journal.path


def found(path: Path) -> tuple[list[Entry | Input], list[str]]:
    """Return the entries of a journal, and what was said of its end."""
    told: list[str] = []
    return [entry for page in read(path, SEALS, told.append) for entry in page], told


@given(
    st.lists(
        st.tuples(
            st.floats(0, 4e9),
            st.integers(1, 300),
            st.none() | st.integers(-127, 20),
            st.floats(0, 4e9),
        ),
        min_size=1,
    )
)
def test_frames_come_back_to_the_bit(rows: list[tuple[float, int, int | None, float]]) -> None:
    """Invariant: time, level and voice of every frame are what they were."""
    voices = Voices()
    for number in {number for _, number, _, _ in rows}:
        voices.take(voice(number, f"member-{number}"))
    packed = pack(Numbered(*row) for row in rows)
    assert packed is not None
    again = [(now, int(heard.member[7:]), heard.rssi, heard.t) for now, heard in voices.frames(packed)]
    assert again == rows


def test_what_is_written_is_read_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    first: list[Entry | Input] = [Reached(1.0), FactSaid(2.0, "new_arrivals", {"item": [1, None]})]
    second = [Mark(3, {"visits": 2})]
    path = pages(tmp_path, first, second)
    assert found(path) == ([*first, *second], [])
    assert is_journal(path)
    assert not is_journal(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"new_arrivals" not in path.read_bytes()


@given(st.integers(1, 40))
def test_a_torn_end_is_one_line_and_what_is_before_it_is_whole(cut: int) -> None:
    """Invariant: however much of the last page is gone, the pages before it are given."""
    with tempfile.TemporaryDirectory() as folder:
        path = pages(Path(folder), [Reached(1.0)], [Reached(2.0)])
        path.write_bytes(path.read_bytes()[:-cut])
        entries, told = found(path)
    assert entries == [Reached(1.0)]
    assert len(told) <= 1


def test_a_page_that_is_changed_moved_or_anothers_does_not_open(tmp_path: Path) -> None:
    path = pages(tmp_path, [Reached(1.0)], [Reached(2.0)])
    raw = path.read_bytes()
    first = len(MAGIC) + 4 + int.from_bytes(raw[len(MAGIC) :][:4], "big")
    for wrong in (raw[:-1] + bytes([raw[-1] ^ 1]), raw[: len(MAGIC)] + raw[first:]):
        path.write_bytes(wrong)
        with pytest.raises(JournalError, match="does not open"):
            found(path)
    path.write_bytes(raw)
    with pytest.raises(JournalError, match="does not open"):
        list(read(path.rename(path.with_name(name_of(2, DAY))), SEALS, lambda _: None))
    with pytest.raises(JournalError, match="no such file"):
        found(path)
    path.write_bytes(b"not one")
    with pytest.raises(JournalError, match="not a journal"):
        found(path)


def test_who_is_erased_is_in_no_journal_and_the_others_frames_are_as_they_were(tmp_path: Path) -> None:
    rows = (StateRow("ledger", "anna-0001", 1, "anna-0001"), StateRow("ledger", "bert-0002", 2, "bert-0002"))
    frames = pack([Numbered(1.0, 1, -60, 1.0), Numbered(2.0, 2, -61, 1.5), Numbered(3.0, 1, None, 3.0)])
    assert frames is not None
    met: list[Entry | Input] = [Restored(0.0, rows), Met(ANNA, ()), Met(BERT, ())]
    path = pages(tmp_path, met, [voice(1, "anna-0001"), voice(2, "bert-0002"), frames], [frames])
    erase(tmp_path, KEY, "anna-0001")
    entries, _ = found(path)
    assert "anna-0001" not in repr(entries)
    only = pack([Numbered(2.0, 2, -61, 1.5)])
    assert entries == [Restored(0.0, rows[1:]), Met(BERT, ()), voice(2, "bert-0002"), only, only]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_erasure_outlasts_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[set[str]] = []
    monkeypatch.setattr(pages_module, "settle", lambda folder: settled.append({path.name for path in folder.iterdir()}))
    path = pages(tmp_path, [Met(ANNA, ())])
    erase(tmp_path, KEY, ANNA.id)
    assert settled == [{path.name}]


def test_a_journal_without_whoever_is_erased_stays_as_it_is(tmp_path: Path) -> None:
    path = pages(tmp_path, [Met(BERT, ())], [Reached(1.0)])
    before = path.read_bytes(), path.stat().st_ino
    erase(tmp_path, KEY, "anna-0001")
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_who_is_erased_from_the_store_by_whatever_command_is_erased_from_the_journals(tmp_path: Path) -> None:
    async def main() -> Path:
        store = await Store.open(tmp_path)
        try:
            journal = Pages(tmp_path, name_of(1, DAY), seals_of(store.gateway_key))
            journal.append([Met(ANNA, ()), Met(BERT, ())])
            await store.erasure.of_member("anna-0001")
            await store.erasure.of_told("bert-0002", "visits")
            return journal.path
        finally:
            await store.close()

    assert len(asyncio.run(main()).read_bytes()) < 200


def test_a_journal_that_is_being_written_anew_holds_up_nobody_who_only_flushes(shop: Config, tmp_path: Path) -> None:
    core, recorder = a_recorded_core(config=shop)
    journal = Journal(shop, 7, KEY, recorder, tuple)
    journal.begin(START)
    hear(core, come_in())
    waiting = recorder.waiting
    with journals(tmp_path)[0].open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        journal.flush()
        assert recorder.waiting == waiting > 0
    journal.flush()
    assert recorder.waiting == 0


def test_a_journal_is_written_on_after_somebody_was_erased(tmp_path: Path) -> None:
    journal = Pages(tmp_path, name_of(1, DAY), SEALS)
    journal.append([Met(ANNA, ()), Reached(1.0)])
    erase(tmp_path, KEY, "anna-0001")
    journal.append([Reached(2.0)])
    assert found(journal.path)[0] == [Reached(1.0), Reached(2.0)]


def test_old_journals_go_by_the_day_on_which_they_began(tmp_path: Path) -> None:
    for day in (20, 21, 22):
        begun = Pages(tmp_path, name_of(day, date(2026, 11, day)), SEALS)
        begun.path.with_suffix(".new").touch()  # the power was cut while it was written anew
    assert prune(tmp_path, date(2026, 11, 22)) == 2
    assert [day_of(path) for path in journals(tmp_path)] == [DAY]
    assert len(list(begun.path.parent.iterdir())) == 2
    assert day_of(tmp_path / "hushbell.db") is None


@pytest.fixture
def shop(tmp_path: Path) -> Config:
    (tmp_path / "hushbell.yaml").write_text("store: {}\n")
    gateway = replace(CONFIG.gateway, state=tmp_path)
    return replace(CONFIG, path=tmp_path / "hushbell.yaml", gateway=gateway)


def test_each_day_has_a_journal_from_when_nobody_is_there(shop: Config, tmp_path: Path) -> None:
    core, recorder = a_recorded_core(config=shop)
    journal = Journal(shop, 7, KEY, recorder, tuple)
    journal.begin(START)
    journal.keep(hear(core, come_in(), shelf(8, 40)))
    journal.flush()
    journal.turn(START + 60)
    assert len(journals(tmp_path)) == 1
    journal.keep(hear(core, later(come_in(), DAY_S)))
    journal.flush()
    journal.turn(START + DAY_S + 10)  # somebody is there
    assert len(journals(tmp_path)) == 1
    journal.keep(core.advance(START + DAY_S + 3000))
    journal.flush()
    journal.turn(START + DAY_S + 3000)
    assert [path.name for path in journals(tmp_path)] == ["00000007-20251122.journal", "00000007-20251123.journal"]
    journal.keep(hear(core, later(come_in(), 2 * DAY_S)))
    journal.flush()
    journal.turn(START + 3 * DAY_S)  # a day later, whoever is there
    assert len(journals(tmp_path)) == 3


def test_where_the_disk_refuses_the_gateway_goes_on_and_nothing_is_gathered(
    shop: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    core, recorder = a_recorded_core(config=shop)
    journal = Journal(shop, 7, KEY, recorder, tuple)
    journal.begin(START)
    journals(tmp_path)[0].unlink()
    assert hear(core, come_in()).events
    journal.flush()
    assert "nothing is recorded for now" in caplog.text
    hear(core, shelf(8, 40))
    assert recorder.waiting == 0
    journal.turn(START + 2 * DAY_S)
    assert len(journals(tmp_path)) == 1


@pytest.mark.parametrize("days", [-1, -3000])
def test_a_clock_that_is_set_back_begins_another_journal_too(shop: Config, tmp_path: Path, days: int) -> None:
    _, recorder = a_recorded_core(config=shop)
    journal = Journal(shop, 7, KEY, recorder, tuple)
    journal.begin(START)
    journal.flush()
    for seconds in (0, 10):
        journal.turn(START + days * DAY_S + seconds)
    assert len(journals(tmp_path)) == 2


def test_a_clock_that_is_set_back_puts_off_no_journal_that_the_disk_refused(shop: Config, tmp_path: Path) -> None:
    _, recorder = a_recorded_core(config=shop)
    journal = Journal(shop, 7, KEY, recorder, tuple)
    journal.begin(START)
    (first,) = journals(tmp_path)
    first.unlink()
    journal.flush()
    journal.turn(START + 10)
    assert journals(tmp_path) == []
    journal.turn(START - 7200)
    assert len(journals(tmp_path)) == 1


def read_all(state: Path) -> list[list[Entry | Input]]:
    return [found(path)[0] for path in journals(state)]


def test_once_the_disk_takes_writes_again_another_journal_is_begun_and_says_that_somebody_is_there(
    shop: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    core, recorder = a_recorded_core(config=shop)
    journal = Journal(shop, 7, KEY, recorder, tuple)
    journal.begin(START)
    journal.keep(hear(core, come_in()))
    journal.flush()
    first = read_all(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(pages_module, "_held", full)
        journal.keep(hear(core, shelf(8, 20)))
        journal.flush()
        patch.setattr(os, "write", full)
        for t in range(30, 1200, 10):
            journal.turn(START + t)
    assert caplog.text.count("nothing is recorded for now") == 1
    assert read_all(tmp_path) == first  # no other file was left
    journal.turn(START + 1810)
    journal.keep(hear(core, shelf(1811, 40)))
    journal.flush()
    assert [path.name for path in journals(tmp_path)] == ["00000007-20251122.journal", "00000007-20251122-2.journal"]
    begun, *rest = read_all(tmp_path)[1]
    assert isinstance(begun, Begun)
    assert (begun.is_cut, bool(rest)) == (True, True)
