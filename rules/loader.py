"""Rule files to rules: strict keys, every fault at once, each with its line and column."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, cast

from rules.actions import read_action
from rules.composer import MAX_BYTES
from rules.condition import Condition
from rules.context import Context, First, Known, read_id
from rules.declarations import is_declaration, read_declarations
from rules.document import Fault, Faults, Node, each, parse_document, read_duration
from rules.facts import Fact
from rules.hours import Hours, read_hours
from rules.messages import say, say_why
from rules.model import ANSWERS, MAX_TIMES, MAX_TIMES_OF_RULE, PERIODS, Answers, AtMost, Period, Rule, Trigger
from rules.places import within_node
from rules.schema import AT_MOST, MOST_PRIORITY, RULE
from rules.situation import Trust
from rules.triggers import read_on
from rules.vocabulary import NEARBY_LACKS, Vocabulary

SHORTEST_COOLDOWN_S, LONGEST_COOLDOWN_S = 60.0, 366 * 86400.0

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class Source(NamedTuple):
    """A rule file's name and content."""

    file: str
    raw: bytes


class _Sheet(NamedTuple):
    """A rule file, taken apart: its rules, and what their names may refer to."""

    rules: list[Node]
    declared: dict[str, Fact]
    context: Context
    nearby: Context  # for rules that look while the member is elsewhere
    begins: list[int]  # the lines at which rules and declarations begin


def load_rules(
    paths: Iterable[Path],
    faults: Faults,
    known_groups: Collection[str] | None = None,
    known_zones: Collection[str] | None = None,
) -> list[Rule]:
    """Read rule files, in order; a rule that is at fault is left out. Never raises.

    Groups and zone ids are checked against those known; None accepts any.
    """
    sources = (Source(str(path), raw) for path in paths if (raw := read_bytes(path, faults)) is not None)
    return load_sources(sources, faults, known_groups, known_zones)


def load_sources(
    sources: Iterable[Source],
    faults: Faults,
    known_groups: Collection[str] | None = None,
    known_zones: Collection[str] | None = None,
) -> list[Rule]:
    """Read rules from what rule files hold, as `load_rules` does."""
    known = Known(known_groups, known_zones)
    facts: dict[str, Fact] = {}
    sheets = list(_sheets(sources, faults, known, facts))
    declared = MappingProxyType(facts)
    return [rule for sheet in sheets for rule in each(sheet.rules, partial(_rule, sheet=sheet, facts=declared))]


def read_bytes(path: Path, faults: Faults) -> bytes | None:
    """Read a file, no further than a document may reach; a fault says why it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        faults.put(Fault(str(path), 0, 0, say_why(error)))
        return None


def _sheets(sources: Iterable[Source], faults: Faults, known: Known, facts: dict[str, Fact]) -> Iterator[_Sheet]:
    """Yield the files that can be read, and gather the facts that they declare."""
    for source in sources:
        root = parse_document(source.raw, source.file, faults)
        if root is None:
            continue
        nodes = root.items("a list of rules")
        declared = read_declarations(filter(is_declaration, nodes), facts)
        facts |= declared
        lines = _LINE_BREAK.split(source.raw.decode("utf-8-sig", "replace"))
        context, nearby = (Context(known, lines, Vocabulary(declared, lacks)) for lacks in (frozenset(), NEARBY_LACKS))
        rules = [node for node in nodes if not is_declaration(node)]
        yield _Sheet(rules, declared, context, nearby, [node.line for node in nodes])


def _source(node: Node, sheet: _Sheet) -> str:
    """Return the lines of a file that are one rule's; blank ones and comments behind it are not."""
    ends = sheet.begins[bisect_right(sheet.begins, node.line) :]
    lines = sheet.context.lines[node.line - 1 : ends[0] - 1 if ends else None]
    while lines and lines[-1].lstrip()[:1] in ("", "#"):
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


def _rule(node: Node, sheet: _Sheet, facts: MappingProxyType[str, Fact]) -> Rule | None:
    before = len(node.faults.errors())
    keys = node.fields(tuple(RULE), ("name", "on"), "a rule", instead={"for": "on: {dwell: 6s}"})
    name = _name(keys["name"], sheet.context.known) if "name" in keys else None
    on = read_on(keys["on"], sheet.context) if "on" in keys else None
    context = sheet.nearby if on and on.kind == "nearby" else sheet.context
    conditions = _conditions(keys["if"], context) if "if" in keys else ()
    unless = _conditions(keys["unless"], context) if "unless" in keys else ()
    action = read_action(node, keys, context)
    trust = keys["trust"].choice([trust.word for trust in Trust], "trust") if "trust" in keys else "hint"
    answers = _answers(keys, on, conditions)
    limits = _limits(keys)
    if node.faults.full or len(node.faults.errors()) > before:
        return None
    if name is None or on is None or action is None or trust is None:
        return None
    return Rule(
        name=name,
        file=node.file,
        line=node.line,
        on=on,
        conditions=conditions,
        action=action,
        trust=Trust[trust.upper()],
        at_most=limits.at_most,
        unless=unless,
        answers=answers,
        cooldown_s=limits.cooldown_s,
        quiet=limits.quiet,
        priority=limits.priority,
        facts=facts,
        source=_source(node, sheet),
    )


def _name(node: Node, known: Known) -> str | None:
    name = read_id(node)
    if name in known.rules:
        first = known.rules[name]
        node.fault("rule {name} stands already at {file}:{line}", name=name, file=first.file, line=first.line)
    elif name:
        known.rules[name] = First(node.file, node.line)
    return name


def _conditions(node: Node, context: Context) -> tuple[Condition, ...]:
    items = node.items() if node.is_sequence() else [node]
    if not items:
        node.unexpected("a condition")
    return tuple(each(items, lambda item: _condition(item, context)))


def _condition(node: Node, context: Context) -> Condition | None:
    expression = node.text("a condition such as member.passes_30d >= 4")
    if expression is None:
        return None
    compiled = context.compiler.compile(expression, within_node(context.lines, node, expression))
    if isinstance(compiled, Condition):
        return compiled
    for problem in compiled:
        node.fault_at(*problem.place, problem.message)
    return None


# --- what a person asked for


def _answers(keys: dict[str, Node], on: Trigger | None, conditions: Iterable[Condition]) -> Answers | None:
    """Read what a person asked for, of which the rule itself must show the evidence; an offer is never an answer."""
    claimed = on is not None and on.kind == "claimed"
    node = keys.get("answers")
    if node is None:
        return "claim" if claimed and "alert" in keys else None
    if "offer" in keys:
        node.fault("{what} does not go with {name}", what="answers", name="offer")
        return None
    answers = cast("Answers | None", node.choice(ANSWERS, "answer"))
    if answers is None or on is None:
        return None
    if (answers == "claim") != claimed:
        node.fault(
            "{what} does not go with {kind}, expected {expected}", what=answers, kind=on.kind, expected=_fitting(on)
        )
    elif answers == "sign-up" and not any(_shows_sign_up(condition) for condition in conditions):
        node.fault("what shows the sign-up? expected an if that reads member.tags or member.attributes")
    elif answers == "counter" and not (on.zone and on.zone.by == "id"):
        node.fault("which counter? expected a zone by its id in on")
    return answers


def _fitting(on: Trigger) -> str:
    return "claim" if on.kind == "claimed" else ", ".join(word for word in ANSWERS if word != "claim")


def _shows_sign_up(condition: Condition) -> bool:
    return any(path.word in ("member.tags", "member.attributes") for path in condition.paths)


# --- how often


class _Limits(NamedTuple):
    at_most: tuple[AtMost, ...]
    cooldown_s: float
    quiet: Hours | None
    priority: int


def _limits(keys: dict[str, Node]) -> _Limits:
    """Read what holds a rule back; what is at fault is left out."""
    cooldown = read_duration(keys["cooldown"], SHORTEST_COOLDOWN_S, LONGEST_COOLDOWN_S) if "cooldown" in keys else None
    return _Limits(
        at_most=_caps(keys["at_most"]) if "at_most" in keys else (),
        cooldown_s=cooldown or 0.0,
        quiet=read_hours(keys["quiet"]) if "quiet" in keys else None,
        priority=(keys["priority"].integer(-MOST_PRIORITY, MOST_PRIORITY) or 0) if "priority" in keys else 0,
    )


def _caps(node: Node) -> tuple[AtMost, ...]:
    """Read one cap, or a list of them with different periods."""
    items = node.items() if node.is_sequence() else [node]
    if not items:
        node.unexpected("a cap such as 1 per day")
    caps: dict[Period, AtMost] = {}
    for item in items:
        cap = _cap(item)
        if cap and cap.per in caps:
            item.fault("a second cap per {period} stands here, expected one", period=cap.per)
        elif cap:
            caps[cap.per] = cap
    return tuple(caps.values())


def _cap(node: Node) -> AtMost | None:
    expected = say(
        "a cap such as 1 per day, of {times} at most per {periods}, or of {most} per rule",
        times=MAX_TIMES,
        periods=", ".join(PERIODS[:-1]),
        most=MAX_TIMES_OF_RULE,
    )
    text = node.text(expected)
    match = re.fullmatch(AT_MOST, (text or "").strip())
    period = next((known for known in PERIODS if match and match[2] == known), None)
    if match and period and 1 <= int(match[1]) <= (MAX_TIMES_OF_RULE if period == "rule" else MAX_TIMES):
        return AtMost(int(match[1]), period)
    if text is not None:
        node.unexpected(expected)
    return None
