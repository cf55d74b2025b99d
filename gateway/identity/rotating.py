"""Hushbell's rotating iBeacon: an id that only the member's key and the time of day give."""

from __future__ import annotations

import hmac

SLOT_S = 1024
LABEL = b"hushbell-eid-1"


def slot_of(t: float) -> int:
    """Return the slot of a time in seconds since the epoch."""
    return int(t // SLOT_S)


def rotating_id(key: bytes, slot: int) -> bytes:
    """Return the 8 bytes that a key of 32 bytes gives in a slot."""
    return hmac.digest(key, LABEL + slot.to_bytes(8, "big"), "sha256")[:8]
