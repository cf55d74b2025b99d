import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from virtual_door import START, a_core, a_member, come_in

import gateway.membership.membership as module
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.contract.words import MemberChangeKind
from gateway.events import Outcome
from gateway.identity.fields import MemberError
from gateway.identity.member import Member
from gateway.membership.intake import Intake
from gateway.membership.memberchange import MemberChange, departure, read, written
from gateway.membership.membership import Membership
from gateway.membership.roster import dumps
from gateway.store import backups
from gateway.store.archive import Piece
from gateway.store.database import Reason, Statement, StoreError
from gateway.store.store import FILE, Store


class Shop:
    """A store, a core and what is between them; the disk waits until it is told to work."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.core = a_core()
        self.works = asyncio.Event()
        self.committer = Committer(self._commit, lambda reason: None, StoreError)
        conductor = Conductor(self.core, lambda: START, self.committer.push)
        self.conductor = conductor
        self.membership = Membership(store, conductor, self.committer, "door-pi", lambda: START + 100)

    async def _commit(self, outcome: Outcome) -> None:
        await self.works.wait()
        await self.store.commit(outcome)

    def bytes_on_disk(self, folder: Path) -> bytes:
        return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def play(folder: Path, scene: Callable[[Shop], Awaitable[None]]) -> None:
    async def main() -> None:
        store = await Store.open(folder)
        shop = Shop(store)
        task = asyncio.create_task(shop.committer.run())
        try:
            await asyncio.wait_for(scene(shop), 20)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            shop.conductor.close()
            await store.close()

    asyncio.run(main())


def test_what_waits_for_the_disk_is_erased_with_the_member(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        await shop.membership.put(a_member())
        shop.conductor.hear(come_in())
        removing = asyncio.create_task(shop.membership.remove("oX3f-91c2"))
        await asyncio.sleep(0)
        shop.works.set()
        await removing
        await shop.committer.settled()
        assert not [row for row in await shop.store.held.state() if row.member]
        assert b"oX3f-91c2" not in shop.bytes_on_disk(tmp_path)
        assert "王女士".encode() not in shop.bytes_on_disk(tmp_path)

    play(tmp_path, scene)


def test_a_member_who_is_put_again_right_after_a_removal_stays(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        await shop.membership.follow()
        await shop.membership.remove("oX3f-91c2")
        following = asyncio.create_task(shop.membership.follow())
        await shop.membership.put(a_member())
        await following
        await shop.membership.follow()
        assert shop.core.member("oX3f-91c2")
        assert await shop.store.members.has("oX3f-91c2")

    play(tmp_path, scene)


def test_what_another_process_changed_is_taken_over_and_erased_wholly(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        other = await Store.open(tmp_path)
        await shop.membership.put(a_member())
        await shop.membership.follow()
        shop.conductor.hear(come_in())
        await shop.committer.settled()
        await other.erasure.of_member("oX3f-91c2")
        await other.close()
        await shop.membership.follow()
        assert shop.core.member("oX3f-91c2") is None
        await shop.committer.settled()
        assert b"oX3f-91c2" not in shop.bytes_on_disk(tmp_path)

    play(tmp_path, scene)


def test_who_withdrew_at_the_page_is_not_put_again_by_an_older_receipt_nor_after_a_restore(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        await shop.membership.remove("oX3f-91c2", by="guest-page")
        graves = await shop.store.members.tombstones()
        assert await shop.store.members.withdrawals(["oX3f-91c2", "other"]) == {"oX3f-91c2": START + 100}
        with pytest.raises(MemberError, match="withdrew"):
            await shop.membership.put(a_member())
        intake = await Intake.open(shop.store, "door-pi", lambda: START + 200)
        await intake.expect([b'{"member": "oX3f-91c2"}'])
        with pytest.raises(MemberError, match="withdrew"):
            intake.put(a_member())
        new = await Store.open(tmp_path / "new")
        rows = [("oX3f-91c2", dumps(a_member())), ("other", "{}")]
        assert (
            await backups.restore(new, [Piece(gateway_key=shop.store.gateway_key, tombstones=graves, members=rows)])
            == 1
        )
        assert await new.members.withdrawals(["oX3f-91c2"]) == {"oX3f-91c2": START + 100}
        await new.close()
        await shop.membership.put(a_member(), by="guest-page")
        assert await shop.store.members.tombstones() == []

    play(tmp_path, scene)


def test_the_word_that_somebody_is_gone_is_forgotten_as_soon_as_it_is_sent(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        await shop.membership.remove("oX3f-91c2", by="command-line")
        await shop.committer.settled()
        (waiting,) = await shop.store.outbox.pending(9)
        assert (waiting.event.topic, waiting.event.data["change"]) == ("members", "removed")
        assert await shop.store.members.notes() == []
        await shop.store.outbox.keep_marks()
        assert len(await shop.store.outbox.pending(9)) == 1  # not yet sent
        shop.store.outbox.sent(waiting.place)
        await shop.store.outbox.keep_marks()
        assert b"oX3f-91c2" not in shop.bytes_on_disk(tmp_path)
        (past,) = await shop.store.outbox.events_since("members", 0, 9)
        assert (past.gone, past.event.data) == ("erased", {})

    play(tmp_path, scene)


@pytest.mark.parametrize("refusing", ["_unfolded.fold", "_unfolded.scrub", "_database.empty_log"])
def test_the_word_that_somebody_is_gone_is_forgotten_once_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        await shop.membership.remove("oX3f-91c2", by="command-line")
        await shop.committer.settled()
        shop.store.outbox.sent(*[row.place for row in await shop.store.outbox.pending(9)])
        with monkeypatch.context() as context:
            part, method = refusing.split(".")
            refuse = AsyncMock(side_effect=StoreError(tmp_path, Reason.FULL))
            context.setattr(getattr(shop.store, part), method, refuse)
            with pytest.raises(StoreError):
                await shop.store.outbox.keep_marks()
        await shop.store.outbox.keep_marks()
        assert b"oX3f-91c2" not in shop.bytes_on_disk(tmp_path)
        assert not await shop.store._database.read("SELECT 1 FROM changes")
        assert not shop.store._unfolded.is_unclean
        assert (tmp_path / f"{FILE}-wal").stat().st_size == 0

    play(tmp_path, scene)


@pytest.mark.parametrize("value", ["{rotten", "7", '"é"', '"AAAA"'])
def test_a_note_that_rotted_is_told_to_nobody_and_hinders_no_other(tmp_path: Path, value: str) -> None:
    async def scene(shop: Shop) -> None:
        rotten = "INSERT INTO state VALUES ('note', '0', ?, NULL, NULL)"
        await shop.store._database.write(Statement(rotten, [(value,)]))
        await shop.store.erasure.of_member("oX3f-91c2", told="somebody is gone")
        assert [text for _, text in await shop.store.members.notes()] == ["somebody is gone"]

    play(tmp_path, scene)


@pytest.mark.parametrize("ends", ["committed", "broken off"])
@pytest.mark.parametrize("looked", [True, False])
def test_the_word_that_somebody_is_gone_is_forgotten_also_where_it_is_sent_after_a_restart(
    tmp_path: Path, ends: str, *, looked: bool
) -> None:
    async def away(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        await shop.membership.remove("oX3f-91c2", by="command-line")
        await shop.committer.settled()

    async def back(shop: Shop) -> None:
        if looked:
            await shop.store.outbox.keep_marks()
        if ends == "broken off":
            shop.store.outbox._queue.remove(row.place for row in await shop.store.outbox.pending(9))
            shop.store.outbox._queue.last, shop.store.outbox._in_doubt = 0, True
            await shop.store.outbox.keep_marks()
        (waiting,) = await shop.store.outbox.pending(9)
        assert waiting.event.data["change"] == "removed"
        shop.store.outbox.sent(waiting.place)
        await shop.store.outbox.keep_marks()
        assert b"oX3f-91c2" not in shop.bytes_on_disk(tmp_path)
        (past,) = await shop.store.outbox.events_since("members", 0, 9)
        assert (past.gone, past.event.data) == ("erased", {})
        assert shop.store.outbox._partings == set()

    play(tmp_path, away)
    play(tmp_path, back)


def test_what_is_noted_before_a_restart_or_a_change_of_the_key_is_told_once_in_its_order(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        changes = [MemberChange("oX3f-91c2", "paused", "command-line", START, (), START + 9)]
        changes.append(departure("oX3f-91c2", "command-line", START))
        await shop.store.members.put([("oX3f-91c2", dumps(a_member()))], {"oX3f-91c2": written(changes[0])})
        await shop.store.members.put([("other", dumps(a_member("other")))], {"other": written(changes[1])})
        assert [read(text) for _, text in await shop.store.members.notes()] == changes
        await shop.membership.tell_noted()
        await shop.membership.tell_noted()
        await shop.committer.settled()
        told = [row.event.data["change"] for row in await shop.store.outbox.pending(9)]
        assert (told, await shop.store.members.notes()) == (["paused", "removed"], [])

    play(tmp_path, scene)


def test_a_note_is_told_after_the_key_was_changed(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path)
        await store.erasure.of_member("oX3f-91c2", told="somebody is gone")
        await store.close()
        await backups.renew_key(tmp_path)
        store = await Store.open(tmp_path)
        assert [text for _, text in await store.members.notes()] == ["somebody is gone"]
        await store.close()

    asyncio.run(run())


def test_what_another_gateway_says_holds_before_any_command_that_comes_after_it(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        shop.membership.hear(MemberChange("oX3f-91c2", "removed", "idle", START))
        await shop.membership.obeyed()
        assert shop.core.member("oX3f-91c2")  # who is idle there may come here
        shop.membership.hear(departure("oX3f-91c2", "guest-page", START + 50))
        with pytest.raises(MemberError, match="withdrew"):
            await shop.membership.put(a_member())
        assert shop.core.member("oX3f-91c2") is None
        assert await shop.store.outbox.pending(9) == []  # what is followed is not told again

    play(tmp_path, scene)


@pytest.mark.parametrize("refusing", ["members.put", "erasure.of_told", "erasure.of_member"])
@pytest.mark.parametrize("change", ["paused", "changed", "withdrawn"])
def test_what_another_gateway_says_holds_once_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: MemberChangeKind, refusing: str
) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        shop.conductor.hear(come_in(100.0))
        await shop.committer.settled()
        refuse = AsyncMock(side_effect=StoreError(tmp_path, Reason.FULL))
        shop.membership.hear(MemberChange("oX3f-91c2", change, "guest-page", START + 50, ("recognise",), START + 900))
        with monkeypatch.context() as context:
            part, method = refusing.split(".")
            context.setattr(getattr(shop.store, part), method, refuse)
            for _ in range(2):
                with suppress(StoreError):
                    await shop.membership.obeyed()
        await shop.membership.obeyed()
        _, _, events = await shop.store.held.about("oX3f-91c2", await shop.store.held.news())
        member = shop.core.member("oX3f-91c2")
        stored = [text async for _, text in shop.store.members.all()]
        assert stored == ([dumps(member)] if member else [])
        assert (member is None) is (change == "withdrawn")
        if member:
            assert [member.purposes(), member.paused_until] == (
                [{"recognise"}, None] if change == "changed" else [a_member().purposes(), START + 900]
            )
        assert ("visits" in {event.event.topic for event in events}) is (change == "paused")

    play(tmp_path, scene)


def test_what_is_remembered_of_notes_and_other_gateways_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_HEARD", 2)

    async def scene(shop: Shop) -> None:
        shop.works.set()
        for number in range(3):
            member_id = f"oMember-{number}"
            await shop.membership.remove(member_id, by="command-line")
            shop.membership.hear(departure(member_id, "guest-page", START))
        await shop.committer.settled()
        await shop.membership.tell_noted()
        assert shop.membership._said == set()
        assert [told.member for told in shop.membership._heard] == ["oMember-0", "oMember-1"]
        assert shop.committer.dropped == {"member change": 1}
        await shop.membership.obeyed()
        assert not shop.membership._heard

    play(tmp_path, scene)


def test_a_gateway_whose_clock_is_ahead_does_not_take_ours_along(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(a_member())
        shop.membership.hear(MemberChange("oX3f-91c2", "paused", "guest-page", START + 86400, (), START + 2 * 86400))
        await shop.membership.obeyed()
        paused = shop.core.member("oX3f-91c2")
        assert paused
        assert paused.paused_until == START + 2 * 86400
        assert shop.core.now == START + 100

    play(tmp_path, scene)


def test_a_beacons_clock_that_was_read_anew_is_taken_over_from_another_process(tmp_path: Path) -> None:
    def card(counter: int) -> Member:
        eid = {"kind": "eddystone-eid", "key": "7a" * 16, "exponent": 10, "counter": counter}
        return a_member(credentials=[eid | {"at": "2025-11-01T09:00:00+08:00"}])

    async def scene(shop: Shop) -> None:
        shop.works.set()
        await shop.membership.put(card(1))
        await shop.membership.follow()
        other = await Store.open(tmp_path)
        await other.members.put([("oX3f-91c2", dumps(card(2)))])
        await other.close()
        await shop.membership.follow()
        known = shop.core.member("oX3f-91c2")
        assert known
        assert [clock.counter for clock in known.clocks()] == [2]

    play(tmp_path, scene)
