"""What the decider is given beside frames: each input once, as a value that can be written down and given again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.contract.inbound import ClaimAction, FeedbackOutcome
from gateway.contract.words import CredentialKind
from gateway.events import StateRow
from gateway.identity.member import Member
from gateway.identity.suspicion import Suspicion, What
from rules.situation import TrustWord


class Person(Struct, frozen=True, array_like=True):
    """A member as decisions know one: nothing that is carried, no key and no address."""

    id: str
    agreed: frozenset[str]
    greeting: str = ""
    note: str = ""
    language: str = ""
    attributes: Mapping[str, Any] = {}
    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    paused_until: float | None = None
    test: bool = False

    @classmethod
    def of(cls, member: Known) -> Person:
        return cls(
            member.id,
            member.purposes(),
            member.greeting,
            member.note,
            member.language,
            member.attributes,
            member.deny,
            member.allow,
            member.only,
            member.paused_until,
            member.test,
        )

    def purposes(self) -> frozenset[str]:
        """Return what the member agreed to."""
        return self.agreed

    def recognisable_at(self, t: float) -> bool:
        """Tell whether the member agreed to be recognised and is not pausing at `t`."""
        return "recognise" in self.agreed and (self.paused_until is None or t >= self.paused_until)


Known = Member | Person


class Input(Struct, frozen=True, array_like=True, tag=True):
    """Times `t` are seconds since the epoch; the decider has been advanced to them."""


class Suspected(Input, frozen=True):
    """Something is not right with a credential, or in the air."""

    what: What
    t: float
    member: str | None
    credential: CredentialKind | None
    where: str | None
    until: float | None

    @classmethod
    def of(cls, found: Suspicion) -> Suspected:
        return cls(*found)


class Counted(Input, frozen=True):
    """So many others were there."""

    since: float
    until: float
    counted: dict[str, Any]


class FactSaid(Input, frozen=True):
    """The back end says what is so; None takes a fact back. `repeated` is what the broker kept, and sends again."""

    t: float
    name: str
    value: Any
    repeated: bool = False


class OutcomeTold(Input, frozen=True):
    """The back end says what became of an offer."""

    t: float
    feedback: str
    outcome: FeedbackOutcome


class SeenNearby(Input, frozen=True):
    """A member was at another shop of the chain at `at`, or a position of the member's app says so (no `shop`)."""

    t: float
    member: str
    at: float
    metres: float
    shop: str
    trust: TrustWord
    credential: CredentialKind


class Claimed(Input, frozen=True):
    """A staff device says something of an alert."""

    t: float
    group: str
    device: str
    alert: str
    action: ClaimAction


class RollCalled(Input, frozen=True):
    """Staff devices are told of from now on: one of which nothing is told is away."""

    t: float


class DeviceTold(Input, frozen=True):
    """A staff device is online, or is not."""

    t: float
    device: str
    online: bool


class Buzzed(Input, frozen=True):
    """Somebody tries the devices of a group."""

    t: float
    group: str


class MemberPut(Input, frozen=True):
    """A member was enrolled or changed, or left out, where a credential belongs to somebody else.

    `had_zones` tells whether the record before agreed to zones.
    """

    t: float
    person: Person
    had_zones: bool
    left_out: bool


class Distrusted(Input, frozen=True):
    """A member does not carry a credential any more that gave trust."""

    member: str


class MemberRemoved(Input, frozen=True):
    """A member is to be forgotten wholly."""

    t: float
    member: str


class ClockSet(Input, frozen=True):
    """The clock was set by so much, to `t`: what is open lasts as long as it did, and is dated anew."""

    t: float
    by_s: float


class RulesChanged(Input, frozen=True):
    """Other rules are in force from now on: the texts of their files, by name."""

    t: float
    files: tuple[tuple[str, str], ...]


class Restored(Input, frozen=True):
    """The gateway begins, with these rows of durable state."""

    t: float
    rows: tuple[StateRow, ...]
