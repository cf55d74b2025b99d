"""What a member carries that can be recognised: nine kinds, each with the bytes that tell it from all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import UNSET, to_builtins

from gateway.contract import member as said
from gateway.contract.reading import fit
from gateway.contract.words import KINDS, CredentialKind
from gateway.identity.fields import MemberError, check_moment

__all__ = ["KINDS", "Credential", "CredentialKind", "parse_credential", "read_credentials"]

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
    psk: bytes = b""  # of a `wifi-key`: the key that it names, where we know it; another key is another credential

    def __repr__(self) -> str:
        return f"<Credential {self.kind}>"

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object."""
        written: dict[str, Any] = to_builtins(_write(self))
        return written


def read_credentials(values: Sequence[said.Credential]) -> tuple[Credential, ...]:
    """Take a member's credentials. Raises MemberError, also where one stands twice."""
    found: dict[Credential, str] = {}
    for index, value in enumerate(values):
        path = f"credentials[{index}]"
        credential = _read(value, path)
        if credential in found:
            raise MemberError("invalid", path, f"stands already at {found[credential]}")
        found[credential] = path
    return tuple(found)


def parse_credential(value: object, path: str) -> Credential:
    """Read one credential of any kind from decoded JSON. Raises MemberError."""
    return _read(fit(value, said.Credential, path), path)


def _read(value: said.Credential, path: str) -> Credential:
    match value:
        case said.Ibeacon():
            uuid = bytes.fromhex(value.uuid.replace("-", ""))
            return Credential("ibeacon", uuid + value.major.to_bytes(2, "big") + value.minor.to_bytes(2, "big"))
        case said.Altbeacon():
            return Credential("altbeacon", bytes.fromhex(value.id))
        case said.EddystoneUid():
            return Credential("eddystone-uid", bytes.fromhex(value.namespace + value.instance))
        case said.Rotating():
            return Credential("rotating", _key(value.key, path))
        case said.EddystoneEid():
            check_moment(value.at, f"{path}.at")
            return Credential("eddystone-eid", _key(value.key, path), Clock(value.exponent, value.counter, value.at))
        case said.Wifi():
            return Credential("wifi", _address(value.address, path))
        case said.WifiKey():
            psk = _key(value.psk, path) if value.psk else b""
            return Credential("wifi-key", value.keyid.encode(), psk=psk)
        case said.Irk():
            return Credential("irk", _key(value.key, path))
        case said.App():
            return Credential("app", value.id.encode())


def _key(text: str, path: str) -> bytes:
    key = bytes.fromhex(text)
    if not any(key):
        raise MemberError("invalid", f"{path}.key", "is all zeros, which is no key")
    return key


def _address(text: str, path: str) -> bytes:
    address = bytes.fromhex(text.replace(text[2], ""))
    if address[0] & _GROUP_BIT or not any(address):
        raise MemberError("invalid", f"{path}.address", "is no device's own address: it is a group's, or all zeros")
    return address


def _write(credential: Credential) -> said.Credential:
    identity = credential.identity
    match credential.kind:
        case "ibeacon":
            major, minor = int.from_bytes(identity[16:18], "big"), int.from_bytes(identity[18:], "big")
            return said.Ibeacon(uuid=str(UUID(bytes=identity[:16])), major=major, minor=minor)
        case "altbeacon":
            return said.Altbeacon(id=identity.hex())
        case "eddystone-uid":
            return said.EddystoneUid(namespace=identity[:10].hex(), instance=identity[10:].hex())
        case "rotating":
            return said.Rotating(key=identity.hex())
        case "eddystone-eid":
            exponent, counter, at = credential.clock or Clock(0, 0, "")
            return said.EddystoneEid(key=identity.hex(), exponent=exponent, counter=counter, at=at)
        case "wifi":
            return said.Wifi(address=identity.hex(":"))
        case "wifi-key":
            return said.WifiKey(keyid=identity.decode(), psk=credential.psk.hex() or UNSET)
        case "irk":
            return said.Irk(key=identity.hex())
        case "app":
            return said.App(id=identity.decode())
