"""Dwell and routes of many visits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from virtual_visits import KINDS, visit

from gateway.deciding.history import Past
from gateway.deciding.journeys import Dwell, journeys

SHOES_FIRST = visit(
    1, ("pavement", 0.0), ("entrance", 20.0), ("shoes", 30.0), ("hats", 150.0), ("shoes", 200.0), seconds=300.0
)
HATS_FIRST = visit(2, ("entrance", 0.0), (None, 10.0), ("hats", 40.0), (None, 50.0), ("hats", 60.0), seconds=100.0)
PASS = visit(3, ("pavement", 0.0), passed=True, seconds=8.0)
UNFOLLOWED = visit(4)


def test_dwell_moves_and_the_first_shelf_are_summed_over_visits() -> None:
    found = journeys([SHOES_FIRST, HATS_FIRST, PASS, UNFOLLOWED], KINDS)
    assert (found.visits, found.passes, found.followed) == (3, 1, 3)
    assert found.dwell == {
        "pavement": Dwell(2, 28.0, 14.0),
        "entrance": Dwell(2, 20.0, 10.0),
        "shoes": Dwell(1, 220.0, 220.0),
        "hats": Dwell(2, 100.0, 50.0),
    }
    assert found.moves == {
        ("pavement", "entrance"): 1,
        ("entrance", "shoes"): 1,
        ("shoes", "hats"): 1,
        ("hats", "shoes"): 1,
        ("entrance", "hats"): 1,
    }
    assert found.first_shelf == {"shoes": 1, "hats": 1}
    assert found.to_first_shelf_s == 25.0


def test_a_zone_that_the_shop_has_no_more_does_not_count() -> None:
    found = journeys([SHOES_FIRST], {"entrance": "door", "hats": "shelf"})
    assert set(found.dwell) == {"entrance", "hats"}
    assert found.moves == {("entrance", "hats"): 1}
    assert found.first_shelf == {"hats": 1}


def test_of_nothing_there_is_nothing() -> None:
    found = journeys([], KINDS)
    assert (found.visits, found.dwell, found.moves, found.first_shelf, found.to_first_shelf_s) == (0, {}, {}, {}, None)


@given(st.lists(st.lists(st.tuples(st.sampled_from([*KINDS, None]), st.floats(0, 600)), max_size=8), max_size=8))
def test_dwell_never_exceeds_the_visits(routes: list[list[tuple[str | None, float]]]) -> None:
    """Invariant: zones share the time of the visits, a visit has one first shelf at most, no zone moves to itself."""
    visits: list[Past] = [
        visit(number, *sorted(route, key=lambda stop: stop[1])) for number, route in enumerate(routes)
    ]
    found = journeys(visits, KINDS)
    assert sum(dwell.seconds for dwell in found.dwell.values()) <= 600.0 * len(visits) + 1e-3
    assert sum(found.first_shelf.values()) <= len(visits)
    assert all(one != other for one, other in found.moves)
