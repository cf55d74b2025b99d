from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from drivers.driver import Rung
from gateway.receiving.recovery import STEADY_S, WAITS_S, Ladder

ALL = tuple(Rung)


def climbed(ladder: Ladder, start: int, end: int, rungs: tuple[Rung, ...] = ALL) -> list[tuple[int, Rung]]:
    """Return the rungs that were due from second to second, and when."""
    asked = ((now, ladder.climb(now, rungs)) for now in range(start, end))
    return [(now, rung) for now, rung in asked if rung]


def test_the_ladder_is_climbed_ever_slower_and_begins_again_at_its_foot() -> None:
    assert climbed(Ladder(), 0, 3600) == [
        (0, Rung.RESCAN),
        (30, Rung.POWER_CYCLE),
        (90, Rung.RESTART),
        (210, Rung.RESCAN),
        (510, Rung.POWER_CYCLE),
        (1410, Rung.RESTART),
        (2310, Rung.RESCAN),
        (3210, Rung.POWER_CYCLE),
    ]


def test_a_radio_that_was_well_for_long_begins_at_the_foot() -> None:
    ladder = Ladder()
    climbed(ladder, 0, 100)
    ladder.well(100 + STEADY_S)
    assert ladder.climb(100 + STEADY_S, ALL) is Rung.RESCAN


def test_a_radio_that_falls_silent_every_few_minutes_does_not() -> None:
    ladder = Ladder()
    assert climbed(ladder, 0, 40)[-1][1] is Rung.POWER_CYCLE
    ladder.well(300)
    assert climbed(ladder, 300, 301) == [(300, Rung.RESTART)]


def test_without_rungs_nothing_is_tried() -> None:
    assert climbed(Ladder(), 0, 100, ()) == []


@given(st.lists(st.tuples(st.floats(0.0, 600.0), st.sampled_from(("well", "ill"))), max_size=200))
def test_no_two_rungs_are_closer_than_the_first_wait(story: list[tuple[float, str]]) -> None:
    ladder, now = Ladder(), 0.0
    tried = []
    for seconds, how in story:
        now += seconds
        if how == "well":
            ladder.well(now)
        elif ladder.climb(now, ALL):
            tried.append(now)
    assert all(later - earlier >= WAITS_S[0] - 1e-6 for earlier, later in pairwise(tried))
