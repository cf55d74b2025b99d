"""Caps: never more than allowed, whatever the order, and the same after a restart."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rules import ALERT, OFFER, rules
from virtual_situation import ENTRANCE, NOON, PAVEMENT, SHOES, member, situation

from rules.caps import Ledger
from rules.model import Alert, Rule

DESIGNERS = "alert: {group: designers, text: '{greeting}'}"


def allowed(ledger: Ledger, rule: Rule, **values: Any) -> str:
    """Let a rule fire where no cap stands against it, and say which one does."""
    seen = situation(**values)
    refusal = ledger.refusal(rule, seen)
    if not refusal:
        ledger.note(rule, seen)
    return refusal


def test_one_alert_for_each_member_visit_and_group() -> None:
    first, second, other = rules(f"on: arrived, {ALERT}", f"on: entered, {ALERT}", f"on: entered, {DESIGNERS}")
    ledger = Ledger()
    assert allowed(ledger, first) == ""
    assert allowed(ledger, first) == "one alert to floor a visit"
    assert allowed(ledger, second) == "one alert to floor a visit"
    assert allowed(ledger, other) == ""
    assert allowed(ledger, first, visit="v-2") == ""
    assert allowed(ledger, first, who=member("m-2")) == ""


def test_one_offer_for_each_member_and_visit_from_outside_and_from_inside() -> None:
    first, second = rules(f"on: entered, {OFFER}", "on: entered, offer: {id: best-value}")
    ledger = Ledger()
    assert allowed(ledger, first, zone=PAVEMENT) == ""
    assert allowed(ledger, second, zone=PAVEMENT) == "one offer from outside a visit"
    assert allowed(ledger, second, zone=SHOES) == ""
    for zone in (SHOES, ENTRANCE, None):
        assert allowed(ledger, first, zone=zone) == "one offer from inside a visit"


@pytest.mark.parametrize(
    ("at_most", "days", "fired"),
    [
        ("1 per day", [0, 0, 0, 1, 1, 2], [0, 3, 5]),
        ("2 per day", [0, 0, 0, 1, 1, 1], [0, 1, 3, 4]),
        ("1 per week", [0, 1, 6, 7, 8, 13, 14], [0, 3, 6]),
        ("2 per week", [0, 1, 2, 6, 7, 8, 9], [0, 1, 4, 5]),
    ],
)
def test_a_cap_counts_days_of_the_shop(at_most: str, days: list[int], fired: list[int]) -> None:
    (rule,) = rules(f"on: arrived, {OFFER}, at_most: {at_most}")
    ledger = Ledger()
    visits = [f"v-{number}" for number in range(len(days))]
    said = [
        allowed(ledger, rule, visit=visit, local=NOON + timedelta(days=day))
        for visit, day in zip(visits, days, strict=True)
    ]
    assert [index for index, refusal in enumerate(said) if not refusal] == fired
    assert set(said) == {"", f"at most {at_most}"}


def test_a_day_ends_at_midnight() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}, at_most: 1 per day")
    ledger = Ledger()
    assert allowed(ledger, rule, visit="v-1", local=datetime(2026, 11, 22, 23, 59, 59)) == ""
    assert allowed(ledger, rule, visit="v-2", local=datetime(2026, 11, 23, 0, 0, 0)) == ""


def test_a_cap_is_for_each_member_and_rule() -> None:
    first, second = rules(f"on: arrived, {OFFER}, at_most: 1 per day", f"on: arrived, {OFFER}, at_most: 1 per day")
    ledger = Ledger()
    assert allowed(ledger, first, visit="v-1") == ""
    assert allowed(ledger, second, visit="v-2") == ""
    assert allowed(ledger, first, visit="v-3", who=member("m-2")) == ""


def test_a_cap_per_visit_tightens_across_groups_and_sides() -> None:
    (rule,) = rules(f"on: entered, {OFFER}, at_most: 1 per visit")
    ledger = Ledger()
    assert allowed(ledger, rule, zone=PAVEMENT) == ""
    assert allowed(ledger, rule, zone=SHOES) == "at most 1 per visit"
    assert allowed(ledger, rule, zone=SHOES, visit="v-2") == ""


def test_a_member_can_be_forgotten() -> None:
    (rule,) = rules(f"on: arrived, {ALERT}")
    ledger = Ledger()
    allowed(ledger, rule)
    ledger.forget("m-1")
    ledger.forget("m-1")
    assert ledger.as_json("m-1") is None
    assert allowed(ledger, rule) == ""


@pytest.mark.parametrize("value", [None, [], {}, {"visits": 3}, {"day": 1, "visits": [["v"]], "days": {}}, "x"])
def test_what_was_never_written_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="ledger"):
        Ledger().load("m-1", value)


def test_what_is_held_stays_small() -> None:
    (rule,) = rules(f"on: arrived, {ALERT}")
    ledger = Ledger()
    for number in range(2000):
        ledger.note(rule, situation(visit=f"v-{number}", local=NOON + timedelta(minutes=5 * number)))
    assert len(json.dumps(ledger.as_json("m-1"))) < 500
    for number in range(2000):
        ledger.note(rule, situation(who=member(f"other-{number}"), local=NOON + timedelta(hours=number)))
    held = [number for number in range(2000) if ledger.as_json(f"other-{number}")]
    assert held == list(range(held[0], 2000))
    assert len(held) <= 7 * 24


class Try(NamedTuple):
    rule: int
    member: int
    leave: bool  # the visit ended before
    later_h: int
    outside: bool
    restart: bool


TRIES = st.builds(
    Try, st.integers(0, 4), st.integers(0, 1), st.booleans(), st.integers(0, 40), st.booleans(), st.booleans()
)


@given(st.lists(TRIES, max_size=60))
@settings(max_examples=150, deadline=None)
def test_never_more_than_allowed_whatever_the_order(tries: list[Try]) -> None:
    made = rules(
        f"on: entered, {ALERT}",
        f"on: entered, {DESIGNERS}, at_most: 1 per week",
        f"on: entered, {OFFER}, at_most: 2 per day",
        f"on: entered, {OFFER}, at_most: 3 per week",
        f"on: entered, {ALERT}, at_most: 1 per visit",
    )
    ledger, local, visits, entered = Ledger(), NOON, [0, 0], [NOON, NOON]
    fired: list[tuple[Any, ...]] = []
    for each in tries:
        local += timedelta(hours=each.later_h)
        if each.leave or (local - entered[each.member]).days >= 6:  # visits are shorter than what caps look back
            visits[each.member] += 1
            entered[each.member] = local
        rule, who, visit = made[each.rule], f"m-{each.member}", f"v-{each.member}-{visits[each.member]}"
        if each.restart:
            ledger = _restarted(ledger)
        zone = PAVEMENT if each.outside else SHOES
        if not allowed(ledger, rule, who=member(who), visit=visit, zone=zone, local=local):
            slot = rule.action.group if isinstance(rule.action, Alert) else each.outside
            fired.append((rule.name, who, visit, slot, local.date()))
    assert max(Counter((who, visit, slot) for _, who, visit, slot, _ in fired).values(), default=0) <= 1
    assert max(Counter((who, visit) for name, who, visit, *_ in fired if name == "r5").values(), default=0) <= 1
    assert max(Counter((who, day) for name, who, *_, day in fired if name == "r3").values(), default=0) <= 2
    for name, most in (("r2", 1), ("r4", 3)):
        for who in ("m-0", "m-1"):
            days = [day for rule_name, other, *_, day in fired if (rule_name, other) == (name, who)]
            assert all(sum(first <= day < first + timedelta(days=7) for day in days) <= most for first in days)


def _restarted(ledger: Ledger) -> Ledger:
    """Carry every member's account over to a new ledger, as text."""
    again = Ledger()
    for who in ("m-0", "m-1"):
        value = ledger.as_json(who)
        if value is not None:
            again.load(who, json.loads(json.dumps(value)))
    return again
