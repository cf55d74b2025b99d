"""Times of the shop's day come once a day."""

from __future__ import annotations

import math
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deciding.daytimes import DayTimes

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_nothing_comes_where_no_rule_waits() -> None:
    day_times = DayTimes([], SHANGHAI)
    day_times.begin(at("2026-11-22 14:00"))
    assert (day_times.deadline, day_times.take(at("2026-11-29 14:00"))) == (math.inf, [])


def test_each_time_comes_once_a_day_and_what_was_before_the_begin_does_not() -> None:
    day_times = DayTimes([time(20, 30), time(9)], SHANGHAI)
    day_times.begin(at("2026-11-22 14:00"))
    assert day_times.take(at("2026-11-22 20:29:59")) == []
    assert (day_times.deadline, day_times.take(at("2026-11-22 20:30"))) == (at("2026-11-22 20:30"), [time(20, 30)])
    assert (day_times.deadline, day_times.take(at("2026-11-23 09:00"))) == (at("2026-11-23 09:00"), [time(9)])


@pytest.mark.parametrize(
    ("night", "of_day", "comes"),
    [
        ("2026-10-24 22:00", time(2, 30), "2026-10-25T02:30:00+02:00"),  # twice that night: the first counts
        ("2026-03-28 22:00", time(2, 30), "2026-03-29T03:30:00+02:00"),  # not at all: as late as it would have been
    ],
)
def test_a_night_in_which_the_clocks_change_has_it_once(night: str, of_day: time, comes: str) -> None:
    day_times = DayTimes([of_day], BERLIN)
    day_times.begin(at(night, BERLIN))
    assert day_times.deadline == datetime.fromisoformat(comes).timestamp()
    assert day_times.take(day_times.deadline) == [of_day]
    assert day_times.deadline > datetime.fromisoformat(comes).timestamp() + 20 * 3600


@given(
    st.lists(st.times().map(lambda of_day: of_day.replace(microsecond=0)), min_size=1, max_size=5, unique=True),
    st.floats(0, 4e9),
)
def test_in_a_week_each_comes_seven_times(times: list[time], t: float) -> None:
    """Invariant: from any moment on, in seven days each time comes seven times, in order."""
    day_times, found, since = DayTimes(times, SHANGHAI), [], -math.inf
    day_times.begin(t)
    while day_times.deadline < t + 7 * 86400:
        assert day_times.deadline > since
        since = day_times.deadline
        found += day_times.take(since)
    assert {of_day: found.count(of_day) for of_day in times} == dict.fromkeys(times, 7)
