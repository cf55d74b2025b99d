"""Rows that something else wrote are left out of what is kept, and the bell begins all the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_door import DOOR, START, a_core, a_member, come_in, frames

from gateway.deciding.kept import SHAPES, fits
from gateway.events import StateRow

MEMBER = "oX3f-91c2"
T = START - 60

VISIT = {
    "alias": "v-1",
    "since": T,
    "arrived": None,
    "visit": {
        "member": MEMBER,
        "started": T,
        "zone": "entrance",
        "kind": "door",
        "zone_since": T,
        "kind_since": T,
        "last_heard": START,
        "trust": 1,
        "credential": "ibeacon",
        "held_inside": False,
        "route": [["entrance", T], [None, T]],
    },
}
LEDGER = {
    "touched": T,
    "reached": [[T, "offer", "coffee", "inside", "welcome", "v-1"]],
    "fired": {"welcome": [1, T, None]},
    "not_now": {"offer": START + 60},
    "offers": {"sent": {"f-1": ["coffee", T, START, "sent"]}, "records": {"coffee": [T, 1, 0]}},
}
PAST = {"visit": "v-0", "started": T, "ended": T + 5, "passed": False, "stops": [["entrance", T], [None, T + 1]]}


def played() -> list[StateRow]:
    """Return what is kept of a visit, from before it to after its end."""
    core = a_core(a_member())
    outs = [core.buzz(START - 1, "floor")[0], core.put_members(START - 1, [a_member()])[0]]
    outs += [core.hear([sighting]) for sighting in come_in()]
    outs += [core.fact(START + 7, "rain", "yes"), core.alive(START + 8), core.advance(START + 4000)]
    return [row for out in outs for row in out.state.values() if row.value is not None]


ALERT = next(row.value for row in played() if row.kind == "alert" and row.member)

VALUES: dict[str, Any] = {
    "alive": START,
    "sequence": 7,
    "visit": VISIT,
    "history": PAST,
    "seen": T,
    "looked": T,
    "ledger": LEDGER,
    "alert": {**ALERT, "escalate_at": START + 30, "escalate_to": "office", "busy": ["badge-1"]},
    "fact": ["0" * 32, T],
    "demoted": START + 60,
    "changing": {"newest": 3, "since": T, "clock": [10, -1.0, 1.5, T]},
}
ODD: list[Any] = [None, "x", -1, 1e300, True, [], {}, ["x"], {"x": 1}, 3.5]


def row(kind: str, value: Any) -> StateRow:
    return StateRow(kind, MEMBER, value, MEMBER)


def mutations(value: Any) -> Iterator[Callable[[Any], Any]]:
    """Yield, for each place in a value, what puts something else there."""
    yield lambda other: other
    for at in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        for inner in mutations(value[at]):

            def put(other: Any, at: Any = at, inner: Callable[[Any], Any] = inner) -> Any:
                changed = deepcopy(value)
                changed[at] = inner(other)
                return changed

            yield put


MUTATIONS = [(kind, put) for kind, value in VALUES.items() for put in mutations(value)]


def test_every_kind_is_tried() -> None:
    assert set(VALUES) == set(SHAPES)


@pytest.mark.parametrize("kind", VALUES)
def test_a_row_as_it_is_kept_fits_and_nothing_else_does(kind: str) -> None:
    assert fits(row(kind, VALUES[kind]))
    assert not any(fits(row(kind, odd)) for odd in ODD[1:2] + ODD[3:4] + ODD[6:9])


@pytest.mark.parametrize("kind", VALUES)
def test_a_time_that_no_calendar_has_does_not_fit_wherever_it_stands(kind: str) -> None:
    text = json.dumps(VALUES[kind])
    changed = [f"{text[: at.start()]}1e300{text[at.end() :]}" for at in re.finditer(r"-?\d+\.\d", text)]
    assert [each for each in changed if fits(row(kind, json.loads(each)))] == []


def test_all_that_is_kept_fits() -> None:
    kinds = {row.kind for row in played()}
    assert kinds >= {"visit", "history", "seen", "ledger", "alert", "sequence", "fact", "alive"}
    assert [row for row in played() if not fits(row)] == []


@given(st.sampled_from(MUTATIONS), st.sampled_from(ODD))
def test_no_row_keeps_the_bell_from_ringing(mutation: tuple[str, Callable[[Any], Any]], odd: object) -> None:
    """Whatever stands in a row: it is taken back or counted, and what comes then is decided."""
    kind, put = mutation
    changed = row(kind, put(odd))
    core = a_core(a_member())
    core.restore([changed, row("fact", VALUES["fact"])], START)
    assert core.causes[f"kept {kind} of an unknown shape"] == (not fits(changed))
    for sighting in [*come_in(1.0), *frames(10, 5, DOOR)]:
        core.hear([sighting])
    core.set_clock(START + 20, 5.0)
    core.advance(START + 4000)
    assert core.counts()["frames of others"] == 0
