"""What a walk through a simulated shop leads to: levels as good as those set by hand, and zones that are too alike."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_installer import survey
from virtual_walks import AIR, CEILING, SHOP, Air, Mast, Shop

from benchmarks.presence import score_walks
from gateway.calibrate.levels import propose
from gateway.calibrate.overlap import ALIKE, contrasts
from gateway.calibrate.picture import WEAKEST_DBM, draw
from gateway.calibrate.report import report
from gateway.calibrate.survey import Frame, Level, Stand, Survey
from gateway.calibrate.trial import play
from gateway.configuration.config import Hear, Zone

RECEIVERS = ("door", "shelf-a", "shelf-b")
WALKS = 30
INSTALLERS = range(4)


def unset(zones: Sequence[Zone]) -> tuple[Zone, ...]:
    """Return zones as somebody guessed them who never was there."""
    return tuple(
        replace(zone, hear=tuple(replace(hear, at_least=-60.0 - 3 * number) for hear in zone.hear))
        for number, zone in enumerate(reversed(zones))
    )[::-1]


def levels(zones: Sequence[Zone]) -> dict[str, tuple[float | None, float]]:
    return {zone.id: (hear.at_least, hear.offset) for zone in zones for hear in zone.hear}


def deaf(walked: Survey, receiver: str, db: int) -> Survey:
    """Return the same walk with a receiver whose aerial is worse."""
    frames = (frame._replace(rssi=frame.rssi - db * (frame.receiver == receiver)) for frame in walked.frames)
    return Survey(frames, walked.stands)


@pytest.mark.parametrize("shop", [SHOP, CEILING], ids=["chest height", "ceiling"])
def test_levels_from_a_walk_make_the_shop_as_right_as_those_set_by_hand(shop: Shop) -> None:
    by_hand = score_walks(shop, WALKS, AIR)
    found = [
        score_walks(shop, WALKS, AIR, propose(unset(shop.zones()), survey(shop, seed), RECEIVERS))
        for seed in INSTALLERS
    ]
    assert statistics.fmean(score.right / score.settled for score in found) >= by_hand.right / by_hand.settled - 0.005
    assert statistics.fmean(score.door_stops for score in found) >= by_hand.door_stops
    assert statistics.median(score.delay_s(0.5) for score in found) <= by_hand.delay_s(0.5) + 0.2
    assert max(score.switches / score.true_switches for score in found) <= 4 / 3


@pytest.mark.parametrize("seed", INSTALLERS)
def test_levels_lie_near_those_at_the_edges_and_even_receivers_get_no_offset(seed: int) -> None:
    found = levels(propose(unset(SHOP.zones()), survey(SHOP, seed), RECEIVERS))
    by_hand = levels(SHOP.zones())
    assert found["pavement"][0] == pytest.approx(by_hand["pavement"][0], abs=4)
    assert found["entrance"][0] == pytest.approx(by_hand["entrance"][0], abs=5)
    assert {offset for _, offset in found.values()} == {0.0}


@pytest.mark.parametrize("seed", INSTALLERS)
def test_a_receiver_that_hears_worse_gets_an_offset_and_the_zones_are_right_again(seed: int) -> None:
    walked = deaf(survey(SHOP, seed), "shelf-b", 12)
    zones = propose(unset(SHOP.zones()), walked, RECEIVERS)
    assert levels(zones)["coats"][1] == pytest.approx(12, abs=4)
    assert levels(zones)["shoes"][1] == 0
    even = tuple(replace(zone, hear=tuple(replace(hear, offset=0.0) for hear in zone.hear)) for zone in zones)
    assert play(zones, walked).right >= play(even, walked).right
    assert play(zones, walked).right >= 0.85 * play(zones, walked).seconds


def test_a_body_counts_for_half_whichever_way_the_tag_is_worn() -> None:
    frames = [Frame(t, "door", -60 if t < 10 else -72) for t in range(20)]
    walked = Survey(frames, [Stand("a", "middle", "towards", 0, 10), Stand("a", "middle", "away", 10, 20)])
    level = walked.level("a", "middle", "door")
    assert level == Level(-60, -72)
    assert (level.centre, level.body_db) == (-66, 12)


def test_of_a_receiver_that_hears_the_loud_frames_alone_no_level_is_taken() -> None:
    frames = [Frame(t / 10, "door", -60) for t in range(100)] + [Frame(t, "far", -94) for t in range(10)]
    walked = Survey(frames, [Stand("a", "middle", "towards", 0, 10)])
    assert walked.level("a", "middle", "far") is None
    assert walked.level("a", "edge", "door") is None
    zone = Zone("a", "inside", (Hear("far", -50.0),))
    assert propose([zone], walked, ["door", "far"]) == (zone,)


def test_zones_that_are_too_near_each_other_are_named_with_what_to_do() -> None:
    near = Shop((Mast("a", "shoes", "shelf", (0.0, 5.0)), Mast("b", "coats", "shelf", (0.4, 5.0))))
    walked = survey(near, 1)
    zones = propose(near.zones(), walked, ["a", "b"])
    (contrast,) = contrasts(zones, walked, ["a", "b"])
    assert contrast.confused >= ALIKE
    text = "\n".join(report(near.zones(), zones, walked, ["a", "b"]))
    assert "shoes and coats CANNOT be told apart" in text or "coats and shoes CANNOT be told apart" in text
    assert "move them further apart" in text


def test_zones_that_one_receiver_hears_alike_are_named_with_what_to_do() -> None:
    draw_ = random.Random(1)
    stands = [Stand(zone, "middle", "towards", t, t + 20) for zone, t in (("a", 0), ("b", 20))]
    frames = [Frame(t / 5, "door", round(draw_.gauss(-70 if t < 100 else -71, 5))) for t in range(200)]
    zones = (Zone("a", "inside", (Hear("door", -60.0),)), Zone("b", "inside", (Hear("door", -80.0),)))
    walked = Survey(frames, stands)
    text = "\n".join(report(zones, propose(zones, walked, ["door"]), walked, ["door"]))
    assert "a and b CANNOT be told apart" in text
    assert "give one of them a receiver of its own" in text


def test_zones_far_apart_are_told_apart() -> None:
    walked = survey(SHOP, 2)
    zones = propose(SHOP.zones(), walked, RECEIVERS)
    assert max(contrast.confused for contrast in contrasts(zones, walked, RECEIVERS)) < ALIKE


def test_a_walk_that_heard_nothing_changes_nothing_and_claims_nothing() -> None:
    nothing = Survey([], survey(SHOP, 1).stands)
    assert propose(SHOP.zones(), nothing, RECEIVERS) == SHOP.zones()
    text = "\n".join(report(SHOP.zones(), SHOP.zones(), nothing, RECEIVERS))
    assert "told apart" not in text
    assert text.count("heard too little") == len(SHOP.zones())


frames_of_anything = st.lists(
    st.builds(Frame, st.floats(0, 200), st.sampled_from([*RECEIVERS, "else"]), st.integers(-127, 20)), max_size=200
)
stands_anywhere = st.lists(
    st.builds(
        lambda zone, spot, way, since, seconds: Stand(zone, spot, way, since, since + seconds),
        st.sampled_from(["pavement", "entrance", "shoes", "coats"]),
        st.sampled_from(["middle", "edge"]),
        st.sampled_from(["towards", "away"]),
        st.floats(0, 200),
        st.floats(0.1, 60),
    ),
    max_size=12,
)


@given(frames_of_anything, stands_anywhere)
def test_whatever_was_heard_levels_are_whole_and_differ_on_each_receiver(
    frames: list[Frame], stands: list[Stand]
) -> None:
    """Invariant: any walk gives a valid set of levels, and a report that fits 80 columns of plain text."""
    walked = Survey(frames, stands)
    zones = propose(SHOP.zones(), walked, RECEIVERS)
    at_door = [hear.at_least for zone in zones for hear in zone.hear if hear.receiver == "door"]
    assert len(set(at_door)) == len(at_door)
    for level, offset in levels(zones).values():
        assert level is not None
        assert -127 <= level <= 0
        assert level == round(level)
        assert abs(offset) <= 60
    assert play(zones, walked).right <= play(zones, walked).seconds
    for line in report(SHOP.zones(), zones, walked, RECEIVERS):
        assert line.isascii()


@given(st.dictionaries(st.text("abc-", min_size=1, max_size=64), st.lists(st.floats(-200, 50))), st.floats(-130, 10))
def test_a_picture_fits_the_terminal(rows: dict[str, list[float]], line: float) -> None:
    """Invariant: no line of a picture is longer than 80 characters, all of them ASCII."""
    for drawn in draw(rows, [line], WEAKEST_DBM):
        assert len(drawn) <= 80
        assert drawn.isascii()


def test_a_picture_shows_how_often_and_where_the_line_is() -> None:
    scale, row = draw({"shoes": [-70.0] * 8 + [-69.0] * 2 + [-200.0]}, [-75.0], WEAKEST_DBM)
    assert row == "             shoes  ." + " " * 23 + "|    #."
    assert scale.index("-70") + 2 == row.index("#")


def test_tags_that_send_every_second_will_do() -> None:
    slow = levels(propose(unset(SHOP.zones()), survey(SHOP, 3, air=Air(1.0)), RECEIVERS))
    assert not math.isnan(slow["entrance"][0] or math.nan)
    assert slow["entrance"][0] == pytest.approx(levels(SHOP.zones())["entrance"][0], abs=6)
