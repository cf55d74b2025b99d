"""Decoded JSON from outside, looked through: a fault names its field and never repeats what stood there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from gateway.contract.reading import RefusedError, below

Code = Literal["invalid", "refused", "too_large"]
Fault = tuple[Code, str]
Look = Callable[[object], Fault | None]

MAX_DEPTH = 8
MAX_VALUES = 1000
MAX_CHARACTERS = 16_384
MAX_TEXT = 1000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_YEAR_9999 = 253_370_764_800.0


MemberError = RefusedError
"""One thing wrong with a member."""


def check_json(value: object, look: Look) -> None:
    """Refuse decoded JSON that is too much, that UTF-8 cannot carry, or of which `look` finds a fault.

    `look` sees every key and every plain value; a key has its object's path. Raises MemberError.
    """
    _Inspection(look).enter(value, ())


class _Inspection:
    """Walks a value once, counting; the path is put into words only where there is a fault."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._values = 0
        self._characters = 0

    def enter(self, value: object, steps: tuple[object, ...]) -> None:
        if isinstance(value, dict):
            if len(steps) >= MAX_DEPTH:
                raise MemberError("too_large", _path(steps), f"is nested more than {MAX_DEPTH} deep")
            for key, item in value.items():
                self._see(key, steps)
                self.enter(item, (*steps, key))
        elif isinstance(value, list):
            if len(steps) >= MAX_DEPTH:
                raise MemberError("too_large", _path(steps), f"is nested more than {MAX_DEPTH} deep")
            for index, item in enumerate(value):
                self.enter(item, (*steps, index))
        else:
            self._see(value, steps)

    def _see(self, leaf: object, steps: tuple[object, ...]) -> None:
        self._values += 1
        if isinstance(leaf, str):
            self._characters += len(leaf)
        if self._values > MAX_VALUES or self._characters > MAX_CHARACTERS:
            raise MemberError("too_large", "", f"holds more than {MAX_VALUES} values or {MAX_CHARACTERS} characters")
        fault = _fault_of(leaf) or self._look(leaf)
        if fault is not None:
            raise MemberError(fault[0], _path(steps), fault[1])


def _fault_of(leaf: object) -> Fault | None:
    if isinstance(leaf, str):
        if len(leaf) > MAX_TEXT:
            return "too_large", f"is longer than {MAX_TEXT} characters"
        return ("invalid", "holds a control character, expected one line of text") if _CONTROL.search(leaf) else None
    if isinstance(leaf, float):
        return None if math.isfinite(leaf) else ("invalid", "is not a number that JSON knows")
    if isinstance(leaf, int):
        return None if abs(leaf) < 1 << 63 else ("invalid", "is out of range, expected a whole number of 64 bits")
    return None if leaf is None else ("invalid", "is not a value that JSON knows")


def _path(steps: tuple[object, ...]) -> str:
    path = ""
    for step in steps:
        path = f"{path}[{step}]" if isinstance(step, int) else below(path, step)
    return path


def parse_moment(text: str) -> float | None:
    """Read an RFC 3339 time of the years 1970 to 9998 as seconds since the epoch, else None."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        t = datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:
        return None
    return t if 0 <= t < _YEAR_9999 else None


def check_moment(text: str, field: str) -> float:
    """Read an RFC 3339 time that stands in a field. Raises MemberError."""
    t = parse_moment(text)
    if t is None:
        raise MemberError("invalid", field, "expected a time as in 2026-11-01T09:00:00+08:00")
    return t
