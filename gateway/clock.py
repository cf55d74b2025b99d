"""The two clocks, read here and nowhere else: wall for schedules and stored rows, monotonic for durations."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from struct import unpack_from
from typing import Final

_OFFSET = os.environ.get("HUSHBELL_CLOCK_OFFSET", "")
OFFSET_S = float(_OFFSET) if _OFFSET.replace(".", "", 1).isdigit() else 0.0
"""Seconds by which this process lives ahead of the machine's clock; the demo plays just before a quarter hour."""


_zero = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
"""Seconds since the epoch at which the machine was started, by its clock as `wall` last followed it."""


def wall() -> float:
    """Return seconds since the epoch. It runs steadily: that the machine's clock was set shows once `follow` is called.

    So no two frames are dated by different clocks unless whoever calls `follow` knows of it.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) + _zero + OFFSET_S


def set_by() -> float:
    """Return by how many seconds the machine's clock was set since `wall` last followed it."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - _zero


def follow() -> float:
    """Let `wall` follow the machine's clock; return by how many seconds it was set."""
    global _zero
    by_s = set_by()
    _zero += by_s
    return by_s


def monotonic() -> float:
    """Return seconds since some moment, never going back."""
    return time.monotonic()


STAMP: Final = Path("run/systemd/timesync/synchronized")
"""What systemd-timesyncd leaves when it has set the clock since the start (systemd-timesyncd.service(8))."""

_TIMEX_BYTES: Final = 512  # struct timex has 208 on 64 bits
_MAXERROR_AT: Final = 24
_UNSYNCHRONISED_US: Final = 16_000_000  # the error at which the kernel gives its clock up, and timedatectl too


def is_synchronised(root: Path = Path("/")) -> bool | None:
    """Tell whether somebody keeps the wall clock right, or has set it since the start; None where nobody says.

    The kernel does not answer inside the service, whose ProtectClock= denies even asking. There it is
    systemd-timesyncd's word, and None where another program keeps the clock.
    """
    if _is_there(root / STAMP):
        return True
    told = _kernel_says()
    return False if told is None and _is_there(root / STAMP.parent) else told


def _kernel_says() -> bool | None:
    """Ask the kernel (adjtimex(2)), which lets anybody read."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        if ctypes.CDLL(None).adjtimex(timex) < 0:
            return None
    except (OSError, AttributeError):
        return None
    error_us: int = unpack_from("q", timex, _MAXERROR_AT)[0]
    return error_us < _UNSYNCHRONISED_US


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
