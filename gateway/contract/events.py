"""What events carry as `data`, one model for each type, and the CloudEvents envelope around it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from gateway.contract.words import (
    By,
    CredentialKind,
    Id,
    MemberChangeKind,
    MemberId,
    Purpose,
    Said,
    Seconds,
    Sequence,
    Short,
    Time,
    Trust,
    ZoneKind,
)

Gone = Literal["expired", "sacrificed", "erased"]
Confidence = Annotated[float, Meta(ge=0, le=1)]


class Event(Said, kw_only=True):
    """The envelope of every event: CloudEvents 1.0, structured mode, JSON."""

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(description="the same whenever this event is sent again")]
    source: Annotated[str, Meta(description="/stores/{store}/gateways/{gateway}")]
    type: str
    time: Annotated[Time, Meta(description="of the input that caused the decision")]
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: Annotated[Sequence, Meta(description="rises by one for each event on this topic")]
    data: dict[str, Any]


IsTest = Annotated[bool, Meta(description="true: a mystery shopper, whom staff cannot tell; leave it out of reports")]


class VisitStarted(Said, kw_only=True):
    """A member came: the first zone was held."""

    visit: Short
    member: MemberId
    at: Time
    zone: Id | None
    kind: ZoneKind
    confidence: Confidence
    trust: Trust
    credential: CredentialKind
    test: IsTest | UnsetType = UNSET


class VisitMoved(VisitStarted, kw_only=True):
    """A member is in another zone, or it is no longer clear in which."""

    came_from: Id | None = field(name="from")


class Stop(Said):
    """A zone of a route and how long it was held."""

    zone: Id | None
    seconds: Seconds


class VisitEnded(VisitStarted, kw_only=True):
    """A member left, or the visit was closed."""

    reason: Literal["left", "closed"]
    seconds: Seconds
    route: list[Stop]


class AlertRaised(Said, kw_only=True):
    """A silent message to the staff of a group, to be shown until `expires`."""

    alert: Short
    group: Id
    visit: Annotated[Short, Meta(description="an alias that changes with each visit")]
    rule: str
    text: str
    greeting: Annotated[str, Meta(description="what the member chose to be called")]
    zone: Id | None
    at: Time
    trust: Trust
    verified: bool
    haptic: str
    expires: Time
    escalated_from: (
        Annotated[Id, Meta(description="the group that did not hear it, or did not take it")] | UnsetType
    ) = UNSET
    test: Annotated[bool, Meta(description="true: somebody tries the devices, there is no customer")] | UnsetType = (
        UNSET
    )


class AlertOver(Said, kw_only=True):
    """Something became of an alert."""

    alert: Short
    group: Id
    at: Time
    test: Annotated[bool, Meta(description="true for an alert that tries the devices")] | UnsetType = UNSET


class AlertClaimed(AlertOver, kw_only=True):
    """A device took the alert: the others take it off their screens."""

    device: Id
    serious: bool
    visit: Annotated[Short, Meta(description="as the alert told it: by it a sale is credited")] | UnsetType = UNSET
    rule: str | UnsetType = UNSET


class AlertCleared(AlertOver, kw_only=True):
    """The alert is withdrawn: take it off the screen."""

    reason: str


class AlertExpired(AlertOver, kw_only=True):
    """Nobody claimed the alert in time."""

    reason: str
    device: Annotated[Id, Meta(description="whose claim, which came too late, this answers")] | UnsetType = UNSET


class AlertUnheard(AlertOver, kw_only=True):
    """No device of the group is there to show the alert."""

    reason: str
    escalated_to: Annotated[Id | None, Meta(description="the group that was alerted instead")]


class OfferTriggered(Said, kw_only=True):
    """The moment for an offer: the back end decides what the customer sees."""

    offer: str
    rule: str
    member: MemberId
    visit: Annotated[Short | None, Meta(description="null where the member is near, and not here")]
    zone: Id | None
    at: Time
    trust: Trust
    expires: Time
    payload: Annotated[dict[str, Any], Meta(description="as the rule has it")]
    feedback: Annotated[Short, Meta(description="the token that `outcomes` refers to")]
    test: IsTest | UnsetType = UNSET


class Cell(Said, kw_only=True):
    """How many: `count` within the 80 % interval from `low` to `high`; or `hidden`, where there were too few."""

    count: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    low: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    high: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET


class CrowdCounted(Said, kw_only=True):
    """How many others there were, known to nobody."""

    since: Time = field(name="from")
    until: Time
    passing: Cell
    lingering: Cell
    inside: Cell
    calibration: Annotated[Id | None, Meta(description="null as long as nobody calibrated the count")] = None
    flooded: bool | UnsetType = UNSET


class SecuritySuspected(Said):
    """Something about a credential, or the air, is not right."""

    what: Literal["replay", "clone", "flood", "clock"]
    member: MemberId | None
    credential: CredentialKind | None
    where: Id | None
    at: Time
    until: Time | None


class MemberChanged(Said):
    """A member enrolled, chose anew or went, at a gateway and not by command."""

    member: MemberId
    change: MemberChangeKind
    purposes: Annotated[list[Purpose], Meta(description="what the member agrees to now")]
    until: Annotated[Time | None, Meta(description="the end of the pause")]
    at: Time
    by: Annotated[By, Meta(description="where it began; `idle`: nobody came for `privacy.inactive_member`")]


class PastEvent(Said, kw_only=True):
    """An event as it was sent; or, where it never was, its place and why: `gone`."""

    sequence: Sequence
    event: Event | UnsetType = UNSET
    id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    gone: Gone | UnsetType = UNSET


class Events(Said):
    """A part of what was said on a topic, in order. Where there is `more`, ask again from the last `sequence`."""

    topic: str
    events: list[PastEvent]
    more: bool
