"""A count of others, and what of it may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.configuration.config import CrowdCalibration, CrowdLaw, CrowdPlace, CrowdSource
from gateway.crowd.evidence import MINUTE_S, SOURCES, Measure
from gateway.crowd.people import Estimate, calibrated, uncalibrated

PLACES: tuple[CrowdPlace, ...] = ("passing", "lingering", "inside")
NO_CALIBRATION = CrowdCalibration()


@dataclass(frozen=True, slots=True)
class Count:
    """How many others there were in the time of a measure, `since` and `until` seconds since the epoch.

    `passing` and `lingering` are those who came by outside within that time, `inside` is how many were inside at a
    time, on average. Where a window was `flooded` with more devices than it holds, the figures are no people.
    """

    measure: Measure
    passing: Estimate
    lingering: Estimate
    inside: Estimate
    minimum: int
    calibration: str | None = None
    flooded: bool = False

    @property
    def since(self) -> float:
        return self.measure.since

    @property
    def until(self) -> float:
        return self.measure.until

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
        return {**cells, "calibration": self.calibration, **({"flooded": True} if self.flooded else {})}

    def _hidden(self) -> set[str]:
        """Name the cells under the minimum; one alone could be found from a sum, so the next smallest goes with it."""
        cells = self._cells()
        if self.flooded:
            return set(cells)
        ranked = sorted(cells, key=lambda name: cells[name].count)
        small = {name for name in ranked if cells[name].count < self.minimum}
        return set(ranked[:2]) if len(small) == 1 else small


def count_people(
    measure: Measure, minimum: int, calibration: CrowdCalibration = NO_CALIBRATION, *, flooded: bool = False
) -> Count:
    """Say how many people a measure stands for."""
    passing, lingering, inside = (_estimate(measure, place, calibration.laws.get(place)) for place in PLACES)
    return Count(measure, passing, lingering, inside, minimum, calibration.version, flooded)


def _estimate(measure: Measure, place: CrowdPlace, law: CrowdLaw | None) -> Estimate:
    """Estimate by the source that was calibrated. Without one, who is inside is heard once a minute, and whoever
    carries two radios is one person: the source that hears more counts.
    """
    if law is not None:
        return calibrated(_heard(measure, law.source, place), measure.watched, law)
    most = max(_heard(measure, source, place) for source in SOURCES)
    return uncalibrated(most / (measure.watched / MINUTE_S) if place == "inside" else most)


def _heard(measure: Measure, source: CrowdSource, place: CrowdPlace) -> float:
    heard = measure.heard[source]
    return {"passing": heard.passing, "lingering": heard.lingering, "inside": heard.inside}[place]
