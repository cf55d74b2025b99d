"""Levels as a picture of plain characters, 80 columns wide: what any terminal shows over any line. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

NAME = 18
COLUMNS = 60  # a decibel each
WEAKEST_DBM = -99
MOST_BEHIND_DB = -30
SHADES = ".:+#"
LINE = "|"


def draw(rows: Mapping[str, Sequence[float]], lines: Iterable[float], leftmost: int) -> Iterator[str]:
    """Yield a scale and a row for each name: how often its levels were what, and where the lines are.

    What lies beyond either end is drawn at that end.
    """
    marked = {_column(line, leftmost) for line in lines}
    yield _scale(leftmost)
    for name, levels in rows.items():
        shaded = _shades(Counter(_column(level, leftmost) for level in levels))
        cells = (LINE if column in marked else shaded.get(column, " ") for column in range(COLUMNS))
        yield f"{_cut(name):>{NAME}}  {''.join(cells)}".rstrip()


def _column(level: float, leftmost: int) -> int:
    return min(max(round(level) - leftmost, 0), COLUMNS - 1)


def _shades(counts: Counter[int]) -> dict[int, str]:
    most = max(counts.values(), default=1)
    return {column: SHADES[(count * len(SHADES) - 1) // most] for column, count in counts.items()}


def _scale(leftmost: int) -> str:
    """Write every tenth decibel so that its number ends in its own column."""
    cells = [" "] * (NAME + 2 + COLUMNS)
    for column in range(COLUMNS):
        if (leftmost + column) % 10 == 0:
            text = str(leftmost + column)
            end = NAME + 2 + column + 1
            cells[end - len(text) : end] = text
    return "".join(cells).rstrip()


def _cut(name: str) -> str:
    return name if len(name) <= NAME else name[: NAME - 1] + "~"
