"""Turns what the core decided into events: an id, a place in its topic's sequence, and data as the contract has it."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from gateway.alerts import Alert
from gateway.events import Event, Json, Outcome, Priority, StateRow, rfc3339
from gateway.follow import Follow
from gateway.identifiers import Identifiers
from gateway.presence.visits import Change, Visit
from rules.situation import AlertAction, Decision, OfferAction, Situation

DAY_S = 86400.0
VISIT_LIFE_S = DAY_S
CROWD_LIFE_S = 7 * DAY_S
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
        type_: str,
        t: float,
        data: dict[str, Json],
        *,
        life_s: float,
        priority: Priority = Priority.ALERT,
        member: str | None = None,
    ) -> Event:
        number = self.sequences[topic] = self.sequences.get(topic, 0) + 1
        out.put(StateRow("sequence", topic, number))
        event = Event(self._ids.event(t), topic, f"hushbell.{type_}", t, number, data, t + life_s, priority, member)
        out.events.append(event)
        return event

    def _time(self, t: float) -> str:
        return rfc3339(t, self._timezone)

    def visit(self, out: Outcome, change: Change, follow: Follow, *, zones: bool) -> None:
        """Say that a visit started, moved or ended; without consent to `zones`, of the door only."""
        visit = change.visit
        named = zones or change.kind == "door"
        data: dict[str, Json] = {
            "visit": follow.alias,
            "member": visit.member,
            "at": self._time(change.at),
            "zone": change.zone if named else None,
            "kind": change.kind if named else "inside",
            "confidence": round(change.confidence, 2),
            "trust": visit.trust.word,
            "credential": visit.credential,
        }
        if change.what == "moved":
            data["from"] = change.came_from
        if change.what == "ended":
            data["reason"] = change.reason
            data["seconds"] = round(change.at - follow.since, 3)
            data["route"] = _route(visit, change.at) if zones else []
        self._say(
            out,
            "visits",
            f"visit.{change.what}",
            change.decided,
            data,
            life_s=VISIT_LIFE_S,
            priority=Priority.VISIT,
            member=visit.member,
        )

    def alert(self, out: Outcome, situation: Situation, decision: Decision, action: AlertAction) -> tuple[Alert, Event]:
        """Raise an alert; return it as it is to be followed, and its event."""
        t = situation.decided
        alert = Alert(self._ids.alert(), action.group, situation.visit.id, situation.member.id, t + action.expires_s)
        data: dict[str, Json] = {
            "alert": alert.id,
            "group": action.group,
            "visit": alert.visit,
            "rule": decision.rule,
            "text": action.text,
            "greeting": action.greeting,
            "zone": situation.zone.id if situation.zone else None,
            "at": self._time(situation.t),
            "trust": situation.trust.word,
            "verified": situation.trust.word != "hint",
            "haptic": action.haptic,
            "expires": self._time(alert.expires),
        }
        alert.data = data
        event = self._say(
            out, f"alerts/{action.group}", "alert.raised", t, data, life_s=action.expires_s, member=alert.member
        )
        return alert, event

    def raise_again(self, out: Outcome, alert: Alert, t: float, life_s: float) -> None:
        """Raise an alert once more that whoever claimed it gave back, as it was."""
        topic = f"alerts/{alert.group}"
        self._say(out, topic, "alert.raised", t, alert.data, life_s=life_s, member=alert.member)

    def alert_over(self, out: Outcome, alert: Alert, what: str, t: float, data: dict[str, Json], life_s: float) -> None:
        """Say that an alert was `claimed`, `cleared` or `expired`."""
        self._say(
            out,
            f"alerts/{alert.group}",
            f"alert.{what}",
            t,
            {"alert": alert.id, "group": alert.group, "at": self._time(t), **data},
            life_s=life_s,
            member=alert.member,
        )

    def offer(self, out: Outcome, situation: Situation, decision: Decision, action: OfferAction) -> Event:
        """Trigger an offer."""
        zone = situation.zone.id if situation.zone else None
        data: dict[str, Json] = {
            "offer": action.offer,
            "rule": decision.rule,
            "member": situation.member.id,
            "visit": situation.visit.id,
            "zone": zone,
            "at": self._time(situation.t),
            "trust": situation.trust.word,
            "expires": self._time(situation.decided + action.ttl_s),
            "payload": dict(action.payload),
            "feedback": self._ids.feedback(),
        }
        return self._say(
            out,
            f"offers/{zone or NO_ZONE}",
            "offer.triggered",
            situation.decided,
            data,
            life_s=action.ttl_s,
            member=situation.member.id,
        )

    def crowd(self, out: Outcome, since: float, until: float, counted: dict[str, Json]) -> None:
        """Say how many others there were from `since` until `until`."""
        data = {"from": self._time(since), "until": self._time(until), **counted}
        self._say(out, "crowd", "crowd.counted", until, data, life_s=CROWD_LIFE_S, priority=Priority.COUNT)


def _route(visit: Visit, ended: float) -> list[Json]:
    """Return the zones of a visit in order, each with the seconds it was held."""
    stops: Sequence[tuple[str | None, float]] = [*visit.route, (None, ended)]
    return [{"zone": zone, "seconds": round(stops[i + 1][1] - since, 3)} for i, (zone, since) in enumerate(stops[:-1])]
