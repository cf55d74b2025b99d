"""What the gateway says of itself: online, or degraded and why. Pure; the daemon feeds it and publishes the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drivers.driver import RadioState
from gateway.configuration.config import Config
from gateway.events import rfc3339
from gateway.rulebook import Rulebook

STARTING_GRACE_S = 15.0
"""How long after the start a radio may still be starting, and devices may still be unknown."""


@dataclass(slots=True)
class Radio:
    state: RadioState = RadioState.STARTING
    reason: str = ""


class Health:
    """Keeps how each radio fares, and judges from time to time what that means; `online_in` knows a group's devices.

    Degraded is: a radio that does not hear or whose levels drifted, a rule file at fault, or, in opening hours, an
    alerted group without a device online. Of the two clocks the steady one alone tells how long the gateway is up: at
    boot the wall clock may be set at any moment.
    """

    def __init__(
        self,
        config: Config,
        book: Rulebook,
        online_in: Callable[[str], list[str]],
        *,
        wall: float,
        steady: float,
    ) -> None:
        self._config = config
        self.enforce(book)
        self._online_in = online_in
        self._grace_until = steady + STARTING_GRACE_S
        self._radios = {receiver.id: Radio() for receiver in config.receivers}
        self._disk = ""
        self._drifts: dict[str, str] = {}
        self._remarks: list[str] = []
        self._since = wall
        self._reasons: list[str] = []

    def radio(self, receiver: str, state: RadioState, reason: str) -> bool:
        """Take how a radio fares; return whether that is news."""
        before, self._radios[receiver] = self._radios[receiver], Radio(state, reason)
        return before != self._radios[receiver]

    def drift(self, receiver: str, reason: str) -> bool:
        """Take why a receiver's levels are doubtful, or nothing when they are not; return whether that is news."""
        before, self._drifts[receiver] = self._drifts.get(receiver, ""), reason
        return bool(before) is not bool(reason)

    def disk(self, reason: str) -> bool:
        """Take why the store refuses, or nothing when it does not; return whether that is news."""
        before, self._disk = self._disk, reason
        return before != reason

    def enforce(self, book: Rulebook) -> None:
        """Take the rules that are in force."""
        self._rules = book.version
        self._groups = [group.id for group in self._config.staff.groups if group.id in book.groups]
        files = sorted({Path(fault.file).name for fault in book.refused})
        self._stale = [f"rule file {name} is at fault: what was in force before stands" for name in files]

    def remember(self, remark: str) -> None:
        """Take a reason that lasts as long as this run."""
        self._remarks.append(remark)

    def judge(self, *, wall: float, steady: float) -> None:
        """Decide what all that was taken means now; `wall` is in seconds since the epoch."""
        in_grace = steady < self._grace_until
        unheard = [] if in_grace or self.is_open(wall) is False else self._unheard()
        disk = [f"the store: {self._disk}"] if self._disk else []
        drifts = [f"receiver {name}: {reason}" for name, reason in self._drifts.items() if reason]
        reasons = [*self._deaf(in_grace=in_grace), *drifts, *unheard, *self._stale, *disk, *self._remarks]
        if bool(reasons) is not bool(self._reasons):
            self._since = wall
        self._reasons = reasons

    def status(self) -> dict[str, Any]:
        """Return the body of the retained status, as it was last judged."""
        return {
            "state": "degraded" if self._reasons else "online",
            "since": rfc3339(self._since, self._config.store.timezone),
            "receivers": {name: str(radio.state) for name, radio in self._radios.items()},
            "reasons": [*self._reasons],
            "rules": self._rules,
        }

    def is_open(self, wall: float) -> bool | None:
        """Tell whether the shop is open; None where it has no hours."""
        hours = self._config.store.opening_hours
        if hours is None:
            return None
        return hours.include(datetime.fromtimestamp(wall, self._config.store.timezone).time())

    def _deaf(self, *, in_grace: bool) -> list[str]:
        return [
            f"receiver {name} is {radio.state}" + (f": {radio.reason}" if radio.reason else "")
            for name, radio in self._radios.items()
            if radio.state is not RadioState.HEARING and not (in_grace and radio.state is RadioState.STARTING)
        ]

    def _unheard(self) -> list[str]:
        return [f"no device of group {group} is online" for group in self._groups if not self._online_in(group)]
