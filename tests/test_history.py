"""What is kept of visits that are over, and what it tells the rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_visits import KINDS, NOW, visit

from gateway.configuration.config import Hear, Privacy, Zone
from gateway.deciding.history import DAY_S, MOST, Histories, Past
from gateway.events import StateRow
from gateway.identity.member import Member, parse_member

ZONES = tuple(Zone(name, kind, (Hear("door", -70.0),)) for name, kind in KINDS.items())


def histories(*past: Past, privacy: Privacy | None = None) -> tuple[Histories, list[StateRow]]:
    made = Histories(ZONES, privacy or Privacy())
    return made, [row for one in past for row in made.add("m-0001", one)]


def told(made: Histories, now: float = NOW, *, zones: bool = True) -> dict[str, object]:
    return made.told("m-0001", now, zones=zones)


def test_visits_and_passes_are_counted_apart_over_7_30_and_90_days() -> None:
    made, _ = histories(visit(89), visit(29), visit(6), visit(1), visit(10, passed=True))
    found = told(made)
    counts = {"visits_7d": 2, "visits_30d": 3, "visits_90d": 4, "passes_7d": 0, "passes_30d": 1, "passes_90d": 1}
    assert {name: found[name] for name in counts} == counts


@pytest.mark.parametrize(
    ("past", "days"),
    [((), None), ([visit(3, passed=True)], None), ([visit(3, passed=True), visit(20.5)], 20), ([visit(0.01)], 0)],
)
def test_the_last_visit_is_the_last_that_came_inside(past: Sequence[Past], days: int | None) -> None:
    assert told(histories(*past)[0]).get("days_since_visit") == days


def test_usual_is_where_somebody_stops_on_several_visits() -> None:
    shoes, hats = [("shoes", 10.0), ("entrance", 300.0)], [("hats", 0.0), ("shoes", 5.0), ("floor", 300.0)]
    made, _ = histories(visit(1, *shoes), visit(2, *shoes), visit(3, *hats), visit(4, ("floor", 0.0)))
    assert told(made)["usual_zones"] == ("shoes", "floor")
    assert told(made, zones=False)["usual_zones"] == ()
    assert told(histories(visit(1, *shoes))[0])["usual_zones"] == ()


def test_rows_bring_back_all_and_each_goes_with_its_own_visit() -> None:
    made, rows = histories(visit(80, ("shoes", 0.0)), visit(1, ("shoes", 0.0)), visit(1.2, passed=True))
    assert {row.member for row in rows} == {"m-0001"}
    lives = [row.until - row.value["ended"] for row in rows if row.kind == "history" and row.until]
    assert lives == [Privacy().visits_s] * 3
    again = Histories(ZONES, Privacy())
    for row in rows:
        again.load(StateRow(row.kind, row.key, json.loads(json.dumps(row.value)), row.member, row.until))
    assert told(again) == told(made)


def test_what_is_older_than_retention_is_neither_told_nor_in_memory() -> None:
    made, _ = histories(visit(20), visit(5), privacy=Privacy(visits_s=10 * DAY_S))
    assert told(made)["visits_30d"] == 1
    assert told(made, NOW + 6 * DAY_S)["visits_90d"] == 0
    assert told(made)["visits_90d"] == 0


def test_where_somebody_was_can_be_forgotten_and_that_visits_took_place_not() -> None:
    made, _ = histories(visit(1, ("shoes", 0.0)), visit(2, ("shoes", 0.0)), visit(3))
    rows = list(made.forget_stops("m-0001"))
    assert [row.value["stops"] for row in rows] == [(), ()]
    assert (told(made)["visits_7d"], told(made)["usual_zones"]) == (3, ())
    assert list(made.forget_stops("m-0001")) == list(made.forget_stops("nobody")) == []


def test_of_when_somebody_was_last_seen_only_the_day_is_kept() -> None:
    _, rows = histories(visit(1), visit(1, passed=True), visit(0))
    seen = [row for row in rows if row.kind == "seen"]
    assert [row.value % DAY_S for row in seen] == [0.0, 0.0]
    assert all(row.until is None for row in seen)


IDLE = Privacy(inactive_member_s=100 * DAY_S)
AGREED = {"purpose": "recognise", "text": "0" * 64, "language": "zh", "act": "card held to the door"}


@pytest.mark.parametrize(
    ("more", "seen_days_ago", "idle"),
    [
        ({}, 99.0, False),
        ({}, 102.0, True),
        ({"consent": [AGREED | {"at": "2025-11-01T09:00:00+08:00"}]}, 102.0, False),
        ({"consent": [AGREED | {"at": "2025-01-01T09:00:00+08:00"}]}, 102.0, True),
        ({"choices": {"paused_until": "2026-01-01T00:00:00Z"}}, 102.0, False),
    ],
)
def test_whoever_neither_comes_nor_agrees_nor_pauses_is_idle(
    more: dict[str, object], seen_days_ago: float, *, idle: bool
) -> None:
    made, _ = histories(visit(seen_days_ago), privacy=IDLE)
    found, (look,) = made.idle([parse_member({"member": "m-0001", **more})], NOW)
    assert (found, look.kind) == (["m-0001"] if idle else [], "looked")


def agreed(days_ago: float) -> list[Member]:
    at = datetime.fromtimestamp(NOW - days_ago * DAY_S, UTC).isoformat()
    return [parse_member({"member": "m-0001", "consent": [AGREED | {"at": at}]})]


def test_of_who_is_new_here_with_an_old_consent_time_counts_from_the_first_look() -> None:
    made, _ = histories(privacy=IDLE)
    found, (_, row) = made.idle(agreed(1000), NOW)
    assert (found, row.kind, row.value) == ([], "seen", NOW // DAY_S * DAY_S)
    assert made.idle(agreed(1000), NOW + 50 * DAY_S)[0] == []
    assert made.idle(agreed(1000), NOW + 102 * DAY_S)[0] == ["m-0001"]


def test_who_never_came_is_forgotten_when_the_time_since_agreeing_is_over_and_not_after_twice_that() -> None:
    made, _ = histories(privacy=IDLE)
    idle = [made.idle(agreed(0), NOW + day * DAY_S)[0] for day in range(102)]
    assert (idle[:101], idle[101]) == ([[]] * 101, ["m-0001"])


def test_a_gateway_that_was_off_for_long_forgets_at_once_who_was_due_meanwhile() -> None:
    made, _ = histories(privacy=IDLE)
    assert made.idle([], NOW)[0] == []
    later, _ = histories(privacy=IDLE)
    later.load(StateRow("looked", "", NOW))
    assert later.idle(agreed(90), NOW + 60 * DAY_S)[0] == ["m-0001"]


def test_a_look_that_is_taken_in_parts_is_one_look() -> None:
    made, _ = histories(privacy=IDLE)
    made.idle([], NOW)
    made.idle([], NOW + 60 * DAY_S)
    assert made.idle(agreed(90), NOW + 60 * DAY_S + 60)[0] == ["m-0001"]


@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), max_size=50))
def test_counts_never_fall_with_the_window(visits: Iterable[tuple[float, bool]]) -> None:
    """Invariant: whatever came in whatever order, longer windows hold no fewer, and never more than are kept."""
    made, _ = histories(*(visit(days, passed=passed) for days, passed in visits))
    found = told(made)
    for name in ("visits", "passes") if found else ():
        assert found[f"{name}_7d"] <= found[f"{name}_30d"] <= found[f"{name}_90d"] <= MOST  # type: ignore[operator]
