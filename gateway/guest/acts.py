"""What guests may do at the page: agree, change, pause, withdraw; and what becomes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.configuration.config import Language
from gateway.contract.words import PURPOSES
from gateway.guest.binding import PREFIX, agree, bind, newcomer, unbind
from gateway.guest.rations import Window
from gateway.guest.words import WORDS, Said
from gateway.identity.fields import MemberError
from gateway.identity.member import Member
from gateway.identity.personal import refuse_personal
from gateway.membership.consent import ConsentText

DAY_S = 86400.0
MOST_NEWCOMERS = 50
"""Members who are new, in one window of five minutes: more is no shop's custom but somebody making addresses up."""

LONGEST_GREETING = 64


@dataclass(frozen=True, slots=True)
class Members:
    """Members as the page may look at and change them. `put` and `remove` raise MemberError and StoreError."""

    owner: Callable[[bytes], Member | None]  # by the address of a phone
    get: Callable[[str], Member | None]
    put: Callable[[Member], Awaitable[None]]
    remove: Callable[[str], Awaitable[None]]


class Visitor(NamedTuple):
    """A phone on the network: whose it is, and the member id that its link or cookie names."""

    address: bytes
    member: Member | None
    named: str | None

    def __repr__(self) -> str:
        return "<Visitor>"


class Acts:
    """Carries acts out. Each returns what to tell, and changes nothing where it tells of a fault."""

    def __init__(
        self,
        members: Members,
        texts: Mapping[Language, ConsentText],
        timezone: ZoneInfo,
        random: Callable[[int], bytes],
    ) -> None:
        self._members = members
        self._texts = texts
        self._timezone = timezone
        self._random = random
        self._newcomers = Window(lambda: random(32))

    async def do(
        self, act: str, form: Mapping[str, str], visitor: Visitor, language: Language, now: float
    ) -> Said | None:
        """Carry out what a button asks for; None where there is no such thing. Raises MemberError and StoreError."""
        match act, visitor.member:
            case "/agree", _:
                return await self._agree(form, visitor, language, now)
            case "/decline", _:
                return "declined"
            case "/withdraw", Member() as member:
                await self._members.remove(member.id)
                return "withdrawn"
            case "/pause", Member() as member if form.get("days", "") in map(str, WORDS[language].pauses):
                until = now + int(form["days"]) * DAY_S
                await self._members.put(replace(member, paused_until=round(until, 3)))
                return "paused"
            case "/resume", Member() as member:
                await self._members.put(replace(member, paused_until=None))
                return "resumed"
        return None

    async def renew(self, visitor: Visitor) -> Visitor:
        """Bind a phone whose address changed, where its cookie says whose it is and that member agreed."""
        member = self._members.get(visitor.named) if visitor.named and visitor.member is None else None
        if member is None or "recognise" not in member.purposes():
            return visitor
        await self._members.put(bind(member, visitor.address))
        return visitor._replace(member=self._members.get(member.id))

    async def _agree(self, form: Mapping[str, str], visitor: Visitor, language: Language, now: float) -> Said:
        purposes = [purpose for purpose in PURPOSES if purpose in form]
        if not purposes:
            return await self._agree_to_nothing(visitor.member)
        if "recognise" not in purposes:
            return "first"
        member = self._members.get(visitor.named) if visitor.named else visitor.member
        if member is None:
            greeting = _greeting(form)
            if self._newcomers.count(b"", now) > MOST_NEWCOMERS:
                return "full"
            member = newcomer(visitor.named or PREFIX + self._random(12).hex(), greeting, language)
        await self._leave(visitor, member)
        at = datetime.fromtimestamp(now, self._timezone).isoformat(timespec="seconds")
        await self._members.put(agree(bind(member, visitor.address), purposes, self._texts[language], at))
        return "agreed"

    async def _agree_to_nothing(self, member: Member | None) -> Said:
        if member is None:
            return "declined"
        await self._members.remove(member.id)
        return "withdrawn"

    async def _leave(self, visitor: Visitor, member: Member) -> None:
        """Take the phone from whoever had it before; a member made here who has nothing left is forgotten."""
        before = visitor.member
        if before is None or before.id == member.id:
            return
        rest = unbind(before, visitor.address)
        if rest.credentials or not rest.id.startswith(PREFIX):
            await self._members.put(rest)
        else:
            await self._members.remove(rest.id)


def _greeting(form: Mapping[str, str]) -> str:
    """Return what a newcomer wants to be called. Raises MemberError."""
    greeting = form.get("greeting", "").strip()
    refuse_personal(greeting)
    if len(greeting) > LONGEST_GREETING:
        raise MemberError("too_large", "greeting", f"is longer than {LONGEST_GREETING} characters")
    return greeting
