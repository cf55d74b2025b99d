"""The seam between a radio and the gateway: a driver delivers sightings and reports how its radio fares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from drivers.sighting import Sighting


class RadioState(StrEnum):
    """What a receiver's radio is doing; the gateway's status message shows these words."""

    STARTING = "starting"
    HEARING = "hearing"
    MISSING = "missing"  # no such adapter or interface, or the service behind it is gone
    OFF = "off"  # powered off, down or blocked
    BUSY = "busy"  # somebody else holds it
    DENIED = "denied"  # no rights
    FAILED = "failed"  # anything else; the reason says what


Deliver = Callable[[list[Sighting]], None]
"""Takes a batch of sightings. Called on the event loop, never raises, keeps nothing of the list."""

Report = Callable[[RadioState, str], None]
"""Takes a state and a reason in plain words (empty for `HEARING`). Repeats are allowed."""

Clock = Callable[[], float]
"""Gives the wall clock as seconds since the epoch."""


class Driver(Protocol):
    """One radio at one place.

    `counters` counts by cause what was not delivered (`malformed`, `bad-fcs`, `dropped` ...) beside `heard`.
    """

    receiver: str
    counters: Counter[str]

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Hear until cancelled, whatever the radio does: lost radios are reported and waited for, never raised."""
        ...
