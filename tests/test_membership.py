import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from test_core import START, a_core, a_member, come_in

from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.events import Outcome
from gateway.membership import Membership
from gateway.store.database import StoreError
from gateway.store.store import Store


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
        assert not [row for row in await shop.store.state() if row.member]
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
        assert await shop.store.has_member("oX3f-91c2")

    play(tmp_path, scene)


def test_what_another_process_changed_is_taken_over_and_erased_wholly(tmp_path: Path) -> None:
    async def scene(shop: Shop) -> None:
        shop.works.set()
        other = await Store.open(tmp_path)
        await shop.membership.put(a_member())
        await shop.membership.follow()
        shop.conductor.hear(come_in())
        await shop.committer.settled()
        await other.erase_member("oX3f-91c2")
        await other.close()
        await shop.membership.follow()
        assert shop.core.member("oX3f-91c2") is None
        await shop.committer.settled()
        assert b"oX3f-91c2" not in shop.bytes_on_disk(tmp_path)

    play(tmp_path, scene)
