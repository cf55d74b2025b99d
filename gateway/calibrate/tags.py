"""Tags that are followed for whoever calibrates: who holds one to a receiver is told how loud each receiver hears it.

Holding it is the right to it. Nothing is told of what the tag says, and nothing of any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from drivers.sighting import Sighting
from gateway.membership.enrolment import CARDS, Enrolment

LOOK_S = 0.25

Send = Callable[[dict[str, Any]], None]


class Tags:
    """Those who calibrate and what they carry. `never` are the shop's own beacons."""

    def __init__(self, never: Collection[bytes]) -> None:
        self._never = never
        self._looking: list[Enrolment] = []
        self._followed: list[tuple[bytes, Send]] = []

    def hear(self, sightings: Sequence[Sighting]) -> None:
        """Take a batch of frames of any receivers."""
        if self._looking or self._followed:
            for sighting in sightings:
                if sighting.kind in CARDS and sighting.identity not in self._never:
                    self._take(sighting)

    def _take(self, sighting: Sighting) -> None:
        for enrolment in self._looking:
            enrolment.hear(sighting)
        for identity, send in self._followed:
            if sighting.identity == identity and sighting.rssi is not None:
                send({"t": sighting.t, "receiver": sighting.receiver, "rssi": sighting.rssi})

    async def follow(self, receiver: str, seconds: float, send: Send) -> None:
        """Wait until a tag is held to a receiver, then tell all that is heard of it until cancelled."""
        enrolment = Enrolment(receiver)
        identity = await self._find(enrolment, seconds)
        if identity is None:
            send({"failed": enrolment.why_not()})
            return
        followed = (identity, send)
        self._followed.append(followed)
        send({"found": receiver})
        try:
            await asyncio.Event().wait()
        finally:
            self._followed.remove(followed)

    async def _find(self, enrolment: Enrolment, seconds: float) -> bytes | None:
        self._looking.append(enrolment)
        try:
            for _ in range(int(seconds / LOOK_S)):
                await asyncio.sleep(LOOK_S)
                if held := enrolment.held():
                    return held[1]
            return None
        finally:
            self._looking.remove(enrolment)
