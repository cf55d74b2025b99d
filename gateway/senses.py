"""Frames of members and of everybody else: who is heard, what is suspected, and how many others there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from drivers.sighting import Sighting
from gateway.configuration.config import Config
from gateway.crowd.count import Count
from gateway.crowd.crowd import Crowd
from gateway.events import StateRow
from gateway.identity.guard import ROW as DEMOTED
from gateway.identity.recognition import CHANGES, Register


class Senses:
    """Recognition and crowd: what knows frames, so that nothing behind it has to. No stranger gets past it."""

    def __init__(self, config: Config, register: Register, crowd: Crowd, causes: Counter[str]) -> None:
        self.register = register
        self.crowd = crowd
        self._causes = causes
        self._namespace = config.namespace
        self._references = frozenset(r.reference.identity for r in config.receivers if r.reference)
        self._others = 0  # frames

    @property
    def deadline(self) -> float:
        return min(self.crowd.deadline, self.register.deadline)

    def load(self, row: StateRow) -> None:
        """Take back what was kept of a credential; other rows say nothing here."""
        if row.kind in (CHANGES, DEMOTED):
            self.register.load(row)

    def pass_by(self, sighting: Sighting) -> None:
        """Take a frame by which nobody is recognised."""
        if sighting.identity in self._references:
            return
        self._others += 1
        if self._namespace and sighting.identity.startswith(self._namespace):
            self._causes["frames of our namespace that nobody may be known by"] += 1
            self.register.guess(sighting)
        self.crowd.hear(sighting)

    def advance(self, t: float) -> Iterable[Count]:
        """Do what is due by `t`; return the counts of intervals that are over."""
        if self.register.deadline <= t:
            self.register.advance(t)
        return self.crowd.advance(t) if self.crowd.deadline <= t else ()

    def redate(self, by_s: float) -> None:
        """Take that the clock was set by so much."""
        self.register.redate(by_s)
        self.crowd.redate(by_s)

    def counts(self) -> dict[str, int]:
        """Return what became of all that led to no visit, by cause."""
        silent = self.register.silent
        told = {"enrolled, without consent or paused": silent} if silent else {}
        if untried := self.register.untried:
            told["private addresses beyond the most that are tried"] = untried
        return {"frames of others": self._others, **told, **self._causes, **self.crowd.counters}
