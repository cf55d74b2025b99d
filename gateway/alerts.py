"""The life of an alert: raised, then claimed, cleared or expired; and whether anybody can hear it.

Laws: an alert ends once, in all groups at once. The first claim wins, whatever comes after it. After its deadline
nothing happens to it. It is raised in each group by escalation once at most, and while it is claimed nobody is missed.

    raised --claim, serious--> claimed
    claimed --serious, by whoever claimed it--> claimed, and serious
    claimed --release, by whoever claimed it--> raised
    raised --deadline--> expired
    raised, claimed --withdrawn--> cleared

    in each group, while raised:
    heard --the last device goes, or none is there--> missed
    missed --for UNHEARD_AFTER_S--> unheard, and raised in the group that it escalates to
    missed, unheard --a device comes--> heard, raised once more in this group
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

UNHEARD_AFTER_S = 3.0
"""How long a group may be without a device: a badge that roams from one access point to the next is away for less."""


@dataclass(slots=True)
class Alert:
    id: str
    group: str
    visit: str
    member: str | None
    expires: float  # seconds since the epoch
    claimed_by: str | None = None

    data: dict[str, Any] = field(default_factory=dict)  # as it was raised
    groups: list[str] = field(default_factory=list)  # where it was raised, its own group first
    missed: list[str] = field(default_factory=list)  # those of them in which nobody could hear it
    unheard: list[str] = field(default_factory=list)  # those of them of which that was told

    def __post_init__(self) -> None:
        if not self.groups:
            self.groups = [self.group]

    def as_json(self) -> dict[str, Any]:
        """Return a copy that stays as it is, whatever becomes of the alert."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: [*value] if isinstance(value, list) else value for name, value in values.items()}


class OpenAlerts:
    """The alerts whose deadline has not passed, by id."""

    __slots__ = ("_alerts", "_due", "_missed", "deadline")

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self._due: list[tuple[float, str]] = []  # a heap of expiries, those of withdrawn alerts among them
        self._missed: list[tuple[float, str, str]] = []  # a heap of when to see whether a group still misses an alert
        self.deadline = math.inf  # seconds since the epoch of what is due next

    def open(self, alert: Alert) -> None:
        self._alerts[alert.id] = alert
        heappush(self._due, (alert.expires, alert.id))
        self.deadline = min(self.deadline, alert.expires)

    def claim(self, alert_id: str, group: str, device: str, *, serious: bool = False) -> Alert | None:
        """Return the alert if this claim took it, or makes serious what the device has; None where it cannot."""
        alert = self._raised_in(alert_id, group)
        if alert is None or (alert.claimed_by is not None and not (serious and alert.claimed_by == device)):
            return None
        alert.claimed_by = device
        return alert

    def release(self, alert_id: str, group: str, device: str) -> Alert | None:
        """Return the alert, free again; None where the device has not claimed it."""
        alert = self._raised_in(alert_id, group)
        if alert is None or alert.claimed_by != device:
            return None
        alert.claimed_by = None
        alert.missed.clear()
        alert.unheard.clear()
        return alert

    def _raised_in(self, alert_id: str, group: str) -> Alert | None:
        alert = self._alerts.get(alert_id)
        return alert if alert and group in alert.groups else None

    def take_due(self, now: float) -> list[Alert]:
        """Remove and return those whose deadline is `now` or before, earliest first; claimed ones are among them."""
        found: list[Alert] = []
        while self._due and self._due[0][0] <= now:
            alert = self._alerts.pop(heappop(self._due)[1], None)
            if alert is not None:
                found.append(alert)
        self._look_ahead()
        return found

    def withdraw(self, member: str) -> list[Alert]:
        """Remove and return the alerts about one member."""
        gone = [alert for alert in self._alerts.values() if alert.member == member]
        for alert in gone:
            del self._alerts[alert.id]
        return gone

    def places(self) -> list[tuple[Alert, str]]:
        """Return every alert that nobody claimed, with each group that it was raised in."""
        free = (alert for alert in self._alerts.values() if alert.claimed_by is None)
        return [(alert, group) for alert in free for group in alert.groups]

    def see_to(self, alert: Alert, group: str, now: float) -> None:
        """See, when the time has come, whether nobody of a group can hear an alert."""
        heappush(self._missed, (now + UNHEARD_AFTER_S, alert.id, group))
        self._look_ahead()

    def miss(self, alert: Alert, group: str, now: float) -> None:
        """Note that from now on nobody of a group can hear an alert."""
        if group not in alert.missed:
            alert.missed.append(group)
        self.see_to(alert, group, now)

    def reach(self, group: str) -> list[Alert]:
        """Note that a group can hear again; return the alerts that it missed."""
        found = [alert for alert, place in self.places() if place == group and group in alert.missed]
        for alert in found:
            alert.missed.remove(group)
            if group in alert.unheard:
                alert.unheard.remove(group)
        return found

    def take_missed(self, now: float) -> list[tuple[Alert, str]]:
        """Return alerts that nobody claimed, with the groups that are to be seen to by `now`."""
        found: list[tuple[Alert, str]] = []
        while self._missed and self._missed[0][0] <= now:
            _, alert_id, group = heappop(self._missed)
            alert = self._alerts.get(alert_id)
            if alert is not None and alert.claimed_by is None:
                found.append((alert, group))
        self._look_ahead()
        return found

    def redate(self, by_s: float) -> list[Alert]:
        """Move all deadlines, where the clock was set by so much; return the alerts."""
        for alert in self._alerts.values():
            alert.expires += by_s
        self._due = [(t + by_s, alert_id) for t, alert_id in self._due]
        self._missed = [(t + by_s, alert_id, group) for t, alert_id, group in self._missed]
        self._look_ahead()
        return list(self._alerts.values())

    def _look_ahead(self) -> None:
        self.deadline = min((heap[0][0] for heap in (self._due, self._missed) if heap), default=math.inf)
