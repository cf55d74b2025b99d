"""YAML as an installer means it: raw scalars with their places, strict keys, every fault at once.

PyYAML's constructors read `22:00` as 1320 and `off` as False, and keep the last of duplicate keys in silence, so
documents are composed to nodes and read from there.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rules.composer import MAX_BYTES, RefusedError, Tree, compose_document
from rules.messages import say

T = TypeVar("T")

MAX_FAULTS = 500
MAX_DIGITS = 18
MAX_QUOTED = 60  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong, or doubtful (`warning`), at a place in a file.

    Line and column count from 1; line 0 is the file as a whole: it is missing, empty or cannot be read.
    """

    file: str
    line: int
    column: int
    message: str
    warning: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        note = say("warning: ") if self.warning else ""
        return f"{place}: {note}{self.message}"


@dataclass(slots=True)
class Faults:
    """Collects faults while documents are read, so that a reader sees all of them at once.

    Hostile documents aside, that is: after `MAX_FAULTS` no more are kept.
    """

    found: list[Fault] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.found) >= MAX_FAULTS

    def add(self, at: Node, message: str, *, warning: bool = False) -> None:
        self.put(Fault(at.file, at.line, at.column, message, warning))

    def put(self, fault: Fault) -> None:
        if not self.full:
            self.found.append(fault)

    def errors(self) -> list[Fault]:
        return [fault for fault in self.found if not fault.warning]


class Node:
    """A YAML node with its place. Reads itself as a Python value or adds a fault and returns None."""

    __slots__ = ("_tree", "faults", "file")

    def __init__(self, tree: Tree, file: str, faults: Faults) -> None:
        self._tree = tree
        self.file = file
        self.faults = faults

    @property
    def line(self) -> int:
        return self._tree.line

    @property
    def column(self) -> int:
        return self._tree.column

    def fault(self, message: str, /, *, warning: bool = False, **values: object) -> None:
        """Add a fault here; the message is said in the installer's language, `{placeholders}` filled in."""
        self.faults.add(self, say(message, **values), warning=warning)

    def fault_at(self, line: int, column: int, message: str) -> None:
        """Add a fault at a place within this value."""
        self.faults.put(Fault(self.file, line, column, message))

    def is_mapping(self) -> bool:
        return self._tree.kind == "mapping"

    def is_sequence(self) -> bool:
        return self._tree.kind == "sequence"

    def is_null(self) -> bool:
        return self.scalar() in ("", "~", "null", "Null", "NULL") and not self.is_quoted()

    def is_quoted(self) -> bool:
        return self._tree.quoted

    def scalar(self) -> str | None:
        """Return the raw text of a single value, None for a mapping or a list."""
        return self._tree.text if self._tree.kind == "scalar" else None

    def what(self) -> str:
        """Name the node as a message to the installer should; a secret inside a URL is left out."""
        return self._shape() if self.scalar() is None or self.is_null() else _quote(self.scalar() or "")

    def _shape(self) -> str:
        if self.is_null():
            return say("nothing")
        if self.is_sequence():
            return say("a list" if self.items() else "an empty list")
        return say("a mapping" if self.is_mapping() else "a single value")

    def unexpected(self, expected: str) -> None:
        """Add the fault that something else should stand here."""
        self.fault("{what} stands here, expected {expected}", what=self.what(), expected=say(expected))

    def misshapen(self, expected: str) -> None:
        """Add the same fault without repeating the value, which may be a secret whose colon was forgotten."""
        self.fault("{what} stands here, expected {expected}", what=self._shape(), expected=say(expected))

    def text(self, expected: str = "text") -> str | None:
        raw = self.scalar()
        if raw is None or self.is_null():
            self.unexpected(expected)
            return None
        if not raw.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in raw):
            self.fault("a control character stands in this text")
            return None
        return raw

    def number(self, low: float, high: float, expected: str = "a number") -> float | None:
        raw = self.scalar()
        if raw is None or self.is_quoted() or not re.fullmatch(r"[-+]?\d+(\.\d+)?", raw):
            self.unexpected(expected)
            return None
        value = float(raw)
        if not low <= value <= high:
            self.out_of_range(expected, f"{low:g}", f"{high:g}")
            return None
        return value

    def out_of_range(self, expected: str, low: str, high: str) -> None:
        """Add the fault that a quantity is too small or too large."""
        self.fault(
            "{raw} is out of range, expected {expected} from {low} to {high}",
            raw=_cut(self.scalar() or ""),
            expected=say(expected),
            low=low,
            high=high,
        )

    def integer(self, low: int, high: int, expected: str = "a whole number") -> int | None:
        raw = self.scalar()
        if raw is not None and not self.is_quoted() and re.fullmatch(r"[-+]?\d+", raw):
            value = self.number(low, high, expected)
            return None if value is None else int(value)
        self.unexpected(expected)
        return None

    def boolean(self) -> bool | None:
        word = (self.scalar() or "").lower()
        if word in ("true", "yes", "on"):
            return True
        if word in ("false", "no", "off"):
            return False
        self.unexpected("true or false")
        return None

    def choice(self, words: Iterable[str], what: str = "value") -> str | None:
        """Read one of some words; a near miss gets a suggestion."""
        words = list(words)
        raw = self.text(say("one of {words}", words=", ".join(words)))
        if raw is None or raw in words:
            return raw
        self.unknown(what, raw, words)
        return None

    def unknown(self, what: str, name: str, known: Iterable[str]) -> None:
        """Add the fault that nothing defines this name, with a suggestion and what is defined."""
        known = list(known)
        self.fault(
            "unknown {what} {name}{hint}, expected one of {known}",
            what=say(what),
            name=_quote(name),
            hint="" if self.faults.full else did_you_mean(name, known),
            known=", ".join(known),
        )

    def items(self, expected: str = "a list") -> list[Node]:
        if not self.is_sequence():
            self.misshapen(expected)
        return [self._inner(item) for item in self._tree.items]

    def entries(self, expected: str = "a mapping") -> list[tuple[str, Node, Node]]:
        """Return key text, key node and value node of each entry; duplicate keys are faults and left out."""
        if not self.is_mapping():
            self.misshapen(expected)
        found: dict[str, tuple[str, Node, Node]] = {}
        for key, value in self._pairs():
            name = key.text("a key")
            if name is None:
                continue
            if name in found:
                key.fault(
                    "duplicate key {name}, it stands already on line {line}",
                    name=_quote(name),
                    line=found[name][1].line,
                )
                continue
            found[name] = (name, key, value)
        return list(found.values())

    def entry(self, name: str) -> tuple[Node, Node] | None:
        """Return the key and the value of an entry, if this is a mapping that has it; no faults are added."""
        return next((pair for pair in self._pairs() if pair[0].scalar() == name), None)

    def _pairs(self) -> Iterator[tuple[Node, Node]]:
        return ((self._inner(key), self._inner(value)) for key, value in self._tree.pairs)

    def _inner(self, tree: Tree) -> Node:
        return Node(tree, self.file, self.faults)

    def fields(
        self,
        allowed: Iterable[str],
        required: Iterable[str] = (),
        what: str = "this",
        instead: Mapping[str, str] | None = None,
    ) -> dict[str, Node]:
        """Read a mapping with known keys: unknown, duplicate and missing ones are faults.

        `instead` says what to write for keys that others know and we do not.
        """
        allowed = list(allowed)
        values: dict[str, Node] = {}
        for name, key, value in self.entries(say("{what} as a mapping", what=say(what))):
            if name in allowed:
                values[name] = value
            elif instead and name in instead:
                key.fault("unknown key {name}, write {instead}", name=_quote(name), instead=instead[name])
            else:
                key._unknown_key(name, allowed)
        if self.is_mapping():
            for name in required:
                if name not in values:
                    self.fault("{name} is missing, {what} needs it", name=_quote(name), what=say(what))
        return values

    def _unknown_key(self, name: str, allowed: Sequence[str]) -> None:
        head = re.split(r"[:：\s]", name)[0]
        if head == name:
            self.unknown("key", name, allowed)
        elif head in allowed:
            self.fault("a colon and a space are missing after {head}", head=_quote(head))
        else:
            self.unknown("key", head + "…", allowed)

    def data(self) -> object:
        """Read free data as JSON would: numbers, true, false, null, text, lists, mappings; `22:00` stays text."""
        if self.is_mapping():
            return {name: value.data() for name, _, value in self.entries()}
        if self.is_sequence():
            return [item.data() for item in self.items()]
        return None if self.is_null() else self._scalar()

    def _scalar(self) -> object:
        raw = self.text()
        if raw is None or self.is_quoted():
            return raw
        if raw in ("true", "false"):
            return raw == "true"
        if not re.fullmatch(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?", raw):
            return raw
        if len(raw) > MAX_DIGITS:
            self.fault("a number of more than {digits} digits stands here", digits=MAX_DIGITS)
            return None
        return float(raw) if "." in raw else int(raw)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…"


def _quote(raw: str) -> str:
    return repr(_cut(re.sub(r"//[^/\s]*@", "//…@", raw)))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for a near miss, else an empty text."""
    near = nearest(name, known)
    return say(" (did you mean {near}?)", near=repr(near)) if near else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known word that a name nearly is. Case and full-width letters do not count."""
    spellings = {_fold(word): word for word in known}
    near = difflib.get_close_matches(_fold(_cut(name)), list(spellings), n=1, cutoff=0.6)
    return spellings[near[0]] if near else None


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def read_document(path: Path, faults: Faults) -> Node | None:
    """Read one YAML document from a file; broken YAML is a fault. Raises OSError when the file cannot be read."""
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    return parse_document(raw, str(path), faults)


def parse_document(raw: bytes, file: str, faults: Faults) -> Node | None:
    """Compose one YAML document; None, with a fault, when it is broken, empty, too large or not UTF-8."""
    try:
        return Node(compose_document(raw), file, faults)
    except RefusedError as refused:
        faults.put(Fault(file, refused.line, refused.column, str(refused)))
        return None


DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d|w|seconds?|minutes?|hours?|days?|weeks?|months?)")
_SECONDS = {"ms": 0.001, "s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_SECONDS |= {"d": 86400, "day": 86400, "w": 604800, "week": 604800, "month": 2592000}


def read_duration(node: Node, low: float, high: float) -> float | None:
    """Read `5s`, `10 min`, `120 s`, `90 days` or `12 months` (30 days each) as seconds."""
    expected = say("a duration such as 5s, 10 min or 90 days")
    raw = node.text(expected)
    if raw is None:
        return None
    match = DURATION.fullmatch(raw.strip())
    if match is None:
        node.unexpected(expected)
        return None
    unit = match[2]
    seconds = float(match[1]) * _SECONDS[unit if unit in _SECONDS else unit.rstrip("s")]
    if not low <= seconds <= high:
        node.out_of_range(say("a duration"), duration_text(low), duration_text(high))
        return None
    return seconds


def duration_text(seconds: float) -> str:
    """Write seconds in the largest unit that fits, as `read_duration` reads it."""
    units = (("days", 86400), ("h", 3600), ("min", 60), ("s", 1))
    unit, size = next(((unit, size) for unit, size in units if seconds >= size and seconds % size == 0), ("s", 1))
    return f"{seconds / size:.12g} {unit}"


def each(nodes: Iterable[Node], read: Callable[[Node], T | None]) -> Iterator[T]:
    """Read each node, leaving out those that had faults."""
    for node in nodes:
        value = read(node)
        if value is not None:
            yield value
