"""Times and spans of the day, in the shop's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from rules.document import Node

_HOURS = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~～至]\s*(\d{1,2})[:：](\d{2})")
_TIME = re.compile(r"(\d{1,2})[:：](\d{2})")


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day; it may pass midnight."""

    opens: time
    closes: time

    def include(self, moment: time) -> bool:
        if self.opens <= self.closes:
            return self.opens <= moment < self.closes
        return moment >= self.opens or moment < self.closes


def read_hours(node: Node) -> Hours | None:
    """Read a span such as `10:00-22:00`, past midnight too."""
    expected = "hours such as 10:00-22:00"
    raw = node.text(expected)
    if raw is None:
        return None
    match = _HOURS.fullmatch(raw.strip())
    opens, closes = (_moment(match[1], match[2]), _moment(match[3], match[4])) if match else (None, None)
    if opens is None or closes is None or opens == time.max:
        node.unexpected(expected)
        return None
    if opens == closes:
        node.fault("{raw!r} begins and ends at once, expected hours such as 10:00-22:00", raw=raw)
        return None
    return Hours(opens, closes)


def read_time(node: Node) -> time | None:
    """Read a time of the day such as `20:30`."""
    expected = "a time of the day such as 20:30"
    raw = node.text(expected)
    match = _TIME.fullmatch(raw.strip()) if raw is not None else None
    moment = _moment(match[1], match[2]) if match else None
    if raw is not None and moment in (None, time.max):
        node.unexpected(expected)
        return None
    return moment


def _moment(hour: str, minute: str) -> time | None:
    """Return a time; 24:00 is the end of the day."""
    if (int(hour), int(minute)) == (24, 0):
        return time.max
    return time(int(hour), int(minute)) if int(hour) < 24 and int(minute) < 60 else None
