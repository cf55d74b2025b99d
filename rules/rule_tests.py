"""Rule tests, run: what happened against what was expected, as a readable difference with file and line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rules.cases import Case, Expectation, Said, Step
from rules.coverage import Coverage, Witness
from rules.document import Fault, Faults, duration_text
from rules.messages import say
from rules.playing import Drive, drive_presence
from rules.scenario import load_scenario


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


@dataclass(frozen=True, slots=True)
class Manner:
    """How tests are run: what plays them, and whether what they do not cover is told, and a failure."""

    drive: Drive = drive_presence
    covers: bool = False


def run_rule_tests(files: Iterable[Path], out: TextIO, err: TextIO, manner: Manner = Manner()) -> int:
    """Run test files, print what differs and a summary, and return the exit status."""
    coverage = Coverage()
    reports = [run_test_file(file, coverage, manner.drive) for file in files]
    for report in reports:
        for fault in sorted(report.faults):
            print(fault, file=err)
        for failure in report.failures:
            print(failure, file=out)
    gaps = coverage.gaps() if manner.covers else []
    for gap in gaps:
        print(gap, file=out)
    tests, failed = sum(report.tests for report in reports), sum(report.failed for report in reports)
    if tests:
        print(_summary(tests, failed), file=out)
        print(coverage.summary(), file=out)
    return max((report.status for report in reports), default=2) or int(bool(gaps))


def _summary(tests: int, failed: int) -> str:
    if tests == 1:
        return say("1 test: {passed} passed, {failed} failed", passed=1 - failed, failed=failed)
    return say("{tests} tests: {passed} passed, {failed} failed", tests=tests, passed=tests - failed, failed=failed)


def run_test_file(file: Path, coverage: Coverage, drive: Drive = drive_presence) -> Report:
    """Run the tests of one file, and note in `coverage` what they showed."""
    faults = Faults()
    scenario = load_scenario(file, faults)
    report = Report(file, faults=faults.found)
    if scenario is None:
        return report
    coverage.expect(scenario.rules)
    for case in scenario.cases:
        engine = Witness(scenario, case)
        pairs = zip(case.steps, drive(scenario, case, engine), strict=True)
        failures = [failure for step, said in pairs for failure in _compare(str(file), case, step, said)]
        coverage.see(engine.seen)
        report.tests += 1
        report.failed += bool(failures)
        report.failures += failures
    return report


# --- comparing


def _compare(file: str, case: Case, step: Step, said: list[Said]) -> Iterator[Failure]:
    title = say("{name}, at {time}", name=case.name, time=duration_text(step.at))
    left = list(said)
    for expected in step.expected:
        came = _nearest(expected, left)
        if came in left:
            left.remove(came)
        who, wanted, found = _of(expected), _describe(expected.kind, expected.fields), _came(expected, came)
        if wanted != found:
            yield Failure(file, expected.line, expected.column, title, f"{who}: {wanted}", f"{who}: {found}")
    for other in left:
        if other.kind != "silent":
            who, found = _of(other), _describe(other.kind, other.fields)
            yield Failure(file, step.line, step.column, title, f"{who}: silent", f"{who}: {found}")


def _nearest(expected: Expectation, said: Iterable[Said]) -> Said | None:
    """Return what was said of the member by the rule: as expected if there is such a thing, else of the same kind."""
    by_rule = [each for each in said if (each.rule, each.member) == (expected.rule, expected.member)]
    wanted = _describe(expected.kind, expected.fields)
    exact = (each for each in by_rule if _came(expected, each) == wanted)
    alike = (each for each in by_rule if each.kind == expected.kind)
    return next(exact, None) or next(alike, None) or next(iter(by_rule), None)


def _came(expected: Expectation, said: Said | None) -> str:
    """Describe what came, as far as the expectation speaks of it; all of it where another kind of thing came."""
    if said is None:
        return say("was not asked")
    fields = said.fields
    if said.kind == expected.kind:
        alike = said.kind != "silent" or fields["outcome"] == expected.fields["outcome"]
        fields = {name: value for name, value in fields.items() if name in expected.fields or not alike}
        fields = {name: fields[name] for name in (*expected.fields, *fields) if name in fields}
    return _describe(said.kind, fields)


def _of(one: Expectation | Said) -> str:
    return f"{one.rule} ({one.member})"


def _describe(kind: str, fields: Mapping[str, Any]) -> str:
    return ", ".join((kind, *(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())))
