"""YAML bytes to trees: bounded in size, depth and time, and refused in words that an installer understands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

import yaml

from rules.messages import say

MAX_BYTES = 256 << 10
MAX_DEPTH = 32
LOADER: type = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class RefusedError(Exception):
    """Why a document cannot be read at all, and where. Line 0 is the file as a whole."""

    def __init__(self, at_line: int, at_column: int, message: str, /, **values: object) -> None:
        super().__init__(say(message, **values))
        self.line = at_line
        self.column = at_column


@dataclass(frozen=True, slots=True)
class Tree:
    """A value of a document and where it begins, counted from 1: raw `text`, `items`, or `pairs` of key and value."""

    kind: Literal["scalar", "sequence", "mapping"]
    line: int
    column: int
    text: str = ""
    quoted: bool = False
    items: tuple[Tree, ...] = ()
    pairs: tuple[tuple[Tree, Tree], ...] = ()


def compose_document(raw: bytes) -> Tree:
    """Compose the one YAML document of a file. Raises RefusedError, and nothing else whatever the bytes."""
    text = _decode(raw)
    try:
        return _document(iter(LOADER(text).get_event, None))
    except yaml.MarkedYAMLError as error:
        _explain(error, text)
    except yaml.YAMLError as error:
        raise RefusedError(1, 1, "broken YAML: {problem}", problem=" ".join(str(error).split())) from None


_STRAY = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML does not let stand in a file (YAML 1.1, 5.1, c-printable)."""


def _decode(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise RefusedError(0, 0, "the file is larger than {size} bytes", size=MAX_BYTES)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(raw[: error.start].decode("utf-8-sig", "replace"), error.start)
        raise RefusedError(line, column, "this is not UTF-8 text, save the file as UTF-8") from None
    if stray := _STRAY.search(text):
        raise RefusedError(*_place(text, stray.start()), "a control character stands here, take it out")
    return text


def _place(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _document(events: Iterator[yaml.Event]) -> Tree:
    next(events)  # the stream's start
    if isinstance(next(events), yaml.StreamEndEvent):
        raise RefusedError(0, 0, "the file is empty")
    root = _tree(next(events), events, depth=1)
    if root.kind == "scalar" and not root.text and not root.quoted:
        raise RefusedError(0, 0, "the file is empty")
    next(events)  # the document's end
    if not isinstance(after := next(events), yaml.StreamEndEvent):
        raise RefusedError(*_start(after), "a second document begins here, expected one in a file")
    return root


def _tree(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Tree:
    _refuse_tricks(event, depth)
    if isinstance(event, yaml.ScalarEvent):
        return Tree("scalar", *_start(event), text=event.value, quoted=bool(event.style))
    children: list[Tree] = []
    while not isinstance(child := next(events), yaml.CollectionEndEvent):
        children.append(_tree(child, events, depth + 1))
    if isinstance(event, yaml.MappingStartEvent):
        return Tree("mapping", *_start(event), pairs=tuple(zip(children[::2], children[1::2], strict=True)))
    return Tree("sequence", *_start(event), items=tuple(children))


def _refuse_tricks(event: yaml.Event, depth: int) -> None:
    """Refuse what makes a small file mean more than it shows; no more of it is parsed, which bounds the time."""
    if getattr(event, "anchor", None) is not None:
        raise RefusedError(*_start(event), "an anchor (&) or alias (*) stands here, write the value out")
    if getattr(event, "tag", None) is not None:
        raise RefusedError(*_start(event), "a tag (!) stands here, write the value without it")
    if depth > MAX_DEPTH and isinstance(event, yaml.CollectionStartEvent):
        raise RefusedError(*_start(event), "this is nested too deeply, {depth} levels are the most", depth=MAX_DEPTH)


def _start(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


_MISFIT = "this does not fit what stands above: mend the indentation, or close what is open"
_NO_VALUE = "a value is missing here, or what is open is not closed"
_OPEN_LIST = "the list that begins on line {line} is not closed, expected ',' or ']'"
_OPEN_MAPPING = "the mapping that begins on line {line} is not closed, expected ',' or '}}'"
_PROBLEMS = {
    "mapping values are not allowed": "a colon cannot stand here: mend the indentation, or put the text in quotes",
    "could not find expected ':'": "a key without a colon, expected ':' and a space after it",
    "did not find expected key": _MISFIT,
    "did not find expected '-'": _MISFIT,
    "expected <block end>": _MISFIT,
    "did not find expected <document start>": _MISFIT,
    "expected '<document start>'": _MISFIT,
    "did not find expected ',' or ']'": _OPEN_LIST,
    "expected ',' or ']'": _OPEN_LIST,
    "did not find expected ',' or '}'": _OPEN_MAPPING,
    "expected ',' or '}'": _OPEN_MAPPING,
    "did not find expected node content": _NO_VALUE,
    "expected the node content": _NO_VALUE,
    "found character": "{char!r} cannot begin a value, put the value in quotes",
    "found unexpected end of stream": "the quotes that open here are not closed",
    "found unknown escape": "an unknown escape stands after \\ in double quotes, expected single quotes",
}
"""What PyYAML's two parsers say, by its beginning, and what that means to somebody who does not know the grammar."""


def _explain(error: yaml.MarkedYAMLError, text: str) -> NoReturn:
    problem = str(error.problem)
    opened = error.context_mark or error.problem_mark
    mark = opened if "end of stream" in problem else error.problem_mark or opened
    index = min(mark.index if mark else 0, len(text.rstrip(" \n")))
    char = text[index : index + 1]
    if char == "\t" or problem.startswith("found a tab"):
        raise RefusedError(*_place(text, index), "a tab stands here, indent with spaces") from None
    meant = next((said for start, said in _PROBLEMS.items() if problem.startswith(start)), "broken YAML: {problem}")
    line = opened.line + 1 if opened else 1
    raise RefusedError(*_place(text, index), meant, line=line, problem=problem, char=char) from None
