"""Keeps a register of members as the store has them, also when another process changed them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field

from gateway.identity.member import Member, MemberError, parse_member
from gateway.store.store import Store

log = logging.getLogger("hushbell")


@dataclass(slots=True)
class Changes:
    """What became different since the last look."""

    put: list[Member] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class Roster:
    """Remembers what was last seen of each stored member, as a hash of its text."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = -1
        self._seen: dict[str, int] = {}

    async def changes(self) -> Changes:
        """Look at the store; nothing is read where nothing changed. Raises StoreError."""
        version = await self._store.members_version()
        if version == self._version:
            return Changes()
        found = Changes()
        present: dict[str, int] = {}
        async for id_, text in self._store.members():
            present[id_] = hash(text)
            if self._seen.get(id_) != present[id_]:
                _read(text, found)
        found.removed = [id_ for id_ in self._seen if id_ not in present]
        self._seen = present
        self._version = version
        return found


def _read(text: str, found: Changes) -> None:
    try:
        found.put.append(parse_member(json.loads(text)))
    except (MemberError, ValueError) as error:
        log.warning("a stored member is left out: %s", error)


def dumps(member: Member) -> str:
    """Write a member as it is stored."""
    return json.dumps(member.as_json(), ensure_ascii=False, separators=(",", ":"))
