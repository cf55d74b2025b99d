"""What the rules say of a situation: pure, but for the ledger that it is handed and writes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Literal, NamedTuple

from rules import choices, text
from rules.caps import Ledger, Standing, refusal_of
from rules.condition import Observation, Reading, judge, judge_unless
from rules.document import duration_text
from rules.facts import settle_all
from rules.model import Alert, Offer, Rule, Selector
from rules.reasons import shown
from rules.situation import AlertAction, Decision, OfferAction, Silent, Situation, TriggerKind, Trust, ZoneView

Quiet = Callable[[time], bool]
"""Tells whether staff are not to be disturbed at a time of the shop's day."""

_LOCATED = frozenset({"passing", "dwell", "entered", "moved", "nearby"})


class _Key(NamedTuple):
    """What of a situation decides which rules it concerns."""

    trigger: TriggerKind
    zone: str
    kind: str
    dwell: float
    dwell_of: Literal["zone", "kind"]
    serious: bool
    fact: str
    clock: time | None


class _Asked(NamedTuple):
    """A rule, and what it takes in one kind of situation. `private` is an attribute that it lets out.

    `shows_facts` tells whether its text or payload does.
    """

    rule: Rule
    purposes: frozenset[str]
    trust: Trust
    private: str
    shows_facts: bool


class _Plan(NamedTuple):
    """The rules that one kind of situation concerns, and what their conditions read."""

    asked: tuple[_Asked, ...]
    reading: Reading


class Engine:
    """Rules in order of priority, then as given, indexed by trigger and zone.

    Zones, facts and times of the day are those of rules and configuration, so plans are few.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        private_attributes: frozenset[str],
        quiet: Quiet | None = None,
        private_offers: frozenset[str] = frozenset(),
    ) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: -rule.priority))
        self.facts_watched = frozenset(rule.on.fact for rule in self.rules if rule.on.fact)
        self.clock_times = tuple(sorted({rule.on.clock for rule in self.rules if rule.on.clock}))
        loaded = {id(rule.facts): rule.facts for rule in self.rules}  # one for all the files of a load
        self._declared = {name: fact for facts in loaded.values() for name, fact in facts.items()}
        self._private = private_attributes
        self._private_offers = private_offers
        self._quiet = quiet
        self._triggers = frozenset(rule.on.kind for rule in self.rules)
        self._plans: dict[_Key, _Plan] = {}

    def dwell_lengths(self, zone: ZoneView) -> tuple[tuple[float, Literal["zone", "kind"]], ...]:
        """Return the lengths in seconds that some rule waits for, of this zone or across its kind."""
        dwells = {
            (rule.on.dwell, rule.on.dwell_of)
            for rule in self.rules
            if rule.on.kind == "dwell" and _selects(rule.on.zone, zone.id, zone.kind)
        }
        return tuple(sorted(dwells))

    def nearby_within(self, metres: float, ago: float) -> bool:
        """Tell whether some rule waits for a member who was seen so near, so many seconds ago."""
        waiting = (rule.on for rule in self.rules if rule.on.kind == "nearby")
        return any(metres <= on.reach_m and (on.within is None or ago <= on.within) for on in waiting)

    def decide(self, situation: Situation, ledger: Ledger) -> list[Decision]:
        """Return what each rule that looks at such a situation says, in order, and note in the ledger what fired."""
        if situation.trigger not in self._triggers:
            return []
        if situation.trigger == "fact" and situation.fact not in self.facts_watched:
            return []
        if situation.trigger == "clock" and situation.clock not in self.clock_times:
            return []
        plan = self._plan(situation)
        if not plan.asked:
            return []
        seen = plan.reading.observe(situation)
        asked = plan.asked
        if situation.nearby:
            asked = tuple(each for each in asked if situation.nearby.metres <= each.rule.on.reach_m)
        return [self._decide(each, situation, seen, ledger) for each in asked]

    def _plan(self, situation: Situation) -> _Plan:
        key = _key(situation)
        plan = self._plans.get(key)
        if plan is None:
            asked = tuple(self._ask(rule, situation) for rule in self.rules if _concerns(rule, key))
            conditions = [each for one in asked for each in (*one.rule.conditions, *one.rule.unless)]
            plan = self._plans[key] = _Plan(asked, Reading(conditions, self._declared))
        return plan

    def _ask(self, rule: Rule, situation: Situation) -> _Asked:
        trust, private = trust_needed(rule, self._private, self._private_offers)
        shows_facts = bool(self._declared) and rule.action.reads_facts
        return _Asked(rule, _purposes(rule, situation), trust, private, shows_facts)

    def _decide(self, asked: _Asked, situation: Situation, seen: Observation, ledger: Ledger) -> Decision:
        rule = asked.rule
        silence = self._silence(asked, situation, seen)
        if silence:
            return silence
        caps = ledger.standing(rule, situation)
        refusal = refusal_of(caps)
        if refusal:
            return _silent(rule, "cooldown" if refusal.startswith("cooldown") else "cap", refusal, caps)
        action = self._act(asked, situation)
        choice = choices.refusal(situation.member, action)
        if choice:
            return _silent(rule, "choice", choice)
        ledger.note(rule, situation)
        return Decision(
            rule.name,
            rule.file,
            rule.line,
            "fired",
            action=action,
            source=rule.source,
            caps=caps,
            read=_read(rule, seen, self._private),
        )

    def _silence(self, asked: _Asked, situation: Situation, seen: Observation) -> Decision | None:
        """Say what stands against a rule, whatever was done before; None where nothing does."""
        rule = asked.rule
        if not asked.purposes <= situation.member.purposes:
            return _silent(rule, "consent", f"no consent to {min(asked.purposes - situation.member.purposes)}")
        if rule.on.within is not None and (late := _late(rule.on.within, situation)):
            return _silent(rule, "within", late)
        verdict = judge(rule.conditions, seen, self._private) or judge_unless(rule.unless, seen, self._private)
        if verdict:
            outcome, reason, line, item = verdict
            return Decision(rule.name, rule.file, line, outcome, reason, item=item, source=rule.source)
        if situation.trust < asked.trust:
            return _silent(rule, "trust", _distrust(asked, situation.trust))
        hush = self._hush(rule, situation.local)
        return _silent(rule, "quiet", hush) if hush else None

    def _hush(self, rule: Rule, now: datetime) -> str:
        """Say whose quiet hours these are, or nothing. The shop's are for staff, a rule's own for offers too."""
        if self._quiet and isinstance(rule.action, Alert) and self._quiet(now.time()):
            return "quiet hours"
        return "quiet hours of the rule" if rule.quiet and rule.quiet.include(now.time()) else ""

    def _act(self, asked: _Asked, situation: Situation) -> AlertAction | OfferAction:
        if asked.shows_facts:
            facts = settle_all(situation.facts, situation.fact_times, self._declared, situation.decided)
            situation = replace(situation, facts=facts)
        rule, action = asked.rule, asked.rule.action
        if not isinstance(action, Alert):
            return OfferAction(action.offer, action.ttl_s, action.payload.fill(situation))
        greeting = text.greeting(situation, situation.store.language)
        return AlertAction(
            group=action.group,
            text=action.fill(situation) or greeting,
            haptic=action.haptic,
            expires_s=action.expires_s,
            greeting=greeting,
            escalate_to=action.escalate_to,
            escalate_after_s=action.escalate_after_s,
            solicited=rule.answers is not None,
        )


def trust_needed(rule: Rule, attributes: frozenset[str], offers: frozenset[str]) -> tuple[Trust, str]:
    """Return the trust that a rule takes, and what is private about it.

    To let a private attribute out, or to trigger a private offer, takes `fresh`, whatever the rule says.
    """
    private = min(rule.action.shows & attributes, default="")
    if isinstance(rule.action, Offer) and rule.action.offer in offers:
        private = rule.action.offer
    return (Trust.FRESH if private else rule.trust), private


def _silent(rule: Rule, outcome: Silent, reason: str, caps: tuple[Standing, ...] = ()) -> Decision:
    return Decision(rule.name, rule.file, rule.line, outcome, reason, None, 0, rule.source, caps)


def _read(rule: Rule, seen: Observation, private: frozenset[str]) -> dict[str, str]:
    """Return what a rule's conditions read, by name; what is private is withheld."""
    conditions = (*rule.conditions, *rule.unless)
    return {path.label: shown(path, seen.values, private) for condition in conditions for path in condition.paths}


def _key(situation: Situation) -> _Key:
    zone_id, kind = (situation.zone.id, situation.zone.kind) if situation.zone else ("", "inside")
    serious = situation.claim is not None and situation.claim.serious
    dwell, dwell_of = situation.dwell, situation.dwell_of
    return _Key(situation.trigger, zone_id, kind, dwell, dwell_of, serious, situation.fact, situation.clock)


def _concerns(rule: Rule, key: _Key) -> bool:
    on = rule.on
    if on.kind != key.trigger or not _selects(on.zone, key.zone, key.kind):
        return False
    match on.kind:
        case "dwell":
            return (on.dwell, on.dwell_of) == (key.dwell, key.dwell_of)
        case "claimed":
            return key.serious or not on.serious
        case "fact":
            return on.fact == key.fact
        case "clock":
            return on.clock == key.clock
    return True


def _late(within: float, situation: Situation) -> str:
    """Say that it happened too late, or nothing."""
    if situation.nearby:
        since, came = situation.nearby.ago, "seen {} ago"
    elif situation.arrived is None:
        return f"the visit has not come in, needs within {duration_text(within)}"
    else:
        since, came = situation.t - situation.arrived, "{} after coming in"
    if since <= within:
        return ""
    return f"{came.format(duration_text(round(since)))}, needs within {duration_text(within)}"


def _selects(selector: Selector | None, zone_id: str, kind: str) -> bool:
    return selector is None or selector.value == (zone_id if selector.by == "id" else kind)


def _purposes(rule: Rule, situation: Situation) -> frozenset[str]:
    """Name the purposes that it takes. Where a member is, but for the door, is for those who consented to `zones`."""
    purpose = "recognise" if isinstance(rule.action, Alert) else "offers"
    at_door = situation.zone is not None and situation.zone.kind == "door"
    located = (situation.trigger in _LOCATED or rule.on.zone is not None) and not at_door
    return frozenset({purpose, "zones"} if located else {purpose})


def _distrust(asked: _Asked, trust: Trust) -> str:
    because = f" because {asked.private} is private" if asked.private else ""
    return f"{trust.word}, needs {asked.trust.word}{because}"
