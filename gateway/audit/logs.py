"""Looks through what the gateway logged: for addresses, phone numbers, e-mail addresses and members' ids."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from gateway.audit.report import Look, Report
from gateway.audit.traces import addresses_in
from gateway.identity.personal import personal_in
from rules.messages import say

JOURNAL: Final = ("journalctl", "--unit", "hushbell", "--output", "cat", "--no-pager", "--quiet")
SHORTEST_ID: Final = 8
"""A shorter id could be any word."""

_WORD = re.compile(r"[^\s\"',;:()\[\]{}]+")


def look_at_logs(files: Iterable[Path], members: Collection[str]) -> Report:
    """Look through log files, or, where none are named, the service's journal. Raises OSError."""
    report = Report()
    named = list(files)
    for file in named:
        report.merge(judge(str(file), file.read_text(encoding="utf-8", errors="replace"), members))
    return report if named else _look_at_journal(members)


def _look_at_journal(members: Collection[str]) -> Report:
    where = " ".join(JOURNAL[:3])
    try:
        done = subprocess.run(JOURNAL, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return Report(looked=[Look(where, say("there is no journal here; name log files with --log"), done=False)])
    if done.returncode:
        return Report(looked=[Look(where, say("the journal cannot be read; try as root"), done=False)])
    return judge(where, done.stdout.decode(errors="replace"), members)


def judge(where: str, text: str, members: Collection[str]) -> Report:
    """Judge a log's text."""
    lines = text.splitlines()
    report = Report(looked=[Look(where, say("{count} lines", count=len(lines)))])
    ids = frozenset(id_ for id_ in members if len(id_) >= SHORTEST_ID)
    for number, line in enumerate(lines, 1):
        found = personal_in(line)
        if addresses_in(line.encode()):
            found = "an address"
        elif ids and not ids.isdisjoint(_WORD.findall(line)):
            found = "a member's id"
        if found:
            report.faults.append(say("{where}:{line} holds {what}", where=where, line=number, what=say(found)))
    return report
