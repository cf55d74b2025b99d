"""Hostile bytes to JSON, and JSON to a model. What does not fit is refused by code and field, and never quoted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, TypeVar, cast

import msgspec
from msgspec import inspect

from rules.document import nearest

Json = Any
"""A value that `json` can write."""

Code = Literal["invalid", "unknown", "refused", "busy", "too_large", "internal"]

MAX_DEPTH = 16

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # an open one ends with the text, so this is linear
_BRACKET = re.compile(rb"[\[\]{}]")
_FAULT = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_MISSING = re.compile(r"Object missing required field `(\w+)`")

Model = TypeVar("Model")


class RefusedError(ValueError):
    """Why a message or a command is refused; `code`, `field` and `message` are those of a refused command's answer."""

    def __init__(self, code: Code, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code: Code = code
        self.field = field
        self.message = message


def below(path: str, key: object) -> str:
    """Name a field of the object at `path`; a key that is no plain word is not repeated."""
    name = key if isinstance(key, str) and _NAME.fullmatch(key) else "?"
    return f"{path}.{name}" if path else name


def read(payload: bytes, most_bytes: int, model: type[Model]) -> Model:
    """Read a message of bounded size. Raises RefusedError."""
    found: Model = fit(parse_json(payload, most_bytes), model)
    return found


def parse_json(payload: bytes, most_bytes: int) -> Json:
    """Read JSON of bounded size and depth, as strict as RFC 8259 and RFC 7493: UTF-8, no NaN, no lone surrogates,
    no field that stands twice. Raises RefusedError.
    """
    if len(payload) > most_bytes:
        raise RefusedError("too_large", "", f"larger than {most_bytes} bytes")
    if _deeper_than(payload, MAX_DEPTH):
        raise RefusedError("too_large", "", f"nested deeper than {MAX_DEPTH}")
    try:
        text = payload.decode("utf-8")
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique)
        if b"\\u" in payload:
            json.dumps(value, ensure_ascii=False).encode()
    except RefusedError:
        raise
    except (ValueError, RecursionError):
        raise RefusedError("invalid", "", "not JSON in UTF-8") from None
    return value


def _deeper_than(payload: bytes, depth: int) -> bool:
    if payload.count(b"[") + payload.count(b"{") <= depth:
        return False
    level = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", payload)):
        level += 1 if bracket in b"[{" else -1
        if level > depth:
            return True
    return False


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise RefusedError("invalid", below("", next(name for name in names if names.count(name) > 1)), "stands twice")
    return found


def fit(value: Json, model: Any, path: str = "") -> Any:
    """Make a model of decoded JSON, which stands at `path`. Raises RefusedError for the first thing wrong."""
    try:
        return msgspec.convert(value, model)
    except msgspec.ValidationError as error:
        raise _unfit(str(error), value, inspect.type_info(model), path) from None


def _unfit(told: str, value: Json, type_: inspect.Type, path: str) -> RefusedError:
    """Say in our own words what msgspec, which quotes, found."""
    fault = cast("re.Match[str]", _FAULT.fullmatch(told))
    place = type_, value, path
    try:
        for name, index in _STEP.findall(fault["path"] or ""):
            place = _step(*place, int(index) if index else name)
    except LookupError:
        return RefusedError("invalid", path, "is not as the contract has it")
    return _worded(fault["what"], *place)


def _step(type_: inspect.Type, value: Json, path: str, step: str | int) -> tuple[inspect.Type, Json, str]:
    """Go down to a field or an item. Raises LookupError."""
    if isinstance(step, int):
        return cast(inspect.ListType, _chosen(type_, value)).item_type, value[step], f"{path}[{step}]"
    chosen = cast(inspect.StructType, _chosen(type_, value))
    if step == chosen.tag_field:
        return inspect.LiteralType(_tags(type_)), value[step], below(path, step)
    fields = {field.encode_name: field.type for field in chosen.fields}
    return fields[step], value[step], below(path, step)


def _worded(what: str, type_: inspect.Type, value: Json, path: str) -> RefusedError:
    chosen = _chosen(type_, value)
    if isinstance(chosen, inspect.StructType) and isinstance(value, dict):
        if missing := _MISSING.fullmatch(what):
            is_tag = missing[1] == chosen.tag_field
            message = f"expected {_expected(inspect.LiteralType(_tags(type_)))}" if is_tag else "is missing"
            return RefusedError("invalid", below(path, missing[1]), message)
        if what.startswith("Object contains unknown field"):
            return _stray(chosen, value, path)
    code: Code = "too_large" if what.startswith("Expected `array` of length <=") else "invalid"
    return RefusedError(code, path, f"expected {_expected(type_)}")


def _stray(type_: inspect.StructType, value: Mapping[str, Json], path: str) -> RefusedError:
    known = [*([type_.tag_field] if type_.tag_field else []), *(field.encode_name for field in type_.fields)]
    name = next(name for name in value if name not in known)
    near = nearest(name, known) if _NAME.fullmatch(name) else None
    hint = f" (did you mean {near!r}?)" if near else ""
    fields = f"one of {', '.join(known)}" if known else "none"
    return RefusedError("invalid", below(path, name), f"is no known field{hint}, expected {fields}")


def _bare(type_: inspect.Type) -> inspect.Type:
    return _bare(type_.type) if isinstance(type_, inspect.Metadata) else type_


def _members(type_: inspect.Type) -> tuple[inspect.Type, ...]:
    bare = _bare(type_)
    return tuple(map(_bare, bare.types)) if isinstance(bare, inspect.UnionType) else (bare,)


def _tags(type_: inspect.Type) -> tuple[str, ...]:
    return tuple(str(one.tag) for one in _members(type_) if isinstance(one, inspect.StructType))


def _chosen(type_: inspect.Type, value: Json) -> inspect.Type:
    """Return the member of a union that a value was measured by."""
    members = _members(type_)
    for one in members:
        if isinstance(one, inspect.StructType) and isinstance(value, dict) and one.tag == value.get(one.tag_field):
            return one
    return members[0]


def _expected(type_: inspect.Type) -> str:
    match type_:
        case inspect.Metadata(extra={"expected": str(words)}):
            return words
        case inspect.Metadata():
            return _expected(type_.type)
        case inspect.UnionType():
            return " or ".join(dict.fromkeys(map(_expected, type_.types)))
        case inspect.LiteralType():
            return "one of " + ", ".join(map(str, type_.values))
        case inspect.StrType():
            return "text" + _span(type_.min_length, type_.max_length, " characters")
        case inspect.IntType():
            return "a whole number" + _range(type_.ge, type_.le)
        case inspect.FloatType():
            return "a number" + _range(type_.ge, type_.le)
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "null"
        case inspect.ListType():
            return "a list" + (f" of at most {type_.max_length}" if type_.max_length else "")
    return "an object"


def _span(low: int | None, high: int | None, what: str) -> str:
    return "" if high is None else f" of {low or 0} to {high}{what}"


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f" from {low:.16g} to {high:.16g}" if high is not None else f" of at least {low:.16g}"
