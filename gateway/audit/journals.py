"""Goes through the journals: whoever is in them is enrolled, nobody else is, and none is held too long."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.report import Held, Look, Report
from gateway.audit.traces import traces
from gateway.configuration.config import Config
from gateway.deciding.inputs import Input, Restored
from gateway.journal.entries import Begun, Entry, Met, Voice
from gateway.journal.pages import JournalError, day_of, journals, read, seals_of
from rules.messages import say

DAY_S = 86400.0


def look_at_journals(config: Config, key: bytes, members: Collection[str], now: float) -> Report:
    """Open every journal of the state folder, at a time `now` (epoch seconds)."""
    report, faults = Report(), set[str]()
    found = journals(config.gateway.state)
    last = datetime.fromtimestamp(now - config.privacy.journal_s - DAY_S, config.store.timezone).date()
    entries = 0
    for path in found:
        if (day_of(path) or last) < last:
            faults.add(say("journals are held too long: the running gateway deletes them"))
        try:
            for entry in _entries(path, key):
                entries += 1
                faults |= set(_faults_of(entry, members))
        except JournalError as error:
            faults.add(str(error))
    if found:
        until = say("{journal} days", journal=f"{config.privacy.journal_s / DAY_S:g}")
        report.held.append(
            Held(
                say("journals, sealed: what decisions were made from"),
                len(found),
                say("consent to be recognised"),
                until,
            )
        )
        report.looked.append(Look("journal", say("{count} entries, every field of each", count=entries)))
    report.faults += sorted(faults)
    return report


def _entries(path: Path, key: bytes) -> Iterator[Entry | Input]:
    for page in read(path, seals_of(key), lambda _: None):
        yield from page


def _faults_of(entry: Entry | Input, members: Collection[str]) -> Iterator[str]:
    for member in _members_of(entry):
        if member not in members:
            yield say("a journal is about somebody who is no member")
    for found in traces(_values_of(entry), frozenset(members)):
        yield say("a journal holds {what}", what=say(found))


def _members_of(entry: Entry | Input) -> Iterator[str]:
    match entry:
        case Met(person, _):
            yield person.id
        case Voice(member=member_id):
            yield member_id
        case Restored(rows=rows):
            yield from (row.member for row in rows if row.member)


def _values_of(entry: Entry | Input) -> Any:
    """Return what may hold a trace of somebody; configuration and rules are the shop's own, and name nobody."""
    if isinstance(entry, Begun):
        return None
    if isinstance(entry, Restored):
        return [row.value for row in entry.rows if row.member]
    return msgspec.to_builtins(entry)
