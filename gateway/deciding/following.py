"""Follows members through the shop: what of their visits is told, kept and put to the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import time

from gateway.configuration.config import Config
from gateway.deciding.announcer import Announcer
from gateway.deciding.facts import Facts
from gateway.deciding.follow import Follow
from gateway.deciding.history import Histories, Past
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.inputs import Claimed, Known, MemberPut, SeenNearby
from gateway.deciding.policy import Policy
from gateway.deciding.recent import Recent
from gateway.deciding.situations import Situations, may_look
from gateway.events import Outcome, StateRow
from gateway.heard import Heard
from gateway.presence.visits import Change, Presence, Visit, VisitSnapshot
from rules.situation import ClaimView, Situation, TriggerKind

ALIVE_EVERY_S = 60.0

Find = Callable[[str], Known | None]


class Following:
    """The members who are here, as far as each agreed to be followed."""

    def __init__(
        self,
        config: Config,
        find: Find,
        ids: Identifiers,
        announcer: Announcer,
        policy: Policy,
        facts: Facts,
        recent: Recent,
        causes: Counter[str],
    ) -> None:
        self._find = find
        self._ids = ids
        self._announcer = announcer
        self._policy = policy
        self._recent = recent
        self._causes = causes
        self._leave_after_s = config.leave_after_s
        self.presence = Presence(config.zones, config.leave_after_s)
        self.histories = Histories(config.zones, config.privacy)
        self._situations = Situations(config, self.histories, facts)
        self._follows: dict[str, Follow] = {}
        self._dwelling: set[str] = set()  # of whom a dwell is waited for

    def __bool__(self) -> bool:
        """Tell whether a visit is open."""
        return bool(self._follows)

    def may_follow(self, member_id: str, t: float) -> bool:
        member = self._find(member_id)
        return member is not None and member.recognisable_at(t)

    # what happens

    def hear(self, now: float, heard: Heard, out: Outcome) -> None:
        """Take a frame, after all that was due at `now`."""
        presence = self.presence
        if heard.t < now:  # nothing is decided at a time that was
            presence.advance(now)
        for change in presence.hear(heard):
            self._changed(change, out)
        if heard.member in self._dwelling:
            self._dwell(now, heard, out)

    def advance(self, t: float, out: Outcome) -> None:
        """Do what is due by `t`."""
        for change in self.presence.advance(t):
            self._changed(change, out)

    def _changed(self, change: Change, out: Outcome) -> None:
        member = self._find(change.visit.member)
        if member is None or not member.recognisable_at(change.decided):
            return
        zones = "zones" in member.purposes()
        if change.what == "ended":
            self._ended(change, member, out, zones=zones)
            self._recent.forget(member.id)
            self._dwelling.discard(member.id)
            return
        follow = self._follows.get(member.id)
        if follow is None:
            if change.kind == "outside" and not zones:
                self._causes["outside, without consent to zones"] += 1
                return
            follow = self._follows[member.id] = Follow(self._ids.visit(), change.at)
            self._recent.keep(member.id, change.visit.frames)
            self._announcer.visit(out, replace(change, what="started"), follow, member)
        elif zones:
            self._announcer.visit(out, change, follow, member)
        triggers = follow.triggers(change)
        same_kind = change.what == "moved" and change.came_from_kind == change.kind
        self._expect(follow, change.visit, same_kind=same_kind)
        for trigger in triggers:
            self._decide(trigger, change, member, follow, out)
        self._keep(member.id, follow, out)

    def _ended(self, change: Change, member: Known, out: Outcome, *, zones: bool) -> None:
        follow = self._follows.pop(member.id, None)
        if follow is None:
            return
        self._announcer.visit(out, change, follow, member)
        self._decide("left", change, member, follow, out)
        out.put(StateRow("visit", member.id, None, member.id))
        stops = tuple(change.visit.route) if zones else ()
        past = Past(follow.alias, follow.since, change.at, follow.arrived is None, stops)
        for row in self.histories.add(member.id, past):
            out.put(row)

    def _expect(self, follow: Follow, visit: Visit, *, same_kind: bool) -> None:
        follow.expect(visit, self._policy.dwell_lengths(self._situations.zone(visit.zone)), same_kind=same_kind)
        if follow.dwells:
            self._dwelling.add(visit.member)

    def expect_anew(self) -> None:
        """Wait for the dwells that other rules wait for, of visits that are open; none that is over comes late."""
        for member_id, follow in self._follows.items():
            if visit := self.presence.visits.get(member_id):
                self._expect(follow, visit, same_kind=False)
                follow.dwells = [dwell for dwell in follow.dwells if dwell.at > visit.zone_heard]

    def _decide(self, trigger: TriggerKind, change: Change, member: Known, follow: Follow, out: Outcome) -> None:
        situation = self._situations.of_change(trigger, change, member, follow)
        if may_look(situation):
            self._policy.apply(situation, change.visit.credential, out)

    def _dwell(self, now: float, heard: Heard, out: Outcome) -> None:
        """Tell the rules of each dwell that was reached: the zone was held so long, and somebody was heard in it."""
        follow = self._follows.get(heard.member)
        if follow is None or not follow.dwells:
            self._dwelling.discard(heard.member)
            return
        member, visit = self._find(heard.member), self.presence.visits[heard.member]
        while member and follow.dwells and follow.dwells[0].at <= visit.zone_heard:
            dwell = follow.dwells.pop(0)
            situation = self._situations.of_dwell(heard.t, now, member, visit, follow)
            if may_look(situation):
                situation = replace(situation, dwell=dwell.seconds, dwell_of=dwell.of)
                self._policy.apply(situation, visit.credential, out)

    def claimed(self, member_id: str, claim: Claimed, out: Outcome) -> None:
        """Tell the rules that an assistant took an alert about somebody who is here."""
        view = ClaimView(claim.device, claim.group, claim.action == "serious")
        self._moment("claimed", claim.t, member_id, out, lambda situation: replace(situation, claim=view))

    def fact_changed(self, t: float, name: str, out: Outcome) -> None:
        """Tell the rules, of everybody who is here, that a fact is another now."""
        for member_id in list(self._follows) if self._policy.waits_for_fact(name) else ():
            self._moment("fact", t, member_id, out, lambda situation: replace(situation, fact=name))

    def time_came(self, t: float, of_day: time, out: Outcome) -> None:
        """Tell the rules, of everybody who is here, that a time of the day has come."""
        for member_id in list(self._follows):
            self._moment("clock", t, member_id, out, lambda situation: replace(situation, clock=of_day))

    def _moment(
        self, trigger: TriggerKind, t: float, member_id: str, out: Outcome, more: Callable[[Situation], Situation]
    ) -> None:
        member, follow, visit = self._find(member_id), self._follows.get(member_id), self.presence.visits.get(member_id)
        if member is None or follow is None or visit is None or not member.recognisable_at(t):
            return
        situation = more(self._situations.of_moment(trigger, t, member, visit, follow))
        if may_look(situation):
            self._policy.apply(situation, visit.credential, out)

    def nearby(self, seen: SeenNearby, out: Outcome) -> None:
        """Tell the rules of somebody who is not here, but near."""
        member = self._find(seen.member)
        if member is None or not member.recognisable_at(seen.t) or seen.member in self._follows:
            return
        if not self._policy.waits_nearby(seen.metres, seen.t - seen.at):
            return
        situation = self._situations.of_nearby(seen, member)
        if may_look(situation):
            self._policy.apply(situation, seen.credential, out)

    # consent that changes

    def begin_route(self, put: MemberPut, out: Outcome) -> None:
        """Begin the route of an open visit anew where consent to zones came or went; forget all where it is not."""
        zones = "zones" in put.person.purposes()
        visit = self.presence.visits.get(put.person.id)
        if visit and zones != put.had_zones:
            visit.route[:] = [(visit.zone, put.t)]
        if not zones:
            self._forget_stops(put.person.id, out)

    def _forget_stops(self, member_id: str, out: Outcome) -> None:
        for row in self.histories.forget_stops(member_id):
            out.put(row)
        if follow := self._follows.get(member_id):
            self._keep(member_id, follow, out)

    def _keep(self, member_id: str, follow: Follow, out: Outcome) -> None:
        """Keep an open visit as it is now, and where the member was only with consent to zones."""
        member, visit = self._find(member_id), self.presence.visits.get(member_id)
        if member and visit:
            kept = follow.kept(visit, zones="zones" in member.purposes())
            out.put(StateRow("visit", member_id, kept, member_id))

    def forget(self, member_id: str, out: Outcome) -> None:
        """End a visit without a word."""
        self.presence.forget(member_id)
        self._recent.forget(member_id)
        self._dwelling.discard(member_id)
        if self._follows.pop(member_id, None):
            out.put(StateRow("visit", member_id, None, member_id))

    # time that is set, and restarts

    def redate(self, by_s: float, out: Outcome) -> None:
        """Move all times: the clock was set by so much."""
        self.presence.redate(by_s)
        for member_id, follow in self._follows.items():
            follow.redate(by_s)
            self._keep(member_id, follow, out)

    def forget_stops_not_agreed_to(self, out: Outcome) -> None:
        """Forget where members were who do not agree any more that it is known."""
        for member_id in self.histories:
            if (member := self._find(member_id)) and "zones" not in member.purposes():
                self._forget_stops(member_id, out)

    def go_on(self, follow: Follow, snapshot: VisitSnapshot, alive: float, now: float, out: Outcome) -> None:
        """Go on with a visit, or close it where the gateway, last `alive`, was away for longer than the leave time."""
        self._follows[snapshot.member] = follow
        here = max(alive - self._leave_after_s, snapshot.last_heard)  # at least until then
        if now - max(alive, here) > self._leave_after_s + ALIVE_EVERY_S:
            self._close(snapshot.visit(), here, now, out)
            return
        self.presence.restore([snapshot], now)
        visit = self.presence.visits[snapshot.member]
        self._recent.keep(snapshot.member, visit.frames)
        self._expect(follow, visit, same_kind=False)
        follow.dwells = [dwell for dwell in follow.dwells if dwell.at > snapshot.last_heard]

    def _close(self, visit: Visit, at: float, now: float, out: Outcome) -> None:
        """End a visit of which nobody saw the end."""
        change = Change("ended", visit, at, now, visit.zone, visit.kind, visit.confidence, reason="closed")
        self._changed(change, out)
