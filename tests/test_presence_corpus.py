"""Presence on recorded rooms: beacons that people carried, where they were written down."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.hardships import Hard, hardships
from benchmarks.presence import Itinerary, Rooms, load_rooms, score_rooms
from gateway.heard import Heard

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


@pytest.fixture(scope="module")
def recorded() -> tuple[list[Heard], Itinerary]:
    return load_rooms(Path(CORPUS or "") / "room-beacons", "four-rooms-2015-03-07")


HARD = list(hardships("125678", ["Room201", "Room202", "Room203", "Room204"]))


@pytest.mark.parametrize("hard", HARD, ids=[hard.name for hard in HARD])
def test_rooms_are_right_however_much_worse_they_are_heard(recorded: tuple[list[Heard], Itinerary], hard: Hard) -> None:
    frames, itinerary = recorded
    score = score_rooms(hard.make(frames), itinerary)
    assert score.sparing(hard.doubtful).named >= 0.85
    assert score.right >= 0.99
    assert score.moves_a_leg <= 1.75


@pytest.mark.parametrize(("run", "at_most"), [("four-rooms-2015-03-13", 18), ("two-rooms-2015-03-03", 14)])
def test_a_run_without_an_itinerary_has_few_moves(run: str, at_most: int) -> None:
    assert sum(rooms(run).moves.values()) <= at_most
