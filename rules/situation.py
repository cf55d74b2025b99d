"""All that a rule may look at, and what it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

TriggerKind = Literal["arrived", "passing", "dwell", "entered", "moved", "left"]
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
class Situation:
    """One presence change of one member, at `t`, which is the time of the frame or deadline that caused it.

    `zone` is None where it is not known. `seconds` is the dwell so far; `dwell` is the duration in seconds that has
    just been reached where the trigger is `dwell`. `decided` is when the decision is made; `t` may lie before it.
    """

    trigger: TriggerKind
    t: float
    decided: float
    local: datetime  # `decided` in the shop's time zone
    member: MemberView
    visit: VisitView
    zone: ZoneView | None
    trust: Trust
    facts: Mapping[str, Any]
    store: StoreView
    came_from: ZoneView | None = None
    dwell: float = 0.0
    dwell_of: Literal["zone", "kind"] = "zone"


@dataclass(frozen=True, slots=True)
class AlertAction:
    """Raise an alert: the text is final, placeholders filled in."""

    group: str
    text: str
    haptic: str
    expires_s: float
    greeting: str


@dataclass(frozen=True, slots=True)
class OfferAction:
    offer: str
    ttl_s: float
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule said of one situation. `action` is set where, and only where, `outcome` is `fired`.

    Outcomes: fired, condition (with the item of `if` that did not hold), missing (an attribute or fact is absent),
    error (the condition cannot be evaluated), cap, quiet, trust, consent, choice (the member's own lists).
    `line` is that of the clause for condition, missing and error, else that of the rule.
    """

    rule: str
    file: str
    line: int
    outcome: str
    reason: str = ""  # for people: `passes_30d is 2, needs >= 4`
    action: AlertAction | OfferAction | None = None
