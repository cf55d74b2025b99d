"""Caps: never more than allowed, whatever the order, and the same after a restart; each says why it stands."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rules import ALERT, OFFER, rules
from virtual_situation import ENTRANCE, NOON, PAVEMENT, SHOES, member, situation

from gateway.retold import retold
from rules.caps import Ledger, refusal_of
from rules.limits import MOST, Caps
from rules.messages import speak
from rules.model import Alert, AtMost, Rule
from rules.offers import DAY_S, Word

DESIGNERS = "alert: {group: designers, text: '{greeting}'}"


def allowed(ledger: Ledger, rule: Rule, **values: Any) -> str:
    """Let a rule fire where no cap stands against it, and say which one does."""
    seen = situation(**values)
    refusal = refusal_of(ledger.standing(rule, seen))
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


def test_a_cap_per_visit_counts_what_fired_today_outside_any_visit_for_who_is_not_here() -> None:
    (rule,) = rules(f"on: arrived, {ALERT}, at_most: 1 per visit")
    ledger, inside = Ledger(), situation()
    for seen, refusal in [
        (inside, ""),
        (nearby := replace(inside, visit=None), ""),
        (replace(nearby, local=NOON + timedelta(hours=3), decided=nearby.decided + 3 * 3600), "at most 1 per visit"),
        (replace(nearby, local=NOON + timedelta(days=1), decided=nearby.decided + DAY_S), ""),
    ]:
        assert refusal_of(ledger.standing(rule, seen)) == refusal
        if not refusal:
            ledger.note(rule, seen)


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


def test_what_is_held_of_a_member_is_bounded_also_where_nobody_asked_first() -> None:
    (rule,) = rules(f"on: arrived, {ALERT}")
    ledger = Ledger()
    for number in range(2000):
        ledger.note(rule, situation(visit=f"v-{number}", local=NOON + timedelta(minutes=5 * number)))
    assert len(json.dumps(ledger.as_json("m-1"))) < 8000


def test_a_busy_member_takes_a_row_of_three_kilobytes_at_most() -> None:
    alert, offer = rules(f"on: arrived, {ALERT}", f"on: arrived, {OFFER}")
    ledger, sizes = Ledger(), []
    for number in range(24 * 30):
        values: dict[str, Any] = {"visit": f"visit-{number:06}", "local": NOON + timedelta(hours=number)}
        allowed(ledger, alert, **values)
        if not allowed(ledger, offer, **values):
            ledger.triggered("m-1", offer.name, f"f-{number:032x}", values["local"].timestamp() + 600)
        sizes.append(len(json.dumps(ledger.as_json("m-1"))))
    assert max(sizes) < 3000


def test_members_are_forgotten_once_no_cap_looks_back_so_far() -> None:
    (rule,) = rules(f"on: arrived, {ALERT}")
    ledger = Ledger()
    for number in range(2000):
        ledger.note(rule, situation(who=member(f"other-{number}"), local=NOON + timedelta(hours=number)))
    held = [number for number in range(2000) if ledger.as_json(f"other-{number}")]
    assert held == list(range(held[0], 2000))
    assert len(held) <= 9 * 24


def sent(ledger: Ledger, rule: Rule, number: int, *, days: float = 0.0, ttl_s: float = 600.0, who: str = "m-1") -> str:
    """Let an offer be made where no cap stands against it, as visit and token `number`, and say which one does."""
    local = NOON + timedelta(days=days)
    refusal = allowed(ledger, rule, who=member(who), visit=f"v-{number}", local=local)
    if not refusal:
        ledger.triggered(who, rule.name, f"f-{number}", local.timestamp() + ttl_s)
    return refusal


def at(days: float) -> float:
    return (NOON + timedelta(days=days)).timestamp()


def test_so_many_alerts_a_day_and_a_week_over_all_rules_and_groups() -> None:
    first, second = rules(f"on: arrived, {ALERT}", f"on: entered, {DESIGNERS}")
    ledger = Ledger(Caps(alerts_per_day=3, alerts_per_week=5))
    said = [
        allowed(ledger, rule, visit=f"v-{day}-{visit}", local=NOON + timedelta(days=day))
        for day in (0, 1, 6, 7)
        for visit in range(2)
        for rule in (first, second)
    ]
    day, week = "at most 3 alerts a day", "at most 5 alerts a week"
    assert said == ["", "", "", day, "", "", week, week, *[week] * 4, "", "", "", day]


def test_so_many_offers_a_day_and_a_week_over_all_rules() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    ledger = Ledger(Caps(offers_per_day=2, offers_per_week=3))
    said = [sent(ledger, rule, number, days=number // 3, ttl_s=7 * DAY_S) for number in range(6)]
    assert said == ["", "", "at most 2 offers a day", "", *["at most 3 offers a week"] * 2]


def test_a_cap_of_none_is_never() -> None:
    alert, offer = rules(f"on: arrived, {ALERT}", f"on: arrived, {OFFER}")
    ledger = Ledger(Caps(alerts_per_day=0, offers_per_week=0))
    assert allowed(ledger, alert) == "at most 0 alerts a day"
    assert allowed(ledger, offer) == "at most 0 offers a week"


@pytest.mark.parametrize("name", MOST)
def test_caps_above_the_ceilings_cannot_be_made(name: str) -> None:
    assert getattr(Caps(**{name: MOST[name]}), name) == MOST[name]
    for value in (-1, MOST[name] + 1):
        with pytest.raises(ValueError, match=name):
            Caps(**{name: value})


def test_what_was_asked_for_has_caps_of_its_own_and_takes_nothing_from_the_others() -> None:
    plain, *asked = rules(*[f"on: entered, {ALERT}"] * 11)
    answers = [replace(rule, answers="sign-up") for rule in asked]
    ledger = Ledger()
    assert [allowed(ledger, rule) for rule in answers[:3]] == ["", "", ""]
    assert allowed(ledger, answers[0]) == "one answer of r2 a visit"
    assert allowed(ledger, answers[3]) == "at most 3 answers a visit"
    assert allowed(ledger, plain) == ""
    assert [allowed(ledger, rule, visit="v-2") for rule in answers[:3]] == ["", "", ""]
    assert [allowed(ledger, rule, visit="v-3") for rule in answers[:3]] == ["", "", ""]
    assert allowed(ledger, answers[4], visit="v-4") == "at most 9 answers a day"
    assert allowed(ledger, plain, visit="v-4") == ""


def test_an_offer_is_never_an_answer() -> None:
    first, second = rules(f"on: entered, {OFFER}", "on: entered, offer: {id: other}")
    ledger = Ledger()
    assert allowed(ledger, first) == ""
    assert allowed(ledger, replace(second, answers="claim")) == "one offer from inside a visit"


def test_who_is_not_here_gets_one_offer_in_two_hours() -> None:
    first, second = rules(f"on: arrived, {OFFER}", "on: arrived, offer: {id: limited}")
    ledger = Ledger()
    said = []
    for minutes, rule in ((0, first), (0, second), (119, second), (120, second), (121, first)):
        seen = replace(situation("nearby", zone=None, local=NOON + timedelta(minutes=minutes)), visit=None)
        said.append(refusal_of(ledger.standing(rule, seen)))
        if not said[-1]:
            ledger.note(rule, seen)
    refused = "one offer in 2 h for who is not here"
    assert said == ["", refused, refused, "", refused]
    assert allowed(ledger, first, local=NOON + timedelta(minutes=122)) == ""


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_several_caps_of_a_rule_all_hold(order: tuple[int, int]) -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    caps = (AtMost(1, "day"), AtMost(2, "week"))
    rule = replace(rule, at_most=tuple(caps[index] for index in order))
    ledger = Ledger()
    said = [allowed(ledger, rule, visit=f"v-{n}", local=NOON + timedelta(days=n // 2)) for n in range(6)]
    assert said[:3] == ["", "at most 1 per day", ""]
    assert said[4:] == ["at most 2 per week"] * 2


def test_for_one_member_ever_is_ever_and_survives_a_restart() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    rule = replace(rule, at_most=(AtMost(2, "member"),))
    ledger, said = Ledger(), []
    for year in range(4):
        said.append(allowed(ledger, rule, visit=f"v-{year}", local=NOON + timedelta(days=365 * year)))
        ledger = _restarted(ledger)
    assert said == ["", "", "at most 2 per member", "at most 2 per member"]
    assert ledger.kept_until("m-1") is None
    assert allowed(ledger, rule, who=member("m-2"), local=NOON + timedelta(days=1500)) == ""
    ledger.forget("m-1")
    assert allowed(ledger, rule, local=NOON + timedelta(days=1501)) == ""


def test_a_rule_can_be_bounded_for_all_members_of_a_day_together() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    rule = replace(rule, at_most=(AtMost(3, "rule"),))
    ledger = Ledger()

    def tried(names: str, day: int) -> list[str]:
        return [allowed(ledger, rule, who=member(name), local=NOON + timedelta(days=day)) for name in names]

    assert tried("abcd", 0) == ["", "", "", "at most 3 per rule"]
    again = Ledger()
    for name in "abc":
        again.load(name, ledger.as_json(name))
    ledger = again
    assert tried("d", 0) == ["at most 3 per rule"]
    ledger.forget("a")
    assert tried("de", 0) == ["", "at most 3 per rule"]
    assert tried("efgh", 1) == ["", "", "", "at most 3 per rule"]


def test_a_cooldown_passes_to_the_second_and_says_until_when() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    rule = replace(rule, cooldown_s=30 * DAY_S)
    ledger = Ledger()
    said = []
    for number, t in enumerate([0.0, 30 * DAY_S - 1, 30 * DAY_S, 31 * DAY_S]):
        ledger = _restarted(ledger)
        said.append(allowed(ledger, rule, visit=f"v-{number}", local=NOON + timedelta(seconds=t)))
    first, second = "cooldown of 30 days, until 2026-12-22 12:30", "cooldown of 30 days, until 2027-01-21 12:30"
    assert said == ["", first, "", second]


def test_not_now_silences_for_a_week_what_looks_the_same_and_nothing_else() -> None:
    first, same, other, offer, asked = rules(
        f"on: arrived, {ALERT}", f"on: entered, {ALERT}", f"on: entered, {DESIGNERS}", f"on: entered, {OFFER}",
        f"on: entered, {ALERT}",
    )  # fmt: skip
    asked = replace(asked, answers="counter")
    ledger = Ledger()
    assert allowed(ledger, first) == ""
    assert ledger.not_now("m-1", "r1", at(0))
    for number, (rule, refusal) in enumerate([(first, True), (same, True), (other, False), (offer, False)]):
        said = allowed(ledger, rule, visit=f"v-2{number}", local=NOON + timedelta(days=1))
        assert said == ("not now, until 2026-11-29 12:30" if refusal else "")
    assert allowed(ledger, asked, visit="v-3", local=NOON + timedelta(days=2)) == ""
    assert allowed(ledger, first, who=member("m-2"), visit="v-x", local=NOON + timedelta(days=2)) == ""
    ledger = _restarted(ledger)
    assert allowed(ledger, same, visit="v-4", local=NOON + timedelta(days=7, seconds=-1)).startswith("not now")
    assert allowed(ledger, same, visit="v-4", local=NOON + timedelta(days=7)) == ""


def test_not_now_to_an_answer_silences_that_rule_alone() -> None:
    one, other = (replace(rule, answers="sign-up") for rule in rules(*[f"on: entered, {ALERT}"] * 2))
    ledger = Ledger()
    assert allowed(ledger, one) == ""
    ledger.not_now("m-1", "r1", at(0))
    assert allowed(ledger, one, visit="v-2").startswith("not now")
    assert allowed(ledger, other, visit="v-2") == ""


def test_not_now_can_be_said_twice_and_be_undone() -> None:
    (rule,) = rules(f"on: arrived, {ALERT}")
    ledger = Ledger()
    assert not ledger.not_now("m-1", "r1", at(0))
    assert allowed(ledger, rule) == ""
    assert not ledger.undo_not_now("m-1", "r1")
    assert not ledger.not_now("m-1", "r9", at(0))
    assert ledger.not_now("m-1", "r1", at(0))
    once = ledger.as_json("m-1")
    assert ledger.not_now("m-1", "r1", at(0))
    assert ledger.as_json("m-1") == once
    assert ledger.undo_not_now("m-1", "r1")
    assert not ledger.undo_not_now("m-1", "r1")
    assert allowed(ledger, rule, visit="v-2") == ""


def test_a_halved_rate_counts_from_the_last_offer_though_older_ones_were_missed_after_it() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    ledger = Ledger()
    for number, ttl_s in enumerate([1.2 * DAY_S, 1.2 * DAY_S, 9 * DAY_S]):
        assert sent(ledger, rule, number, days=number / 3, ttl_s=ttl_s) == ""
    assert sent(ledger, rule, 3, days=2) == "not redeemed, so once in 2 days"
    assert sent(ledger, rule, 4, days=3) == ""


def test_two_offers_that_were_not_redeemed_halve_the_rate_down_to_an_eighth() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    ledger, days = Ledger(), []
    for day in range(60):
        ledger = _restarted(ledger)
        refusal = sent(ledger, rule, day, days=day)
        assert refusal == "" or refusal.startswith("not redeemed, so once in ")
        if not refusal:
            days.append(day)
    assert days == [0, 1, 3, 5, 9, 13, 21, 29, 37, 45, 53]


def test_the_days_are_doubled_as_the_rule_has_them() -> None:
    (offer,) = rules(f"on: arrived, {OFFER}")
    slow = replace(offer, at_most=(AtMost(1, "week"),))
    ledger = Ledger()
    days = [day for day in range(200) if not sent(ledger, slow, day, days=day)]
    assert days == [0, 7, 21, 35, 63, 91, 147]


def test_a_redemption_makes_the_rate_whole_at_once() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    ledger = Ledger()
    for day in (0, 1):
        assert sent(ledger, rule, day, days=day) == ""
    assert sent(ledger, rule, 2, days=2) == "not redeemed, so once in 2 days"
    assert ledger.outcome("m-1", "f-1", "redeemed", at(2))
    assert [sent(ledger, rule, day, days=day) for day in (2, 3)] == ["", ""]


def test_dismissed_counts_at_once_and_shown_not_at_all() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    ledger = Ledger()
    assert sent(ledger, rule, 0, ttl_s=7 * DAY_S) == ""
    assert sent(ledger, rule, 1, ttl_s=7 * DAY_S) == ""
    assert ledger.outcome("m-1", "f-0", "shown", at(0))
    assert ledger.outcome("m-1", "f-0", "dismissed", at(0))
    assert sent(ledger, rule, 2, ttl_s=7 * DAY_S) == ""
    assert ledger.outcome("m-1", "f-1", "dismissed", at(0))
    assert sent(ledger, rule, 3) == "not redeemed, so once in 2 days"


def test_offers_are_told_apart_by_id_and_member() -> None:
    rule, other = rules(f"on: arrived, {OFFER}", "on: arrived, offer: {id: other}")
    ledger = Ledger()
    for number in range(2):
        assert sent(ledger, rule, number) == ""
        ledger.outcome("m-1", f"f-{number}", "dismissed", at(0))
    assert sent(ledger, rule, 2) != ""
    assert sent(ledger, other, 3) == ""
    assert sent(ledger, rule, 4, who="m-2") == ""


WORDS: list[Word] = ["shown", "dismissed", "redeemed"]


@pytest.mark.parametrize("first", WORDS)
@pytest.mark.parametrize("second", WORDS)
def test_what_is_said_twice_or_of_nothing_known_changes_nothing(first: Word, second: Word) -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    ledger = Ledger()
    assert ledger.member_of("f-0") is None
    assert not ledger.outcome("m-1", "f-0", first, at(0))
    sent(ledger, rule, 0)
    assert ledger.member_of("f-0") == "m-1"
    assert ledger.outcome("m-1", "f-0", first, at(0))
    before = ledger.as_json("m-1")
    assert not ledger.outcome("m-1", "f-0", first, at(0))
    assert not ledger.outcome("m-1", "f-9", second, at(0))
    assert not ledger.outcome("m-2", "f-0", second, at(0))
    assert ledger.as_json("m-1") == before
    assert ledger.outcome("m-1", "f-0", second, at(0)) == (WORDS.index(second) > WORDS.index(first))


def test_an_offer_without_a_rule_that_made_it_is_not_noted() -> None:
    (alert,) = rules(f"on: arrived, {ALERT}")
    ledger = Ledger()
    ledger.triggered("m-1", "r1", "f-0", at(1))
    allowed(ledger, alert)
    ledger.triggered("m-1", "r1", "f-0", at(1))
    assert ledger.member_of("f-0") is None


def test_tokens_are_forgotten_a_week_after_their_time_and_with_the_member() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    ledger = Ledger()
    for day in range(100):
        sent(ledger, rule, day, days=day, who=f"m-{day}")
    known = [day for day in range(100) if ledger.member_of(f"f-{day}")]
    assert len(known) <= 98
    ledger.forget("m-99")
    assert ledger.member_of("f-99") is None


def test_how_the_caps_stand_is_told_up_to_the_one_that_refuses() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}, at_most: 2 per day")
    ledger = Ledger()
    assert ledger.standing(rule, situation()) == (
        ("one offer from inside a visit", 0, 1),
        ("at most 6 offers a day", 0, 6),
        ("at most 12 offers a week", 0, 12),
        ("at most 2 per day", 0, 2),
    )
    sent(ledger, rule, 0)
    sent(ledger, rule, 1)
    assert ledger.outcome("m-1", "f-0", "dismissed", at(0))
    assert ledger.outcome("m-1", "f-1", "dismissed", at(0))
    before = (
        ("one offer from inside a visit", 0, 1),
        ("at most 6 offers a day", 2, 6),
        ("at most 12 offers a week", 2, 12),
    )
    again, free = situation(visit="v-9"), replace(rule, at_most=())
    assert ledger.standing(rule, again) == (*before, ("at most 2 per day", 2, 2))
    rests = ("cooldown of 1 min, until 2026-11-22 12:31", 1, 1)
    assert ledger.standing(replace(free, cooldown_s=60.0), again) == (*before, rests)
    assert ledger.standing(free, again) == (*before, ("not redeemed, so once in 2 days", 1, 1))
    assert ledger.standing(rule, situation(visit="v-1")) == (("one offer from inside a visit", 1, 1),)


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("one answer of check-in a visit", "每次到店 check-in 只应要求提醒一次"),
        ("one offer in 2 h for who is not here", "不在店内的会员 2 h 内只有一次优惠"),
        ("at most 6 alerts a day", "每天最多 6 次主动提醒"),
        ("at most 12 offers a week", "每周最多 12 次优惠"),
        ("at most 3 answers a visit", "每次到店最多 3 次应要求的提醒"),
        ("not now, until 2026-11-29 12:30", "会员说了“现在不用”，到 2026-11-29 12:30 为止"),
        ("cooldown of 3 days, until 2026-11-25 12:30", "冷却 3 days，到 2026-11-25 12:30 为止"),
        ("not redeemed, so once in 2 days", "优惠未被使用，因此 2 天一次"),
    ],
)
def test_each_cap_that_stands_is_told_in_chinese_too(reason: str, chinese: str) -> None:
    speak("zh")
    try:
        assert retold(reason) == chinese
    finally:
        speak("en")


@pytest.mark.parametrize(
    "damage",
    [
        {"reached": [[1, "visit", "", "", "", ""]]},
        {"reached": [[1]]},
        {"fired": {"r": [1, 2]}},
        {"not_now": {"k": "later"}},
        {"offers": {"sent": {"f": ["o", 1, 2, "lost"]}, "records": {}}},
        {"offers": {}},
        {"touched": None},
    ],
)
def test_a_damaged_account_is_refused(damage: dict[str, Any]) -> None:
    (rule,) = rules(f"on: arrived, {ALERT}")
    ledger = Ledger()
    allowed(ledger, rule)
    with pytest.raises(ValueError, match="ledger"):
        Ledger().load("m-1", {**(ledger.as_json("m-1") or {}), **damage})


# Time that does not pass evenly


def test_a_clock_that_is_set_neither_pesters_nor_silences_for_longer() -> None:
    (rule,) = rules(f"on: arrived, {OFFER}")
    rule = replace(rule, cooldown_s=3 * DAY_S)
    for by_days in (-4000, -3, -1, 1, 3, 4000):
        ledger = Ledger()
        assert sent(ledger, rule, 0) == ""
        assert ledger.redate(by_days * DAY_S) == ["m-1"]
        ledger = _restarted(ledger)
        assert sent(ledger, rule, 1, days=by_days + 2.9).startswith("cooldown")
        assert sent(ledger, rule, 1, days=by_days + 3.1) == ""


def test_not_now_and_halving_go_with_a_clock_that_is_set() -> None:
    alert, offer = rules(f"on: arrived, {ALERT}", f"on: arrived, {OFFER}")
    ledger = Ledger()
    allowed(ledger, alert)
    ledger.not_now("m-1", "r1", at(0))
    for number in range(2):
        sent(ledger, offer, number)
    ledger.redate(100 * DAY_S)
    assert sent(ledger, offer, 3, days=101) == "not redeemed, so once in 2 days"
    assert ledger.outcome("m-1", "f-1", "redeemed", at(101))
    assert sent(ledger, offer, 4, days=101) == ""
    assert allowed(ledger, alert, visit="v-9", local=NOON + timedelta(days=106.9)).startswith("not now")
    assert allowed(ledger, alert, visit="v-9", local=NOON + timedelta(days=107)) == ""


def test_what_an_earlier_run_dated_stays_where_the_clock_of_this_one_is_set() -> None:
    """As where the shop cuts the power at night, and the machine wakes with the clock of last evening."""
    (rule,) = rules(f"on: arrived, {ALERT}, at_most: 1 per day")
    ledger = Ledger()
    assert allowed(ledger, rule) == ""
    ledger = _restarted(ledger)
    assert ledger.redate(0.5 * DAY_S) == []
    assert allowed(ledger, rule, visit="v-2", local=NOON + timedelta(days=1)) == ""


@pytest.mark.parametrize("behind_days", [0.1, 3, 4000])
def test_a_clock_that_is_behind_what_was_kept_silences_for_no_longer(behind_days: float) -> None:
    (rule,) = rules(f"on: arrived, {ALERT}, at_most: 1 per day")
    ledger = Ledger()
    assert allowed(ledger, rule) == ""
    ledger = _restarted(ledger)
    assert allowed(ledger, rule, visit="v-2", local=NOON - timedelta(days=behind_days)) == "at most 1 per day"
    assert allowed(ledger, rule, visit="v-2", local=NOON - timedelta(days=behind_days - 1)) == ""


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", datetime(2026, 10, 24, 23, 30)),  # 25 hours, a repeated 02:00
        ("Europe/Berlin", datetime(2026, 3, 28, 23, 30)),  # 23 hours
        ("Asia/Beirut", datetime(2026, 3, 28, 12, 0)),  # there is no midnight
        ("Atlantic/Azores", datetime(2026, 10, 24, 12, 0)),  # midnight comes twice
        ("Asia/Shanghai", datetime(2026, 11, 22, 12, 0)),
    ],
)
def test_days_are_the_calendars_where_the_clock_changes_too(zone: str, start: datetime) -> None:
    (rule,) = rules(f"on: arrived, {OFFER}, at_most: 1 per day")
    timezone = ZoneInfo(zone)
    ledger, fired = Ledger(), []
    begun = start.replace(tzinfo=timezone).timestamp()
    for quarter in range(4 * 72):
        local = datetime.fromtimestamp(begun + 900 * quarter, timezone)
        if not allowed(ledger, rule, visit=f"v-{quarter}", local=local):
            fired.append(local)
    assert [each.date() for each in fired] == [start.date() + timedelta(days=day) for day in range(5)][: len(fired)]
    assert len(fired) >= 3
    assert all((each.hour, each.minute) < (1, 15) for each in fired[1:])


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
