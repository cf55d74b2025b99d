"""A question to the rules, from the words in which somebody asked it to the situation that it means. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from gateway.configuration.config import Config
from gateway.contract.words import PURPOSES
from gateway.deciding.history import Histories
from gateway.deciding.situations import may_look, view_of
from gateway.events import StateRow
from gateway.identity.member import Member
from rules.context import Context, Known
from rules.document import Faults, parse_document, read_duration
from rules.messages import say as told
from rules.model import Trigger
from rules.scenario import FIRST_YEAR, LAST_YEAR
from rules.situation import ClaimView, MemberView, NearbyView, Situation, StoreView, Trust, VisitView, ZoneView
from rules.triggers import read_on
from rules.vocabulary import Vocabulary

HOLD_S = 1.0  # how long a zone was heard before it counts as held
TIME = "%Y-%m-%d %H:%M"


class QuestionError(Exception):
    """Carries in one line what is wrong with a question."""


class Question(NamedTuple):
    """What is asked, as it was written. `since` is how long ago the visit came in, `ago` when somebody was nearby.

    `facts` and `changes` of the member are `name=json`.
    """

    on: str
    zone: str = ""
    at: str = ""
    trust: str = "hint"
    since: str = "0 s"
    ago: str = "0 s"
    facts: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


class Kept(NamedTuple):
    """What the state folder holds: the member, where one was named, and the core's rows."""

    member: Member | None = None
    rows: tuple[StateRow, ...] = ()


def situation_of(question: Question, config: Config, kept: Kept, now: float) -> Situation:
    """Return what is asked about. Raises QuestionError."""
    trigger, local = _trigger(question.on), _time(question.at, datetime.fromtimestamp(now, config.store.timezone))
    if trigger.clock:
        local = local.replace(hour=trigger.clock.hour, minute=trigger.clock.minute, second=0, microsecond=0)
    decided, store = local.timestamp(), config.store
    member = _view(config, kept, decided, _pairs(question.changes, "--set"))
    facts = _pairs(question.facts, "--fact")
    since_s, ago_s = _seconds(question.since, "--since"), _seconds(question.ago, "--ago")
    zone = None if trigger.kind == "nearby" else _zone(config, question.zone)
    is_inside = zone is not None and zone.kind != "outside"
    situation = Situation(
        trigger=trigger.kind,
        t=decided - (HOLD_S if zone else 0.0),
        decided=decided,
        local=local,
        member=member,
        visit=None if trigger.kind == "nearby" else VisitView("v-try", decided - since_s, since_s, is_inside),
        zone=zone if zone and (zone.kind == "door" or "zones" in member.purposes) else None,
        trust=_trust(question.trust),
        facts=facts,
        store=StoreView(
            store.id,
            store.name,
            store.language,
            store.opening_hours is None or store.opening_hours.include(local.time()),
            {each.id: each.name or each.id for each in config.zones},
        ),
        dwell=trigger.dwell,
        arrived=decided - HOLD_S - since_s if is_inside else None,
        claim=ClaimView("", "", trigger.serious) if trigger.kind == "claimed" else None,
        fact=trigger.fact,
        clock=trigger.clock,
        nearby=NearbyView("", trigger.reach_m, ago_s) if trigger.kind == "nearby" else None,
        fact_times=dict.fromkeys(facts, decided),
    )
    if zone and not may_look(situation):
        raise QuestionError(told("the rules are not asked where a member is who does not agree to zones"))
    return situation


def _trigger(text: str) -> Trigger:
    """Read `arrived` or `dwell 6s`, as rules have it but for the colon."""
    word, _, rest = text.strip().partition(" ")
    faults = Faults()
    node = parse_document((f"{word}: {rest}" if rest else word).encode(), "--on", faults)
    trigger = read_on(node, Context(Known(), [], Vocabulary())) if node else None
    if trigger is None:
        raise QuestionError(f"--on: {faults.found[0].message}" if faults.found else "--on")
    return trigger


def _time(text: str, now: datetime) -> datetime:
    if text in ("", "now"):
        return now
    try:
        asked = datetime.strptime(text, TIME)
    except ValueError:
        asked = None
    if asked is None or not FIRST_YEAR <= asked.year <= LAST_YEAR:
        raise QuestionError(told("{text!r} is no time, expected such as {now}", text=text, now=f"{now:{TIME}}"))
    return asked.replace(tzinfo=now.tzinfo)


def _zone(config: Config, name: str) -> ZoneView | None:
    known = {zone.id: ZoneView(zone.id, zone.kind, zone.name or zone.id) for zone in config.zones}
    if name and name not in known:
        raise QuestionError(told("unknown zone {name!r}, expected one of {known}", name=name, known=", ".join(known)))
    return known.get(name)


def _trust(word: str) -> Trust:
    words = {trust.word: trust for trust in Trust}
    for known, trust in words.items():
        if known == word:
            return trust
    raise QuestionError(told("unknown trust {name!r}, expected one of {known}", name=word, known=", ".join(words)))


def _seconds(text: str, option: str) -> float:
    faults = Faults()
    node = parse_document(text.encode(), option, faults)
    seconds = read_duration(node, 0, 12 * 3600) if node else None
    if seconds is None:
        raise QuestionError(f"{option}: {faults.found[0].message}")
    return seconds


def _pairs(texts: Iterable[str], option: str) -> dict[str, Any]:
    """Read `name=json`."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            pairs[name] = json.loads(value)
        except (ValueError, RecursionError):
            equals = ""
        if not equals or not name:
            raise QuestionError(told("{option} {text!r}: expected a name, = and JSON", option=option, text=text))
    return pairs


def _view(config: Config, kept: Kept, now: float, changed: Mapping[str, Any]) -> MemberView:
    """Return the member as rules see one, as far as it is not said otherwise."""
    member = kept.member
    view = MemberView("", frozenset(PURPOSES))
    if member is not None:
        if not member.recognisable_at(now):
            raise QuestionError(told("the rules are not asked: this member pauses, or does not agree to be recognised"))
        histories = Histories(config.zones, config.privacy)
        for row in kept.rows:
            histories.load(row)
        view = view_of(member, histories, now)
    return _changed(view, changed)


_OWN = frozenset(field.name for field in fields(MemberView)) - {"id", "purposes", "attributes"}


def _changed(view: MemberView, values: Mapping[str, Any]) -> MemberView:
    """Set what a member has by name: `consent`, what rules call `member.…`, else an attribute."""
    changed: dict[str, Any] = {"attributes": dict(view.attributes)}
    for name, value in values.items():
        if name == "consent":
            changed["purposes"] = frozenset(_words(name, value))
        elif name not in _OWN:
            changed["attributes"][name] = value
        elif isinstance(getattr(view, name), tuple):
            changed[name] = tuple(_words(name, value))
        elif type(value) is (int if name == "days_since_visit" else type(getattr(view, name))):
            changed[name] = value
        else:
            raise _misfit(name, value)
    return replace(view, **changed)


def _words(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    raise _misfit(name, value)


def _misfit(name: str, value: Any) -> QuestionError:
    return QuestionError(told("{name} is of another kind than {value}", name=name, value=json.dumps(value)))
