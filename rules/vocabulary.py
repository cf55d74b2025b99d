"""The words a condition may use: their types, and how each is read from a situation."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from rules.messages import say
from rules.situation import Situation

WordType = Literal["bool", "int", "double", "string", "list<string>", "map<string, dyn>"]

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
        return value if value.isascii() else value.encode(errors="replace").decode()
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else None
    if depth == 0:
        return None
    if isinstance(value, Mapping):
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
    "visit.seconds": Word("double", lambda situation: float(situation.visit.seconds)),
    "visit.held_inside": Word("bool", attrgetter("visit.held_inside")),
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

ROOTS = frozenset(word.partition(".")[0] for word in WORDS)


class Path(NamedTuple):
    """A dotted name that a condition reads: a word, then keys within its value."""

    text: str
    label: str  # for people
    word: str
    keys: tuple[str, ...]
    attribute: str | None  # of the member

    def look_up(self, values: Mapping[str, object]) -> object:
        """Return what the path holds, or `ABSENT`."""
        found = values.get(self.word, ABSENT)
        for key in self.keys:
            found = found.get(key, ABSENT) if isinstance(found, Mapping) else ABSENT
        return found

    def read(self, situation: Situation) -> object:
        """Return what the path holds in a situation; None where that is nothing."""
        found = self.look_up({self.word: WORDS[self.word].read(situation)})
        return None if found is ABSENT else found


def parse_path(text: str) -> Path | None:
    """Read a path whose beginning is a word; None for any other name."""
    parts = text.split(".")
    length = 1 if parts[0] == "facts" else 2
    word, keys = ".".join(parts[:length]), tuple(parts[length:])
    if word not in WORDS:
        return None
    attribute = next(iter(keys), None) if word == "member.attributes" else parts[1] if parts[0] == "member" else None
    return Path(text, text.removeprefix("member.").removeprefix("attributes."), word, keys, attribute)


def unknown(path: str) -> str:
    """Say that nothing is called `path`, with a suggestion."""
    root, _, rest = path.partition(".")
    near = _nearest(root, rest)
    if near:
        return say("unknown name {name} (did you mean {near}?)", name=repr(path), near=repr(near))
    if root == "member" and rest:
        own = f"member.attributes.{rest}"
        return say("unknown name {name}, an attribute of your own is written {own}", name=repr(path), own=own)
    known = ", ".join(word for word in WORDS if word.startswith(f"{root}."))
    known = known or say("a name such as {example}", example="member.tier")
    return say("unknown name {name}, expected {known}", name=repr(path), known=known)


def _nearest(root: str, rest: str) -> str:
    """Return the word that is meant; both halves are compared, else `member.` alone would make all members alike."""
    roots = difflib.get_close_matches(root, sorted(ROOTS), n=1, cutoff=0.7)
    if not roots or not rest:
        return ""
    if roots[0] == "facts":
        return f"facts.{rest}"
    ends = [word.partition(".")[2] for word in WORDS if word.startswith(f"{roots[0]}.")]
    near = difflib.get_close_matches(rest.partition(".")[0], ends, n=1)
    return f"{roots[0]}.{near[0]}" if near else ""
