"""Which zone, and how sure: the levels of one member at all receivers become odds, and odds held become a zone.

Between receivers the louder one is the nearer one, as far as levels tell. What is left on a link when frames are
averaged is shadowing (4 dB), the fading of three channels that do not change while somebody stands (2.3 dB) and whether
a body is in between (2.8 dB); and in the midst of a zone its own receiver is some 11.5 dB louder than the next. So a
difference of d dB is worth odds of exp(d / T), T = 2 (4² + 2.3² + 2.8²) / (2 × 11.5).
On one receiver the installer's levels decide, blurred only by the estimate's own error.

Odds become a zone by a sequential test: what a rival's log-odds exceed a bar by is added up over time until it
suffices. A clear change takes about a second, a doubtful one longer, and a difference below the bar never gets there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.configuration.config import Zone
from gateway.presence.frames import PLACE, receivers_of
from gateway.presence.smoothing import Level

CONTRAST_DB = 2.5  # T above
BLUR_DB = 1.0  # scale of the logistic curve about a level set by hand
LOGISTIC = 1.7  # a normal curve of deviation s is nearly a logistic one of scale s / 1.7
FRESH_S = 6.0  # a receiver that has missed a member for longer has nothing to say
MISSED_DB_PER_S = 2.0  # a level is taken to fade once its next frame is late by a second
STRAY_DB = 2 * CONTRAST_DB  # counts against being within a shop at whose door one was not

NAMED = 0.6  # a zone that stays less probable than this, of all zones, for `DOUBT_S` is named no longer
DOUBT_S = 9.0
EVEN = 0.5  # bar for a zone against none; no zone that is less probable is taken
LIKELY = 0.75  # bar for going from one receiver's zone to another's
CLEARLY = 0.85  # bar for naming a zone again after a don't-know
HOLD = 1.3  # sum of log-odds above the bar, over seconds, that takes a zone
CLEAR = 3.0  # log-odds above the bar that count no further
NOWHERE_S = 3.0  # below every level for so long is nowhere
STEP_S = 1.0  # the silence before a frame counts for no more than this
TREND_S = 3.0  # odds are averaged over so long for confidence
STAYING = 4.0  # odds that a held zone still is: people stay for some 20 s, and that they left is told within 5
CALM = 0.9  # from here on, a frame that agrees changes nothing

NOWHERE = -1  # in place of a zone's number: in none, or in one that cannot be told
AWAY = -2  # not here


class Entry(NamedTuple):
    """One way to hold a zone, on one receiver: RSSI of at least `floor` and below `ceiling`, the next higher floor."""

    zone: int
    floor: float
    ceiling: float
    offset: float
    stray_db: float  # counts against it before the member was within
    weak: bool  # means outside only until the member was within, for the same receiver hears the door


class Ear(NamedTuple):
    """What one receiver can say of zones. `connected` is the zone of those who are connected to it.

    `place` is where its levels are in a row of frames; those of coarse news are at the next one.
    """

    place: int
    entries: tuple[Entry, ...]
    connected: int | None

    def met(self, rssi: float) -> Entry | None:
        """Return the entry with the highest level that is met."""
        return next((entry for entry in self.entries if entry.floor <= rssi), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """Zones as receivers hear them; a zone's number is its place in the configuration."""

    ears: Mapping[str, Ear]
    beside: frozenset[tuple[int, int]]  # zones that one receiver tells apart
    doored: bool  # people come in from outside or through a door

    @classmethod
    def of(cls, zones: Sequence[Zone]) -> Plan:
        doored = any(zone.kind in ("outside", "door") for zone in zones)
        heard: dict[str, list[tuple[float, float, int]]] = {}
        for number, zone in enumerate(zones):
            for hear in zone.hear:
                level = -math.inf if hear.at_least is None else hear.at_least
                heard.setdefault(hear.receiver, []).append((level, hear.offset, number))
        stray_db = STRAY_DB if doored else 0.0
        ears = {
            receiver: _ear(2 * PLACE * number, zones, sorted(heard[receiver], reverse=True), stray_db)
            for number, receiver in enumerate(receivers_of(zones))
        }
        beside = {(a.zone, b.zone) for ear in ears.values() for a in ear.entries for b in ear.entries}
        return cls(ears, frozenset(beside), doored)


def _ear(place: int, zones: Sequence[Zone], ways: Sequence[tuple[float, float, int]], stray_db: float) -> Ear:
    hears_more = any(zones[number].kind != "outside" for _, _, number in ways)
    entries: list[Entry] = []
    ceiling = math.inf
    for level, offset, number in ways:
        kind = zones[number].kind
        floor = level - offset - 0.5  # a receiver rounds to whole dB
        stray = stray_db if kind in ("inside", "shelf") else 0.0
        entries.append(Entry(number, floor, ceiling, offset, stray, kind == "outside" and hears_more))
        ceiling = min(ceiling, floor)
    connected = next((number for level, _, number in ways if level == -math.inf), None)
    return Ear(place, tuple(entries), connected)


class Link(Level):
    """A level at a receiver that has an ear for zones.

    While the held zone is beyond doubt, frames from `low` to `high` dBm agree with it. `home` is the receiver that
    hears the held zone.
    """

    __slots__ = ("ear", "high", "home", "low")

    def __init__(self, ear: Ear, t: float, rssi: float) -> None:
        super().__init__(t, rssi)
        self.ear = ear
        self.judge_all()

    def judge_all(self) -> None:
        """Let no frame agree unheard."""
        self.low, self.high, self.home = math.inf, -math.inf, False


class Odds(NamedTuple):
    """What one moment says: the most probable zone and how probable it is, then the held one, then none of them."""

    best: int
    sure: float
    held: float
    nowhere: float

    def with_coarse(self, zone: int, held: int, share: float) -> Odds:
        """Give `share` of what no level accounts for to a zone that is known in a coarser way."""
        found = share * self.nowhere
        own = found + (self.sure if zone == self.best else self.held if zone == held else 0.0)
        best, sure = (zone, own) if own > self.sure else (self.best, self.sure)
        return Odds(best, sure, own if zone == held else self.held, self.nowhere - found)


Voice = tuple[int, float, float]
"""A zone, how far its level is met on one receiver (0 to 1), and how loud the member is there (dB)."""


def weigh(links: Iterable[Link], now: float, heard: float, held: int, *, within: bool) -> Odds:
    """Weigh all levels; `heard` is the newest frame's time, `within` whether a zone that is not outside was held."""
    voices: list[Voice] = []
    nowhere = 1.0
    for link in links:
        late = heard - link.t
        if late <= FRESH_S:
            link.settle(now)
            faded = MISSED_DB_PER_S * (late - 1.0) if late > 1.0 else 0.0
            nowhere *= 1.0 - _listen(link, faded, voices, within=within)
    return _count(voices, nowhere, held)


def _listen(link: Link, faded: float, voices: list[Voice], *, within: bool) -> float:
    """Add what one receiver says of its zones; return how far any of their levels is met."""
    blur = 2 * math.sqrt(BLUR_DB * BLUR_DB + link.variance / (LOGISTIC * LOGISTIC))
    mean, steady = link.mean - faded, link.steady - faded
    higher = met = 0.0
    for zone, floor, _, offset, stray_db, weak in link.ear.entries:
        reached = (1.0 + math.tanh((mean - floor) / blur)) / 2
        if reached > higher and not (weak and within):
            voices.append((zone, reached - higher, steady + offset - (0.0 if within else stray_db)))
            met += reached - higher
        higher = max(higher, reached)
    return met


def _count(voices: Sequence[Voice], nowhere: float, held: int) -> Odds:
    if not voices:
        return Odds(NOWHERE, 0.0, 0.0, 1.0)
    loudest = max([level for _, _, level in voices])
    weights: dict[int, float] = {}
    total = 0.0
    for zone, met, level in voices:
        weight = met * math.exp((level - loudest) / CONTRAST_DB)
        weights[zone] = weights.get(zone, 0.0) + weight
        total += weight
    share = (1.0 - nowhere) / total
    best = -max([(round(weight, 9), -zone) for zone, weight in weights.items()])[1]  # rounded: sums keep no order
    return Odds(best, weights[best] * share, weights.get(held, 0.0) * share, nowhere)


class Hold:
    """The zone that one member holds: `zone` by number, and how sure that is; changed by odds that persist."""

    __slots__ = ("_doubt", "_doubted", "_judged", "_rival", "_score", "_since", "_trend", "confidence", "zone")

    def __init__(self, now: float, zone: int = AWAY) -> None:
        self._judged = now
        self.take(zone, 0.0)

    def take(self, zone: int, confidence: float) -> None:
        """Hold a zone from now on."""
        self.zone = zone
        self.confidence = self._trend = confidence
        self._rival, self._score, self._since = zone, 0.0, -math.inf
        self._doubt, self._doubted = 0.0, -math.inf

    def redate(self, by_s: float) -> None:
        self._judged += by_s
        self._since += by_s
        self._doubted += by_s

    @property
    def calm(self) -> bool:
        """Tell whether nothing speaks against the held zone."""
        return self._rival == self.zone and not self._doubt

    def judge(self, odds: Odds, now: float, at: float, plan: Plan, *, within: bool) -> float | None:
        """Take what `odds` say of a frame of time `at`; `within`: a zone that is not outside was held before.

        Where that changes the zone, return since when it did: the time of the frame that first spoke for the change.
        """
        step_s = min(max(now - self._judged, 0.0), STEP_S)
        self._judged = now
        self._doubts(odds, step_s, at)
        target, excess, needed = self._aim(odds, plan, within=within)
        if self._gather(target, excess, step_s, at) and self._score >= needed and (target < 0 or odds.sure >= EVEN):
            return self._change(target, odds.sure, self._since)
        if within and self._doubt >= DOUBT_S:
            return self._change(NOWHERE, odds.held, self._doubted)
        return None

    def _change(self, zone: int, confidence: float, since: float) -> float:
        self.take(zone, confidence)
        return since

    def _doubts(self, odds: Odds, step_s: float, at: float) -> None:
        if self.zone < 0:
            return
        self._trend += (odds.held - self._trend) * -math.expm1(-step_s / TREND_S)
        self.confidence = STAYING * self._trend / (STAYING * self._trend + 1.0 - self._trend)
        if odds.held >= NAMED * (1.0 - odds.nowhere):
            self._doubt = max(self._doubt - step_s, 0.0)
            return
        if not self._doubt:
            self._doubted = at
        self._doubt += step_s if odds.sure < LIKELY else step_s / 2  # where another is likely, a move may come instead

    def _aim(self, odds: Odds, plan: Plan, *, within: bool) -> tuple[int, float, float]:
        """Return where the odds point, their excess over the bar for that, and what sum of it is needed."""
        best, sure, held, nowhere = odds
        if nowhere >= LIKELY and within:
            return NOWHERE, 1.0, NOWHERE_S
        if best == self.zone or sure < nowhere:
            return self.zone, 0.0, HOLD
        if self.zone == AWAY:
            needed = 0.0 if sure >= LIKELY and not plan.doored else HOLD
            return best, min(_log_odds(sure / (sure + nowhere)), _log_odds(sure) + 1.0, CLEAR), needed
        if (best, self.zone) in plan.beside and 2 * sure >= 1.0 - nowhere:
            return best, min(_log_odds(sure / (sure + held)), CLEAR), HOLD
        bar = EVEN if nowhere > (1.0 - sure) / 2 else CLEARLY if self.zone == NOWHERE else LIKELY
        return best, min(_log_odds(sure) - _log_odds(bar), CLEAR), HOLD

    def _gather(self, target: int, excess: float, step_s: float, at: float) -> bool:
        """Add up what speaks for a rival of the held zone; tell whether `target` is that rival."""
        if target == self.zone or excess <= 0.0:
            self._score -= step_s
            if self._score <= 0.0:
                self._rival, self._score = self.zone, 0.0
            return False
        gain = excess * step_s
        if target == self._rival:
            self._score += gain
            return True
        if self._score > gain:
            self._score -= gain
            return False
        self._rival, self._score, self._since = target, gain, at
        return True


def agree(links: Collection[Link], zone: int, heard: float) -> None:
    """Say which frames agree with a zone that is beyond doubt: those on its side of the midpoint to any other."""
    for link in links:
        link.judge_all()
    fresh = [link for link in links if heard - link.t <= FRESH_S]
    if zone == NOWHERE:
        for link in fresh:
            floor = min(entry.floor for entry in link.ear.entries if not entry.weak)
            link.low, link.high = -math.inf, (link.steady + floor) / 2
        return
    homes = [(link.steady + e.offset, link, e) for link in fresh for e in link.ear.entries if e.zone == zone]
    if not homes:
        return
    level, home, entry = max(homes, key=lambda found: found[0])
    rival = -math.inf
    for link in fresh:
        if link is not home:
            offset = max(entry.offset for entry in link.ear.entries)
            link.low, link.high = -math.inf, (level + link.steady + offset) / 2 - offset
            rival = max(rival, link.steady + offset)
    home.home = True
    home.low = max((level + rival) / 2 - entry.offset, (home.steady + entry.floor) / 2)
    home.high = (home.steady + entry.ceiling) / 2


def _log_odds(p: float) -> float:
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return math.log(p / (1.0 - p))
