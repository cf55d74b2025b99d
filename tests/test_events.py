"""What is said of an event: its time as text."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.events import rfc3339

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Asia/Shanghai",
        "Asia/Kathmandu",
        "Europe/London",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Pacific/Apia",
    )
]


@given(st.floats(0, 4e9), st.sampled_from(ZONES))
@example(1_763_791_199.9999999, ZONES[1])  # which is the next second
@example(1_143_777_660.0, ZONES[4])  # where the clocks went forward at a minute past midnight
def test_a_time_is_written_as_the_standard_library_writes_it(t: float, zone: ZoneInfo) -> None:
    """Of every zone and time, to the millisecond."""
    assert rfc3339(t, zone) == datetime.fromtimestamp(t, zone).isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (1_763_791_391.240, "2025-11-22T14:03:11.240+08:00"),
        (0.0, "1970-01-01T08:00:00.000+08:00"),
    ],
)
def test_a_time_has_the_offset_of_the_shop(t: float, text: str) -> None:
    assert rfc3339(t, ZoneInfo("Asia/Shanghai")) == text
