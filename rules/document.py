"""YAML as an installer means it: raw scalars with their places, strict keys, every fault at once.

PyYAML's constructors read `22:00` as 1320 and `off` as False, and keep the last of duplicate keys in silence, so
documents are composed to nodes and read from there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml

T = TypeVar("T")

MAX_BYTES = 1 << 20
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong, or doubtful (`warning`), at a place in a file; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str
    warning: bool = False

    def __str__(self) -> str:
        note = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {note}{self.message}"


@dataclass(slots=True)
class Faults:
    """Collects faults while documents are read, so that a reader sees all of them at once."""

    found: list[Fault] = field(default_factory=list)

    def add(self, at: Node, message: str, *, warning: bool = False) -> None:
        self.found.append(Fault(at.file, at.line, at.column, message, warning))

    def errors(self) -> list[Fault]:
        return [fault for fault in self.found if not fault.warning]


class Node:
    """A YAML node with its place. Reads itself as a Python value or adds a fault and returns None."""

    __slots__ = ("_node", "faults", "file")

    def __init__(self, node: yaml.Node, file: str, faults: Faults) -> None:
        self._node = node
        self.file = file
        self.faults = faults

    @property
    def line(self) -> int:
        return int(self._node.start_mark.line) + 1

    @property
    def column(self) -> int:
        return int(self._node.start_mark.column) + 1

    def fault(self, message: str, *, warning: bool = False) -> None:
        self.faults.add(self, message, warning=warning)

    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    def is_sequence(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    def is_null(self) -> bool:
        return self._raw() in ("", "~", "null", "Null", "NULL") and not self.is_quoted()

    def is_quoted(self) -> bool:
        return isinstance(self._node, yaml.ScalarNode) and self._node.style is not None

    def _raw(self) -> str | None:
        return str(self._node.value) if isinstance(self._node, yaml.ScalarNode) else None

    def what(self) -> str:
        """Name the node as a message to the installer should."""
        if self.is_mapping():
            return "a mapping"
        if self.is_sequence():
            return "a list"
        return "nothing" if self.is_null() else f"{self._raw()!r}"

    def text(self, expected: str = "text") -> str | None:
        raw = self._raw()
        if raw is None or self.is_null():
            self.fault(f"{self.what()} stands here, expected {expected}")
            return None
        return raw

    def number(self, low: float, high: float, expected: str = "a number") -> float | None:
        raw = self._raw()
        if raw is None or self.is_quoted() or not re.fullmatch(r"[-+]?\d+(\.\d+)?", raw):
            self.fault(f"{self.what()} stands here, expected {expected}")
            return None
        value = float(raw)
        if not low <= value <= high:
            self.fault(f"{raw} is out of range, expected {expected} from {low:g} to {high:g}")
            return None
        return value

    def integer(self, low: int, high: int, expected: str = "a whole number") -> int | None:
        raw = self._raw()
        if raw is not None and not self.is_quoted() and re.fullmatch(r"[-+]?\d+", raw):
            value = self.number(low, high, expected)
            return None if value is None else int(value)
        self.fault(f"{self.what()} stands here, expected {expected}")
        return None

    def boolean(self) -> bool | None:
        word = (self._raw() or "").lower()
        if word in ("true", "yes", "on"):
            return True
        if word in ("false", "no", "off"):
            return False
        self.fault(f"{self.what()} stands here, expected true or false")
        return None

    def choice(self, words: Iterable[str], what: str = "value") -> str | None:
        """Read one of some words; a near miss gets a suggestion."""
        words = list(words)
        raw = self.text("one of " + ", ".join(words))
        if raw is None or raw in words:
            return raw
        self.fault(f"unknown {what} {raw!r}{did_you_mean(raw, words)}, expected one of " + ", ".join(words))
        return None

    def items(self, expected: str = "a list") -> list[Node]:
        if isinstance(self._node, yaml.SequenceNode):
            return [Node(child, self.file, self.faults) for child in self._node.value]
        self.fault(f"{self.what()} stands here, expected {expected}")
        return []

    def entries(self, expected: str = "a mapping") -> list[tuple[str, Node, Node]]:
        """Return key text, key node and value node of each entry; duplicate keys are faults and left out."""
        if not isinstance(self._node, yaml.MappingNode):
            self.fault(f"{self.what()} stands here, expected {expected}")
            return []
        found: dict[str, tuple[str, Node, Node]] = {}
        for key_node, value_node in self._node.value:
            key, value = Node(key_node, self.file, self.faults), Node(value_node, self.file, self.faults)
            name = key.text("a key")
            if name is None:
                continue
            if name in found:
                key.fault(f"duplicate key {name!r}, it stands already on line {found[name][1].line}")
                continue
            found[name] = (name, key, value)
        return list(found.values())

    def fields(self, allowed: Iterable[str], required: Iterable[str] = (), what: str = "this") -> dict[str, Node]:
        """Read a mapping with known keys: unknown, duplicate and missing ones are faults."""
        allowed = list(allowed)
        values: dict[str, Node] = {}
        for name, key, value in self.entries(f"{what} as a mapping"):
            if name in allowed:
                values[name] = value
            else:
                key.fault(f"unknown key {name!r}{did_you_mean(name, allowed)}, expected one of " + ", ".join(allowed))
        if self.is_mapping():
            for name in required:
                if name not in values:
                    self.fault(f"{name!r} is missing, {what} needs it")
        return values

    def data(self, depth: int = MAX_DEPTH) -> object:
        """Read free data as JSON would: numbers, true, false, null, text, lists, mappings; `22:00` stays text."""
        if depth == 0:
            self.fault("nested too deeply")
            return None
        if self.is_mapping():
            return {name: value.data(depth - 1) for name, _, value in self.entries()}
        if self.is_sequence():
            return [item.data(depth - 1) for item in self.items()]
        raw = self._raw() or ""
        if self.is_quoted():
            return raw
        if self.is_null():
            return None
        if raw in ("true", "false"):
            return raw == "true"
        if re.fullmatch(r"[-+]?(0|[1-9]\d*)", raw):
            return int(raw)
        if re.fullmatch(r"[-+]?(0|[1-9]\d*)\.\d+", raw):
            return float(raw)
        return raw


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'x'?` for a near miss, else an empty text."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def read_document(path: Path, faults: Faults) -> Node | None:
    """Read one YAML document from a file; broken YAML is a fault. Raises OSError when the file cannot be read."""
    raw = path.read_bytes()
    return parse_document(raw, str(path), faults)


def parse_document(raw: bytes, file: str, faults: Faults) -> Node | None:
    """Compose one YAML document; None, with a fault, when it is broken, empty, too large or not UTF-8."""

    def refuse(message: str, line: int = 1, column: int = 1) -> None:
        faults.found.append(Fault(file, line, column, message))

    if len(raw) > MAX_BYTES:
        refuse(f"the file is larger than {MAX_BYTES} bytes")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(f"byte {error.start} is not UTF-8", raw[: error.start].count(b"\n") + 1)
        return None
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                refuse("an alias (*) stands here, write it out", event.start_mark.line + 1, event.start_mark.column + 1)
                return None
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.MarkedYAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or "nested too deeply"
        refuse(f"broken YAML: {problem}", *((mark.line + 1, mark.column + 1) if mark else (1, 1)))
        return None
    except yaml.YAMLError as error:
        refuse("broken YAML: " + " ".join(str(error).split()))
        return None
    if node is None:
        refuse("the file is empty")
        return None
    return Node(node, file, faults)


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d|w|seconds?|minutes?|hours?|days?|weeks?|months?)")
_SECONDS = {"ms": 0.001, "s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_SECONDS |= {"d": 86400, "day": 86400, "w": 604800, "week": 604800, "month": 2592000}


def read_duration(node: Node, low: float, high: float) -> float | None:
    """Read `5s`, `10 min`, `120 s`, `90 days` or `12 months` (30 days each) as seconds."""
    raw = node.text("a duration such as 5s, 10 min or 90 days")
    if raw is None:
        return None
    match = _DURATION.fullmatch(raw.strip())
    if match is None:
        node.fault(f"{raw!r} stands here, expected a duration such as 5s, 10 min or 90 days")
        return None
    unit = match[2]
    seconds = float(match[1]) * _SECONDS[unit if unit in _SECONDS else unit.rstrip("s")]
    if not low <= seconds <= high:
        node.fault(f"{raw} is out of range, expected {low:g} s to {high:g} s")
        return None
    return seconds


def each(nodes: Iterable[Node], read: Callable[[Node], T | None]) -> Iterator[T]:
    """Read each node, leaving out those that had faults."""
    for node in nodes:
        value = read(node)
        if value is not None:
            yield value
