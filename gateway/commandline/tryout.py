"""`hushbell rules try`: one question to the rules, such as what happens when this member stands there, and why."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway import clock
from gateway.commandline.lines import complain, refuse, say
from gateway.commandline.question import TIME, Kept, Question, QuestionError, situation_of
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.events import StateRow
from gateway.identity.member import stored_member
from gateway.retold import retold
from gateway.rulebook import make_engine, rules_in_force
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.caps import Ledger
from rules.messages import say as told
from rules.model import Rule
from rules.situation import AlertAction, Decision, OfferAction, Situation


def try_rules(given: Namespace) -> int:
    """Answer what was asked on the command line, or ask at the terminal until it ends; return the exit status."""
    try:
        config = load_config(given.config)
        rules = rules_in_force(config)[0].rules
        question = Question(
            given.on or "arrived",
            given.zone or "",
            given.at or "",
            given.trust,
            given.since,
            given.ago,
            tuple(given.fact),
            tuple(given.set),
        )
        if given.on is not None:
            _answer(config, rules, given.member or "", question)
        elif sys.stdin.isatty():
            _converse(config, rules, given.member or "", question)
        else:
            raise QuestionError(told("what happens? expected --on, such as --on 'dwell 6s'"))
    except ConfigError as error:
        refuse(str(error))
        return 2
    except (StoreError, QuestionError) as error:
        complain(str(error))
        return 2
    return 0


def _converse(config: Config, rules: Sequence[Rule], member: str, question: Question) -> None:
    """Ask for one thing after the other; an empty line keeps what stands in brackets."""
    zones = ", ".join(zone.id for zone in config.zones)
    say(told("Empty lines keep what stands in brackets, - empties it; Ctrl-D ends."))
    while True:
        try:
            member = _ask(told("Member, or nobody in particular"), member)
            question = question._replace(
                on=_ask(told("What happens, such as arrived, dwell 6s, claimed serious, clock 20:30"), question.on),
                zone=_ask(told("Zone ({zones})", zones=zones), question.zone),
                at=_ask(told("When, such as 2026-11-22 14:00, or now"), question.at or "now"),
                trust=_ask(told("Trust (hint, weak, fresh)"), question.trust),
            )
        except EOFError:
            sys.stdout.write("\n")
            return
        try:
            _answer(config, rules, member, question)
        except QuestionError as error:
            complain(str(error))


def _ask(what: str, default: str) -> str:
    answer = input(f"{what} [{default}]: ").strip() or default
    return "" if answer == "-" else answer


def _answer(config: Config, rules: Sequence[Rule], member: str, question: Question) -> None:
    kept = asyncio.run(_kept(config.gateway.state, member))
    situation = situation_of(question, config, kept, clock.wall())
    ledger = Ledger(config.caps)
    for row in kept.rows:
        if row.kind == "ledger":
            ledger.load(row.key, row.value)
    zone = situation.zone.id if situation.zone else told("no zone")
    say(f"{situation.local:{TIME}} · {question.on} · {zone} · {situation.trust.word}")
    for line in _lines(config, rules, situation, ledger):
        say(line)


async def _kept(folder: Path, who: str) -> Kept:
    """Read, and change nothing: the member by id, or by the alias of a visit that is kept."""
    store = await Store.open_readonly(folder)
    if store is None:
        if who:
            raise QuestionError(told("no member has this id"))
        return Kept()
    try:
        rows = await store.held.state()
        found = await store.members.named([who, *_of_alias(rows, who)]) if who else {}
    finally:
        await store.close()
    if who and not found:
        raise QuestionError(told("no member has this id, and no visit this alias"))
    return Kept(stored_member(next(iter(found.values()))) if found else None, tuple(rows))


def _of_alias(rows: Iterable[StateRow], alias: str) -> Iterator[str]:
    """Yield whose visit goes, or went, by an alias."""
    for row in rows:
        is_past = row.kind == "history" and row.key == alias
        is_open = row.kind == "visit" and isinstance(row.value, dict) and row.value.get("alias") == alias
        if row.member and (is_past or is_open):
            yield row.member


def _lines(config: Config, rules: Sequence[Rule], situation: Situation, ledger: Ledger) -> Iterator[str]:
    engine = make_engine(config, rules)
    decisions = [
        decision
        for each in _reached(situation, engine.dwell_lengths(situation.zone) if situation.zone else ())
        for decision in engine.decide(each, ledger)
    ]
    for decision in decisions:
        yield f"{decision.rule} ({Path(decision.file).name}:{decision.line}): {_words_of(decision)}"
    silent = [rule.name for rule in engine.rules if rule.name not in {decision.rule for decision in decisions}]
    if silent:
        yield told("They do not look at this: {rules}", rules=", ".join(silent))


def _reached(situation: Situation, lengths: Iterable[tuple[float, Any]]) -> Iterator[Situation]:
    """Yield a dwell once for each length on the way to it that some rule waits for."""
    if situation.trigger != "dwell":
        yield situation
        return
    for seconds, of in lengths:
        if seconds <= situation.dwell:
            earlier = situation.dwell - seconds
            yield replace(
                situation,
                t=situation.t - earlier,
                decided=situation.decided - earlier,
                local=situation.local - timedelta(seconds=earlier),
                dwell=seconds,
                dwell_of=of,
            )


def _words_of(decision: Decision) -> str:
    action = decision.action
    if isinstance(action, AlertAction):
        later = ""
        if action.escalate_to:
            later = told(
                ", and to {group} where nobody claims it in {seconds} s",
                group=action.escalate_to,
                seconds=f"{action.escalate_after_s:g}",
            )
        return told("alert to {group}{later}: {text}", group=action.group, later=later, text=action.text)
    if isinstance(action, OfferAction):
        return told(
            "offer {offer} {payload}", offer=action.offer, payload=json.dumps(action.payload, ensure_ascii=False)
        )
    return " · ".join(part for part in (told(decision.outcome), retold(decision.reason)) if part)
