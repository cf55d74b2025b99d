"""Consent receipts: what a member agreed to, by which text and act, signed by the gateway that took it in."""

from __future__ import annotations

import hmac
import json
import re
import sys
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from gateway.identity.fields import Fields, MemberError

Purpose = Literal["recognise", "zones", "offers"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

MOST_RECEIPTS = 32

_CONTEXT = "hushbell-receipt-1"
_GATEWAY = re.compile(r"[A-Za-z0-9_-]{1,64}")
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")  # the shape of RFC 5646, section 2.1


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


def parse_receipts(fields: Fields) -> tuple[Receipt, ...]:
    """Read a member's `consent`; raises MemberError."""
    return tuple(parse_receipt(value, path) for path, value in fields.items("consent", MOST_RECEIPTS))


def parse_receipt(value: object, path: str) -> Receipt:
    """Read one receipt, signed or not; raises MemberError. Texts are shared: most receipts of a shop say the same."""
    fields = Fields(value, path, ("purpose", "text", "language", "act", "at", "gateway", "signature"))
    purpose = fields.choice("purpose", PURPOSES)
    text = fields.text("text", 1, 128)
    language = fields.match("language", LANGUAGE, "a language as in zh or en")
    act = fields.text("act", 1, 200)
    fields.moment("at")
    signed = "gateway" in fields or "signature" in fields
    return Receipt(
        next(known for known in PURPOSES if known == purpose),
        sys.intern(text),
        sys.intern(language),
        sys.intern(act),
        fields.text("at", 1, 40),
        sys.intern(fields.match("gateway", _GATEWAY, "a gateway's id")) if signed else "",
        fields.hex("signature", 32) if signed else b"",
    )


def sign_receipt(receipt: Receipt, member_id: str, gateway: str, key: bytes) -> Receipt:
    """Return the receipt as this gateway's, which took it in for that member."""
    return replace(receipt, gateway=gateway, signature=_signature(receipt, member_id, gateway, key))


def is_signed_by(receipt: Receipt, member_id: str, key: bytes) -> bool:
    """Tell whether the receipt is whole, and that member's, as the holder of `key` signed it."""
    return hmac.compare_digest(receipt.signature, _signature(receipt, member_id, receipt.gateway, key))


def accept_receipts(receipts: tuple[Receipt, ...], member_id: str, gateway: str, key: bytes) -> tuple[Receipt, ...]:
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
