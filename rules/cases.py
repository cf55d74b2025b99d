"""Rule tests as values: a shop, its members, and what happens when, with what is expected of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from rules.hours import Hours
from rules.model import Rule
from rules.situation import AlertAction, Decision, MemberView, OfferAction, TriggerKind, Trust, ZoneView
from rules.text import Language

Kind = Literal["alert", "offer", "silent", "escalated"]
Reply = Literal["not_now", "shown", "redeemed", "dismissed"]
Credential = Literal["ibeacon", "app"]

START = datetime(2026, 1, 5, 12)  # a Monday
AFTERWARDS_S = 60.0
"""How long after its last step a test goes on: an alert lives no longer."""


class Presence(NamedTuple):
    """A change of presence, as if it had been heard. `dwell` is in seconds."""

    trigger: TriggerKind
    zone: str | None
    dwell: float
    trust: Trust


class Near(NamedTuple):
    """The member is seen elsewhere: `metres` from here, `ago` seconds ago."""

    metres: float
    ago: float


class Claim(NamedTuple):
    """An assistant claims the latest alert about the member."""

    serious: bool


class Frames(NamedTuple):
    """What the member carries is heard for so many seconds, at a level in dBm for each receiver."""

    levels: Mapping[str, int]
    seconds: float


class Answer(NamedTuple):
    """What the member says to what a rule did."""

    word: Reply
    rule: str


Happening = Presence | Near | Claim | Frames | Answer


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a rule should say about a member. `fields` are those of its action that matter, or `outcome` and `reason`
    of silence, or the group `to` which an alert is escalated.
    """

    line: int
    column: int
    rule: str
    member: str
    kind: Kind
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What happens `at` seconds from the start: facts come, or something happens to a member, or both in this order."""

    line: int
    column: int
    at: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    member: str = ""
    what: Happening | None = None
    expected: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """The shop and its time. `start` is in the shop's time, which stands for UTC."""

    start: datetime = START
    language: Language = "zh"
    facts: Mapping[str, Any] = field(default_factory=dict)
    quiet_hours: Hours | None = None
    opening_hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test."""

    name: str
    line: int
    setting: Setting
    steps: tuple[Step, ...]

    @property
    def ends(self) -> tuple[float, ...]:
        """Until when what happens belongs to each step: the next one's time, in seconds from the start."""
        last = self.steps[-1]
        heard = last.what.seconds if isinstance(last.what, Frames) else 0.0
        return (*(step.at for step in self.steps[1:]), last.at + heard + AFTERWARDS_S)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole test file, and the rules that it tests. `levels` are least levels in dBm by zone and receiver."""

    rules: tuple[Rule, ...]
    zones: Mapping[str, ZoneView]
    levels: Mapping[str, Mapping[str, float]]
    members: Mapping[str, MemberView]
    credentials: Mapping[str, Credential]
    private_attributes: frozenset[str]
    private_offers: frozenset[str]
    cases: tuple[Case, ...]


class Said(NamedTuple):
    """What a rule said about a member, in the words of an expectation."""

    member: str
    rule: str
    kind: Kind
    fields: Mapping[str, Any]


def said(member: str, decision: Decision) -> Said:
    """Put a decision into the words of an expectation."""
    action = decision.action
    if isinstance(action, AlertAction):
        fields: dict[str, Any] = {"group": action.group, "text": action.text, "haptic": action.haptic}
        return Said(member, decision.rule, "alert", fields)
    if isinstance(action, OfferAction):
        return Said(member, decision.rule, "offer", {"id": action.offer, "payload": action.payload})
    return Said(member, decision.rule, "silent", {"outcome": decision.outcome, "reason": decision.reason})


def escalated(member: str, rule: str, to: str) -> Said:
    """Say that an alert went to another group, because nobody claimed it."""
    return Said(member, rule, "escalated", {"to": to})
