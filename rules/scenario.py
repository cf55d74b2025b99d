"""Rule tests as values: members, zones, facts, and what happens when, with what is expected of the rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

from rules.document import Fault, Faults, Node, each, parse_document, read_duration
from rules.loader import TRIGGERS, ZONE_KINDS, load_rules, read_bytes
from rules.messages import say
from rules.model import Rule
from rules.situation import MemberView, TriggerKind, Trust, ZoneView
from rules.text import LANGUAGES, Language

Kind = Literal["alert", "offer", "silent"]
T = TypeVar("T", MemberView, ZoneView)

KINDS: tuple[Kind, ...] = ("alert", "offer", "silent")
PURPOSES = ("recognise", "zones", "offers")
OUTCOMES = ("condition", "missing", "error", "cap", "quiet", "trust", "consent", "choice")
COUNTS = (*(f"{what}_{days}d" for what in ("visits", "passes") for days in (7, 30, 90)), "days_since_visit")
FIELDS: Mapping[str, tuple[str, ...]] = {"alert": ("group", "text", "haptic"), "offer": ("id", "payload")}
START = datetime(2026, 1, 5, 12)  # a Monday
LONGEST_S = 60 * 86400.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one rule should say. `fields` are those of its action that matter, or `outcome` and `reason` of silence."""

    line: int
    column: int
    rule: str
    kind: Kind
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What happens `at` seconds from the start: facts come, or a member's presence changes, or both in this order."""

    line: int
    column: int
    at: float
    facts: Mapping[str, Any]
    member: str = ""
    trigger: TriggerKind | None = None
    zone: str | None = None
    dwell: float = 0.0
    trust: Trust = Trust.HINT
    expected: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One test; `start` is in the shop's time."""

    name: str
    line: int
    start: datetime
    language: Language
    facts: Mapping[str, Any]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole test file, and the rules that it tests."""

    rules: tuple[Rule, ...]
    zones: Mapping[str, ZoneView]
    members: Mapping[str, MemberView]
    private_attributes: frozenset[str]
    cases: tuple[Case, ...]


class _Names(NamedTuple):
    """What a step may refer to; no rules where they are at fault, so that one fault does not make many."""

    rules: Collection[str]
    zones: Collection[str]
    members: Collection[str]


def load_scenario(path: Path, faults: Faults) -> Scenario | None:
    """Read a test file and the rule files that it names; None, with faults, when either is at fault."""
    raw = read_bytes(path, faults)
    root = None if raw is None else parse_document(raw, str(path), faults)
    if root is None:
        return None
    allowed = ("rules", "zones", "members", "private_attributes", "start", "language", "facts", "tests")
    keys = root.fields(allowed, ("rules", "zones", "members", "tests"), "a rule test file")
    rules = _rules(keys["rules"], path.parent) if "rules" in keys else None
    zones = _by_id(keys.get("zones"), _zone, "a list of zones")
    members = _by_id(keys.get("members"), _member, "a list of members")
    private = _words(keys["private_attributes"]) if "private_attributes" in keys else ("balance",)
    default = _setting(keys, Case("", 0, START, "zh", {}, ()))
    names = _Names([rule.name for rule in rules or ()], zones, members)
    cases = tuple(each(_some(keys.get("tests"), "a list of tests"), lambda node: _case(node, default, names)))
    if rules is None or faults.full or faults.errors():
        return None
    return Scenario(rules, zones, members, frozenset(private), cases)


def _some(node: Node | None, expected: str) -> list[Node]:
    """Return the items of a list that must have some."""
    items = node.items(expected) if node else []
    if node and node.is_sequence() and not items:
        node.unexpected(expected)
    return items


def _rules(node: Node, folder: Path) -> tuple[Rule, ...] | None:
    """Load the rule files that are named, by their paths from the test file's folder; None when one is at fault."""
    before = len(node.faults.errors())
    paths = []
    for item in node.items() if node.is_sequence() else [node]:
        name = item.text("a rule file such as window-regular.yaml")
        if name and (folder / name).is_file():
            paths.append(folder / name)
        elif name:
            item.fault("no rule file {name}", name=item.what())
    rules = tuple(load_rules(paths, node.faults))
    return rules if len(node.faults.errors()) == before else None


def _by_id(node: Node | None, read: Callable[[Node], T | None], expected: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for item in _some(node, expected):
        value = read(item)
        if value is not None and value.id in found:
            item.fault("duplicate id {name}", name=repr(value.id))
        elif value is not None:
            found[value.id] = value
    return found


def _zone(node: Node) -> ZoneView | None:
    keys = node.fields(("id", "kind", "name"), ("id", "kind"), "a zone")
    zone_id = keys["id"].text("an id") if "id" in keys else None
    kind = keys["kind"].choice(ZONE_KINDS, "kind of zone") if "kind" in keys else None
    name = keys["name"].text("a name") if "name" in keys else zone_id
    return ZoneView(zone_id, kind or "", name or "") if zone_id else None


def _member(node: Node) -> MemberView | None:
    texts = ("greeting", "note", "language")
    lists = ("deny", "allow", "only", "usual_zones")
    keys = node.fields(("id", "consent", *texts, "attributes", *lists, "test", *COUNTS), ("id",), "a member")
    member_id = keys["id"].text("an id") if "id" in keys else None
    purposes = _words(keys["consent"], PURPOSES) if "consent" in keys else PURPOSES
    values: dict[str, Any] = {name: keys[name].text() or "" for name in texts if name in keys}
    values |= {name: keys[name].integer(0, 10_000) or 0 for name in COUNTS if name in keys}
    values |= {name: _words(keys[name]) for name in lists if name in keys}
    attributes = _data(keys.get("attributes"))
    test = bool(keys["test"].boolean()) if "test" in keys else False
    return MemberView(member_id, frozenset(purposes), attributes=attributes, test=test, **values) if member_id else None


def _words(node: Node, known: Collection[str] | None = None) -> tuple[str, ...]:
    def read(item: Node) -> str | None:
        return item.choice(known, "purpose") if known else item.text("a word")

    return tuple(each(node.items("a list of words"), read))


def _data(node: Node | None) -> Mapping[str, Any]:
    data = node.data() if node else {}
    if node and not isinstance(data, dict):
        node.unexpected("a mapping")
    return data if isinstance(data, dict) else {}


def _setting(keys: Mapping[str, Node], default: Case) -> Case:
    """Take what the file, or one test of it, says of the time, the language and the facts."""
    language = keys["language"].choice(LANGUAGES, "language") if "language" in keys else default.language
    start = _start(keys["start"]) if "start" in keys else default.start
    facts = {**default.facts, **_data(keys.get("facts"))}
    return replace(default, start=start or START, language=cast(Language, language), facts=facts)


def _start(node: Node) -> datetime | None:
    expected = "a time of the shop such as 2026-11-22 14:00"
    text = node.text(expected)
    try:
        return datetime.strptime(text or "", "%Y-%m-%d %H:%M")
    except ValueError:
        if text is not None:
            node.unexpected(expected)
        return None


def _case(node: Node, default: Case, names: _Names) -> Case | None:
    keys = node.fields(("name", "start", "language", "facts", "timeline"), ("name", "timeline"), "a test")
    name = keys["name"].text("a name") if "name" in keys else None
    steps = tuple(each(_some(keys.get("timeline"), "a list of steps"), lambda item: _step(item, names)))
    for earlier, later in pairwise(steps):
        if later.at < earlier.at:
            message = say("this step lies before the one above it")
            node.faults.put(Fault(node.file, later.line, later.column, message))
    return replace(_setting(keys, default), name=name, line=node.line, steps=steps) if name else None


def _step(node: Node, names: _Names) -> Step | None:
    presence = ("member", *TRIGGERS, "zone", "trust", "expect")
    keys = node.fields(("at", "facts", *presence), ("at",), "a step")
    at = read_duration(keys["at"], 0, LONGEST_S) if "at" in keys else None
    if at is None:
        return None
    step = Step(node.line, node.column, at, _data(keys.get("facts")))
    return _presence(node, keys, step, names) if any(key in keys for key in presence) else step


def _presence(node: Node, keys: Mapping[str, Node], step: Step, names: _Names) -> Step | None:
    triggers = [trigger for trigger in TRIGGERS if trigger in keys]
    if len(triggers) != 1 or "member" not in keys:
        node.fault("expected a member and one of {words}", words=", ".join(TRIGGERS))
        return None
    trigger = triggers[0]
    member = keys["member"].choice(names.members, "member")
    zone = keys["zone"].choice(names.zones, "zone") if "zone" in keys else None
    trust = keys["trust"].choice([trust.word for trust in Trust], "trust") if "trust" in keys else "hint"
    dwell = read_duration(keys[trigger], 1, 12 * 3600) if trigger == "dwell" else 0.0
    if trigger != "dwell" and not keys[trigger].is_null():
        keys[trigger].unexpected("nothing")
    expected = keys["expect"].items("a list of what is expected") if "expect" in keys else []
    return replace(
        step,
        member=member or "",
        trigger=trigger,
        zone=zone,
        dwell=dwell or 0.0,
        trust=Trust[(trust or "hint").upper()],
        expected=tuple(each(expected, lambda item: _expectation(item, names))),
    )


def _expectation(node: Node, names: _Names) -> Expectation | None:
    keys = node.fields(("rule", "alert", "offer", "silent", "reason"), ("rule",), "what is expected")
    rule = _rule_name(keys["rule"], names) if "rule" in keys else None
    kinds = [kind for kind in KINDS if kind in keys]
    if rule is None or len(kinds) != 1 or ("reason" in keys and kinds != ["silent"]):
        if node.is_mapping() and rule is not None:
            node.fault("expected one of alert, offer and silent; a reason goes with silent only")
        return None
    kind = kinds[0]
    fields = _silence(keys) if kind == "silent" else _action(keys[kind], FIELDS[kind])
    return Expectation(node.line, node.column, rule, kind, fields)


def _rule_name(node: Node, names: _Names) -> str | None:
    return node.choice(names.rules, "rule") if names.rules else node.text("a rule's name")


def _silence(keys: Mapping[str, Node]) -> dict[str, Any]:
    fields = {"outcome": keys["silent"].choice(OUTCOMES, "outcome")}
    return fields | ({"reason": keys["reason"].text("a reason")} if "reason" in keys else {})


def _action(node: Node, allowed: Collection[str]) -> dict[str, Any]:
    keys = node.fields(allowed, what="an action")
    return {name: _data(value) if name == "payload" else value.text() for name, value in keys.items()}
