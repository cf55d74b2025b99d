"""Presence on simulated walks, of which the truth is known; the benchmark does the same at length."""

from __future__ import annotations

import pytest
from virtual_walks import SHOP, Air, errand

from benchmarks.presence import Walks, dwells, score_walks

WALKS = 60


@pytest.fixture(scope="module")
def brisk() -> Walks:
    return score_walks(SHOP, WALKS, Air(0.35))


def test_a_zone_is_told_soon_after_it_is_entered(brisk: Walks) -> None:
    assert brisk.delay_s(0.9) <= 6.5


def test_hardly_more_moves_are_told_than_were_made(brisk: Walks) -> None:
    assert brisk.switches / WALKS <= 4 / 3 * brisk.true_switches / WALKS


def test_a_stop_at_the_door_is_seen(brisk: Walks) -> None:
    assert brisk.door_stops / WALKS >= 0.93


def test_settled_people_are_found_where_they_are(brisk: Walks) -> None:
    assert brisk.named / brisk.settled >= 0.95
    assert brisk.right / brisk.named >= 0.97


def test_confidence_means_what_it_says(brisk: Walks) -> None:
    sure, unsure = brisk.seconds.share(0.9, 1.0), brisk.seconds.share(0.0, 0.7)
    assert sure >= 0.99
    assert unsure <= 0.9


def test_tags_that_send_once_in_two_seconds_are_told_later_but_not_wrongly() -> None:
    slow = score_walks(SHOP, WALKS, Air(2.0))
    assert slow.delay_s(0.5) <= 6.0
    assert slow.right / slow.named >= 0.95


def test_who_stops_at_the_window_dwells_longer_than_who_walks_by() -> None:
    by, stopped = (sorted(dwells(4.0, pause_s, WALKS, Air())) for pause_s in (0.0, 10.0))
    assert by[WALKS // 2] < 9.0 < stopped[WALKS // 10]


def test_the_same_seed_gives_the_same_walk() -> None:
    assert errand(SHOP, 7).heard == errand(SHOP, 7).heard
    assert errand(SHOP, 7).heard != errand(SHOP, 8).heard
