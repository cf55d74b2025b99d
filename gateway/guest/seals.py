"""Texts that we give away and know again: short, signed, and good until a time."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

LONGEST = 1000
_UNTIL, _SIGNATURE = 4, 16
_CONTEXT = "hushbell-guest-1"


def seal(key: bytes, use: str, text: str, until: float) -> str:
    """Return a text, readable by whoever has it, that is good for one use until a time (seconds since the epoch)."""
    said = int(until).to_bytes(_UNTIL, "big") + text.encode()
    return urlsafe_b64encode(_signature(key, use, said) + said).decode().rstrip("=")


def unseal(key: bytes, use: str, sealed: str, now: float) -> str | None:
    """Return what was sealed for this use; None where that is over, or was never so."""
    if len(sealed) > LONGEST:
        return None
    try:
        signed = urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
        signature, said = signed[:_SIGNATURE], signed[_SIGNATURE:]
        if not hmac.compare_digest(signature, _signature(key, use, said)):
            return None
        return said[_UNTIL:].decode() if int.from_bytes(said[:_UNTIL], "big") > now else None
    except (Error, ValueError):
        return None


def _signature(key: bytes, use: str, said: bytes) -> bytes:
    """Compute HMAC-SHA256, cut to 128 bits; the use has a bound of its own, so that no text can pass for it."""
    name = f"{_CONTEXT} {use}".encode()
    return hmac.digest(key, len(name).to_bytes(2, "big") + name + said, "sha256")[:_SIGNATURE]
