"""A message on its way out, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple


class Outgoing(NamedTuple):
    """A message to publish with QoS 1. `expiry_s` is how long the broker may hold it."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None
    correlation: bytes | None = None
    content_type: str | None = None
    answer_topic: str | None = None


class Delivery(Enum):
    """What became of a message that was to be published."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # by the broker, or before it was sent; sending it again helps only when something changes
    LOST = "lost"  # the connection ended before it was acknowledged; the broker may have it or not


Done = Callable[[Delivery, str], None]
"""Takes the outcome of a message, with why it was not delivered in words. Called on the event loop, never raises."""


class PublishError(Exception):
    """Carries why a message was not published."""

    def __init__(self, delivery: Delivery, reason: str) -> None:
        super().__init__(f"{delivery.value}: {reason}")
        self.delivery = delivery
        self.reason = reason
