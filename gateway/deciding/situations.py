"""What rules are asked about: a change of presence, with what they may know of the member, the visit and the zones."""

from __future__ import annotations

from datetime import datetime

from gateway.configuration.config import Config
from gateway.deciding.facts import Facts
from gateway.deciding.follow import Follow
from gateway.deciding.history import Histories
from gateway.deciding.inputs import Known, SeenNearby
from gateway.presence.visits import Change, Visit
from rules.situation import MemberView, NearbyView, Situation, StoreView, TriggerKind, Trust, VisitView, ZoneView

LOCATED = frozenset({"passing", "dwell", "entered", "moved", "nearby"})
"""What tells where somebody is."""


class Situations:
    """Makes situations. Without consent to zones, rules, staff and back end know of the door alone."""

    def __init__(self, config: Config, histories: Histories, facts: Facts) -> None:
        self._store = config.store
        self._histories = histories
        self._facts = facts
        self._zones = {zone.id: ZoneView(zone.id, zone.kind, zone.name or zone.id) for zone in config.zones}
        self._zone_names = {zone.id: zone.name for zone in self._zones.values()}

    def zone(self, zone_id: str | None) -> ZoneView | None:
        return self._zones.get(zone_id or "")

    def of_change(self, trigger: TriggerKind, change: Change, member: Known, follow: Follow) -> Situation:
        """Return the situation that a change of presence makes."""
        return self._make(
            trigger, change.at, change.decided, member, change.visit, follow, change.zone, change.came_from
        )

    def of_dwell(self, at: float, decided: float, member: Known, visit: Visit, follow: Follow) -> Situation:
        """Return the situation of somebody who stays where he is."""
        return self._make("dwell", at, decided, member, visit, follow, visit.zone)

    def of_moment(self, trigger: TriggerKind, t: float, member: Known, visit: Visit, follow: Follow) -> Situation:
        """Return the situation of somebody who is here while something else happens."""
        return self._make(trigger, t, t, member, visit, follow, visit.zone)

    def of_nearby(self, seen: SeenNearby, member: Known) -> Situation:
        """Return the situation of somebody who is not here, but near."""
        nearby = NearbyView(seen.shop, seen.metres, seen.t - seen.at)
        return self._situation("nearby", seen.at, seen.t, member, Trust[seen.trust.upper()], nearby=nearby)

    def _make(
        self,
        trigger: TriggerKind,
        at: float,
        decided: float,
        member: Known,
        visit: Visit,
        follow: Follow,
        zone: str | None,
        came_from: str | None = None,
    ) -> Situation:
        return self._situation(
            trigger,
            at,
            decided,
            member,
            visit.trust,
            visit=VisitView(follow.alias, follow.since, decided - follow.since, follow.arrived is not None),
            zone=self._told(zone, member),
            came_from=self._told(came_from, member),
            arrived=follow.arrived,
        )

    def _situation(
        self,
        trigger: TriggerKind,
        at: float,
        decided: float,
        member: Known,
        trust: Trust,
        *,
        visit: VisitView | None = None,
        zone: ZoneView | None = None,
        came_from: ZoneView | None = None,
        arrived: float | None = None,
        nearby: NearbyView | None = None,
    ) -> Situation:
        store = self._store
        local = datetime.fromtimestamp(decided, store.timezone)
        is_open = store.opening_hours is None or store.opening_hours.include(local.time())
        return Situation(
            trigger=trigger,
            t=at,
            decided=decided,
            local=local,
            member=view_of(member, self._histories, decided),
            visit=visit,
            zone=zone,
            trust=trust,
            facts=self._facts.values,
            store=StoreView(store.id, store.name, store.language, is_open, self._zone_names),
            came_from=came_from,
            arrived=arrived,
            nearby=nearby,
            fact_times=self._facts.times,
        )

    def _told(self, zone_id: str | None, member: Known) -> ZoneView | None:
        zone = self.zone(zone_id)
        return zone if zone and (zone.kind == "door" or "zones" in member.purposes()) else None


def view_of(member: Known, histories: Histories, now: float) -> MemberView:
    """Return what rules may know of a member."""
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
        **histories.told(member.id, now, zones="zones" in member.purposes()),
    )


def may_look(situation: Situation) -> bool:
    """Tell whether rules may look: at where somebody is only with consent to zones, or at the door."""
    told = situation.zone is not None or "zones" in situation.member.purposes
    return told or situation.trigger not in LOCATED
