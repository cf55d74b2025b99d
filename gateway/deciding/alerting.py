"""Raises alerts, takes what staff and their devices say of them, and sees to those that nobody hears or claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from gateway.configuration.config import Group
from gateway.deciding.alerts import Alert, OpenAlerts
from gateway.deciding.announcer import Announcer
from gateway.deciding.inputs import Buzzed, Claimed, DeviceTold, RollCalled
from gateway.deciding.staff import StaffDevices
from gateway.events import Event, Outcome, StateRow
from rules.situation import AlertAction, Decision, Situation


class Alerting:
    """Follows alerts from their raising to their end. `causes` counts what staff said that changed nothing."""

    def __init__(self, groups: Iterable[Group], announcer: Announcer, causes: Counter[str]) -> None:
        self._announcer = announcer
        self._causes = causes
        self.open = OpenAlerts()
        self.staff = StaffDevices(groups)
        self._is_told_of_devices = False  # a replay of captures never is

    def load(self, value: dict[str, Any]) -> None:
        """Take back an alert that was kept."""
        self.open.open(msgspec.convert(value, Alert))

    def raise_alert(
        self, situation: Situation, decision: Decision, action: AlertAction, out: Outcome
    ) -> tuple[Alert, Event]:
        """Raise what a rule decided; return it, and its event."""
        alert, event = self._announcer.alert(out, situation, decision, action)
        if action.escalate_to:
            alert.escalate_to, alert.escalate_at = action.escalate_to, situation.decided + action.escalate_after_s
        self._follow(alert, situation.decided, out)
        return alert, event

    def buzz(self, asked: Buzzed, out: Outcome) -> None:
        """Raise an alert about nobody in a group, to try its devices."""
        self._follow(self._announcer.test_alert(out, asked.group, asked.t), asked.t, out)

    def _follow(self, alert: Alert, t: float, out: Outcome) -> None:
        self.open.open(alert)
        self._await_ears(alert, alert.group, t)
        _keep(alert, out)

    # what staff say

    def claim(self, said: Claimed, out: Outcome) -> Alert | None:
        """Take what a device says of an alert; return the alert where that changed something.

        What comes second, late or from elsewhere changes nothing; who is late is told so.
        """
        if not self.staff.belongs(said.device, said.group):
            self._causes["claim from outside the group"] += 1
            return None
        match said.action:
            case "claim" | "serious":
                alert = self._take(said, out)
            case "release":
                alert = self._release(said, out)
            case "not_now":
                alert = self._put_off(said, out)
            case "busy":
                alert = self._pass_on(said, out)
        if alert is None:
            self._causes[f"{said.action} refused"] += 1
            if self.open.is_answered(said.alert, said.group, said.device, said.t):
                self._announcer.too_late(out, said)
        else:
            _keep(alert, out)
        return alert

    def _take(self, said: Claimed, out: Outcome) -> Alert | None:
        serious = said.action == "serious"
        alert = self.open.claim(said.alert, said.group, said.device, serious=serious)
        if alert:
            self._announcer.claimed(out, alert, said.t, said.device, serious=serious)
        return alert

    def _release(self, said: Claimed, out: Outcome) -> Alert | None:
        alert = self.open.release(said.alert, said.group, said.device)
        if alert:
            self._offer_again(alert, said.t, out)
        return alert

    def _put_off(self, said: Claimed, out: Outcome) -> Alert | None:
        alert = self.open.put_off(said.alert, said.group, said.device)
        if alert:
            self._announcer.cleared(out, alert, said.t, "not now")
        return alert

    def _pass_on(self, said: Claimed, out: Outcome) -> Alert | None:
        """Offer an alert to others; where everybody who is there is busy, to the group after this one."""
        had = self.open.is_claimed_by(said.alert, said.device)
        alert = self.open.pass_on(said.alert, said.group, said.device)
        if alert and had:
            self._offer_again(alert, said.t, out)
        if alert and set(self.staff.online_in(said.group)) <= set(alert.busy):
            self._escalate(alert, alert.escalate_to or self.staff.next_group(said.group), said.t, out)
        return alert

    def _offer_again(self, alert: Alert, t: float, out: Outcome) -> None:
        """Raise an alert once more wherever it was raised."""
        for group in alert.groups:
            self._announcer.raise_again(out, alert, group, t)
            self._await_ears(alert, group, t)

    # whether anybody hears

    def roll_call(self, called: RollCalled, _: Outcome) -> None:
        """Begin to be told of staff devices: from now on one of which nothing is told is away."""
        self._is_told_of_devices = True
        for alert, group in self.open.places():
            self.open.see_to(alert, group, called.t)

    def device(self, told: DeviceTold, out: Outcome) -> None:
        """Take whether a staff device is online; what its group missed is raised once more for it."""
        t = told.t
        for group in self.staff.take(told.device, online=told.online):
            if told.online:
                for alert in self.open.reach(group):
                    self._announcer.raise_again(out, alert, group, t)
                    _keep(alert, out)
            else:
                for alert, raised_in in self.open.places():
                    if raised_in == group:
                        self._await_ears(alert, group, t)
                        _keep(alert, out)

    def _await_ears(self, alert: Alert, group: str, t: float) -> None:
        """Wait for somebody of a group to be there, where nobody is."""
        if self._is_told_of_devices and not self.staff.online_in(group):
            self.open.miss(alert, group, t)

    def _see_to(self, alert: Alert, group: str, t: float, out: Outcome) -> None:
        """Tell that nobody of a group can hear an alert, where that is still so, and alert the group after it."""
        if group in alert.unheard or self.staff.online_in(group):
            return
        alert.unheard.append(group)
        if group not in alert.missed:
            alert.missed.append(group)
        after = self.staff.next_group(group)
        if after in alert.groups:
            after = None
        self._announcer.unheard(out, alert, group, t, after)
        self._escalate(alert, after, t, out)
        _keep(alert, out)

    def _escalate(self, alert: Alert, to: str | None, t: float, out: Outcome) -> None:
        """Raise an alert in another group too, once."""
        if to and to not in alert.groups:
            alert.groups.append(to)
            self._announcer.raise_again(out, alert, to, t)
            self._await_ears(alert, to, t)

    # the end

    def advance(self, t: float, out: Outcome) -> None:
        """Do what is due at `t`: end alerts whose time has passed, and see to those that nobody hears."""
        for alert in self.open.take_due(t):
            out.put(StateRow("alert", alert.id, None, alert.member))
            if alert.is_free:
                self._announcer.expired(out, alert, t)
        for alert in self.open.take_unclaimed(t):
            self._escalate(alert, alert.escalate_to, t, out)
            _keep(alert, out)
        for alert, group in self.open.take_missed(t):
            self._see_to(alert, group, t, out)

    def withdraw(self, t: float, member_id: str, out: Outcome) -> None:
        """End the alerts about a member who is to be forgotten: staff see them cleared."""
        for alert in self.open.withdraw(member_id):
            out.put(StateRow("alert", alert.id, None, member_id))
            self._announcer.cleared(out, replace(alert, member=None), t, "withdrawn")

    def redate(self, by_s: float, out: Outcome) -> None:
        """Move all deadlines: the clock was set by so much."""
        for alert in self.open.redate(by_s):
            _keep(alert, out)


def _keep(alert: Alert, out: Outcome) -> None:
    out.put(StateRow("alert", alert.id, alert.as_json(), alert.member, alert.expires))
