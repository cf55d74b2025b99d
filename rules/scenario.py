"""A rule test file, read: the rules that it tests, the shop, its members and the tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast, get_args

from rules.cases import START, Case, Credential, Frames, Presence, Scenario, Setting
from rules.document import Fault, Faults, Node, each, parse_document
from rules.hours import read_hours
from rules.loader import load_rules, read_bytes
from rules.messages import say
from rules.model import Alert, Rule
from rules.schema import ZONE_KINDS
from rules.situation import MemberView, ZoneView
from rules.steps import STRONGEST, WEAKEST, Does, Names, data_of, read_step
from rules.text import LANGUAGES, Language

T = TypeVar("T", "_Zone", "_Member")

PURPOSES = ("recognise", "zones", "offers")
COUNTS = (*(f"{what}_{days}d" for what in ("visits", "passes") for days in (7, 30, 90)), "days_since_visit")
FIRST_YEAR, LAST_YEAR = 2000, 2100
SETTING = ("start", "language", "facts", "quiet_hours", "opening_hours")


class _Zone(NamedTuple):
    id: str
    view: ZoneView
    levels: dict[str, float]


class _Member(NamedTuple):
    id: str
    view: MemberView
    credential: Credential


def load_scenario(path: Path, faults: Faults) -> Scenario | None:
    """Read a test file and the rule files that it names; None, with faults, when either is at fault."""
    raw = read_bytes(path, faults)
    root = None if raw is None else parse_document(raw, str(path), faults)
    if root is None:
        return None
    allowed = ("rules", "zones", "members", "private_attributes", "private_offers", *SETTING, "tests")
    keys = root.fields(allowed, ("rules", "zones", "members", "tests"), "a rule test file")
    rules = _rules(keys["rules"], path.parent) if "rules" in keys else None
    zones = _by_id(keys.get("zones"), _zone, "a list of zones")
    members = _by_id(keys.get("members"), _member, "a list of members")
    private = _words(keys["private_attributes"]) if "private_attributes" in keys else ("balance",)
    offers = _words(keys["private_offers"]) if "private_offers" in keys else ()
    default = _setting(keys, Setting())
    receivers = sorted({receiver for zone in zones.values() for receiver in zone.levels})
    names = Names({rule.name: _does(rule) for rule in rules or ()}, zones, members, receivers)
    cases = tuple(each(_some(keys.get("tests"), "a list of tests"), lambda node: _case(node, default, names)))
    if rules is None or faults.full or faults.errors():
        return None
    return Scenario(
        rules=rules,
        zones={zone.id: zone.view for zone in zones.values()},
        levels={zone.id: zone.levels for zone in zones.values()},
        members={member.id: member.view for member in members.values()},
        credentials={member.id: member.credential for member in members.values()},
        private_attributes=frozenset(private),
        private_offers=frozenset(offers),
        cases=cases,
    )


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


def _does(rule: Rule) -> Does:
    return "alert" if isinstance(rule.action, Alert) else "offer"


def _by_id(node: Node | None, read: Callable[[Node], T | None], expected: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for item in _some(node, expected):
        value = read(item)
        if value is not None and value.id in found:
            item.fault("duplicate id {name}", name=repr(value.id))
        elif value is not None:
            found[value.id] = value
    return found


def _zone(node: Node) -> _Zone | None:
    keys = node.fields(("id", "kind", "name", "hear"), ("id", "kind"), "a zone")
    zone_id = keys["id"].text("an id") if "id" in keys else None
    kind = keys["kind"].choice(ZONE_KINDS, "kind of zone") if "kind" in keys else None
    name = keys["name"].text("a name") if "name" in keys else zone_id
    levels = dict(_levels(keys["hear"])) if "hear" in keys else {}
    return _Zone(zone_id, ZoneView(zone_id, kind or "", name or ""), levels) if zone_id else None


def _levels(node: Node) -> Iterator[tuple[str, float]]:
    """Read how the zone is held, as a configuration says it."""
    for item in node.items("a list such as [{receiver: door, at_least: -70}]"):
        keys = item.fields(("receiver", "at_least"), ("receiver", "at_least"), "hear")
        receiver = keys["receiver"].text("a receiver's id") if "receiver" in keys else None
        level = keys["at_least"].number(WEAKEST, STRONGEST, "a level in dBm") if "at_least" in keys else None
        if receiver and level is not None:
            yield receiver, level


def _member(node: Node) -> _Member | None:
    texts = ("greeting", "note", "language")
    lists = ("deny", "allow", "only", "usual_zones")
    allowed = ("id", "consent", "credential", *texts, "attributes", *lists, "test", *COUNTS)
    keys = node.fields(allowed, ("id",), "a member")
    member_id = keys["id"].text("an id") if "id" in keys else None
    purposes = _words(keys["consent"], PURPOSES) if "consent" in keys else PURPOSES
    values: dict[str, Any] = {name: keys[name].text() or "" for name in texts if name in keys}
    values |= {name: keys[name].integer(0, 10_000) or 0 for name in COUNTS if name in keys}
    values |= {name: _words(keys[name]) for name in lists if name in keys}
    attributes = data_of(keys.get("attributes"))
    test = bool(keys["test"].boolean()) if "test" in keys else False
    credential = keys["credential"].choice(get_args(Credential), "credential") if "credential" in keys else "ibeacon"
    if member_id is None:
        return None
    view = MemberView(member_id, frozenset(purposes), attributes=attributes, test=test, **values)
    return _Member(member_id, view, cast(Credential, credential))


def _words(node: Node, known: Collection[str] | None = None) -> tuple[str, ...]:
    def read(item: Node) -> str | None:
        return item.choice(known, "purpose") if known else item.text("a word")

    return tuple(each(node.items("a list of words"), read))


def _setting(keys: Mapping[str, Node], default: Setting) -> Setting:
    """Take what the file, or one test of it, says of the shop and its time."""
    language = keys["language"].choice(LANGUAGES, "language") if "language" in keys else default.language
    return replace(
        default,
        start=(_start(keys["start"]) if "start" in keys else default.start) or START,
        language=cast(Language, language),
        facts={**default.facts, **data_of(keys.get("facts"))},
        quiet_hours=read_hours(keys["quiet_hours"]) if "quiet_hours" in keys else default.quiet_hours,
        opening_hours=read_hours(keys["opening_hours"]) if "opening_hours" in keys else default.opening_hours,
    )


def _start(node: Node) -> datetime | None:
    expected = "a time of the shop such as 2026-11-22 14:00"
    text = node.text(expected)
    try:
        start = datetime.strptime(text or "", "%Y-%m-%d %H:%M")
    except ValueError:
        start = None
    if text is not None and (start is None or not FIRST_YEAR <= start.year <= LAST_YEAR):
        node.unexpected(expected)
        return None
    return start


def _case(node: Node, default: Setting, names: Names) -> Case | None:
    keys = node.fields(("name", *SETTING, "timeline"), ("name", "timeline"), "a test")
    name = keys["name"].text("a name") if "name" in keys else None
    steps = tuple(each(_some(keys.get("timeline"), "a list of steps"), lambda item: read_step(item, names)))
    for earlier, later in pairwise(steps):
        if later.at < earlier.at:
            message = say("this step lies before the one above it")
            node.faults.put(Fault(node.file, later.line, later.column, message))
    if any(isinstance(step.what, Frames) for step in steps):
        for step in steps:
            if isinstance(step.what, Presence):
                message = say("this test says what is heard, expected heard here too")
                node.faults.put(Fault(node.file, step.line, step.column, message))
    return Case(name, node.line, _setting(keys, default), steps) if name and steps else None
