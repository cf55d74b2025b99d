"""All that a rule may look at, and what it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

TriggerKind = Literal["arrived", "passing", "dwell", "entered", "moved", "left", "nearby", "claimed", "fact", "clock"]
TrustWord = Literal["hint", "weak", "fresh"]


class Trust(IntEnum):
    """How hard a sighting is to fake."""

    HINT = 1
    WEAK = 2
    FRESH = 3

    @property
    def word(self) -> TrustWord:
        return _WORDS[self]


_WORDS: dict[Trust, TrustWord] = {Trust.HINT: "hint", Trust.WEAK: "weak", Trust.FRESH: "fresh"}


@dataclass(frozen=True, slots=True)
class ZoneView:
    id: str
    kind: str  # outside, door, inside, shelf
    name: str  # what staff read


@dataclass(frozen=True, slots=True)
class MemberView:
    """A consented member as rules see one. `purposes` are those consented to: recognise, zones, offers."""

    id: str
    purposes: frozenset[str]
    greeting: str = ""
    note: str = ""
    language: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    test: bool = False
    visits_7d: int = 0
    visits_30d: int = 0
    visits_90d: int = 0
    passes_7d: int = 0
    passes_30d: int = 0
    passes_90d: int = 0
    days_since_visit: int | None = None  # since the last one that came inside
    usual_zones: tuple[str, ...] = ()  # inside, where the member stops, the most usual first


@dataclass(frozen=True, slots=True)
class VisitView:
    id: str  # the alias, new for each visit
    started: float
    seconds: float  # since it started
    held_inside: bool  # a zone of a kind other than `outside` was held


@dataclass(frozen=True, slots=True)
class StoreView:
    id: str
    name: str
    language: Literal["zh", "en"]  # of staff texts
    open: bool
    zone_names: Mapping[str, str] = field(default_factory=dict)  # of this shop, by id


@dataclass(frozen=True, slots=True)
class ClaimView:
    """An assistant's claim of an alert about the member; `serious` where the assistant said so."""

    device: str
    group: str
    serious: bool


@dataclass(frozen=True, slots=True)
class NearbyView:
    """Where else the member is: at a shop of the chain, or by a position of the member's app, where `shop` is empty."""

    shop: str
    metres: float
    ago: float  # seconds


@dataclass(frozen=True, slots=True)
class Situation:
    """What happened to one member, at `t`, which is the time of the frame, message or deadline that caused it.

    `zone` is None where it is not known. `dwell` is the duration in seconds that has just been reached where the
    trigger is `dwell`. `decided` is when the decision is made; `t` may lie before it. `visit` is None for `nearby`, and
    for it alone. `arrived` is when the visit came in, in epoch seconds, None as long as it stays outside. `facts` are
    plain JSON values, and `fact_times` says in epoch seconds when each came; a fact without a time is as old as now.
    """

    trigger: TriggerKind
    t: float
    decided: float
    local: datetime  # `decided` in the shop's time zone
    member: MemberView
    visit: VisitView | None
    zone: ZoneView | None
    trust: Trust
    facts: Mapping[str, Any]
    store: StoreView
    came_from: ZoneView | None = None
    dwell: float = 0.0
    dwell_of: Literal["zone", "kind"] = "zone"
    arrived: float | None = None
    claim: ClaimView | None = None  # where the trigger is `claimed`
    fact: str = ""  # the name of the one that changed, where the trigger is `fact`
    clock: time | None = None  # the time that came, where the trigger is `clock`
    nearby: NearbyView | None = None  # where the trigger is `nearby`
    fact_times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertAction:
    """Raise an alert: the text is final, placeholders filled in.

    Where nobody claims it within `escalate_after_s` seconds, it goes to the group `escalate_to`, unless that is empty.
    `solicited` is what a person asked for.
    """

    group: str
    text: str
    haptic: str
    expires_s: float
    greeting: str
    escalate_to: str = ""
    escalate_after_s: float = 0.0
    solicited: bool = False


@dataclass(frozen=True, slots=True)
class OfferAction:
    offer: str
    ttl_s: float
    payload: Mapping[str, Any]


Silent = Literal[
    "consent", "within", "condition", "unless", "missing", "error", "trust", "quiet", "cooldown", "cap", "choice"
]
"""Why a rule did not fire: no consent to the purpose, too late, an item of `if` that does not hold or of `unless` that
does, an attribute or fact that is missing or stale, a condition that cannot be evaluated, and so on to `choice`, the
member's own lists.
"""


class Decision(NamedTuple):
    """What one rule said of one situation. `action` is set where, and only where, `outcome` is `fired`.

    `line` is that of the clause for condition, unless, missing and error, else that of the rule; `item` is the number,
    from 1, of the item of `if` or `unless` that it stands in, 0 where it stands in none. `caps` are in words, with how
    much was used before and of how much, where they were asked; `read` is what a rule that fired read, by name, what is
    private withheld.
    """

    rule: str
    file: str
    line: int
    outcome: Silent | Literal["fired"]
    reason: str = ""  # for people: `passes_30d is 2, needs >= 4`
    action: AlertAction | OfferAction | None = None
    item: int = 0
    source: str = ""  # the rule's lines of its file
    caps: tuple[tuple[str, int, int], ...] = ()
    read: Mapping[str, str] = MappingProxyType({})
