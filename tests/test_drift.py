"""A reference beacon that is moved, covered or whose battery fails, in virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.driver import RadioState
from drivers.sighting import Sighting
from gateway.configuration.config import Config, Gateway, Mqtt, Receiver, Reference, Store
from gateway.health import Health
from gateway.receiving.drift import DRIFT_DB, HOUR_MINUTES, USUAL_MINUTES, Drift
from gateway.receiving.lookout import Lookout
from gateway.rulebook import Rulebook

USUAL = -45
IDENTITY = bytes(range(20))
SHANGHAI = ZoneInfo("Asia/Shanghai")


def minutes(drift: Drift, levels: Iterable[int | None], start: float = 0.0) -> list[bool]:
    """Let minutes pass with four frames of a level each, or with none; say after each whether it drifted."""
    found = []
    now = start
    for level in levels:
        for _ in range(4 if level is not None else 0):
            drift.take(level)
        now += 60.0
        drift.moment(now)
        found.append(bool(drift.reason))
    return found


def settled() -> Drift:
    drift = Drift()
    drift.moment(0.0)
    minutes(drift, [USUAL] * USUAL_MINUTES)
    return drift


@pytest.mark.parametrize(
    ("db", "side"), [(7, "7 dB louder"), (-7, "7 dB quieter"), (-20, "20 dB quieter"), (6, ""), (-6, ""), (0, "")]
)
def test_a_level_that_is_off_for_an_hour_is_told(db: int, side: str) -> None:
    drift = settled()
    told = minutes(drift, [USUAL + db] * HOUR_MINUTES, 3600.0)
    assert not any(told[: HOUR_MINUTES * 9 // 10 - 1])
    assert told[-1] is bool(side)
    assert side in drift.reason


def test_somebody_who_stands_in_between_is_no_drift() -> None:
    drift = settled()
    assert not any(minutes(drift, ([USUAL - 12] * 25 + [USUAL] * 15) * 6, 3600.0))


def test_a_drift_that_lasts_is_told_though_now_and_then_it_is_as_before() -> None:
    drift = settled()
    assert minutes(drift, ([USUAL - 9] * 19 + [USUAL]) * 4, 3600.0)[-1]


def test_what_was_put_back_is_told_no_longer() -> None:
    drift = settled()
    assert minutes(drift, [USUAL - 9] * HOUR_MINUTES, 3600.0)[-1]
    told = minutes(drift, [USUAL] * HOUR_MINUTES, 7200.0)
    assert told[0]
    assert not told[-1]


def test_silence_shows_no_level() -> None:
    drift = settled()
    assert not any(minutes(drift, [None] * 600, 3600.0))
    assert not any(minutes(drift, [USUAL - 9, None] * 50, 40_000.0))


def test_the_first_half_hour_is_what_is_usual() -> None:
    drift = Drift()
    drift.moment(0.0)
    assert not any(minutes(drift, [-90] * (USUAL_MINUTES + 600)))


@given(st.lists(st.lists(st.integers(-127, 20), max_size=9), max_size=200))
def test_levels_within_six_decibels_never_drift(levels: list[list[int]]) -> None:
    """Invariant: a beacon whose levels differ by no more than the bound is as usual, however few are heard."""
    drift = Drift()
    for number, heard in enumerate(levels):
        for level in heard:
            drift.take(round(USUAL + level % (DRIFT_DB + 1)))
        drift.moment(number * 60.0)
        assert drift.reason == ""


def test_a_drift_degrades_the_status_and_says_which_receiver() -> None:
    receiver = Receiver("door", "ble", reference=Reference(IDENTITY))
    lookout = Lookout(receiver, (), has_hours=False)
    lookout.report(RadioState.HEARING, "")
    shop = Config(Path(), Store("a", SHANGHAI), Gateway("pi"), Mqtt("mqtt://127.0.0.1"), (receiver,), (), ())
    health = Health(shop, Rulebook((), ()), lambda _: [], wall=0.0, steady=0.0)
    health.radio("door", *lookout.fares)
    news: Counter[bool] = Counter()
    for second in range(3 * 3600):
        level = USUAL if second < 3600 else USUAL - 10
        lookout.take([Sighting(float(second), "door", "ble", "ibeacon", level, IDENTITY)])
        lookout.moment(float(second), is_open=None)
        news[health.drift("door", lookout.drift)] += 1
    health.judge(wall=datetime(2026, 11, 22, tzinfo=SHANGHAI).timestamp(), steady=10_800.0)
    status = health.status()
    assert (status["state"], news[True]) == ("degraded", 1)
    assert status["reasons"] == [f"receiver door: {lookout.drift}"]
    assert "10 dB quieter" in lookout.drift
