"""Turns what the core decided into events: an id, a place in its topic's sequence, and data as the contract has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType

from gateway.contract.catalogue import MEMBERS, TYPE_OF
from gateway.contract.events import (
    AlertClaimed,
    AlertCleared,
    AlertExpired,
    AlertOver,
    AlertRaised,
    AlertUnheard,
    CrowdCounted,
    OfferTriggered,
    SecuritySuspected,
    Stop,
    VisitEnded,
    VisitMoved,
    VisitStarted,
)
from gateway.contract.words import Said
from gateway.deciding.alerts import Alert
from gateway.deciding.follow import Follow
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.inputs import Claimed, Known
from gateway.events import Event, Outcome, Priority, StateRow, rfc3339
from gateway.identity.suspicion import Suspicion
from gateway.membership.memberchange import GONE, MemberChange
from gateway.presence.visits import Change, Visit
from rules.situation import AlertAction, Decision, OfferAction, Situation

DAY_S = 86400.0
VISIT_LIFE_S = DAY_S
CROWD_LIFE_S = 7 * DAY_S
SECURITY_LIFE_S = DAY_S
MEMBER_LIFE_S = 14 * DAY_S
"""As long as a broker keeps messages for a gateway that is away."""

OVER_LIFE_S = 60.0  # of the word that an alert has expired
TEST_LIFE_S = 15.0
TEST_TEXT = "试铃，没有顾客 · Test, there is no customer"
NO_ZONE = "~"
"""The topic level of an offer whose zone is not known; no zone can bear this id."""


class Announcer:
    """Builds events into an `Outcome`. `sequences` counts for each topic and is the core's durable state."""

    def __init__(self, ids: Identifiers, timezone: ZoneInfo) -> None:
        self._ids = ids
        self._timezone = timezone
        self.sequences: dict[str, int] = {}

    def _say(
        self,
        out: Outcome,
        topic: str,
        t: float,
        data: Said,
        *,
        life_s: float,
        priority: Priority = Priority.ALERT,
        member: str | None = None,
    ) -> Event:
        number = self.sequences[topic] = self.sequences.get(topic, 0) + 1
        out.put(StateRow("sequence", topic, number))
        body: dict[str, Any] = msgspec.to_builtins(data)
        type_ = TYPE_OF[type(data)]
        event = Event(self._ids.event(t), topic, type_, t, number, body, t + life_s, priority, member)
        out.events.append(event)
        return event

    def _time(self, t: float) -> str:
        return rfc3339(t, self._timezone)

    def visit(self, out: Outcome, change: Change, follow: Follow, member: Known) -> None:
        """Say that a visit started, moved or ended; without consent to zones, of the door only."""
        visit, zones = change.visit, "zones" in member.purposes()
        named = zones or change.kind == "door"
        data = VisitStarted(
            visit=follow.alias,
            member=visit.member,
            at=self._time(change.at),
            zone=change.zone if named else None,
            kind=change.kind if named else "inside",
            confidence=round(change.confidence, 2),
            trust=visit.trust.word,
            credential=visit.credential,
            test=member.test or UNSET,
        )
        if change.what == "moved":
            data = VisitMoved(**msgspec.structs.asdict(data), came_from=change.came_from)
        if change.what == "ended":
            data = VisitEnded(
                **msgspec.structs.asdict(data),
                reason=change.reason or "left",
                seconds=round(change.at - follow.since, 3),
                route=_route(visit, change.at) if zones else [],
            )
        self._say(
            out,
            "visits",
            change.decided,
            data,
            life_s=VISIT_LIFE_S,
            priority=Priority.VISIT,
            member=visit.member,
        )

    def alert(self, out: Outcome, situation: Situation, decision: Decision, action: AlertAction) -> tuple[Alert, Event]:
        """Raise an alert; return it as it is to be followed, and its event."""
        t = situation.decided
        visit = situation.visit.id if situation.visit else self._ids.visit()
        alert = Alert(self._ids.alert(), action.group, visit, situation.member.id, t + action.expires_s)
        data = AlertRaised(
            alert=alert.id,
            group=action.group,
            visit=alert.visit,
            rule=decision.rule,
            text=action.text,
            greeting=action.greeting,
            zone=situation.zone.id if situation.zone else None,
            at=self._time(situation.t),
            trust=situation.trust.word,
            verified=situation.trust.word != "hint",
            haptic=action.haptic,
            expires=self._time(alert.expires),
        )
        event = self._say(out, f"alerts/{action.group}", t, data, life_s=action.expires_s, member=alert.member)
        alert.data = event.data
        return alert, event

    def raise_again(self, out: Outcome, alert: Alert, group: str, t: float) -> None:
        """Raise an alert once more, as it was: given back, not heard before, or escalated to another group."""
        data = msgspec.convert(alert.data, AlertRaised)
        if group != alert.group:
            data = msgspec.structs.replace(data, group=group, escalated_from=alert.group)
        self._say(out, f"alerts/{group}", t, data, life_s=_left_s(alert, t), member=alert.member)

    def test_alert(self, out: Outcome, group: str, t: float) -> Alert:
        """Raise an alert about nobody, to try staff devices; return it as it is to be followed."""
        alert = Alert(self._ids.alert(), group, self._ids.visit(), None, t + TEST_LIFE_S)
        data = AlertRaised(
            alert=alert.id,
            group=group,
            visit=alert.visit,
            rule="test",
            text=TEST_TEXT,
            greeting="",
            zone=None,
            at=self._time(t),
            trust="hint",
            verified=False,
            haptic="short-short",
            expires=self._time(alert.expires),
            test=True,
        )
        alert.data = self._say(out, f"alerts/{group}", t, data, life_s=TEST_LIFE_S).data
        return alert

    def claimed(self, out: Outcome, alert: Alert, t: float, device: str, *, serious: bool) -> None:
        """Say, wherever an alert was raised, that a device took it."""
        at, test = self._time(t), _test(alert)
        for group in alert.groups:
            data = AlertClaimed(
                alert=alert.id,
                group=group,
                at=at,
                test=test,
                device=device,
                serious=serious,
                visit=alert.visit,
                rule=alert.data["rule"],
            )
            self._say_over(out, alert, t, data, _left_s(alert, t))

    def cleared(self, out: Outcome, alert: Alert, t: float, reason: str) -> None:
        """Say, wherever an alert was raised, that it is withdrawn."""
        for group in alert.groups:
            data = AlertCleared(alert=alert.id, group=group, at=self._time(t), test=_test(alert), reason=reason)
            self._say_over(out, alert, t, data, _left_s(alert, t))

    def expired(self, out: Outcome, alert: Alert, t: float) -> None:
        """Say, wherever an alert was raised, that nobody claimed it in time."""
        for group in alert.groups:
            data = AlertExpired(alert=alert.id, group=group, at=self._time(t), test=_test(alert), reason="unclaimed")
            self._say_over(out, alert, t, data, OVER_LIFE_S)

    def too_late(self, out: Outcome, said: Claimed) -> None:
        """Answer a claim that came after the alert's end."""
        at = self._time(said.t)
        data = AlertExpired(alert=said.alert, group=said.group, at=at, reason="too late", device=said.device)
        self._say(out, f"alerts/{said.group}", said.t, data, life_s=OVER_LIFE_S)

    def unheard(self, out: Outcome, alert: Alert, group: str, t: float, escalated_to: str | None) -> None:
        """Say that no device of a group can show an alert, and which group is alerted instead."""
        data = AlertUnheard(
            alert=alert.id,
            group=group,
            at=self._time(t),
            test=_test(alert),
            reason="no device online",
            escalated_to=escalated_to,
        )
        self._say_over(out, alert, t, data, _left_s(alert, t))

    def _say_over(self, out: Outcome, alert: Alert, t: float, data: AlertOver, life_s: float) -> None:
        self._say(out, f"alerts/{data.group}", t, data, life_s=life_s, member=alert.member)

    def offer(self, out: Outcome, situation: Situation, decision: Decision, action: OfferAction) -> Event:
        """Trigger an offer."""
        zone = situation.zone.id if situation.zone else None
        data = OfferTriggered(
            offer=action.offer,
            rule=decision.rule,
            member=situation.member.id,
            visit=situation.visit.id if situation.visit else None,
            zone=zone,
            at=self._time(situation.t),
            trust=situation.trust.word,
            expires=self._time(situation.decided + action.ttl_s),
            payload=dict(action.payload),
            feedback=self._ids.feedback(),
            test=situation.member.test or UNSET,
        )
        return self._say(
            out,
            f"offers/{zone or NO_ZONE}",
            situation.decided,
            data,
            life_s=action.ttl_s,
            member=situation.member.id,
        )

    def security(self, out: Outcome, found: Suspicion) -> None:
        """Say what is suspected of a credential, or of what is in the air."""
        data = SecuritySuspected(
            what=found.what,
            member=found.member,
            credential=found.credential,
            where=found.where,
            at=self._time(found.t),
            until=None if found.until is None else self._time(found.until),
        )
        self._say(out, "security", found.t, data, life_s=SECURITY_LIFE_S, member=found.member)

    def member(self, out: Outcome, t: float, told: MemberChange) -> None:
        """Say what became of a member; what says that somebody is gone belongs to nobody any more."""
        data = told.told(self._time)
        member = None if told.change in GONE else told.member
        self._say(out, MEMBERS, t, data, life_s=MEMBER_LIFE_S, member=member)

    def crowd(self, out: Outcome, since: float, until: float, counted: dict[str, Any]) -> None:
        """Say how many others there were from `since` until `until`."""
        data = msgspec.convert({"from": self._time(since), "until": self._time(until), **counted}, CrowdCounted)
        self._say(out, "crowd", until, data, life_s=CROWD_LIFE_S, priority=Priority.COUNT)


def _test(alert: Alert) -> bool | UnsetType:
    """Tell of an alert that is about nobody that it is; of others nothing."""
    return True if alert.data.get("test") else UNSET


def _left_s(alert: Alert, t: float) -> float:
    """Return how long an alert still lives, and a second at least, so that what became of it can be told."""
    return max(alert.expires - t, 1.0)


def _route(visit: Visit, ended: float) -> list[Stop]:
    """Return the zones of a visit in order, each with the seconds it was held."""
    stops: Sequence[tuple[str | None, float]] = [*visit.route, (None, ended)]
    return [Stop(zone=zone, seconds=round(stops[i + 1][1] - since, 3)) for i, (zone, since) in enumerate(stops[:-1])]
