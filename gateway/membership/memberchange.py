"""That a member enrolled, chose anew or went here: what the back end and the shop's other gateways are told. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from gateway.contract.events import MemberChanged
from gateway.contract.words import PURPOSES, By, MemberChangeKind, Purpose
from gateway.identity.fields import check_moment
from gateway.identity.member import Member

GONE: tuple[MemberChangeKind, ...] = ("withdrawn", "removed")


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What somebody did `at` a time, and what holds since. Times are seconds since the epoch."""

    member: str
    change: MemberChangeKind
    by: By
    at: float
    purposes: tuple[Purpose, ...] = ()
    until: float | None = None

    def __repr__(self) -> str:
        return f"<MemberChange {self.change}>"

    @property
    def is_own_act(self) -> bool:
        """Tell whether the member did it, with their own hand."""
        return self.by == "guest-page"

    def told(self, write: Callable[[float], str]) -> MemberChanged:
        """Return the data of its event; `write` gives times as RFC 3339."""
        until = None if self.until is None else write(self.until)
        return MemberChanged(self.member, self.change, list(self.purposes), until, write(self.at), self.by)


def written(told: MemberChange) -> str:
    """Write a change down, to be told later."""
    return msgspec.json.encode(told).decode()


def read(text: str) -> MemberChange:
    """Read what `written` gave."""
    return msgspec.json.decode(text, type=MemberChange)


def heard(said: MemberChanged) -> MemberChange:
    """Take the data of an event. Raises MemberError."""
    at = check_moment(said.at, "data.at")
    until = None if said.until is None else check_moment(said.until, "data.until")
    return MemberChange(said.member, said.change, said.by, at, tuple(said.purposes), until)


def change(before: Member | None, after: Member, by: By, at: float) -> MemberChange | None:
    """Say what a record that is put changes for its member; None where that is nothing to tell."""
    if before is None:
        kind: MemberChangeKind = "enrolled"
    elif "recognise" in before.purposes() - after.purposes():
        kind = "withdrawn"
    elif before.paused_until != after.paused_until:
        kind = "paused" if after.paused_until else "resumed"
    elif before.purposes() != after.purposes():
        kind = "changed"
    else:
        return None
    purposes = tuple(purpose for purpose in PURPOSES if purpose in after.purposes())
    return MemberChange(after.id, kind, by, at, purposes, after.paused_until)


def departure(member_id: str, by: By, at: float) -> MemberChange:
    """Say that a member is erased: who did it at the page withdrew, all others are removed."""
    return MemberChange(member_id, "withdrawn" if by == "guest-page" else "removed", by, at)


def followed(member: Member, told: MemberChange) -> Member | None:
    """Return what a change elsewhere makes of a member here, None where the member goes.

    Nothing is agreed to by it, and what was agreed to or chosen later than it stands.
    """
    if agreed_at(member) > told.at or (member.acted or 0.0) > told.at:
        return member
    acted = told.at if told.is_own_act else member.acted
    match told.change:
        case "withdrawn" | "removed":
            return None
        case "paused" | "resumed":
            return replace(member, paused_until=told.until, acted=acted)
        case "changed":
            kept = tuple(receipt for receipt in member.consent if receipt.purpose in told.purposes)
            return replace(member, consent=kept, acted=acted)
        case "enrolled":
            return member


def agreed_at(member: Member) -> float:
    """Return when a member last agreed to anything, seconds since the epoch."""
    return max((datetime.fromisoformat(receipt.at).timestamp() for receipt in member.consent), default=0.0)
