"""A rule as values: when it looks, what must hold, what it does, and how often at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Literal, get_args

from rules.condition import Condition
from rules.facts import Fact
from rules.hours import Hours
from rules.payload import Payload
from rules.situation import Situation, TriggerKind, Trust
from rules.text import Language, Template

Period = Literal["visit", "day", "week", "member", "rule"]
Answers = Literal["claim", "sign-up", "counter"]

PERIODS: tuple[Period, ...] = get_args(Period)
ANSWERS: tuple[Answers, ...] = get_args(Answers)
MAX_TIMES = 10
MAX_TIMES_OF_RULE = 1000  # per rule, over all members


@dataclass(frozen=True, slots=True)
class Selector:
    """Zones of one id or of one kind."""

    by: Literal["id", "kind"]
    value: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a rule looks. What belongs to one kind is as it stands here for all others.

    `within` is in seconds: since the visit came in, or, for `nearby`, since the member was seen.
    """

    kind: TriggerKind
    zone: Selector | None = None
    dwell: float = 0.0  # seconds
    within: float | None = None
    reach_m: float = 0.0  # of `nearby`
    serious: bool = False  # of `claimed`: no other claim
    fact: str = ""
    clock: time | None = None

    @property
    def dwell_of(self) -> Literal["zone", "kind"]:
        """Whether the dwell counts in one zone, or across all zones of its kind."""
        return "kind" if self.zone and self.zone.by == "kind" else "zone"


@dataclass(frozen=True, slots=True)
class Alert:
    """`texts` has one template or two; a language without its own takes the other's."""

    group: str
    texts: Mapping[Language, Template]
    haptic: str
    expires_s: float
    escalate_to: str = ""  # a group, empty for none
    escalate_after_s: float = 0.0

    @property
    def shows(self) -> frozenset[str]:
        return frozenset[str]().union(*(template.shows for template in self.texts.values()))

    @property
    def reads_facts(self) -> bool:
        return any(template.reads_facts for template in self.texts.values())

    def fill(self, situation: Situation) -> str:
        """Write the text in the language of the shop's staff, as far as the rule speaks it."""
        asked = situation.store.language
        language = asked if asked in self.texts else next(iter(self.texts))
        return self.texts[language].fill(situation, language)


@dataclass(frozen=True, slots=True)
class Offer:
    offer: str
    ttl_s: float
    payload: Payload

    @property
    def shows(self) -> frozenset[str]:
        return self.payload.shows

    @property
    def reads_facts(self) -> bool:
        return self.payload.reads_facts


@dataclass(frozen=True, slots=True)
class AtMost:
    """So many times in each period: `member` is ever, for one member; `rule` is a day's, over all members together."""

    times: int
    per: Period


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file. `action.shows` names the member's attributes that it lets out.

    `answers` says what a person asked for, None where nobody did. `facts` are the declarations of all files that were
    loaded with it. `source` is its own lines of its file.
    """

    name: str
    file: str
    line: int
    on: Trigger
    conditions: tuple[Condition, ...]
    action: Alert | Offer
    trust: Trust = Trust.HINT
    at_most: tuple[AtMost, ...] = ()
    unless: tuple[Condition, ...] = ()
    answers: Answers | None = None
    cooldown_s: float = 0.0
    quiet: Hours | None = None
    priority: int = 0  # higher first
    facts: Mapping[str, Fact] = field(default_factory=dict)
    source: str = ""
