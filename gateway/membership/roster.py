"""Keeps a register of members as the store has them, also when another process changed them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field

from gateway.identity.member import Member, MemberError, stored_member
from gateway.store.membertable import MemberTable

log = logging.getLogger("hushbell")


@dataclass(slots=True)
class Changes:
    """What became different since the last look."""

    put: list[Member] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class Roster:
    """Remembers whom the store held, and up to which change that was looked at."""

    def __init__(self, members: MemberTable) -> None:
        self._members = members
        self._version = -1
        self._seen: set[str] = set()

    async def changes(self) -> Changes | None:
        """Look at the store, and return None where nothing changed; nothing else is read. Raises StoreError."""
        version = await self._members.version()
        if version == self._version:
            return None
        found = Changes()
        async for id_, text in self._members.all() if self._version < 0 else self._members.since(self._version):
            member = _read(text)
            if member:
                found.put.append(member)
            self._seen.add(member.id if member else id_)  # of equal texts the one that is kept anyway
        if await self._members.count() < len(self._seen):
            present = {id_ async for id_ in self._members.ids()}
            found.removed = [id_ for id_ in self._seen if id_ not in present]
            self._seen = present
        self._version = version
        return found

    def forget(self, member_id: str) -> None:
        """Take that a member is gone: nothing more is told of it."""
        self._seen.discard(member_id)


def _read(text: str) -> Member | None:
    try:
        return stored_member(text)
    except MemberError as error:
        log.warning("a stored member is left out: %s", error)
        return None


def dumps(member: Member) -> str:
    """Write a member as it is stored."""
    return json.dumps(member.as_json(), ensure_ascii=False, separators=(",", ":"))
