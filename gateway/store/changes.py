"""What commits brought beside events: state and decisions, packed into a row a commit, and folded later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.events import DecisionRow, StateRow
from gateway.store import decisions, state
from gateway.store.database import Row, Statement
from gateway.store.packing import pack, unpack

ALL = "SELECT body, number FROM changes ORDER BY number"


class Changes(NamedTuple):
    """State by kind and key, None where it was removed, and decisions in their order."""

    state: dict[tuple[str, str], StateRow]
    decisions: list[DecisionRow]


def put(rows: Iterable[StateRow], decided: Iterable[DecisionRow]) -> list[Statement]:
    """Keep what a commit changed; nothing where that is nothing."""
    body = [[_state_tuple(row) for row in rows], [_decision_tuple(row) for row in decided]]
    return [Statement("INSERT INTO changes (body) VALUES (?)", [(pack(body),)])] if any(body) else []


def _state_tuple(row: StateRow) -> tuple[object, ...]:
    return (row.kind, row.key, row.value, row.member, row.until)


def _decision_tuple(row: DecisionRow) -> tuple[object, ...]:
    return (row.id, row.t, row.member, row.visit, row.rule, row.outcome, row.detail, row.event, row.subject)


def merged(rows: Iterable[Row]) -> Changes:
    """Return what rows of `ALL` come to: of state the last of each key."""
    found = Changes({}, [])
    for body, *_ in rows:
        kept, decided = unpack(body)
        found.state.update({(kind, key): StateRow(kind, key, *more) for kind, key, *more in kept})
        found.decisions.extend(DecisionRow(*each) for each in decided)
    return found


def folded(rows: Sequence[Row]) -> list[Statement]:
    """Put what rows of `ALL` come to into the tables, and delete them."""
    if not rows:
        return []
    found = merged(rows)
    return [
        *state.put(sorted(found.state.values(), key=lambda row: (row.kind, row.key))),
        decisions.put(found.decisions),
        Statement("DELETE FROM changes WHERE number <= ?", [(rows[-1][1],)]),
    ]
