"""When a rule looks: `on`, read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, cast

from rules.context import Context, Known, not_one, read_id, read_like
from rules.document import Node, read_duration
from rules.hours import read_time
from rules.model import Selector, Trigger
from rules.schema import DISTANCE, ID, ON, TRIGGERS, WITH_WITHIN, WORDS_ALONE, ZONE, ZONE_KINDS
from rules.situation import TriggerKind

LONGEST_DWELL_S = 12 * 3600.0
NEAREST_M, FARTHEST_M = 100.0, 50_000.0
NEARBY_WITHIN_S = 2 * 3600.0
EXAMPLES: Mapping[str, str] = {
    "dwell": "{dwell: 5s}",
    "nearby": "{nearby: 3 km}",
    "fact": "{fact: new_arrivals}",
    "clock": '{clock: "20:30"}',
}


def read_on(node: Node, context: Context) -> Trigger | None:
    """Read `arrived`, `{dwell: 5s}` or `{entered, zone: {kind: shelf}}`."""
    if node.scalar() is not None:
        return _word(node)
    before = len(node.faults.errors())
    keys = node.fields(tuple(ON), what="a trigger", instead={"for": "{dwell: 6s}"})
    triggers = [kind for kind in TRIGGERS if kind in keys]
    if len(triggers) != 1:
        if len(node.faults.errors()) == before:
            not_one(node, triggers, TRIGGERS)
        return None
    kind = triggers[0]
    zone = _zone(keys["zone"], kind, context.known) if "zone" in keys else None
    within = _within(keys["within"], kind) if "within" in keys else NEARBY_WITHIN_S if kind == "nearby" else None
    return _trigger(kind, keys[kind], zone, within, context)


def _word(node: Node) -> Trigger | None:
    word = node.choice(TRIGGERS, "trigger")
    if word is None:
        return None
    if word not in WORDS_ALONE:
        node.fault("{what} stands here alone, expected {example}", what=word, example=EXAMPLES[word])
        return None
    return Trigger(cast(TriggerKind, word))


def _trigger(
    kind: TriggerKind, value: Node, zone: Selector | None, within: float | None, context: Context
) -> Trigger | None:
    match kind:
        case "dwell":
            dwell = read_duration(value, 1, LONGEST_DWELL_S)
            return Trigger(kind, zone, dwell, within) if dwell else None
        case "nearby":
            metres = read_distance(value)
            return Trigger(kind, within=within, reach_m=metres) if metres else None
        case "claimed" if not value.is_null():
            return Trigger(kind, zone, serious=True) if value.choice(("serious",), "word after claimed") else None
        case "fact":
            fact = _fact(value, context)
            return Trigger(kind, zone, fact=fact) if fact else None
        case "clock":
            clock = read_time(value)
            return Trigger(kind, zone, clock=clock) if clock else None
    if not value.is_null():
        example = f"{{{kind}, zone: {{id: shoes}}}}"
        value.fault(
            "{what} stands here, expected nothing after {kind}, as in {example}",
            what=value.what(),
            kind=kind,
            example=example,
        )
    return Trigger(kind, zone, within=within)


def _within(node: Node, kind: str) -> float | None:
    if kind not in WITH_WITHIN:
        node.fault("within does not go with {kind}, only with {words}", kind=kind, words=", ".join(WITH_WITHIN))
        return None
    return read_duration(node, 1, 7 * 86400.0 if kind == "nearby" else LONGEST_DWELL_S)


def read_distance(node: Node) -> float | None:
    """Read `800 m` or `3 km` as metres."""
    expected = "a distance such as 800 m or 3 km"
    text = node.text(expected)
    match = re.fullmatch(DISTANCE, (text or "").strip())
    if match is None:
        if text is not None:
            node.unexpected(expected)
        return None
    metres = float(match[1]) * (1000 if match[2] == "km" else 1)
    if not NEAREST_M <= metres <= FARTHEST_M:
        node.out_of_range("a distance", f"{NEAREST_M:g} m", f"{FARTHEST_M / 1000:g} km")
        return None
    return metres


def _fact(node: Node, context: Context) -> str | None:
    name = read_like(node, ID, "a fact's name such as new_arrivals")
    declared = context.vocabulary.declared
    if name and declared and name not in declared:
        node.fault_at(node.line, node.column, context.vocabulary.unknown(f"facts.{name}"))
        return None
    return name


def _zone(node: Node, kind: str, known: Known) -> Selector | None:
    if kind == "nearby":
        node.fault("zone does not go with nearby: the member is in none here")
        return None
    before = len(node.faults.errors())
    keys = node.fields(tuple(ZONE), what="zone")
    if len(keys) != 1:
        if len(node.faults.errors()) == before:
            not_one(node, keys, tuple(ZONE))
        return None
    by, value = keys.popitem()
    word = value.choice(ZONE_KINDS, "kind of zone") if by == "kind" else read_id(value)
    if by == "id" and word and known.zones is not None and word not in known.zones:
        value.unknown("zone", word, known.zones)
    return Selector(cast(Literal["id", "kind"], by), word) if word else None
