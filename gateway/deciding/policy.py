"""Asks the rules about a situation, and makes of each answer a row that explains it, and an event where one fired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import time
from typing import Any, Literal

from gateway.deciding.alerting import Alerting
from gateway.deciding.announcer import Announcer
from gateway.deciding.decided import Texts, detail, evidence
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.inputs import OutcomeTold
from gateway.deciding.recent import Recent
from gateway.events import DecisionRow, Outcome, StateRow
from rules.caps import Ledger
from rules.engine import Engine
from rules.limits import Caps
from rules.situation import AlertAction, Decision, Situation, ZoneView


class Policy:
    """The rules in force, and what of their caps each member has used."""

    def __init__(
        self,
        engine: Engine,
        ids: Identifiers,
        announcer: Announcer,
        alerting: Alerting,
        recent: Recent,
        texts: Texts,
        caps: Caps,
        causes: Counter[str],
    ) -> None:
        self._engine = engine
        self._ids = ids
        self._announcer = announcer
        self._alerting = alerting
        self._recent = recent
        self._texts = texts
        self._causes = causes
        self._ledger = Ledger(caps)

    def change(self, engine: Engine) -> None:
        """Ask other rules from now on; what members have used stays."""
        self._engine = engine
        self._texts.begin_anew()

    def load(self, member_id: str, value: Any) -> None:
        """Take back what a member has used."""
        self._ledger.load(member_id, value)

    def forget(self, member_id: str) -> None:
        self._ledger.forget(member_id)

    @property
    def times_of_day(self) -> tuple[time, ...]:
        """The times of the shop's day that some rule waits for."""
        return self._engine.clock_times

    def waits_for_fact(self, name: str) -> bool:
        return name in self._engine.facts_watched

    def waits_nearby(self, metres: float, ago_s: float) -> bool:
        return self._engine.nearby_within(metres, ago_s)

    def dwell_lengths(self, zone: ZoneView | None) -> Iterable[tuple[float, Literal["zone", "kind"]]]:
        """Return the lengths of dwell in a zone that some rule waits for, in seconds."""
        return self._engine.dwell_lengths(zone) if zone else ()

    def apply(self, situation: Situation, credential: str, out: Outcome) -> None:
        """Ask the rules, and carry out what they answer."""
        decisions = self._engine.decide(situation, self._ledger)
        for decision in decisions:
            if decision.outcome == "consent":  # counted and no more: whoever did not agree leaves no row
                self._causes[f"{decision.rule}: {decision.reason}"] += 1
            else:
                out.decisions.append(self._carry_out(situation, credential, decision, out))
        if any(decision.action for decision in decisions):
            self._keep(situation.member.id, out)

    # what is said afterwards

    def not_now(self, t: float, member_id: str, rule: str, out: Outcome) -> None:
        """Take that a member wants no more of what a rule did, for a while."""
        if self._ledger.not_now(member_id, rule, t):
            self._keep(member_id, out)

    def undo_not_now(self, member_id: str, rule: str, out: Outcome) -> None:
        """Take that back."""
        if self._ledger.undo_not_now(member_id, rule):
            self._keep(member_id, out)

    def outcome(self, told: OutcomeTold, out: Outcome) -> None:
        """Take what became of an offer."""
        member_id = self._ledger.member_of(told.feedback)
        if member_id and self._ledger.outcome(member_id, told.feedback, told.outcome, told.t):
            self._keep(member_id, out)
        else:
            self._causes["outcome that changes nothing"] += 1

    def redate(self, by_s: float, out: Outcome) -> None:
        """Move all times: the clock was set by so much."""
        for member_id in self._ledger.redate(by_s):
            self._keep(member_id, out)

    def _keep(self, member_id: str, out: Outcome) -> None:
        """Keep what a member has used of the caps, for as long as caps look back."""
        used, until = self._ledger.as_json(member_id), self._ledger.kept_until(member_id)
        out.put(StateRow("ledger", member_id, used, member_id, until))

    # decisions

    def _carry_out(self, situation: Situation, credential: str, decision: Decision, out: Outcome) -> DecisionRow:
        event, subject = None, None
        if isinstance(decision.action, AlertAction):
            alert, event = self._alerting.raise_alert(situation, decision, decision.action, out)
            subject = alert.id
        elif decision.action is not None:
            event = self._announcer.offer(out, situation, decision, decision.action)
            subject = str(event.data["feedback"])
            expires = situation.decided + decision.action.ttl_s
            self._ledger.triggered(situation.member.id, decision.rule, subject, expires)
        return DecisionRow(
            self._ids.event(situation.decided),
            situation.decided,
            situation.member.id,
            situation.visit.id if situation.visit else "",
            decision.rule,
            decision.outcome,
            self._detail(situation, credential, decision, out),
            event.id if event else None,
            subject,
        )

    def _detail(self, situation: Situation, credential: str, decision: Decision, out: Outcome) -> dict[str, Any]:
        """Return why it was decided so; the text of the rule is kept beside it."""
        if text := self._texts.due(decision.source, situation.decided):
            out.put(text)
        found = detail(situation, credential, decision, self._texts.name(decision.source))
        if decision.action:
            member = situation.member
            heard = self._recent.told(member.id, situation.decided, zones="zones" in member.purposes)
            found |= evidence(decision, heard)
        return found
