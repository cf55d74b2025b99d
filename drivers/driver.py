"""The seam between a radio and the gateway: a driver delivers sightings and reports how its radio fares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, runtime_checkable

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
    DEAF = "deaf"  # seems to hear and should, and gives nothing: what a driver cannot know and the gateway judges


class Rung(StrEnum):
    """What may bring a radio back that gives nothing, mildest first. Drivers count what they did by these words."""

    RESCAN = "rescan"  # end the scan and begin another
    POWER_CYCLE = "power-cycle"  # switch the adapter off and on
    RESTART = "restart"  # let what stands behind the radio be made anew: a service, an interface


Deliver = Callable[[list[Sighting]], None]
"""Takes a batch of sightings. Called on the event loop, never raises, keeps nothing of the list."""

Report = Callable[[RadioState, str], None]
"""Takes a state and a reason in plain words. Repeats are allowed.

`HEARING` has none where all is well. One beside it says what is less than was asked for, such as channels that are
not listened to: it is told, and makes nothing degraded.
"""

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


@runtime_checkable
class Recoverable(Protocol):
    """A driver that can do something about a radio that gives nothing."""

    rungs: tuple[Rung, ...]
    """What it can do, mildest first."""

    def recover(self, rung: Rung) -> None:
        """Ask for one rung and return at once; `run` does it, and counts it in `counters` when it begins.

        One that the system refuses is counted again as `{rung}-refused`.
        """
        ...
