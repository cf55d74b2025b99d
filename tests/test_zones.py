"""Zones: which one the levels speak for, how sure that is, and what it takes to hold another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.configuration.config import Hear, Zone, ZoneKind
from gateway.presence.zones import (
    AWAY,
    CALM,
    DOUBT_S,
    LIKELY,
    NOWHERE,
    NOWHERE_S,
    STAYING,
    Hold,
    Link,
    Odds,
    Plan,
    agree,
    weigh,
)


def zone(id_: str, kind: ZoneKind, *hear: Hear) -> Zone:
    return Zone(id_, kind, hear)


SIX_LINES = (zone("pavement", "outside", Hear("door", -88)), zone("entrance", "door", Hear("door", -70)))
SHELVES = (
    *SIX_LINES,
    zone("shoes", "shelf", Hear("shelf-a", -72, 2.0)),
    zone("coats", "shelf", Hear("shelf-b", -72)),
    zone("floor", "inside", Hear("air", -75), Hear("shelf-c", -80)),
)
ROOMS = tuple(zone(room, "inside", Hear(room, -100)) for room in ("a", "b", "c"))
WINDOW = (*SIX_LINES, zone("window", "outside", Hear("window", -70)))


def links_of(zones: Sequence[Zone], levels: dict[str, float], heard: dict[str, float] | None = None) -> list[Link]:
    """Return levels that were heard for long, at 0 s or as `heard` says."""
    made = []
    for receiver, rssi in levels.items():
        t = (heard or {}).get(receiver, 0.0)
        link = Link(Plan.of(zones).ears[receiver], t - 20, rssi)
        for n in range(1, 201):
            link.take([(t - 20 + n * 0.1, rssi)])
        made.append(link)
    return made


def odds_of(zones: Sequence[Zone], levels: dict[str, float], *, held: int = AWAY, within: bool = True) -> Odds:
    return weigh(links_of(zones, levels), 0.25, 0.0, held, within=within)


def best(zones: Sequence[Zone], levels: dict[str, float], *, within: bool = True) -> str | None:
    odds = odds_of(zones, levels, within=within)
    return None if odds.nowhere > odds.sure else zones[odds.best].id


@pytest.mark.parametrize(
    ("zones", "levels", "within", "expected"),
    [
        # on one receiver the highest level that is met wins
        (SIX_LINES, {"door": -60}, False, "entrance"),
        (SIX_LINES, {"door": -70}, False, "entrance"),
        (SIX_LINES, {"door": -72}, False, "pavement"),
        (SIX_LINES, {"door": -88}, False, "pavement"),
        (SIX_LINES, {"door": -90}, False, None),
        # weak means outside only until the member was within
        (SIX_LINES, {"door": -80}, True, None),
        (SIX_LINES, {"door": -60}, True, "entrance"),
        # ... but a receiver that hears nothing but the street is believed
        (WINDOW, {"window": -60}, True, "window"),
        # an offset counts as level, for the bar and between receivers
        (SHELVES, {"shelf-a": -73}, True, "shoes"),
        (SHELVES, {"shelf-b": -75}, True, None),
        (SHELVES, {"shelf-a": -66, "shelf-b": -65}, True, "shoes"),
        # a receiver that is louder, but below its level, does not count
        (SHELVES, {"shelf-b": -77, "shelf-c": -78}, True, "floor"),
        # entries are alternatives
        (SHELVES, {"air": -70}, True, "floor"),
        (SHELVES, {"shelf-c": -70}, True, "floor"),
        # who was not at the door is at the door rather than past it
        (SHELVES, {"door": -66, "shelf-b": -64}, False, "entrance"),
        (SHELVES, {"door": -66, "shelf-b": -64}, True, "coats"),
    ],
)
def test_levels_speak_for_a_zone(
    zones: Sequence[Zone], levels: dict[str, float], *, within: bool, expected: str | None
) -> None:
    assert best(zones, levels, within=within) == expected


@pytest.mark.parametrize(
    ("louder_db", "at_least", "below"), [(0, 0.49, 0.51), (2, 0.65, 0.75), (5, 0.88, LIKELY + 0.2)]
)
def test_the_louder_receiver_is_right_as_far_as_levels_tell(louder_db: float, at_least: float, below: float) -> None:
    assert at_least < odds_of(ROOMS, {"a": -70 + louder_db, "b": -70}).sure < below


def test_two_alternatives_of_one_zone_speak_together() -> None:
    together = (zone("hall", "inside", Hear("a", -90), Hear("b", -90)), zone("room", "inside", Hear("c", -90)))
    assert odds_of(together, {"a": -70, "b": -70, "c": -70}).sure == pytest.approx(2 / 3, abs=0.01)


def test_a_receiver_that_no_longer_hears_is_doubted_and_then_left_out() -> None:
    sure = []
    for silent_s in (0.0, 3.0, 7.0):
        links = links_of(ROOMS, {"a": -70, "b": -75}, {"a": -silent_s})
        sure.append(weigh(links, 0.25, 0.0, 1, within=True).held)
    assert sure[0] < 0.2 < sure[1] < 0.8 < sure[2]


def test_a_single_frame_says_less_than_a_steady_level() -> None:
    once = weigh([Link(Plan.of(SIX_LINES).ears["door"], 0.0, -67)], 0.25, 0.0, AWAY, within=False)
    assert once.sure < odds_of(SIX_LINES, {"door": -67}, within=False).sure


@given(st.dictionaries(st.sampled_from(["door", "shelf-a", "shelf-b", "shelf-c", "air"]), st.integers(-127, 20)))
def test_odds_are_probabilities(levels: dict[str, float]) -> None:
    """Invariant: the best, the held and none of them share what is certain."""
    odds = odds_of(SHELVES, levels, held=1)
    assert 0 <= odds.held <= odds.sure + 1e-8 <= 1 + 1e-6
    assert odds.sure + odds.nowhere <= 1 + 1e-6
    coarse = odds.with_coarse(4, 1, 0.6)
    assert coarse.sure + coarse.nowhere <= 1 + 1e-6
    assert coarse.nowhere <= odds.nowhere


# What it takes to hold a zone

DOORED, OPEN = Plan.of(SIX_LINES), Plan.of(ROOMS)


def hold_for(hold: Hold, odds: Odds, seconds: float, *, plan: Plan = OPEN, within: bool = True) -> float | None:
    """Let odds stand, four times a second; return after how long another zone was held."""
    for n in range(1, int(seconds * 4) + 1):
        if hold.judge(odds, n / 4, n / 4 - 0.25, plan, within=within) is not None:
            return n / 4
    return None


def holding(zone: int) -> Hold:
    hold = Hold(0.0)
    hold.take(zone, 0.9)
    return hold


@pytest.mark.parametrize(
    ("held", "odds", "plan", "earliest", "latest"),
    [
        (AWAY, Odds(1, 0.98, 0.0, 0.02), DOORED, 0.5, 1.5),  # into view at the door
        (AWAY, Odds(0, 0.6, 0.0, 0.4), DOORED, 2.0, 5.0),  # hardly in view
        (AWAY, Odds(0, 0.98, 0.0, 0.02), OPEN, 0.0, 0.25),  # no door to have come through: at once
        (0, Odds(1, 0.97, 0.03, 0.0), DOORED, 0.5, 1.5),  # from the pavement to the door, clearly
        (0, Odds(1, 0.6, 0.4, 0.0), DOORED, 2.0, 4.0),  # just so
        (0, Odds(1, 0.98, 0.02, 0.0), OPEN, 0.5, 1.5),  # from one receiver to another, clearly
        (0, Odds(1, 0.8, 0.2, 0.0), OPEN, 2.5, 6.0),  # probably
        (NOWHERE, Odds(1, 0.95, 0.0, 0.05), OPEN, 0.5, 2.0),  # found again
        (NOWHERE, Odds(1, 0.6, 0.0, 0.4), OPEN, 1.5, 4.0),  # met again, of one receiver
    ],
)
def test_a_clear_zone_is_taken_soon_and_a_doubtful_one_later(
    held: int, odds: Odds, plan: Plan, earliest: float, latest: float
) -> None:
    taken = hold_for(holding(held), odds, 20.0, plan=plan, within=plan is OPEN and held != AWAY)
    assert taken is not None
    assert earliest <= taken <= latest


def test_what_two_receivers_hear_alike_moves_nobody_and_is_named_no_longer() -> None:
    hold = holding(0)
    assert hold_for(hold, Odds(1, 0.52, 0.48, 0.0), 30.0) == pytest.approx(DOUBT_S, abs=0.5)
    assert hold.zone == NOWHERE
    assert hold.confidence == 0.48
    assert hold_for(hold, Odds(1, 0.7, 0.0, 0.0), 120.0) is None


def test_a_zone_that_may_still_be_is_kept() -> None:
    assert hold_for(holding(0), Odds(1, 0.35, 0.62, 0.0), 120.0) is None


def test_below_every_level_one_is_nowhere_but_only_within() -> None:
    nowhere = Odds(0, 0.1, 0.1, 0.9)
    assert hold_for(holding(0), nowhere, 20.0) == pytest.approx(NOWHERE_S, abs=0.5)
    assert hold_for(holding(0), nowhere, 120.0, plan=DOORED, within=False) is None


def test_a_level_that_hovers_about_a_bar_is_no_reason_to_leave() -> None:
    hold = holding(0)
    for n in range(1, 400):
        hovering = Odds(0, 0.3, 0.3, 0.7) if n % 3 else Odds(0, 0.6, 0.6, 0.4)
        assert hold.judge(hovering, n / 4, n / 4, OPEN, within=True) is None


def test_one_stray_frame_takes_nobody_anywhere() -> None:
    hold = holding(0)
    for n in range(1, 200):
        stray = Odds(1, 0.99, 0.01, 0.0) if n % 8 == 0 else Odds(0, 0.95, 0.95, 0.05)
        assert hold.judge(stray, n / 4, n / 4, OPEN, within=True) is None


def test_a_zone_is_held_since_the_frame_that_first_spoke_for_it() -> None:
    hold = holding(0)
    hold.judge(Odds(0, 0.9, 0.9, 0.1), 1.0, 0.75, OPEN, within=True)
    since = [hold.judge(Odds(1, 0.97, 0.03, 0.0), t, t - 0.25, OPEN, within=True) for t in (1.5, 2.0, 2.5)]
    assert [found for found in since if found is not None] == [1.25]


def test_confidence_follows_the_odds_of_the_held_zone_and_of_staying_there() -> None:
    hold = holding(0)
    hold_for(hold, Odds(0, 0.7, 0.7, 0.3), 30.0)
    assert hold.confidence == pytest.approx(STAYING * 0.7 / (STAYING * 0.7 + 0.3), abs=0.01)


def test_no_zone_is_taken_that_is_less_probable_than_not() -> None:
    assert hold_for(holding(0), Odds(1, 0.45, 0.2, 0.35), 60.0, plan=DOORED, within=False) is None


# What agrees


def test_frames_on_the_held_zones_side_of_any_midpoint_agree() -> None:
    links = links_of(SHELVES, {"shelf-a": -60, "shelf-b": -80, "door": -75})
    agree(links, 2, 0.0)
    windows = [(link.home, link.low, link.high) for link in links]
    assert windows == [(True, -67.25, math.inf), (False, -math.inf, -69.0), (False, -math.inf, -66.5)]


def test_who_is_nowhere_agrees_with_whatever_is_far_below_a_level() -> None:
    links = links_of(SHELVES, {"shelf-a": -90, "door": -90})
    agree(links, NOWHERE, 0.0)
    assert [(link.low, link.high) for link in links] == [(-math.inf, -82.25), (-math.inf, -80.25)]


@given(st.fixed_dictionaries({receiver: st.integers(-95, -40) for receiver in ("a", "b", "c")}))
def test_levels_that_agree_are_those_of_the_held_zone(levels: dict[str, float]) -> None:
    """Invariant: were all levels anywhere in their windows, the held zone would still be the most probable."""
    odds = odds_of(ROOMS, levels)
    links = links_of(ROOMS, levels)
    agree(links, odds.best, 0.0)
    if odds.sure >= CALM:
        edges = {receiver: link.low if link.home else link.high for receiver, link in zip(levels, links, strict=True)}
        assert odds_of(ROOMS, edges, held=odds.best).held >= 0.3
