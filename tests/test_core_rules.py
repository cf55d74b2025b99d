"""What leads to rules beside walking about, and what staff and back end say afterwards, through the whole core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from virtual_core import CONFIG, LEVELS, START, a_core, a_member, advert, adverts, come_in, hear, kept, said

from gateway.configuration.config import Config, Group, Staff
from gateway.contract.inbound import ClaimAction
from gateway.core import Core
from gateway.events import Event, Outcome
from gateway.identity.suspicion import Elsewhere, Place

HERE, NEAR, FAR = Place(31.2214, 121.5447), Place(31.2300, 121.5500), Place(31.3000, 121.6000)  # 1.1 km and 10 km off
DAY = 86400.0


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """Return what makes a configuration with these rules."""

    def make(rules: str) -> Config:
        (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
        store = replace(CONFIG.store, latitude=HERE.latitude, longitude=HERE.longitude)
        staff = Staff((Group("floor", ()), Group("design", ())))
        return replace(CONFIG, store=store, staff=staff, rule_files=(tmp_path / "rules.yaml",))

    return make


def offers(out: Outcome) -> list[str]:
    return [event.data["offer"] for event in said(out, "offer.triggered")]


def claim(core: Core, t: float, alert: Event, action: ClaimAction, device: str = "badge-1") -> Outcome:
    return core.claim(START + t, alert.data["group"], device, alert.data["alert"], action)


def stay(core: Core, begins: float, seconds: float) -> Outcome:
    return hear(core, adverts(begins, seconds, LEVELS["door"]))


GREET = "- {name: greet, on: arrived, alert: {group: floor, text: '{greeting} came in', expires: 40 s}}\n"

# --- nearby

NEARBY = "- {name: sale, on: {nearby: 3 km, within: 2 h}, offer: {id: clearance}}\n"


@pytest.mark.parametrize(
    ("what", "place", "ago_s", "purposes", "expected"),
    [
        ("near, a while ago", NEAR, 3600, ("recognise", "zones", "offers"), ["clearance"]),
        ("too far", FAR, 60, ("recognise", "zones", "offers"), []),
        ("too long ago", NEAR, 3 * 3600, ("recognise", "zones", "offers"), []),
        ("no consent to offers", NEAR, 60, ("recognise", "zones"), []),
        ("no consent to zones", NEAR, 60, ("recognise", "offers"), []),
    ],
)
def test_a_member_who_is_near_may_be_offered_something(
    shop: Any, what: str, place: Place, ago_s: float, purposes: tuple[str, ...], expected: list[str]
) -> None:
    core = a_core(a_member(purposes=purposes), config=shop(NEARBY))
    out = core.elsewhere(START, "anna-0001", Elsewhere("ibeacon", place, START - ago_s, "lilac-02"))
    assert offers(out) == expected, what
    for event in said(out, "offer.triggered"):
        assert (event.topic, event.data["visit"], event.data["zone"]) == ("offers/~", None, None)


def test_who_is_here_is_not_near(shop: Any) -> None:
    core = a_core(config=shop(NEARBY))
    hear(core, come_in())
    assert not offers(core.elsewhere(START + 8, "anna-0001", Elsewhere("ibeacon", NEAR, START + 7, "lilac-02")))


def test_a_position_of_the_app_is_near_too_and_being_coarse_makes_no_clone(shop: Any) -> None:
    core = a_core(a_member(), config=shop(NEARBY))
    out = core.elsewhere(START, "anna-0001", Elsewhere("app", FAR, START))
    core.hear_app(START + 0.5, START + 0.5, "door", "anna-0001", -90)
    out.merge(core.elsewhere(START + 1, "anna-0001", Elsewhere("app", NEAR, START + 1)))
    assert (offers(out), said(out, "security.suspected")) == (["clearance"], [])


# --- claims


def test_a_claim_in_earnest_fetches_another_group_and_a_plain_one_does_not(shop: Any) -> None:
    core = a_core(
        config=shop(GREET + "- {name: designer, on: {claimed: serious}, alert: {group: design, text: '{greeting}'}}\n")
    )
    (alert,) = said(hear(core, come_in()), "alert.raised")
    assert not said(claim(core, 9, alert, "claim"), "alert.raised")
    (fetched,) = said(claim(core, 10, alert, "serious"), "alert.raised")
    assert (fetched.topic, fetched.data["visit"]) == ("alerts/design", alert.data["visit"])
    assert claim(core, 11, alert, "serious").events == []
    claim(core, 12, alert, "release")
    assert [event.data["serious"] for event in claim(core, 13, alert, "serious").events] == [True]


def test_a_claim_names_device_visit_and_rule_so_that_a_sale_can_be_credited(shop: Any) -> None:
    core = a_core(config=shop(GREET))
    (alert,) = said(hear(core, come_in()), "alert.raised")
    (claimed,) = said(claim(core, 9, alert, "claim"), "alert.claimed")
    data = claimed.data
    assert (data["device"], data["visit"], data["rule"]) == ("badge-1", alert.data["visit"], "greet")


def test_busy_passes_an_alert_on_and_to_the_next_group_when_all_are(shop: Any) -> None:
    config = shop(GREET.replace("expires: 40 s", "expires: 40 s, escalate: {to: design, after: 30 s}"))
    core = a_core(config=config)
    core.roll_call(START)
    for device in ("badge-1", "badge-2"):
        core.device(START, device, online=True)
    (alert,) = said(hear(core, come_in()), "alert.raised")
    claim(core, 9, alert, "claim")
    given = claim(core, 10, alert, "busy")
    assert [event.topic for event in said(given, "alert.raised")] == ["alerts/floor"]
    assert not claim(core, 11, alert, "busy").events
    passed = claim(core, 12, alert, "busy", "badge-2")
    (raised,) = said(passed, "alert.raised")
    assert (raised.topic, raised.data["escalated_from"]) == ("alerts/design", "floor")
    assert said(claim(core, 13, alert, "claim", "badge-2"), "alert.claimed")
    assert offers(passed) == []


@pytest.mark.parametrize("taken", [False, True])
def test_what_nobody_takes_in_time_goes_to_another_group(shop: Any, taken: bool) -> None:
    config = shop(GREET.replace("expires: 40 s", "expires: 40 s, escalate: {to: design, after: 20 s}"))
    core = a_core(config=config)
    (alert,) = said(hear(core, come_in()), "alert.raised")
    if taken:
        claim(core, 9, alert, "claim")
    raised = said(core.advance(alert.time + 20), "alert.raised")
    assert [(event.time, event.topic) for event in raised] == ([] if taken else [(alert.time + 20, "alerts/design")])
    assert not said(core.advance(alert.time + 39), "alert.raised")


def test_escalation_outlives_a_restart(shop: Any) -> None:
    config = shop(GREET.replace("expires: 40 s", "expires: 40 s, escalate: {to: design, after: 20 s}"))
    core = a_core(config=config)
    begun = hear(core, come_in())
    (alert,) = said(begun, "alert.raised")
    again = a_core(config=config, run=b"2")
    again.restore(kept(begun), alert.time + 5)
    (raised,) = said(again.advance(alert.time + 30), "alert.raised")
    assert (raised.time, raised.topic) == (alert.time + 20, "alerts/design")


def test_not_now_silences_that_kind_for_seven_days_and_release_undoes_it(shop: Any) -> None:
    core = a_core(config=shop(GREET))
    (alert,) = said(hear(core, come_in()), "alert.raised")
    (cleared,) = said(claim(core, 9, alert, "not_now"), "alert.cleared")
    assert cleared.data["reason"] == "not now"
    assert not claim(core, 9, alert, "claim", "badge-2").events
    assert not claim(core, 9.5, alert, "not_now").events
    (raised,) = said(claim(core, 10, alert, "release"), "alert.raised")
    assert raised.data["alert"] == alert.data["alert"]
    claim(core, 11, alert, "not_now")
    for days, expected in ((1, 0), (6, 0), (8, 1)):
        assert len(said(hear(core, come_in(days * DAY)), "alert.raised")) == expected, days


def test_not_now_that_is_undone_leaves_the_next_visit_as_it_was(shop: Any) -> None:
    core = a_core(config=shop(GREET))
    (alert,) = said(hear(core, come_in()), "alert.raised")
    claim(core, 9, alert, "not_now")
    claim(core, 10, alert, "release")
    assert len(said(hear(core, come_in(DAY)), "alert.raised")) == 1


def test_not_now_outlives_a_restart(shop: Any) -> None:
    config = shop(GREET)
    core = a_core(config=config)
    begun = hear(core, come_in())
    (alert,) = said(begun, "alert.raised")
    begun.merge(claim(core, 9, alert, "not_now"))
    begun.merge(core.advance(START + 1000))
    again = a_core(config=config, run=b"2")
    again.restore(kept(begun), START + 2000)
    assert not said(hear(again, come_in(DAY)), "alert.raised")


# --- outcomes


def test_an_offer_that_nobody_redeems_twice_running_comes_half_as_often_until_one_is_redeemed(shop: Any) -> None:
    core = a_core(
        config=shop("- {name: window, on: {dwell: 5s, zone: {kind: outside}}, offer: {id: new, ttl: 10 min}}\n")
    )

    def days_offered(first: int, days: int, outcome: str = "") -> list[int]:
        found = []
        for day in range(first, first + days):
            out = hear(core, adverts(day * DAY, 8, LEVELS["window"]))
            out.merge(core.advance(START + day * DAY + 1000))
            for event in said(out, "offer.triggered"):
                found.append(day)
                if outcome:
                    core.outcome(event.time + 60, event.data["feedback"], outcome)  # type: ignore[arg-type]
        return found

    assert days_offered(0, 2) == [0, 1]
    assert days_offered(2, 4) == [3, 5]
    assert days_offered(6, 8, "redeemed")[-3:] == [11, 12, 13]


def test_an_outcome_that_comes_twice_or_of_nothing_is_counted(shop: Any) -> None:
    core = a_core(config=shop("- {name: window, on: {dwell: 5s, zone: {kind: outside}}, offer: {id: new}}\n"))
    (offer,) = said(hear(core, adverts(0, 8, LEVELS["window"])), "offer.triggered")
    first = core.outcome(START + 20, offer.data["feedback"], "redeemed")
    assert [row.kind for row in first.state.values()] == ["ledger"]
    assert not core.outcome(START + 21, offer.data["feedback"], "redeemed")
    assert not core.outcome(START + 22, "f-none", "redeemed")
    assert core.counts()["outcome that changes nothing"] == 2


# --- facts and the clock


def test_a_fact_that_changes_is_news_about_everybody_who_is_here(shop: Any) -> None:
    core = a_core(
        a_member(),
        a_member("bert-0002"),
        config=shop("- {name: now, on: {fact: event}, if: facts.event, offer: {id: event}}\n"),
    )
    assert offers(core.fact(START, "event", False)) == []
    hear(core, come_in())
    assert offers(core.fact(START + 9, "event", True)) == ["event"]
    assert offers(core.fact(START + 10, "event", True)) == []
    assert offers(core.fact(START + 11, "stock", 3)) == []


def test_a_fact_that_the_broker_repeats_is_as_old_as_it_was(shop: Any) -> None:
    core = a_core(
        config=shop(
            "- {fact: event, type: bool, max_age: 1 h}\n"
            "- {name: at, on: arrived, if: facts.event, offer: {id: event}}\n"
        )
    )
    core.fact(START - 7200, "event", True)
    core.fact(START - 10, "event", True, repeated=True)
    out = hear(core, come_in())
    assert [(row.outcome, offers(out)) for row in out.decisions] == [("missing", [])]


def test_a_time_of_the_day_is_news_about_everybody_who_is_here(shop: Any) -> None:
    core = a_core(
        a_member(), a_member("bert-0002"), config=shop('- {name: tea, on: {clock: "14:01"}, offer: {id: tea}}\n')
    )
    out = hear(core, come_in(), adverts(8, 80, LEVELS["door"]))
    (offer,) = said(out, "offer.triggered")
    assert (offer.time, offer.data["member"], offer.data["zone"]) == (START + 60, "anna-0001", "entrance")


def test_a_clock_that_jumps_over_a_time_makes_up_for_none_of_it(shop: Any) -> None:
    core = a_core(config=shop('- {name: tea, on: {clock: "14:01"}, offer: {id: tea}}\n'))
    hear(core, come_in())
    core.set_clock(START + 10, 3600.0)
    assert offers(hear(core, [advert(3611 + n, LEVELS["door"]) for n in range(60)])) == []


def test_within_counts_from_coming_in(shop: Any) -> None:
    rule = "- {name: straight, on: {dwell: 3s, zone: {id: shoes}, within: 10 s}, alert: {group: floor, text: shoes}}\n"
    for wait, expected in ((1, 1), (30, 0)):
        core = a_core(config=shop(rule))
        walk = [*come_in(), *adverts(8, wait, LEVELS["door"]), *adverts(8 + wait, 8, -45, "shelf")]
        assert len(said(hear(core, walk), "alert.raised")) == expected


def test_a_claims_follow_up_takes_no_consent_to_zones(shop: Any) -> None:
    rules = GREET + "- {name: designer, on: {claimed: serious}, alert: {group: design, text: '{greeting}'}}\n"
    core = a_core(a_member(purposes=("recognise",)), config=shop(rules))
    (alert,) = said(hear(core, come_in()), "alert.raised")
    hear(core, adverts(8, 10, -55, "shelf"))
    (fetched,) = said(claim(core, 20, alert, "serious"), "alert.raised")
    assert (fetched.topic, fetched.data["zone"]) == ("alerts/design", None)


@pytest.mark.parametrize(("purposes", "expected"), [(("recognise",), 0), (("recognise", "zones"), 1)])
def test_a_rule_that_names_a_zone_takes_consent_to_zones_whatever_it_waits_for(
    shop: Any, purposes: tuple[str, ...], expected: int
) -> None:
    rule = "- {name: shoes, on: {claimed, zone: {kind: shelf}}, alert: {group: design, text: '{greeting}'}}\n"
    inside = rule.replace("shoes", "unknown").replace("shelf", "inside")
    core = a_core(a_member(purposes=purposes), config=shop(GREET + rule + inside))
    (alert,) = said(hear(core, come_in()), "alert.raised")
    hear(core, adverts(8, 10, -55, "shelf"))
    assert len(said(claim(core, 20, alert, "claim"), "alert.raised")) == expected
