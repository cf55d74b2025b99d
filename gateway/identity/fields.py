"""Decoded JSON from outside, read field by field: a fault names its field and never repeats what stood there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from rules.document import did_you_mean

Code = Literal["invalid", "refused", "too_large"]
Fault = tuple[Code, str]
Look = Callable[[object], Fault | None]

MAX_DEPTH = 8
MAX_VALUES = 1000
MAX_CHARACTERS = 16_384
MAX_TEXT = 1000

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_YEAR_9999 = 253_370_764_800.0


class MemberError(ValueError):
    """One thing wrong with a member; `code` and `field` are those of a refused command's answer."""

    def __init__(self, code: Code, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code: Code = code
        self.field = field
        self.message = message


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


def below(path: str, key: object) -> str:
    """Name a field of the object at `path`; a key that is no plain word is not repeated."""
    name = key if isinstance(key, str) and _NAME.fullmatch(key) else "?"
    return f"{path}.{name}" if path else name


def parse_moment(text: str) -> float | None:
    """Read an RFC 3339 time of the years 1970 to 9998 as seconds since the epoch, else None."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        t = datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:
        return None
    return t if 0 <= t < _YEAR_9999 else None


class Fields:
    """A JSON object whose fields are read by name. Every reader raises MemberError with the field's path."""

    __slots__ = ("_values", "path")

    def __init__(self, value: object, path: str, known: Sequence[str]) -> None:
        if not isinstance(value, dict):
            raise MemberError("invalid", path, "expected an object")
        for name in value:
            if name not in known:
                hint = did_you_mean(name, known) if isinstance(name, str) and _NAME.fullmatch(name) else ""
                fields = ", ".join(known)
                raise MemberError("invalid", below(path, name), f"is no known field{hint}, expected one of {fields}")
        self._values: dict[str, object] = value
        self.path = path

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def at(self, name: str) -> str:
        return below(self.path, name)

    def fault(self, name: str, message: str) -> MemberError:
        return MemberError("invalid", self.at(name), message)

    def value(self, name: str) -> object:
        if name not in self._values:
            raise self.fault(name, "is missing")
        return self._values[name]

    def text(self, name: str, shortest: int, longest: int) -> str:
        value = self.value(name)
        if not isinstance(value, str):
            raise self.fault(name, "expected text")
        if not shortest <= len(value) <= longest:
            raise self.fault(name, f"expected {shortest} to {longest} characters")
        return value

    def match(self, name: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self.value(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.fault(name, f"expected {expected}")
        return value

    def choice(self, name: str, words: Sequence[str]) -> str:
        value = self.value(name)
        if not isinstance(value, str) or value not in words:
            raise self.fault(name, "expected one of " + ", ".join(words))
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        value = self.value(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fault(name, f"expected a whole number from {low} to {high}")
        return value

    def boolean(self, name: str) -> bool:
        value = self.value(name)
        if not isinstance(value, bool):
            raise self.fault(name, "expected true or false")
        return value

    def hex(self, name: str, size: int) -> bytes:
        """Read `size` bytes written as hex digits of either case."""
        value = self.value(name)
        if not isinstance(value, str) or not re.fullmatch(f"[0-9A-Fa-f]{{{2 * size}}}", value):
            raise self.fault(name, f"expected {2 * size} hex digits")
        return bytes.fromhex(value)

    def moment(self, name: str) -> float:
        """Read an RFC 3339 time as seconds since the epoch."""
        value = self.value(name)
        t = parse_moment(value) if isinstance(value, str) else None
        if t is None:
            raise self.fault(name, "expected a time as in 2026-11-01T09:00:00+08:00")
        return t

    def items(self, name: str, most: int) -> list[tuple[str, object]]:
        """Read a list of at most `most` values, each with its path."""
        value = self.value(name)
        if not isinstance(value, list):
            raise self.fault(name, "expected a list")
        if len(value) > most:
            raise MemberError("too_large", self.at(name), f"expected at most {most}")
        return [(f"{self.at(name)}[{index}]", item) for index, item in enumerate(value)]

    def texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        """Read a list of at most `most` texts of 1 to `longest` characters."""
        found = []
        for path, item in self.items(name, most):
            if not isinstance(item, str) or not 1 <= len(item) <= longest:
                raise MemberError("invalid", path, f"expected text of 1 to {longest} characters")
            found.append(item)
        return tuple(found)

    def inner(self, name: str, known: Sequence[str]) -> Fields:
        """Read an object within this one; where there is none it is an empty one."""
        return Fields(self._values.get(name, {}), self.at(name), known)

    def mapping(self, name: str) -> dict[str, object]:
        value = self.value(name)
        if not isinstance(value, dict):
            raise self.fault(name, "expected an object")
        return value
