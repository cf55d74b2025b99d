"""Presence on recorded rooms: beacons that people carried, where they were written down."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.presence import Rooms, load_rooms, score_rooms

CORPUS = os.environ.get("HUSHBELL_CORPUS")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS, reason="HUSHBELL_CORPUS names no recorded captures"),
]


def rooms(run: str, at_least: float = -100.0) -> Rooms:
    frames, itinerary = load_rooms(Path(CORPUS or "") / "room-beacons", run)
    return score_rooms(frames, itinerary, at_least)


@pytest.mark.parametrize("at_least", [-100.0, -95.0])
def test_rooms_are_named_and_right_for_each_beacon_and_period(at_least: float) -> None:
    score = rooms("four-rooms-2015-03-07", at_least)
    assert sum(period.seconds for period in score.periods) > 2500
    for period in score.periods:
        if period.seconds >= 20:
            assert period.named >= 0.85 * period.seconds
            assert period.right >= 0.99 * period.named
    for beacon, legs in score.legs.items():
        assert score.moves[beacon] <= 1.75 * legs


@pytest.mark.parametrize(("run", "at_most"), [("four-rooms-2015-03-13", 18), ("two-rooms-2015-03-03", 14)])
def test_a_run_without_an_itinerary_has_few_moves(run: str, at_most: int) -> None:
    assert sum(rooms(run).moves.values()) <= at_most
