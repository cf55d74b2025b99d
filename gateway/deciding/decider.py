"""What is decided: a pure function of inputs with their times, in which members are known and strangers do not occur.

Inputs come in the order in which they came, each after `advance` to its time; with the same ones before it, the same
is decided, to the byte. A frame of a member comes with the time that it was when it was taken, which is not before
the frame's own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import astuple

from gateway.configuration.config import Config
from gateway.deciding.alerting import Alerting
from gateway.deciding.announcer import Announcer
from gateway.deciding.daytimes import DayTimes
from gateway.deciding.decided import Texts
from gateway.deciding.facts import Facts
from gateway.deciding.follow import restored
from gateway.deciding.following import Find, Following
from gateway.deciding.identifiers import Identifiers
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
    Restored,
    RollCalled,
    RulesChanged,
    SeenNearby,
    Suspected,
)
from gateway.deciding.policy import Policy
from gateway.deciding.recent import Recent
from gateway.events import Outcome, StateRow
from gateway.heard import Heard
from gateway.identity.member import Member
from gateway.identity.suspicion import Suspicion
from gateway.membership.memberchange import MemberChange
from gateway.presence.visits import Visit
from gateway.rulebook import as_sources, make_engine, make_rulebook
from rules.engine import Engine


class Decider:
    """Composes presence, alerts and rules. `find` gives members as they are; what is decided goes into `out`."""

    def __init__(self, config: Config, engine: Engine, find: Find, ids: Identifiers, causes: Counter[str]) -> None:
        self._config = config
        self._find = find
        self._prepared: tuple[tuple[tuple[str, str], ...], Engine] = ((), engine)
        self._announcer = Announcer(ids, config.store.timezone)
        self._alerting = Alerting(config.staff.groups, self._announcer, causes)
        recent = Recent(config.zones)
        texts = Texts(config.privacy.alerts_s)
        self._policy = Policy(engine, ids, self._announcer, self._alerting, recent, texts, config.caps, causes)
        self._facts = Facts(causes)
        self._following = Following(config, find, ids, self._announcer, self._policy, self._facts, recent, causes)
        self._histories = self._following.histories
        self.presence = self._following.presence
        self.alerts = self._alerting.open
        self.day_times = DayTimes(self._policy.times_of_day, config.store.timezone)
        self._takers: Mapping[type[Input], Callable[[Any, Outcome], None]] = {
            FactSaid: self._state,
            Claimed: self._claim,
            OutcomeTold: self._policy.outcome,
            SeenNearby: self._following.nearby,
            RollCalled: self._alerting.roll_call,
            DeviceTold: self._alerting.device,
            Buzzed: self._alerting.buzz,
            Suspected: self._suspect,
            Counted: self._count,
            MemberPut: self._put_member,
            MemberRemoved: self._remove_member,
            Distrusted: self._distrust,
            ClockSet: self._redate,
            RulesChanged: self._change_rules,
            Restored: self._restore,
        }

    @property
    def deadline(self) -> float:
        """When something happens by itself: `advance` is wanted to exactly then."""
        return min(self.presence.deadline, self.alerts.deadline, self.day_times.deadline)

    @property
    def visits(self) -> Mapping[str, Visit]:
        """The open visits by member."""
        return self.presence.visits

    @property
    def sequences(self) -> dict[str, int]:
        """The number of the last message of each topic."""
        return self._announcer.sequences

    @property
    def has_visits(self) -> bool:
        """Whether a visit is open of which something was told."""
        return bool(self._following)

    def devices_online(self, group: str) -> list[str]:
        """Return the staff devices of a group that are online."""
        return self._alerting.staff.online_in(group)

    def may_follow(self, member_id: str, t: float) -> bool:
        """Tell whether a member agreed to be recognised and is not pausing."""
        return self._following.may_follow(member_id, t)

    # time

    def begin(self, t: float) -> None:
        """Begin at `t`: what comes once a day before it is not made up for."""
        self.day_times.begin(t)

    def advance(self, t: float, out: Outcome) -> None:
        """Do all that is due by `t`, each at its own time."""
        while (due := self.deadline) <= t:
            self._following.advance(due, out)
            if self.alerts.deadline <= due:
                self._alerting.advance(due, out)
            for of_day in self.day_times.take(due):
                self._following.time_came(due, of_day, out)

    # what comes in

    def hear(self, now: float, heard: Heard, out: Outcome) -> None:
        """Take a frame of a member."""
        self._following.hear(now, heard, out)

    def take(self, given: Input, out: Outcome) -> None:
        """Take any other input."""
        self._takers[type(given)](given, out)

    def _state(self, said: FactSaid, out: Outcome) -> None:
        if self._facts.take(said, out):
            self._following.fact_changed(said.t, said.name, out)

    def _claim(self, said: Claimed, out: Outcome) -> None:
        """Take what a device says of an alert, and what that means for rules and caps."""
        alert = self._alerting.claim(said, out)
        if alert is None or alert.member is None:
            return
        match said.action:
            case "claim" | "serious":
                self._following.claimed(alert.member, said, out)
            case "not_now":
                self._policy.not_now(said.t, alert.member, alert.data["rule"], out)
            case "release":
                self._policy.undo_not_now(alert.member, alert.data["rule"], out)

    def _suspect(self, found: Suspected, out: Outcome) -> None:
        """Tell what is suspected, and take back trust that a suspected credential gave."""
        self._announcer.security(out, Suspicion(*astuple(found)))
        if found.what == "clone" and found.member:
            self.presence.distrust(found.member)

    def _count(self, others: Counted, out: Outcome) -> None:
        self._announcer.crowd(out, others.since, others.until, others.counted)

    def _redate(self, clock: ClockSet, out: Outcome) -> None:
        self._following.redate(clock.by_s, out)
        self._alerting.redate(clock.by_s, out)
        self._policy.redate(clock.by_s, out)
        self._facts.redate(clock.by_s, out)
        self.day_times.begin(clock.t)

    def prepare_rules(self, files: tuple[tuple[str, str], ...], engine: Engine) -> None:
        """Take rules that were read already, so that to change to them takes no time."""
        self._prepared = (files, engine)

    def _change_rules(self, given: RulesChanged, _: Outcome) -> None:
        """Decide by other rules; caps, visits and alerts go on, and no dwell that is over is looked at again."""
        files, engine = self._prepared
        if files != given.files:
            engine = make_engine(self._config, make_rulebook(self._config, as_sources(given.files)).rules)
        self._policy.change(engine)
        self._following.expect_anew()
        self.day_times = DayTimes(engine.clock_times, self._config.store.timezone)
        self.day_times.begin(given.t)

    # members

    def _put_member(self, put: MemberPut, out: Outcome) -> None:
        """Take that a member was put; what is no longer consented to ends at once."""
        if not self.may_follow(put.person.id, put.t):
            self._end(put.t, put.person.id, out)
        self._following.begin_route(put, out)

    def _distrust(self, given: Distrusted, _: Outcome) -> None:
        self.presence.distrust(given.member)

    def _remove_member(self, gone: MemberRemoved, out: Outcome) -> None:
        """Forget a member wholly."""
        self._end(gone.t, gone.member, out)
        self._histories.forget(gone.member)
        self._policy.forget(gone.member)

    def _end(self, t: float, member_id: str, out: Outcome) -> None:
        """End what is open about a member without a word to the back end; staff see their alert cleared."""
        self._following.forget(member_id, out)
        self._alerting.withdraw(t, member_id, out)

    def member_changed(self, t: float, told: MemberChange, out: Outcome) -> None:
        """Tell what became of a member."""
        self._announcer.member(out, t, told)

    def idle_members(self, t: float, members: Iterable[Member], out: Outcome) -> list[str]:
        """Return those of `members` who have not come for longer than members are kept; nobody who is here."""
        idle, rows = self._histories.idle(members, t)
        for row in rows:
            out.put(row)
        return [member_id for member_id in idle if member_id not in self.presence.visits]

    # restarts

    def _restore(self, begun: Restored, out: Outcome) -> None:
        """Go on from durable state after a restart: alerts keep their deadlines, visits go on.

        A visit whose member may not be followed any more is dropped; one that the gateway was away from for longer
        than the leave time is closed. Where the clock is behind what was kept, all of that is dated back.
        """
        now, rows = begun.t, begun.rows
        for row in rows:
            self.load(row)
        self._following.forget_stops_not_agreed_to(out)
        alive = next((float(row.value) for row in rows if row.kind == "alive"), -math.inf)
        visits = [row for row in rows if row.kind == "visit"]
        followed = [restored(row.value) for row in visits if self.may_follow(row.key, now)]
        for row in visits:
            if not self.may_follow(row.key, now):
                out.put(StateRow("visit", row.key, None, row.key))
        then = max([now, alive, *(snapshot.last_heard for _, snapshot in followed)])
        for follow, snapshot in followed:
            self._following.go_on(follow, snapshot, alive, then, out)
        if then > now:
            self._redate(ClockSet(now, now - then), out)
        self.begin(now)

    def load(self, row: StateRow) -> None:
        """Take back a row of durable state that says something by itself."""
        match row.kind:
            case "sequence":
                self._announcer.sequences[row.key] = int(row.value)
            case "history" | "seen" | "looked":
                self._histories.load(row)
            case "ledger":
                self._policy.load(row.key, row.value)
            case "alert":
                self._alerting.load(row.value)
            case "fact":
                self._facts.load(row.key, row.value)
