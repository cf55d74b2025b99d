"""What the back end says of the shop, as rule files declare it: types, how old it may be, what stands in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from rules.document import duration_text

Simple = Literal["bool", "int", "number", "string"]
Listed = Literal["list of bool", "list of int", "list of number", "list of string"]
Shape = Simple | Listed | Mapping[str, Any]
"""The type of a fact, or of a field of one."""

SIMPLE: tuple[Simple, ...] = get_args(Simple)
LISTED: tuple[Listed, ...] = get_args(Listed)
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Fact:
    """A declared fact. `max_age_s` is None for any age; `otherwise` is None where nothing stands in its place."""

    name: str
    shape: Shape
    max_age_s: float | None = None
    otherwise: Any = None
    file: str = ""
    line: int = 0

    def alike(self, other: Fact) -> bool:
        """Tell whether two declarations say the same."""
        mine, theirs = (self.shape, self.max_age_s, self.otherwise), (other.shape, other.max_age_s, other.otherwise)
        return mine == theirs


def settle(fact: Fact, value: Any, age: float) -> tuple[Any, str]:
    """Return what rules take for a value that came `age` seconds ago (None: never), and what is wrong with it.

    That is for people: `missing`, `not as declared`, `stale (2 days)`; empty where the value is taken as it came.
    """
    flaw = _flaw(fact, value, age)
    return (fact.otherwise, flaw) if flaw else (value, "")


def settle_all(
    facts: Mapping[str, Any], times: Mapping[str, float], declared: Mapping[str, Fact], now: float
) -> Mapping[str, Any]:
    """Return all facts as rules take them; what is None is left out."""
    if not declared:
        return facts
    settled = {name: settle(fact, facts.get(name), now - times.get(name, now))[0] for name, fact in declared.items()}
    return {name: value for name, value in {**facts, **settled}.items() if value is not None}


def _flaw(fact: Fact, value: Any, age: float) -> str:
    if value is None:
        return "missing"
    if not fits(value, fact.shape):
        return "not as declared"
    return f"stale ({_age(age)})" if fact.max_age_s is not None and age > fact.max_age_s else ""


def _age(seconds: float) -> str:
    """Write an age in whole days, hours, minutes or seconds."""
    unit = next((unit for unit in (86400, 3600, 60) if seconds >= unit), 1)
    return duration_text(seconds // unit * unit)


def fits(value: Any, shape: Shape) -> bool:
    """Tell whether a JSON value is of a type; a field that is absent or null is missing, which fits."""
    if not isinstance(shape, str):
        return isinstance(value, dict) and all(
            value.get(name) is None or fits(value[name], inner) for name, inner in shape.items()
        )
    if shape in LISTED:
        inner = shape.removeprefix("list of ")
        return isinstance(value, list | tuple) and all(_is_simple(item, inner) for item in value)
    return _is_simple(value, shape)


def _is_simple(value: Any, name: str) -> bool:
    match name:
        case "bool":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _INT64
