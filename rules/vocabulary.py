"""The words a condition may use: their types, and how each is read from a situation."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from rules.facts import Fact, Shape
from rules.messages import say
from rules.situation import Situation

WordType = Literal[
    "bool", "int", "double", "string", "list<bool>", "list<int>", "list<dyn>", "list<string>", "map<string, dyn>"
]

WHOLE: WordType = "map<string, dyn>"
MAX_DEPTH = 16
ABSENT = object()
_INT64 = 1 << 63


class Word(NamedTuple):
    """A name with its CEL type. `read` gives None where the situation has no such value."""

    type: WordType
    read: Callable[[Situation], object]


def plain(value: object, depth: int = MAX_DEPTH) -> object:
    """Return JSON data as CEL can take it: 64-bit whole numbers, valid text; anything else becomes None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        value = value.replace("\0", " ")  # the library would take the text to end there
        return value if value.isascii() else value.encode(errors="replace").decode()
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else None
    if depth == 0:
        return None
    if isinstance(value, dict | Mapping):
        return {plain(name): plain(item, depth - 1) for name, item in value.items() if isinstance(name, str)}
    if isinstance(value, list | tuple):
        return [plain(item, depth - 1) for item in value]
    return None


def _text(value: Any) -> str | None:
    return str(plain(value)) if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _INT64:
        return None
    return float(value) if math.isfinite(value) else None


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        return None
    return [str(plain(item)) for item in value]


def _attribute(name: str, word_type: WordType, take: Callable[[Any], object]) -> Word:
    return Word(word_type, lambda situation: take(situation.member.attributes.get(name)))


def attributes(situation: Situation) -> Mapping[str, Any]:
    """Return the member's attributes; the usual shelf is for those who consented to `zones`."""
    held = situation.member.attributes
    if "zones" in situation.member.purposes:
        return held
    return {name: value for name, value in held.items() if name != "favourite_zones"}


def _favourite_zones(situation: Situation) -> list[str] | None:
    return _texts(attributes(situation).get("favourite_zones"))


def _zone(part: str) -> Word:
    return Word("string", lambda situation: situation.zone and _text(getattr(situation.zone, part)))


def _local(word_type: WordType, read: Callable[[Any], object]) -> Word:
    return Word(word_type, lambda situation: read(situation.local))


def _count(name: str) -> Word:
    return Word("int", attrgetter(f"member.{name}"))


_COUNTS = tuple(f"{what}_{days}d" for what in ("visits", "passes") for days in (7, 30, 90))

WORDS: dict[str, Word] = {
    "member.greeting": Word("string", lambda situation: _text(situation.member.greeting)),
    "member.language": Word("string", lambda situation: _text(situation.member.language)),
    "member.test": Word("bool", attrgetter("member.test")),
    **{f"member.{name}": _count(name) for name in _COUNTS},
    "member.days_since_visit": Word("int", attrgetter("member.days_since_visit")),
    "member.usual_zones": Word("list<string>", lambda situation: list(situation.member.usual_zones)),
    "member.tier": _attribute("tier", "string", _text),
    "member.points": _attribute("points", "double", _number),
    "member.balance": _attribute("balance", "double", _number),
    "member.tags": _attribute("tags", "list<string>", _texts),
    "member.favourite_zones": Word("list<string>", _favourite_zones),
    "member.attributes": Word("map<string, dyn>", lambda situation: plain(attributes(situation))),
    "visit.seconds": Word("double", lambda situation: situation.visit and float(situation.visit.seconds)),
    "visit.held_inside": Word("bool", lambda situation: situation.visit and situation.visit.held_inside),
    "zone.id": _zone("id"),
    "zone.kind": _zone("kind"),
    "zone.name": _zone("name"),
    "store.id": Word("string", attrgetter("store.id")),
    "store.name": Word("string", lambda situation: _text(situation.store.name)),
    "store.language": Word("string", attrgetter("store.language")),
    "store.open": Word("bool", attrgetter("store.open")),
    "now.hour": _local("int", attrgetter("hour")),
    "now.minute": _local("int", attrgetter("minute")),
    "now.weekday": _local("int", lambda local: local.isoweekday()),
    "now.day": _local("int", attrgetter("day")),
    "now.month": _local("int", attrgetter("month")),
    "now.date": _local("string", lambda local: local.strftime("%Y-%m-%d")),
    "now.time": _local("string", lambda local: local.strftime("%H:%M")),
    "facts": Word("map<string, dyn>", lambda situation: plain(situation.facts)),
}

NEARBY_LACKS = frozenset({"visit", "zone"})
ROOTS = frozenset(word.partition(".")[0] for word in WORDS)
_TYPES: dict[str, WordType] = {"bool": "bool", "int": "int", "number": "double", "string": "string"}
_TYPES |= {
    "list of bool": "list<bool>",
    "list of int": "list<int>",
    "list of number": "list<dyn>",  # `28 in facts.sizes` must do, and CEL finds no whole number among decimals
    "list of string": "list<string>",
}


class Path(NamedTuple):
    """A dotted name that a rule reads: a word, then keys within its value. `kind` is the type of a declared fact."""

    text: str
    label: str  # for people
    word: str
    keys: tuple[str, ...]
    attribute: str | None = None  # of the member
    fact: str = ""
    kind: WordType | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The keys of a fact, its name first."""
        return tuple(self.text.split(".")[1:])

    def look_up(self, values: Mapping[str, object]) -> object:
        """Return what the path holds, or `ABSENT`."""
        value = values.get(self.word, ABSENT)
        return dig(value, self.keys) if self.keys else value

    def read(self, situation: Situation) -> object:
        """Return what the path holds in a situation; None where that is nothing."""
        if self.fact:
            found = dig(plain(situation.facts.get(self.fact)), self.parts[1:])
        else:
            found = dig(WORDS[self.word].read(situation), self.keys)
        return None if found is ABSENT else found


def dig(value: object, keys: tuple[str, ...]) -> object:
    """Return what lies within nested mappings, or `ABSENT`."""
    for key in keys:
        value = value.get(key, ABSENT) if isinstance(value, dict | Mapping) else ABSENT
    return value


@dataclass(frozen=True)
class Vocabulary:
    """The names that the rules of one file may read. Where the file declares facts, it declares all that it reads.

    `lacking` are the roots that mean nothing where the rule looks.
    """

    declared: Mapping[str, Fact] = field(default_factory=dict)
    lacking: frozenset[str] = frozenset()

    @property
    def types(self) -> dict[str, WordType]:
        """The words with their types, declared facts field by field."""
        words = {word: held.type for word, held in WORDS.items() if not (self.declared and word == "facts")}
        facts = {
            name: kind for fact in self.declared.values() for name, kind in _typed(f"facts.{fact.name}", fact.shape)
        }
        return words | facts

    def parse_path(self, text: str) -> Path | None:
        """Read a path whose beginning is a word; None for any other name."""
        parts = text.split(".")
        if parts[0] in self.lacking:
            return None
        if parts[0] == "facts":
            return self._fact(text, parts[1:])
        word, keys = ".".join(parts[:2]), tuple(parts[2:])
        if word not in WORDS:
            return None
        label = text.removeprefix("member.").removeprefix("attributes.")
        return Path(text, label, word, keys, _attribute_of(parts))

    def _fact(self, text: str, keys: list[str]) -> Path | None:
        if not self.declared:
            return Path(text, text, "facts", tuple(keys), fact=keys[0] if keys else "")
        if not keys or keys[0] not in self.declared:
            return None
        shape: Shape = self.declared[keys[0]].shape
        for key in keys[1:]:
            if not isinstance(shape, Mapping) or key not in shape:
                return None
            shape = shape[key]
        return Path(text, text, text, (), fact=keys[0], kind=_kind(shape))

    def unknown_part(self, path: Path) -> str:
        """Say that a declared mapping stands where one of its fields should."""
        inner = [name for name, kind in self.types.items() if name.startswith(f"{path.text}.") and kind != WHOLE]
        return say("{name} has parts, expected one of {known}", name=repr(path.text), known=", ".join(inner))

    def unknown(self, path: str) -> str:
        """Say that nothing is called `path`, with a suggestion."""
        root, _, rest = path.partition(".")
        if root in self.lacking:
            return say("{name} means nothing to a rule on nearby: no visit is open here", name=repr(path))
        if root == "facts" and self.declared:
            return self._undeclared(path, rest)
        near = self._nearest(root, rest)
        if near:
            return say("unknown name {name} (did you mean {near}?)", name=repr(path), near=repr(near))
        if root == "member" and rest:
            own = f"member.attributes.{rest}"
            return say("unknown name {name}, an attribute of your own is written {own}", name=repr(path), own=own)
        known = ", ".join(word for word in WORDS if word.startswith(f"{root}."))
        known = known or say("a name such as {example}", example="member.tier")
        return say("unknown name {name}, expected {known}", name=repr(path), known=known)

    def _undeclared(self, path: str, rest: str) -> str:
        parts = [name for name, kind in self.types.items() if name.startswith("facts.") and kind != WHOLE]
        near = difflib.get_close_matches(path, parts, n=1, cutoff=0.75)
        if near:
            return say("unknown name {name} (did you mean {near}?)", name=repr(path), near=repr(near[0]))
        name = rest.partition(".")[0]
        fact = self.declared.get(name)
        if fact:
            known = [part for part in parts if part == f"facts.{name}" or part.startswith(f"facts.{name}.")]
            return say("unknown name {name}, expected {known}", name=repr(path), known=", ".join(known))
        example = f"- {{fact: {name or 'new_arrivals'}, type: bool}}"
        return say(
            "{name} is declared nowhere in this file, expected such as {example}", name=repr(path), example=example
        )

    def _nearest(self, root: str, rest: str) -> str:
        """Return the word that is meant; both halves are compared, else `member.` alone would do."""
        roots = difflib.get_close_matches(root, sorted(ROOTS), n=1, cutoff=0.7)
        if not roots or not rest:
            return ""
        if roots[0] == "facts":
            return f"facts.{rest}" if self.parse_path(f"facts.{rest}") else ""
        ends = [word.partition(".")[2] for word in WORDS if word.startswith(f"{roots[0]}.")]
        near = difflib.get_close_matches(rest.partition(".")[0], ends, n=1)
        return f"{roots[0]}.{near[0]}" if near else ""


def _attribute_of(parts: list[str]) -> str | None:
    """Name the attribute of a member that a path reads, None for any other, and for all of them."""
    match parts:
        case ["member", "attributes"]:
            return None
        case ["member", "attributes", name, *_] | ["member", name, *_]:
            return name
    return None


def _typed(name: str, shape: Shape) -> Iterator[tuple[str, WordType]]:
    """Yield the words of a declared fact: CEL has no records of ours, so each field is a variable of its own."""
    yield name, _kind(shape)
    if isinstance(shape, Mapping):
        for part, inner in shape.items():
            yield from _typed(f"{name}.{part}", inner)


def _kind(shape: Shape) -> WordType:
    return WHOLE if isinstance(shape, Mapping) else _TYPES[shape]


def as_typed(value: object, kind: WordType | None) -> object:
    """Return a fitting JSON value as CEL takes it in a word of this type: numbers as decimals."""
    if kind == "double" and isinstance(value, int | float):
        return float(value)
    return plain(value)
