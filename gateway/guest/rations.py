"""How much each guest may ask for, and which phones answered: known by keyed digests, and soon forgotten."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable

WINDOW_S = 300.0
MOST_KNOWN = 2048
"""More than one access point can number stations."""


class Window:
    """Counts by whatever bytes, for at most `WINDOW_S`: then key and counts are gone together."""

    def __init__(self, new_key: Callable[[], bytes]) -> None:
        self._new_key = new_key
        self._key = b""
        self._ends = float("-inf")
        self._counts: Counter[bytes] = Counter()

    def count(self, who: bytes, now: float) -> int:
        """Count one more of somebody; return how many that makes. Whom there is no room for always makes one."""
        name = self._name(who, now)
        if name not in self._counts and len(self._counts) >= MOST_KNOWN:
            return 1
        self._counts[name] += 1
        return self._counts[name]

    def knows(self, who: bytes, now: float) -> bool:
        return self._name(who, now) in self._counts

    def _name(self, who: bytes, now: float) -> bytes:
        if not self._ends - WINDOW_S <= now < self._ends:
            self._counts.clear()
            self._key, self._ends = self._new_key(), now + WINDOW_S
        return hmac.digest(self._key, who, "sha256")[:8]
