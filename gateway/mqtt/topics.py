"""Topics under `hushbell/v1/{store}`: their names, and what arrives on them as values. What comes in is hostile."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeVar, get_args

from gateway.events import Json

SMALL_BYTES = 4096
LARGE_BYTES = 65536
MAX_DEPTH = 16
MAX_ANSWER_TOPIC = 256

ClaimAction = Literal["claim", "serious", "release", "busy", "not_now"]
FeedbackOutcome = Literal["shown", "redeemed", "dismissed"]
Code = Literal["invalid", "unknown", "refused", "busy", "too_large", "internal"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COMMAND = re.compile(r"[a-z_]{1,32}(\.[a-z_]{1,32})?")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # an open one ends with the text, so this is linear
_BRACKET = re.compile(rb"[\[\]{}]")
_WORD = TypeVar("_WORD", bound=str)


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
class Command:
    name: str
    arguments: Mapping[str, Json]
    answer_topic: str | None
    correlation: bytes | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that is not understood. `reason` names what is wrong and quotes nothing of the body.

    Only a refused command has an `answer_topic`, and is then answered with `code`.
    """

    reason: str
    code: Code = "invalid"
    answer_topic: str | None = None
    correlation: bytes | None = None


Inbound = Claim | Fact | FactRemoved | DeviceStatus | Feedback | Command | Refused


class _UnfitError(Exception):
    """Carries the reason of a refusal to `Topics.parse`."""

    def __init__(self, reason: str, code: Code = "invalid") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one gateway of one store."""

    store: str
    gateway: str

    @property
    def root(self) -> str:
        return f"hushbell/v1/{self.store}"

    @property
    def status(self) -> str:
        return f"{self.root}/gateways/{self.gateway}/status"

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
        filters = ("devices/+/status", "alerts/+/claims/+", "facts/+", "outcomes", "commands/+")
        return tuple(map(self.under, filters))

    def may_answer(self, topic: str) -> bool:
        """Say whether a Response Topic lies under some client's own `replies/`, and can be published to."""
        client, _, rest = topic.removeprefix(self.under("replies/")).partition("/")
        return (
            topic.startswith(self.under("replies/"))
            and len(topic) <= MAX_ANSWER_TOPIC
            and _ID.fullmatch(client) is not None
            and bool(rest)
            and rest.isprintable()
            and not set(rest) & set("+#")
        )

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
                    return _parse_command(name, arrival)
                case ["alerts", group, "claims", device]:
                    return _parse_claim(_id(group), _id(device), arrival.payload)
                case ["outcomes"]:
                    return _parse_feedback(arrival.payload)
            return Refused("nothing is expected on this topic", "unknown")
        except _UnfitError as unfit:
            return Refused(unfit.reason, unfit.code)


def _parse_command(name: str, arrival: Arrival) -> Command | Refused:
    if not _COMMAND.fullmatch(name):
        return Refused("not the name of a command", "unknown", arrival.answer_topic, arrival.correlation)
    try:
        arguments = _object(arrival.payload or b"{}", LARGE_BYTES)
    except _UnfitError as unfit:
        return Refused(unfit.reason, unfit.code, arrival.answer_topic, arrival.correlation)
    return Command(name, arguments, arrival.answer_topic, arrival.correlation)


def _parse_claim(group: str, device: str, payload: bytes) -> Claim:
    body = _object(payload, SMALL_BYTES)
    return Claim(device, group, _text(body, "alert"), _word(body, "action", get_args(ClaimAction)))


def _parse_device(device: str, payload: bytes) -> DeviceStatus:
    if not payload:  # a retained status that was cleared
        return DeviceStatus(device, online=False)
    body = _object(payload, SMALL_BYTES)
    battery = _number(body, "battery")
    if battery is not None and not 0 <= battery <= 1:
        raise _UnfitError("battery is not from 0 to 1")
    return DeviceStatus(device, _word(body, "state", ("online", "offline")) == "online", battery)


def _parse_fact(name: str, payload: bytes) -> Fact | FactRemoved:
    return Fact(name, parse_json(payload, LARGE_BYTES)) if payload else FactRemoved(name)


def _parse_feedback(payload: bytes) -> Feedback:
    body = _object(payload, SMALL_BYTES)
    outcome = _word(body, "outcome", get_args(FeedbackOutcome))
    return Feedback(_text(body, "feedback"), outcome, _number(body, "amount"))


def parse_json(payload: bytes, most_bytes: int) -> Json:
    """Read JSON of bounded size and depth, as strict as RFC 8259: UTF-8, no NaN, no lone surrogates."""
    if len(payload) > most_bytes:
        raise _UnfitError(f"larger than {most_bytes} bytes", "too_large")
    if _deeper_than(payload, MAX_DEPTH):
        raise _UnfitError(f"nested deeper than {MAX_DEPTH}", "too_large")
    try:
        value = json.loads(payload.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
        if b"\\u" in payload:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _UnfitError("not JSON in UTF-8") from None
    return value


def _deeper_than(payload: bytes, depth: int) -> bool:
    if payload.count(b"[") + payload.count(b"{") <= depth:
        return False
    level = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", payload)):
        level += 1 if bracket in b"[{" else -1
        if level > depth:
            return True
    return False


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _object(payload: bytes, most_bytes: int) -> dict[str, Json]:
    value = parse_json(payload, most_bytes)
    if not isinstance(value, dict):
        raise _UnfitError("not a JSON object")
    return value


def _id(level: str) -> str:
    if not _ID.fullmatch(level):
        raise _UnfitError("the topic bears no valid id")
    return level


def _text(body: Mapping[str, Json], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 128:
        raise _UnfitError(f"{name} is not a text of 1 to 128 letters")
    return value


def _word(body: Mapping[str, Json], name: str, words: tuple[_WORD, ...]) -> _WORD:
    value = body.get(name)
    for word in words:
        if value == word:
            return word
    raise _UnfitError(f"{name} is not one of {', '.join(words)}")


def _number(body: Mapping[str, Json], name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e12:
        raise _UnfitError(f"{name} is not a number")
    return float(value)
