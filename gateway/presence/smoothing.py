"""How loud a member's tag is at one receiver: a Kalman filter on the local-level model.

The true level wanders as people walk and turn; each frame shows it with the noise of fading. The gain follows from the
time between frames, so tags that send every 0.1 s and every 2 s need no setting. The constants are those of 2.4 GHz
indoors: multipath (a Rice factor of 6 dB) spreads frames by 4 dB about the mean, and at walking speed, a few metres
from a receiver, the level moves some 3.5 dB in a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

FADING_DB2 = 16.0
WANDERING_DB2_PER_S = 12.0
STEADY_S = 10.0
STIR_DB2 = 0.25  # of the variance: a steady level that is off by this much is given up twice as fast


class Level:
    """The level of one member at one receiver, in dBm: `mean` follows, `steady` is what one who stands still averages.

    `variance` (dB²) is that of `mean` about the level at `t`.
    """

    __slots__ = ("_steadied", "mean", "steady", "t", "variance")

    def __init__(self, t: float, rssi: float) -> None:
        self.t = t
        self._steadied = -math.inf  # the first moment is all that is known: it is settled whole
        self.mean = self.steady = float(rssi)
        self.variance = FADING_DB2

    def take(self, frames: Iterable[tuple[float, float]]) -> None:
        """Take the time and level of frames; a late one counts as if it came with the newest."""
        newest, mean, variance = self.t, self.mean, self.variance
        for t, rssi in frames:
            if t > newest:
                variance += WANDERING_DB2_PER_S * (t - newest)
                newest = t
            gain = variance / (variance + FADING_DB2)
            mean += gain * (rssi - mean)
            variance -= gain * variance
        self.t, self.mean, self.variance = newest, mean, variance

    def redate(self, by_s: float) -> None:
        self.t += by_s
        self._steadied += by_s

    def settle(self, now: float) -> None:
        """Draw `steady` towards `mean`: slowly while the two agree, at once where the tag has moved."""
        apart = self.mean - self.steady
        stir = apart * apart / (STIR_DB2 * self.variance)
        self.steady += apart * -math.expm1((self._steadied - now) * (1 + stir * stir) / STEADY_S)
        self._steadied = now
