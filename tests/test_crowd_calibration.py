import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.configuration.config import CrowdLaw, CrowdSource
from gateway.crowd.calibration import Counted, Day, Point, calibrate, fit, sure_share
from gateway.crowd.evidence import Heard, Measure
from gateway.crowd.people import QUARTER_S, calibrated

LAW = CrowdLaw("wifi", per_person=10, shape=6, baseline=4, baseline_shape=1, busiest=20)


def poisson(draw: random.Random, mean: float) -> int:
    """Draw a Poisson number by waiting times (Knuth)."""
    number, left = 0, mean
    while (left := left + math.log(1 - draw.random())) > 0:
        number += 1
    return number


def quarter(draw: random.Random, people: float, law: CrowdLaw = LAW) -> Point:
    """Draw what so many people let be heard: Poisson with gamma means, which is negative binomial."""
    theirs = people * law.per_person * draw.gammavariate(law.shape, 1 / law.shape)
    noise = law.baseline * draw.gammavariate(law.baseline_shape, 1 / law.baseline_shape)
    return Point(poisson(draw, theirs + noise), QUARTER_S, people)


def days(seed: int, number: int) -> list[Day]:
    draw = random.Random(seed)
    return [[quarter(draw, draw.choice((0, 0, draw.uniform(1, 20)))) for _ in range(40)] for _ in range(number)]


def test_a_law_is_found_again_from_what_it_made() -> None:
    law = fit(days(1, 8), "wifi")
    assert law is not None
    assert law.per_person == pytest.approx(LAW.per_person, rel=0.15)
    assert law.shape == pytest.approx(LAW.shape * sure_share(8), rel=0.4)
    assert law.baseline == pytest.approx(LAW.baseline, rel=0.25)
    assert law.baseline_shape == pytest.approx(LAW.baseline_shape, rel=0.4)
    assert law.busiest <= 20


def held(seed: int, calibrated_by: int) -> list[float]:
    """Return for each of ten days that the law has not seen how much of it the interval holds.

    All that differs, differs from day to day: on some everybody is louder, throughout.
    """
    draw = random.Random(seed)

    def day() -> Day:
        loud = draw.gammavariate(LAW.shape, 1 / LAW.shape)
        people = [draw.uniform(1, 20) for _ in range(20)]
        peopled = [Point(poisson(draw, n * LAW.per_person * loud + LAW.baseline), QUARTER_S, n) for n in people]
        return [*peopled, *(Point(poisson(draw, LAW.baseline), QUARTER_S, 0) for _ in range(20))]

    law = fit([day() for _ in range(calibrated_by)], "wifi")
    assert law is not None
    told = [[(calibrated(p.heard, p.watched, law), p.people) for p in day() if p.people] for _ in range(10)]
    return [sum(one.low <= people <= one.high for one, people in pairs) / len(pairs) for pairs in told]


@pytest.mark.parametrize("calibrated_by", [4, 6, 12])
def test_the_interval_holds_four_of_five_on_three_of_four_days_that_the_law_has_not_seen(calibrated_by: int) -> None:
    days_held = [share for seed in range(10) for share in held(seed, calibrated_by)]
    assert sum(share >= 0.8 for share in days_held) / len(days_held) >= 0.7
    assert sum(days_held) / len(days_held) >= 0.8


def test_fewer_days_make_less_sure() -> None:
    shares = [sure_share(days) for days in (2, 4, 5, 10, 100, 10_000)]
    assert shares == sorted(shares)
    # chi-squared's lower quarters by 3, 4, 9 and 99 degrees of freedom, over those, from a table
    assert shares[1:5] == pytest.approx([0.404, 0.481, 0.655, 0.901], abs=0.006)
    assert shares[-1] == pytest.approx(1, abs=0.02)
    assert sure_share(3) == sure_share(4)
    assert sure_share(1) == 1


def test_days_that_differ_widen_the_interval() -> None:
    steady = days(4, 6)
    loud = [[p._replace(heard=p.heard * (1 if n % 2 else 3)) for p in day] for n, day in enumerate(steady)]
    one, other = fit(steady, "wifi"), fit(loud, "wifi")
    assert one is not None
    assert other is not None
    assert other.shape < one.shape


def test_a_single_day_calibrates_too() -> None:
    law = fit(days(5, 1), "wifi")
    assert law is not None
    assert law.per_person == pytest.approx(LAW.per_person, rel=0.3)


def test_one_day_of_people_among_empty_ones_is_told_by_itself() -> None:
    [day] = days(5, 1)
    nights = [[quarter(random.Random(n), 0) for _ in range(20)] for n in range(3)]
    alone, among = fit([[p for p in day if p.people]], "wifi"), fit([*nights, day], "wifi")
    assert alone is not None
    assert among is not None
    assert among.shape == pytest.approx(alone.shape, rel=0.5)


@pytest.mark.parametrize(
    "points",
    [[], [Point(5, QUARTER_S, 0)], [Point(0, QUARTER_S, 5)], [Point(9, QUARTER_S, 0), Point(9, QUARTER_S, 5)]],
    ids=["nothing", "nobody", "unheard", "no more than nobody"],
)
def test_days_that_tell_nothing_make_no_law(points: list[Point]) -> None:
    assert fit([points], "wifi") is None


def test_the_source_that_follows_the_people_is_taken() -> None:
    draw = random.Random(6)

    def counted(people: float) -> Counted:
        heard: dict[CrowdSource, Heard] = {
            "ble": Heard(draw.uniform(0, 300), 0, 0),
            "wifi": Heard(quarter(draw, people).heard, 0, 0),
            "connected": Heard(0, 0, 0),
        }
        return Counted(Measure(0, QUARTER_S, QUARTER_S, heard), people)

    law = calibrate([[counted(draw.choice((0, draw.uniform(1, 20)))) for _ in range(30)] for _ in range(4)], "inside")
    assert law is not None
    assert law.source == "wifi"
    assert calibrate([], "inside") is None


def test_silence_is_nobody_and_half_a_quarter_hour_is_worth_half() -> None:
    assert calibrated(0, QUARTER_S, LAW).count == 0
    half, whole = calibrated(52, QUARTER_S / 2, LAW), calibrated(104, QUARTER_S, LAW)
    assert half.count == pytest.approx(whole.count, rel=0.1)


def test_a_crowd_beyond_the_busiest_that_was_counted_is_believed_of_loud_evidence() -> None:
    assert calibrated(2000, QUARTER_S, LAW).high > 2 * LAW.busiest


@given(
    st.lists(st.floats(0, 1e5), min_size=2, max_size=6).map(sorted),
    st.sampled_from([60.0, 300.0, 900.0]),
    st.builds(
        CrowdLaw,
        source=st.just("wifi"),
        per_person=st.floats(0.001, 1e6),
        shape=st.floats(0.01, 1000),
        baseline=st.floats(0.01, 1e6),
        baseline_shape=st.floats(0.01, 1000),
        busiest=st.floats(0.5, 1e5),
    ),
)
def test_whatever_the_law_an_interval_holds_its_count(heard: list[float], watched: float, law: CrowdLaw) -> None:
    """Invariant: 0 <= low <= count <= high, and finite, for every law that a configuration may hold."""
    for figure in heard:
        one = calibrated(figure, watched, law)
        assert 0 <= one.low <= one.count <= one.high < math.inf


@given(st.lists(st.floats(0, 400), min_size=2, max_size=6).map(sorted))
def test_more_heard_is_never_fewer_people(heard: list[float]) -> None:
    """Invariant: the count does not fall as more is heard."""
    counts = [calibrated(figure, QUARTER_S, LAW).count for figure in heard]
    assert all(one <= other for one, other in pairwise(counts))
