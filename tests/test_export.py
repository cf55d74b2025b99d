"""Pages: every row once, in order, whatever fits; and what is said again of a topic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from virtual_door import a_member

from gateway.contract.commands import Row
from gateway.contract.reading import RefusedError
from gateway.events import DecisionRow, Outcome, StateRow
from gateway.membership import export as module
from gateway.membership.export import export
from gateway.membership.roster import dumps
from gateway.store import changes, database
from gateway.store.store import Store

SHANGHAI = ZoneInfo("Asia/Shanghai")
T = 1_795_327_200.0


def play(folder: Path, scene: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        store = await Store.open(folder)
        try:
            await scene(store)
        finally:
            await store.close()

    asyncio.run(main())


async def fill(store: Store, members: int, decisions: int) -> None:
    out = Outcome()
    for number in range(members):
        name = f"oMember-{number:03}"
        out.put(StateRow("history", name, {"visits": [T], "passes": []}, name, T + 86400))
        out.decisions += [
            DecisionRow(f"{number}-{n}", T + n, name, "v-1", "rule", "condition", {"at": T + n})
            for n in range(decisions)
        ]
    people = [a_member(f"oMember-{number:03}") for number in range(members)]
    await store.members.put([(member.id, dumps(member)) for member in people])
    await store.commit(out)


async def pages(store: Store, member: str | None = None) -> list[list[Row]]:
    found, after = [], None
    while True:
        page = await export(store, SHANGHAI, member, after)
        found.append(page.rows)
        after = page.after
        assert page.more is (after is not None)
        if after is None:
            return found


@pytest.mark.parametrize("room", [1, 500, 2000, 1 << 20])
def test_every_row_comes_once_and_in_order_whatever_a_page_holds(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_BYTES", room)
    monkeypatch.setattr(module, "MEMBERS_AT_ONCE", 2)

    async def scene(store: Store) -> None:
        await fill(store, members=5, decisions=3)
        told = [row for page in await pages(store) for row in page]
        assert [(row.member, row.what) for row in told] == [
            (f"oMember-{number:03}", what)
            for number in range(5)
            for what in ("member", "state", "decision", "decision", "decision")
        ]
        assert [row.row["at"] for row in told[2:5]] == [f"2026-11-22T14:00:0{second}.000+08:00" for second in range(3)]
        one = [row for page in await pages(store, "oMember-003") for row in page]
        assert one == [row for row in told if row.member == "oMember-003"]
        assert all(len(page) == 1 for page in await pages(store)) is (room == 1)

    play(tmp_path, scene)


@pytest.mark.parametrize("folded", ["before", "meanwhile", "not at all"])
def test_what_is_held_is_told_the_same_whenever_it_is_folded(tmp_path: Path, folded: str) -> None:
    async def scene(store: Store) -> None:
        await store.members.put([("oMember-000", dumps(a_member("oMember-000")))])
        for t, kind in ((T + 2, "seen"), (T, "history"), (T + 1, "ledger")):
            row = DecisionRow(f"d-{t}", t, "oMember-000", "v-1", "rule", "condition", {"at": t})
            out = Outcome(decisions=[row])
            out.put(StateRow(kind, "oMember-000", t, "oMember-000"))
            await store.commit(out)
        before = await pages(store)
        read = store._database.read

        async def folding(sql: str, *parameters: object) -> list[database.Row]:
            rows = await read(sql, *parameters)
            if sql == changes.ALL:
                await store._unfolded.fold()
            return rows

        if folded == "before":
            await store._unfolded.fold()
        elif folded == "meanwhile":
            store._database.read = folding  # type: ignore[method-assign]
        assert await pages(store) == before
        assert [row.row.get("kind") for row in before[0]][1:4] == ["history", "ledger", "seen"]

    play(tmp_path, scene)


def test_no_key_and_no_address_is_ever_exported(tmp_path: Path) -> None:
    async def scene(store: Store) -> None:
        member = a_member("oMember-000")
        await store.members.put([(member.id, dumps(member))])
        (page,) = await pages(store)
        (row,) = page
        assert row.row["credentials"] == [{"kind": credential.kind} for credential in member.credentials]
        kept = json.dumps(row.row)
        assert all(credential.identity.hex() not in kept.replace("-", "") for credential in member.credentials)

    play(tmp_path, scene)


def test_nobody_by_that_name_is_said_so(tmp_path: Path) -> None:
    async def scene(store: Store) -> None:
        await fill(store, members=1, decisions=0)
        for name in ("oMember-00", "oMember-0000", "nobody"):
            with pytest.raises(RefusedError) as caught:
                await export(store, SHANGHAI, name, None)
            assert (caught.value.code, caught.value.field) == ("unknown", "member")

    play(tmp_path, scene)
