"""What is heard of those who are no members, from windows of five minutes at most to sums over an interval.

A device is known inside one window only, by a digest of its address under a random key; at the window's end key and
table are dropped together, so nothing links two windows. Digests are compared for equality and for nothing else, so
the key never changes a count.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import NamedTuple

from gateway.configuration.config import CrowdSource

MINUTE_S = 60.0
BURST_S = 10.0
"""A phone that looks for networks asks on every channel within a few seconds: what it sends so soon is one burst."""
LEVEL_DB = 3
"""Frames of one burst, from a phone that lies or is held in one place, arrive at about one level."""
LINGER_S = 60.0  # seen outside for so long, nobody is passing any more
MOST_DEVICES = 20_000  # in a window
BURSTS_A_MINUTE = int(MINUTE_S / BURST_S)

SOURCES: tuple[CrowdSource, ...] = ("ble", "wifi", "connected")
"""Bluetooth, Wi-Fi, and what is heard without a level: stations of the shop's own network."""

_LEVELS = 128  # more than a radio can report
_MIDDLE = 64
_A_MINUTE = (1 << BURSTS_A_MINUTE) - 1
_OUTSIDE = 1 << 30


class Heard(NamedTuple):
    """What one source gave in an interval.

    `inside` is in bursts for `wifi`, else in devices times minutes; `passing` and `lingering` are in devices.
    """

    inside: float
    passing: float
    lingering: float


class Measure(NamedTuple):
    """What was heard from `since` until `until` (seconds since the epoch), of which `watched` were listened to."""

    since: float
    until: float
    watched: float
    heard: dict[CrowdSource, Heard]


@dataclass(slots=True)
class Trace:
    """What one device showed within one window; a bit for each slot of a burst in which it was heard."""

    first: float
    last: float
    inside: int = 0
    outside: int = 0

    def minutes(self) -> int:
        """Return in how many minutes it was heard inside."""
        left, found = self.inside, 0
        while left:
            found += left & _A_MINUTE > 0
            left >>= BURSTS_A_MINUTE
        return found


class Window:
    """The devices heard since `opens`, under a key that lives no longer than this, and where and when bursts came.

    A burst is a number made of its slot, its level and its place, and knows nothing of who sent it.
    """

    __slots__ = ("_hash", "_opens", "_room", "flooded", "heard")

    def __init__(self, opens: float, key: bytes) -> None:
        self._opens = opens
        self._hash = blake2s(key=key, digest_size=8)
        self._room = MOST_DEVICES
        self.flooded = 0  # frames of devices that found no room
        self.heard: dict[CrowdSource, tuple[dict[bytes, Trace], set[int]]] = {source: ({}, set()) for source in SOURCES}

    def add(self, t: float, source: CrowdSource, device: bytes, rssi: int, *, inside: bool) -> None:
        keyed = self._hash.copy()
        keyed.update(device)
        digest = keyed.digest()
        traces, bursts = self.heard[source]
        trace = traces.get(digest)
        if trace is None:
            if not self._room:
                self.flooded += 1
                return
            self._room -= 1
            trace = traces[digest] = Trace(t, t)
        elif t > trace.last:
            trace.last = t
        elif t < trace.first:
            trace.first = t
        slot = int((t - self._opens) / BURST_S)
        burst = slot * _LEVELS + rssi // LEVEL_DB + _MIDDLE
        if inside:
            trace.inside |= 1 << slot
            bursts.add(burst)
        else:
            trace.outside |= 1 << slot
            bursts.add(burst + _OUTSIDE)


@dataclass(slots=True)
class Tally:
    """Sums of one source over the windows of an interval, nothing of any device; bursts are by level."""

    minutes: int = 0  # devices times minutes inside
    passing: int = 0  # devices
    lingering: int = 0
    lingered: int = 0  # bursts of devices that lingered
    inside: Counter[int] = field(default_factory=Counter)  # slots with a burst
    outside: Counter[int] = field(default_factory=Counter)

    def add(self, window: Window, source: CrowdSource) -> None:
        """Count each device as what it mostly was, and each burst where it was."""
        traces, bursts = window.heard[source]
        for trace in traces.values():
            if trace.inside.bit_count() >= trace.outside.bit_count():
                self.minutes += trace.minutes()
            elif trace.last - trace.first >= LINGER_S:
                self.lingering += 1
                self.lingered += trace.outside.bit_count()
            else:
                self.passing += 1
        for burst in bursts:
            (self.outside if burst & _OUTSIDE else self.inside)[burst % _LEVELS] += 1

    def heard(self, source: CrowdSource, watched_s: float) -> Heard:
        """Sum up. Nobody is heard without a burst, so there are no more devices than those, whatever addresses say."""
        if source == "connected":
            return Heard(self.minutes, self.passing, self.lingering)
        slots = watched_s / BURST_S
        inside = _bursts(self.inside, slots)
        passing = min(self.passing, max(0.0, _bursts(self.outside, slots) - self.lingered))
        return Heard(inside if source == "wifi" else min(self.minutes, inside), passing, self.lingering)


def _bursts(taken: Counter[int], slots: float) -> float:
    """Return how many bursts most probably came, where two that share slot and level are seen as one.

    Of n bursts that fall at random on m slots, m * exp(-n / m) slots stay empty (Poisson).
    """
    return sum(-slots * math.log(max(1 - used / slots, 0.5 / slots)) for used in taken.values())
