"""What the names in a rule file may refer to, while it is read."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from rules import schema
from rules.condition import Compiler
from rules.document import Node
from rules.messages import say
from rules.vocabulary import Vocabulary


class First(NamedTuple):
    """Where a name stood first."""

    file: str
    line: int


@dataclass(slots=True)
class Known:
    """The shop's groups and zones (None: anything goes), and the rules that were read so far, over all files."""

    groups: Collection[str] | None = None
    zones: Collection[str] | None = None
    rules: dict[str, First] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """One file's lines, and the words that its rules may use."""

    known: Known
    lines: list[str]
    vocabulary: Vocabulary

    @cached_property
    def compiler(self) -> Compiler:
        return Compiler(self.vocabulary)


def read_id(node: Node) -> str | None:
    """Read a name of letters, digits, `-` and `_`."""
    return read_like(node, schema.ID, "1 to 64 letters, digits, - and _")


def read_like(node: Node, pattern: str, expected: str) -> str | None:
    """Read a text of a form."""
    text = node.text(expected)
    if text is not None and not re.fullmatch(pattern, text):
        node.unexpected(expected)
        return None
    return text


def read_group(node: Node, known: Known) -> str | None:
    """Read the id of a staff group that there is."""
    group = read_id(node)
    if group and known.groups is not None and group not in known.groups:
        node.unknown("group", group, known.groups)
    return group


def not_one(node: Node, keys: Collection[str], expected: Collection[str]) -> None:
    """Add the fault that one of some keys should stand here, and not these."""
    found = " / ".join(keys) or say("nothing")
    node.fault(
        "{what} stands here, expected {expected}", what=found, expected=say("one of {words}", words=", ".join(expected))
    )
