"""The steps of a rule test, and what is expected of each, read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple, cast, get_args

from rules.cases import Answer, Claim, Expectation, Frames, Happening, Kind, Near, Presence, Reply, Step
from rules.document import Node, each, read_duration
from rules.situation import Silent, TriggerKind, Trust
from rules.triggers import read_distance

PRESENCE: tuple[TriggerKind, ...] = ("arrived", "passing", "dwell", "entered", "moved", "left")
REPLIES: tuple[Reply, ...] = get_args(Reply)
HAPPENINGS = (*PRESENCE, "nearby", "claimed", "heard", *REPLIES)
WITH: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(PRESENCE, ("zone", "trust")),
    "nearby": ("ago",),
    "heard": ("for",),
}
"""What else a step says, by what happens in it."""

KINDS: tuple[Kind, ...] = get_args(Kind)
OUTCOMES: tuple[Silent, ...] = get_args(Silent)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "alert": ("group", "text", "haptic"),
    "offer": ("id", "payload"),
    "escalated": ("to",),
}
LONGEST_S = 60 * 86400.0
LONGEST_HEARD_S = 3600.0
WEAKEST, STRONGEST = -127, 20  # dBm


Does = Literal["alert", "offer"]


class Names(NamedTuple):
    """What a step may refer to: rules, with what they do (none where they are at fault, so that one fault does not
    make many), zones, members and receivers.
    """

    rules: Mapping[str, Does]
    zones: Collection[str]
    members: Collection[str]
    receivers: Collection[str]


def read_step(node: Node, names: Names) -> Step | None:
    """Read one step of a timeline."""
    more = {name for words in WITH.values() for name in words}
    keys = node.fields(("at", "facts", "member", *HAPPENINGS, *sorted(more), "expect"), ("at",), "a step")
    at = read_duration(keys["at"], 0, LONGEST_S) if "at" in keys else None
    if at is None:
        return None
    facts = data_of(keys.get("facts"))
    member = keys["member"].choice(names.members, "member") if "member" in keys else None
    what = _happening(node, keys, names) if keys.keys() - {"at", "facts", "member", "expect"} or member else None
    step = Step(node.line, node.column, at, facts, member or "", what)
    expected = keys["expect"].items("a list of what is expected") if "expect" in keys else []
    return replace(step, expected=tuple(each(expected, lambda item: _expectation(item, step.member, names))))


def data_of(node: Node | None) -> Mapping[str, Any]:
    """Read a mapping of free data; nothing where there is none."""
    data = node.data() if node else {}
    if node and not isinstance(data, dict):
        node.unexpected("a mapping")
    return data if isinstance(data, dict) else {}


def _happening(node: Node, keys: Mapping[str, Node], names: Names) -> Happening | None:
    found = [name for name in HAPPENINGS if name in keys]
    if len(found) != 1 or "member" not in keys:
        node.fault("expected a member and one of {words}", words=", ".join(HAPPENINGS))
        return None
    name = found[0]
    for stray in keys.keys() - {"at", "facts", "member", "expect", name, *WITH.get(name, ())}:
        keys[stray].fault("{what} does not go with {name}", what=stray, name=name)
    read = _READERS.get(name, _answer)
    return read(name, keys, names)


def _presence(name: str, keys: Mapping[str, Node], names: Names) -> Presence:
    trigger = cast(TriggerKind, name)
    zone = keys["zone"].choice(names.zones, "zone") if "zone" in keys else None
    trust = keys["trust"].choice([trust.word for trust in Trust], "trust") if "trust" in keys else "hint"
    dwell = read_duration(keys[name], 1, 12 * 3600) if name == "dwell" else 0.0
    if name != "dwell" and not keys[name].is_null():
        keys[name].unexpected("nothing")
    return Presence(trigger, zone, dwell or 0.0, Trust[(trust or "hint").upper()])


def _near(name: str, keys: Mapping[str, Node], names: Names) -> Near:
    ago = read_duration(keys["ago"], 0, 7 * 86400) if "ago" in keys else 0.0
    return Near(read_distance(keys[name]) or 0.0, ago or 0.0)


def _claim(name: str, keys: Mapping[str, Node], names: Names) -> Claim:
    value = keys[name]
    return Claim(not value.is_null() and value.choice(("serious",), "word after claimed") is not None)


def _frames(name: str, keys: Mapping[str, Node], names: Names) -> Frames | None:
    levels: dict[str, int] = {}
    for receiver, key, value in keys[name].entries("a level for each receiver, such as {door: -60}"):
        level = value.integer(WEAKEST, STRONGEST, "a level in dBm")
        if receiver not in names.receivers:
            key.unknown("receiver", receiver, names.receivers)
        elif level is not None:
            levels[receiver] = level
    if "for" not in keys:
        keys[name].fault("for how long? expected for: 10 s beside it")
        return None
    seconds = read_duration(keys["for"], 0, LONGEST_HEARD_S)
    return Frames(levels, seconds) if seconds is not None else None


def _answer(name: str, keys: Mapping[str, Node], names: Names) -> Answer | None:
    rule = _rule_name(keys[name], names)
    does = names.rules.get(rule or "")
    if name == "not_now" and does == "offer":
        keys[name].fault("{word} is said to an alert, and {rule} makes an offer", word=name, rule=rule)
    elif name != "not_now" and does == "alert":
        keys[name].fault("{word} is said of an offer, and {rule} raises an alert", word=name, rule=rule)
    return Answer(cast(Reply, name), rule) if rule else None


_READERS: Mapping[str, Callable[[str, Mapping[str, Node], Names], Happening | None]] = {
    **dict.fromkeys(PRESENCE, _presence),
    "nearby": _near,
    "claimed": _claim,
    "heard": _frames,
}


def _expectation(node: Node, member: str, names: Names) -> Expectation | None:
    keys = node.fields(("rule", "member", *KINDS, "reason"), ("rule",), "what is expected")
    rule = _rule_name(keys["rule"], names) if "rule" in keys else None
    whom = keys["member"].choice(names.members, "member") if "member" in keys else member
    kinds = [kind for kind in KINDS if kind in keys]
    if rule is None or len(kinds) != 1 or ("reason" in keys and kinds != ["silent"]):
        if node.is_mapping() and rule is not None:
            node.fault("expected one of alert, offer, silent and escalated; a reason goes with silent only")
        return None
    kind = kinds[0]
    if not whom:
        node.fault("about whom? expected a member, here or in the step")
    fields = _silence(keys) if kind == "silent" else _action(keys[kind], FIELDS[kind])
    return Expectation(node.line, node.column, rule, whom or "", kind, fields)


def _rule_name(node: Node, names: Names) -> str | None:
    return node.choice(names.rules, "rule") if names.rules else node.text("a rule's name")


def _silence(keys: Mapping[str, Node]) -> dict[str, Any]:
    fields = {"outcome": keys["silent"].choice(OUTCOMES, "outcome")}
    return fields | ({"reason": keys["reason"].text("a reason")} if "reason" in keys else {})


def _action(node: Node, allowed: Collection[str]) -> dict[str, Any]:
    keys = node.fields(allowed, what="an action")
    return {name: data_of(value) if name == "payload" else value.text() for name, value in keys.items()}
