"""The configuration in force as `configuration.get` tells it: in the words of hushbell.yaml, without a secret."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.contract.words import Count, Id, Said, ZoneKind


class StoreTold(Said):
    """The shop."""

    id: Id
    name: str
    timezone: str
    latitude: float | None
    longitude: float | None
    opening_hours: str | None
    language: str


class GatewayTold(Said):
    """The gateway."""

    id: Id
    role: str


class MqttTold(Said):
    """The broker. Passwords and where they lie are not told."""

    urls: list[str]


class BeaconsTold(Said):
    """The chain's part of a proximity UUID."""

    namespace: str | None


class ReceiverTold(Said):
    """A receiver. Fields that its driver has no use for are null or empty."""

    id: Id
    driver: str
    adapter: str | None
    interface: str | None
    channels: list[int]
    ssid: str | None
    reference: Annotated[
        str | None, Meta(description="uuid, major and minor of the beacon beside it, as 40 hex digits")
    ]


class HearTold(Said):
    """One way to hold a zone."""

    receiver: Id
    at_least: float | None
    offset: float


class ZoneTold(Said):
    """A zone."""

    id: Id
    kind: ZoneKind
    name: str
    hear: list[HearTold]


class GroupTold(Said):
    """A staff group; without devices any device of the shop belongs."""

    id: Id
    devices: list[str]
    escalate_to: Id | None


class StaffTold(Said):
    """Whom alerts go to."""

    groups: list[GroupTold]
    quiet_hours: str | None


class CapsTold(Said):
    """How often one member is reached at most, over all rules."""

    alerts_per_day: Count
    alerts_per_week: Count
    offers_per_day: Count
    offers_per_week: Count
    answers_per_day: Count


class PresenceTold(Said):
    """When a visit ends."""

    leave_after: str


class PrivacyTold(Said):
    """How long what is kept, and what is private."""

    visits: str
    alerts: str
    inactive_member: str
    minimum_count: Count
    private_attributes: list[str]
    private_offers: list[str]
    private_addresses: bool


class GuestTold(Said):
    """The guest network: where its page is, and whether members have keys of their own to it."""

    receiver: Id
    listen: Annotated[str | None, Meta(description="address:port of the page")]
    has_keys: bool


class Configuration(Said):
    """The configuration in force, defaults filled in."""

    store: StoreTold
    gateway: GatewayTold
    mqtt: MqttTold
    beacons: BeaconsTold
    receivers: list[ReceiverTold]
    zones: list[ZoneTold]
    rules: list[str]
    staff: StaffTold
    caps: CapsTold
    presence: PresenceTold
    privacy: PrivacyTold
    guest: GuestTold | None
    record: bool
