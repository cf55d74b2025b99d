"""The commands: for each its arguments and its result. And the frame of every answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, UnsetType

from gateway.contract.configuration import Configuration
from gateway.contract.events import Events
from gateway.contract.member import Credential, Member
from gateway.contract.reading import Code
from gateway.contract.status import GatewayStatus
from gateway.contract.words import (
    Asked,
    Count,
    CredentialKind,
    Id,
    MemberId,
    Number16,
    Said,
    Sequence,
    Short,
    Time,
    Trust,
    Uuid,
    like,
)

LONGEST_ENROLMENT_S = 120
LONGEST_LINK_S = 86_400
MOST_EVENTS = 500

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Operation(Generic[A, R]):
    """A command. One that does not `stand` is known, and refused until a later version can do it.

    `page` names the argument, if any, that is a text of many lines.
    """

    name: str
    does: str
    arguments: type[A]
    result: type[R]
    stands: bool = True
    page: str = ""


class Error(Said, kw_only=True):
    """Why a command was not carried out. `field` is the path of the argument at fault, or null."""

    code: Code
    field: str | None
    message: str


class Refusal(Said, kw_only=True):
    """The answer to a command that was not carried out."""

    ok: Annotated[bool, Meta(extra_json_schema={"const": False})] = False
    error: Error


class Answer(Said, kw_only=True):
    """The answer to a command that was carried out."""

    ok: Annotated[bool, Meta(extra_json_schema={"const": True})] = True
    result: Any


class Nothing(Asked):
    """No arguments."""


class MemberNamed(Asked):
    """A member, by id."""

    member: MemberId


class MemberDone(Said):
    """Whom it was done to."""

    member: MemberId


class Pause(Asked):
    """Until when nobody is to be recognised as this member; null ends a pause."""

    member: MemberId
    until: Time | None = None


class Paused(Said):
    """The pause as it is now."""

    member: MemberId
    paused_until: Time | None


class Export(Asked):
    """Whose rows: one member's, or, without `member`, everybody's. `after` goes on from the page before."""

    member: MemberId | None = None
    after: Annotated[str, like("[0-9]{1,9}:[^\n]{4,128}", "what the page before gave as `after`")] | None = None


class Row(Said):
    """One thing that is held about a member. A credential shows its kind alone, never a key or an address."""

    member: MemberId
    what: Literal["member", "state", "decision", "event"]
    row: dict[str, Any]


class Exported(Said):
    """A page of rows. Where `after` is not null there is more: ask again with it."""

    rows: list[Row]
    after: str | None
    more: bool


class EnrolStart(Asked):
    """At which receiver a card is about to be held, and how long to wait for it."""

    receiver: Id
    seconds: Annotated[int, Meta(ge=1, le=LONGEST_ENROLMENT_S)] = 30


class CardFound(Said):
    """The card that was held to the receiver. It is nobody's until `members.put` says whose."""

    receiver: Id
    credential: Credential


class GuestLink(Asked):
    """For whom a link to the guest page is, known here or not yet, and for how long it is good."""

    member: MemberId
    seconds: Annotated[int, Meta(ge=60, le=LONGEST_LINK_S)] = 600


class GuestLinked(Said):
    """Where the member, on the shop's guest Wi-Fi, agrees and binds the phone. Whoever has the link can."""

    member: MemberId
    url: str
    until: Time


class Beacon(Asked):
    """An iBeacon of the shop's."""

    uuid: Uuid
    major: Number16
    minor: Number16


class Hearing(Asked, kw_only=True):
    """What a member's own app heard of the shop's beacons, and when."""

    member: MemberId
    beacon: Beacon
    rssi: Annotated[int, Meta(ge=-127, le=20)] | None = None
    at: Time


class Placed(Said):
    """Which receiver has that beacon."""

    member: MemberId
    receiver: Id


class SeenElsewhere(Asked, kw_only=True):
    """That another shop of the chain recognised a member: by what kind of credential, where that shop is, and when.

    With the credential `app` and no `store` it is where the member's app says that it is.
    """

    member: MemberId
    credential: CredentialKind
    store: Id | None = None
    trust: Trust = "hint"
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    at: Time


RuleFileName = Annotated[str, like("[A-Za-z0-9_.-]{1,64}", "a rule file's name as rules.get tells it")]


class DevicesBuzz(Asked):
    """A group of staff devices."""

    group: Id


class Buzzing(Said):
    """A test alert, and which devices of its group are online; those that answer are told on `alerts/{group}`."""

    group: Id
    alert: str
    online: list[Id]
    until: Time


class RulesGet(Asked):
    """Which rule file; without `file` all of them."""

    file: RuleFileName | None = None


class RuleFile(Said):
    """A rule file as it is in force: its text, the SHA-256 of that, and the rules in it."""

    file: str
    sha256: str
    rules: list[str]
    text: str


class RuleFiles(Said):
    """The rule files in force, in their order."""

    files: list[RuleFile]


class RulesPut(Asked):
    """A rule file's new text; null takes it away, and what the configuration names is in force again."""

    file: Annotated[str, like(r"[A-Za-z0-9_-]{1,59}\.yaml", "a rule file's name such as our-rules.yaml")]
    text: Annotated[str, Meta(min_length=1, max_length=65_536)] | None


class RulesTaken(Said):
    """What is in force of that name now, null for nothing; `version`, of all files, is on the status too."""

    file: str
    sha256: str | None
    version: str | UnsetType = UNSET


class EventsSince(Asked):
    """A topic below the root, and the `sequence` of the last event on it that is known."""

    topic: Annotated[
        str,
        like(
            r"(alerts/[A-Za-z0-9_-]{1,64}|offers/([A-Za-z0-9_-]{1,64}|~)|visits|crowd|security|members)",
            "alerts/{group}, offers/{zone}, visits, crowd, security or members",
        ),
    ]
    sequence: Sequence = "0" * 16
    most: Annotated[int, Meta(ge=1, le=MOST_EVENTS)] = MOST_EVENTS


class Explain(Asked):
    """An alert, an offer's feedback token, an event or a visit; without `id` every silence since a time, else a day."""

    id: Annotated[str, Meta(min_length=3, max_length=64)] | None = None
    since: Time | None = None


class SightingsTold(Said):
    """Frames of the member's that one receiver heard one after the other, in one band of levels."""

    receiver: Id
    since: Time
    until: Time
    rssi: Annotated[tuple[int, int] | None, Meta(description="lowest and highest dBm; null: connected, no level")]
    frames: Count


class CapTold(Said):
    """A cap as it was before the rule spoke: how often it was used, and how often at most."""

    cap: str
    used: Count
    most: Count


class RuleText(Said):
    """A rule's text as it was when it decided."""

    rule: str
    sha256: str
    text: str


class Silence(Said):
    """How often a rule said no for one reason; `reason` is the latest."""

    rule: str
    outcome: str
    line: int
    reason: str
    count: Count


class DecisionTold(Said):
    """Why a rule fired or did not. What it read, and what was heard, is kept where it fired."""

    decided: Time
    visit: Annotated[Short | None, Meta(description="null where the member was near, and not here")]
    rule: str
    outcome: Annotated[str, Meta(description="`fired`, or the word of the reason why not")]
    trigger: str
    zone: Id | None
    at: Time
    trust: str
    credential: CredentialKind
    reason: str
    file: str
    line: int
    subject: Annotated[str, Meta(description="the alert's id, or the offer's feedback token")] | UnsetType = UNSET
    item: Annotated[int, Meta(description="which item of `if` did not hold, from 1")] | UnsetType = UNSET
    sha256: Annotated[str, Meta(description="of the rule's text, its first 16 digits")] | UnsetType = UNSET
    sightings: list[SightingsTold] | UnsetType = UNSET
    read: (
        Annotated[dict[str, str], Meta(description="what the rule read, by name; what is private is withheld")]
        | UnsetType
    ) = UNSET
    caps: list[CapTold] | UnsetType = UNSET


class Explained(Said):
    """The decisions about it, the oldest first, the texts of their rules, and why not, the most frequent first.

    `counts` is what led to no decision at all since the gateway started, by cause.
    """

    id: str | None
    decisions: list[DecisionTold]
    rules: list[RuleText] | UnsetType = UNSET
    silences: list[Silence] | UnsetType = UNSET
    counts: dict[str, int] | UnsetType = UNSET


class ReportAsked(Asked):
    """Of which days."""

    since: Time
    until: Time


class Report(Said):
    """Visits, dwell, routes and alerts."""

    report: dict[str, Any] | UnsetType = UNSET


MEMBERS_PUT = Operation("members.put", "enrol or change a member", Member, MemberDone)
MEMBERS_PAUSE = Operation("members.pause", "stop recognising a member for a while, or begin again", Pause, Paused)
MEMBERS_REMOVE = Operation("members.remove", "erase a member: every row, at once", MemberNamed, MemberDone)
MEMBERS_EXPORT = Operation(
    "members.export", "give every row about one member, or about all, in pages", Export, Exported
)
ENROL_START = Operation("enrol.start", "wait for one unknown card to be held to a receiver", EnrolStart, CardFound)
GUEST_LINK = Operation("guest.link", "make a link for a member to the guest Wi-Fi's page", GuestLink, GuestLinked)
HEARD = Operation("heard", "take that a member's app heard one of the shop's beacons", Hearing, Placed)
MEMBERS_ELSEWHERE = Operation(
    "members.elsewhere",
    "take where else a member was, for rules that wait for it, and to tell clones",
    SeenElsewhere,
    MemberDone,
)
DEVICES_BUZZ = Operation(
    "devices.buzz", "try the staff devices of a group by an alert about nobody", DevicesBuzz, Buzzing
)
RULES_GET = Operation("rules.get", "give the rules in force, and their hashes", RulesGet, RuleFiles)
RULES_PUT = Operation("rules.put", "change a rule file", RulesPut, RulesTaken, page="text")
EVENTS_SINCE = Operation("events.since", "give again what was said on a topic in the last day", EventsSince, Events)
EXPLAIN = Operation(
    "explain", "say why an alert or offer came, what every rule said of a visit, and why not", Explain, Explained
)
REPORT = Operation("report", "report on days", ReportAsked, Report, stands=False)
STATUS = Operation("status", "say what the retained status says", Nothing, GatewayStatus)
CONFIGURATION_GET = Operation(
    "configuration.get", "give the configuration in force, no secret in it", Nothing, Configuration
)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    MEMBERS_PUT,
    MEMBERS_PAUSE,
    MEMBERS_REMOVE,
    MEMBERS_EXPORT,
    ENROL_START,
    GUEST_LINK,
    HEARD,
    MEMBERS_ELSEWHERE,
    DEVICES_BUZZ,
    RULES_GET,
    RULES_PUT,
    EVENTS_SINCE,
    EXPLAIN,
    REPORT,
    STATUS,
    CONFIGURATION_GET,
)
CODES: dict[Code, str] = {
    "invalid": "the arguments or a field of them are wrong; `field` says which",
    "unknown": "there is no such command, or nothing by that name",
    "refused": "understood, and not done; the message says why",
    "busy": "too many commands wait, or came from this client; ask again later",
    "too_large": "the request or its answer is larger or deeper than allowed",
    "internal": "the gateway failed; its log says at what",
}
