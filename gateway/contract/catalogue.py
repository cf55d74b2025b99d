"""Which message is said where, by whom, and how long it lives. Everything else about messages follows from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gateway.contract import events
from gateway.contract.inbound import Claim, Feedback
from gateway.contract.status import DeviceStatus, GatewayHealth, GatewayStatus

VERSION = "v1"
"""Part of every topic. Fields are added under it; what would break a reader gets another one."""

ROOT = f"hushbell/{VERSION}/{{store}}"

SMALL_BYTES = 4096
LARGE_BYTES = 65_536

Party = Literal["gateway", "device", "back end"]


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message. `topic` is below the root; `life` says in words when it expires, where it does.

    An `event` has its model in the envelope's `data`.
    """

    name: str
    topic: str
    sender: Party
    model: Any
    life: str = ""
    retained: bool = False
    most_bytes: int = SMALL_BYTES

    @property
    def event_type(self) -> str | None:
        """The CloudEvents type of an event, else None."""
        return f"hushbell.{self.name}" if self.name in EVENTS else None


ALERTS = "alerts/{group}"
MEMBERS = "members"
WITH_THE_ALERT = "with the alert"
DAY = "24 h"

EVENTS: dict[str, Any] = {
    "visit.started": events.VisitStarted,
    "visit.moved": events.VisitMoved,
    "visit.ended": events.VisitEnded,
    "alert.raised": events.AlertRaised,
    "alert.claimed": events.AlertClaimed,
    "alert.cleared": events.AlertCleared,
    "alert.expired": events.AlertExpired,
    "alert.unheard": events.AlertUnheard,
    "offer.triggered": events.OfferTriggered,
    "crowd.counted": events.CrowdCounted,
    "security.suspected": events.SecuritySuspected,
    "member.changed": events.MemberChanged,
}
TYPE_OF: dict[type, str] = {model: f"hushbell.{name}" for name, model in EVENTS.items()}
"""The CloudEvents type by the model of the data."""

FACT = Any


def _said(name: str, topic: str, life: str) -> Message:
    return Message(name, topic, "gateway", EVENTS[name], life)


MESSAGES: tuple[Message, ...] = (
    Message("gateway.status", "gateways/{gateway}/status", "gateway", GatewayStatus, retained=True),
    Message("gateway.health", "gateways/{gateway}/health", "gateway", GatewayHealth, retained=True),
    _said("alert.raised", ALERTS, WITH_THE_ALERT),
    _said("alert.claimed", ALERTS, WITH_THE_ALERT),
    _said("alert.cleared", ALERTS, WITH_THE_ALERT),
    _said("alert.expired", ALERTS, "60 s"),
    _said("alert.unheard", ALERTS, WITH_THE_ALERT),
    _said("offer.triggered", "offers/{zone}", "with the offer"),
    _said("visit.started", "visits", DAY),
    _said("visit.moved", "visits", DAY),
    _said("visit.ended", "visits", DAY),
    _said("crowd.counted", "crowd", "7 days"),
    _said("security.suspected", "security", DAY),
    _said("member.changed", MEMBERS, "14 days"),
    Message("device.status", "devices/{device}/status", "device", DeviceStatus, retained=True),
    Message("claim", "alerts/{group}/claims/{device}", "device", Claim),
    Message("fact", "facts/{name}", "back end", FACT, retained=True, most_bytes=LARGE_BYTES),
    Message("outcome", "outcomes", "back end", Feedback),
)
COMMANDS_TOPIC = "commands/{command}"
REPLIES_TOPIC = "replies/{client}/{request}"
ANSWER_LIFE = "5 minutes"
