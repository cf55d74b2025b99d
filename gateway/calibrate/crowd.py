"""`hushbell calibrate crowd`: from a hand count and what was heard at the same time to the count's calibration."""

from __future__ import annotations

import asyncio
import csv
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from drivers.captures import CaptureError
from gateway.calibrate.proposal import diff, with_key
from gateway.calibrate.times import parse_number, parse_time
from gateway.commandline.lines import complain, refuse, say
from gateway.commandline.replay import ReplayError, counts_of
from gateway.configuration.config import (
    Config,
    CrowdCalibration,
    CrowdLaw,
    CrowdPlace,
    CrowdSettings,
    CrowdSource,
    Store,
)
from gateway.configuration.configfile import ConfigError, load_config
from gateway.control import ControlError, ask
from gateway.crowd.calibration import Counted, calibrate
from gateway.crowd.count import count_people
from gateway.crowd.evidence import Heard, Measure
from gateway.crowd.people import QUARTER_S
from gateway.crowd.settings import PLACES, read_crowd, write_crowd
from gateway.store.database import StoreError
from rules.document import Faults, read_document
from rules.messages import say as told

MOST_ROWS = 200_000
MOST_PEOPLE = 100_000.0
FEW_DAYS = 3
STAFF_S = 3600.0
COLUMNS: dict[str, CrowdPlace] = {"people": "inside", **{place: place for place in PLACES}}

Quarters = dict[CrowdPlace, dict[float, float]]
"""People by the start of the quarter hour: inside on average, passing and lingering in sum."""


class CountError(Exception):
    """A hand count that cannot be used; its text is one line for the user."""


class Row(NamedTuple):
    t: float
    people: dict[CrowdPlace, float]


def calibrate_crowd(counts: Path, files: Sequence[Path], config_path: Path, receiver: str | None) -> int:
    """Print a diff of the configuration and how well it would have counted; return the exit status.

    What was heard is read from captures or sightings, or else asked of the running daemon.
    """
    try:
        config = load_config(config_path)
        rows = list(read_counts(counts, config.store.timezone))
        if files:
            measures = [count.measure for count in counts_of(files, config_path, receiver)]
        else:
            measures = asyncio.run(_ask_daemon(config))
        quarters = by_quarter(rows)
        if "inside" in quarters:
            quarters["inside"] = dict.fromkeys(closed(measures, config.store), 0.0) | quarters["inside"]
        days = {place: pair(measures, found, config.store.timezone) for place, found in quarters.items()}
        laws = {place: law for place, counted in days.items() if (law := calibrate(counted, place))}
        if not laws:
            raise CountError(f"{counts}: {_useless(days)}")
        _propose(config, laws, _version(config, rows[-1].t))
        _summarise(laws, days)
    except ConfigError as error:
        refuse(str(error))
        return 2
    except (CountError, ControlError, CaptureError, ReplayError, StoreError) as error:
        complain(str(error))
        return 2
    return 0


def read_counts(path: Path, timezone: ZoneInfo) -> Iterator[Row]:
    """Read a hand count: a header, then a row a line, the time first. Raises CountError.

    A time is RFC 3339, local without an offset, or seconds since the epoch. `inside` (or `people`) is how many are
    there at that time, `passing` and `lingering` how many came since the row before; any of them may be left empty.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = [name.strip() for name in next(reader, [])]
            columns = [(number, COLUMNS[name]) for number, name in enumerate(header) if number and name in COLUMNS]
            if not columns:
                expected = told("expected a header such as time,inside or time,inside,passing")
                raise CountError(f"{path}:1: {expected}")
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield _row(path, reader.line_num, row, columns, timezone)
                if reader.line_num > MOST_ROWS:
                    raise CountError(f"{path}: " + told("more than {most} lines", most=MOST_ROWS))
    except UnicodeDecodeError:
        raise CountError(f"{path}: " + told("not UTF-8 text, expected a hand count as CSV")) from None
    except csv.Error as error:
        raise CountError(f"{path}: " + told("{error}, expected a hand count as CSV", error=error)) from None


def _row(
    path: Path, line: int, row: Sequence[str], columns: Iterable[tuple[int, CrowdPlace]], timezone: ZoneInfo
) -> Row:
    t = parse_time(row[0].strip(), timezone)
    if t is None:
        raise CountError(f"{path}:{line}: " + told("this is no time, expected one such as 2026-11-22T14:05"))
    people = {}
    for number, place in columns:
        text = row[number].strip() if number < len(row) else ""
        if not text:
            continue
        figure = parse_number(text)
        if figure is None or not 0 <= figure <= MOST_PEOPLE:
            raise CountError(f"{path}:{line}: " + told("{place} is no number of people", place=place))
        people[place] = figure
    return Row(t, people)


def by_quarter(rows: Iterable[Row]) -> Quarters:
    """Put what was counted into quarters of an hour."""
    found: dict[CrowdPlace, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for place, figure in row.people.items():
            found[place][row.t // QUARTER_S * QUARTER_S].append(figure)
    return {
        place: {
            since: statistics.fmean(figures) if place == "inside" else sum(figures) for since, figures in all_.items()
        }
        for place, all_ in found.items()
    }


def closed(measures: Iterable[Measure], store: Store) -> Iterator[float]:
    """Yield the start of each quarter in which the shop was closed, but for an hour before it opens and after."""
    hours = store.opening_hours
    for measure in measures if hours else ():
        around = (measure.since - STAFF_S, measure.since, measure.until, measure.until + STAFF_S)
        if not any(hours and hours.include(datetime.fromtimestamp(t, store.timezone).time()) for t in around):
            yield measure.since


def pair(measures: Iterable[Measure], quarters: dict[float, float], timezone: ZoneInfo) -> list[list[Counted]]:
    """Return the quarters that were both heard and counted, a list for each day."""
    days: dict[date, list[Counted]] = defaultdict(list)
    for measure in measures:
        if measure.since in quarters:
            day = datetime.fromtimestamp(measure.since, timezone).date()
            days[day].append(Counted(measure, quarters[measure.since]))
    return list(days.values())


def _useless(days: dict[CrowdPlace, list[list[Counted]]]) -> str:
    if not any(days.values()):
        return told("nothing was heard at the times that were counted")
    return told("nobody was counted, or nothing was heard of them; count while people are there")


def _version(config: Config, t: float) -> str:
    """Name a calibration for the last day that was counted, unlike the one in force."""
    day = datetime.fromtimestamp(t, config.store.timezone).date().isoformat()
    inforce = config.crowd.calibration.version or ""
    if inforce.partition("_")[0] != day:
        return day
    number = inforce.partition("_")[2]
    return f"{day}_{int(number) + 1 if number.isdecimal() else 2}"


def _propose(config: Config, laws: dict[CrowdPlace, CrowdLaw], version: str) -> None:
    """Print the diff; one that would not be read as it is meant is no proposal."""
    proposed = replace(config.crowd, calibration=CrowdCalibration(version, {**config.crowd.calibration.laws, **laws}))
    before = config.path.read_text(encoding="utf-8")
    lines = list(write_crowd(proposed))
    after = with_key(before, "crowd", lines)
    if _read(after) == proposed:
        say(diff(config.path, before, after).rstrip("\n"))
    else:
        say("\n".join((told("put this into the configuration by hand:"), *lines)))


def _read(text: str) -> CrowdSettings | None:
    """Read how others are counted from a configuration's text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "proposed.yaml"
        path.write_text(text, encoding="utf-8")
        root = read_document(path, Faults())
    crowd = root.entry("crowd") if root else None
    return read_crowd(crowd[1]) if crowd else None


def _summarise(laws: dict[CrowdPlace, CrowdLaw], days: dict[CrowdPlace, list[list[Counted]]]) -> None:
    """Say on standard error how far the counted quarters would have been off."""
    for place, law in laws.items():
        counted = [one for day in days[place] for one in day]
        calibration = CrowdCalibration("proposed", {place: law})
        pairs = [(getattr(count_people(one.measure, 0, calibration), place), one.people) for one in counted]
        error = statistics.fmean(abs(estimate.count - people) for estimate, people in pairs)
        within = statistics.fmean(estimate.low <= people <= estimate.high for estimate, people in pairs)
        complain(
            told(
                "{place}: {quarters} quarter hours of {days} days, 0 to {busiest:g} people, by {source}; "
                "off by {error:.1f}, {within:.0%} within the interval",
                place=place,
                quarters=len(counted),
                days=len(days[place]),
                busiest=law.busiest,
                source=law.source,
                error=error,
                within=within,
            )
        )
        if len(days[place]) < FEW_DAYS:
            complain(
                told(
                    "{place}: count on {days} days at least, a quiet and a busy one among them; days differ",
                    place=place,
                    days=FEW_DAYS,
                )
            )


async def _ask_daemon(config: Config) -> list[Measure]:
    """Ask the running daemon for what it heard in the latest quarter hours."""
    return [measure_of(answer) async for answer in ask(config.gateway.state, {"crowd": "measures"})]


def measure_of(value: dict[str, Any]) -> Measure:
    """Read a measure that came through the daemon's door."""
    heard: dict[CrowdSource, Heard] = {source: Heard(*figures) for source, figures in value["heard"].items()}
    return Measure(value["since"], value["until"], value["watched"], heard)
