"""What the back end says is so, by name, and since when: rules read it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from gateway.deciding.inputs import FactSaid
from gateway.events import Outcome, StateRow

MOST_FACTS = 1000
ROW = "fact"


class Facts:
    """Keeps `MOST_FACTS` at most; one beyond them is counted in `causes`.

    `times` tells when each was said, in seconds since the epoch. What a broker repeats, because it keeps it, was said
    when it was heard first: that outlives a restart, by a digest of the value.
    """

    def __init__(self, causes: Counter[str]) -> None:
        self.values: dict[str, Any] = {}
        self.times: dict[str, float] = {}
        self._said: dict[str, str] = {}  # digests
        self._causes = causes

    def take(self, said: FactSaid, out: Outcome) -> bool:
        """Take a fact, or that it is taken back; tell whether there is another value than before."""
        name = said.name
        if said.value is None:
            if self.values.pop(name, None) is not None:
                self._forget(name, out)
            return False
        if name not in self.values and len(self.values) >= MOST_FACTS:
            self._causes["fact beyond the most that are kept"] += 1
            return False
        digest = _digest(said.value)
        is_new = self._said.get(name) != digest
        self.values[name] = said.value
        if is_new or not said.repeated:
            self._said[name], self.times[name] = digest, said.t
            out.put(StateRow(ROW, name, [digest, said.t]))
        return is_new

    def _forget(self, name: str, out: Outcome) -> None:
        self._said.pop(name, None)
        self.times.pop(name, None)
        out.put(StateRow(ROW, name, None))

    def load(self, name: str, value: Any) -> None:
        """Take back when a fact was said; its value comes again from the broker."""
        self._said[name], self.times[name] = value

    def redate(self, by_s: float, out: Outcome) -> None:
        """Move all times: the clock was set by so much."""
        for name, digest in self._said.items():
            self.times[name] += by_s
            out.put(StateRow(ROW, name, [digest, self.times[name]]))


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
