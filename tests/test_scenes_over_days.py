"""The shipped rules in a day and the days after it, in virtual time: frames into the whole core, events out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from virtual_core import CONFIG, LEVELS, START, a_core, a_member, adverts, come_in, hear, shelf

from gateway.configuration.config import Config, Group, Hear, Receiver, Staff, Zone
from gateway.contract.inbound import ClaimAction
from gateway.core import Core
from gateway.events import Event, Outcome
from gateway.identity.suspicion import Elsewhere, Place
from gateway.shipped import shipped_rules
from rules.hours import Hours

HOUR, DAY = 3600.0, 86400.0
HERE, NEAR = Place(31.2214, 121.5447), Place(31.2300, 121.5500)
GROUPS = ("floor", "shelf", "designer", "counter")
ATTRIBUTES = {
    "tier": "gold",
    "points": 640,
    "balance": 8,
    "tags": ["event:e7"],
    "favourite_zones": ["shoes"],
}
FACTS: dict[str, Any] = {
    "new_arrivals": True,
    "trial": {"item": "rain-jacket", "until": "2025-12-31"},
    "clearance": {"items": ["boots"], "price_history": "ph-2211"},
    "limited_demo": {"id": "demo-7", "places": 3},
    "featured": {"zone": "shoes", "items": ["boots-19"]},
    "event": {"id": "e7", "name": "新品品鉴", "date": "2025-11-22"},
}
OFFERS = ["limited-demo", "clearance", "free-trial", "best-value", "new-arrivals", "virtual-outfit"]
ALERTS = ["returning-member", "checked-in", "straight-to-shelf", "designer", "low-balance"]


def the_shop(quiet: Hours | None = None) -> Config:
    """Return a shop with every shipped rule, a shelf and a counter."""
    return replace(
        CONFIG,
        store=replace(CONFIG.store, latitude=HERE.latitude, longitude=HERE.longitude),
        receivers=(*CONFIG.receivers, Receiver("till", "ble")),
        zones=(*CONFIG.zones, Zone("counter", "inside", (Hear("till", -65.0),))),
        staff=Staff(tuple(Group(name, ()) for name in GROUPS), quiet),
        rule_files=tuple(sorted(shipped_rules().values(), key=lambda file: file.stem != "returning-member")),
    )


def a_shop(*, test: bool = False, quiet: Hours | None = None) -> Core:
    return a_core(a_member(attributes=ATTRIBUTES, test=test), config=the_shop(quiet))


def rules_of(events: list[Event], kind: str) -> list[str]:
    """Return which rules raised alerts, or made offers, one after the other."""
    return [event.data["rule"] for event in events if event.type == f"hushbell.{kind}"]


def offers(out: Outcome) -> list[str]:
    return [event.data["offer"] for event in out.events if event.type == "hushbell.offer.triggered"]


def alert_of(out: Outcome, rule: str) -> Event:
    (found,) = [event for event in out.events if event.type == "hushbell.alert.raised" and event.data["rule"] == rule]
    return found


def claim(core: Core, t: float, alert: Event, action: ClaimAction) -> Outcome:
    return core.claim(START + t, alert.data["group"], "badge-1", alert.data["alert"], action)


def pass_by(core: Core, t: float, seconds: float = 2.0) -> Outcome:
    """Let somebody come past the window and be gone."""
    out = hear(core, adverts(t, seconds, LEVELS["window"]))
    out.merge(core.advance(START + t + seconds + 300))
    return out


def seen_nearby(core: Core, t: float) -> Outcome:
    return core.elsewhere(START + t, "anna-0001", Elsewhere("ibeacon", NEAR, START + t - 600, "lilac-02"))


def the_days_before(core: Core) -> None:
    """Let the member have come in three days ago, and passed twice the day before yesterday, when nothing was on."""
    hear(core, come_in(-3 * DAY))
    for hour in range(2):
        pass_by(core, -2 * DAY + hour * HOUR)


def a_whole_day(core: Core, t: float = 0.0) -> list[Event]:
    """Play all that one person can do in the shop in a day; return what was said."""
    return [event for out in _a_day(core, t) for event in out.events]


def _a_day(core: Core, t: float) -> Iterator[Outcome]:
    for name, value in FACTS.items():
        yield core.fact(START + t, name, value)
    yield seen_nearby(core, t + 60)
    yield seen_nearby(core, t + 60 + 2 * HOUR)
    yield pass_by(core, t + 3 * HOUR)
    yield pass_by(core, t + 4 * HOUR, 8)
    comes = t + 5 * HOUR
    yield hear(core, adverts(comes, 8, LEVELS["window"]), adverts(comes + 8, 5, LEVELS["door"]))
    out = hear(core, shelf(comes + 13, 15))
    yield out
    for alert in (event for event in out.events if event.type == "hushbell.alert.raised"):
        yield claim(core, comes + 29, alert, "serious")
    yield hear(core, adverts(comes + 30, 10, -52, "till"))
    yield core.advance(START + comes + HOUR)


def test_all_that_one_person_can_do_in_a_day_plays_under_the_shipped_caps() -> None:
    core = a_shop()
    the_days_before(core)
    said = a_whole_day(core)
    assert [event.data["offer"] for event in said if event.type == "hushbell.offer.triggered"] == OFFERS
    assert list(dict.fromkeys(rules_of(said, "alert.raised"))) == ALERTS


def test_a_mystery_shoppers_day_is_that_of_a_customer_but_for_a_word_to_the_back_end() -> None:
    days = []
    for test in (False, True):
        core = a_shop(test=test)
        the_days_before(core)
        days.append(a_whole_day(core))
    customer, tester = days
    marked = [event for event in tester if event.data.pop("test", None)]
    assert tester == customer
    assert {event.topic.partition("/")[0] for event in marked} == {"visits", "offers"}
    assert len(marked) == sum(event.topic.partition("/")[0] in ("visits", "offers") for event in customer)


def test_a_week_of_such_days_stays_under_the_caps_of_days_and_weeks() -> None:
    core = a_shop()
    the_days_before(core)
    days = [a_whole_day(core, day * DAY) for day in range(7)]
    told = [Counter(event.type.removeprefix("hushbell.") for event in day) for day in days]
    asked_for = sum(rules_of(day, "alert.raised").count(rule) for day in days for rule in ("checked-in", "low-balance"))
    assert max(day["offer.triggered"] for day in told) == len(OFFERS)
    assert sum(day["offer.triggered"] for day in told) <= 12
    assert asked_for <= 1 + 7
    for day in days:
        assert max(Counter(rules_of(day, "offer.triggered")).values(), default=0) <= 1


def test_not_now_is_quiet_for_seven_days_about_what_nobody_asked_for() -> None:
    core = a_shop()
    core.fact(START, "event", FACTS["event"])
    first = hear(core, come_in())
    assert rules_of(first.events, "alert.raised") == ["returning-member", "checked-in"]
    claim(core, 9, alert_of(first, "returning-member"), "not_now")
    for days, expected in ((1, []), (6, []), (7.1, ["returning-member"])):
        out = hear(core, come_in(days * DAY))
        assert rules_of(out.events, "alert.raised") == expected, days


@pytest.mark.parametrize(("outcome", "later"), [("", [9, 13]), ("redeemed", [6, 7, 9, 11])])
def test_new_arrivals_not_redeemed_twice_running_come_half_as_often_and_whole_once_redeemed(
    outcome: str, later: list[int]
) -> None:
    core = a_shop()
    for number in range(4):
        pass_by(core, -DAY + number * HOUR)
    core.fact(START, "new_arrivals", value=True)
    found = []
    for day in range(14):
        out = pass_by(core, day * DAY, 8)
        found += [day] * len(offers(out))
        if day == 5 and outcome:
            (offer,) = [event for event in out.events if event.type == "hushbell.offer.triggered"]
            core.outcome(offer.time + 60, offer.data["feedback"], "redeemed")
    assert found[:4] == [0, 1, 3, 5]
    assert found[4:] == later


def test_staff_are_left_alone_in_quiet_hours_and_offers_go_on() -> None:
    core = a_shop(quiet=Hours(time(13), time(15)))
    core.fact(START, "featured", FACTS["featured"])
    out = hear(core, come_in(), shelf(8, 15))
    assert (rules_of(out.events, "alert.raised"), offers(out)) == ([], ["virtual-outfit"])
    assert rules_of(hear(core, come_in(2 * HOUR)).events, "alert.raised") == ["returning-member"]
