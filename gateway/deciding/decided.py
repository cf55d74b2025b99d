"""What is kept of a decision: why, by which text of the rule, and, where it fired, what was heard and read for it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from gateway.contract.reading import Json
from gateway.events import StateRow
from gateway.store.decisions import RULE_TEXT
from rules.situation import Decision, Situation

NAMED_BY = 16
"""Digits of a text's SHA-256 by which decisions name it."""

DAY_S = 86400.0


class Texts:
    """The texts of rules that decide; each is kept for as long as a decision by it is, and a day at most longer.

    Those of the rules in force are known here: where rules change, `begin_anew`.
    """

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._names: dict[str, str] = {}  # SHA-256 in hex by text
        self._until: dict[str, float] = {}  # until when the store keeps a text

    def begin_anew(self) -> None:
        """Take that other rules decide from now on; the text of one that stayed is put once more."""
        self._names.clear()
        self._until.clear()

    def name(self, text: str) -> str:
        """Return the SHA-256 of a rule's text, in hex."""
        name = self._names.get(text)
        if name is None:
            name = self._names[text] = sha256(text.encode()).hexdigest()
        return name

    def due(self, text: str, t: float) -> StateRow | None:
        """Return what keeps a text, where a decision at `t` (epoch seconds) needs it for longer than it is kept."""
        name, until = self.name(text), t + self._kept_s
        if self._until.get(name, 0.0) >= until:
            return None
        self._until[name] = until + DAY_S
        return StateRow(RULE_TEXT, name, text, None, until + DAY_S)


def detail(situation: Situation, credential: str, decision: Decision, text: str) -> dict[str, Json]:
    """Return what is kept of every decision; `text` is the SHA-256 of the rule's."""
    found: dict[str, Json] = {
        "trigger": situation.trigger,
        "zone": situation.zone.id if situation.zone else None,
        "at": situation.t,
        "trust": situation.trust.word,
        "credential": credential,
        "reason": decision.reason,
        "file": decision.file.rpartition("/")[2],
        "line": decision.line,
        "text": text[:NAMED_BY],
    }
    if decision.item:
        found["item"] = decision.item
    if decision.caps:
        found["caps"] = [list(cap) for cap in decision.caps]
    return found


def evidence(decision: Decision, sightings: Sequence[Json]) -> dict[str, Json]:
    """Return what is kept beside that of a decision that fired: what was heard of the member, and what was read."""
    return {"sightings": list(sightings), "read": dict(decision.read)}
