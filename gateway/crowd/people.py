"""From what was heard to how many people that is, with the interval that holds four times of five."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.configuration.config import CrowdLaw

ROUND_TO = 5
QUARTER_S = 900.0

_Z80 = 1.2816  # standard deviations on either side that hold 80 % of a normal distribution
_SPREAD = 0.4  # of an uncalibrated count: people carry no radio or two, and addresses change
_STEPS = 50  # of the grid of numbers of people, up to the busiest that was counted
_BEYOND = 6  # times the busiest is where the grid ends


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


def uncalibrated(devices: float) -> Estimate:
    """Take a number of devices for one of people, with the interval that holds while nobody has calibrated it."""
    reach = _Z80 * math.sqrt(1 + devices + (_SPREAD * devices) ** 2)
    return Estimate(devices, max(0.0, devices - reach), devices + reach)


def calibrated(heard: float, watched_s: float, law: CrowdLaw) -> Estimate:
    """Return how many people there were where so much was heard: the median and the tenths at either end.

    What n people let be heard in a quarter of an hour is negative binomial around baseline + n * per_person, with the
    variance of both. Before anything is heard, an empty place is as probable as any number of people together; a
    number of people has the prior of a rate (Jeffreys: one over its square root), which falls with the fourth power
    beyond the busiest quarter that was counted, so that far more than that is believed only of loud evidence.
    """
    share = watched_s / QUARTER_S
    numbers = [law.busiest * step / _STEPS for step in range(_STEPS * _BEYOND + 1)]
    priors = [1 / math.sqrt(1 + n) / (1 + (n / law.busiest) ** 4) for n in numbers]
    priors[0] = sum(priors[1:])
    logs = [
        log_chance(heard, *_expected(share, n, law)) + math.log(prior) for n, prior in zip(numbers, priors, strict=True)
    ]
    most = max(logs)
    weights = [math.exp(log - most) for log in logs]
    count, low, high = (_quantile(numbers, weights, part) for part in (0.5, 0.1, 0.9))
    return Estimate(count, low, high)


def _expected(share: float, people: float, law: CrowdLaw) -> tuple[float, float]:
    """Return mean and shape of what is heard: a negative binomial's variance is mean + mean**2 / shape."""
    theirs = people * law.per_person
    beyond_chance = law.baseline**2 / law.baseline_shape + theirs**2 / law.shape
    return share * (law.baseline + theirs), (law.baseline + theirs) ** 2 / beyond_chance


def log_chance(heard: float, mean: float, shape: float) -> float:
    """Return the logarithm of a negative binomial's chance, but for what hangs on neither mean nor shape."""
    return (
        math.lgamma(heard + shape)
        - math.lgamma(shape)
        + shape * math.log(shape / (shape + mean))
        + heard * math.log(mean / (shape + mean))
    )


def _quantile(numbers: list[float], weights: list[float], part: float) -> float:
    left = part * sum(weights)
    for number, weight in zip(numbers, weights, strict=True):
        left -= weight
        if left <= 0:
            return number
    return numbers[-1]
