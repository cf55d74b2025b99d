"""Who is a member, kept the same on the disk and in the core: one change at a time, whoever asks for it."""

from __future__ import annotations

import asyncio
import logging

from drivers.driver import Clock
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.identity.member import Member
from gateway.roster import Roster, dumps
from gateway.store.store import Store

log = logging.getLogger("hushbell")


class Membership:
    """Puts and removes members.

    A member who goes is forgotten by the core first, so that nothing new is decided; then what waits for the disk is
    dropped, and then every row is erased: none comes back. A member who is put is on the disk first.
    """

    def __init__(self, store: Store, conductor: Conductor, committer: Committer, gateway: str, clock: Clock) -> None:
        self._store = store
        self._conductor = conductor
        self._committer = committer
        self._gateway = gateway
        self._clock = clock
        self._roster = Roster(store)
        self._turn = asyncio.Lock()

    async def put(self, member: Member) -> None:
        """Enrol or change a member. Raises MemberError and StoreError."""
        async with self._turn:
            self._conductor.core.check_member(member)
            signed = member.signed(self._gateway, self._store.gateway_key)
            await self._store.put_members([(signed.id, dumps(signed))])
            self._conductor.settle(self._conductor.core.put_members(self._clock(), [signed])[0])

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
            if changes.put:
                outcome, left_out = self._conductor.core.put_members(self._clock(), changes.put)
                self._conductor.settle(outcome)
                for member, error in left_out:
                    log.warning("the stored member …%s is left out: %s", member.id[-2:], error)

    async def _erase(self, member_id: str) -> None:
        self._conductor.settle(self._conductor.core.remove_member(self._clock(), member_id))
        await self._committer.forget(member_id)
        await self._store.erase_member(member_id)
