"""Rule files to rules: strict keys, every fault at once, each with its line and column."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

from rules.composer import MAX_BYTES
from rules.condition import Condition, compile_condition
from rules.document import Fault, Faults, Node, each, parse_document, read_duration
from rules.messages import say
from rules.model import MAX_TIMES, PERIODS, Alert, AtMost, Offer, Period, Rule, Selector, Trigger
from rules.payload import Payload, read_payload
from rules.places import Place, within_node
from rules.situation import TriggerKind, Trust
from rules.text import LANGUAGES, Language, Template, parse_template

TRIGGERS: tuple[TriggerKind, ...] = get_args(TriggerKind)
ZONE_KINDS = ("outside", "door", "inside", "shelf")
ALERT_EXPIRES_S = 60.0  # and no longer
OFFER_TTL_S = 600.0

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HAPTIC = re.compile(r"(short|long)(-(short|long)){0,5}")
_AT_MOST = re.compile(r"(\d{1,3}) per (\w+)")
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class _First(NamedTuple):
    file: str
    line: int


@dataclass(slots=True)
class _Known:
    """What names in a rule may refer to (None: anything), and the rules that were read."""

    groups: Collection[str] | None
    zones: Collection[str] | None
    rules: dict[str, _First] = field(default_factory=dict)


def load_rules(
    paths: Iterable[Path],
    faults: Faults,
    known_groups: Collection[str] | None = None,
    known_zones: Collection[str] | None = None,
) -> list[Rule]:
    """Read rule files, in order of priority; a rule that is at fault is left out. Never raises.

    Groups and zone ids are checked against those known; None accepts any.
    """
    known = _Known(known_groups, known_zones)
    return [rule for path in paths for rule in _read_file(path, faults, known)]


def read_bytes(path: Path, faults: Faults) -> bytes | None:
    """Read a file, no further than a document may reach; a fault says why it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "").lower()
        faults.put(Fault(str(path), 0, 0, say(reason)))
        return None


def _read_file(path: Path, faults: Faults, known: _Known) -> list[Rule]:
    raw = read_bytes(path, faults)
    root = None if raw is None else parse_document(raw, str(path), faults)
    if raw is None or root is None:
        return []
    source = _LINE_BREAK.split(raw.decode("utf-8-sig", "replace"))
    return list(each(root.items("a list of rules"), lambda node: _rule(node, source, known)))


def _rule(node: Node, source: list[str], known: _Known) -> Rule | None:
    before = len(node.faults.errors())
    keys = node.fields(("name", "on", "if", "alert", "offer", "trust", "at_most"), ("name", "on"), "a rule")
    name = _name(keys["name"], known) if "name" in keys else None
    on = _on(keys["on"], known) if "on" in keys else None
    conditions = _conditions(keys["if"], source) if "if" in keys else ()
    action = _action(node, keys, source, known)
    trust = keys["trust"].choice([trust.word for trust in Trust], "trust") if "trust" in keys else "hint"
    at_most = _at_most(keys["at_most"]) if "at_most" in keys else None
    if node.faults.full or len(node.faults.errors()) > before:
        return None
    if name is None or on is None or action is None or trust is None:
        return None
    return Rule(name, node.file, node.line, on, conditions, action, Trust[trust.upper()], at_most)


def _name(node: Node, known: _Known) -> str | None:
    name = _id(node)
    if name in known.rules:
        first = known.rules[name]
        node.fault("rule {name} stands already at {file}:{line}", name=name, file=first.file, line=first.line)
    elif name:
        known.rules[name] = _First(node.file, node.line)
    return name


def _id(node: Node) -> str | None:
    expected = "1 to 64 letters, digits, - and _"
    name = node.text(expected)
    if name is not None and not _ID.fullmatch(name):
        node.unexpected(expected)
        return None
    return name


def _on(node: Node, known: _Known) -> Trigger | None:
    """Read `arrived`, `{dwell: 5s}` or `{entered, zone: {kind: shelf}}`."""
    if node.scalar() is not None:
        word = node.choice(TRIGGERS, "trigger")
        if word == "dwell":
            node.fault("dwell stands here without its length, expected {example}", example="{dwell: 5s}")
            return None
        return Trigger(cast(TriggerKind, word)) if word else None
    before = len(node.faults.errors())
    keys = node.fields((*TRIGGERS, "zone"), what="on")
    zone = _selector(keys.pop("zone"), known) if "zone" in keys else None
    if len(keys) == 1:
        kind, value = keys.popitem()
        return _trigger(cast(TriggerKind, kind), value, zone)
    if len(node.faults.errors()) == before:
        _not_one(node, keys, TRIGGERS)
    return None


def _not_one(node: Node, keys: Collection[str], expected: Collection[str]) -> None:
    found = " / ".join(keys) or say("nothing")
    node.fault(
        "{what} stands here, expected {expected}", what=found, expected=say("one of {words}", words=", ".join(expected))
    )


def _trigger(kind: TriggerKind, value: Node, zone: Selector | None) -> Trigger | None:
    if kind == "dwell":
        length = read_duration(value, 1, 12 * 3600)
        return Trigger(kind, zone, length) if length else None
    if not value.is_null():
        example = f"{{{kind}, zone: {{id: shoes}}}}"
        value.fault(
            "{what} stands here, expected nothing after {kind}, as in {example}",
            what=value.what(),
            kind=kind,
            example=example,
        )
    return Trigger(kind, zone)


def _selector(node: Node, known: _Known) -> Selector | None:
    before = len(node.faults.errors())
    keys = node.fields(("id", "kind"), what="zone")
    if len(keys) != 1:
        if len(node.faults.errors()) == before:
            _not_one(node, keys, ("id", "kind"))
        return None
    by, value = keys.popitem()
    word = value.choice(ZONE_KINDS, "kind of zone") if by == "kind" else _id(value)
    if by == "id" and word and known.zones is not None and word not in known.zones:
        value.unknown("zone", word, known.zones)
    return Selector(cast(Literal["id", "kind"], by), word) if word else None


def _conditions(node: Node, source: list[str]) -> tuple[Condition, ...]:
    items = node.items() if node.is_sequence() else [node]
    if not items:
        node.unexpected("a condition")
    return tuple(each(items, lambda item: _condition(item, source)))


def _condition(node: Node, source: list[str]) -> Condition | None:
    expression = node.text("a condition such as member.passes_30d >= 4")
    if expression is None:
        return None
    compiled = compile_condition(expression, within_node(source, node, expression))
    if isinstance(compiled, Condition):
        return compiled
    for problem in compiled:
        _put(node, problem.place, problem.message)
    return None


def _put(node: Node, place: Place, message: str) -> None:
    node.faults.put(Fault(node.file, place.line, place.column, message))


def _action(node: Node, keys: dict[str, Node], source: list[str], known: _Known) -> Alert | Offer | None:
    if "alert" in keys and "offer" in keys:
        keys["offer"].fault("alert and offer stand in one rule, expected one of them")
        return None
    if "alert" in keys:
        return _alert(keys["alert"], source, known)
    if "offer" in keys:
        return _offer(keys["offer"])
    if node.is_mapping():
        node.fault("the rule does nothing, expected alert or offer")
    return None


def _alert(node: Node, source: list[str], known: _Known) -> Alert | None:
    keys = node.fields(("group", "text", "haptic", "expires"), ("group", "text"), "alert")
    group = _id(keys["group"]) if "group" in keys else None
    if group and known.groups is not None and group not in known.groups:
        keys["group"].unknown("group", group, known.groups)
    texts = _texts(keys["text"], source) if "text" in keys else {}
    haptic = _haptic(keys["haptic"]) if "haptic" in keys else "short-short"
    expires = read_duration(keys["expires"], 1, ALERT_EXPIRES_S) if "expires" in keys else ALERT_EXPIRES_S
    return Alert(group, texts, haptic, expires) if group and texts and haptic and expires else None


def _haptic(node: Node) -> str | None:
    expected = "up to six of short and long, such as short-short-long"
    pattern = node.text(expected)
    if pattern is not None and not _HAPTIC.fullmatch(pattern):
        node.unexpected(expected)
        return None
    return pattern


def _texts(node: Node, source: list[str]) -> dict[Language, Template]:
    """Read one text for every language, or `{zh: ..., en: ...}`."""
    if not node.is_mapping():
        template = _template(node, source)
        return dict.fromkeys(LANGUAGES, template) if template else {}
    keys = node.fields(LANGUAGES, what="text")
    if not keys:
        node.unexpected("a text, or {zh: ..., en: ...}")
    read = {cast(Language, language): _template(value, source) for language, value in keys.items()}
    return {language: template for language, template in read.items() if template}


def _template(node: Node, source: list[str]) -> Template | None:
    expected = "a text such as '{greeting} · {zone} {ago}'"
    text = node.text(expected)
    if text is None:
        return None
    if not text.strip():
        node.unexpected(expected)
        return None
    template = parse_template(text)
    if isinstance(template, Template):
        return template
    locate = within_node(source, node, text)
    for problem in template:
        _put(node, locate(problem.offset), problem.message)
    return None


def _offer(node: Node) -> Offer | None:
    keys = node.fields(("id", "ttl", "payload"), ("id",), "offer")
    offer = _id(keys["id"]) if "id" in keys else None
    ttl = read_duration(keys["ttl"], 10, 7 * 86400) if "ttl" in keys else OFFER_TTL_S
    payload = read_payload(keys["payload"]) if "payload" in keys else Payload()
    return Offer(offer, ttl, payload) if offer and ttl and payload else None


def _at_most(node: Node) -> AtMost | None:
    expected = say(
        "a cap such as 1 per day, of {times} at most per {periods}", times=MAX_TIMES, periods=", ".join(PERIODS)
    )
    match = _AT_MOST.fullmatch(node.text(expected) or "")
    if match and match[2] in PERIODS and 1 <= int(match[1]) <= MAX_TIMES:
        return AtMost(int(match[1]), cast(Period, match[2]))
    if not node.is_null() and node.scalar() is not None:
        node.unexpected(expected)
    return None
