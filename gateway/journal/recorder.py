"""A decider that has what it is given written down. It decides as any other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway.configuration.config import Config
from gateway.deciding.decider import Decider
from gateway.deciding.following import Find
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.inputs import (
    ClockSet,
    DeviceTold,
    Distrusted,
    FactSaid,
    Input,
    MemberPut,
    MemberRemoved,
    Person,
    Restored,
    RollCalled,
)
from gateway.events import Outcome, StateRow
from gateway.heard import Heard
from gateway.journal.entries import (
    VERSION,
    Begun,
    Entry,
    Line,
    Mark,
    Met,
    Numbered,
    Reached,
    Taken,
    Voice,
    is_about,
    pack,
)
from gateway.membership.memberchange import MemberChange
from rules.engine import Engine

KEPT = frozenset({"visit", "alert", "ledger", "sequence", "fact", "alive"})
"""Rows of durable state that a journal begins with."""

PAST = frozenset({"history"})
"""Rows that come with the member whom they are about."""

QUIET_S = 900.0
"""How long nobody must have been heard for a journal that begins to need nothing of the one before."""


class Recorder(Decider):
    """Gathers lines until `take_lines`. Members are written down when they are heard first, without what they carry.

    Nothing is gathered before `begin`. Who took consent back, or is removed, is met anew if ever.
    """

    def __init__(self, config: Config, engine: Engine, find: Find, ids: Identifiers, causes: Counter[str]) -> None:
        super().__init__(config, engine, find, ids, causes)
        self._ids = ids
        self._lines: list[Line] = []
        self._is_open = False
        self._met: dict[str, frozenset[str]] = {}  # what each agreed to
        self._voices: dict[tuple[Any, ...], int] = {}
        self._numbers = 0
        self._standing: dict[tuple[str, str], Input] = {}
        self._kept: dict[tuple[str, str], StateRow] = {}
        self._now = self._written = self._heard = -math.inf

    # journals

    @property
    def waiting(self) -> int:
        """How many lines wait to be written."""
        return len(self._lines)

    def is_quiet(self, t: float) -> bool:
        """Tell whether a journal that begins at `t` needs nothing of the one before."""
        is_here = self.visits or self.has_visits or self.alerts.deadline < math.inf
        return not is_here and t - self._heard >= QUIET_S

    def begin(self, t: float) -> None:
        super().begin(t)
        self._now = max(self._now, t)

    def open(self, t: float, run: bytes, config: str, rules: Iterable[tuple[str, str]]) -> None:
        """Begin a journal, at the time that was reached, or at `t` where nothing happened yet."""
        is_cut = not self.is_quiet(t)
        self._lines.clear()
        self._met.clear()
        self._voices.clear()
        self._is_open = True
        if self._now == -math.inf:
            self._now = t
        self._written = self._now
        self._put(Begun(VERSION, run, self._ids.number, self._now, config, tuple(rules), is_cut))
        if self._kept:
            self._put_rows(self._now, self.kept())
        for given in self._standing.values():
            self._put(given)

    def close(self) -> None:
        """Write nothing more down, until `open`."""
        self._is_open = False
        self._lines.clear()

    def keep(self, outcome: Outcome) -> None:
        """Take what is kept of what was decided: a journal that begins, begins with that."""
        for key, row in outcome.state.items():
            if row.kind in KEPT and row.value is not None:
                self._kept[key] = row
            else:
                self._kept.pop(key, None)

    def kept(self) -> Iterable[StateRow]:
        """Return the rows that a journal that begins now begins with."""
        return self._kept.values()

    def take_lines(self) -> list[Entry | Input]:
        """Return what was gathered, frames in a row together, and forget it."""
        found: list[Entry | Input] = []
        frames: list[Numbered] = []
        for line in self._lines:
            if isinstance(line, Taken):
                frames.append(Numbered(line.now, self._voice(line.heard, found), line.heard.rssi, line.heard.t))
                continue
            found += [packed] if (packed := pack(frames)) else []
            frames.clear()
            found.append(line)
        found += [packed] if (packed := pack(frames)) else []
        self._lines.clear()
        return found

    def _voice(self, heard: Heard, found: list[Entry | Input]) -> int:
        key = (heard.member, heard.receiver, heard.radio, heard.trust, heard.credential)
        number = self._voices.get(key)
        if number is None:
            self._numbers += 1
            number = self._voices[key] = self._numbers
            found.append(Voice(number, *key))
        return number

    # what is written down

    def advance(self, t: float, out: Outcome) -> None:
        said = _said(out)
        super().advance(t, out)
        self._now = max(self._now, t)
        if _said(out) != said:
            self._reach()
            self._mark(out, said)

    def hear(self, now: float, heard: Heard, out: Outcome) -> None:
        if self._is_open:
            if heard.member not in self._met:
                self._meet(heard.member, self._histories.rows(heard.member))
            self._lines.append(tuple.__new__(Taken, (now, heard)))  # quicker than `Taken(...)`
        self._now = self._written = self._heard = now
        said = len(out.events), len(out.decisions)
        super().hear(now, heard, out)
        if len(out.events) != said[0] or len(out.decisions) != said[1]:
            self._mark(out, said)

    def take(self, given: Input, out: Outcome) -> None:
        self._reach()
        self._write(given)
        said = _said(out)
        super().take(given, out)
        if isinstance(given, ClockSet):
            self._now = self._written = given.t
            self._heard += given.by_s
        if _said(out) != said:
            self._mark(out, said)

    def _write(self, given: Input) -> None:
        match given:
            case Restored(t, rows):
                self._kept = {(row.kind, row.key): row for row in rows if row.kind in KEPT}
                self._put_rows(t, rows)
            case MemberPut():
                self._change(given)
            case MemberRemoved(member=member_id):
                self._part(member_id)
                self._kept = {key: row for key, row in self._kept.items() if row.member != member_id}
            case Distrusted(member_id) if member_id not in self._met:
                return
            case _:
                self._stand(given)
                self._put(given)

    def member_changed(self, t: float, told: MemberChange, out: Outcome) -> None:
        said = _said(out)
        super().member_changed(t, told, out)
        self._mark(out, said)  # whom it tells of may be gone: what is told is not written down

    def _put(self, line: Line) -> None:
        if self._is_open:
            self._lines.append(line)

    def _reach(self) -> None:
        if self._now > self._written:
            self._written = self._now
            self._put(Reached(self._now))

    def _mark(self, out: Outcome, said: tuple[int, int]) -> None:
        self._put(Mark(self._ids.number, {event.topic: event.sequence for event in out.events[said[0] :]}))

    def _stand(self, given: Input) -> None:
        """Remember what is so until something else is said."""
        match given:
            case FactSaid(name=name, value=None):
                self._standing.pop(("fact", name), None)
            case FactSaid(name=name):
                self._standing["fact", name] = given
            case RollCalled():
                self._standing["roll call", ""] = given
            case DeviceTold(device=device, online=False):
                self._standing.pop(("device", device), None)
            case DeviceTold(device=device):
                self._standing["device", device] = given

    # members

    def _meet(self, member_id: str, past: Iterable[StateRow]) -> None:
        member = self._find(member_id)
        if member is not None:
            self._met[member_id] = member.purposes()
            self._put(Met(Person.of(member), tuple(past)))

    def _put_rows(self, t: float, rows: Iterable[StateRow]) -> None:
        """Begin with rows. Members who are here are met with their past, the others when they are heard."""
        rows = list(rows)
        here = {row.member for row in rows if row.kind in ("visit", "alert") and row.member}
        for member_id in sorted(here) if self._is_open else ():
            past = [row for row in rows if row.kind in PAST and row.member == member_id]
            self._meet(member_id, past or self._histories.rows(member_id))
        self._put(Restored(t, tuple(row for row in rows if row.kind in KEPT)))

    def _change(self, put: MemberPut) -> None:
        """Take that a member is another; whoever takes consent back is as good as gone."""
        member_id, agreed = put.person.id, put.person.purposes()
        if member_id not in self._met:
            return
        if put.left_out or not agreed >= self._met[member_id]:
            self._part(member_id)
        else:
            self._met[member_id] = agreed
            self._put(put)

    def _part(self, member_id: str) -> None:
        """Forget a member: what waits is dropped, and what is written is for the store to erase."""
        self._met.pop(member_id, None)
        self._voices = {key: number for key, number in self._voices.items() if key[0] != member_id}
        self._lines = [line for line in self._lines if not _names(line, member_id)]


def _said(out: Outcome) -> tuple[int, int]:
    return len(out.events), len(out.decisions)


def _names(line: Line, member_id: str) -> bool:
    return line.heard.member == member_id if isinstance(line, Taken) else is_about(line, member_id)
