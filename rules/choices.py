"""What members chose for themselves: `deny`, `allow` and `only`, lists of words such as `offers:alcohol`.

`alerts` and `offers` are all of them, `alerts:GROUP` and `offers:WHAT` some; an offer is WHAT by its id and by its
payload's `category`. Any other `key:value` in `only` speaks of the payload's `key`, where the payload has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rules.situation import AlertAction, MemberView, OfferAction


def refusal(member: MemberView, action: AlertAction | OfferAction) -> str:
    """Say which of the member's choices stands against an action, or nothing."""
    if not member.deny and not member.only:
        return ""
    kind = "alerts" if isinstance(action, AlertAction) else "offers"
    special = {f"{kind}:{what}" for what in _kinds(action)}
    denied = special.intersection(member.deny)
    if denied:
        return f"the member denies {min(denied)}"
    if kind in member.deny and not special.intersection(member.allow):
        return f"the member denies {kind}"
    return "" if isinstance(action, AlertAction) else _filtered(member.only, action)


def _kinds(action: AlertAction | OfferAction) -> list[str]:
    if isinstance(action, AlertAction):
        return [action.group]
    return [action.offer, *_texts(action.payload.get("category"))]


def _filtered(only: Iterable[str], offer: OfferAction) -> str:
    """Values of one key are alternatives; each key that the offer has must match."""
    wanted: dict[str, list[str]] = {}
    for word in only:
        key, colon, value = word.partition(":")
        if colon:
            wanted.setdefault(key, []).append(value)
    for key, values in wanted.items():
        offered = _kinds(offer) if key == "offers" else _texts(offer.payload.get(key))
        if offered and not set(offered).intersection(values):
            return f"the member wants only {key}:{' or '.join(values)}"
    return ""


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [f"{item:g}" if isinstance(item, float) else str(item) for item in values if item is not None]
