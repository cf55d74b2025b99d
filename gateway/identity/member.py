"""A member: an opaque id from the back end, what the member carries, agreed to and chose."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.contract import member as said
from gateway.contract.reading import fit
from gateway.contract.trusted import trusted
from gateway.identity.credentials import Credential, read_credentials
from gateway.identity.fields import MemberError, check_moment
from gateway.identity.personal import refuse_personal
from gateway.identity.receipts import Consent, Receipts, accept_receipts, check_receipts

__all__ = ["Member", "MemberError", "parse_member", "read_member", "stored_member"]

_STORED = msgspec.json.Decoder(trusted(said.Member))
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """A member as the back end put it. What a purpose allows is for others to say; here is only what is so."""

    id: str
    credentials: tuple[Credential, ...] = ()
    consent: Consent = ()
    greeting: str = ""
    note: str = ""
    language: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    paused_until: float | None = None  # seconds since the epoch
    test: bool = False
    _purposes: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        consent = self.consent
        known = consent.purposes if isinstance(consent, Receipts) else frozenset(each.purpose for each in consent)
        object.__setattr__(self, "_purposes", known)

    def __repr__(self) -> str:
        return f"<Member with {len(self.credentials)} credentials>"

    def purposes(self) -> frozenset[str]:
        """Return what the member agreed to: of `recognise`, `zones` and `offers`."""
        return self._purposes

    def recognisable_at(self, t: float) -> bool:
        """Tell whether the member agreed to be recognised and is not pausing at `t`."""
        return "recognise" in self._purposes and (self.paused_until is None or t >= self.paused_until)

    def signed(self, gateway: str, key: bytes) -> Member:
        """Return the member with every receipt signed; raises MemberError where a signature is forged."""
        return replace(self, consent=accept_receipts(self.consent, self.id, gateway, key))

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object, all fields there."""
        return {
            "member": self.id,
            "credentials": [credential.as_json() for credential in self.credentials],
            "consent": [receipt.as_json() for receipt in self.consent],
            "greeting": self.greeting,
            "note": self.note,
            "language": self.language,
            "attributes": dict(self.attributes),
            "choices": {
                "deny": list(self.deny),
                "allow": list(self.allow),
                "only": list(self.only),
                "paused_until": None if self.paused_until is None else _written(self.paused_until),
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
    pause = choices.paused_until
    return Member(
        id=value.member,
        credentials=read_credentials(value.credentials),
        consent=Receipts.of(value.consent),
        greeting=value.greeting,
        note=value.note,
        language=sys.intern(value.language),
        attributes=value.attributes or _NOTHING,
        deny=tuple(choices.deny),
        allow=tuple(choices.allow),
        only=tuple(choices.only),
        paused_until=None if pause is None else round(check_moment(pause, "choices.paused_until"), 3),
        test=value.test,
    )


def _written(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")
