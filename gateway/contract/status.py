"""What the gateway and the staff devices say of themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.contract.words import Count, Id, Said, Time


class GatewayStatus(Said):
    """Whether the gateway is alive and well. `degraded` is alive, and `reasons` say what is wrong.

    The will has a `state` alone.
    """

    state: Literal["online", "degraded", "offline"]
    since: Time | UnsetType = UNSET
    receivers: dict[Id, str] | UnsetType = UNSET
    reasons: list[str] | UnsetType = UNSET
    rules: Annotated[str, Meta(description="the version of the rules in force")] | UnsetType = UNSET


class Clock(Said):
    """The gateway's clock, and whether somebody keeps it right; null where nobody says."""

    at: Time
    synchronised: bool | None


class ReceiverHealth(Said):
    """How a receiver fares; beside these fields stand its driver's counters by cause."""

    state: str
    last_heard: Time | None
    rate: Annotated[float, Meta(description="frames a second, over the last minute")]
    heard: Count
    decoded: Count
    dropped: Count
    restarts: Annotated[Count, Meta(description="how often the radio or its driver was begun anew")]


class GatewayHealth(Said):
    """Counters, once a minute."""

    clock: Clock
    receivers: dict[Id, ReceiverHealth]
    heard: Count
    core: Annotated[dict[str, Count], Meta(description="what became of all that led to no visit, by cause")]
    queue: Annotated[Count, Meta(description="events that wait to be sent")]
    dropped: Annotated[dict[str, Count], Meta(description="what was given up, by cause")]
    refused: Annotated[dict[str, Count], Meta(description="messages that were passed over, by cause")]


class DeviceStatus(Struct):
    """A staff device's state, and its will. Unknown fields are passed over; an empty body is a device that is gone."""

    state: Literal["online", "offline"]
    battery: Annotated[float, Meta(ge=0, le=1)] | None = None
