"""What an offer carries: data as the rule has it, with values taken from the situation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.document import Node
from rules.situation import Situation
from rules.vocabulary import Path, Vocabulary


@dataclass(frozen=True, slots=True)
class Payload:
    """A tree of mappings, lists, plain values and paths; a path stands for what it holds."""

    tree: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shows(self) -> frozenset[str]:
        """Name the member's attributes that it lets out."""
        return frozenset(path.attribute for path in _paths(self.tree) if path.attribute)

    @property
    def reads_facts(self) -> bool:
        return any(path.fact for path in _paths(self.tree))

    def fill(self, situation: Situation) -> dict[str, Any]:
        """Put values in the paths' places; a key whose path holds nothing is left out."""
        filled: dict[str, Any] = _fill(self.tree, situation)
        return filled


def read_payload(node: Node, vocabulary: Vocabulary | None = None) -> Payload | None:
    """Read a payload. A text `{facts.item}` stands for that value; paths are written as in conditions."""
    if node.is_mapping():
        return Payload(_read(node, vocabulary or Vocabulary()))
    node.misshapen("a mapping")
    return None


def _read(node: Node, vocabulary: Vocabulary) -> Any:
    if node.is_mapping():
        entries = node.entries()
        for name, key, value in entries:
            if value.is_null() and vocabulary.parse_path(name):
                key.fault("a placeholder stands here without quotes, expected {quoted}", quoted=f"'{{{name}}}'")
        return {name: _read(value, vocabulary) for name, _, value in entries}
    if node.is_sequence():
        return [_read(item, vocabulary) for item in node.items()]
    data = node.data()
    if isinstance(data, str) and ("{" in data or "}" in data):
        return _placeholder(node, data, vocabulary)
    return data


def _placeholder(node: Node, text: str, vocabulary: Vocabulary) -> Path | None:
    if not (text.startswith("{") and text.endswith("}")):
        node.unexpected("text without braces, or one placeholder such as '{facts.item}'")
        return None
    path = vocabulary.parse_path(text[1:-1])
    if path is None or path.text in ("facts", "member.attributes"):
        node.fault_at(node.line, node.column, vocabulary.unknown(text[1:-1]))
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
