import asyncio
import math
from collections.abc import Callable
from random import Random
from typing import Any, cast

import pytest
from virtual_door import CARD, DOOR, START, a_core, a_member

from drivers.sighting import Sighting
from gateway.conductor import Conductor
from gateway.core import Core
from gateway.events import Outcome, StateRow


class AlarmCore:
    """Stands where the core does: wants to be woken at given times, and says when it was."""

    def __init__(self, *deadlines: float) -> None:
        self._deadlines = list(deadlines)
        self.woken: list[float] = []

    @property
    def deadline(self) -> float:
        return self._deadlines[0] if self._deadlines else math.inf

    def advance(self, t: float) -> Outcome:
        self.woken.append(t)
        self._deadlines = [due for due in self._deadlines if due > t]
        out = Outcome()
        out.put(StateRow("woken", str(t), t))
        return out


def conduct(core: AlarmCore, clock: Callable[[], float], outcomes: int) -> list[Outcome]:
    """Run a conductor until it passed on so many outcomes."""

    async def main() -> list[Outcome]:
        taken: list[Outcome] = []
        enough = asyncio.Event()

        def take(outcome: Outcome) -> None:
            taken.append(outcome)
            if len(taken) == outcomes:
                enough.set()

        conductor = Conductor(cast(Any, core), clock, take)
        conductor.settle(Outcome())
        await asyncio.wait_for(enough.wait(), 5.0)
        conductor.close()
        return taken

    return asyncio.run(main())


def test_the_core_is_advanced_to_exactly_its_deadlines_however_late_it_is() -> None:
    core = AlarmCore(10.0, 12.5)
    conduct(core, lambda: 1000.0, 2)
    assert core.woken == [10.0, 12.5]


def test_a_clock_that_was_set_back_makes_the_core_wait() -> None:
    times = iter([100.0, 99.99, 99.999, 100.001])
    core = AlarmCore(100.0)
    conduct(core, lambda: next(times, 100.001), 1)
    assert core.woken == [100.0]


def test_the_real_core_fits_where_the_conductor_takes_one() -> None:
    assert {"deadline", "advance", "hear"} <= set(dir(Core))


@pytest.mark.parametrize("seed", range(5))
def test_frames_handed_over_in_batches_decide_what_they_would_one_by_one(seed: int) -> None:
    draw = Random(seed)
    heard = [
        Sighting(START + at, "door", "ble", "ibeacon", round(draw.gauss(DOOR if at < 400 else -95, 6)), CARD)
        for at in sorted(draw.uniform(0, 600) for _ in range(1200))
    ]
    alone, together = a_core(a_member()), a_core(a_member())
    expected, said = Outcome(), Outcome()
    for sighting in heard:
        expected.merge(alone.hear([sighting]))
    while heard:
        size = draw.randint(1, 40)
        said.merge(together.hear(heard[:size]))
        del heard[:size]
    end = START + 3600
    expected.merge(alone.advance(end))
    said.merge(together.advance(end))
    assert said == expected
    assert any(event.type == "hushbell.alert.raised" for event in said.events)
