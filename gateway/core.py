"""The core: a pure function of configuration, members and a stream of inputs with their times.

It reads no clock, file or socket. Whoever drives it (the daemon, a replay) hands it inputs in the order in which they
came, and advances it to exactly `deadline` when that time has come. Every input first settles what was due before it.
What frames are is for the `Senses`, what is decided of those whom they know for the `Decider`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from drivers.sighting import Sighting
from gateway.configuration.config import Config
from gateway.contract.inbound import ClaimAction, FeedbackOutcome
from gateway.contract.words import CredentialKind
from gateway.crowd.count import Count
from gateway.crowd.evidence import Measure
from gateway.deciding.decider import Decider
from gateway.deciding.inputs import (
    Buzzed,
    Claimed,
    ClockSet,
    Counted,
    DeviceTold,
    Distrusted,
    FactSaid,
    Input,
    MemberPut,
    MemberRemoved,
    OutcomeTold,
    Person,
    Restored,
    RollCalled,
    RulesChanged,
    SeenNearby,
    Suspected,
)
from gateway.deciding.kept import fits
from gateway.events import Event, Outcome, StateRow
from gateway.heard import Heard
from gateway.identity.member import Member, MemberError
from gateway.identity.suspicion import Elsewhere, Place, distance_m
from gateway.membership.memberchange import MemberChange
from gateway.presence.visits import Visit
from gateway.rulebook import Rulebook, make_engine
from gateway.senses import Senses


class Core:
    """Composes senses and decider.

    Each method takes inputs with their times (seconds since the epoch) and returns what was decided, to be committed
    whole. Nothing else changes the core, and the core changes nothing else.
    """

    def __init__(
        self,
        config: Config,
        senses: Senses,
        decider: Decider,
        causes: Counter[str],
        publish_count: Callable[[Count], dict[str, Any]] = Count.data,
    ) -> None:
        self._config = config
        self._senses = senses
        self._decider = decider
        self._register = senses.register
        self._publish_count = publish_count
        self._levelled = {hear.receiver for zone in config.zones for hear in zone.hear if hear.at_least is not None}
        self._place = Place.of(config.store.latitude, config.store.longitude)
        self.now = -math.inf
        self.clock_synchronised: bool | None = None  # not told yet, or not to be told
        self.causes = causes  # what became of all that led to no visit
        self.last_heard: dict[str, Heard] = {}  # by member, until `forget_heard`, while somebody watches
        self.is_watched = False

    # time

    @property
    def deadline(self) -> float:
        """When something happens by itself: the core wants `advance` to exactly then."""
        return min(self._decider.deadline, self._senses.deadline)

    def advance(self, t: float) -> Outcome:
        """Let time pass to `t`."""
        out = Outcome()
        self._settle(t, out)
        return out

    def finish(self, t: float) -> Outcome:
        """Let time pass to `t`, where the input ends: the crowd's begun interval is counted."""
        out = self.advance(t)
        self._count(self._senses.crowd.finish(t), out)
        return out

    def _settle(self, t: float, out: Outcome) -> None:
        """Do all that was due up to `t`, each at its own time."""
        if self.now == -math.inf:
            self._senses.crowd.advance(t)
            self._decider.begin(t)
        while (due := self.deadline) <= t:
            self.now = max(self.now, due)
            self._decider.advance(due, out)
            self._count(self._senses.advance(due), out)
        self.now = max(self.now, t)

    def clock(self, t: float, *, synchronised: bool | None) -> Outcome:
        """Take whether somebody keeps the clock right, which trust in ids that change with time hangs on."""
        out = self.advance(t)
        self.clock_synchronised = synchronised
        self._register.clock(t, is_wrong=synchronised is False)
        self._take_news(out)
        return out

    def set_clock(self, t: float, by_s: float) -> Outcome:
        """Take that the clock was set by so much at `t`: what is open lasts as long as it did, and is dated anew."""
        out = self.finish(t)
        self._senses.redate(by_s)
        self._decider.take(ClockSet(t + by_s, by_s), out)
        self.now = t + by_s
        out.merge(self.alive(self.now))
        return out

    def alive(self, t: float) -> Outcome:
        """Note that the gateway is at work, as long as a visit is open: to be called every `ALIVE_EVERY_S`."""
        out = Outcome()
        if self._decider.has_visits:
            out.put(StateRow("alive", "", t))
        return out

    # frames

    def hear(self, sightings: Iterable[Sighting]) -> Outcome:
        """Take frames in the order in which they were heard; a late one counts, but never turns time back."""
        out = Outcome()
        senses, register, decider = self._senses, self._register, self._decider
        presence, alerts, day_times, crowd = decider.presence, decider.alerts, decider.day_times, senses.crowd
        recognise, news, resolves = register.recognise, register.news, register.resolves
        for sighting in sightings:
            t = sighting.t
            if t > self.now:
                due = t >= presence.deadline or t >= crowd.deadline or t >= alerts.deadline
                due = due or t >= day_times.deadline or self.now == -math.inf
                if due or (resolves and t >= register.deadline):
                    self._settle(t, out)
                self.now = t
            heard = recognise(sighting)
            if heard is None:
                senses.pass_by(sighting)
            if news:
                self._take_news(out)
            if heard is not None:
                if self.is_watched:
                    self.last_heard[heard.member] = heard
                decider.hear(self.now, heard, out)
        return out

    def hear_app(self, t: float, heard: float, receiver: str, member_id: str, rssi: int | None) -> Outcome:
        """Take that a member's own app heard the beacon of a receiver at the time `heard`: the back end vouches."""
        out = self.advance(t)
        if not self._decider.may_follow(member_id, heard):
            self.causes["app heard, without consent or paused"] += 1
            return out
        level = rssi if receiver in self._levelled else None
        trust = self._register.vouched(member_id, heard, receiver)
        self._take_news(out)
        frame = Heard(heard, member_id, receiver, "ble", level, trust, "app")
        if self.is_watched:
            self.last_heard[member_id] = frame
        self._decider.hear(self.now, frame, out)
        return out

    def prepare(self, t: float, most: int) -> bool:
        """Compute about `most` of the ids that will be asked for at `t` or soon after; tell whether that was not all.

        It decides nothing: what was not prepared is computed when a frame asks for it, which takes its time.
        """
        return self._register.prepare(t, most)

    def _take_news(self, out: Outcome) -> None:
        news = self._register.news
        for item in news:
            if isinstance(item, StateRow):
                out.put(item)
            else:
                self._decider.take(Suspected.of(item), out)
        news.clear()

    def _count(self, counts: Iterable[Count], out: Outcome) -> None:
        for count in counts:
            self._decider.take(Counted(count.since, count.until, self._publish_count(count)), out)

    # what back end and staff say

    def fact(self, t: float, name: str, value: Any, *, repeated: bool = False) -> Outcome:
        """Take what the back end says; None takes a fact back. `repeated` is what the broker kept, and sends again."""
        return self._take(t, FactSaid(t, name, value, repeated))

    def outcome(self, t: float, feedback: str, outcome: FeedbackOutcome) -> Outcome:
        """Take what became of an offer; what comes twice, or of an unknown one, changes nothing."""
        return self._take(t, OutcomeTold(t, feedback, outcome))

    def elsewhere(self, t: float, member_id: str, seen: Elsewhere) -> Outcome:
        """Take that a member was at another shop of the chain, or where the member's app is."""
        out = self.advance(t)
        self._register.elsewhere(member_id, seen)
        if self._place:
            metres = distance_m(self._place, seen.place)
            nearby = SeenNearby(t, member_id, seen.t, metres, seen.shop, seen.trust, seen.credential)
            self._decider.take(nearby, out)
        return out

    def claim(self, t: float, group: str, device: str, alert_id: str, action: ClaimAction = "claim") -> Outcome:
        """Take what a device says of an alert; what comes second, late or from elsewhere changes nothing."""
        return self._take(t, Claimed(t, group, device, alert_id, action))

    def roll_call(self, t: float) -> Outcome:
        """Begin to be told of staff devices: from now on one of which nothing is told is away."""
        return self._take(t, RollCalled(t))

    def device(self, t: float, device: str, *, online: bool) -> Outcome:
        """Take whether a staff device is online; what its group missed is raised once more for it."""
        return self._take(t, DeviceTold(t, device, online))

    def buzz(self, t: float, group: str) -> tuple[Outcome, Event]:
        """Raise an alert about nobody in a group, to try its devices; return it too."""
        out = self._take(t, Buzzed(t, group))
        return out, out.events[-1]

    def change_rules(self, t: float, book: Rulebook) -> Outcome:
        """Take other rules; what runs goes on."""
        self._decider.prepare_rules(book.texts, make_engine(self._config, book.rules))
        return self._take(t, RulesChanged(t, book.texts))

    def _take(self, t: float, given: Input) -> Outcome:
        out = self.advance(t)
        self._decider.take(given, out)
        return out

    # members

    def put_members(self, t: float, members: Sequence[Member]) -> tuple[Outcome, list[tuple[Member, MemberError]]]:
        """Enrol or change members; what is no longer consented to ends at once. Return also who was left out, and why.

        Trust that a credential gave which is not carried any more is gone with it.
        """
        out = Outcome()
        before = {member.id: self._register.get(member.id) for member in members}
        left_out = self._register.put_all(members)
        unfit = {member.id for member, _ in left_out}
        for member in members:
            known = before[member.id]
            if known and not set(known.credentials) <= set(member.credentials):
                self._decider.take(Distrusted(member.id), out)
            had_zones = known is not None and "zones" in known.purposes()
            self._decider.take(MemberPut(t, Person.of(member), had_zones, member.id in unfit), out)
            if not self._decider.may_follow(member.id, t):
                self.last_heard.pop(member.id, None)
        self._take_news(out)
        self._settle(t, out)
        return out, left_out

    def remove_member(self, t: float, member_id: str) -> Outcome:
        """Forget a member, at once and wholly."""
        self._register.remove(member_id)
        out = Outcome()
        self._take_news(out)
        self.last_heard.pop(member_id, None)
        self._decider.take(MemberRemoved(t, member_id), out)
        self._settle(t, out)
        return out

    def withdraw_member(self, t: float, member: Member) -> Outcome:
        """Forget all but the record of a member who does not agree to be recognised any more."""
        out = self.remove_member(t, member.id)
        out.merge(self.put_members(t, [member])[0])
        return out

    def member_changed(self, t: float, told: MemberChange) -> Outcome:
        """Tell the back end and the shop's other gateways what became of a member here."""
        out = self.advance(t)
        self._decider.member_changed(t, told, out)
        return out

    def idle_members(self, t: float, members: Iterable[Member]) -> tuple[Outcome, list[str]]:
        """Return those of `members` who have not come for longer than members are kept; nobody who is here."""
        out = self.advance(t)
        return out, self._decider.idle_members(t, members, out)

    def restore(self, rows: Iterable[StateRow], now: float) -> Outcome:
        """Go on from durable state after a restart: alerts keep their deadlines, visits go on.

        Rows of a shape that is not known are left out, and counted.
        """
        out, known = Outcome(), []
        for row in rows:
            if fits(row):
                known.append(row)
                self._senses.load(row)
            else:
                self.causes[f"kept {row.kind} of an unknown shape"] += 1
        self._decider.take(Restored(now, tuple(known)), out)
        return out

    # what is asked

    def members(self) -> list[Member]:
        return list(self._register)

    def member(self, member_id: str) -> Member | None:
        return self._register.get(member_id)

    def owner(self, kind: CredentialKind, identity: bytes) -> Member | None:
        """Return the member who carries a credential."""
        return self._register.owner(kind, identity)

    def is_enrolled(self, sighting: Sighting) -> bool:
        """Tell whether a frame carries some member's credential."""
        return self._register.is_enrolled(sighting)

    def check_member(self, member: Member) -> None:
        """Raise MemberError where a member could not be put."""
        self._register.check(member)

    @property
    def visits(self) -> Mapping[str, Visit]:
        """The open visits by member."""
        return self._decider.visits

    def devices_online(self, group: str) -> list[str]:
        """Return the staff devices of a group that are online."""
        return self._decider.devices_online(group)

    def counts(self) -> dict[str, int]:
        """Return what became of all that led to no visit, by cause."""
        return self._senses.counts()

    def crowd_measures(self) -> list[Measure]:
        """Return what was heard of others in the latest whole quarter hours, for whoever counted them by hand."""
        return list(self._senses.crowd.measures)

    def forget_heard(self) -> None:
        """Drop what `last_heard` holds, once it was shown."""
        self.last_heard.clear()
