"""Where in a file a character of a YAML text stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rules.document import Node


class Place(NamedTuple):
    line: int  # from 1
    column: int


Locate = Callable[[int], Place]
"""Gives the place of the character at an offset of a text."""


def within(text: str) -> Locate:
    """Return a locator for a text that stands alone."""

    def locate(offset: int) -> Place:
        before = text[:offset]
        return Place(before.count("\n") + 1, offset - before.rfind("\n"))

    return locate


def within_node(source: list[str], node: Node, value: str) -> Locate:
    """Return a locator for a scalar's value within its file's lines.

    YAML folds lines, strips indents and escapes quotes, so value and source are walked side by side, leaving white
    space and escapes out; where they part all the same, it is the scalar's own place.
    """
    start = Place(node.line, node.column)
    line, column = _content(source, start, node)
    if _at(source, line, column, len(value)) == value:  # as it stands, on one line
        return lambda offset: Place(line + 1, column + 1 + offset)

    def locate(offset: int) -> Place:
        line, column = _content(source, start, node)
        for wanted in value[: offset + 1]:
            if wanted.isspace():
                continue
            line, column = _next_visible(source, line, column)
            if _at(source, line, column, 2) in (f"'{wanted}", f"\\{wanted}"):
                column += 1
            if _at(source, line, column) != wanted:
                return start
            column += 1
        return Place(line + 1, max(column, 1))

    return locate


def _content(source: list[str], start: Place, node: Node) -> tuple[int, int]:
    """Return line and column, from 0, where a scalar's text may begin."""
    line, column = start.line - 1, start.column - 1
    opening = _at(source, line, column) if node.is_quoted() else ""
    return (line + 1, 0) if opening in ("|", ">") else (line, column + len(opening))


def _next_visible(source: list[str], line: int, column: int) -> tuple[int, int]:
    while line < len(source):
        rest = source[line][column:]
        if rest.strip():
            return line, column + len(rest) - len(rest.lstrip())
        line, column = line + 1, 0
    return line, column


def _at(source: list[str], line: int, column: int, length: int = 1) -> str:
    return source[line][column : column + length] if line < len(source) else ""
