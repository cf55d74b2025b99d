"""What the rules say of a situation: pure, but for the ledger that it is handed and writes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import time
from typing import Literal, NamedTuple

from rules import choices, text
from rules.caps import Ledger
from rules.condition import Observation, Reading, judge
from rules.model import Alert, Offer, Rule, Selector
from rules.situation import AlertAction, Decision, OfferAction, Situation, Trust, ZoneView

Quiet = Callable[[time], bool]
"""Tells whether staff are not to be disturbed at a time of the shop's day."""

_ZONE_TRIGGERS = frozenset({"passing", "dwell", "entered", "moved"})


class _Asked(NamedTuple):
    """A rule, and what it takes in one kind of situation. `private` is an attribute that it lets out."""

    rule: Rule
    purposes: frozenset[str]
    trust: Trust
    private: str


class _Plan(NamedTuple):
    """The rules that one kind of situation concerns, and what their conditions read."""

    asked: tuple[_Asked, ...]
    reading: Reading


class Engine:
    """Rules in order of priority, indexed by trigger and zone. Zones are the configuration's, so plans are few."""

    def __init__(
        self,
        rules: Sequence[Rule],
        private_attributes: frozenset[str],
        quiet: Quiet | None = None,
        private_offers: frozenset[str] = frozenset(),
    ) -> None:
        self.rules = tuple(rules)
        self._private = private_attributes
        self._private_offers = private_offers
        self._quiet = quiet
        self._triggers = frozenset(rule.on.kind for rule in self.rules)
        self._plans: dict[tuple[str, str, str, float, str], _Plan] = {}

    def dwell_lengths(self, zone: ZoneView) -> tuple[tuple[float, Literal["zone", "kind"]], ...]:
        """Return the lengths in seconds that some rule waits for, of this zone or across its kind."""
        dwells = {
            (rule.on.dwell, rule.on.dwell_of)
            for rule in self.rules
            if rule.on.kind == "dwell" and _selects(rule.on.zone, zone.id, zone.kind)
        }
        return tuple(sorted(dwells))

    def decide(self, situation: Situation, ledger: Ledger) -> list[Decision]:
        """Return what each rule that looks at such a situation says, in order, and note in the ledger what fired."""
        if situation.trigger not in self._triggers:
            return []
        plan = self._plan(situation)
        if not plan.asked:
            return []
        seen = plan.reading.observe(situation)
        return [self._decide(asked, situation, seen, ledger) for asked in plan.asked]

    def _plan(self, situation: Situation) -> _Plan:
        zone_id, kind = (situation.zone.id, situation.zone.kind) if situation.zone else ("", "inside")
        key = (situation.trigger, zone_id, kind, situation.dwell, situation.dwell_of)
        plan = self._plans.get(key)
        if plan is None:
            asked = tuple(self._ask(rule, situation) for rule in self.rules if _concerns(rule, *key))
            reading = Reading([condition for each in asked for condition in each.rule.conditions])
            plan = self._plans[key] = _Plan(asked, reading)
        return plan

    def _ask(self, rule: Rule, situation: Situation) -> _Asked:
        return _Asked(rule, _purposes(rule, situation), *trust_needed(rule, self._private, self._private_offers))

    def _decide(self, asked: _Asked, situation: Situation, seen: Observation, ledger: Ledger) -> Decision:
        rule = asked.rule
        lacking = asked.purposes - situation.member.purposes
        if lacking:
            return _silence(rule, "consent", f"no consent to {min(lacking)}")
        verdict = judge(rule.conditions, seen, self._private)
        if verdict:
            return Decision(rule.name, rule.file, verdict.line, verdict.outcome, verdict.reason)
        if situation.trust < asked.trust:
            return _silence(rule, "trust", _distrust(asked, situation.trust))
        if self._quiet and isinstance(rule.action, Alert) and self._quiet(situation.local.time()):
            return _silence(rule, "quiet", "quiet hours")
        cap = ledger.refusal(rule, situation)
        if cap:
            return _silence(rule, "cap", cap)
        action = _act(rule, situation)
        choice = choices.refusal(situation.member, action)
        if choice:
            return _silence(rule, "choice", choice)
        ledger.note(rule, situation)
        return Decision(rule.name, rule.file, rule.line, "fired", action=action)


def trust_needed(rule: Rule, attributes: frozenset[str], offers: frozenset[str]) -> tuple[Trust, str]:
    """Return the trust that a rule takes, and what is private about it.

    To let a private attribute out, or to trigger a private offer, takes `fresh`, whatever the rule says.
    """
    private = min(rule.action.shows & attributes, default="")
    if isinstance(rule.action, Offer) and rule.action.offer in offers:
        private = rule.action.offer
    return (Trust.FRESH if private else rule.trust), private


def _silence(rule: Rule, outcome: str, reason: str) -> Decision:
    return Decision(rule.name, rule.file, rule.line, outcome, reason)


def _concerns(rule: Rule, trigger: str, zone_id: str, kind: str, dwell: float, dwell_of: str) -> bool:
    on = rule.on
    if on.kind != trigger or not _selects(on.zone, zone_id, kind):
        return False
    return trigger != "dwell" or (on.dwell, on.dwell_of) == (dwell, dwell_of)


def _selects(selector: Selector | None, zone_id: str, kind: str) -> bool:
    return selector is None or selector.value == (zone_id if selector.by == "id" else kind)


def _purposes(rule: Rule, situation: Situation) -> frozenset[str]:
    """Name the purposes that it takes. Where a member is, but for the door, is for those who consented to `zones`."""
    purpose = "recognise" if isinstance(rule.action, Alert) else "offers"
    at_door = situation.zone is not None and situation.zone.kind == "door"
    located = situation.trigger in _ZONE_TRIGGERS and not at_door
    return frozenset({purpose, "zones"} if located else {purpose})


def _distrust(asked: _Asked, trust: Trust) -> str:
    because = f" because {asked.private} is private" if asked.private else ""
    return f"{trust.word}, needs {asked.trust.word}{because}"


def _act(rule: Rule, situation: Situation) -> AlertAction | OfferAction:
    action = rule.action
    if not isinstance(action, Alert):
        return OfferAction(action.offer, action.ttl_s, action.payload.fill(situation))
    greeting = text.greeting(situation, situation.store.language)
    return AlertAction(action.group, action.fill(situation) or greeting, action.haptic, action.expires_s, greeting)
