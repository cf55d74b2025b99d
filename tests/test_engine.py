"""The engine: which rules look, in which order, what stands against them, and what they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rules import ALERT, OFFER, rules
from virtual_situation import ENTRANCE, NOON, PAVEMENT, PURPOSES, SHOES, STORE, member, situation

from rules.caps import Ledger
from rules.engine import Engine
from rules.situation import AlertAction, Decision, OfferAction, Situation, Trust, ZoneView

PRIVATE = frozenset({"balance"})


def decide(lines: list[str], seen: Situation, ledger: Ledger | None = None) -> list[Decision]:
    return Engine(rules(*lines), PRIVATE).decide(seen, ledger or Ledger())


def outcomes(lines: list[str], seen: Situation, ledger: Ledger | None = None) -> list[str]:
    return [decision.outcome for decision in decide(lines, seen, ledger)]


@pytest.mark.parametrize(
    ("on", "seen", "looks"),
    [
        ("arrived", situation("arrived"), True),
        ("arrived", situation("entered"), False),
        ("{arrived}", situation("arrived", zone=None), True),
        ("{entered, zone: {kind: shelf}}", situation("entered", zone=SHOES), True),
        ("{entered, zone: {kind: shelf}}", situation("entered"), False),
        ("{entered, zone: {kind: shelf}}", situation("entered", zone=None), False),
        ("{moved, zone: {id: shoes}}", situation("moved", zone=SHOES), True),
        ("{moved, zone: {id: shoes}}", situation("moved", zone=replace(SHOES, id="hats")), False),
        ("{left, zone: {kind: inside}}", situation("left", zone=None), True),
        ("{dwell: 5s, zone: {kind: outside}}", situation("dwell", zone=PAVEMENT, dwell=5), True),
        ("{dwell: 5s, zone: {kind: outside}}", situation("dwell", zone=PAVEMENT, dwell=6), False),
        ("{dwell: 5s, zone: {kind: outside}}", situation("dwell", zone=SHOES, dwell=5), False),
        ("{dwell: 5s}", situation("dwell", zone=SHOES, dwell=5), False),
        ("{dwell: 5s}", replace(situation("dwell", zone=SHOES, dwell=5), dwell_of="zone"), True),
        ("{dwell: 5s, zone: {id: shoes}}", situation("dwell", zone=SHOES, dwell=5), False),
        ("{dwell: 5s, zone: {id: shoes}}", replace(situation("dwell", zone=SHOES, dwell=5), dwell_of="zone"), True),
    ],
)
def test_a_rule_looks_at_its_own_trigger_and_zone(on: str, seen: Situation, looks: bool) -> None:
    assert outcomes([f"on: {on}, {OFFER}"], seen) == (["fired"] if looks else [])


def test_the_engine_says_which_dwells_matter() -> None:
    engine = Engine(
        rules(
            f"on: {{dwell: 5s, zone: {{kind: outside}}}}, {OFFER}",
            f"on: {{dwell: 5s, zone: {{kind: outside}}}}, {OFFER}",
            f"on: {{dwell: 6s, zone: {{id: shoes}}}}, {OFFER}",
            f"on: {{dwell: 1 min}}, {OFFER}",
            f"on: entered, {OFFER}",
        ),
        PRIVATE,
    )
    assert engine.dwell_lengths(PAVEMENT) == ((5.0, "kind"), (60.0, "zone"))
    assert engine.dwell_lengths(SHOES) == ((6.0, "zone"), (60.0, "zone"))


def test_rules_speak_in_their_order_and_the_caps_choose() -> None:
    lines = [f"on: arrived, {ALERT}", f"on: arrived, {OFFER}", f"on: arrived, {ALERT}", f"on: arrived, {OFFER}"]
    said = decide(lines, situation())
    assert [(decision.rule, decision.outcome) for decision in said] == [
        ("r1", "fired"),
        ("r2", "fired"),
        ("r3", "cap"),
        ("r4", "cap"),
    ]
    assert said[2].reason == "one alert to floor a visit"


def test_what_does_not_fire_uses_no_cap() -> None:
    ledger = Ledger()
    lines = [f"on: arrived, if: facts.good, {ALERT}, at_most: 1 per day"]
    assert outcomes(lines, situation(), ledger) == ["missing"]
    assert outcomes(lines, situation(facts={"good": True}), ledger) == ["fired"]
    assert outcomes(lines, situation(facts={"good": True}), ledger) == ["cap"]


@pytest.mark.parametrize(
    ("trigger", "zone", "action", "needs"),
    [
        ("arrived", ENTRANCE, ALERT, {"recognise"}),
        ("arrived", None, ALERT, {"recognise"}),
        ("left", SHOES, ALERT, {"recognise"}),
        ("arrived", ENTRANCE, OFFER, {"offers"}),
        ("entered", ENTRANCE, ALERT, {"recognise"}),
        ("entered", SHOES, ALERT, {"recognise", "zones"}),
        ("entered", SHOES, OFFER, {"offers", "zones"}),
        ("moved", None, ALERT, {"recognise", "zones"}),
        ("passing", PAVEMENT, OFFER, {"offers", "zones"}),
    ],
)
def test_it_takes_consent_to_every_purpose(trigger: Any, zone: ZoneView | None, action: str, needs: set[str]) -> None:
    for missing in PURPOSES:
        who = member(purposes=PURPOSES - {missing})
        (said,) = decide([f"on: {trigger}, {action}"], situation(trigger, who, zone=zone))
        expected = ("consent", f"no consent to {missing}") if missing in needs else ("fired", "")
        assert (said.outcome, said.reason) == expected


def test_a_member_without_consent_is_not_judged() -> None:
    who = member(purposes=frozenset())
    (said,) = decide([f"on: arrived, if: member.points > 3, {ALERT}"], situation(who=who))
    assert (said.outcome, said.reason) == ("consent", "no consent to recognise")


def test_a_silence_names_the_line_of_its_cause() -> None:
    (rule,) = rules(f"on: arrived, if: facts.good, {ALERT}")
    spread = replace(rule, line=7)
    said = Engine([spread], PRIVATE).decide(situation(facts={"good": False}), Ledger())
    assert said == [Decision("r1", rule.file, 1, "condition", "facts.good is false")]
    said = Engine([spread], PRIVATE).decide(situation(who=member(deny=("alerts",)), facts={"good": True}), Ledger())
    assert said == [Decision("r1", rule.file, 7, "choice", "the member denies alerts")]


@pytest.mark.parametrize(
    ("line", "trust", "reason"),
    [
        (f"on: arrived, {ALERT}", Trust.HINT, ""),
        (f"on: arrived, {ALERT}, trust: weak", Trust.HINT, "hint, needs weak"),
        (f"on: arrived, {ALERT}, trust: weak", Trust.WEAK, ""),
        (f"on: arrived, {ALERT}, trust: fresh", Trust.WEAK, "weak, needs fresh"),
        ("on: arrived, alert: {group: floor, text: '{balance}'}", Trust.WEAK,
         "weak, needs fresh because balance is private"),
        ("on: arrived, alert: {group: floor, text: '{balance}'}", Trust.FRESH, ""),
        ("on: arrived, alert: {group: floor, text: {zh: '{greeting}', en: '{member.attributes.balance}'}}", Trust.HINT,
         "hint, needs fresh because balance is private"),
        ("on: arrived, offer: {id: x, payload: {left: [{now: '{member.balance}'}]}}", Trust.HINT,
         "hint, needs fresh because balance is private"),
        ("on: arrived, offer: {id: x, payload: {points: '{member.points}'}}", Trust.HINT, ""),
        (f"on: arrived, if: member.balance < 20, {OFFER}", Trust.HINT, ""),
    ],
)  # fmt: skip
def test_what_is_private_takes_fresh_trust(line: str, trust: Trust, reason: str) -> None:
    who = member(attributes={"balance": 18.5, "points": 620})
    (said,) = decide([line], situation(who=who, trust=trust))
    assert (said.outcome, said.reason) == (("trust", reason) if reason else ("fired", ""))


def test_quiet_hours_keep_staff_undisturbed_and_offers_going() -> None:
    def quiet(moment: time) -> bool:
        return moment >= time(21, 30) or moment < time(10)

    engine = Engine(rules(f"on: arrived, {ALERT}", f"on: arrived, {OFFER}"), PRIVATE, quiet)
    late, early = situation(local=NOON.replace(hour=22)), situation(local=NOON)
    assert [said.outcome for said in engine.decide(late, Ledger())] == ["quiet", "fired"]
    assert [said.outcome for said in engine.decide(early, Ledger())] == ["fired", "fired"]


def test_a_members_choices_hold() -> None:
    who = member(deny=("offers:alcohol",), only=("size:28",))
    lines = [
        "on: arrived, offer: {id: x, payload: {category: alcohol}}",
        "on: arrived, offer: {id: x, payload: {size: 30}}",
        "on: arrived, offer: {id: x, payload: {size: 28}}",
    ]
    assert outcomes(lines, situation(who=who)) == ["choice", "choice", "fired"]


def test_an_alert_is_final() -> None:
    lines = ["on: arrived, alert: {group: floor, text: '{greeting} 进店 · {verified}', haptic: long, expires: 30 s}"]
    (said,) = decide(lines, situation(who=member(greeting="王\n女士")))
    assert said.action == AlertAction("floor", "王 女士 进店 · 未验证", "long", 30.0, "王 女士")


def test_an_alert_with_nothing_to_say_gives_the_greeting() -> None:
    (said,) = decide(["on: arrived, alert: {group: floor, text: '{note}'}"], situation())
    assert said.action == AlertAction("floor", "会员", "short-short", 60.0, "会员")


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("{zh: '{greeting} 来', en: '{greeting} here'}", "会员 来", "A member here"),
        ("'{greeting}!'", "会员!", "A member!"),
        ("{zh: '{greeting} 来'}", "会员 来", "会员 来"),
        ("{en: '{greeting} here'}", "A member here", "A member here"),
    ],
)
def test_staff_read_their_language_where_the_rule_speaks_it(text: str, zh: str, en: str) -> None:
    lines = [f"on: arrived, alert: {{group: floor, text: {text}}}"]
    spoken = [(STORE, zh), (replace(STORE, language="en"), en)]
    for store, expected in spoken:
        (said,) = decide(lines, situation(store=store))
        assert isinstance(said.action, AlertAction)
        assert said.action.text == expected


def test_a_payload_carries_data_and_values() -> None:
    payload = (
        "{kind: price, at: 22:00, off: 0.2, live: true, item: '{facts.item}', who: [1, '{member.tier}'], "
        "zone: '{zone.id}', none: '{facts.none}', nothing: null}"
    )
    who = member(attributes={"tier": "gold"})
    lines = [f"on: arrived, offer: {{id: x, ttl: 1 h, payload: {payload}}}"]
    (said,) = decide(lines, situation(who=who, facts={"item": {"sku": "sku-114"}}))
    assert said.action == OfferAction(
        "x",
        3600.0,
        {
            "kind": "price",
            "at": "22:00",
            "off": 0.2,
            "live": True,
            "item": {"sku": "sku-114"},
            "who": [1, "gold"],
            "zone": "entrance",
            "nothing": None,
        },
    )


def test_nothing_is_asked_of_nobody() -> None:
    assert Engine([], PRIVATE).decide(situation(), Ledger()) == []
    assert Engine([], PRIVATE).dwell_lengths(SHOES) == ()


LINES = [
    "on: arrived, if: member.balance < 20, alert: {group: floor, text: '{greeting} · {points} · {balance}'}",
    "on: arrived, if: [member.points > 9 || member.tier == 'gold', facts.a], offer: {id: a, payload: {a: '{facts.a}'}}",
    "on: arrived, if: member.attributes.balance > facts.a, alert: {group: designers, text: '{member.attributes.x}'}",
    "on: arrived, if: \"'x' in member.tags || facts['a'] == member.attributes['x']\", offer: {id: b}",
    "on: arrived, if: member.balance + 1 > 20 && facts.a.b.c, offer: {id: c, payload: {a: '{member.balance}'}}",
]
ENGINE = Engine(rules(*LINES), PRIVATE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("tier", "points", "tags", "x", "favourite_zones"), JSON)),
    st.fixed_dictionaries({}, optional={"a": JSON}),
    st.sampled_from(list(Trust)),
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_data_nothing_raises_and_nothing_private_gets_out(
    attributes: dict[str, Any], facts: dict[str, Any], trust: Trust
) -> None:
    seen = situation(who=member(attributes={**attributes, "balance": 777333.25}), facts=facts, trust=trust)
    said = ENGINE.decide(seen, Ledger())
    assert len(said) == len(LINES)
    assert all((decision.action is None) == (decision.outcome != "fired") for decision in said)
    if trust < Trust.FRESH:
        assert "777333" not in repr(said)
