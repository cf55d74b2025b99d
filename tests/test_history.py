from hypothesis import given
from hypothesis import strategies as st

from gateway.history import DAY_S, MOST, History

NOW = 1_763_791_200.0


def test_visits_and_passes_are_counted_apart_over_7_30_and_90_days() -> None:
    history = History()
    for days in (89, 29, 6, 1):
        history.add(NOW - days * DAY_S, NOW, passed=False)
    history.add(NOW - 10 * DAY_S, NOW, passed=True)
    assert history.counts(NOW) == {
        "visits_7d": 2,
        "visits_30d": 3,
        "visits_90d": 4,
        "passes_7d": 0,
        "passes_30d": 1,
        "passes_90d": 1,
    }


def test_what_is_older_than_90_days_is_not_kept() -> None:
    history = History()
    history.add(NOW - 91 * DAY_S, NOW - 91 * DAY_S, passed=False)
    history.add(NOW, NOW, passed=True)
    assert history.visits == []


def test_a_history_comes_back_from_json_as_it_was() -> None:
    history = History([1.5, 2.5], [3.5])
    assert History.from_json(history.as_json()) == history


@given(st.lists(st.floats(0, 200 * DAY_S), max_size=50))
def test_counts_never_fall_with_the_window_and_the_list_stays_sorted_and_bounded(starts: list[float]) -> None:
    history = History()
    for start in starts:
        history.add(start, start, passed=False)
    counts = history.counts(max(starts, default=0.0))
    assert counts["visits_7d"] <= counts["visits_30d"] <= counts["visits_90d"] <= MOST
    assert history.visits == sorted(history.visits)
