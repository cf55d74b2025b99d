"""The life of an alert: raised, then claimed, cleared or expired; and whether anybody can hear it.

Laws: an alert ends once, in all groups at once. The first claim wins, whatever comes after it. After its deadline
nothing happens to it. It is raised in each group by escalation once at most, and while it is claimed nobody is missed.

    raised --claim, serious--> claimed
    claimed --serious, by whoever claimed it--> claimed, and serious; once
    claimed --release, busy, by whoever claimed it--> raised
    raised, claimed --not_now, by whoever claimed it if anybody did--> put off
    put off --release, by whoever put it off--> raised
    raised --deadline--> expired
    raised, claimed, put off --withdrawn--> cleared
    raised --not claimed in the time that its rule gives--> raised in the group that the rule names

    in each group, while raised:
    heard --busy, by every device that is there--> raised in the group that it escalates to
    heard --the last device goes, or none is there--> missed
    missed --for UNHEARD_AFTER_S--> unheard, and raised in the group that it escalates to
    missed, unheard --a device comes--> heard, raised once more in this group
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

UNHEARD_AFTER_S = 3.0
"""How long a group may be without a device: a badge that roams from one access point to the next is away for less."""

ANSWERED_S = 600.0
"""How long after its end a claim of an alert is answered."""

MOST_ENDED = 1000


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
    escalate_to: str = ""  # the group that the rule names
    escalate_at: float | None = None  # where nobody claimed it by then
    busy: list[str] = field(default_factory=list)  # devices
    put_off_by: str | None = None
    serious: bool = False  # as claimed

    def __post_init__(self) -> None:
        if not self.groups:
            self.groups = [self.group]

    @property
    def is_free(self) -> bool:
        """Whether it waits for somebody."""
        return self.claimed_by is None and self.put_off_by is None

    def as_json(self) -> dict[str, Any]:
        """Return a copy that stays as it is, whatever becomes of the alert."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: [*value] if isinstance(value, list) else value for name, value in values.items()}


class Ended(NamedTuple):
    """An alert whose deadline has passed, where it was raised, and which devices were told so."""

    until: float
    groups: Collection[str]
    told: set[str]


class OpenAlerts:
    """The alerts whose deadline has not passed, by id."""

    __slots__ = ("_alerts", "_due", "_ended", "_missed", "_unclaimed", "deadline")

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self._due: list[tuple[float, str]] = []  # a heap of expiries, those of withdrawn alerts among them
        self._missed: list[tuple[float, str, str]] = []  # a heap of when to see whether a group still misses an alert
        self._unclaimed: list[tuple[float, str]] = []  # a heap of when to see whether somebody claimed
        self._ended: dict[str, Ended] = {}  # the earliest first
        self.deadline = math.inf  # seconds since the epoch of what is due next

    def open(self, alert: Alert) -> None:
        self._alerts[alert.id] = alert
        heappush(self._due, (alert.expires, alert.id))
        if alert.escalate_at is not None:
            heappush(self._unclaimed, (alert.escalate_at, alert.id))
        self._look_ahead()

    def claim(self, alert_id: str, group: str, device: str, *, serious: bool = False) -> Alert | None:
        """Return the alert if this claim took it, or makes serious what the device has; None where it cannot."""
        alert = self._raised_in(alert_id, group)
        if alert is None:
            return None
        is_news = serious and not alert.serious and alert.claimed_by == device
        if not (alert.is_free or is_news):
            return None
        alert.claimed_by, alert.serious = device, serious
        if device in alert.busy:
            alert.busy.remove(device)
        return alert

    def release(self, alert_id: str, group: str, device: str) -> Alert | None:
        """Return the alert, free again; None where the device has neither claimed it nor put it off."""
        alert = self._raised_in(alert_id, group)
        if alert is None or device not in (alert.claimed_by, alert.put_off_by):
            return None
        alert.claimed_by, alert.put_off_by, alert.serious = None, None, False
        alert.missed.clear()
        alert.unheard.clear()
        return alert

    def is_claimed_by(self, alert_id: str, device: str) -> bool:
        alert = self._alerts.get(alert_id)
        return alert is not None and alert.claimed_by == device

    def put_off(self, alert_id: str, group: str, device: str) -> Alert | None:
        """Return the alert, put off because the member wants nothing now; None where another device has it."""
        alert = self._raised_in(alert_id, group)
        if alert is None or alert.put_off_by or alert.claimed_by not in (None, device):
            return None
        alert.claimed_by, alert.put_off_by, alert.serious = None, device, False
        return alert

    def pass_on(self, alert_id: str, group: str, device: str) -> Alert | None:
        """Return the alert, for others to take; None where the device said so before, or has nothing to say."""
        alert = self._raised_in(alert_id, group)
        if alert is None or device in alert.busy or not (alert.is_free or alert.claimed_by == device):
            return None
        alert.claimed_by, alert.serious = None, False
        alert.busy.append(device)
        return alert

    def is_answered(self, alert_id: str, group: str, device: str, now: float) -> bool:
        """Tell whether a claim comes after the alert's end, and this device is to be told so: each once."""
        ended = self._ended.get(alert_id)
        if ended is None or now > ended.until or group not in ended.groups or device in ended.told:
            return False
        ended.told.add(device)
        return True

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
                self._ended[alert.id] = Ended(now + ANSWERED_S, alert.groups, set())
        while self._ended and (len(self._ended) > MOST_ENDED or next(iter(self._ended.values())).until < now):
            del self._ended[next(iter(self._ended))]
        self._look_ahead()
        return found

    def take_unclaimed(self, now: float) -> list[Alert]:
        """Return alerts that nobody claimed in the time that their rule gives, which is over by `now`."""
        found: list[Alert] = []
        while self._unclaimed and self._unclaimed[0][0] <= now:
            alert = self._alerts.get(heappop(self._unclaimed)[1])
            if alert is not None:
                alert.escalate_at = None
                if alert.is_free:
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
        free = (alert for alert in self._alerts.values() if alert.is_free)
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
            if alert is not None and alert.is_free:
                found.append((alert, group))
        self._look_ahead()
        return found

    def redate(self, by_s: float) -> list[Alert]:
        """Move all deadlines, where the clock was set by so much; return the alerts."""
        for alert in self._alerts.values():
            alert.expires += by_s
            if alert.escalate_at is not None:
                alert.escalate_at += by_s
        self._due = [(t + by_s, alert_id) for t, alert_id in self._due]
        self._unclaimed = [(t + by_s, alert_id) for t, alert_id in self._unclaimed]
        self._ended = {alert_id: ended._replace(until=ended.until + by_s) for alert_id, ended in self._ended.items()}
        self._missed = [(t + by_s, alert_id, group) for t, alert_id, group in self._missed]
        self._look_ahead()
        return list(self._alerts.values())

    def _look_ahead(self) -> None:
        heaps = (self._due, self._missed, self._unclaimed)
        self.deadline = min((heap[0][0] for heap in heaps if heap), default=math.inf)
