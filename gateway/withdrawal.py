"""What goes with consent that a member takes back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.identity.member import Member

TOLD_ON = {"zones": "visits", "offers": "offers/*"}
"""The topics that tell of what a purpose allows, as a pattern."""


def taken_back(before: Member | None, after: Member) -> frozenset[str]:
    """Return the purposes that a member agreed to and does not agree to any more."""
    return before.purposes() - after.purposes() if before else frozenset()


def settled(before: Member | None, after: Member) -> Member:
    """Return the record to keep: who takes back being recognised leaves no key or address, however often it is put."""
    if before is None or "recognise" in after.purposes():
        return after
    kept = () if "recognise" in before.purposes() else before.credentials
    return replace(after, credentials=tuple(credential for credential in after.credentials if credential in kept))


def topics(purposes: Iterable[str]) -> list[str]:
    """Return the patterns of the topics that tell of some purposes."""
    return [TOLD_ON[purpose] for purpose in sorted(purposes) if purpose in TOLD_ON]
