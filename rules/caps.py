"""How often a member is reached: the built-in caps, and a rule's own `at_most`, which can only tighten them.

At most one unsolicited alert for each member, visit and group, and one unsolicited offer for each member and visit
from each of outside and inside. Of a visit that goes on for more than a week, what fired in its last seven days counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rules.model import MAX_TIMES, Alert, AtMost, Rule
from rules.situation import Situation

WEEK = 7  # days of the shop's calendar, today included
MAX_VISITS = 4  # of one member that are remembered; they follow one another, so the latest alone matter

Json = Any


@dataclass(slots=True)
class _Visit:
    """What was done in one visit: the slots that are taken, how often each rule fired, and the last day of it."""

    id: str
    day: int
    slots: set[str] = field(default_factory=set)
    fired: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Account:
    """One member's: the latest visits, and the days on which each rule fired. Days are ordinals."""

    day: int = 0
    visits: list[_Visit] = field(default_factory=list)
    days: dict[str, list[int]] = field(default_factory=dict)

    def visit(self, visit_id: str) -> _Visit | None:
        return next((visit for visit in self.visits if visit.id == visit_id), None)

    def note(self, rule: str, visit_id: str, slot: str, today: int) -> None:
        visit = self.visit(visit_id) or _Visit(visit_id, today)
        visit.day = self.day = today
        visit.slots.add(slot)
        visit.fired[rule] = visit.fired.get(rule, 0) + 1
        kept = [other for other in self.visits if other is not visit and other.day > today - WEEK]
        self.visits = [*kept[1 - MAX_VISITS :], visit]
        recent = {name: [day for day in days if day > today - WEEK] for name, days in self.days.items()}
        self.days = {name: days for name, days in recent.items() if days}
        self.days[rule] = [*self.days.get(rule, ()), today][-MAX_TIMES:]

    def count(self, rule: str, at_most: AtMost, visit_id: str, today: int) -> int:
        if at_most.per == "visit":
            visit = self.visit(visit_id)
            return visit.fired.get(rule, 0) if visit else 0
        reach = 1 if at_most.per == "day" else WEEK
        return sum(day > today - reach for day in self.days.get(rule, ()))


class Ledger:
    """What fired for whom, as far back as caps look: the latest visits, within a week of the shop's calendar."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}  # the longest untouched first

    def refusal(self, rule: Rule, situation: Situation) -> str:
        """Say which cap stands against the rule's action, or nothing."""
        account = self._accounts.get(situation.member.id)
        if account is None:
            return ""
        visit = account.visit(situation.visit.id)
        if visit and _slot(rule, situation) in visit.slots:
            return _taken(rule, situation)
        today = situation.local.toordinal()
        at_most = rule.at_most
        if at_most and account.count(rule.name, at_most, situation.visit.id, today) >= at_most.times:
            return f"at most {at_most.times} per {at_most.per}"
        return ""

    def note(self, rule: Rule, situation: Situation) -> None:
        """Note that the rule fired."""
        today = situation.local.toordinal()
        account = self._accounts.pop(situation.member.id, None) or _Account()
        self._accounts[situation.member.id] = account
        account.note(rule.name, situation.visit.id, _slot(rule, situation), today)
        self._drop_old(today)

    def _drop_old(self, today: int) -> None:
        while (oldest := next(iter(self._accounts), None)) and self._accounts[oldest].day <= today - WEEK:
            del self._accounts[oldest]

    def forget(self, member: str) -> None:
        self._accounts.pop(member, None)

    def as_json(self, member: str) -> Json | None:
        """Return what is held of a member, for the store; None when that is nothing."""
        account = self._accounts.get(member)
        if account is None:
            return None
        visits = [[visit.id, visit.day, sorted(visit.slots), visit.fired] for visit in account.visits]
        return {"day": account.day, "visits": visits, "days": account.days}

    def load(self, member: str, value: Json) -> None:
        """Take back what `as_json` gave. Raises ValueError for anything else."""
        try:
            visits = [_Visit(str(id_), int(day), set(slots), dict(fired)) for id_, day, slots, fired in value["visits"]]
            days = {str(rule): [int(day) for day in fired] for rule, fired in value["days"].items()}
            self._accounts[member] = _Account(int(value["day"]), visits, days)
        except (TypeError, KeyError, AttributeError, ValueError):
            raise ValueError("a member's ledger is not what was written") from None


def _slot(rule: Rule, situation: Situation) -> str:
    """Name what a visit has one of."""
    return f"alert {rule.action.group}" if isinstance(rule.action, Alert) else f"offer {_side(situation)}"


def _side(situation: Situation) -> str:
    return "outside" if situation.zone and situation.zone.kind == "outside" else "inside"


def _taken(rule: Rule, situation: Situation) -> str:
    if isinstance(rule.action, Alert):
        return f"one alert to {rule.action.group} a visit"
    return f"one offer from {_side(situation)} a visit"
