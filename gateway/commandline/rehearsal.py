"""`hushbell rules test`: rule tests, those of sightings played through the whole core."""

from __future__ import annotations

import heapq
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from drivers.sighting import Sighting
from gateway.assembly import compose
from gateway.configuration.config import (
    Config,
    Gateway,
    Group,
    Hear,
    Mqtt,
    Privacy,
    Receiver,
    Staff,
    Store,
    Zone,
    ZoneKind,
)
from gateway.contract.catalogue import TYPE_OF
from gateway.contract.events import AlertRaised, OfferTriggered
from gateway.contract.inbound import ClaimAction
from gateway.contract.words import PURPOSES
from gateway.core import Core
from gateway.deciding.history import DAY_S, Past
from gateway.deciding.identifiers import Identifiers
from gateway.events import Outcome, StateRow
from gateway.identity.credentials import Credential
from gateway.identity.member import Member
from gateway.identity.receipts import Receipt
from gateway.identity.recognition import Register
from gateway.identity.suspicion import Elsewhere, Place, distance_m
from rules.cases import Answer, Case, Claim, Frames, Near, Said, Scenario, Step, escalated, said
from rules.coverage import Witness
from rules.model import Alert
from rules.playing import drive_presence
from rules.rule_tests import Manner, run_rule_tests
from rules.situation import MemberView

EVERY_S = 0.25
"""How often what a member carries is heard."""

DEVICE = "badge-1"
HERE = Place(0.0, 0.0)
METRES_A_DEGREE = distance_m(HERE, Place(1.0, 0.0)) * (1 + 1e-9)  # so that 3 km are not a hair's breadth more

ALERT_RAISED, OFFER_TRIGGERED = TYPE_OF[AlertRaised], TYPE_OF[OfferTriggered]


def rules_test(files: Sequence[Path], *, covers: bool) -> int:
    """Run test files; return the exit status."""
    return run_rule_tests(files, sys.stdout, sys.stderr, Manner(drive, covers))


def drive(scenario: Scenario, case: Case, engine: Witness) -> Iterator[list[Said]]:
    """Play a case of sightings through the core, any other on the rules alone."""
    if any(isinstance(step.what, Frames) for step in case.steps):
        return _Play(scenario, case, engine).steps()
    return drive_presence(scenario, case, engine)


class _Alert(NamedTuple):
    """An alert, and the group that it was raised in first."""

    id: str
    member: str
    rule: str
    group: str


class _Play:
    """One case, on a core of its own."""

    def __init__(self, scenario: Scenario, case: Case, engine: Witness) -> None:
        self._case = case
        self._engine = engine
        self._credentials = scenario.credentials
        self._began = case.setting.start.replace(tzinfo=UTC).timestamp()
        self._core = _core(scenario, case, engine, self._began)
        self._frames = deque(heapq.merge(*map(self._frames_of, case.steps), key=lambda frame: frame[0]))
        self._judged = 0  # how much of what the engine said was told
        self._alerts: dict[str, _Alert] = {}  # by id, the latest one last
        self._offers: dict[tuple[str, str], str] = {}  # the latest feedback token by member and rule

    def steps(self) -> Iterator[list[Said]]:
        for name, value in self._case.setting.facts.items():
            self._core.fact(self._began, name, value)
        for step, end in zip(self._case.steps, self._case.ends, strict=True):
            yield [*self._take(step), *self._hear_until(self._began + end)]

    def _frames_of(self, step: Step) -> Iterator[tuple[float, str, str, int]]:
        """Yield time, member, receiver and level of what is heard from a step on."""
        if isinstance(step.what, Frames):
            for number in range(round(step.what.seconds / EVERY_S) + 1):
                for receiver, level in step.what.levels.items():
                    yield self._began + step.at + number * EVERY_S, step.member, receiver, level

    def _take(self, step: Step) -> Iterator[Said]:
        t = self._began + step.at
        for name, value in step.facts.items():
            yield from self._told(self._core.fact(t, name, value))
        match step.what:
            case Claim(serious):
                alerts = [alert for alert in self._alerts.values() if alert.member == step.member]
                yield from self._claim(t, alerts, "serious" if serious else "claim")
            case Answer("not_now", rule):
                alerts = [alert for alert in self._alerts.values() if (alert.member, alert.rule) == (step.member, rule)]
                yield from self._claim(t, alerts, "not_now")
            case Answer("shown" | "redeemed" | "dismissed" as word, rule):
                feedback = self._offers.get((step.member, rule), "")
                yield from self._told(self._core.outcome(t, feedback, word))
            case Near(metres, ago):
                seen = Elsewhere("app", Place(metres / METRES_A_DEGREE, 0.0), t - ago)
                yield from self._told(self._core.elsewhere(t, step.member, seen))

    def _claim(self, t: float, alerts: Sequence[_Alert], action: ClaimAction) -> Iterator[Said]:
        if alerts:
            yield from self._told(self._core.claim(t, alerts[-1].group, DEVICE, alerts[-1].id, action))

    def _hear_until(self, end: float) -> Iterator[Said]:
        while self._frames and self._frames[0][0] < end:
            t, member, receiver, level = self._frames.popleft()
            if self._credentials[member] == "app":
                yield from self._told(self._core.hear_app(t, t, receiver, member, level))
            else:
                sighting = Sighting(t, receiver, "ble", "ibeacon", level, _identity(member))
                yield from self._told(self._core.hear([sighting]))
        while self._core.deadline < end:
            yield from self._told(self._core.advance(self._core.deadline))

    def _told(self, out: Outcome) -> Iterator[Said]:
        new, self._judged = self._engine.seen[self._judged :], len(self._engine.seen)
        for situation, decision in new:
            yield said(situation.member.id, decision)
        for event in out.events:
            if event.type == ALERT_RAISED and event.member:
                yield from self._note_alert(event.member, event.data)
            elif event.type == OFFER_TRIGGERED:
                self._offers[event.data["member"], event.data["rule"]] = event.data["feedback"]

    def _note_alert(self, member: str, data: Mapping[str, Any]) -> Iterator[Said]:
        alert = _Alert(data["alert"], member, data["rule"], data["group"])
        if alert.id not in self._alerts:
            self._alerts[alert.id] = alert
        elif "escalated_from" in data:
            yield escalated(alert.member, alert.rule, alert.group)


def _core(scenario: Scenario, case: Case, engine: Witness, began: float) -> Core:
    register = Register()
    register.put_all([_member(view, scenario) for view in scenario.members.values()])
    core = compose(_config(scenario, case), engine, register, Identifiers(bytes(32), b"rule test"))
    core.restore([row for view in scenario.members.values() for row in _history(view, began)], began)
    return core


def _config(scenario: Scenario, case: Case) -> Config:
    receivers = sorted({receiver for levels in scenario.levels.values() for receiver in levels})
    setting = case.setting
    return Config(
        path=Path("rule-test"),
        store=Store(
            "shop", ZoneInfo("UTC"), "", HERE.latitude, HERE.longitude, setting.opening_hours, setting.language
        ),
        gateway=Gateway("gateway"),
        mqtt=Mqtt("mqtt://127.0.0.1"),
        receivers=tuple(Receiver(receiver, "ble") for receiver in receivers),
        zones=tuple(_zones(scenario)),
        rule_files=(),
        staff=Staff(tuple(map(Group, _groups(scenario))), setting.quiet_hours),
        privacy=Privacy(private_attributes=scenario.private_attributes, private_offers=scenario.private_offers),
    )


def _zones(scenario: Scenario) -> Iterator[Zone]:
    kinds: dict[str, ZoneKind] = {"outside": "outside", "door": "door", "inside": "inside", "shelf": "shelf"}
    for zone in scenario.zones.values():
        hear = tuple(Hear(receiver, level) for receiver, level in scenario.levels[zone.id].items())
        yield Zone(zone.id, kinds[zone.kind], hear, zone.name)


def _groups(scenario: Scenario) -> Iterable[str]:
    alerts = [rule.action for rule in scenario.rules if isinstance(rule.action, Alert)]
    return sorted({group for alert in alerts for group in (alert.group, alert.escalate_to) if group})


def _identity(member: str) -> bytes:
    """Return what a member's card sends, 20 bytes of the member's id."""
    return Identifiers(bytes(32), b"").credential(member.encode()).encode()[:20]


def _member(view: MemberView, scenario: Scenario) -> Member:
    app = scenario.credentials[view.id] == "app"
    credential = Credential("app", view.id.encode()) if app else Credential("ibeacon", _identity(view.id))
    agreed = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    return Member(
        id=view.id,
        credentials=(credential,),
        consent=tuple(Receipt(each, "0" * 64, "zh", "rule test", agreed) for each in PURPOSES if each in view.purposes),
        greeting=view.greeting,
        note=view.note,
        language=view.language,
        attributes_json=msgspec.json.encode(view.attributes),
        deny=view.deny,
        allow=view.allow,
        only=view.only,
        test=view.test,
    )


def _history(view: MemberView, began: float) -> Iterator[StateRow]:
    """Yield visits and passes that were before, so that they count as the member says."""
    for passed, counts in (
        (False, (view.visits_7d, view.visits_30d, view.visits_90d)),
        (True, (view.passes_7d, view.passes_30d, view.passes_90d)),
    ):
        before = 0
        for days, count in zip((1, 8, 31), counts, strict=True):
            for number in range(before, count):
                started = began - days * DAY_S
                past = Past(f"{view.id}-{passed}-{number}", started, started + 60, passed)
                yield StateRow("history", past.visit, past.as_json(), view.id)
            before = max(before, count)
