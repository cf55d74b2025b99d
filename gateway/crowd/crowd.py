"""The crowd through time: frames of nobody who is known go in, counts of whole intervals come out."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from drivers.sighting import Kind, Sighting
from gateway.configuration.config import CrowdSettings, CrowdSource, Zone
from gateway.crowd.count import Count, count_people
from gateway.crowd.evidence import MINUTE_S, SOURCES, Measure, Tally, Window

LONGEST_WINDOW_S = 300.0
LATE_S = 10.0
QUIET_S = 86_400.0
MOST_MEASURES = 14 * 96  # a fortnight of quarter hours

# Not beacons: they are furniture and tags, and whoever carries one has a phone that counts.
SOURCE_OF: dict[Kind, CrowdSource] = {
    "advert": "ble",
    "probe-request": "wifi",
    "association-request": "wifi",
    "reassociation-request": "wifi",
    "authentication": "wifi",
    "station": "connected",
}

LEVELS = range(-128, 128)  # an octet with a sign, as radios report it
NOWHERE: dict[int | None, bool] = {}
_AS_IT_COMES = CrowdSettings()

THINGS = frozenset({"public", "global"})
"""Addresses that their maker gave: what shows one to everybody is a thing. People's phones have long hidden theirs."""


@dataclass(slots=True)
class Interval:
    """The interval begun: sums over its windows, nothing of any device."""

    since: float
    until: float
    watched: float  # the minute since when somebody listens
    flooded: bool = False
    tallies: dict[CrowdSource, Tally] = field(default_factory=lambda: {source: Tally() for source in SOURCES})

    def add(self, window: Window) -> None:
        self.flooded |= window.flooded > 0
        for source, tally in self.tallies.items():
            tally.add(window, source)

    def measure(self, until: float) -> Measure:
        """Sum up what was heard until then."""
        watched = until - self.watched
        heard = {source: tally.heard(source, watched) for source, tally in self.tallies.items()}
        return Measure(self.since, until, watched, heard)


class Crowd:
    """Counts those who are no members, in intervals of whole windows aligned to the epoch.

    Pure but for the keys, of which it asks a new one for every window in which somebody is heard. It begins with the
    first time that it is told, and rests when nobody was heard for a day. `counters` has what is not counted, by cause;
    `measures` what was heard in the latest whole intervals, from which an installer calibrates.
    """

    def __init__(
        self,
        zones: Iterable[Zone],
        interval_s: float = 900.0,
        window_s: float = LONGEST_WINDOW_S,
        minimum: int = 10,
        settings: CrowdSettings = _AS_IT_COMES,
        *,
        key_source: Callable[[], bytes],
    ) -> None:
        if not 0 < window_s <= LONGEST_WINDOW_S or window_s % MINUTE_S or interval_s % window_s:
            raise ValueError("a window is whole minutes, five at most, and an interval whole windows")
        self.counters: Counter[str] = Counter()
        self.measures: deque[Measure] = deque(maxlen=MOST_MEASURES)
        self._places = _places(zones)
        self._interval_s = interval_s
        self._window_s = window_s
        self._minimum = minimum
        self._fixed = settings.fixed
        self._calibration = settings.calibration
        self._key_source = key_source
        self._interval: Interval | None = None  # None before the first and while at rest
        self._window: Window | None = None  # None until somebody is heard in it
        self._opens = self.deadline = math.inf
        self._now = self._last_heard = -math.inf
        self._counted: list[Count] = []

    def hear(self, sighting: Sighting) -> None:
        """Take a frame of nobody who is known."""
        t, receiver, _, kind, rssi, _, _, address, address_type, _, _, _, pseudonym = sighting
        source = SOURCE_OF.get(kind)
        if source is None or address_type in THINGS or (self._fixed and address in self._fixed):
            self.counters["beacon or fixed station"] += 1
            return
        device = address or (pseudonym or "").encode()
        inside = self._places.get(receiver, NOWHERE).get(rssi)
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
        self._window.add(t, "connected" if rssi is None else source, device, rssi or 0, inside=inside)

    def advance(self, now: float) -> list[Count]:
        """Let time pass to `now`; return the intervals that are finished, in order."""
        if self._now == -math.inf:
            self._now = self._last_heard = now
            self._begin(now)
        self._pass(now)
        counted, self._counted = self._counted, []
        return counted

    def redate(self, by_s: float) -> None:
        """Go on at another time, after `finish`: the clock was set by so much."""
        self._now += by_s
        self._last_heard += by_s

    def finish(self, now: float) -> list[Count]:
        """Let time pass to `now`, where the input ends: what is begun is counted, to the end of its minute."""
        counted = self.advance(now)
        if self._interval is not None:
            self._close_window()
            minutes = math.floor((self._now - self._interval.since) / MINUTE_S) + 1
            counted.append(self._count(self._interval, self._interval.since + minutes * MINUTE_S))
            self._rest()
        return counted

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
        self._interval = Interval(since, since + self._interval_s, MINUTE_S * math.floor(t / MINUTE_S))
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
        self._counted.append(self._count(interval, interval.until))
        if interval.until - self._last_heard >= QUIET_S:
            self._rest()
        else:
            self._interval = Interval(interval.until, interval.until + self._interval_s, interval.until)
            self._open_window(interval.until)

    def _count(self, interval: Interval, until: float) -> Count:
        measure = interval.measure(until)
        if not interval.flooded and measure.watched == self._interval_s:
            self.measures.append(measure)
        return count_people(measure, self._minimum, self._calibration, flooded=interval.flooded)

    def _rest(self) -> None:
        self._interval = None
        self._opens = self.deadline = math.inf


def _places(zones: Iterable[Zone]) -> dict[str, dict[int | None, bool]]:
    """Say for each receiver which levels are of the inside, and which of the outside; no level is the widest zone's."""
    found: dict[str, list[tuple[float, bool]]] = {}
    for zone in zones:
        for hear in zone.hear:
            least = -math.inf if hear.at_least is None else hear.at_least - hear.offset
            found.setdefault(hear.receiver, []).append((least, zone.kind != "outside"))
    places: dict[str, dict[int | None, bool]] = {}
    for receiver, levels in found.items():
        widest_first = sorted(levels)
        places[receiver] = {None: widest_first[0][1]}
        for least, inside in widest_first:
            places[receiver].update((rssi, inside) for rssi in LEVELS if rssi >= least)
    return places
