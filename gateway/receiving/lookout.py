"""One receiver as the gateway sees it: what its driver says, what it gives, and what is to be done about it."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from drivers.driver import RadioState, Rung
from drivers.sighting import Sighting
from gateway.configuration.config import Receiver
from gateway.events import rfc3339
from gateway.receiving.drift import Drift
from gateway.receiving.hearing import Ear, Hearing, Moment
from gateway.receiving.recovery import Ladder

RATE_S = 60.0
"""The time constant of the rate that is shown."""
FAILING_S = 30.0
"""How long a driver tries by itself before the ladder helps."""
PROOF_S = 5.0
"""How long a radio that failed must hear for that to be over. Some say that they hear at each try, and fail at once."""

CRASHED = "crashed"
"""Counts how often a driver ended against its promise and was begun anew."""

_ILL = frozenset((RadioState.FAILED, RadioState.BUSY))
_TRYING = frozenset((RadioState.STARTING, RadioState.HEARING))


def is_judged(receiver: Receiver) -> bool:
    """Tell whether a receiver's silence is judged.

    A passive scan gives only what changed, and hostapd only who comes and goes: their silence means nothing.
    """
    return receiver.driver in ("ble", "wifi", "simulator") and receiver.scan == "active"


class Lookout:
    """Keeps watch over one receiver. `take` is called for each batch of frames, `moment` once a second."""

    def __init__(self, receiver: Receiver, rungs: tuple[Rung, ...], *, has_hours: bool) -> None:
        reference = receiver.reference
        judged = is_judged(receiver)
        self._reference = reference.identity if reference else None
        self._hearing = Hearing(referenced=reference is not None, has_hours=has_hours) if judged else None
        self._drift = Drift()
        self._rungs = rungs if judged else ()
        self._ladder = Ladder()
        self._state, self._reason = RadioState.STARTING, ""
        self._illness: tuple[RadioState, str] | None = None
        self._ill_since = math.nan
        self._ear = Ear.HEARING
        self._since = math.nan
        self._now = math.nan
        self._frames = self._references = 0
        self._decoded = 0  # before the frames of this moment
        self._rate = 0.0
        self._last_heard: float | None = None

    @property
    def fares(self) -> tuple[RadioState, str]:
        """How the radio fares and why: what the driver says, unless it says that it hears and that is not so."""
        if self._illness:
            return self._illness
        if self._state is RadioState.HEARING and self._ear is Ear.DEAF and self._hearing:
            return RadioState.DEAF, self._hearing.reason
        return self._state, self._reason

    @property
    def drift(self) -> str:
        """Why the receiver's levels are doubtful; empty while they are not."""
        return self._drift.reason

    def take(self, sightings: list[Sighting]) -> None:
        """Count a batch of frames, which is not empty."""
        self._frames += len(sightings)
        self._last_heard = sightings[-1].t
        if self._reference is not None:
            for sighting in sightings:
                if sighting.identity == self._reference:
                    self._references += 1
                    self._drift.take(sighting.rssi)

    def report(self, state: RadioState, reason: str) -> None:
        """Take what the driver says."""
        if state is not self._state:
            self._since = self._now
        self._state, self._reason = state, reason
        if state in _ILL:
            self._ill_since = self._ill_since if self._illness else self._now
            self._illness = state, reason
        elif state not in _TRYING:
            self._illness = None

    def moment(self, now: float, *, is_open: bool | None) -> Rung | None:
        """Judge what came since the last moment; return the rung to ask for, where one is due.

        `now` is of a steady clock; `is_open` is None where the shop has no hours.
        """
        seconds = now - self._now if self._now < now else 0.0
        moment = Moment(seconds, self._frames, self._references, is_open)
        self._decoded += self._frames
        self._now, self._frames, self._references = now, 0, 0
        self._drift.moment(now)
        if math.isnan(self._since):
            self._since = self._ill_since = now
        if self._state is RadioState.HEARING and now - self._since >= PROOF_S:
            self._illness = None
        self._count(moment)
        if self._hearing and seconds and self._state is RadioState.HEARING:
            self._ear = self._hearing.judge(moment)
        return self._climb(now, is_open)

    def _count(self, moment: Moment) -> None:
        if moment.seconds:
            share = 1 - math.exp(-moment.seconds / RATE_S)
            self._rate += share * (moment.frames / moment.seconds - self._rate)

    def _climb(self, now: float, is_open: bool | None) -> Rung | None:
        """Ask for the next rung by day; at night only where a reference beacon proves that something is wrong."""
        state, _ = self.fares
        if state is RadioState.HEARING:
            self._ladder.well(now)
        failing = state in _ILL and now - self._ill_since >= FAILING_S
        if not failing and state is not RadioState.DEAF:
            return None
        if is_open is False and self._reference is None:
            return None
        others = state is RadioState.DEAF and self._hearing is not None and self._hearing.hears_others
        return self._ladder.climb(now, self._rungs[:1] if others else self._rungs)

    def row(self, timezone: ZoneInfo, counters: Counter[str]) -> dict[str, Any]:
        """Return what the health message says of the receiver, its driver's counters by cause included."""
        state, _ = self.fares
        quiet = state is RadioState.HEARING and self._ear is Ear.QUIET
        return {
            **counters,
            "state": str(Ear.QUIET if quiet else state),
            "last_heard": None if self._last_heard is None else rfc3339(self._last_heard, timezone),
            "rate": round(self._rate, 2),
            "heard": counters["heard"],
            "decoded": self._decoded + self._frames,
            "dropped": counters["dropped"],
            "restarts": sum(counters[cause] for cause in (*Rung, CRASHED)),
        }
