"""Waits for cards to be held to receivers, for whoever asks: the command line, or the back end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from drivers.sighting import Sighting
from gateway.contract.reading import RefusedError
from gateway.membership.enrolment import Enrolment

LOOK_S = 0.25


class Enrolments:
    """The enrolments that run, at most one at each receiver. `never` are the shop's own beacons, which are no cards."""

    def __init__(self, is_enrolled: Callable[[Sighting], bool], never: Collection[bytes]) -> None:
        self._is_enrolled = is_enrolled
        self._never = never
        self._running: dict[str, Enrolment] = {}

    def hear(self, sightings: Sequence[Sighting]) -> None:
        """Take a batch of frames of any receivers."""
        if not self._running:
            return
        for sighting in sightings:
            enrolment = self._running.get(sighting.receiver)
            if enrolment is None or sighting.identity in self._never:
                continue
            if self._is_enrolled(sighting):
                enrolment.hear_member(sighting)
            else:
                enrolment.hear(sighting)

    async def wait(self, receiver: str, seconds: float) -> dict[str, Any]:
        """Return the credential of the one card that is held to a receiver.

        Raises RefusedError: `busy` where somebody else waits there, `refused` with the reason where none was found.
        """
        if receiver in self._running:
            raise RefusedError("busy", "receiver", f"somebody enrols a card at {receiver} already")
        enrolment = self._running[receiver] = Enrolment(receiver)
        try:
            for _ in range(int(seconds / LOOK_S)):
                await asyncio.sleep(LOOK_S)
                if found := enrolment.found():
                    return found
            raise RefusedError("refused", "receiver", enrolment.why_not())
        finally:
            del self._running[receiver]
