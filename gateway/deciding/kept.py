"""The shapes of what the core keeps, by which a row that something else wrote is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from gateway.contract.events import AlertRaised
from gateway.deciding.facts import ROW as FACT
from gateway.events import StateRow
from gateway.identity.guard import ROW as DEMOTED
from gateway.identity.recognition import CHANGES
from gateway.presence.visits import Stop, Time, VisitSnapshot
from rules.offers import State


class _Visit(msgspec.Struct):
    visit: VisitSnapshot
    alias: str
    since: Time
    arrived: Time | None


class _Past(msgspec.Struct, forbid_unknown_fields=True):
    visit: str
    started: Time
    ended: Time
    passed: bool
    stops: list[Stop]


class _Alert(msgspec.Struct):
    id: str
    group: str
    visit: str
    member: str | None
    expires: Time
    data: AlertRaised
    claimed_by: str | None = None
    groups: list[str] = []
    missed: list[str] = []
    unheard: list[str] = []
    escalate_to: str = ""
    escalate_at: Time | None = None
    busy: list[str] = []
    put_off_by: str | None = None
    serious: bool = False


class _Offers(msgspec.Struct):
    sent: dict[str, tuple[str, Time, Time, State]]
    records: dict[str, tuple[Time, int, int]]


class _Ledger(msgspec.Struct):
    touched: Time
    reached: list[tuple[Time, Literal["alert", "offer", "answer"], str, str, str, str]]
    fired: dict[str, tuple[int, Time, Time | None]]
    not_now: dict[str, Time]
    offers: _Offers


_Ahead = Annotated[float, msgspec.Meta(ge=-2e11, le=2e11)]


class _Changing(msgspec.Struct):
    newest: int
    since: Time
    clock: tuple[int, _Ahead, _Ahead, Time] | None


SHAPES: Mapping[str, Any] = {
    "alive": Time,
    "sequence": Annotated[int, msgspec.Meta(ge=0)],
    "visit": _Visit,
    "history": _Past,
    "seen": Time,
    "looked": Time,
    "ledger": _Ledger,
    "alert": _Alert,
    FACT: tuple[str, Time],
    DEMOTED: Time,
    CHANGES: _Changing,
}
"""By the kind of the row."""


def fits(row: StateRow) -> bool:
    """Tell whether a row can be taken back; one of a kind that the core does not keep always can."""
    try:
        msgspec.convert(row.value, SHAPES.get(row.kind, Any))
    except msgspec.ValidationError:
        return False
    return True
