"""Levels: what frames make of them, whatever their order and spacing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.presence.smoothing import FADING_DB2, Level

RSSI = st.integers(-127, 20)


def level_of(frames: list[tuple[float, int]]) -> Level:
    level = Level(*frames[0])
    for t, rssi in frames[1:]:
        level.take([(t, rssi)])
    return level


def test_a_first_frame_is_taken_with_the_doubt_that_fading_casts_on_it() -> None:
    level = Level(0.0, -70)
    assert (level.mean, level.steady, level.variance) == (-70.0, -70.0, FADING_DB2)


@pytest.mark.parametrize(("gap_s", "at_least", "below"), [(0.1, 0.1, 0.25), (0.35, 0.25, 0.45), (2.0, 0.5, 0.7)])
def test_a_frame_counts_the_more_the_longer_it_was_awaited(gap_s: float, at_least: float, below: float) -> None:
    level = level_of([(n * gap_s, -80) for n in range(60)])
    level.take([(60 * gap_s, -70)])
    assert at_least < (level.mean + 80) / 10 < below


def test_a_tag_that_came_close_is_followed_within_two_seconds() -> None:
    level = level_of([(n * 0.35, -80) for n in range(30)] + [(10.5 + n * 0.35, -60) for n in range(6)])
    assert level.mean > -63


def test_a_steady_level_averages_the_channels_of_a_tag_that_stands() -> None:
    level = Level(0.0, -70)
    swings = []
    for n in range(1, 600):
        level.take([(n * 0.1, (-64, -70, -76)[n % 3])])
        level.settle(n * 0.1)
        swings.append(level.steady)
    assert max(swings[300:]) - min(swings[300:]) < 1.0


def test_a_steady_level_gives_way_to_a_tag_that_moved() -> None:
    level = level_of([(n * 0.35, -80) for n in range(30)])
    level.settle(10.5)
    for n in range(6):
        level.take([(10.5 + n * 0.35, -60)])
        level.settle(10.75 + n * 0.35)
    assert abs(level.steady - level.mean) < 2.0


def test_a_late_frame_counts_and_does_not_turn_time_back() -> None:
    level = level_of([(10.0, -70), (8.0, -60)])
    assert level.t == 10.0
    assert -70 < level.mean < -60


@given(st.lists(RSSI, min_size=1, max_size=8).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_frames_of_one_moment_does_not_matter(orders: tuple[list[int], list[int]]) -> None:
    """Invariant: frames of one time are one set."""
    one, other = (level_of([(0.0, -70), *((1.0, rssi) for rssi in order)]) for order in orders)
    assert other.mean == pytest.approx(one.mean)
    assert other.variance == pytest.approx(one.variance)


@given(st.lists(st.tuples(st.floats(0, 1e10), RSSI), min_size=1, max_size=50))
def test_a_level_stays_among_what_was_heard(frames: list[tuple[float, int]]) -> None:
    """Invariant: mean and steady level lie between the weakest and the loudest frame, the variance within fading's."""
    level = level_of(frames)
    level.settle(level.t + 1.0)
    weakest, loudest = min(rssi for _, rssi in frames), max(rssi for _, rssi in frames)
    assert weakest - 1e-6 <= level.mean <= loudest + 1e-6
    assert weakest - 1e-6 <= level.steady <= loudest + 1e-6
    assert 0 < level.variance <= FADING_DB2
