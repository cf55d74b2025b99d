from __future__ import annotations

from datetime import time

import pytest

from gateway.configuration.config import Hours


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        (Hours(time(10), time(22)), [time(10), time(21, 59, 59)], [time(9, 59), time(22)]),
        (Hours(time(22), time(10)), [time(22), time(0), time(9, 59)], [time(10), time(21, 59)]),
        (Hours(time(0), time.max), [time(0), time(12), time(23, 59, 59)], []),
    ],
)
def test_hours_include_their_first_moment_and_not_their_last(
    hours: Hours, inside: list[time], outside: list[time]
) -> None:
    assert all(hours.include(moment) for moment in inside)
    assert not any(hours.include(moment) for moment in outside)
