"""Consent receipts: what a member agreed to, by which text and act, signed by the gateway that took it in."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec import Struct

from gateway.contract import member as said
from gateway.contract.words import Purpose
from gateway.identity.fields import MemberError, check_moment

_CONTEXT = "hushbell-receipt-1"
_SIGNATURE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Receipt:
    """One act of consent. Until a gateway took it in, `gateway` and `signature` are empty."""

    purpose: Purpose
    text: str  # what names the text that was shown: its SHA-256
    language: str
    act: str
    at: str  # RFC 3339, as it was said: it is signed
    gateway: str = ""
    signature: bytes = field(default=b"", repr=False)

    def as_json(self) -> dict[str, str]:
        """Return the contract's object, with `gateway` and `signature` once it is signed."""
        signed = {"gateway": self.gateway, "signature": self.signature.hex()} if self.signature else {}
        return self.said() | signed

    def said(self) -> dict[str, str]:
        """Return what the member agreed to, without who took it in."""
        return {"purpose": self.purpose, "text": self.text, "language": self.language, "act": self.act, "at": self.at}


def check_receipts(values: Sequence[said.Receipt]) -> None:
    """Raise MemberError where a member's `consent` is not what it looks like."""
    for index, value in enumerate(values):
        path = f"consent[{index}]"
        check_moment(value.at, f"{path}.at")
        if bool(value.gateway) is not bool(value.signature):
            raise MemberError("invalid", f"{path}.{'signature' if value.gateway else 'gateway'}", "is missing")


class Wording(NamedTuple):
    """What receipts of many members have in common."""

    purpose: Purpose
    text: str
    language: str
    act: str
    gateway: str


class Wordings(NamedTuple):
    """What a member's receipts say, but for when and signed how; and to what purposes."""

    each: tuple[Wording, ...]
    purposes: frozenset[Purpose]


class Receipts(Struct, frozen=True, gc=False, eq=False):
    """A member's receipts in little room: what many agreed to in the same words is there once."""

    wordings: Wordings
    own: bytes  # the signatures, and then the times, or the one that is that of all

    @classmethod
    def of(cls, values: Sequence[said.Receipt]) -> Receipts:
        wordings = _shared(*[(each.purpose, each.text, each.language, each.act, each.gateway or "") for each in values])
        signatures = "".join([each.signature or "" for each in values])
        times = [each.at for each in values]
        said = ",".join(times if len(set(times)) > 1 else times[:1])
        return cls(wordings, bytes.fromhex(signatures) + said.encode())

    @property
    def purposes(self) -> frozenset[Purpose]:
        return self.wordings.purposes

    def __iter__(self) -> Iterator[Receipt]:
        signed = _SIGNATURE_BYTES * sum(bool(wording.gateway) for wording in self.wordings.each)
        times = self.own[signed:].decode().split(",")
        at = 0
        for index, wording in enumerate(self.wordings.each):
            size = _SIGNATURE_BYTES if wording.gateway else 0
            yield Receipt(*wording[:4], times[index % len(times)], wording.gateway, self.own[at : at + size])
            at += size

    def __len__(self) -> int:
        return len(self.wordings.each)

    def __getitem__(self, index: int) -> Receipt:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Receipts | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))


Consent = Receipts | tuple[Receipt, ...]


@lru_cache(maxsize=256)
def _shared(*wordings: tuple[Purpose, str, str, str, str]) -> Wordings:
    return Wordings(tuple(Wording(*each) for each in wordings), frozenset(purpose for purpose, *_ in wordings))


def sign_receipt(receipt: Receipt, member_id: str, gateway: str, key: bytes) -> Receipt:
    """Return the receipt as this gateway's, which took it in for that member."""
    return replace(receipt, gateway=gateway, signature=_signature(receipt, member_id, gateway, key))


def is_signed_by(receipt: Receipt, member_id: str, key: bytes) -> bool:
    """Tell whether the receipt is whole, and that member's, as the holder of `key` signed it."""
    return hmac.compare_digest(receipt.signature, _signature(receipt, member_id, receipt.gateway, key))


def accept_receipts(receipts: Consent, member_id: str, gateway: str, key: bytes) -> tuple[Receipt, ...]:
    """Sign what is unsigned; other gateways' receipts stay as they are.

    Raises MemberError (`refused`) where a receipt names this gateway and is not what it signed.
    """
    for index, receipt in enumerate(receipts):
        if receipt.gateway == gateway and not is_signed_by(receipt, member_id, key):
            raise MemberError("refused", f"consent[{index}].signature", "is not what this gateway signed")
    return tuple(
        receipt if receipt.signature else sign_receipt(receipt, member_id, gateway, key) for receipt in receipts
    )


def _signature(receipt: Receipt, member_id: str, gateway: str, key: bytes) -> bytes:
    """Compute HMAC-SHA256 over canonical JSON: UTF-8, keys sorted, no white space."""
    said = receipt.said() | {"gateway": gateway, "member": member_id, "context": _CONTEXT}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, text.encode(), "sha256")
