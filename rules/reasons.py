"""Why a clause did not hold, in words for people, without what must not be shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from rules.vocabulary import ABSENT, Path

MAX_SHOWN = 60

_as_json = json.JSONEncoder(ensure_ascii=False).encode

WITHHELD = "withheld"
_ALWAYS_WITHHELD = frozenset({"member.attributes", "member.greeting", "facts"})


def is_withheld(path: Path, private: Collection[str]) -> bool:
    """Tell whether a path's value must not be shown: a private attribute, or a whole map, which may hold one."""
    return path.attribute in private or path.text in _ALWAYS_WITHHELD


def shown(path: Path, values: Mapping[str, object], private: Collection[str]) -> str:
    """Write a path's value; those of private attributes, and whole maps, are withheld."""
    value = path.look_up(values)
    if value is ABSENT:
        return "missing"
    if is_withheld(path, private):
        return WITHHELD
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return shorten(_as_json(value))


def comparison(path: Path, needs: str, values: Mapping[str, object], private: Collection[str]) -> str:
    """Write such as `passes_30d is 2, needs >= 4`, or `facts.new_arrivals is false` where nothing is compared."""
    found = f"{path.label} is {shown(path, values, private)}"
    return f"{found}, needs {needs}" if needs else found


def observed(text: str, paths: Collection[Path], values: Mapping[str, object], private: Collection[str]) -> str:
    """Write a clause and what its names hold."""
    found = ", ".join(comparison(path, "", values, private) for path in paths)
    return f"`{shorten(text)}`: {found}" if found else f"`{shorten(text)}`"


def held(text: str) -> str:
    """Write an `unless` that holds."""
    return f"`{shorten(' '.join(text.split()))}` holds"


def shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
