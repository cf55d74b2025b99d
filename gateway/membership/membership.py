"""Who is a member, kept the same on the disk and in the core: one change at a time, whoever asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from drivers.driver import Clock
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.contract.words import By
from gateway.events import StateRow
from gateway.identity.member import Member
from gateway.membership.memberchange import GONE, MemberChange, change, departure, followed, read, written
from gateway.membership.roster import Roster, dumps
from gateway.membership.withdrawal import chosen, honoured, refuse_withdrawn, settled, taken_back, topics
from gateway.store.notes import KIND
from gateway.store.store import Store

log = logging.getLogger("hushbell")

MOST_HEARD = 10_000
"""What other gateways said that waits for the disk, as many as events do; each is something that a member did."""

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
        self._roster = Roster(store.members)
        self._turn = asyncio.Lock()
        self._heard: deque[MemberChange] = deque()
        self._unkept: dict[str, Member] = {}  # as they were before what the disk did not take
        self._said: set[str] = set()  # notes that the disk still has, by key
        self._told: Told = lambda put, removed: None

    def tell(self, told: Told) -> None:
        """Let somebody be told of every change, right after it is in force."""
        self._told = told

    async def put(self, member: Member, by: By | None = None) -> None:
        """Enrol or change a member, where it began `by` something else than a command. Raises MemberError, StoreError.

        What members chose here themselves, nobody else undoes.
        """
        async with self._turn:
            await self._obey_all()
            core = self._conductor.core
            core.check_member(member)
            before, now = core.member(member.id), self._clock()
            if by == "guest-page":
                after = chosen(before, member, now)
            else:
                refuse_withdrawn(member, (await self._store.members.withdrawals([member.id])).get(member.id))
                after = honoured(before, member)
            await self._keep(before, settled(before, self._signed(after)), by, now)

    async def pause(self, member: Member, until: float | None) -> None:
        """Let a member rest until a time, or, with None, begin again: the member's own wish. Raises StoreError."""
        async with self._turn:
            await self._keep(member, replace(member, paused_until=until), None, self._clock())

    async def remove(self, member_id: str, by: By | None = None) -> None:
        """Erase a member: every row, and at once. Raises StoreError."""
        async with self._turn:
            told = departure(member_id, by, self._clock()) if by else None
            await self._erase(member_id, withdrew=told.at if told and told.is_own_act else None, told=told)

    def hear(self, told: MemberChange) -> None:
        """Take what another gateway of this shop says; it is in force when `obeyed` returns."""
        if told.by == "idle":  # whoever does not come there may come here
            return
        if len(self._heard) < MOST_HEARD:
            self._heard.append(told)
        else:
            self._committer.dropped["member change"] += 1

    async def obeyed(self) -> None:
        """Bring into force what was heard before. Raises StoreError, and then it is tried again the next time."""
        if self._heard:
            async with self._turn:
                await self._obey_all()

    async def _obey_all(self) -> None:
        while self._heard:
            await self._obey(self._heard[0])
            self._heard.popleft()

    async def _obey(self, told: MemberChange) -> None:
        before = self._conductor.core.member(told.member)
        after = followed(before, told) if before else None
        if after is None and told.change in GONE:
            await self._erase(told.member, withdrew=told.at if told.is_own_act else None)
        elif before and after and (after != before or told.member in self._unkept):
            await self._keep(before, after, None, self._clock())

    async def follow(self) -> bool:
        """Take over what another process changed in the store, and tell whether there was any. Raises StoreError."""
        async with self._turn:
            changes = await self._roster.changes()
            if changes is None:
                return False
            for member_id in changes.removed:
                if not await self._store.members.has(member_id):
                    await self._erase(member_id)
            if news := [member for member in changes.put if self._is_news(member)]:
                await self._take_over(news)
            return True

    def _is_news(self, member: Member) -> bool:
        known = self._conductor.core.member(member.id)
        return known != member or known.clocks() != member.clocks()

    def _signed(self, member: Member) -> Member:
        return member.signed(self._gateway, self._store.gateway_key)

    async def _keep(self, before: Member | None, after: Member, by: By | None, now: float) -> None:
        if before:
            before = self._unkept.setdefault(after.id, before)
        await self._forget_taken_back(before, after)
        told = change(before, after, by, now) if by else None
        await self._store.members.put([(after.id, dumps(after))], {after.id: written(told)} if told else {})
        self._unkept.pop(after.id, None)
        self._conductor.settle(self._conductor.core.put_members(now, [after])[0])
        self._told([after], ())
        if told:
            await self.tell_noted()

    async def tell_noted(self) -> None:
        """Let the core say what is noted; the note goes with the transaction that brings the event. Raises StoreError.

        Whoever changes members from outside noted it; the core must have been restored before.
        """
        noted = await self._store.members.notes()
        self._said.intersection_update(key for key, _ in noted)  # a key is never given twice
        for key, text in noted:
            if key not in self._said:
                self._said.add(key)
                outcome = self._conductor.core.member_changed(self._clock(), read(text))
                outcome.put(StateRow(KIND, key, None))
                self._conductor.settle(outcome)

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
            await self._store.erasure.of_traces(after.id)
        elif purposes:
            self._conductor.settle(self._conductor.core.put_members(self._clock(), [after])[0])
            for pattern in topics(purposes):
                await self._committer.forget_told(after.id, pattern)
                await self._store.erasure.of_told(after.id, pattern)

    async def _erase(self, member_id: str, *, withdrew: float | None = None, told: MemberChange | None = None) -> None:
        self._conductor.settle(self._conductor.core.remove_member(self._clock(), member_id))
        self._told((), [member_id])
        await self._committer.forget(member_id)
        await self._store.erasure.of_member(member_id, withdrew=withdrew, told=written(told) if told else None)
        self._roster.forget(member_id)
        self._unkept.pop(member_id, None)
        if told:
            await self.tell_noted()
