"""What an offer carries: data as the rule has it, with values taken from the situation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.document import Node
from rules.situation import Situation
from rules.vocabulary import Path, parse_path, unknown


@dataclass(frozen=True, slots=True)
class Payload:
    """A tree of mappings, lists, plain values and paths; a path stands for what it holds."""

    tree: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shows(self) -> frozenset[str]:
        """Name the member's attributes that it lets out."""
        return frozenset(path.attribute for path in _paths(self.tree) if path.attribute)

    def fill(self, situation: Situation) -> dict[str, Any]:
        """Put values in the paths' places; a key whose path holds nothing is left out."""
        filled: dict[str, Any] = _fill(self.tree, situation)
        return filled


def read_payload(node: Node) -> Payload | None:
    """Read a payload. A text `{facts.item}` stands for that value; paths are written as in conditions."""
    if node.is_mapping():
        return Payload(_read(node))
    node.misshapen("a mapping")
    return None


def _read(node: Node) -> Any:
    if node.is_mapping():
        entries = node.entries()
        for name, key, value in entries:
            if value.is_null() and parse_path(name):
                key.fault("a placeholder stands here without quotes, expected {quoted}", quoted=f"'{{{name}}}'")
        return {name: _read(value) for name, _, value in entries}
    if node.is_sequence():
        return [_read(item) for item in node.items()]
    data = node.data()
    return _placeholder(node, data) if isinstance(data, str) and ("{" in data or "}" in data) else data


def _placeholder(node: Node, text: str) -> Path | None:
    if not (text.startswith("{") and text.endswith("}")):
        node.unexpected("text without braces, or one placeholder such as '{facts.item}'")
        return None
    path = parse_path(text[1:-1])
    if path is None or path.text in ("facts", "member.attributes"):
        node.fault("{message}", message=unknown(text[1:-1]))
        return None
    return path


def _paths(tree: Any) -> Iterator[Path]:
    if isinstance(tree, Path):
        yield tree
    elif isinstance(tree, Mapping | list):
        for item in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _paths(item)


def _fill(tree: Any, situation: Situation) -> Any:
    if isinstance(tree, Path):
        return tree.read(situation)
    if isinstance(tree, Mapping):
        filled = {name: (item, _fill(item, situation)) for name, item in tree.items()}
        return {name: value for name, (item, value) in filled.items() if not (isinstance(item, Path) and value is None)}
    return [_fill(item, situation) for item in tree] if isinstance(tree, list) else tree
