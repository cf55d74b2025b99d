"""Whether a receiver hears, is quiet or is deaf. Pure: told what was heard in each moment, it keeps no clock."""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum
from typing import NamedTuple


class Ear(StrEnum):
    """What the silence of a receiver that should hear means."""

    HEARING = "hearing"
    QUIET = "quiet"  # nothing is heard, and that is no fault as far as anybody can tell
    DEAF = "deaf"


class Moment(NamedTuple):
    """What a receiver gave in a while, and in what hours."""

    seconds: float
    frames: int
    references: int = 0  # frames of its reference beacon, which count among `frames` too
    is_open: bool | None = None  # None: nobody told the opening hours


QUIET_S = 10.0
GRACE_S = 25.0
"""How long a reference beacon may be silent while it is not known how often it is heard."""
LONGEST_STEP_S = 5.0
"""What one moment can add to a silence: after a stall or a suspended machine the frames come later than the clock."""


class Hearing:
    """Judges one receiver.

    With a reference beacon its silence is deafness and its voice is none, whatever else is heard and at any hour.
    Without one, silence is deafness when it is longer than any that was heard to end, by far, and only in opening
    hours. A closed shop's silence counts for nothing.
    """

    def __init__(self, *, referenced: bool, has_hours: bool) -> None:
        self._beacon = Beacon() if referenced else None
        self._traffic = Traffic(IN_HOURS if has_hours else AT_ANY_HOUR)
        self._silence_s = 0.0
        self.reason = ""

    @property
    def hears_others(self) -> bool:
        """Tell whether others are heard although the reference beacon is not."""
        return self._beacon is not None and self._silence_s < self._beacon.silence_s / 2

    def judge(self, moment: Moment) -> Ear:
        """Take what was heard in a moment in which the radio was said to hear; say what that means."""
        moment = moment._replace(seconds=min(moment.seconds, LONGEST_STEP_S))
        self._silence_s = 0.0 if moment.frames else self._silence_s + moment.seconds
        if self._beacon:
            self._beacon.take(moment)
            self.reason = self._beacon_lost(self._beacon)
        else:
            self._traffic.take(moment)
            self.reason = _TOO_LONG if self._traffic.silence_s >= self._traffic.limit_s else ""
        if self.reason:
            return Ear.DEAF
        return Ear.QUIET if self._silence_s >= QUIET_S else Ear.HEARING

    def _beacon_lost(self, beacon: Beacon) -> str:
        if beacon.silence_s < beacon.limit_s:
            return ""
        if self.hears_others:
            return _OTHERS
        return _NOTHING if beacon.was_heard else _NEVER


_TOO_LONG = "nothing is heard, for far longer than is usual"
_NOTHING = "nothing is heard, not even the reference beacon"
_NEVER = "nothing is heard since the start, not even the reference beacon"
_OTHERS = "the reference beacon is not heard, though others are: see to its battery and its place"

LEARNED_GAPS = 32
_ENOUGH_GAPS = 8
_PATIENCE = 4.0
LIMITS_S = (10.0, 20.0)
"""How long a reference beacon that is known may be silent; one that is heard less often than every 5 s is no use."""


class Beacon:
    """A reference beacon as one receiver hears it, with the gaps between its frames."""

    def __init__(self) -> None:
        self.silence_s = 0.0
        self.was_heard = False
        self._gaps: deque[float] = deque(maxlen=LEARNED_GAPS)

    @property
    def limit_s(self) -> float:
        """How long its silence may last: some times the gap that nine of ten do not exceed."""
        if len(self._gaps) < _ENOUGH_GAPS:
            return GRACE_S
        usual = sorted(self._gaps)[len(self._gaps) * 9 // 10]
        return min(max(_PATIENCE * usual, LIMITS_S[0]), LIMITS_S[1])

    def take(self, moment: Moment) -> None:
        """Learn from a gap that ended in time; one that lasted beyond the limit was a fault and teaches nothing."""
        gap = self.silence_s + moment.seconds
        if not moment.references:
            self.silence_s = gap
            return
        if self.was_heard and gap <= self.limit_s:
            self._gaps.append(gap)
        self.was_heard = True
        self.silence_s = 0.0


class Caution(NamedTuple):
    """How slow to believe that a silence is deafness, in seconds."""

    listen_s: float  # before what was learned counts
    least_s: float  # no shorter silence is deafness
    unknown_s: float  # what is, while too little was learned


IN_HOURS = Caution(3600.0, 120.0, 1800.0)
AT_ANY_HOUR = Caution(86400.0, 900.0, 6 * 3600.0)
"""Where nobody told the opening hours, so that any silence may be the night's."""
_LEAST_SPELLS = 100
_MEMORY_SPELLS = 2000
_TIMES_THE_LONGEST = 3.0
_UNLIKELY = -math.log(1e-6)
_STRETCH = 1.5
_HALF_LIFE_S = 7 * 86400.0


class Traffic:
    """How long a receiver is usually silent between frames, learned in opening hours.

    A silence is beyond belief when frames that come as often as they do would leave it once in a million times, and
    when it is some times the longest that ended by itself, because people come in groups and not one by one.
    Everything is learned when a silence ends: while one lasts its limit stays where it is.
    """

    def __init__(self, caution: Caution) -> None:
        self.silence_s = 0.0
        self._caution = caution
        self._listened_s = 0.0
        self._spells = 0
        self._mean_s = 0.0
        self._longest_s = 0.0

    @property
    def limit_s(self) -> float:
        """How long a silence may last."""
        if self._listened_s < self._caution.listen_s or self._spells < _LEAST_SPELLS:
            return self._caution.unknown_s
        return max(self._caution.least_s, _TIMES_THE_LONGEST * self._longest_s, _UNLIKELY * self._mean_s)

    def take(self, moment: Moment) -> None:
        if moment.is_open is False:
            self.silence_s = 0.0
            return
        spell_s = self.silence_s + moment.seconds
        if not moment.frames:
            self.silence_s = spell_s
            return
        self._learn(spell_s)
        self.silence_s = 0.0

    def _learn(self, spell_s: float) -> None:
        """Learn from a silence that ended; from one that may have been deafness only a part."""
        believed_s = spell_s
        if spell_s >= self.limit_s:
            believed_s = min(spell_s, max(_STRETCH * self._longest_s, self._caution.least_s / _TIMES_THE_LONGEST))
        self._listened_s += spell_s
        self._spells += 1
        self._mean_s += (believed_s - self._mean_s) / min(self._spells, _MEMORY_SPELLS)
        self._longest_s = max(believed_s, self._longest_s * 2 ** (-spell_s / _HALF_LIFE_S))
