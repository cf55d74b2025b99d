"""A member as the back end puts it: credentials of nine kinds, consent receipts, choices."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from gateway.contract.words import Asked, Language, MemberId, Number16, Purpose, Short, Time, Uuid, hex_digits, like

MOST_CREDENTIALS = 32
MOST_RECEIPTS = 32
MOST_CHOICES = 64

Key16 = Annotated[str, hex_digits(16)]
Key32 = Annotated[str, hex_digits(32)]


class Ibeacon(Asked, tag_field="kind", tag="ibeacon"):
    """An iBeacon: a card, a tag or an app."""

    uuid: Uuid
    major: Number16
    minor: Number16


class Altbeacon(Asked, tag_field="kind", tag="altbeacon"):
    """An AltBeacon."""

    id: Annotated[str, hex_digits(20)]


class EddystoneUid(Asked, tag_field="kind", tag="eddystone-uid"):
    """An Eddystone-UID beacon."""

    namespace: Annotated[str, hex_digits(10)]
    instance: Annotated[str, hex_digits(6)]


class Rotating(Asked, tag_field="kind", tag="rotating"):
    """The key of a rotating iBeacon."""

    key: Key32


class EddystoneEid(Asked, tag_field="kind", tag="eddystone-eid"):
    """The key of an Eddystone-EID beacon, and what its clock showed at a time."""

    key: Key16
    exponent: Annotated[int, Meta(ge=0, le=15)]
    counter: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
    at: Time


class Wifi(Asked, tag_field="kind", tag="wifi"):
    """The address that a phone uses with the shop's network."""

    address: Annotated[
        str,
        like("[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\\1[0-9A-Fa-f]{2}){4}", "an address as in 5e:3a:11:22:33:44"),
    ]


class WifiKey(Asked, tag_field="kind", tag="wifi-key"):
    """The name of the key with which a member joins the shop's network; hostapd ends it at white space.

    With `psk`, the key itself, the gateway lets hostapd know it; its name is of 31 characters at most then.
    """

    keyid: Annotated[str, like("[\\x21-\\x7e]{1,64}", "1 to 64 printable ASCII characters without spaces")]
    psk: Key32 | UnsetType = UNSET


class Irk(Asked, tag_field="kind", tag="irk"):
    """A phone's Bluetooth identity resolving key, most significant byte first."""

    key: Key16


class App(Asked, tag_field="kind", tag="app"):
    """The member's app, for which the back end vouches."""

    id: Short


Credential = Ibeacon | Altbeacon | EddystoneUid | Rotating | EddystoneEid | Wifi | WifiKey | Irk | App


class Receipt(Asked):
    """One act of consent to one purpose. The gateway that took it in adds `gateway` and `signature`."""

    purpose: Purpose
    text: Annotated[Short, Meta(description="the SHA-256 of the text that was shown")]
    language: Language
    act: Annotated[str, Meta(min_length=1, max_length=200, description="what the member did to agree")]
    at: Time
    gateway: Annotated[str, like("[A-Za-z0-9_-]{1,64}", "a gateway's id")] | UnsetType = UNSET
    signature: Key32 | UnsetType = UNSET


Tags = Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(max_length=MOST_CHOICES)]


class Choices(Asked):
    """What the member wants, and does not want, and until when nothing at all."""

    deny: Tags = field(default_factory=list)
    allow: Tags = field(default_factory=list)
    only: Tags = field(default_factory=list)
    paused_until: Time | None = None
    acted: Annotated[Time | None, Meta(description="when the member last chose at a gateway; it alone says so")] = None


class Member(Asked):
    """A member. Only `member` is needed; without a receipt for `recognise` nobody is recognised."""

    member: MemberId
    credentials: Annotated[list[Credential], Meta(max_length=MOST_CREDENTIALS)] = field(default_factory=list)
    consent: Annotated[list[Receipt], Meta(max_length=MOST_RECEIPTS)] = field(default_factory=list)
    greeting: Annotated[str, Meta(min_length=0, max_length=64)] = ""
    note: Annotated[str, Meta(min_length=0, max_length=200)] = ""
    language: Annotated[str, like("([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4})?", "a language as in zh or en")] = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)
    test: bool = False
