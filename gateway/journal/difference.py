"""What other rules would have made of a recorded day: the alerts and offers that they would add, and lose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from gateway.deciding.inputs import Claimed, Input, OutcomeTold, RulesChanged
from gateway.events import DecisionRow, Event, Outcome
from gateway.journal.entries import Entry
from gateway.journal.player import Player

Sort = Literal["alert", "offer"]
_SORTS: dict[str, Sort] = {"hushbell.alert.raised": "alert", "hushbell.offer.triggered": "offer"}


class Fired(NamedTuple):
    """An alert or offer of a rule, to whom and in which visit."""

    sort: Sort
    rule: str
    member: str
    visit: str


class Change(NamedTuple):
    """One that only one side has; `why` is what the other one's rule said in that visit."""

    fired: Fired
    t: float
    is_added: bool
    why: str


@dataclass(slots=True)
class Difference:
    """What is so on both sides, by sort and rule, and what only on one."""

    before: Counter[tuple[Sort, str]] = field(default_factory=Counter)
    after: Counter[tuple[Sort, str]] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)

    def add(self, other: Difference) -> None:
        self.before += other.before
        self.after += other.after
        self.changes += other.changes


class Side:
    """One set of rules at work on what was recorded; what is said of alerts and offers is said of its own.

    `is_fixed` holds it to that set where the recorded run changed its rules.
    """

    def __init__(self, player: Player, *, is_fixed: bool) -> None:
        self._player = player
        self._is_fixed = is_fixed
        self.fired: dict[Fired, float] = {}
        self.said: dict[tuple[str, str], str] = {}  # why not, by rule and visit
        self.names: dict[tuple[Any, ...], str] = {}  # of alerts and offers, by what they were

    def take(self, entry: Entry | Input, own: dict[str, str]) -> None:
        """Play an entry; `own` has this side's names for what the recorded run named."""
        if self._is_fixed and isinstance(entry, RulesChanged):
            return
        for outcome in self._player.play([_renamed(entry, own)]):
            self._note(outcome)

    def _note(self, outcome: Outcome) -> None:
        for event in outcome.events:
            if (sort := _SORTS.get(event.type)) and event.member:
                fired = Fired(sort, event.data["rule"], event.member, event.data["visit"])
                self.fired.setdefault(fired, event.time)
                self.names[_what(event)] = event.data["alert" if sort == "alert" else "feedback"]
        for row in outcome.decisions:
            if row.event is None:
                self.said.setdefault((row.rule, row.visit), _why(row))


def _renamed(entry: Entry | Input, own: dict[str, str]) -> Entry | Input:
    if isinstance(entry, Claimed):
        return msgspec.structs.replace(entry, alert=own.get(entry.alert, entry.alert))
    if isinstance(entry, OutcomeTold):
        return msgspec.structs.replace(entry, feedback=own.get(entry.feedback, entry.feedback))
    return entry


def _what(event: Event) -> tuple[Any, ...]:
    """Return what is the same of an alert or offer, whatever it is named."""
    return event.member, event.time, event.data.get("group"), event.data.get("offer")


def _why(row: DecisionRow) -> str:
    reason = str(row.detail.get("reason", ""))
    return f"{row.outcome}: {reason}" if reason else row.outcome


def compare_sides(entries: Iterable[Entry | Input], recorded: Side, before: Side, after: Side) -> Difference:
    """Play the same entries thrice: as they were recorded, whose names claims bear, and by either set of rules."""
    known = 0
    names: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for entry in entries:
        recorded.take(entry, {})
        for side, own in zip((before, after), names, strict=True):
            side.take(entry, own)
        if len(recorded.names) > known:
            known = len(recorded.names)
            for side, own in zip((before, after), names, strict=True):
                own |= {name: side.names[what] for what, name in recorded.names.items() if what in side.names}
    found = Difference(_counted(before), _counted(after))
    found.changes += _only(before, after, is_added=False)
    found.changes += _only(after, before, is_added=True)
    return found


def _counted(side: Side) -> Counter[tuple[Sort, str]]:
    return Counter((fired.sort, fired.rule) for fired in side.fired)


def _only(side: Side, other: Side, *, is_added: bool) -> Iterator[Change]:
    for fired, t in side.fired.items():
        if fired not in other.fired:
            yield Change(fired, t, is_added, other.said.get((fired.rule, fired.visit), ""))


def told(found: Difference, timezone: ZoneInfo, key: bytes) -> Iterator[str]:
    """Yield lines for people: each rule with its counts, and under it what it would add and lose."""
    rules = sorted({*found.before, *found.after})
    for sort, rule in rules:
        before, after = found.before[sort, rule], found.after[sort, rule]
        changes = sorted(
            (each for each in found.changes if (each.fired.sort, each.fired.rule) == (sort, rule)),
            key=lambda each: (each.t, each.fired),
        )
        added = sum(each.is_added for each in changes)
        yield f"{rule} ({sort}): {before} before, {after} after; {added} added, {len(changes) - added} lost"
        for change in changes:
            at = datetime.fromtimestamp(change.t, timezone).strftime("%Y-%m-%d %H:%M:%S")
            sign, side = ("+", "before") if change.is_added else ("-", "after")
            why = f"  {side}: {change.why}" if change.why else ""
            yield f"  {sign} {at}  {alias(change.fired.member, key)}{why}"
    if not rules:
        yield "no alert and no offer on either side"


def alias(member_id: str, key: bytes) -> str:
    """Name a member: always the same, and no way back to who it is without the gateway's key."""
    return "m-" + blake2b(member_id.encode(), key=key, digest_size=4, person=b"alias").hexdigest()
