"""What the core keeps of an open visit beside presence: its alias, whether somebody came in, the dwells to come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gateway.presence.visits import Change, Visit, VisitSnapshot
from rules.situation import TriggerKind

Of = Literal["zone", "kind"]


@dataclass(frozen=True, slots=True)
class Dwell:
    """A length of dwell that some rule waits for: due at `at`, of a `zone` or a `kind` of zone."""

    at: float
    seconds: float
    of: Of


@dataclass(slots=True)
class Follow:
    """One visit as it is told: `since` is when it started for those it is told to, seconds since the epoch."""

    alias: str
    since: float
    arrived: float | None = None  # when a zone that is not outside was held first
    dwells: list[Dwell] = field(default_factory=list)  # by time, next one first

    def redate(self, by_s: float) -> None:
        """Move all times: the clock was set by so much."""
        self.since += by_s
        if self.arrived is not None:
            self.arrived += by_s
        self.dwells = [replace(dwell, at=dwell.at + by_s) for dwell in self.dwells]

    def triggers(self, change: Change) -> list[TriggerKind]:
        """Name what a change of presence is to the rules, and note an arrival."""
        found: list[TriggerKind] = []
        if change.kind != "outside" and self.arrived is None:
            self.arrived = change.at
            found.append("arrived")
        if change.what == "started" and change.kind == "outside":
            found.append("passing")
        if change.zone is not None:
            found.append("entered")
        if change.what == "moved":
            found.append("moved")
        return found

    def expect(self, visit: Visit, lengths: Iterable[tuple[float, Of]], *, same_kind: bool) -> None:
        """Wait for the dwells of the zone now held; those of a kind of zone go on while the kind is the same."""
        kept = [dwell for dwell in self.dwells if dwell.of == "kind"] if same_kind else []
        for seconds, of in lengths:
            if of == "zone":
                kept.append(Dwell(visit.zone_since + seconds, seconds, of))
            elif not same_kind:
                kept.append(Dwell(visit.kind_since + seconds, seconds, of))
        self.dwells = sorted(kept, key=lambda dwell: (dwell.at, dwell.of))

    def kept(self, visit: Visit, *, zones: bool) -> dict[str, Any]:
        """Return what a restart needs; where somebody was is kept only with consent to zones."""
        snapshot = visit.snapshot()
        if not zones:
            snapshot = replace(snapshot, route=())
        return {"visit": snapshot.as_json(), "alias": self.alias, "since": self.since, "arrived": self.arrived}


def restored(value: dict[str, Any]) -> tuple[Follow, VisitSnapshot]:
    """Return what `Follow.kept` gave."""
    return Follow(value["alias"], value["since"], value["arrived"]), VisitSnapshot.from_json(value["visit"])
