"""Whereabouts of one member: which frames need no judgement, and which coarse news counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.configuration.config import Hear, Zone
from gateway.heard import Heard
from gateway.presence.frames import MOST_NUMBERS
from gateway.presence.whereabouts import PATIENCE_S, Coarse, Whereabouts
from gateway.presence.zones import NOWHERE, Plan
from rules.situation import Trust

PLAN = Plan.of((Zone("shoes", "shelf", (Hear("a", -72),)), Zone("coats", "shelf", (Hear("b", -72),))))
WIFI_60 = Coarse(-60.0, "air", 0.0, 1, weak=False)
CONNECTED = Coarse(-math.inf, "guest", 0.0, 2, weak=False)


def hear(where: Whereabouts, t: float, receiver: str, rssi: int) -> bool:
    return where.hear(PLAN.ears[receiver], Heard(t, "m", receiver, "ble", rssi, Trust.HINT, "ibeacon"))


def settled(*levels: tuple[str, int]) -> Whereabouts:
    """Return a member heard at these levels for 20 s, until t = 0."""
    where = Whereabouts(-20.0, within=True)
    for n in range(41):
        t = n / 2 - 20.0
        for receiver, rssi in levels:
            hear(where, t, receiver, rssi)
        where.judge(PLAN, t + 0.25, t)
    return where


@pytest.mark.parametrize(
    ("receiver", "rssi", "agrees"),
    [("a", -60, True), ("a", -50, True), ("a", -69, False), ("b", -85, True), ("b", -95, True), ("b", -70, False)],
)
def test_a_frame_that_agrees_with_a_sure_zone_needs_no_judgement(receiver: str, rssi: int, *, agrees: bool) -> None:
    assert hear(settled(("a", -58), ("b", -84)), 0.5, receiver, rssi) is agrees


def test_a_zone_in_doubt_lets_every_frame_be_judged() -> None:
    assert not hear(settled(("a", -60), ("b", -61)), 0.5, "a", -60)


def test_other_receivers_are_listened_to_where_the_zones_own_has_fallen_silent() -> None:
    where = settled(("a", -58), ("b", -84))
    assert hear(where, PATIENCE_S - 0.1, "b", -84)
    assert not hear(where, PATIENCE_S + 0.1, "b", -84)


def test_whoever_is_far_below_every_level_is_nowhere_without_further_judgement() -> None:
    where = settled(("a", -90))
    assert where.zone < 0
    where = Whereabouts(-20.0, NOWHERE, within=True)
    hear(where, -20.0, "a", -90)
    where.judge(PLAN, -19.75, -20.0)
    assert hear(where, -19.0, "a", -91)


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("ab"), st.integers(-100, -40)), min_size=1, max_size=200))
def test_frames_that_wait_count_as_those_that_are_taken_in_at_once(frames: list[tuple[float, str, int]]) -> None:
    """However late levels are taken from the row of frames, the same is found of where somebody is."""
    late, at_once = settled(("a", -58), ("b", -84)), settled(("a", -58), ("b", -84))
    t = 0.0
    for gap_s, receiver, rssi in frames:
        t += gap_s
        agrees = hear(at_once, t, receiver, rssi)
        at_once.redate(0.0)  # takes in what waits
        assert hear(late, t, receiver, rssi) is agrees
        if not agrees:
            found = [where.judge(PLAN, t + 0.25, t) for where in (late, at_once)]
            assert found[0] == found[1]
            assert (late.zone, late.confidence) == (at_once.zone, at_once.confidence)
    assert len(late.frames) <= MOST_NUMBERS


@pytest.mark.parametrize(
    ("old", "news", "counts"),
    [
        (WIFI_60, Coarse(-64.0, "air-2", 1.0, 2, weak=False), False),  # the same burst, heard no better
        (WIFI_60, Coarse(-53.0, "air-2", 1.0, 2, weak=False), True),  # heard much better
        (WIFI_60, Coarse(-64.0, "air-2", 15.0, 2, weak=False), True),  # the next burst
        (WIFI_60, Coarse(-80.0, "air", 1.0, 2, weak=False), True),  # the same receiver, weaker now
        (WIFI_60, CONNECTED._replace(t=30.0), False),  # levelled beats connected
        (WIFI_60, CONNECTED._replace(t=100.0), True),  # ... for as long as a phone takes to probe again
        (CONNECTED, WIFI_60._replace(t=1.0), True),
    ],
)
def test_coarse_news_gives_way(old: Coarse, news: Coarse, *, counts: bool) -> None:
    assert old.gives_way(news) is counts
