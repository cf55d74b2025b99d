"""Rule tests, run: what happened against what was expected, as a readable difference with file and line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, TextIO

from rules.caps import Ledger
from rules.document import Fault, Faults, duration_text
from rules.engine import Engine
from rules.scenario import Case, Expectation, Scenario, Step, load_scenario
from rules.situation import AlertAction, Decision, OfferAction, Situation, StoreView, TriggerKind, VisitView

HOLD_S = 1.0  # how long a zone was heard before it counts as held

Drive = Callable[[Scenario, Case], Iterable[list[Decision]]]
"""Plays a case and yields what the rules decided at each of its steps."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One difference, at the place in the test file that it speaks of."""

    file: str
    line: int
    column: int
    title: str
    expected: str
    came: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.title}\n  - {self.expected}\n  + {self.came}"


@dataclass(slots=True)
class Report:
    """What became of one test file; `failed` counts its tests with a failure."""

    file: Path
    tests: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def status(self) -> int:
        """0 where all is as expected, 1 where something is at fault, 2 where there was nothing to read."""
        if any(fault.line == 0 and fault.file == str(self.file) for fault in self.faults):
            return 2
        return 1 if self.failures or self.faults else 0


def run_rule_tests(files: Iterable[Path], out: TextIO, err: TextIO) -> int:
    """Run test files, print what differs and a summary, and return the exit status."""
    reports = [run_test_file(file) for file in files]
    for report in reports:
        for fault in sorted(report.faults):
            print(fault, file=err)
        for failure in report.failures:
            print(failure, file=out)
    tests, failed = sum(report.tests for report in reports), sum(report.failed for report in reports)
    if tests:
        print(f"{tests} {'test' if tests == 1 else 'tests'}: {tests - failed} passed, {failed} failed", file=out)
    return max((report.status for report in reports), default=2)


def run_test_file(file: Path, drive: Drive | None = None) -> Report:
    """Run the tests of one file; unless told otherwise, by the presence changes that they list."""
    faults = Faults()
    scenario = load_scenario(file, faults)
    report = Report(file, faults=faults.found)
    if scenario is None:
        return report
    for case in scenario.cases:
        decided = (drive or drive_presence)(scenario, case)
        pairs = zip(case.steps, decided, strict=True)
        failures = [failure for step, said in pairs for failure in _compare(str(file), case, step, said)]
        report.tests += 1
        report.failed += bool(failures)
        report.failures += failures
    return report


# --- playing


def drive_presence(scenario: Scenario, case: Case) -> Iterator[list[Decision]]:
    """Hand a case's presence changes to the engine. A visit begins with a member's first and ends when they `left`."""
    engine, ledger = Engine(scenario.rules, scenario.private_attributes), Ledger()
    visits: dict[str, VisitView] = {}
    numbers: dict[str, int] = {}
    facts = dict(case.facts)
    for step in case.steps:
        facts |= step.facts
        if step.trigger is None:
            yield []
            continue
        number = numbers.setdefault(step.member, 1)
        visit = visits[step.member] = _visit(step, scenario, number, visits.get(step.member))
        situation = _situation(step, step.trigger, scenario, case, visit, dict(facts))
        yield [said for each in _each_dwell(situation, engine) for said in engine.decide(each, ledger)]
        if step.trigger == "left":
            del visits[step.member]
            numbers[step.member] += 1


def _visit(step: Step, scenario: Scenario, number: int, before: VisitView | None) -> VisitView:
    started = before.started if before else step.at
    inside = step.zone is not None and scenario.zones[step.zone].kind != "outside"
    held_inside = inside or step.trigger == "arrived" or (before is not None and before.held_inside)
    return VisitView(f"{step.member}-{number}", started, step.at - started, held_inside)


def _situation(
    step: Step, trigger: TriggerKind, scenario: Scenario, case: Case, visit: VisitView, facts: Mapping[str, Any]
) -> Situation:
    """Make what the engine sees. A naive start is the shop's time, and stands for UTC in seconds."""
    decided = case.start.replace(tzinfo=UTC).timestamp() + step.at
    return Situation(
        trigger=trigger,
        t=decided - HOLD_S,
        decided=decided,
        local=case.start + timedelta(seconds=step.at),
        member=scenario.members[step.member],
        visit=visit,
        zone=scenario.zones[step.zone] if step.zone else None,
        trust=step.trust,
        facts=facts,
        store=StoreView("shop", "", case.language, True, {zone.id: zone.name for zone in scenario.zones.values()}),
        dwell=step.dwell,
    )


def _each_dwell(situation: Situation, engine: Engine) -> Iterator[Situation]:
    """Yield a dwell once for its zone and once for its kind of zone, as some rule waits for it."""
    if situation.trigger != "dwell" or situation.zone is None:
        yield situation
        return
    for seconds, of in engine.dwell_lengths(situation.zone):
        if seconds == situation.dwell:
            yield replace(situation, dwell_of=of)


# --- comparing


def _compare(file: str, case: Case, step: Step, said: list[Decision]) -> Iterator[Failure]:
    title = f"{case.name}, at {duration_text(step.at)}"
    by_rule = {decision.rule: decision for decision in said}
    for expected in step.expected:
        wanted, came = _describe(expected.kind, expected.fields), _came(expected, by_rule.pop(expected.rule, None))
        if wanted != came:
            name = f"{expected.rule}: "
            yield Failure(file, expected.line, expected.column, title, name + wanted, name + came)
    for decision in by_rule.values():
        if decision.action:
            came = f"{decision.rule}: {_describe(*_told(decision))}"
            yield Failure(file, step.line, step.column, title, f"{decision.rule}: silent", came)


def _came(expected: Expectation, decision: Decision | None) -> str:
    """Describe what came, as far as the expectation speaks of it; all of it where another kind of thing came."""
    if decision is None:
        return "was not asked"
    kind, fields = _told(decision)
    if kind == expected.kind:
        alike = kind != "silent" or fields["outcome"] == expected.fields["outcome"]
        fields = {name: value for name, value in fields.items() if name in expected.fields or not alike}
        fields = {name: fields[name] for name in (*expected.fields, *fields) if name in fields}
    return _describe(kind, fields)


def _told(decision: Decision) -> tuple[str, dict[str, Any]]:
    action = decision.action
    if isinstance(action, AlertAction):
        return "alert", {"group": action.group, "text": action.text, "haptic": action.haptic}
    if isinstance(action, OfferAction):
        return "offer", {"id": action.offer, "payload": action.payload}
    return "silent", {"outcome": decision.outcome, "reason": decision.reason}


def _describe(kind: str, fields: Mapping[str, Any]) -> str:
    return ", ".join((kind, *(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())))
