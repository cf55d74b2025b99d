"""Plays a rule test by the changes of presence that it lists, on nothing but the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from rules.caps import Ledger
from rules.cases import Answer, Case, Claim, Near, Presence, Said, Scenario, Step, escalated, said
from rules.coverage import Witness
from rules.situation import (
    AlertAction,
    ClaimView,
    Decision,
    NearbyView,
    OfferAction,
    Situation,
    StoreView,
    Trust,
    VisitView,
    ZoneView,
)

HOLD_S = 1.0  # how long a zone was heard before it counts as held

Drive = Callable[[Scenario, Case, Witness], Iterable[list[Said]]]
"""Plays a case on an engine, and yields what the rules said from each of its steps to the next."""


def drive_presence(scenario: Scenario, case: Case, engine: Witness) -> Iterator[list[Said]]:
    """Hand a case's changes to the engine. A visit begins with a member's first and ends when they `left`."""
    shop = _Shop(scenario, case, engine)
    for step, end in zip(case.steps, case.ends, strict=True):
        yield [*shop.pass_until(step.at), *shop.take(step), *shop.pass_until(end, including=False)]


class _Visit(NamedTuple):
    """An open visit. `arrived` is when it came in, in epoch seconds."""

    alias: str
    started: float
    zone: ZoneView | None
    trust: Trust
    arrived: float | None


@dataclass(slots=True)
class _Alert:
    """An open alert; unclaimed, it goes `to` another group at `due`. Times are seconds from the start."""

    member: str
    rule: str
    group: str
    expires: float
    to: str
    due: float
    is_claimed: bool = False


class _Event(NamedTuple):
    """What comes by itself: an escalation, or a time of the day that rules wait for."""

    at: float
    alert: _Alert | None = None
    clock: time | None = None


class _Shop:
    """What is so at a moment of a test: who is here, which alerts are open, what the back end has said."""

    def __init__(self, scenario: Scenario, case: Case, engine: Witness) -> None:
        self._scenario = scenario
        self._setting = setting = case.setting
        self._engine = engine
        self._ledger = Ledger()
        self._began = setting.start.replace(tzinfo=UTC).timestamp()
        self._facts = dict(setting.facts)
        self._times = dict.fromkeys(setting.facts, self._began)
        self._visits: dict[str, _Visit] = {}
        self._number = 0
        self._alerts: list[_Alert] = []
        self._offers: dict[tuple[str, str], str] = {}  # the latest feedback token by member and rule
        self._passed = 0.0
        self._is_past = False  # whether what comes by itself at exactly `_passed` came

    # what comes by itself

    def pass_until(self, at: float, *, including: bool = True) -> Iterator[Said]:
        """Let time pass: alerts that nobody claimed escalate, and the clock comes to times that rules wait for."""
        for event in sorted(self._due(at, including=including), key=lambda event: event.at):
            if event.clock:
                yield from self._tell_visitors(event.at, "clock", clock=event.clock)
            elif event.alert and not event.alert.is_claimed:
                event.alert.to, to = "", event.alert.to
                yield escalated(event.alert.member, event.alert.rule, to)
        self._passed, self._is_past = at, including

    def _due(self, at: float, *, including: bool) -> Iterator[_Event]:
        for alert in self._alerts:
            if alert.to and (alert.due < at or (including and alert.due == at)):
                yield _Event(alert.due, alert=alert)
        for moment, clock in _moments(self._setting.start, self._engine.clock_times, self._passed, at):
            if (moment > self._passed or not self._is_past) and (moment < at or including):
                yield _Event(moment, clock=clock)

    # what the test says

    def take(self, step: Step) -> Iterator[Said]:
        """Let happen what a step says."""
        yield from self._take_facts(step)
        match step.what:
            case Presence():
                yield from self._move(step.at, step.member, step.what)
            case Near(metres, ago):
                nearby = NearbyView("", metres, ago)
                yield from self._ask(self._situation("nearby", step.at, step.member, None, nearby=nearby))
            case Claim(serious):
                yield from self._claim(step.at, step.member, serious=serious)
            case Answer():
                self._answer(step.at, step.member, step.what)

    def _take_facts(self, step: Step) -> Iterator[Said]:
        """Take what the back end says; where a value is new, rules look at whoever is here."""
        for name, value in step.facts.items():
            before = self._facts.pop(name, None)
            if value is None:
                continue
            self._facts[name], self._times[name] = value, self._began + step.at
            if value != before:
                yield from self._tell_visitors(step.at, "fact", fact=name)

    def _tell_visitors(self, at: float, trigger: Any, **more: Any) -> Iterator[Said]:
        for member, visit in self._visits.items():
            yield from self._ask(self._situation(trigger, at, member, visit, **more))

    def _move(self, at: float, member: str, change: Presence) -> Iterator[Said]:
        visit = self._visits[member] = self._visit(at, member, change)
        situation = self._situation(change.trigger, at, member, visit, dwell=change.dwell)
        situation = replace(situation, t=situation.decided - HOLD_S)
        for each in _each_dwell(situation, self._engine):
            yield from self._ask(each)
        if change.trigger == "left":
            del self._visits[member]

    def _visit(self, at: float, member: str, change: Presence) -> _Visit:
        zone = self._scenario.zones[change.zone] if change.zone else None
        before = self._visits.get(member)
        if before is None:
            self._number += 1
            before = _Visit(f"v-{self._number}", self._began + at, None, change.trust, None)
        is_inside = change.trigger == "arrived" or (zone is not None and zone.kind != "outside")
        arrived = before.arrived
        if arrived is None and is_inside:
            arrived = self._began + at - HOLD_S
        return before._replace(zone=zone, trust=change.trust, arrived=arrived)

    def _claim(self, at: float, member: str, *, serious: bool) -> Iterator[Said]:
        """Claim the latest alert about a member that is still open; where there is none, nothing comes of it."""
        alive = [alert for alert in self._alerts if alert.member == member and at < alert.expires]
        visit = self._visits.get(member)
        if alive and visit and (serious or not alive[-1].is_claimed):
            alive[-1].is_claimed = True
            claim = ClaimView("badge-1", alive[-1].group, serious)
            yield from self._ask(self._situation("claimed", at, member, visit, claim=claim))

    def _answer(self, at: float, member: str, answer: Answer) -> None:
        t = self._began + at
        if answer.word == "not_now":
            self._ledger.not_now(member, answer.rule, t)
            for alert in self._alerts:
                alert.is_claimed = alert.is_claimed or (alert.member, alert.rule) == (member, answer.rule)
        elif (member, answer.rule) in self._offers:
            self._ledger.outcome(member, self._offers[member, answer.rule], answer.word, t)

    # what the rules say

    def _ask(self, situation: Situation) -> Iterator[Said]:
        for decision in self._engine.decide(situation, self._ledger):
            self._note(situation, decision)
            yield said(situation.member.id, decision)

    def _note(self, situation: Situation, decision: Decision) -> None:
        member, at, action = situation.member.id, situation.decided - self._began, decision.action
        if isinstance(action, AlertAction):
            due = at + action.escalate_after_s
            alert = _Alert(member, decision.rule, action.group, at + action.expires_s, action.escalate_to, due)
            self._alerts.append(alert)
        elif isinstance(action, OfferAction):
            feedback = self._offers[member, decision.rule] = f"f-{len(self._offers)}-{at}"
            self._ledger.triggered(member, decision.rule, feedback, situation.decided + action.ttl_s)

    def _situation(self, trigger: Any, at: float, member: str, visit: _Visit | None, **more: Any) -> Situation:
        decided, local = self._began + at, self._setting.start + timedelta(seconds=at)
        opening = self._setting.opening_hours
        is_open = opening is None or opening.include(local.time())
        zone_names = {zone.id: zone.name for zone in self._scenario.zones.values()}
        view = visit and VisitView(visit.alias, visit.started, decided - visit.started, visit.arrived is not None)
        return Situation(
            trigger=trigger,
            t=decided,
            decided=decided,
            local=local,
            member=self._scenario.members[member],
            visit=view,
            zone=visit.zone if visit else None,
            trust=visit.trust if visit else Trust.HINT,
            facts=dict(self._facts),
            store=StoreView("shop", "", self._setting.language, is_open, zone_names),
            arrived=visit.arrived if visit else None,
            fact_times=dict(self._times),
            **more,
        )


def _each_dwell(situation: Situation, engine: Witness) -> Iterator[Situation]:
    """Yield a dwell once for its zone and once for its kind of zone, as some rule waits for it."""
    if situation.trigger != "dwell" or situation.zone is None:
        yield situation
        return
    for seconds, of in engine.dwell_lengths(situation.zone):
        if seconds == situation.dwell:
            yield replace(situation, dwell_of=of)


def _moments(start: datetime, times: Iterable[time], since: float, until: float) -> Iterator[tuple[float, time]]:
    """Yield when times of the day come, in seconds from the start, from `since` to `until`, both included."""
    times = tuple(times)
    day, last = (start + timedelta(seconds=since)).date(), (start + timedelta(seconds=until)).date()
    while times and day <= last:
        for each in times:
            moment = (datetime.combine(day, each) - start).total_seconds()
            if since <= moment <= until:
                yield moment, each
        day += timedelta(days=1)
