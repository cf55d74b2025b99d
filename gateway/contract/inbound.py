"""What staff devices and the back end tell the gateway. Fields that it does not know are passed over."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.contract.words import Short

ClaimAction = Literal["claim", "serious", "release", "busy", "not_now"]
FeedbackOutcome = Literal["shown", "redeemed", "dismissed"]


class Claim(Struct):
    """What a staff device says of an alert: mine, mine in earnest, given back, mine but not now, not wanted."""

    alert: Short
    action: ClaimAction


class Feedback(Struct):
    """What became of an offer."""

    feedback: Annotated[Short, Meta(description="the token that the offer carried")]
    outcome: FeedbackOutcome
    amount: Annotated[float, Meta(ge=-1e12, le=1e12)] | None = None
