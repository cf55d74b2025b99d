"""Takes members into the store many at a time, each judged by itself: what is refused harms no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import UNSET

from drivers.driver import Clock
from gateway.contract import member as contract
from gateway.identity.credentials import Credential, read_credentials
from gateway.identity.fields import MemberError
from gateway.identity.member import Member, stored_member
from gateway.membership.memberchange import change, written
from gateway.membership.roster import dumps
from gateway.membership.withdrawal import honoured, refuse_withdrawn, settled, taken_back, topics
from gateway.store.store import Store


class _Carried(msgspec.Struct):
    """As much of a stored member as says what is carried."""

    credentials: list[contract.Credential]


class _Named(msgspec.Struct):
    """As much of a line as says who it is about."""

    member: str


_CARRIED = msgspec.json.Decoder(_Carried)
_NAMED = msgspec.json.Decoder(_Named)
_WHOLE = msgspec.json.Decoder(contract.Member)


class Intake:
    """Signs members for a gateway and stores them. A credential has one owner; who takes consent back is forgotten."""

    def __init__(self, store: Store, gateway: str, clock: Clock, owners: dict[tuple[str, bytes], str]) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._owners = owners
        self._withdrew: dict[str, float] = {}
        self._before: dict[str, str] = {}
        self._after: dict[str, Member] = {}

    @classmethod
    async def open(cls, store: Store, gateway: str, clock: Clock) -> Intake:
        """Look at what every stored member carries. Raises StoreError."""
        owners = {key: id_ async for id_, text in store.members.all() for key in _keys(_carried(text))}
        return cls(store, gateway, clock, owners)

    async def expect(self, texts: Iterable[bytes]) -> None:
        """Look up the members that are about to be put, by the JSON of each. Raises StoreError."""
        ids = list(filter(None, map(_name_in, texts)))
        self._before = await self._store.members.named(ids)
        self._withdrew = await self._store.members.withdrawals(ids)

    def holds(self, text: bytes) -> bool:
        """Tell, much faster than by putting it, whether a member's JSON says what is stored already."""
        try:
            said = _WHOLE.decode(text)
        except (UnicodeDecodeError, msgspec.MsgspecError):
            return False
        if said.member not in self._before or said.member in self._after or any(r.signature for r in said.consent):
            return False
        stored = _WHOLE.decode(self._before[said.member])
        stored.consent = [msgspec.structs.replace(r, gateway=UNSET, signature=UNSET) for r in stored.consent]
        return bool(said == stored)

    def put(self, member: Member) -> None:
        """Take one of the members that are expected. Raises MemberError, and then nothing is changed."""
        for index, key in enumerate(_keys(member.credentials)):
            if self._owners.get(key, member.id) != member.id:
                raise MemberError("refused", f"credentials[{index}]", "belongs to another member")
        before = self._known(member.id)
        refuse_withdrawn(member, self._withdrew.get(member.id))
        after = settled(before, honoured(before, member).signed(self._gateway, self._store.gateway_key))
        for key in _keys(before.credentials if before else ()):
            self._owners.pop(key, None)
        self._owners |= dict.fromkeys(_keys(after.credentials), after.id)
        self._after[after.id] = after

    async def commit(self) -> int:
        """Store those that were put since the last time; return how many were there already. Raises StoreError."""
        rows = [(id_, dumps(member)) for id_, member in self._after.items()]
        news = [(id_, text) for id_, text in rows if self._before.get(id_) != text]
        for id_, _ in news:
            await self._forget_taken_back(self._after[id_])
        await self._store.members.put(news, self._told_of(id_ for id_, _ in news))
        self._before, self._after = {}, {}
        return len(rows) - len(news)

    def _told_of(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the notes to be told: that somebody withdrew or pauses. Of the others whoever wrote the file knows."""
        found = {}
        for id_ in ids:
            told = change(self._stored(id_), self._after[id_], "command-line", self._clock())
            if told and told.change in ("withdrawn", "paused"):
                found[id_] = written(told)
        return found

    def _stored(self, id_: str) -> Member | None:
        return stored_member(self._before[id_]) if id_ in self._before else None

    def _known(self, id_: str) -> Member | None:
        return self._after.get(id_) or self._stored(id_)

    async def _forget_taken_back(self, after: Member) -> None:
        purposes = taken_back(self._stored(after.id), after)
        if "recognise" in purposes:
            await self._store.erasure.of_traces(after.id)
        else:
            for pattern in topics(purposes):
                await self._store.erasure.of_told(after.id, pattern)


def _name_in(text: bytes) -> str | None:
    try:
        return _NAMED.decode(text).member
    except (UnicodeDecodeError, msgspec.MsgspecError):
        return None


def _carried(text: str) -> Sequence[Credential]:
    return read_credentials(_CARRIED.decode(text).credentials)


def _keys(credentials: Sequence[Credential]) -> Iterator[tuple[str, bytes]]:
    return ((credential.kind, credential.identity) for credential in credentials)
