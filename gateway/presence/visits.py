"""Visits: who is here, since when, and where; from frames, one at a time.

Laws. A visit starts with the first zone held, of whatever kind, and ends once. A pass has held zones outside only; it
goes on while their levels are met, and what cannot be told leaves it where it is. Whoever held any other zone is
within: what cannot be told then is `inside`, in no zone, and every frame keeps the visit alive. Silence neither moves
nor ends a visit until the leave time has passed; then it ended with the last frame that counted. Whoever returns
before that goes on with the same visit.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from typing import Annotated, Literal

import msgspec

from gateway.configuration.config import Zone, ZoneKind
from gateway.contract.reading import Json
from gateway.contract.words import CredentialKind
from gateway.heard import Heard
from gateway.presence.whereabouts import Whereabouts
from gateway.presence.zones import AWAY, NOWHERE, Plan
from rules.situation import Trust

SETTLE_S = 0.25  # receivers that heard the same advert have all spoken by then
STRANGE_S = 10.0  # whoever is heard too weakly for any zone is forgotten so soon
ROUTE_LENGTH = 64  # stops kept of one visit, the newest

What = Literal["started", "moved", "ended"]
Reason = Literal["left", "closed"]


class Stage(Enum):
    """How far a member has come."""

    AWAY = auto()
    PASSING = auto()
    WITHIN = auto()


class Found(Enum):
    """What was found of where a member is."""

    OUTSIDE = auto()
    ELSEWHERE = auto()  # a zone of any other kind
    UNSURE = auto()
    SILENT = auto()  # for the leave time


STAGES: Mapping[tuple[Stage, Found], tuple[Stage, What | None]] = {
    (Stage.AWAY, Found.OUTSIDE): (Stage.PASSING, "started"),
    (Stage.AWAY, Found.ELSEWHERE): (Stage.WITHIN, "started"),
    (Stage.AWAY, Found.UNSURE): (Stage.AWAY, None),
    (Stage.AWAY, Found.SILENT): (Stage.AWAY, None),
    (Stage.PASSING, Found.OUTSIDE): (Stage.PASSING, "moved"),
    (Stage.PASSING, Found.ELSEWHERE): (Stage.WITHIN, "moved"),
    (Stage.PASSING, Found.UNSURE): (Stage.PASSING, None),
    (Stage.PASSING, Found.SILENT): (Stage.AWAY, "ended"),
    (Stage.WITHIN, Found.OUTSIDE): (Stage.WITHIN, "moved"),
    (Stage.WITHIN, Found.ELSEWHERE): (Stage.WITHIN, "moved"),
    (Stage.WITHIN, Found.UNSURE): (Stage.WITHIN, "moved"),
    (Stage.WITHIN, Found.SILENT): (Stage.AWAY, "ended"),
}


Time = Annotated[float, msgspec.Meta(ge=0, le=2e11)]
"""Seconds since the epoch, as far as ids and dates of four digits go: what is kept has no other."""

Stop = tuple[str | None, Time]
"""A zone, None where it was not known, and since when."""


@dataclass(slots=True)
class Visit:
    """One visit. Times are seconds since the epoch."""

    member: str
    started: float
    zone: str | None
    kind: ZoneKind
    zone_since: float
    kind_since: float  # since when zones of this kind are held
    last_heard: float  # the newest frame that keeps the visit alive
    zone_heard: float  # the newest frame that agrees with `zone`: a dwell lasts from `zone_since` until then
    trust: Trust  # the best of the visit
    credential: CredentialKind  # kind of the one that gave `trust`
    confidence: float  # 0 to 1, of the newest judgement
    held_inside: bool = False  # any zone of a kind other than `outside`
    route: list[Stop] = field(default_factory=list)
    frames: array[float] = field(default_factory=lambda: array("d"), repr=False)  # the last ones

    def redate(self, by_s: float) -> None:
        """Move all times: the clock was set by so much."""
        self.started += by_s
        self.zone_since += by_s
        self.kind_since += by_s
        self.last_heard += by_s
        self.zone_heard += by_s
        self.route[:] = [(zone, since + by_s) for zone, since in self.route]

    def snapshot(self) -> VisitSnapshot:
        """Return what must be kept to go on after a restart."""
        return VisitSnapshot(
            self.member,
            self.started,
            self.zone,
            self.kind,
            self.zone_since,
            self.kind_since,
            self.last_heard,
            self.trust,
            self.credential,
            self.held_inside,
            tuple(self.route),
        )


@dataclass(frozen=True, slots=True)
class VisitSnapshot:
    """What is kept of an open visit; written when it changes, never for a frame."""

    member: str
    started: Time
    zone: str | None
    kind: ZoneKind
    zone_since: Time
    kind_since: Time
    last_heard: Time
    trust: Trust
    credential: CredentialKind
    held_inside: bool
    route: tuple[Stop, ...]

    def as_json(self) -> dict[str, Json]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Json]) -> VisitSnapshot:
        """Take what `as_json` gave, of an earlier version too, which may have kept more."""
        return msgspec.convert(kept, cls)

    def visit(self) -> Visit:
        """Return the visit as it was."""
        return Visit(
            member=self.member,
            started=self.started,
            zone=self.zone,
            kind=self.kind,
            zone_since=self.zone_since,
            kind_since=self.kind_since,
            last_heard=self.last_heard,
            zone_heard=self.last_heard,
            trust=self.trust,
            credential=self.credential,
            confidence=0.0,
            held_inside=self.held_inside,
            route=list(self.route),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A visit that started, moved or ended.

    `at` is the time of the frame that first spoke for it (ended: of the last frame that counted), `decided` the time
    at which it was clear. `visit` goes on changing; the other fields are as decided.
    """

    what: What
    visit: Visit
    at: float
    decided: float
    zone: str | None
    kind: ZoneKind  # `inside` where the zone is None
    confidence: float
    came_from: str | None = None
    came_from_kind: ZoneKind | None = None
    reason: Reason | None = None


class Person(Whereabouts):
    """A member who is heard, and all that a frame of theirs touches."""

    __slots__ = ("credential", "due", "first", "member", "newest", "seen", "stage", "trust", "visit")

    def __init__(
        self,
        member: str,
        trust: Trust,
        credential: CredentialKind,
        newest: float,
        now: float,
        visit: Visit | None = None,
        zone: int = AWAY,
    ) -> None:
        within = visit is not None and visit.held_inside
        super().__init__(now, zone, within=within)
        self.member = member
        self.trust = trust
        self.credential = credential
        self.newest = newest  # frame
        self.seen = now  # from here on the leave time counts
        self.visit = visit
        self.stage = Stage.AWAY if visit is None else Stage.WITHIN if within else Stage.PASSING
        self.first = 0.0  # frame that waits for judgement
        self.due = math.inf  # when it is judged

    def redate(self, by_s: float) -> None:
        """Move all times: the clock was set by so much."""
        super().redate(by_s)
        self.newest += by_s
        self.seen += by_s
        self.first += by_s
        self.due += by_s
        if self.visit:
            self.visit.redate(by_s)


class Presence:
    """All members who are here. `visits` are the open ones; `deadline` is when `advance` must be called next."""

    def __init__(self, zones: Sequence[Zone], leave_after_s: float) -> None:
        self._zones = tuple(zones)
        self._numbers = {zone.id: number for number, zone in enumerate(zones)}
        self._plan = Plan.of(zones)
        self._ears = self._plan.ears
        self._leave_after_s = leave_after_s
        self._people: dict[str, Person] = {}
        self._judging: deque[tuple[float, Person]] = deque()
        self._leaving: list[tuple[float, int, Person]] = []
        self._met = 0
        self._now = -math.inf
        self.deadline = math.inf
        self.visits: dict[str, Visit] = {}

    def hear(self, heard: Heard) -> Sequence[Change]:
        """Take one frame, after all that was due before it; a late one counts as if it came now."""
        t, member, receiver, _, _, trust, credential = heard
        changes = self.advance(t) if t >= self.deadline else ()
        ear = self._ears.get(receiver)
        if ear is None:
            return changes
        person = self._people.get(member)
        if person is None:
            person = self._meet(heard)
        elif t > person.newest:
            person.newest = t
        if trust is not person.trust or credential != person.credential:
            _trust(person, heard)
        if person.hear(ear, heard):
            visit = person.visit
            if visit is not None and t > visit.last_heard:
                visit.last_heard = visit.zone_heard = person.seen = t
        elif person.due == math.inf:
            self._await(person, t)
        return changes

    def advance(self, now: float) -> Sequence[Change]:
        """Do all that is due up to and including `now`, in the order of time and, within one moment, of members."""
        changes: list[Change] = []
        while self.deadline <= now:
            if self._judging and self._judging[0][0] == self.deadline:
                due, person = self._judging.popleft()
                change = self._judge(person, due)
            else:
                due, _, person = heappop(self._leaving)
                change = self._part(person, due)
            if change:
                changes.append(change)
            self._look_ahead()
        self._now = max(self._now, now)
        changes.sort(key=lambda change: (change.decided, change.visit.member))
        return changes

    def forget(self, member: str) -> None:
        """Drop all that is known of a member, without a change."""
        person = self._people.get(member)
        if person:
            self._drop(person)
            self._judging = deque(each for each in self._judging if each[1] is not person)
            self._leaving = [each for each in self._leaving if each[2] is not person]
            heapify(self._leaving)
            self._look_ahead()

    def _drop(self, person: Person) -> None:
        del self._people[person.member]
        self.visits.pop(person.member, None)

    def distrust(self, member: str) -> None:
        """Take back what trust a member's credentials gave; the next frame gives it anew."""
        person = self._people.get(member)
        if person:
            person.trust = Trust.HINT
            if person.visit:
                person.visit.trust = Trust.HINT

    def redate(self, by_s: float) -> None:
        """Move all times: the clock was set by so much, and nothing lasted longer or shorter for that."""
        for person in self._people.values():
            person.redate(by_s)
        self._judging = deque((due + by_s, person) for due, person in self._judging)
        self._leaving = [(due + by_s, number, person) for due, number, person in self._leaving]
        self._now += by_s
        self._look_ahead()

    def restore(self, visits: Iterable[VisitSnapshot], now: float) -> None:
        """Go on with visits that were open before a restart; the leave time begins anew."""
        self._now = max(self._now, now)
        for kept in visits:
            visit = kept.visit()
            zone = self._numbers.get(kept.zone or "", NOWHERE)
            person = Person(kept.member, visit.trust, visit.credential, kept.last_heard, now, visit, zone)
            visit.frames = person.frames
            self._people[kept.member] = person
            self.visits[kept.member] = visit
            self._watch(person, now + self._leave_after_s)

    # deadlines

    def _meet(self, heard: Heard) -> Person:
        t = max(heard.t, self._now)
        person = Person(heard.member, heard.trust, heard.credential, heard.t, t)
        self._people[heard.member] = person
        self._watch(person, t + min(STRANGE_S, self._leave_after_s))
        return person

    def _await(self, person: Person, t: float) -> None:
        """Judge a person's frames soon: not before the other receivers have spoken."""
        self._now = max(self._now, t)
        person.first, person.due = t, self._now + SETTLE_S
        self._judging.append((person.due, person))
        self.deadline = min(self.deadline, person.due)

    def _watch(self, person: Person, due: float) -> None:
        """Look at `due` whether a person has left."""
        self._met += 1
        heappush(self._leaving, (due, self._met, person))
        self.deadline = min(self.deadline, due)

    def _look_ahead(self) -> None:
        self.deadline = self._judging[0][0] if self._judging else math.inf
        if self._leaving and self._leaving[0][0] < self.deadline:
            self.deadline = self._leaving[0][0]

    def _judge(self, person: Person, now: float) -> Change | None:
        person.due = math.inf
        if self._people.get(person.member) is not person:
            return None
        since = person.judge(self._plan, now, person.first)
        change = self._find(person, since, now) if since is not None else None
        visit = person.visit
        if visit:
            visit.confidence = person.confidence
            if person.supported:
                visit.zone_heard = max(visit.zone_heard, person.newest)
            if person.supported or person.stage is Stage.WITHIN:
                visit.last_heard = max(visit.last_heard, person.newest)
                person.seen = max(person.seen, person.newest)
        return change

    def _part(self, person: Person, now: float) -> Change | None:
        """See whether a person has been silent for too long, and look again later if not."""
        if self._people.get(person.member) is not person:
            return None
        if person.due < math.inf:
            leaves = person.due
        else:
            leaves = person.seen + self._leave_after_s if person.visit else person.newest + STRANGE_S
        if leaves > now:
            self._watch(person, leaves)
            return None
        self._drop(person)
        return self._end(person, now)

    # what is found

    def _find(self, person: Person, since: float, now: float) -> Change | None:
        number = person.zone
        zone = self._zones[number] if number != NOWHERE else None
        found = Found.UNSURE if zone is None else Found.OUTSIDE if zone.kind == "outside" else Found.ELSEWHERE
        person.stage, what = STAGES[person.stage, found]
        if what == "started" and zone:
            return self._start(person, zone, since, now)
        if what == "moved" and person.visit:
            return self._move(person, person.visit, zone, since, now)
        return None

    def _start(self, person: Person, zone: Zone, since: float, now: float) -> Change:
        visit = Visit(
            member=person.member,
            started=since,
            zone=zone.id,
            kind=zone.kind,
            zone_since=since,
            kind_since=since,
            last_heard=person.newest,
            zone_heard=person.newest,
            trust=person.trust,
            credential=person.credential,
            confidence=person.confidence,
            frames=person.frames,
        )
        person.visit = self.visits[person.member] = visit
        person.seen = person.newest
        _arrive(person, visit, zone, since)
        return Change("started", visit, since, now, zone.id, zone.kind, visit.confidence)

    def _move(self, person: Person, visit: Visit, zone: Zone | None, since: float, now: float) -> Change:
        came_from, came_from_kind = visit.zone, visit.kind
        since = max(since, visit.zone_since)
        visit.zone, visit.zone_since = (zone.id, since) if zone else (None, since)
        visit.kind = zone.kind if zone else "inside"
        if visit.kind != came_from_kind:
            visit.kind_since = since
        visit.confidence = person.confidence
        _arrive(person, visit, zone, since)
        return Change("moved", visit, since, now, visit.zone, visit.kind, visit.confidence, came_from, came_from_kind)

    def _end(self, person: Person, now: float) -> Change | None:
        person.stage, what = STAGES[person.stage, Found.SILENT]
        visit = person.visit
        if what is None or visit is None:
            return None
        return Change(what, visit, visit.last_heard, now, visit.zone, visit.kind, visit.confidence, reason="left")


def _arrive(person: Person, visit: Visit, zone: Zone | None, since: float) -> None:
    """Note what a newly held zone means to the rest of the visit."""
    if zone and zone.kind != "outside":
        person.within = visit.held_inside = True
    visit.route.append((visit.zone, since))
    del visit.route[:-ROUTE_LENGTH]


def _trust(person: Person, heard: Heard) -> None:
    """Let the credential that is hardest to fake stand for the visit; of equals, the first by name."""
    if (-heard.trust, heard.credential) > (-person.trust, person.credential):
        return
    person.trust, person.credential = heard.trust, heard.credential
    if person.visit:
        person.visit.trust, person.visit.credential = heard.trust, heard.credential
