"""Everybody else: counted, and forgotten within a window of five minutes at most.

A device is known inside one window only, by a digest of its address under a random key; at the window's end key and
table are dropped together, so nothing links two windows. Digests are compared for equality and for nothing else, so
the key never changes a count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any

from drivers.sighting import Kind, Radio, Sighting
from gateway.config import Zone

LONGEST_WINDOW_S = 300.0
SLOT_S = 60.0  # a phone looks for networks about once a minute, often under a new address each time
LINGER_S = 60.0  # seen outside for so long, nobody is passing any more
LATE_S = 10.0
QUIET_S = 86_400.0
MOST_DEVICES = 20_000  # in a window
ROUND_TO = 5

RADIOS: tuple[Radio, ...] = ("ble", "wifi")

# Not beacons: they are furniture and tags, and whoever carries one has a phone that counts.
PEOPLE: frozenset[Kind] = frozenset(
    {"advert", "probe-request", "association-request", "reassociation-request", "authentication", "station"}
)

_Z80 = 1.2816  # standard deviations on either side that hold 80 % of a normal distribution
_SPREAD = 0.4  # of the count: people carry no radio or two, and addresses change


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of people with its 80 % interval."""

    count: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return {"count": self.count, "low": self.low, "high": self.high}

    def rounded(self) -> dict[str, int]:
        """Return the count to the nearest five, the interval widened to whole fives."""
        return {
            "count": ROUND_TO * math.floor(self.count / ROUND_TO + 0.5),
            "low": ROUND_TO * math.floor(self.low / ROUND_TO),
            "high": ROUND_TO * math.ceil(self.high / ROUND_TO),
        }


def estimate(devices: float) -> Estimate:
    """Take a number of devices for one of people, with the interval that holds while nobody has calibrated it."""
    reach = _Z80 * math.sqrt(1 + devices + (_SPREAD * devices) ** 2)
    return Estimate(devices, max(0.0, devices - reach), devices + reach)


@dataclass(frozen=True, slots=True)
class Count:
    """How many others there were from `since` until `until` (seconds since the epoch).

    `passing` and `lingering` are those who came by outside within that time, `inside` is how many were inside at a
    time, on average. Where a window was `flooded` with more devices than it holds, the figures are no people.
    """

    since: float
    until: float
    passing: Estimate
    lingering: Estimate
    inside: Estimate
    minimum: int
    flooded: bool = False

    def data(self) -> dict[str, Any]:
        """Return what may be published: small cells hidden, the others rounded."""
        hidden = self._hidden()
        return self._told({n: {"hidden": True} if n in hidden else c.rounded() for n, c in self._cells().items()})

    def estimates(self) -> dict[str, Any]:
        """Return every cell unrounded and none hidden, to be held against recorded days; never published."""
        return self._told({name: cell.as_json() for name, cell in self._cells().items()})

    def _cells(self) -> dict[str, Estimate]:
        return {"passing": self.passing, "lingering": self.lingering, "inside": self.inside}

    def _told(self, cells: dict[str, Any]) -> dict[str, Any]:
        return {**cells, "calibration": None, **({"flooded": True} if self.flooded else {})}

    def _hidden(self) -> set[str]:
        """Name the cells under the minimum; one alone could be found from a sum, so the next smallest goes with it."""
        cells = self._cells()
        if self.flooded:
            return set(cells)
        ranked = sorted(cells, key=lambda name: cells[name].count)
        small = {name for name in ranked if cells[name].count < self.minimum}
        return set(ranked[:2]) if len(small) == 1 else small


@dataclass(slots=True)
class Trace:
    """What one device showed within one window."""

    first: float
    last: float
    inside: int = 0  # frames
    outside: int = 0
    slots: int = 0  # a bit for each slot in which it was heard inside


@dataclass(slots=True)
class Tally:
    """Devices of one radio; `inside` is in devices times slots."""

    passing: int = 0
    lingering: int = 0
    inside: int = 0

    def add(self, traces: Iterable[Trace]) -> None:
        """Count each device as what it mostly was."""
        for trace in traces:
            if trace.inside >= trace.outside:
                self.inside += trace.slots.bit_count()
            elif trace.last - trace.first >= LINGER_S:
                self.lingering += 1
            else:
                self.passing += 1


class Window:
    """The devices heard since `opens`, under a key that lives no longer than this."""

    __slots__ = ("_hash", "_opens", "_room", "flooded", "traces")

    def __init__(self, opens: float, key: bytes) -> None:
        self._opens = opens
        self._hash = blake2s(key=key, digest_size=8)
        self._room = MOST_DEVICES
        self.flooded = 0  # frames of devices that found no room
        self.traces: dict[Radio, dict[bytes, Trace]] = {radio: {} for radio in RADIOS}

    def add(self, t: float, radio: Radio, device: bytes, *, inside: bool) -> None:
        keyed = self._hash.copy()
        keyed.update(device)
        digest = keyed.digest()
        trace = self.traces[radio].get(digest)
        if trace is None:
            if not self._room:
                self.flooded += 1
                return
            self._room -= 1
            trace = self.traces[radio][digest] = Trace(t, t)
        elif t > trace.last:
            trace.last = t
        elif t < trace.first:
            trace.first = t
        if inside:
            trace.inside += 1
            trace.slots |= 1 << int((t - self._opens) / SLOT_S)
        else:
            trace.outside += 1


@dataclass(slots=True)
class Interval:
    """The interval begun: sums over its windows, nothing of any device."""

    since: float
    until: float
    watched: float  # the slot since when somebody listens
    flooded: bool = False
    tallies: dict[Radio, Tally] = field(default_factory=lambda: {radio: Tally() for radio in RADIOS})

    def add(self, window: Window) -> None:
        self.flooded |= window.flooded > 0
        for radio, tally in self.tallies.items():
            tally.add(window.traces[radio].values())

    def count(self, until: float, minimum: int) -> Count:
        """Sum up. Whoever carries two radios is one person: the radio that hears more counts."""
        slots = (until - self.watched) / SLOT_S
        tallies = self.tallies.values()
        passing = estimate(max(tally.passing for tally in tallies))
        lingering = estimate(max(tally.lingering for tally in tallies))
        inside = estimate(max(tally.inside for tally in tallies) / slots)
        return Count(self.since, until, passing, lingering, inside, minimum, self.flooded)


class Crowd:
    """Counts those who are no members, in intervals of whole windows aligned to the epoch.

    Pure but for the keys, of which it asks a new one for every window in which somebody is heard. It begins with the
    first time that it is told, and rests when nobody was heard for a day. `counters` has what is not counted, by cause.
    """

    def __init__(
        self,
        zones: Iterable[Zone],
        interval_s: float = 900.0,
        window_s: float = LONGEST_WINDOW_S,
        minimum: int = 10,
        *,
        key_source: Callable[[], bytes],
    ) -> None:
        if not 0 < window_s <= LONGEST_WINDOW_S or window_s % SLOT_S or interval_s % window_s:
            raise ValueError("a window is whole minutes, five at most, and an interval whole windows")
        self.counters: Counter[str] = Counter()
        self._levels = _levels(zones)
        self._interval_s = interval_s
        self._window_s = window_s
        self._minimum = minimum
        self._key_source = key_source
        self._interval: Interval | None = None  # None before the first and while at rest
        self._window: Window | None = None  # None until somebody is heard in it
        self._opens = self.deadline = math.inf
        self._now = self._last_heard = -math.inf
        self._counted: list[Count] = []

    def hear(self, sighting: Sighting) -> None:
        """Take a frame of nobody who is known."""
        t, receiver, radio, kind, rssi, _, _, address, address_type, _, _, _, pseudonym = sighting
        if kind not in PEOPLE or address_type == "public":
            self.counters["beacon or public address"] += 1
            return
        device = address or (pseudonym or "").encode()
        inside = self._inside(receiver, rssi)
        if not device or inside is None:
            self.counters["out of reach" if device else "without a device"] += 1
            return
        if t < self._now - LATE_S:
            self._refuse_late(t)
            return
        if not self._opens <= t < self.deadline:
            t = self._reach(t)
        if t > self._now:
            self._now = t
        self._last_heard = self._now
        if self._window is None:
            self._window = Window(self._opens, self._key_source())
        self._window.add(t, radio, device, inside=inside)

    def advance(self, now: float) -> list[Count]:
        """Let time pass to `now`; return the intervals that are finished, in order."""
        if self._now == -math.inf:
            self._now = self._last_heard = now
            self._begin(now)
        self._pass(now)
        counted, self._counted = self._counted, []
        return counted

    def finish(self, now: float) -> list[Count]:
        """Let time pass to `now`, where the input ends: what is begun is counted, to the end of its minute."""
        counted = self.advance(now)
        if self._interval is not None:
            self._close_window()
            minutes = math.floor((self._now - self._interval.since) / SLOT_S) + 1
            counted.append(self._interval.count(self._interval.since + minutes * SLOT_S, self._minimum))
            self._rest()
        return counted

    def _inside(self, receiver: str, rssi: int | None) -> bool | None:
        """Say whether the frame's level is one of the inside; None where no zone hears it. No level is the widest."""
        levels = self._levels.get(receiver, ())
        if rssi is None:
            return levels[-1][1] if levels else None
        for least, inside in levels:
            if rssi >= least:
                return inside
        return None

    def _refuse_late(self, t: float) -> None:
        """Leave out a frame from before; one from very long before means that the clock was set back: forget."""
        self.counters["late"] += 1
        if t < self._now - self._window_s:
            self._close_window()

    def _reach(self, t: float) -> float:
        """Come to the window of `t`; a frame that is a little late goes to the window begun."""
        self._pass(t)
        if self._interval is None:
            self._begin(self._now)
        return max(t, self._opens)

    def _pass(self, now: float) -> None:
        self._now = max(self._now, now)
        while now >= self.deadline:
            self._close_window()
            if self._interval is not None and self.deadline >= self._interval.until:
                self._close_interval(self._interval)
            else:
                self._open_window(self.deadline)

    def _begin(self, t: float) -> None:
        since = self._interval_s * math.floor(t / self._interval_s)
        self._interval = Interval(since, since + self._interval_s, SLOT_S * math.floor(t / SLOT_S))
        self._open_window(self._window_s * math.floor(t / self._window_s))

    def _open_window(self, opens: float) -> None:
        self._opens, self.deadline = opens, opens + self._window_s

    def _close_window(self) -> None:
        """Count what the window holds and drop it, its key with it."""
        if self._window is not None and self._interval is not None:
            self._interval.add(self._window)
            if self._window.flooded:
                self.counters["flood"] += self._window.flooded
        self._window = None

    def _close_interval(self, interval: Interval) -> None:
        self._counted.append(interval.count(interval.until, self._minimum))
        if interval.until - self._last_heard >= QUIET_S:
            self._rest()
        else:
            self._interval = Interval(interval.until, interval.until + self._interval_s, interval.until)
            self._open_window(interval.until)

    def _rest(self) -> None:
        self._interval = None
        self._opens = self.deadline = math.inf


def _levels(zones: Iterable[Zone]) -> dict[str, tuple[tuple[float, bool], ...]]:
    """List, for each receiver, the levels in dBm from which a frame belongs to the inside or to the outside."""
    found: dict[str, list[tuple[float, bool]]] = {}
    for zone in zones:
        for hear in zone.hear:
            least = -math.inf if hear.at_least is None else hear.at_least - hear.offset
            found.setdefault(hear.receiver, []).append((least, zone.kind != "outside"))
    return {receiver: tuple(sorted(levels, reverse=True)) for receiver, levels in found.items()}
