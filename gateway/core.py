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
from typing import Any, Literal

from drivers.sighting import Sighting
from gateway.alerts import Alert, OpenAlerts
from gateway.announcer import Announcer
from gateway.config import Config
from gateway.crowd import Count, Crowd
from gateway.events import DecisionRow, Outcome, StateRow
from gateway.follow import Follow, restored
from gateway.heard import Heard
from gateway.history import KEPT_S, History
from gateway.identifiers import Identifiers
from gateway.identity.member import Member, MemberError
from gateway.identity.recognition import Register
from gateway.presence.visits import Change, Presence, Visit, VisitSnapshot
from rules.caps import Ledger
from rules.engine import Engine
from rules.situation import AlertAction, Decision, MemberView, Situation, StoreView, TriggerKind, VisitView, ZoneView

ClaimAction = Literal["claim", "serious", "release", "busy", "not_now"]

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
        self._ledger = Ledger()
        self._zones = {zone.id: ZoneView(zone.id, zone.kind, zone.name or zone.id) for zone in config.zones}
        self._zone_names = {zone.id: zone.name for zone in self._zones.values()}
        self._follows: dict[str, Follow] = {}
        self._histories: dict[str, History] = {}
        self._references = frozenset(r.reference.identity for r in config.receivers if r.reference)
        self._namespace = config.namespace
        self._others = 0  # frames
        self._facts: dict[str, Any] = {}
        self.now = -math.inf
        self.causes: Counter[str] = Counter()  # what became of all that led to no visit
        self.last_heard: dict[str, Heard] = {}  # by member, until `forget_heard`

    @property
    def deadline(self) -> float:
        """When something happens by itself: the core wants `advance` to exactly then."""
        return min(self._presence.deadline, self._alerts.deadline, self._crowd.deadline)

    def hear(self, sightings: Iterable[Sighting]) -> Outcome:
        """Take frames in the order in which they were heard; a late one counts, but never turns time back."""
        out = Outcome()
        recognise, presence, crowd, alerts = self._register.recognise, self._presence, self._crowd, self._alerts
        for sighting in sightings:
            t = sighting.t
            if t > self.now:
                if t >= presence.deadline or t >= crowd.deadline or t >= alerts.deadline or self.now == -math.inf:
                    self._settle(t, out)
                self.now = t
            heard = recognise(sighting)
            if heard is None:
                self._pass_by(sighting)
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

    def claim(self, t: float, group: str, device: str, alert_id: str, action: ClaimAction = "claim") -> Outcome:
        """Take what a device says of an alert; what comes second, late or from elsewhere changes nothing."""
        out = self.advance(t)
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
        out.put(_alert_row(alert))
        life_s = max(alert.expires - t, 1.0)
        if action == "release":
            self._announcer.raise_again(out, alert, t, life_s)
        else:
            data = {"device": device, "serious": serious}
            self._announcer.alert_over(out, alert, "claimed", t, data, life_s)
        return out

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
        self._settle(t, out)
        return out, left_out

    def remove_member(self, t: float, member_id: str) -> Outcome:
        """Forget a member, at once and wholly."""
        self._register.remove(member_id)
        out = Outcome()
        self._forget(t, member_id, out)
        self._settle(t, out)
        self._histories.pop(member_id, None)
        self._ledger.forget(member_id)
        return out

    def restore(self, rows: Iterable[StateRow], now: float) -> Outcome:
        """Go on from durable state after a restart: alerts keep their deadlines, visits go on.

        A visit whose member may not be followed any more is dropped; one that the gateway was away from for longer
        than the leave time ended while it was away.
        """
        out = Outcome()
        open_visits: list[tuple[Follow, VisitSnapshot]] = []
        alive = -math.inf
        for row in rows:
            match row.kind:
                case "sequence":
                    self._announcer.sequences[row.key] = int(row.value)
                case "history":
                    self._histories[row.key] = History.from_json(row.value)
                case "ledger":
                    self._ledger.load(row.key, row.value)
                case "alert":
                    self._alerts.open(Alert(**row.value))
                case "alive":
                    alive = float(row.value)
                case "visit" if self._may_follow(row.key, now):
                    open_visits.append(restored(row.value))
                case "visit":
                    out.put(StateRow("visit", row.key, None, row.key))
        for follow, snapshot in open_visits:
            self._follows[snapshot.member] = follow
            if now - max(alive, snapshot.last_heard) > self._config.leave_after_s + ALIVE_EVERY_S:
                self._end_while_away(snapshot, now, out)
            else:
                self._presence.restore([snapshot], now)
                self._expect(follow, self._presence.visits[snapshot.member], same_kind=False)
                follow.dwells = [dwell for dwell in follow.dwells if dwell.at > snapshot.last_heard]
        return out

    def _end_while_away(self, snapshot: VisitSnapshot, now: float, out: Outcome) -> None:
        visit = snapshot.visit()
        change = Change("ended", visit, visit.last_heard, now, visit.zone, visit.kind, visit.confidence, reason="left")
        self._changed(change, out)

    def alive(self, t: float) -> Outcome:
        """Note that the gateway is at work, as long as a visit is open: to be called every `ALIVE_EVERY_S`."""
        out = Outcome()
        if self._follows:
            out.put(StateRow("alive", "", t))
        return out

    def member(self, member_id: str) -> Member | None:
        return self._register.get(member_id)

    def is_enrolled(self, sighting: Sighting) -> bool:
        """Tell whether a frame carries some member's credential."""
        return self._register.is_enrolled(sighting)

    @property
    def visits(self) -> Mapping[str, Visit]:
        """The open visits by member."""
        return self._presence.visits

    def check_member(self, member: Member) -> None:
        """Raise MemberError where a member could not be put."""
        self._register.check(member)

    def counts(self) -> dict[str, int]:
        """Return what became of all that led to no visit, by cause."""
        silent = self._register.silent
        told = {"enrolled, without consent or paused": silent} if silent else {}
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
            if self._crowd.deadline <= due:
                self._count_crowd(self._crowd.advance(due), out)
        self.now = max(self.now, t)

    def _expire(self, alert: Alert, t: float, out: Outcome) -> None:
        out.put(StateRow("alert", alert.id, None, alert.member))
        if alert.claimed_by is None:
            self._announcer.alert_over(out, alert, "expired", t, {"reason": "unclaimed"}, 60.0)

    # everybody else

    def _pass_by(self, sighting: Sighting) -> None:
        if sighting.identity in self._references:
            return
        self._others += 1
        if self._namespace and sighting.identity.startswith(self._namespace):
            self.causes["frames of our namespace that nobody may be known by"] += 1
        self._crowd.hear(sighting)

    # members

    def _follow(self, heard: Heard, out: Outcome) -> None:
        self.last_heard[heard.member] = heard
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
        out.put(StateRow("visit", member.id, follow.kept(change.visit, zones=zones), member.id))

    def _ended(self, change: Change, member: Member, out: Outcome, *, zones: bool) -> None:
        follow = self._follows.pop(member.id, None)
        if follow is None:
            return
        self._announcer.visit(out, change, follow, zones=zones)
        self._decide("left", change, member, follow, out)
        history = self._histories.setdefault(member.id, History())
        kept_s = min(KEPT_S, self._config.privacy.visits_s)
        history.add(follow.since, change.decided, passed=not follow.arrived, kept_s=kept_s)
        out.put(StateRow("visit", member.id, None, member.id))
        out.put(StateRow("history", member.id, history.as_json(), member.id, change.decided + kept_s))

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
            self._alerts.open(alert)
            out.put(_alert_row(alert))
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
        history = self._histories.get(member.id)
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
            **(history.counts(now) if history else {}),
        )

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
            self._announcer.alert_over(out, nobody, "cleared", t, {"reason": "withdrawn"}, max(alert.expires - t, 1.0))

    def _count_crowd(self, counts: Iterable[Count], out: Outcome) -> None:
        for count in counts:
            self._announcer.crowd(out, count.since, count.until, self._publish_count(count))


def _alert_row(alert: Alert) -> StateRow:
    return StateRow("alert", alert.id, alert.as_json(), alert.member, alert.expires)


def _may_look(trigger: TriggerKind, situation: Situation) -> bool:
    """Tell whether rules may look: at where somebody is only with consent to zones, or at the door."""
    return trigger in ("arrived", "left") or situation.zone is not None or "zones" in situation.member.purposes
