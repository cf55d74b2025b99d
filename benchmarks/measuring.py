"""How the benchmarks measure: CPU time, the sides in turn and often, and the median of each."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

REPEATS = 15

say = sys.stdout.write


class Side(NamedTuple):
    """One side of a comparison: `work` does a thing `times` times."""

    times: int
    work: Callable[[], object]


def compare(sides: Mapping[str, Side], repeats: int = REPEATS) -> dict[str, float]:
    """Return what each side costs for one time, in us of CPU: the median of runs taken in turn."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            begun = time.process_time()
            side.work()
            spent[name].append((time.process_time() - begun) / side.times * 1e6)
    return {name: statistics.median(found) for name, found in spent.items()}


def quantile(values: list[float], share: float) -> float:
    """Return the value below which a share of all lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def line(what: str, figure: float, unit: str = "us", note: str = "") -> None:
    """Print one figure."""
    say(f"{what:<58}{figure:>10.2f} {unit}{f'  ({note})' if note else ''}\n")
