"""Declarations of facts, as they stand in rule files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules import schema
from rules.context import read_like
from rules.document import Node, read_duration
from rules.facts import LISTED, SIMPLE, Fact, Shape, fits
from rules.messages import say

MAX_NESTED = 4
OLDEST_S = 366 * 86400.0


def is_declaration(node: Node) -> bool:
    """Tell a declaration from a rule."""
    return node.entry("fact") is not None


def read_declarations(nodes: Iterable[Node], elsewhere: Mapping[str, Fact]) -> dict[str, Fact]:
    """Read the facts that a file declares; two files may not declare one differently."""
    found: dict[str, Fact] = {}
    for node in nodes:
        fact = _declaration(node)
        if fact is None:
            continue
        first = found.get(fact.name) or elsewhere.get(fact.name)
        if first and (fact.name in found or not fact.alike(first)):
            _refuse(node, first, twice=fact.name in found)
        else:
            found[fact.name] = fact
    return found


def _refuse(node: Node, first: Fact, *, twice: bool) -> None:
    node.fault(
        "fact {name} stands already at {file}:{line}"
        if twice
        else "fact {name} is declared otherwise at {file}:{line}",
        name=first.name,
        file=first.file,
        line=first.line,
    )


def _declaration(node: Node) -> Fact | None:
    keys = node.fields(tuple(schema.FACT), ("fact", "type"), "a fact")
    name = read_like(keys["fact"], schema.NAME, _NAMES) if "fact" in keys else None
    shape = _shape(keys["type"]) if "type" in keys else None
    max_age = read_duration(keys["max_age"], 1, OLDEST_S) if "max_age" in keys else None
    otherwise = _otherwise(keys["otherwise"], shape) if "otherwise" in keys and shape else None
    return Fact(name, shape, max_age, otherwise, node.file, node.line) if name and shape else None


_NAMES = "1 to 64 letters, digits and _, no digit first"


def _shape(node: Node, depth: int = 1) -> Shape | None:
    if not node.is_mapping():
        word = node.choice((*SIMPLE, *LISTED), "type")
        return next((known for known in (*SIMPLE, *LISTED) if known == word), None)
    if depth > MAX_NESTED:
        node.fault("this is nested too deeply, {depth} levels are the most", depth=MAX_NESTED)
        return None
    entries = node.entries()
    if not entries:
        node.unexpected("a type such as bool, list of string or {item: string}")
        return None
    fields = {}
    for _, key, value in entries:
        name, shape = read_like(key, schema.NAME, _NAMES), _shape(value, depth + 1)
        if name and shape:
            fields[name] = shape
    return fields if len(fields) == len(entries) else None


def _otherwise(node: Node, shape: Shape) -> object:
    value = node.data()
    if value is None or not fits(value, shape):
        node.unexpected(say("a value of the declared type, {type}", type=_written(shape)))
        return None
    return value


def _written(shape: Shape) -> str:
    if isinstance(shape, Mapping):
        return "{" + ", ".join(f"{name}: {_written(inner)}" for name, inner in shape.items()) + "}"
    return shape
