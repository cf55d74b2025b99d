"""The bounds of how often one member is reached, which a shop may tighten and never loosen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

MOST: Final = {
    "alerts_per_day": 6,
    "alerts_per_week": 18,
    "offers_per_day": 6,
    "offers_per_week": 12,
    "answers_per_day": 9,
}
"""What no configuration goes beyond, by the name of the cap."""


@dataclass(frozen=True, slots=True)
class Caps:
    """How often one member is reached at most, over all rules; answers are alerts that somebody asked for."""

    alerts_per_day: int = MOST["alerts_per_day"]
    alerts_per_week: int = MOST["alerts_per_week"]
    offers_per_day: int = MOST["offers_per_day"]
    offers_per_week: int = MOST["offers_per_week"]
    answers_per_day: int = MOST["answers_per_day"]

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= MOST[name]:
                raise ValueError(f"{name} is {value}, expected 0 to {MOST[name]}")
