"""When an installer stood where, as written down: a CSV file beside what was recorded meanwhile."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import cast, get_args
from zoneinfo import ZoneInfo

from gateway.calibrate.survey import Spot, Stand, Way
from gateway.calibrate.times import parse_time
from rules.messages import say as told

COLUMNS = ("zone", "spot", "facing", "from", "until")
MOST_MARKS = 10_000
LONGEST_S = 3600.0


class MarksError(Exception):
    """Marks that cannot be used; the text is one line for the user."""


def read_marks(path: Path, zones: Collection[str], timezone: ZoneInfo) -> list[Stand]:
    """Read where the installer stood. Raises MarksError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            if not set(COLUMNS) <= {(name or "").strip() for name in reader.fieldnames or ()}:
                raise MarksError(f"{path}:1: " + told("expected the header {header}", header=",".join(COLUMNS)))
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            marks = list(_marks(path, reader, zones, timezone))
    except UnicodeDecodeError:
        raise MarksError(f"{path}: " + told("this is not UTF-8 text, save the file as UTF-8")) from None
    except csv.Error as error:
        raise MarksError(f"{path}: {error}") from None
    if not marks:
        raise MarksError(f"{path}: " + told("nothing is marked"))
    return marks


def _marks(path: Path, reader: csv.DictReader[str], zones: Collection[str], timezone: ZoneInfo) -> Iterator[Stand]:
    for row in reader:
        if reader.line_num > MOST_MARKS:
            raise MarksError(f"{path}: " + told("more than {most} lines", most=MOST_MARKS))
        yield _mark(f"{path}:{reader.line_num}", row, zones, timezone)


def _mark(place: str, row: Mapping[str, str | None], zones: Collection[str], timezone: ZoneInfo) -> Stand:
    def one_of(column: str, known: Collection[str]) -> str:
        word = (row[column] or "").strip()
        if word not in known:
            words = ", ".join(known)
            raise MarksError(f"{place}: " + told("{column}: expected one of {words}", column=column, words=words))
        return word

    zone, spot, way = one_of("zone", zones), one_of("spot", get_args(Spot)), one_of("facing", get_args(Way))
    since, until = (parse_time((row[column] or "").strip(), timezone) for column in ("from", "until"))
    if since is None or until is None:
        raise MarksError(f"{place}: " + told("from, until: expected times such as 2026-11-22T14:05:30"))
    if not 0 < until - since <= LONGEST_S:
        raise MarksError(f"{place}: " + told("until: expected a time after from, by an hour at most"))
    return Stand(zone, cast(Spot, spot), cast(Way, way), since, until)
