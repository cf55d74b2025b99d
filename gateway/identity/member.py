"""A member: an opaque id from the back end, what the member carries, agreed to and chose."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gateway.identity.credentials import Credential, parse_credentials
from gateway.identity.fields import Fields, MemberError
from gateway.identity.personal import refuse_personal
from gateway.identity.receipts import LANGUAGE, Receipt, accept_receipts, parse_receipts

__all__ = ["Member", "MemberError", "parse_member"]

FIELDS = (
    "member",
    "credentials",
    "consent",
    "greeting",
    "note",
    "language",
    "attributes",
    "choices",
    "test",
)
CHOICES = ("deny", "allow", "only", "paused_until")
MOST_CHOICES = 64


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """A member as the back end put it. What a purpose allows is for others to say; here is only what is so."""

    id: str
    credentials: tuple[Credential, ...] = ()
    consent: tuple[Receipt, ...] = ()
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
        object.__setattr__(self, "_purposes", _shared(frozenset(receipt.purpose for receipt in self.consent)))

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
    """Read a member from decoded JSON; raises MemberError for the first thing wrong."""
    refuse_personal(value)
    fields = Fields(value, "", FIELDS)
    choices = fields.inner("choices", CHOICES)
    return Member(
        id=fields.text("member", 4, 128),
        credentials=parse_credentials(fields) if "credentials" in fields else (),
        consent=parse_receipts(fields) if "consent" in fields else (),
        greeting=fields.text("greeting", 0, 64) if "greeting" in fields else "",
        note=fields.text("note", 0, 200) if "note" in fields else "",
        language=_parse_language(fields),
        attributes=fields.mapping("attributes") if "attributes" in fields else {},
        deny=_parse_choices(choices, "deny"),
        allow=_parse_choices(choices, "allow"),
        only=_parse_choices(choices, "only"),
        paused_until=_parse_pause(choices),
        test="test" in fields and fields.boolean("test"),
    )


def _parse_language(fields: Fields) -> str:
    if "language" not in fields or fields.value("language") == "":
        return ""
    return sys.intern(fields.match("language", LANGUAGE, "a language as in zh or en"))


def _parse_choices(choices: Fields, name: str) -> tuple[str, ...]:
    return choices.texts(name, MOST_CHOICES, 64) if name in choices else ()


def _parse_pause(choices: Fields) -> float | None:
    if "paused_until" not in choices or choices.value("paused_until") is None:
        return None
    return round(choices.moment("paused_until"), 3)


@cache
def _shared(purposes: frozenset[str]) -> frozenset[str]:
    """Keep one set for all members who agreed to the same; there are eight."""
    return purposes


def _written(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")
