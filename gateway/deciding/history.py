"""Members' visits that are over: how many there were, when the last one was, which zones are usual; kept as rows."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from gateway.configuration.config import Privacy, Zone
from gateway.events import StateRow
from gateway.identity.member import Member

DAY_S = 86400.0
MOST = 1000  # of one member

LOOK_S = 3600.0

USUAL_STOP_S = 10.0  # who stays for less goes by
USUAL_VISITS = 2
MOST_USUAL = 3


class Past(NamedTuple):
    """A visit or a pass that is over, by its alias. Times are seconds since the epoch.

    `stops` are zones, None where it was not known, each with since when; there are none without consent to zones.
    """

    visit: str
    started: float
    ended: float
    passed: bool  # held zones outside only
    stops: tuple[tuple[str | None, float], ...] = ()

    def dwells(self) -> Iterator[tuple[str | None, float]]:
        """Yield the stops, each with how long it was, in seconds."""
        ends = [*(since for _, since in self.stops), self.ended][1:]
        for (zone, since), end in zip(self.stops, ends, strict=True):
            yield zone, max(end - since, 0.0)

    def as_json(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Past:
        """Take what `as_json` gave."""
        return cls(**{**value, "stops": tuple((zone, float(since)) for zone, since in value["stops"])})


class History:
    """One member's visits, those that started first first."""

    __slots__ = ("_past", "_usual")

    def __init__(self) -> None:
        self._past: list[Past] = []
        self._usual: tuple[str, ...] | None = None  # None: to be found out

    def __iter__(self) -> Iterator[Past]:
        return iter(self._past)

    def add(self, past: Past) -> None:
        insort(self._past, past, key=lambda one: one.started)
        del self._past[:-MOST]
        self._usual = None

    def forget(self, before: float) -> None:
        """Forget what ended before a time."""
        if any(past.ended < before for past in self._past):
            self._past = [past for past in self._past if past.ended >= before]
            self._usual = None

    def forget_stops(self) -> list[Past]:
        """Forget where the member was; return the visits of which that was known."""
        known = [past for past in self._past if past.stops]
        self._past = [past._replace(stops=()) for past in self._past]
        self._usual = None
        return known

    def counts(self, now: float) -> dict[str, int]:
        """Return `visits_7d` ... `passes_90d` as rules read them, by the time that a visit started."""
        times: dict[str, list[float]] = {"visits": [], "passes": []}
        for past in self._past:
            times["passes" if past.passed else "visits"].append(past.started)
        return {
            f"{name}_{days}d": len(started) - bisect_left(started, now - days * DAY_S)
            for name, started in times.items()
            for days in (7, 30, 90)
        }

    def days_since_visit(self, now: float) -> int | None:
        """Return how many whole days ago the last visit that came inside started."""
        last = max((past.started for past in self._past if not past.passed), default=None)
        return None if last is None else max(int((now - last) // DAY_S), 0)

    def usual(self, zones: frozenset[str]) -> tuple[str, ...]:
        """Return those of `zones` in which the member stopped on several visits, the most usual first."""
        if self._usual is None:
            self._usual = _most_usual(self._past, zones)
        return self._usual


def _most_usual(visits: Iterable[Past], zones: frozenset[str]) -> tuple[str, ...]:
    times: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for visit in visits:
        stopped = [(zone, s) for zone, s in visit.dwells() if zone in zones and s >= USUAL_STOP_S]
        times.update({zone for zone, _ in stopped})
        for zone, stopped_s in stopped:
            seconds[zone] += round(stopped_s)
    usual = [zone for zone in times if times[zone] >= USUAL_VISITS]
    return tuple(sorted(usual, key=lambda zone: (-times[zone], -seconds[zone], zone))[:MOST_USUAL])


class Histories:
    """All members' histories, as far back as retention allows, and the rows that keep them."""

    def __init__(self, zones: Sequence[Zone], privacy: Privacy) -> None:
        self._zones = frozenset(zone.id for zone in zones if zone.kind in ("inside", "shelf"))
        self._kept_s = privacy.visits_s
        self._idle_s = privacy.inactive_member_s
        self._histories: dict[str, History] = {}
        self._looked = self._looked_before = math.inf  # for who is idle; there was no look yet
        self._seen: dict[str, float] = {}  # the start of the last day on which a member was here

    def load(self, row: StateRow) -> None:
        """Take back a row that was given out; other rows say nothing here."""
        if row.member is not None and row.kind == "history":
            self._of(row.member).add(Past.from_json(row.value))
        elif row.member is not None and row.kind == "seen":
            self._seen[row.member] = float(row.value)
        elif row.kind == "looked":
            self._looked = self._looked_before = float(row.value)

    def rows(self, member_id: str) -> list[StateRow]:
        """Return the rows that keep a member's visits."""
        return [self._row(member_id, past) for past in self._histories.get(member_id, ())]

    def _of(self, member_id: str) -> History:
        return self._histories.setdefault(member_id, History())

    def add(self, member_id: str, past: Past) -> Iterator[StateRow]:
        """Note a visit that is over; yield the rows that keep it."""
        self._of(member_id).add(past)
        yield self._row(member_id, past)
        yield from self._see(member_id, past.ended)

    def _row(self, member_id: str, past: Past) -> StateRow:
        return StateRow("history", past.visit, past.as_json(), member_id, past.ended + self._kept_s)

    def _see(self, member_id: str, t: float) -> Iterator[StateRow]:
        """Note the day, and no more, which outlives the visit."""
        day = t // DAY_S * DAY_S
        if self._seen.get(member_id) != day:
            self._seen[member_id] = day
            yield StateRow("seen", member_id, day, member_id)

    def told(self, member_id: str, now: float, *, zones: bool) -> dict[str, Any]:
        """Return what rules may know of a member's history; of `zones` only with consent to them."""
        history = self._histories.get(member_id)
        if history is None:
            return {}
        history.forget(now - self._kept_s)
        usual = history.usual(self._zones) if zones else ()
        return {**history.counts(now), "days_since_visit": history.days_since_visit(now), "usual_zones": usual}

    def forget(self, member_id: str) -> None:
        self._histories.pop(member_id, None)
        self._seen.pop(member_id, None)

    def forget_stops(self, member_id: str) -> Iterator[StateRow]:
        """Forget where a member was; yield the rows that say so."""
        if member_id in self._histories:
            for past in self._histories[member_id].forget_stops():
                yield self._row(member_id, past._replace(stops=()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._histories)

    def idle(self, members: Iterable[Member], now: float) -> tuple[list[str], list[StateRow]]:
        """Return the members who have not come for so long that they are to be forgotten, and rows to keep.

        A time counts from the last day that the member came, agreed to something, or would come back from a pause.
        Whoever was never here, and had agreed too long ago at the look before this one already, is new to this gateway:
        for those it counts from now on. A look may be taken in parts, within an hour.
        """
        idle: list[str] = []
        rows: list[StateRow] = []
        if not 0 <= now - self._looked < LOOK_S:
            self._looked_before, self._looked = self._looked, now
            rows.append(StateRow("looked", "", now))
        before = now - self._idle_s
        for member in members:
            seen, active = self._seen.get(member.id), _active(member)
            if max(active, seen or 0.0) >= before:
                continue
            if seen is None and active < self._looked_before - self._idle_s:
                rows += self._see(member.id, now)
            else:
                idle.append(member.id)
        return idle, rows


def _active(member: Member) -> float:
    """Return when a member last did something that needs no coming here."""
    agreed = [datetime.fromisoformat(receipt.at).timestamp() for receipt in member.consent]
    return max([member.paused_until or 0.0, *agreed])
