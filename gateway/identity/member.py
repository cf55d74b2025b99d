"""A member: an opaque id from the back end, what the member carries, agreed to and chose."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.contract import member as said
from gateway.contract.reading import fit
from gateway.contract.trusted import trusted
from gateway.identity.credentials import Clock, Credential, read_credentials
from gateway.identity.fields import MemberError, check_moment
from gateway.identity.personal import refuse_personal
from gateway.identity.receipts import Consent, Receipts, accept_receipts, check_receipts

__all__ = ["Member", "MemberError", "parse_member", "read_member", "stored_member"]

_STORED = msgspec.json.Decoder(trusted(said.Member))


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """A member as the back end put it. What a purpose allows is for others to say; here is only what is so."""

    id: str
    credentials: tuple[Credential, ...] = ()
    consent: Consent = ()
    greeting: str = ""
    note: str = ""
    language: str = ""
    attributes_json: bytes = b""  # as objects they would take three times the room
    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    paused_until: float | None = None  # seconds since the epoch
    acted: float | None = None  # when the member last chose at a gateway's page
    test: bool = False
    _purposes: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        consent = self.consent
        known = consent.purposes if isinstance(consent, Receipts) else frozenset(each.purpose for each in consent)
        object.__setattr__(self, "_purposes", known)

    def __repr__(self) -> str:
        return f"<Member with {len(self.credentials)} credentials>"

    @property
    def attributes(self) -> dict[str, Any]:
        """What rules may look at; made anew each time."""
        found: dict[str, Any] = msgspec.json.decode(self.attributes_json) if self.attributes_json else {}
        return found

    def purposes(self) -> frozenset[str]:
        """Return what the member agreed to: of `recognise`, `zones` and `offers`."""
        return self._purposes

    def recognisable_at(self, t: float) -> bool:
        """Tell whether the member agreed to be recognised and is not pausing at `t`."""
        return "recognise" in self._purposes and (self.paused_until is None or t >= self.paused_until)

    def clocks(self) -> list[Clock]:
        """Return what the beacons' clocks showed, which tells no credential from another."""
        return [credential.clock for credential in self.credentials if credential.clock]

    def signed(self, gateway: str, key: bytes) -> Member:
        """Return the member with every receipt signed; raises MemberError where a signature is forged."""
        return replace(self, consent=accept_receipts(self.consent, self.id, gateway, key))

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object, all fields there but `acted`, which only somebody has who acted."""
        return {
            "member": self.id,
            "credentials": [credential.as_json() for credential in self.credentials],
            "consent": [receipt.as_json() for receipt in self.consent],
            "greeting": self.greeting,
            "note": self.note,
            "language": self.language,
            "attributes": self.attributes,
            "choices": {
                "deny": list(self.deny),
                "allow": list(self.allow),
                "only": list(self.only),
                "paused_until": None if self.paused_until is None else _written(self.paused_until),
                **({} if self.acted is None else {"acted": _written(self.acted)}),
            },
            "test": self.test,
        }


def parse_member(value: object) -> Member:
    """Read a member from decoded JSON of anybody's. Raises MemberError for the first thing wrong."""
    refuse_personal(value)
    return read_member(fit(value, said.Member))


def stored_member(text: str) -> Member:
    """Read a member as it is stored: what was looked through when it was taken in is not again. Raises MemberError."""
    try:
        return _made(_STORED.decode(text))
    except (msgspec.MsgspecError, ValueError):
        raise MemberError("invalid", "", "is not as this version stores a member") from None


def read_member(value: said.Member) -> Member:
    """Take a member whose every text was looked through. Raises MemberError."""
    check_receipts(value.consent)
    return _made(value)


def _made(value: said.Member) -> Member:
    choices = value.choices
    return Member(
        id=value.member,
        credentials=read_credentials(value.credentials),
        consent=Receipts.of(value.consent),
        greeting=sys.intern(value.greeting),  # many are called the same
        note=value.note,
        language=sys.intern(value.language),
        attributes_json=msgspec.json.encode(value.attributes, order="sorted") if value.attributes else b"",
        deny=tuple(choices.deny),
        allow=tuple(choices.allow),
        only=tuple(choices.only),
        paused_until=_time(choices.paused_until, "choices.paused_until"),
        acted=_time(choices.acted, "choices.acted"),
        test=value.test,
    )


def _time(text: str | None, path: str) -> float | None:
    return None if text is None else round(check_moment(text, path), 3)


def _written(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")
