"""What goes with consent that a member takes back, and what of a member's own choice nobody else undoes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.identity.member import Member, MemberError
from gateway.membership.memberchange import agreed_at

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


def chosen(before: Member | None, after: Member, now: float) -> Member:
    """Return the record as the member chose it, at the page and just now."""
    is_same = before and (before.purposes(), before.paused_until) == (after.purposes(), after.paused_until)
    return replace(after, acted=before.acted if before and is_same else round(now, 3))


def honoured(before: Member | None, after: Member) -> Member:
    """Return the record that somebody else puts with what the member did here.

    A phone that was bound stays so: only the member and we know its address. Until anything newer is agreed to, a
    purpose that was taken back stays so, and a pause stays as long as it was to be. More may be taken back.
    """
    if before is None or before.acted is None:
        return replace(after, acted=None)
    phones = [each for each in before.credentials if each.kind == "wifi" and each not in after.credentials]
    kept = replace(after, acted=before.acted, credentials=(*after.credentials, *phones))
    if agreed_at(after) > before.acted:
        return kept
    consent = tuple(receipt for receipt in after.consent if receipt.purpose in before.purposes())
    pauses = [pause for pause in (before.paused_until, after.paused_until) if pause is not None]
    return replace(kept, consent=consent, paused_until=max(pauses, default=None))


def refuse_withdrawn(after: Member, withdrew: float | None) -> None:
    """Raise MemberError where a member withdrew at a gateway's page and agreed to nothing since."""
    if withdrew is not None and agreed_at(after) <= withdrew:
        raise MemberError("refused", "consent", "the member withdrew at a gateway's page and agreed to nothing since")


def topics(purposes: Iterable[str]) -> list[str]:
    """Return the patterns of the topics that tell of some purposes."""
    return [TOLD_ON[purpose] for purpose in sorted(purposes) if purpose in TOLD_ON]
