"""What a member carries that can be recognised: nine kinds, each with the bytes that tell it from all others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from gateway.identity.fields import Fields, MemberError, below

CredentialKind = Literal[
    "ibeacon", "altbeacon", "eddystone-uid", "rotating", "eddystone-eid", "wifi", "wifi-key", "irk", "app"
]
KINDS: tuple[CredentialKind, ...] = get_args(CredentialKind)

MOST_CREDENTIALS = 32

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{12}")
_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}")
_WORD = re.compile(r"[\x21-\x7e]{1,64}")  # hostapd ends a keyid at white space
_GROUP_BIT = 0x01


class Clock(NamedTuple):
    """What an Eddystone-EID beacon's clock showed, in seconds, at a moment (Eddystone-EID, "EID Computation")."""

    exponent: int
    counter: int
    at: str  # RFC 3339, as the back end wrote it


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """One credential. Equal `kind` and `identity` are the same credential, whoever says so.

    `identity` is what is heard, as `Sighting.identity` or `.address` has it, or, for the computed kinds, the secret
    key that it is computed from, or a name as UTF-8. It is never printed.
    """

    kind: CredentialKind
    identity: bytes
    clock: Clock | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<Credential {self.kind}>"

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object."""
        return {"kind": self.kind, **_WRITERS[self.kind](self)}


def parse_credentials(fields: Fields) -> tuple[Credential, ...]:
    """Read a member's `credentials`; raises MemberError, also where one stands twice."""
    found: dict[Credential, str] = {}
    for path, value in fields.items("credentials", MOST_CREDENTIALS):
        credential = parse_credential(value, path)
        if credential in found:
            raise MemberError("invalid", path, f"stands already at {found[credential]}")
        found[credential] = path
    return tuple(found)


def parse_credential(value: object, path: str) -> Credential:
    """Read one credential of any kind; raises MemberError."""
    kind = value.get("kind") if isinstance(value, dict) else None
    for known in KINDS:
        if kind == known:
            names, parse = _READERS[known]
            identity, clock = parse(Fields(value, path, ("kind", *names)))
            return Credential(known, identity, clock)
    if not isinstance(value, dict):
        raise MemberError("invalid", path, "expected an object")
    raise MemberError("invalid", below(path, "kind"), "expected one of " + ", ".join(KINDS))


Read = tuple[bytes, Clock | None]


def _parse_ibeacon(fields: Fields) -> Read:
    uuid = UUID(fields.match("uuid", _UUID, "32 hex digits, grouped 8-4-4-4-12")).bytes
    major, minor = fields.integer("major", 0, 0xFFFF), fields.integer("minor", 0, 0xFFFF)
    return uuid + major.to_bytes(2, "big") + minor.to_bytes(2, "big"), None


def _parse_altbeacon(fields: Fields) -> Read:
    return fields.hex("id", 20), None


def _parse_eddystone_uid(fields: Fields) -> Read:
    return fields.hex("namespace", 10) + fields.hex("instance", 6), None


def _parse_rotating(fields: Fields) -> Read:
    return _key(fields, 32), None


def _parse_eddystone_eid(fields: Fields) -> Read:
    key = _key(fields, 16)
    exponent, counter = fields.integer("exponent", 0, 15), fields.integer("counter", 0, 0xFFFF_FFFF)
    fields.moment("at")
    return key, Clock(exponent, counter, fields.text("at", 1, 40))


def _parse_wifi(fields: Fields) -> Read:
    text = fields.match("address", _ADDRESS, "an address as in 5e:3a:11:22:33:44")
    address = bytes.fromhex(text.replace(text[2], ""))
    if address[0] & _GROUP_BIT or not any(address):
        raise fields.fault("address", "is no device's own address: it is a group's, or all zeros")
    return address, None


def _parse_wifi_key(fields: Fields) -> Read:
    return fields.match("keyid", _WORD, "1 to 64 printable ASCII characters without spaces").encode(), None


def _parse_irk(fields: Fields) -> Read:
    return _key(fields, 16), None


def _parse_app(fields: Fields) -> Read:
    return fields.text("id", 1, 128).encode(), None


def _key(fields: Fields, size: int) -> bytes:
    key = fields.hex("key", size)
    if not any(key):
        raise fields.fault("key", "is all zeros, which is no key")
    return key


def _write_ibeacon(credential: Credential) -> dict[str, Any]:
    identity = credential.identity
    major, minor = int.from_bytes(identity[16:18], "big"), int.from_bytes(identity[18:], "big")
    return {"uuid": str(UUID(bytes=identity[:16])), "major": major, "minor": minor}


def _write_altbeacon(credential: Credential) -> dict[str, Any]:
    return {"id": credential.identity.hex()}


def _write_eddystone_uid(credential: Credential) -> dict[str, Any]:
    return {"namespace": credential.identity[:10].hex(), "instance": credential.identity[10:].hex()}


def _write_key(credential: Credential) -> dict[str, Any]:
    clock = credential.clock._asdict() if credential.clock else {}
    return {"key": credential.identity.hex(), **clock}


def _write_wifi(credential: Credential) -> dict[str, Any]:
    return {"address": credential.identity.hex(":")}


def _write_wifi_key(credential: Credential) -> dict[str, Any]:
    return {"keyid": credential.identity.decode()}


def _write_app(credential: Credential) -> dict[str, Any]:
    return {"id": credential.identity.decode()}


_READERS: dict[CredentialKind, tuple[tuple[str, ...], Callable[[Fields], Read]]] = {
    "ibeacon": (("uuid", "major", "minor"), _parse_ibeacon),
    "altbeacon": (("id",), _parse_altbeacon),
    "eddystone-uid": (("namespace", "instance"), _parse_eddystone_uid),
    "rotating": (("key",), _parse_rotating),
    "eddystone-eid": (("key", "exponent", "counter", "at"), _parse_eddystone_eid),
    "wifi": (("address",), _parse_wifi),
    "wifi-key": (("keyid",), _parse_wifi_key),
    "irk": (("key",), _parse_irk),
    "app": (("id",), _parse_app),
}
_WRITERS: dict[CredentialKind, Callable[[Credential], dict[str, Any]]] = {
    "ibeacon": _write_ibeacon,
    "altbeacon": _write_altbeacon,
    "eddystone-uid": _write_eddystone_uid,
    "rotating": _write_key,
    "eddystone-eid": _write_key,
    "wifi": _write_wifi,
    "wifi-key": _write_wifi_key,
    "irk": _write_key,
    "app": _write_app,
}
