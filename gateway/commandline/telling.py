"""A story in lines for people: what fired and by what, each silence, and the digests of days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import UNSET

from gateway.contract.commands import DecisionTold, Explained, RuleText, SightingsTold, Silence
from gateway.retold import CARRIED, retold
from gateway.store.chain import Checked, Verdict
from rules.messages import say

SHORT = 16  # digits of a digest that are shown


def lines_of(told: Explained) -> Iterator[str]:
    """Write a story: every decision in order, those that fired at length, then counts of why not."""
    texts = {each.sha256[:SHORT]: each for each in told.rules or ()}
    for decision in told.decisions:
        yield from _decision(decision, texts)
    yield from _silences(told.silences or ())
    if told.counts:
        yield say("No decision at all, since the gateway started:")
        yield from (f"{number:6} {retold(cause)}" for cause, number in told.counts.items())


def _decision(told: DecisionTold, texts: dict[str, RuleText]) -> Iterator[str]:
    zone = told.zone or say("somewhere inside")
    head = f"{_time(told.decided)} {told.rule}, {zone}, {say(CARRIED[told.credential])}"
    if told.outcome != "fired":
        yield f"{head}: {say('no')}, {_why(told)}"
        return
    yield f"{_day(told.decided)} {head}: {say('fired')}" + (f" {told.subject}" if told.subject else "")
    yield f"  {say('event at {time}, trust {trust}', time=_time(told.at), trust=told.trust)}"
    for spell in told.sightings or ():
        yield f"  {say('heard')} {_spell(spell)}"
    for name, value in (told.read or {}).items():
        yield f"  {say('read')} {name}: {say(value)}"
    for cap in told.caps or ():
        yield "  " + say("cap: {cap}, used {used} of {most}", cap=retold(cap.cap), used=cap.used, most=cap.most)
    yield f"  {say('rule')} {told.file}, {say('line')} {told.line}" + (
        "" if told.sha256 is UNSET else f", SHA-256 {told.sha256}"
    )
    text = texts.get(told.sha256 or "")
    yield from (f"  | {line}" for line in (text.text.splitlines() if text else ()))


def _why(told: DecisionTold) -> str:
    item = f", {say('item {item} of if', item=told.item)}" if told.item else ""
    return f"{retold(told.reason) or say(told.outcome)} ({say('line')} {told.line}{item})"


def _spell(spell: SightingsTold) -> str:
    level = say("connected") if spell.rssi is None else f"{spell.rssi[0]} … {spell.rssi[1]} dBm"
    frames = say("{count} frames", count=spell.frames)
    return f"{_time(spell.since)} – {_time(spell.until)} {spell.receiver}, {level}, {frames}"


def _silences(silences: Iterable[Silence]) -> Iterator[str]:
    silences = list(silences)
    if silences:
        yield say("Why not, and how often:")
    for each in silences:
        why = retold(each.reason) or say(each.outcome)
        yield f"{each.count:6} {each.rule}, {say(each.outcome)}: {why} ({say('line')} {each.line})"


def _day(time: str) -> str:
    return time[:10]


def _time(time: str) -> str:
    return time[11:19]


def lines_of_days(verdict: Verdict, timezone: ZoneInfo) -> Iterator[str]:
    """Write the chain of digests, an entry a line, and what is not as it was."""
    for each in verdict.entries:
        yield from _entry(each, timezone)
    if verdict.unreadable:
        yield say("{count} entries cannot be read", count=verdict.unreadable)
    if verdict.strays:
        yield say("{count} decisions were added to days that were closed without them", count=verdict.strays)
    yield from (say("the text of a rule is not what was kept: {text}", text=text[:SHORT]) for text in verdict.texts)
    yield say("all is as it was") if verdict.is_whole else say("this is not as it was")


def _entry(checked: Checked, timezone: ZoneInfo) -> Iterator[str]:
    entry = checked.entry
    if entry.what == "erased":
        head = say("a member was erased, {count} decisions went", count=entry.erased)
        yield f"{_date(entry.at, timezone)} {head}, {entry.digest[:SHORT]}, {say(_FARES[checked.fares])}"
    for day in entry.days if entry.what == "day" else ():
        rows = say("{count} decisions", count=day.rows)
        yield f"{_date(day.since, timezone)} {rows}, {entry.digest[:SHORT]}, {say(_FARES[checked.fares])}"
    for day in checked.now:
        yield "  " + say("{date} has {count} decisions now", date=_date(day.since, timezone), count=day.rows)


_FARES = {
    "held": "as it was",
    "pruned": "past its retention",
    "changed": "CHANGED",
    "broken": "CHAIN BROKEN",
}


def _date(t: float, timezone: ZoneInfo) -> str:
    return datetime.fromtimestamp(t, timezone).date().isoformat()
