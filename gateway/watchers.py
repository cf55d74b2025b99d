"""What `hushbell watch` is told: entries about members heard, decisions and visits, and counts of all else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.core import Core
from gateway.events import DecisionRow, Event, Outcome
from gateway.heard import Heard

EVERY_S = 15.0
"""How often counts are told, and a member who stays where he was."""

BAND_DB = 10

Entry = dict[str, Any]
Send = Callable[[Entry], None]


class Watchers:
    """Tells everybody who watches; costs nothing while nobody does."""

    def __init__(self, core: Core, actions: Mapping[str, str]) -> None:
        self._core = core
        self.actions = actions  # of each rule: alert or offer
        self._sends: list[Send] = []
        self._state: Entry = {}
        self._counted = -math.inf
        self._shown: dict[str, _Shown] = {}

    def join(self, send: Send) -> Callable[[], None]:
        """Tell `send` everything from now on; return what ends this."""
        self._sends.append(send)
        self._core.is_watched = True
        self._counted = -math.inf
        self._shown.clear()
        return lambda: self._leave(send)

    def _leave(self, send: Send) -> None:
        self._sends.remove(send)
        self._core.is_watched = bool(self._sends)

    def outcome(self, outcome: Outcome) -> None:
        """Tell what was decided."""
        if not self._sends:
            return
        for event in outcome.events:
            if event.type.startswith("hushbell.visit."):
                self._tell(_visit(event))
        for row in outcome.decisions:
            self._tell(self._decision(row))

    def moment(self, t: float, status: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        """Tell who was heard since the last moment, how the radios are, and counts by cause."""
        if self._sends:
            self._tell_heard(t)
            self._tell_counts(t, status, counts)
        self._core.forget_heard()

    def _tell_heard(self, t: float) -> None:
        """Tell of each member who was heard elsewhere, otherwise or at last again."""
        for heard in self._core.last_heard.values():
            visit = self._core.visits.get(heard.member)
            zone = visit.zone if visit else None
            now = _Shown(zone, heard.receiver, None if heard.rssi is None else heard.rssi // BAND_DB, heard.t)
            before = self._shown.get(heard.member)
            if before and now[:-1] == before[:-1] and now.t < before.t + EVERY_S:
                continue
            self._shown[heard.member] = now
            self._tell(_heard(heard, zone))
        self._shown = {member: shown for member, shown in self._shown.items() if shown.t > t - EVERY_S}

    def _tell_counts(self, t: float, status: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        """Tell how things are, when the state changed and now and then, so that members stay in sight."""
        state = {name: status[name] for name in ("state", "reasons", "receivers")}
        if state != self._state or t >= self._counted + EVERY_S:
            self._state, self._counted = state, t
            self._tell({"what": "counts", "t": t, **state, "counts": dict(counts)})

    def _tell(self, entry: Entry) -> None:
        for send in self._sends:
            send(entry)

    def _decision(self, row: DecisionRow) -> Entry:
        return {
            "what": "decision",
            "t": row.t,
            "credential": row.detail["credential"],
            "tail": _tail(row.member),
            "visit": row.visit,
            "zone": row.detail["zone"],
            "rule": row.rule,
            "line": row.detail["line"],
            "action": self.actions.get(row.rule, "alert"),
            "outcome": row.outcome,
            "reason": row.detail["reason"],
        }


class _Shown(NamedTuple):
    """Where and how a member was told to be heard, and when (epoch seconds)."""

    zone: str | None
    receiver: str
    band: int | None
    t: float


def _heard(heard: Heard, zone: str | None) -> Entry:
    return {
        "what": "heard",
        "t": heard.t,
        "credential": heard.credential,
        "tail": _tail(heard.member),
        "zone": zone,
        "receiver": heard.receiver,
        "rssi": heard.rssi,
    }


def _visit(event: Event) -> Entry:
    data = event.data
    return {
        "what": "visit",
        "t": event.time,
        "happened": event.type.rpartition(".")[2],
        "credential": data["credential"],
        "tail": _tail(data["member"]),
        "visit": data["visit"],
        "zone": data["zone"],
        "kind": data["kind"],
        "confidence": data["confidence"],
    }


def _tail(member: str) -> str:
    return member[-2:]
