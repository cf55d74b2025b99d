"""What the gateway says of itself: online, or degraded and why. Pure; the daemon feeds it and publishes the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drivers.driver import RadioState
from gateway.config import Config, Group
from gateway.events import rfc3339

STARTING_GRACE_S = 15.0
"""How long after the start a radio may still be starting, and devices may still be unknown."""


@dataclass(slots=True)
class Radio:
    state: RadioState = RadioState.STARTING
    reason: str = ""


class Health:
    """Keeps how each radio fares and which staff devices are online.

    Degraded is: a radio that does not hear, or, in opening hours, an alerted group without a device online.
    """

    def __init__(self, config: Config, alerted_groups: Iterable[str], started: float) -> None:
        self._config = config
        self._groups = [group for group in config.staff.groups if group.id in set(alerted_groups)]
        self._started = started
        self._radios = {receiver.id: Radio() for receiver in config.receivers}
        self._online: set[str] = set()
        self._disk = ""
        self._state = ""
        self._since = started

    def radio(self, receiver: str, state: RadioState, reason: str) -> bool:
        """Take how a radio fares; return whether that is news."""
        before, self._radios[receiver] = self._radios[receiver], Radio(state, reason)
        return before != self._radios[receiver]

    def disk(self, reason: str) -> bool:
        """Take why the store refuses, or nothing when it does not; return whether that is news."""
        before, self._disk = self._disk, reason
        return before != reason

    def device(self, device: str, *, online: bool) -> None:
        if online:
            self._online.add(device)
        else:
            self._online.discard(device)

    def status(self, now: float) -> dict[str, Any]:
        """Return the body of the retained status at `now`, seconds since the epoch."""
        reasons = [*self._deaf(now), *self._unheard(now), *([f"the store: {self._disk}"] if self._disk else [])]
        state = "degraded" if reasons else "online"
        if state != self._state:
            self._state, self._since = state, now
        return {
            "state": state,
            "since": rfc3339(self._since, self._config.store.timezone),
            "receivers": {name: str(radio.state) for name, radio in self._radios.items()},
            "reasons": reasons,
        }

    def _deaf(self, now: float) -> list[str]:
        starting = now - self._started < STARTING_GRACE_S
        return [
            f"receiver {name} is {radio.state}" + (f": {radio.reason}" if radio.reason else "")
            for name, radio in self._radios.items()
            if radio.state is not RadioState.HEARING and not (starting and radio.state is RadioState.STARTING)
        ]

    def _unheard(self, now: float) -> list[str]:
        if now - self._started < STARTING_GRACE_S or self.is_open(now) is False:
            return []
        return [f"no device of group {group.id} is online" for group in self._groups if not self._anyone(group)]

    def _anyone(self, group: Group) -> bool:
        return bool(self._online.intersection(group.devices) if group.devices else self._online)

    def is_open(self, now: float) -> bool | None:
        """Tell whether the shop is open; None where it has no hours."""
        hours = self._config.store.opening_hours
        if hours is None:
            return None
        return hours.include(datetime.fromtimestamp(now, self._config.store.timezone).time())
