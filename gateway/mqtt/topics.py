"""Topics under `hushbell/v1/{store}`: their names, and what arrives on them as values. What comes in is hostile."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.contract import events, inbound, status
from gateway.contract.catalogue import LARGE_BYTES, MEMBERS, SMALL_BYTES, TYPE_OF, VERSION
from gateway.contract.inbound import ClaimAction, FeedbackOutcome
from gateway.contract.reading import Code, Json, RefusedError, fit, parse_json, read
from gateway.membership.memberchange import MemberChange, heard

MAX_ANSWER_TOPIC = 256

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came: the whole topic, the body, and where an answer is wanted.

    `retained` marks what the broker kept and sends because we subscribed.
    """

    topic: str
    payload: bytes
    retained: bool = False
    answer_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a staff device says of an alert."""

    device: str
    group: str
    alert: str
    action: ClaimAction


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class FactRemoved:
    name: str


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    device: str
    online: bool
    battery: float | None = None  # 0 to 1


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of an offer; `feedback` is the token that the offer carried."""

    feedback: str
    outcome: FeedbackOutcome
    amount: float | None = None


@dataclass(frozen=True, slots=True)
class MemberTold:
    """What a gateway of the shop, this one too, says of a member; `source` says which."""

    source: str
    told: MemberChange


@dataclass(frozen=True, slots=True)
class Command:
    """A request as it came: nothing of `arguments` has been read."""

    name: str
    arguments: bytes
    answer_topic: str | None
    correlation: bytes | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that is not understood. `reason` names what is wrong, and the field, and quotes nothing of the body."""

    reason: str
    code: Code = "invalid"


Inbound = Claim | Fact | FactRemoved | DeviceStatus | Feedback | MemberTold | Command | Refused


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one gateway of one store."""

    store: str
    gateway: str

    @property
    def root(self) -> str:
        return f"hushbell/{VERSION}/{self.store}"

    @property
    def status(self) -> str:
        return f"{self.root}/gateways/{self.gateway}/status"

    @property
    def trial(self) -> str:
        """Where nothing is published, to see whether we may publish."""
        return f"{self.root}/gateways/{self.gateway}/doctor"

    @property
    def client_id(self) -> str:
        """The same at each start, so that the broker keeps what is sent while the gateway is away."""
        return f"hushbell-{self.store}-{self.gateway}"

    @property
    def source(self) -> str:
        """The `source` of events (CloudEvents 1.0, section 3.1)."""
        return f"/stores/{self.store}/gateways/{self.gateway}"

    def under(self, relative: str) -> str:
        return f"{self.root}/{relative}"

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The filters of what a gateway listens to."""
        filters = ("devices/+/status", "alerts/+/claims/+", "facts/+", "outcomes", "commands/+", MEMBERS)
        return tuple(map(self.under, filters))

    def client_of(self, answer_topic: str | None) -> str | None:
        """Return whose `replies/` a Response Topic lies under; None where it is nobody's, or cannot be published to."""
        replies = self.under("replies/")
        if answer_topic is None or not answer_topic.startswith(replies) or len(answer_topic) > MAX_ANSWER_TOPIC:
            return None
        client, _, rest = answer_topic.removeprefix(replies).partition("/")
        fit = _ID.fullmatch(client) and rest and rest.isprintable() and not set(rest) & set("+#")
        return client if fit else None

    def parse(self, arrival: Arrival) -> Inbound:
        """Turn a message into a value; never raises."""
        root, _, relative = arrival.topic.partition(self.root + "/")
        try:
            match ["?"] if root else relative.split("/"):
                case ["devices", device, "status"]:
                    return _parse_device(_id(device), arrival.payload)
                case ["facts", name]:
                    return _parse_fact(_id(name), arrival.payload)
                case _ if arrival.retained:
                    return Refused("retained, so it would be obeyed again at each connection", "refused")
                case ["commands", name]:
                    return Command(name, arrival.payload, arrival.answer_topic, arrival.correlation)
                case ["alerts", group, "claims", device]:
                    return _parse_claim(_id(group), _id(device), arrival.payload)
                case ["outcomes"]:
                    return _parse_feedback(arrival.payload)
                case ["members"]:
                    return _parse_member(arrival.payload)
            return Refused("nothing is expected on this topic", "unknown")
        except RefusedError as unfit:
            return Refused(str(unfit), unfit.code)


def _parse_claim(group: str, device: str, payload: bytes) -> Claim:
    said = read(payload, SMALL_BYTES, inbound.Claim)
    return Claim(device, group, said.alert, said.action)


def _parse_device(device: str, payload: bytes) -> DeviceStatus:
    if not payload:  # a retained status that was cleared
        return DeviceStatus(device, online=False)
    said = read(payload, SMALL_BYTES, status.DeviceStatus)
    return DeviceStatus(device, said.state == "online", said.battery)


def _parse_fact(name: str, payload: bytes) -> Fact | FactRemoved:
    return Fact(name, parse_json(payload, LARGE_BYTES)) if payload else FactRemoved(name)


def _parse_feedback(payload: bytes) -> Feedback:
    said = read(payload, SMALL_BYTES, inbound.Feedback)
    return Feedback(said.feedback, said.outcome, said.amount)


def _parse_member(payload: bytes) -> MemberTold:
    envelope = read(payload, SMALL_BYTES, events.Event)
    if envelope.type != TYPE_OF[events.MemberChanged]:
        raise RefusedError("unknown", "type", "is no event of this topic")
    said: events.MemberChanged = fit(envelope.data, events.MemberChanged, "data")
    return MemberTold(envelope.source, heard(said))


def _id(level: str) -> str:
    if not _ID.fullmatch(level):
        raise RefusedError("invalid", "", "the topic bears no valid id")
    return level
