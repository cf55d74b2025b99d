"""Facts, and since when they are so."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from gateway.deciding.facts import MOST_FACTS, Facts
from gateway.deciding.inputs import FactSaid
from gateway.events import Outcome


def said(t: float, value: Any, *, repeated: bool = False, name: str = "stock") -> FactSaid:
    return FactSaid(t, name, value, repeated)


@pytest.mark.parametrize(
    ("what", "again", "changes", "since"),
    [
        ("said again as it was", said(50, {"b": 1, "a": [2]}), False, 50),
        ("repeated by the broker as it was", said(50, {"b": 1, "a": [2]}, repeated=True), False, 10),
        ("said anew", said(50, False), True, 50),
        ("kept by the broker, but another than we knew", said(50, 7, repeated=True), True, 50),
    ],
)
def test_a_fact_is_as_old_as_what_was_said_last(what: str, again: FactSaid, changes: bool, since: float) -> None:
    facts = Facts(Counter())
    assert facts.take(said(10, {"a": [2], "b": 1}), Outcome())
    assert facts.take(again, Outcome()) is changes, what
    assert facts.times == {"stock": since}


def test_a_restart_makes_no_fact_younger_and_changes_none() -> None:
    facts, out = Facts(Counter()), Outcome()
    facts.take(said(10, "a"), out)
    again = Facts(Counter())
    for row in out.state.values():
        again.load(row.key, json.loads(json.dumps(row.value)))
    assert again.values == {}
    assert not again.take(said(1000, "a", repeated=True), Outcome())
    assert (again.values, again.times) == ({"stock": "a"}, {"stock": 10})


def test_a_fact_that_is_taken_back_is_not_a_change_and_is_forgotten() -> None:
    facts, out = Facts(Counter()), Outcome()
    facts.take(said(10, 1), out)
    assert not facts.take(said(20, None), out)
    assert (facts.values, facts.times, [row.value for row in out.state.values()]) == ({}, {}, [None])


def test_facts_are_bounded_and_those_beyond_are_counted() -> None:
    causes: Counter[str] = Counter()
    facts = Facts(causes)
    for number in range(MOST_FACTS + 1):
        facts.take(said(1, True, name=f"f{number}"), Outcome())
    assert (len(facts.values), causes) == (MOST_FACTS, {"fact beyond the most that are kept": 1})


def test_the_clock_that_is_set_dates_facts_anew() -> None:
    facts, out = Facts(Counter()), Outcome()
    facts.take(said(10, 1), out)
    facts.redate(100.0, out)
    assert (facts.times, [row.value[1] for row in out.state.values()]) == ({"stock": 110.0}, [110.0])
