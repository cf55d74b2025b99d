"""Who is a member, kept the same on the disk and in the core: one change at a time, whoever asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from drivers.driver import Clock
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.identity.member import Member
from gateway.roster import Roster, dumps
from gateway.store.store import Store
from gateway.withdrawal import settled, taken_back, topics

log = logging.getLogger("hushbell")

Told = Callable[[Sequence[Member], Sequence[str]], None]
"""Is told who was put, and the ids of those who went."""


class Membership:
    """Puts and removes members.

    A member who goes is forgotten by the core first, so that nothing new is decided; then what waits for the disk is
    dropped, and then every row is erased: none comes back. So it is with what a member takes consent back for. A member
    who is put is on the disk first.
    """

    def __init__(self, store: Store, conductor: Conductor, committer: Committer, gateway: str, clock: Clock) -> None:
        self._store = store
        self._conductor = conductor
        self._committer = committer
        self._gateway = gateway
        self._clock = clock
        self._roster = Roster(store)
        self._turn = asyncio.Lock()
        self._told: Told = lambda put, removed: None

    def tell(self, told: Told) -> None:
        """Let somebody be told of every change, right after it is in force."""
        self._told = told

    async def put(self, member: Member) -> None:
        """Enrol or change a member. Raises MemberError and StoreError."""
        async with self._turn:
            core = self._conductor.core
            core.check_member(member)
            before = core.member(member.id)
            kept = settled(before, member.signed(self._gateway, self._store.gateway_key))
            await self._forget_taken_back(before, kept)
            await self._store.put_members([(kept.id, dumps(kept))])
            self._conductor.settle(core.put_members(self._clock(), [kept])[0])
            self._told([kept], ())

    async def remove(self, member_id: str) -> None:
        """Erase a member: every row, and at once. Raises StoreError."""
        async with self._turn:
            await self._erase(member_id)

    async def follow(self) -> None:
        """Take over what another process changed in the store. Raises StoreError."""
        async with self._turn:
            changes = await self._roster.changes()
            for member_id in changes.removed:
                if not await self._store.has_member(member_id):
                    await self._erase(member_id)
            if news := [member for member in changes.put if self._conductor.core.member(member.id) != member]:
                await self._take_over(news)

    async def _take_over(self, members: Sequence[Member]) -> None:
        before = {member.id: self._conductor.core.member(member.id) for member in members}
        outcome, left_out = self._conductor.core.put_members(self._clock(), members)
        self._conductor.settle(outcome)
        self._told(members, ())
        for member, error in left_out:
            log.warning("the stored member …%s is left out: %s", member.id[-2:], error)
        for member in members:
            await self._forget_taken_back(before[member.id], member)

    async def _forget_taken_back(self, before: Member | None, after: Member) -> None:
        """Let go of all that was held under consent that a member takes back; the member's own row stays."""
        purposes = taken_back(before, after)
        if "recognise" in purposes:
            self._conductor.settle(self._conductor.core.withdraw_member(self._clock(), after))
            await self._committer.forget(after.id)
            await self._store.erase_traces(after.id)
        elif purposes:
            self._conductor.settle(self._conductor.core.put_members(self._clock(), [after])[0])
            for pattern in topics(purposes):
                await self._committer.forget_told(after.id, pattern)
                await self._store.erase_told(after.id, pattern)

    async def _erase(self, member_id: str) -> None:
        self._conductor.settle(self._conductor.core.remove_member(self._clock(), member_id))
        self._told((), [member_id])
        await self._committer.forget(member_id)
        await self._store.erase_member(member_id)
        self._roster.forget(member_id)
