"""Scores the crowd's estimates on days that somebody counted by hand, beside controls; prints the tables.

Run it from the project's root: `python benchmarks/crowd.py [COUNTED [SCORED]]`. A folder has captures (`DAY.pcap`),
each with the people in every minute (`DAY.headcount.csv`); without one, `lab-probes` in HUSHBELL_CORPUS. Each day is
scored with what the other days of COUNTED calibrate, and with all of these but one; those of SCORED with all of them.
"""

from __future__ import annotations

import os
import secrets
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from drivers.captures import read_capture  # noqa: E402
from drivers.sighting import Sighting  # noqa: E402
from gateway.configuration.config import CrowdCalibration, Hear, Zone  # noqa: E402
from gateway.crowd.calibration import Counted, calibrate  # noqa: E402
from gateway.crowd.count import Count, count_people  # noqa: E402
from gateway.crowd.crowd import Crowd  # noqa: E402
from gateway.crowd.evidence import Measure  # noqa: E402
from gateway.crowd.people import Estimate  # noqa: E402

QUARTER_S = 900.0
WINDOW_S = 300.0
LEVEL_DBM = -70.0
MISS = 10.0  # what each person beyond an 80 % interval costs: 2 / 0.2 (Gneiting and Raftery, 2007, 6.2)

say = sys.stdout.write


class Quarter(NamedTuple):
    """A quarter of an hour: what the crowd measured, what a plain count gives, and how many people there were."""

    measure: Measure
    people: float
    frames: float
    addresses: float  # distinct within five minutes, on average


class Day(NamedTuple):
    name: str
    quarters: Sequence[Quarter]


class Score(NamedTuple):
    """How far estimates lie from the people counted."""

    error: float
    bias: float
    correlation: float | None
    coverage: float
    width: float
    interval: float


def read_day(capture: Path, level: float = LEVEL_DBM) -> Day:
    """Play a day's capture to a crowd that listens at a level, and put the head count beside each quarter hour."""
    sightings = list(read_capture(capture, lambda _: "room", Counter(), lambda _: None))
    people: dict[float, list[float]] = defaultdict(list)
    for line in capture.with_suffix(".headcount.csv").read_text().split()[1:]:
        minute, heads = line.split(",")
        people[int(minute) // QUARTER_S * QUARTER_S].append(float(heads))
    frames, addresses = _plain(sightings)
    return Day(
        capture.stem,
        [
            Quarter(measure, statistics.fmean(people[measure.since]), frames[measure.since], addresses[measure.since])
            for measure in measures_of(sightings, level)
            if measure.since in people
        ],
    )


def measures_of(sightings: Iterable[Sighting], level: float) -> list[Measure]:
    """Return what the crowd measures in each quarter hour, those at either end included."""
    crowd = Crowd([Zone("room", "inside", (Hear("room", level),))], key_source=lambda: secrets.token_bytes(32))
    found: list[Measure] = []
    t = 0.0
    for sighting in sightings:
        t = sighting.t
        found += [count.measure for count in crowd.advance(t)]
        crowd.hear(sighting)
    return found + [count.measure for count in crowd.finish(t)]


def _plain(sightings: Iterable[Sighting]) -> tuple[Counter[float], dict[float, float]]:
    frames: Counter[float] = Counter()
    windows: dict[float, set[bytes]] = defaultdict(set)
    for sighting in sightings:
        frames[sighting.t // QUARTER_S * QUARTER_S] += 1
        windows[sighting.t // WINDOW_S * WINDOW_S].add(sighting.address or b"")
    addresses: dict[float, float] = defaultdict(float)
    for since, distinct in windows.items():
        addresses[since // QUARTER_S * QUARTER_S] += len(distinct) * WINDOW_S / QUARTER_S
    return frames, addresses


def score(estimates: Sequence[Estimate], people: Sequence[float]) -> Score:
    """Score a day's estimates."""
    pairs = list(zip(estimates, people, strict=True))
    counts = [estimate.count for estimate in estimates]
    varied = len(set(counts)) > 1 and len(set(people)) > 1
    return Score(
        statistics.fmean(abs(estimate.count - heads) for estimate, heads in pairs),
        statistics.fmean(estimate.count - heads for estimate, heads in pairs),
        statistics.correlation(counts, people) if varied else None,
        statistics.fmean(estimate.low <= heads <= estimate.high for estimate, heads in pairs),
        statistics.fmean(estimate.high - estimate.low for estimate in estimates),
        statistics.fmean(
            one.high - one.low + MISS * (max(0.0, one.low - heads) + max(0.0, heads - one.high)) for one, heads in pairs
        ),
    )


def estimates_of(day: Day, others: Sequence[Day]) -> list[Count]:
    """Count a day's people with what other days calibrate."""
    law = calibrate([[Counted(one.measure, one.people) for one in other.quarters] for other in others], "inside")
    if law is None:
        raise SystemExit("nobody was counted on the days that calibrate")
    calibration = CrowdCalibration("benchmark", {"inside": law})
    return [count_people(one.measure, 10, calibration) for one in day.quarters]


def controls(day: Day, others: Sequence[Day]) -> Mapping[str, float]:
    """Return the mean absolute errors of what anybody could say without much ado.

    Frames and addresses also as a least-squares share of what was counted on the other days.
    """
    counted = [one for other in others for one in other.quarters]
    median = statistics.median(one.people for one in counted)

    def error(guess: Callable[[Quarter], float]) -> float:
        return statistics.fmean(abs(guess(one) - one.people) for one in day.quarters)

    def scaled(of: Callable[[Quarter], float]) -> float:
        factor = sum(of(one) * one.people for one in counted) / sum(of(one) ** 2 for one in counted)
        return error(lambda one: factor * of(one))

    return {
        "zero": error(lambda _: 0.0),
        "median": error(lambda _: median),
        "frames": error(lambda one: one.frames),
        "addresses": error(lambda one: one.addresses),
        "frames scaled": scaled(lambda one: one.frames),
        "addresses scaled": scaled(lambda one: one.addresses),
    }


def constant(others: Sequence[Day]) -> Estimate:
    """Return the interval that holds four of five quarters of the other days, whatever is heard."""
    deciles = statistics.quantiles([one.people for other in others for one in other.quarters], n=10, method="inclusive")
    return Estimate(deciles[4], deciles[0], deciles[8])


class Fare(NamedTuple):
    """How a day fares beside its controls; `shown` are quarters with nobody there that were published as somebody."""

    people: float
    ours: Score
    constant: Score
    controls: Mapping[str, float]
    shown: int
    empty: int


def fare(day: Day, others: Sequence[Day]) -> Fare:
    """Score a day by what other days calibrate."""
    people = [one.people for one in day.quarters]
    counts = estimates_of(day, others)
    empty = [count.data()["inside"] for count, heads in zip(counts, people, strict=True) if heads == 0]
    return Fare(
        statistics.fmean(people),
        score([count.inside for count in counts], people),
        score([constant(others)] * len(people), people),
        controls(day, others),
        sum(cell.get("count", 0) > 0 for cell in empty),
        len(empty),
    )


def table(fares: Mapping[str, Fare]) -> None:
    """Print how days fare."""
    names = list(next(iter(fares.values())).controls)
    head = "day", "people", "error", *names, "bias", "correlation", "coverage", "width", "interval score"
    say(f"| {' | '.join((*head, 'constant: coverage', 'width', 'interval score', 'shown with nobody there'))} |\n")
    say("|---" * (len(head) + 4) + "|\n")
    for day, (people, ours, fixed, plain, shown, empty) in fares.items():
        correlation = "-" if ours.correlation is None else f"{ours.correlation:.2f}"
        cells = [day, f"{people:.1f}", f"{ours.error:.2f}", *(f"{plain[name]:.1f}" for name in names)]
        cells += [f"{ours.bias:+.2f}", correlation, f"{ours.coverage:.0%}", f"{ours.width:.1f}", f"{ours.interval:.1f}"]
        cells += [f"{fixed.coverage:.0%}", f"{fixed.width:.1f}", f"{fixed.interval:.1f}", f"{shown} of {empty}"]
        say(f"| {' | '.join(cells)} |\n")


def load_days(folder: Path) -> list[Day]:
    """Read the counted days of a folder."""
    return [read_day(capture) for capture in sorted(folder.glob("*.pcap"))]


def leave_one_out(days: Sequence[Day]) -> dict[str, Fare]:
    """Score each day by what all the others calibrate."""
    return {day.name: fare(day, [other for other in days if other is not day]) for day in days}


def leave_two_out(days: Sequence[Day]) -> dict[str, list[Fare]]:
    """Score each day by what all the others calibrate but one, whichever that is."""
    found: dict[str, list[Fare]] = {}
    for day in days:
        others = [other for other in days if other is not day]
        found[day.name] = [fare(day, [one for one in others if one is not left_out]) for left_out in others]
    return found


def summary(fares: Mapping[str, Sequence[Fare]]) -> None:
    """Print how days fare on average, and at worst."""
    for day, found in fares.items():
        error, covered, score, fixed = (
            statistics.fmean(figures)
            for figures in zip(
                *((f.ours.error, f.ours.coverage, f.ours.interval, f.constant.interval) for f in found), strict=True
            )
        )
        least = min(one.ours.coverage for one in found)
        say(f"{day}: error {error:.2f}, coverage {covered:.0%}, {least:.0%} at least, interval score {score:.1f}, ")
        say(f"of the constant {fixed:.1f}\n")


def main() -> None:
    """Read the folders and print the tables."""
    corpus = os.environ.get("HUSHBELL_CORPUS")
    folders = [Path(name) for name in sys.argv[1:3]] or ([Path(corpus) / "lab-probes"] if corpus else [])
    if not folders:
        raise SystemExit("name a folder of counted days, or set HUSHBELL_CORPUS")
    counted, *scored = map(load_days, folders)
    law = calibrate([[Counted(one.measure, one.people) for one in day.quarters] for day in counted], "inside")
    say(f"all days calibrate: {law}\n\n")
    table(leave_one_out(counted))
    say("\neach day by the others but one\n")
    summary(leave_two_out(counted))
    for days in scored:
        say("\n")
        table({day.name: fare(day, counted) for day in days})


if __name__ == "__main__":
    main()
