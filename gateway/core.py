"""The decision core: a pure function of configuration, members and a stream of inputs with their times.

It reads no clock, file or socket. Whoever drives it (the daemon, a replay) hands it inputs in the order in which they
came, and advances it to exactly `deadline` when that time has come. Every input first settles what was due before it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from drivers.sighting import Sighting
from gateway.alerts import Alert, OpenAlerts
from gateway.announcer import Announcer
from gateway.config import Config
from gateway.contract.inbound import ClaimAction
from gateway.contract.words import CredentialKind
from gateway.crowd.count import Count
from gateway.crowd.crowd import Crowd
from gateway.crowd.evidence import Measure
from gateway.events import DecisionRow, Outcome, StateRow
from gateway.follow import Follow, restored
from gateway.heard import Heard
from gateway.history import Histories, Past
from gateway.identifiers import Identifiers
from gateway.identity.member import Member, MemberError
from gateway.identity.recognition import Register
from gateway.identity.suspicion import Elsewhere, Suspicion
from gateway.presence.visits import Change, Presence, Visit, VisitSnapshot
from gateway.staff import StaffDevices
from rules.caps import Ledger
from rules.engine import Engine
from rules.situation import (
    AlertAction,
    Decision,
    MemberView,
    Situation,
    StoreView,
    TriggerKind,
    VisitView,
    ZoneView,
)

LEDGER_KEPT_S = 8 * 86400.0
ALIVE_EVERY_S = 60.0
MOST_FACTS = 1000


class Core:
    """Composes recognition, presence, crowd and rules.

    Each method takes inputs with their times (seconds since the epoch) and returns what was decided, to be committed
    whole. Nothing else changes the core, and the core changes nothing else.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine,
        register: Register,
        crowd: Crowd,
        ids: Identifiers,
        publish_count: Callable[[Count], dict[str, Any]] = Count.data,
    ) -> None:
        self._config = config
        self._engine = engine
        self._register = register
        self._crowd = crowd
        self._publish_count = publish_count
        self._ids = ids
        self._presence = Presence(config.zones, config.leave_after_s)
        self._announcer = Announcer(ids, config.store.timezone)
        self._alerts = OpenAlerts()
        self._staff = StaffDevices(config.staff.groups)
        self._is_told_of_devices = False  # a replay of captures never is
        self._ledger = Ledger()
        self._zones = {zone.id: ZoneView(zone.id, zone.kind, zone.name or zone.id) for zone in config.zones}
        self._zone_names = {zone.id: zone.name for zone in self._zones.values()}
        self._follows: dict[str, Follow] = {}
        self._histories = Histories(config.zones, config.privacy)
        self._references = frozenset(r.reference.identity for r in config.receivers if r.reference)
        self._levelled = {hear.receiver for zone in config.zones for hear in zone.hear if hear.at_least is not None}
        self._namespace = config.namespace
        self._others = 0  # frames
        self._facts: dict[str, Any] = {}
        self.now = -math.inf
        self.clock_synchronised: bool | None = None  # not told yet, or not to be told
        self.causes: Counter[str] = Counter()  # what became of all that led to no visit
        self.last_heard: dict[str, Heard] = {}  # by member, until `forget_heard`

    @property
    def deadline(self) -> float:
        """When something happens by itself: the core wants `advance` to exactly then."""
        return min(self._presence.deadline, self._alerts.deadline, self._crowd.deadline, self._register.deadline)

    def hear(self, sightings: Iterable[Sighting]) -> Outcome:
        """Take frames in the order in which they were heard; a late one counts, but never turns time back."""
        out = Outcome()
        register, presence, crowd, alerts = self._register, self._presence, self._crowd, self._alerts
        recognise, news, resolves = register.recognise, register.news, register.resolves
        for sighting in sightings:
            t = sighting.t
            if t > self.now:
                due = t >= presence.deadline or t >= crowd.deadline or t >= alerts.deadline
                if due or (resolves and t >= register.deadline) or self.now == -math.inf:
                    self._settle(t, out)
                self.now = t
            heard = recognise(sighting)
            if news:
                self._take_news(out)
            if heard is None:
                self._pass_by(sighting, out)
            else:
                self._follow(heard, out)
        return out

    def advance(self, t: float) -> Outcome:
        """Let time pass to `t`."""
        out = Outcome()
        self._settle(t, out)
        return out

    def finish(self, t: float) -> Outcome:
        """Let time pass to `t`, where the input ends: the crowd's begun interval is counted."""
        out = self.advance(t)
        self._count_crowd(self._crowd.finish(t), out)
        return out

    def fact(self, t: float, name: str, value: Any) -> Outcome:
        """Take what the back end says; None takes a fact back."""
        out = self.advance(t)
        if value is None:
            self._facts.pop(name, None)
        elif name in self._facts or len(self._facts) < MOST_FACTS:
            self._facts[name] = value
        else:
            self.causes["fact beyond the most that are kept"] += 1
        return out

    def clock(self, t: float, *, synchronised: bool | None) -> Outcome:
        """Take whether somebody keeps the clock right, which trust in ids that change with time hangs on."""
        out = self.advance(t)
        self.clock_synchronised = synchronised
        self._register.clock(t, is_wrong=synchronised is False)
        self._take_news(out)
        return out

    def elsewhere(self, t: float, member_id: str, seen: Elsewhere) -> Outcome:
        """Take that a member's credential was heard at another shop of the chain."""
        out = self.advance(t)
        self._register.elsewhere(member_id, seen)
        return out

    def prepare(self, t: float, most: int) -> bool:
        """Compute about `most` of the ids that will be asked for at `t` or soon after; tell whether that was not all.

        It decides nothing: what was not prepared is computed when a frame asks for it, which takes its time.
        """
        return self._register.prepare(t, most)

    def set_clock(self, t: float, by_s: float) -> Outcome:
        """Take that the clock was set by so much at `t`: what is open lasts as long as it did, and is dated anew."""
        out = self.finish(t)
        self._redate(by_s, out)
        self.now = t + by_s
        out.merge(self.alive(self.now))
        return out

    def _redate(self, by_s: float, out: Outcome) -> None:
        self._presence.redate(by_s)
        self._register.redate(by_s)
        self._crowd.redate(by_s)
        for alert in self._alerts.redate(by_s):
            out.put(_alert_row(alert))
        for member_id, follow in self._follows.items():
            follow.redate(by_s)
            self._keep(member_id, follow, out)

    def claim(self, t: float, group: str, device: str, alert_id: str, action: ClaimAction = "claim") -> Outcome:
        """Take what a device says of an alert; what comes second, late or from elsewhere changes nothing."""
        out = self.advance(t)
        if not self._staff.belongs(device, group):
            self.causes["claim from outside the group"] += 1
            return out
        serious = action == "serious"
        match action:
            case "claim" | "serious":
                alert = self._alerts.claim(alert_id, group, device, serious=serious)
            case "release":
                alert = self._alerts.release(alert_id, group, device)
            case _:
                alert = None
        if alert is None:
            self.causes[f"{action} refused"] += 1
            return out
        if action == "release":
            for raised_in in alert.groups:
                self._announcer.raise_again(out, alert, raised_in, t)
                self._await_ears(alert, raised_in, t)
        else:
            self._announcer.claimed(out, alert, t, device, serious=serious)
        out.put(_alert_row(alert))
        return out

    def hear_app(self, t: float, heard: float, receiver: str, member_id: str, rssi: int | None) -> Outcome:
        """Take that a member's own app heard the beacon of a receiver at the time `heard`: the back end vouches."""
        out = self.advance(t)
        if self._may_follow(member_id, heard):
            level = rssi if receiver in self._levelled else None
            trust = self._register.vouched(member_id, heard, receiver)
            self._take_news(out)
            self._follow(Heard(heard, member_id, receiver, "ble", level, trust, "app"), out)
        else:
            self.causes["app heard, without consent or paused"] += 1
        return out

    def roll_call(self, t: float) -> Outcome:
        """Begin to be told of staff devices: from now on one of which nothing is told is away."""
        out = self.advance(t)
        self._is_told_of_devices = True
        for alert, group in self._alerts.places():
            self._alerts.see_to(alert, group, t)
        return out

    def device(self, t: float, device: str, *, online: bool) -> Outcome:
        """Take whether a staff device is online; what its group missed is raised once more for it."""
        out = self.advance(t)
        for group in self._staff.take(device, online=online):
            if online:
                for alert in self._alerts.reach(group):
                    self._announcer.raise_again(out, alert, group, t)
                    out.put(_alert_row(alert))
            else:
                for alert, raised_in in self._alerts.places():
                    if raised_in == group:
                        self._await_ears(alert, group, t)
                        out.put(_alert_row(alert))
        return out

    def buzz(self, t: float, group: str) -> tuple[Outcome, Alert]:
        """Raise an alert about nobody in a group, to try its devices; return it too."""
        out = self.advance(t)
        alert = self._announcer.test_alert(out, group, t)
        self._follow_alert(alert, t, out)
        return out, alert

    def put_members(self, t: float, members: Sequence[Member]) -> tuple[Outcome, list[tuple[Member, MemberError]]]:
        """Enrol or change members; what is no longer consented to ends at once. Return also who was left out, and why.

        Trust that a credential gave which is not carried any more is gone with it.
        """
        out = Outcome()
        before = {member.id: self._register.get(member.id) for member in members}
        left_out = self._register.put_all(members)
        for member in members:
            if not self._may_follow(member.id, t):
                self._forget(t, member.id, out)
            elif (known := before[member.id]) and not set(known.credentials) <= set(member.credentials):
                self._presence.distrust(member.id)
            self._begin_route(t, member, before[member.id], out)
        self._take_news(out)
        self._settle(t, out)
        return out, left_out

    def remove_member(self, t: float, member_id: str) -> Outcome:
        """Forget a member, at once and wholly."""
        self._register.remove(member_id)
        out = Outcome()
        self._take_news(out)
        self._forget(t, member_id, out)
        self._settle(t, out)
        self._histories.forget(member_id)
        self._ledger.forget(member_id)
        return out

    def withdraw_member(self, t: float, member: Member) -> Outcome:
        """Forget all but the record of a member who does not agree to be recognised any more."""
        out = self.remove_member(t, member.id)
        out.merge(self.put_members(t, [member])[0])
        return out

    def members(self) -> list[Member]:
        return list(self._register)

    def idle_members(self, t: float, members: Iterable[Member]) -> tuple[Outcome, list[str]]:
        """Return those of `members` who have not come for longer than members are kept; nobody who is here."""
        out = self.advance(t)
        idle, rows = self._histories.idle(members, t)
        for row in rows:
            out.put(row)
        return out, [member_id for member_id in idle if member_id not in self._presence.visits]

    def restore(self, rows: Iterable[StateRow], now: float) -> Outcome:
        """Go on from durable state after a restart: alerts keep their deadlines, visits go on.

        A visit whose member may not be followed any more is dropped; one that the gateway was away from for longer
        than the leave time is closed. Where the clock is behind what was kept, all of that is dated back.
        """
        out = Outcome()
        rows = list(rows)
        for row in rows:
            self._load(row)
        for member_id in self._histories:
            if (member := self._register.get(member_id)) and "zones" not in member.purposes():
                self._forget_stops(member_id, out)
        alive = next((float(row.value) for row in rows if row.kind == "alive"), -math.inf)
        visits = [row for row in rows if row.kind == "visit"]
        followed = [restored(row.value) for row in visits if self._may_follow(row.key, now)]
        for row in visits:
            if not self._may_follow(row.key, now):
                out.put(StateRow("visit", row.key, None, row.key))
        then = max([now, alive, *(snapshot.last_heard for _, snapshot in followed)])
        for follow, snapshot in followed:
            self._go_on(follow, snapshot, alive, then, out)
        if then > now:
            self._redate(now - then, out)
        return out

    def _load(self, row: StateRow) -> None:
        """Take back a row of durable state that says something by itself."""
        match row.kind:
            case "sequence":
                self._announcer.sequences[row.key] = int(row.value)
            case "history" | "seen":
                self._histories.load(row)
            case "ledger":
                self._ledger.load(row.key, row.value)
            case "alert":
                self._alerts.open(Alert(**row.value))
            case "changing" | "demoted":
                self._register.load(row)

    def _go_on(self, follow: Follow, snapshot: VisitSnapshot, alive: float, now: float, out: Outcome) -> None:
        """Go on with a visit, or close it where the gateway, last `alive`, was away for longer than the leave time."""
        self._follows[snapshot.member] = follow
        here = max(alive - self._config.leave_after_s, snapshot.last_heard)  # at least until then
        if now - max(alive, here) > self._config.leave_after_s + ALIVE_EVERY_S:
            self._close(snapshot.visit(), here, now, out)
            return
        self._presence.restore([snapshot], now)
        self._expect(follow, self._presence.visits[snapshot.member], same_kind=False)
        follow.dwells = [dwell for dwell in follow.dwells if dwell.at > snapshot.last_heard]

    def _close(self, visit: Visit, at: float, now: float, out: Outcome) -> None:
        """End a visit of which nobody saw the end."""
        change = Change("ended", visit, at, now, visit.zone, visit.kind, visit.confidence, reason="closed")
        self._changed(change, out)

    def alive(self, t: float) -> Outcome:
        """Note that the gateway is at work, as long as a visit is open: to be called every `ALIVE_EVERY_S`."""
        out = Outcome()
        if self._follows:
            out.put(StateRow("alive", "", t))
        return out

    def member(self, member_id: str) -> Member | None:
        return self._register.get(member_id)

    def owner(self, kind: CredentialKind, identity: bytes) -> Member | None:
        """Return the member who carries a credential."""
        return self._register.owner(kind, identity)

    def is_enrolled(self, sighting: Sighting) -> bool:
        """Tell whether a frame carries some member's credential."""
        return self._register.is_enrolled(sighting)

    @property
    def visits(self) -> Mapping[str, Visit]:
        """The open visits by member."""
        return self._presence.visits

    def devices_online(self, group: str) -> list[str]:
        """Return the staff devices of a group that are online."""
        return self._staff.online_in(group)

    def check_member(self, member: Member) -> None:
        """Raise MemberError where a member could not be put."""
        self._register.check(member)

    def counts(self) -> dict[str, int]:
        """Return what became of all that led to no visit, by cause."""
        silent = self._register.silent
        told = {"enrolled, without consent or paused": silent} if silent else {}
        if untried := self._register.untried:
            told["private addresses beyond the most that are tried"] = untried
        return {"frames of others": self._others, **told, **self.causes, **self._crowd.counters}

    def forget_heard(self) -> None:
        """Drop what `last_heard` holds, once it was shown."""
        self.last_heard.clear()

    # time

    def _settle(self, t: float, out: Outcome) -> None:
        """Do all that was due up to `t`, each at its own time."""
        if self.now == -math.inf:
            self._crowd.advance(t)
        while (due := self.deadline) <= t:
            self.now = max(self.now, due)
            for change in self._presence.advance(due):
                self._changed(change, out)
            if self._alerts.deadline <= due:
                for alert in self._alerts.take_due(due):
                    self._expire(alert, due, out)
                for alert, group in self._alerts.take_missed(due):
                    self._see_to(alert, group, due, out)
            if self._crowd.deadline <= due:
                self._count_crowd(self._crowd.advance(due), out)
            if self._register.deadline <= due:
                self._register.advance(due)
        self.now = max(self.now, t)

    # alerts

    def _follow_alert(self, alert: Alert, t: float, out: Outcome) -> None:
        self._alerts.open(alert)
        self._await_ears(alert, alert.group, t)
        out.put(_alert_row(alert))

    def _await_ears(self, alert: Alert, group: str, t: float) -> None:
        """Wait for somebody of a group to be there, where nobody is."""
        if self._is_told_of_devices and not self._staff.online_in(group):
            self._alerts.miss(alert, group, t)

    def _see_to(self, alert: Alert, group: str, t: float, out: Outcome) -> None:
        """Tell that nobody of a group can hear an alert, where that is still so, and alert the group after it."""
        if group in alert.unheard or self._staff.online_in(group):
            return
        alert.unheard.append(group)
        if group not in alert.missed:
            alert.missed.append(group)
        after = self._staff.next_group(group)
        if after in alert.groups:
            after = None
        self._announcer.unheard(out, alert, group, t, after)
        if after:
            alert.groups.append(after)
            self._announcer.raise_again(out, alert, after, t)
            self._await_ears(alert, after, t)
        out.put(_alert_row(alert))

    def _expire(self, alert: Alert, t: float, out: Outcome) -> None:
        out.put(StateRow("alert", alert.id, None, alert.member))
        if alert.claimed_by is None:
            self._announcer.expired(out, alert, t)

    # everybody else

    def _pass_by(self, sighting: Sighting, out: Outcome) -> None:
        if sighting.identity in self._references:
            return
        self._others += 1
        if self._namespace and sighting.identity.startswith(self._namespace):
            self.causes["frames of our namespace that nobody may be known by"] += 1
            self._register.guess(sighting)
            self._take_news(out)
        self._crowd.hear(sighting)

    # what is suspected

    def _take_news(self, out: Outcome) -> None:
        """Tell what is suspected, keep what must be kept, and take back trust that a suspected credential gave."""
        news = self._register.news
        for item in news:
            if isinstance(item, Suspicion):
                self._announcer.security(out, item)
                if item.what == "clone" and item.member:
                    self._presence.distrust(item.member)
            else:
                out.put(item)
        news.clear()

    # members

    def _follow(self, heard: Heard, out: Outcome) -> None:
        self.last_heard[heard.member] = heard
        if heard.t < self.now:  # nothing is decided at a time that was
            self._presence.advance(self.now)
        for change in self._presence.hear(heard):
            self._changed(change, out)
        follow = self._follows.get(heard.member)
        if follow and follow.dwells:
            self._dwell(heard, follow, self._presence.visits[heard.member], out)

    def _changed(self, change: Change, out: Outcome) -> None:
        member = self._register.get(change.visit.member)
        if member is None or not member.recognisable_at(change.decided):
            return
        zones = "zones" in member.purposes()
        if change.what == "ended":
            self._ended(change, member, out, zones=zones)
            return
        follow = self._follows.get(member.id)
        if follow is None:
            if change.kind == "outside" and not zones:
                self.causes["outside, without consent to zones"] += 1
                return
            follow = self._follows[member.id] = Follow(self._ids.visit(), change.at)
            self._announcer.visit(out, replace(change, what="started"), follow, zones=zones)
        elif zones:
            self._announcer.visit(out, change, follow, zones=True)
        triggers = follow.triggers(change)
        same_kind = change.what == "moved" and change.came_from_kind == change.kind
        self._expect(follow, change.visit, same_kind=same_kind)
        for trigger in triggers:
            self._decide(trigger, change, member, follow, out)
        self._keep(member.id, follow, out)

    def _ended(self, change: Change, member: Member, out: Outcome, *, zones: bool) -> None:
        follow = self._follows.pop(member.id, None)
        if follow is None:
            return
        self._announcer.visit(out, change, follow, zones=zones)
        self._decide("left", change, member, follow, out)
        out.put(StateRow("visit", member.id, None, member.id))
        stops = tuple(change.visit.route) if zones else ()
        past = Past(follow.alias, follow.since, change.at, not follow.arrived, stops)
        for row in self._histories.add(member.id, past):
            out.put(row)

    def _expect(self, follow: Follow, visit: Visit, *, same_kind: bool) -> None:
        zone = self._zones.get(visit.zone or "")
        follow.expect(visit, self._engine.dwell_lengths(zone) if zone else (), same_kind=same_kind)

    def _dwell(self, heard: Heard, follow: Follow, visit: Visit, out: Outcome) -> None:
        """Tell the rules of each dwell that was reached: the zone was held so long, and somebody was heard in it."""
        member = self._register.get(heard.member)
        while member and follow.dwells and follow.dwells[0].at <= visit.zone_heard:
            dwell = follow.dwells.pop(0)
            situation = self._situation("dwell", heard.t, self.now, member, visit, follow, visit.zone)
            if not _may_look("dwell", situation):
                continue
            self._apply(replace(situation, dwell=dwell.seconds, dwell_of=dwell.of), visit.credential, out)

    # rules

    def _decide(self, trigger: TriggerKind, change: Change, member: Member, follow: Follow, out: Outcome) -> None:
        situation = self._situation(
            trigger, change.at, change.decided, member, change.visit, follow, change.zone, change.came_from
        )
        if _may_look(trigger, situation):
            self._apply(situation, change.visit.credential, out)

    def _apply(self, situation: Situation, credential: str, out: Outcome) -> None:
        """Ask the rules, and make of each answer a decision and, where one fired, an event."""
        decisions = self._engine.decide(situation, self._ledger)
        for decision in decisions:
            out.decisions.append(self._carry_out(situation, credential, decision, out))
        if any(decision.action for decision in decisions):
            member = situation.member.id
            until = situation.decided + LEDGER_KEPT_S
            out.put(StateRow("ledger", member, self._ledger.as_json(member), member, until))

    def _carry_out(self, situation: Situation, credential: str, decision: Decision, out: Outcome) -> DecisionRow:
        event, subject = None, None
        if isinstance(decision.action, AlertAction):
            alert, event = self._announcer.alert(out, situation, decision, decision.action)
            self._follow_alert(alert, situation.decided, out)
            subject = alert.id
        elif decision.action is not None:
            event = self._announcer.offer(out, situation, decision, decision.action)
            subject = str(event.data["feedback"])
        detail = {
            "trigger": situation.trigger,
            "zone": situation.zone.id if situation.zone else None,
            "at": situation.t,
            "trust": situation.trust.word,
            "credential": credential,
            "reason": decision.reason,
            "file": decision.file,
            "line": decision.line,
        }
        return DecisionRow(
            self._ids.event(situation.decided),
            situation.decided,
            situation.member.id,
            situation.visit.id,
            decision.rule,
            decision.outcome,
            detail,
            event.id if event else None,
            subject,
        )

    def _situation(
        self,
        trigger: TriggerKind,
        at: float,
        decided: float,
        member: Member,
        visit: Visit,
        follow: Follow,
        zone: str | None,
        came_from: str | None = None,
    ) -> Situation:
        local = datetime.fromtimestamp(decided, self._config.store.timezone)
        store = self._config.store
        place, before = (self._told(of, member) for of in (zone, came_from))
        is_open = store.opening_hours is None or store.opening_hours.include(local.time())
        return Situation(
            trigger=trigger,
            t=at,
            decided=decided,
            local=local,
            member=self._view(member, decided),
            visit=VisitView(follow.alias, follow.since, decided - follow.since, follow.arrived),
            zone=place,
            trust=visit.trust,
            facts=self._facts,
            store=StoreView(store.id, store.name, store.language, is_open, self._zone_names),
            came_from=before,
        )

    def _told(self, zone_id: str | None, member: Member) -> ZoneView | None:
        """Return a zone that rules, staff and back end may know of: without consent to zones, the door alone."""
        zone = self._zones.get(zone_id or "")
        return zone if zone and (zone.kind == "door" or "zones" in member.purposes()) else None

    def _view(self, member: Member, now: float) -> MemberView:
        return MemberView(
            id=member.id,
            purposes=member.purposes(),
            greeting=member.greeting,
            note=member.note,
            language=member.language,
            attributes=member.attributes,
            deny=member.deny,
            allow=member.allow,
            only=member.only,
            test=member.test,
            **self._histories.told(member.id, now, zones="zones" in member.purposes()),
        )

    def _begin_route(self, t: float, member: Member, before: Member | None, out: Outcome) -> None:
        """Begin the route of an open visit anew where consent to zones came or went; forget all where it is not."""
        zones = "zones" in member.purposes()
        visit = self._presence.visits.get(member.id)
        if visit and zones != (before is not None and "zones" in before.purposes()):
            visit.route[:] = [(visit.zone, t)]
        if not zones:
            self._forget_stops(member.id, out)

    def _forget_stops(self, member_id: str, out: Outcome) -> None:
        for row in self._histories.forget_stops(member_id):
            out.put(row)
        if follow := self._follows.get(member_id):
            self._keep(member_id, follow, out)

    def _keep(self, member_id: str, follow: Follow, out: Outcome) -> None:
        """Keep an open visit as it is now, and where the member was only with consent to zones."""
        member, visit = self._register.get(member_id), self._presence.visits.get(member_id)
        if member and visit:
            kept = follow.kept(visit, zones="zones" in member.purposes())
            out.put(StateRow("visit", member_id, kept, member_id))

    # leaving for good

    def _may_follow(self, member_id: str, t: float) -> bool:
        member = self._register.get(member_id)
        return member is not None and member.recognisable_at(t)

    def _forget(self, t: float, member_id: str, out: Outcome) -> None:
        """End what is open about a member without a word to the back end; staff see their alert cleared."""
        self._presence.forget(member_id)
        self.last_heard.pop(member_id, None)
        if self._follows.pop(member_id, None):
            out.put(StateRow("visit", member_id, None, member_id))
        for alert in self._alerts.withdraw(member_id):
            out.put(StateRow("alert", alert.id, None, member_id))
            nobody = replace(alert, member=None)
            self._announcer.cleared(out, nobody, t, "withdrawn")

    def crowd_measures(self) -> list[Measure]:
        """Return what was heard of others in the latest whole quarter hours, for whoever counted them by hand."""
        return list(self._crowd.measures)

    def _count_crowd(self, counts: Iterable[Count], out: Outcome) -> None:
        for count in counts:
            self._announcer.crowd(out, count.since, count.until, self._publish_count(count))


def _alert_row(alert: Alert) -> StateRow:
    return StateRow("alert", alert.id, alert.as_json(), alert.member, alert.expires)


def _may_look(trigger: TriggerKind, situation: Situation) -> bool:
    """Tell whether rules may look: at where somebody is only with consent to zones, or at the door."""
    return trigger in ("arrived", "left") or situation.zone is not None or "zones" in situation.member.purposes
