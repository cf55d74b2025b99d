"""Which rules no test saw fire, and which of their conditions no test saw stand against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rules.caps import Ledger
from rules.cases import Case, Scenario
from rules.condition import Condition, Observation, Reading, judge, judge_unless
from rules.engine import Engine
from rules.messages import say
from rules.model import Rule
from rules.situation import Decision, Situation

NOT_JUDGED = ("consent", "within")
"""What is said before the conditions are looked at."""


class Witness(Engine):
    """An engine that keeps what it was asked and said."""

    def __init__(self, scenario: Scenario, case: Case) -> None:
        quiet = case.setting.quiet_hours
        include = quiet.include if quiet else None
        super().__init__(scenario.rules, scenario.private_attributes, include, scenario.private_offers)
        self.seen: list[tuple[Situation, Decision]] = []

    def decide(self, situation: Situation, ledger: Ledger) -> list[Decision]:
        decisions = super().decide(situation, ledger)
        self.seen += ((situation, decision) for decision in decisions)
        return decisions


class Gap(NamedTuple):
    """What no test showed, at its place in a rule file."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


class _Item(NamedTuple):
    """One thing that a rule asks for: a part of `if`, or an item of `unless`."""

    line: int
    text: str
    stands_against: Callable[[Observation], bool]


class _Record:
    """What was seen of one rule."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.items = tuple(_items(rule))
        self.has_fired = False
        self.decided: set[int] = set()  # the items that stood against the rule, alone
        self._reading = Reading((*rule.conditions, *rule.unless), rule.facts)

    def see(self, situation: Situation, outcome: str) -> None:
        self.has_fired = self.has_fired or outcome == "fired"
        if outcome in NOT_JUDGED or len(self.decided) == len(self.items):
            return
        seen = self._reading.observe(situation)
        against = [number for number, item in enumerate(self.items) if item.stands_against(seen)]
        if len(against) == 1:
            self.decided.update(against)

    def gaps(self) -> Iterator[Gap]:
        rule = self.rule
        if not self.has_fired:
            yield Gap(rule.file, rule.line, say("{rule} fires in no test", rule=rule.name))
        for number, item in enumerate(self.items):
            if number not in self.decided:
                condition = " ".join(item.text.split())
                what = say(
                    "in no test does `{condition}` alone keep {rule} silent", condition=condition, rule=rule.name
                )
                yield Gap(rule.file, item.line, what)


class Coverage:
    """What the tests of several files showed of the rules that they name.

    A rule is shown by firing. A condition is shown by a test in which all else that the rule asks for is so, and only
    this is not: whoever takes it out, or turns it round, is then found out.
    """

    def __init__(self) -> None:
        self._records: dict[tuple[Path, str], _Record] = {}

    def expect(self, rules: Iterable[Rule]) -> None:
        """Take rules that should be shown."""
        for rule in rules:
            self._records.setdefault(_key(rule.file, rule.name), _Record(rule))

    def see(self, seen: Iterable[tuple[Situation, Decision]]) -> None:
        """Take what rules were asked and said."""
        for situation, decision in seen:
            self._records[_key(decision.file, decision.rule)].see(situation, decision.outcome)

    def gaps(self) -> list[Gap]:
        """Return what was not shown, by file and line."""
        return sorted(gap for record in self._records.values() for gap in record.gaps())

    def summary(self) -> str:
        """Count what was shown, and what there is."""
        records = self._records.values()
        fired, items = sum(record.has_fired for record in records), sum(len(record.items) for record in records)
        decided = sum(len(record.decided) for record in records)
        return say(
            "{fired} of {rules} rules fired, {decided} of {items} conditions decided",
            fired=fired,
            rules=len(records),
            decided=decided,
            items=items,
        )


def _key(file: str, rule: str) -> tuple[Path, str]:
    return Path(file).resolve(), rule


def _items(rule: Rule) -> Iterator[_Item]:
    for condition in rule.conditions:
        for clause in condition.clauses:
            part = Condition(clause.text, clause.line, (clause,))
            yield _Item(clause.line, clause.text, lambda seen, part=part: judge([part], seen) is not None)  # type: ignore[misc]
    for condition in rule.unless:
        yield _Item(
            condition.line,
            condition.text,
            lambda seen, each=condition: judge_unless([each], seen) is not None,  # type: ignore[misc]
        )
