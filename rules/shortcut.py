"""Clauses that need no library: a word by itself, or beside a constant or another word, as most clauses are.

The CEL library is the measure of each clause. What a shortcut says of words that are there, each of its own type, the
library says too; where a word is missing a shortcut says nothing, and the library is asked.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rules.expression import Token
from rules.vocabulary import WordType

Values = Mapping[str, Any]
Shortcut = Callable[[Values], bool | None]
"""Judges a clause by the values of words; None where it cannot."""

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {  # of values of one type, texts by their code points, as in CEL
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, items: item in items,
}
_TYPES = {bool: "bool", int: "int", float: "double", str: "string"}
_QUOTED = re.compile(r"^'([^'\"\\]*)'$")


class _Operand(NamedTuple):
    """A word or a constant. `read` raises KeyError for a word that is missing."""

    type: str
    read: Callable[[Values], Any]

    def as_double(self) -> _Operand:
        """Return a number as the library takes it beside a double: rounded to one."""
        read = self.read
        return _Operand("double", lambda values: float(read(values))) if self.type == "int" else self


def no_shortcut(_: Values) -> None:
    """Leave a clause to the library."""


def find_shortcut(found: Sequence[Token], types: Mapping[str, WordType]) -> Shortcut:
    """Make a shortcut of the tokens of a clause that the library took; `no_shortcut` where there is none."""
    match [token.text for token in found]:
        case [word] if types.get(word) == "bool":
            return lambda values: values.get(word)
        case ["!", word] if types.get(word) == "bool":
            return lambda values: not values[word] if word in values else None
        case ["has", "(", word, ")"] if word in types:
            return lambda values: values.get(f"has.{word}")
    at = next((index for index, token in enumerate(found) if token.text in _RELATIONS), 0)
    left, right = _operand(found[:at], types), _operand(found[at + 1 :], types)
    return _relation(found[at].text, left, right) if left and right else no_shortcut


def _relation(sign: str, left: _Operand, right: _Operand) -> Shortcut:
    if {left.type, right.type} == {"int", "double"}:
        left, right = left.as_double(), right.as_double()
    expected = f"list<{left.type}>" if sign == "in" else left.type
    if right.type != expected or left.type not in _TYPES.values():
        return no_shortcut
    relate, read_left, read_right = _RELATIONS[sign], left.read, right.read

    def judge(values: Values) -> bool | None:
        try:
            return relate(read_left(values), read_right(values))
        except KeyError:
            return None

    return judge


def _operand(found: Sequence[Token], types: Mapping[str, WordType]) -> _Operand | None:
    if len(found) == 1 and (word := found[0].text) in types:
        return _Operand(types[word], operator.itemgetter(word))
    constant = _constant(found)
    name = _name_of(constant)
    return _Operand(name, lambda _: constant) if name else None


def _constant(found: Sequence[Token]) -> object:
    """Read a constant, or a list of them, that JSON writes as CEL does, but for the quotes; None for any other."""
    try:
        return json.loads("".join(_QUOTED.sub(r'"\1"', token.text) for token in found))
    except ValueError:
        return None


def _name_of(constant: object) -> str:
    """Return the type of a constant in CEL's words, empty for what has none, or several."""
    if not isinstance(constant, list):
        return _TYPES.get(type(constant), "")
    names = {_name_of(item) for item in constant}
    return f"list<{names.pop()}>" if len(names) == 1 else ""
