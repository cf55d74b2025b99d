"""The life of an alert: raised, then claimed, cleared or expired.

Laws: an alert ends once. The first claim wins, whatever comes after it. After its deadline nothing happens to it.

    raised --claim--> claimed
    raised --deadline--> expired
    raised, claimed --withdrawn--> cleared
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Alert:
    id: str
    group: str
    visit: str
    member: str
    expires: float  # seconds since the epoch
    claimed_by: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "group": self.group,
            "visit": self.visit,
            "member": self.member,
            "expires": self.expires,
            "claimed_by": self.claimed_by,
        }


class OpenAlerts:
    """The alerts whose deadline has not passed, by id."""

    __slots__ = ("_alerts", "deadline")

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self.deadline = math.inf  # seconds since the epoch of the next expiry

    def open(self, alert: Alert) -> None:
        self._alerts[alert.id] = alert
        self.deadline = min(self.deadline, alert.expires)

    def claim(self, alert_id: str, group: str, device: str) -> Alert | None:
        """Return the alert if this claim took it; None when it is another's already, unknown or over."""
        alert = self._alerts.get(alert_id)
        if alert is None or alert.group != group or alert.claimed_by is not None:
            return None
        alert.claimed_by = device
        return alert

    def take_due(self, now: float) -> list[Alert]:
        """Remove and return those whose deadline is `now` or before, earliest first; claimed ones are among them."""
        due = sorted((a for a in self._alerts.values() if a.expires <= now), key=lambda a: (a.expires, a.id))
        self._drop(due)
        return due

    def withdraw(self, member: str) -> list[Alert]:
        """Remove and return the alerts about one member."""
        gone = [alert for alert in self._alerts.values() if alert.member == member]
        self._drop(gone)
        return gone

    def _drop(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            del self._alerts[alert.id]
        self.deadline = min((alert.expires for alert in self._alerts.values()), default=math.inf)
