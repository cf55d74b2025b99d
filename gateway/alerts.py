"""The life of an alert: raised, then claimed, cleared or expired.

Laws: an alert ends once. The first claim wins, whatever comes after it. After its deadline nothing happens to it.

    raised --claim, serious--> claimed
    claimed --serious, by whoever claimed it--> claimed, and serious
    claimed --release, by whoever claimed it--> raised
    raised --deadline--> expired
    raised, claimed --withdrawn--> cleared
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from heapq import heappop, heappush
from typing import Any


@dataclass(slots=True)
class Alert:
    id: str
    group: str
    visit: str
    member: str | None
    expires: float  # seconds since the epoch
    claimed_by: str | None = None

    data: dict[str, Any] = field(default_factory=dict)  # as it was raised

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class OpenAlerts:
    """The alerts whose deadline has not passed, by id."""

    __slots__ = ("_alerts", "_due", "deadline")

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self._due: list[tuple[float, str]] = []  # a heap of expiries, those of withdrawn alerts among them
        self.deadline = math.inf  # seconds since the epoch of the next expiry

    def open(self, alert: Alert) -> None:
        self._alerts[alert.id] = alert
        heappush(self._due, (alert.expires, alert.id))
        self.deadline = self._due[0][0]

    def claim(self, alert_id: str, group: str, device: str, *, serious: bool = False) -> Alert | None:
        """Return the alert if this claim took it, or makes serious what the device has; None where it cannot."""
        alert = self._alerts.get(alert_id)
        if alert is None or alert.group != group:
            return None
        if alert.claimed_by is not None and not (serious and alert.claimed_by == device):
            return None
        alert.claimed_by = device
        return alert

    def release(self, alert_id: str, group: str, device: str) -> Alert | None:
        """Return the alert, free again; None where the device has not claimed it."""
        alert = self._alerts.get(alert_id)
        if alert is None or alert.group != group or alert.claimed_by != device:
            return None
        alert.claimed_by = None
        return alert

    def take_due(self, now: float) -> list[Alert]:
        """Remove and return those whose deadline is `now` or before, earliest first; claimed ones are among them."""
        found: list[Alert] = []
        while self._due and self._due[0][0] <= now:
            alert = self._alerts.pop(heappop(self._due)[1], None)
            if alert is not None:
                found.append(alert)
        self.deadline = self._due[0][0] if self._due else math.inf
        return found

    def withdraw(self, member: str) -> list[Alert]:
        """Remove and return the alerts about one member."""
        gone = [alert for alert in self._alerts.values() if alert.member == member]
        for alert in gone:
            del self._alerts[alert.id]
        return gone
