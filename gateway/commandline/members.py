"""`hushbell members`: put, pause, remove, export and list, on the store itself, with or without a daemon."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway import clock
from gateway.commandline.lines import complain, refuse, say
from gateway.commandline.stored import with_store
from gateway.configuration.config import Config
from gateway.contract.reading import RefusedError, parse_json
from gateway.identity.fields import check_moment
from gateway.identity.member import MemberError, parse_member, stored_member
from gateway.membership.export import export as export_page
from gateway.membership.intake import Intake
from gateway.membership.memberchange import change, departure, written
from gateway.membership.roster import dumps
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.messages import say as told

LONGEST_LINE_BYTES = 1 << 18
LINES_AT_ONCE = 1000
PROGRESS_S = 1.0
STANDARD_INPUT = Path("-")
OVER = "now"
"""The time that ends a pause."""

_OPEN = partial(Store.open, mend=False)


class Line(NamedTuple):
    """A line of a file, cut where it is too long, and the byte that it ends at."""

    number: int
    text: bytes
    end: int


@dataclass(slots=True)
class Progress:
    """How far a file is read, told once a second; a short one is read in silence."""

    file: Path
    bytes: int
    line: int = 0
    put: int = 0
    same: int = 0
    refused: int = 0
    _due: float = field(default_factory=lambda: clock.monotonic() + PROGRESS_S)

    def reach(self, line: Line) -> None:
        self.line = line.number
        if clock.monotonic() >= self._due:
            self._due = clock.monotonic() + PROGRESS_S
            percent = f", {100 * line.end // self.bytes} %" if self.bytes else ""
            complain(told("{file}: {line} lines{percent}", file=self.file, line=self.line, percent=percent))

    def summary(self) -> str:
        same = told(" ({same} of them were there already)", same=self.same) if self.same else ""
        return told("{put} put{same}, {refused} refused", put=self.put, same=same, refused=self.refused)


def put(config_path: Path, file: Path) -> int:
    """Put the members of a JSON-lines file; the lines that are refused are told, the good ones go in.

    What was read is kept a thousand lines at a time: a run that is broken off is begun again, and does no harm twice.
    """

    size = 0 if file == STANDARD_INPUT else file.stat().st_size

    async def work(config: Config, store: Store) -> int:
        intake = await Intake.open(store, config.gateway.id, clock.wall)
        progress = Progress(file, size)
        try:
            await _put_lines(intake, progress)
        except (asyncio.CancelledError, StoreError):
            complain(told("{file}: broken off at line {line}; run it again to go on", file=file, line=progress.line))
            raise
        if not progress.put and not progress.refused:
            complain(told("{file}: the file is empty, expected a member a line", file=file))
            return 2
        say(progress.summary())
        return 1 if progress.refused else 0

    return with_store(config_path, _OPEN, work)


async def _put_lines(intake: Intake, progress: Progress) -> None:
    lines = _lines(progress.file)
    while some := list(islice(lines, LINES_AT_ONCE)):
        await intake.expect(line.text for line in some)
        for line in some:
            _put_line(intake, line, progress)
        progress.same += await intake.commit()
        progress.reach(some[-1])


def _put_line(intake: Intake, line: Line, progress: Progress) -> None:
    try:
        if intake.holds(line.text):
            progress.same += 1
        else:
            intake.put(parse_member(parse_json(line.text, LONGEST_LINE_BYTES)))
    except MemberError as error:
        progress.refused += 1
        refuse(f"{progress.file}:{line.number}: {error}")
    else:
        progress.put += 1


def pause(config_path: Path, member_id: str, until: str) -> int:
    """Stop recognising a member until an RFC 3339 time, or begin again `now`."""

    async def work(config: Config, store: Store) -> int:
        t = None if until == OVER else round(check_moment(until, "paused_until"), 3)
        found = await store.members.named([member_id])
        if not found:
            return _nobody()
        before = stored_member(found[member_id])
        paused = replace(before, paused_until=t)
        told = change(before, paused, "command-line", clock.wall())
        await store.members.put([(paused.id, dumps(paused))], {paused.id: written(told)} if told else {})
        return 0

    return with_store(config_path, _OPEN, work)


def remove(config_path: Path, member_id: str) -> int:
    """Erase a member: every row, and the keys."""

    async def work(config: Config, store: Store) -> int:
        if not await store.members.has(member_id):
            return _nobody()
        told = departure(member_id, "command-line", clock.wall())
        await store.erasure.of_member(member_id, told=written(told))
        return 0

    return with_store(config_path, _OPEN, work)


def export(config_path: Path, member_id: str | None) -> int:
    """Print every row that is held about a member, or about everybody, a JSON object a line."""

    async def work(config: Config, store: Store) -> int:
        after: str | None = None
        try:
            while True:
                page = await export_page(store, config.store.timezone, member_id, after)
                for row in page.rows:
                    say(msgspec.json.encode(row).decode())
                if page.after is None:
                    return 0
                after = page.after
        except RefusedError:
            return _nobody()

    return with_store(config_path, _OPEN, work)


def list_(config_path: Path) -> int:
    """Print each member's id, what is carried, what was agreed to and until when it rests, a JSON object a line."""

    async def work(config: Config, store: Store) -> int:
        async for id_, text in store.members.all():
            member = stored_member(text)
            kinds = [credential.kind for credential in member.credentials]
            entry = {"member": id_, "credentials": kinds, "purposes": sorted(member.purposes())}
            if member.paused_until is not None:
                entry["paused_until"] = member.as_json()["choices"]["paused_until"]
            say(json.dumps(entry, ensure_ascii=False))
        return 0

    return with_store(config_path, _OPEN, work)


def _nobody() -> int:
    complain(told("no member has this id"))
    return 2


def _lines(file: Path) -> Iterator[Line]:
    """Yield the lines that are not blank, with their numbers; of an endless line only so much as tells it is one."""
    with sys.stdin.buffer if file == STANDARD_INPUT else file.open("rb") as stream:
        number = end = 0
        while line := stream.readline(LONGEST_LINE_BYTES + 1):
            number += 1
            end += len(line)
            if line.strip():
                yield Line(number, line, end)
            while not line.endswith(b"\n") and (line := stream.readline(LONGEST_LINE_BYTES)):
                end += len(line)
