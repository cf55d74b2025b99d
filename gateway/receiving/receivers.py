"""The radios at work: each driver is run and watched, told of where it does not hear, and harms no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from drivers.driver import Driver, RadioState, Recoverable
from drivers.sighting import Sighting
from gateway import clock
from gateway.configuration.config import Config
from gateway.health import Health
from gateway.receiving.lookout import CRASHED, Lookout
from gateway.receiving.radios import make_driver

log = logging.getLogger("hushbell")

DRIVER_PAUSE_S = 5.0


class Receivers:
    """Calls `deliver` with what is heard, and `changed` when a receiver fares otherwise than before."""

    def __init__(
        self,
        config: Config,
        health: Health,
        deliver: Callable[[list[Sighting]], None],
        changed: Callable[[], None],
    ) -> None:
        self._health = health
        self._deliver = deliver
        self._changed = changed
        has_hours = config.store.opening_hours is not None
        self.drivers: list[Driver] = []
        self._lookouts: list[Lookout] = []
        for receiver in config.receivers:
            driver = make_driver(receiver, clock.wall, config.leave_after_s)
            rungs = driver.rungs if isinstance(driver, Recoverable) else ()
            self.drivers.append(driver)
            self._lookouts.append(Lookout(receiver, rungs, has_hours=has_hours))

    def __iter__(self) -> Iterator[tuple[Driver, Lookout]]:
        return zip(self.drivers, self._lookouts, strict=True)

    def works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield a name and what is to be run for each receiver."""
        for driver, lookout in self:
            yield f"radio {driver.receiver}", self._hear(driver, lookout)

    async def _hear(self, driver: Driver, lookout: Lookout) -> None:
        """Run one driver; one that fails against its promise is told and begun again."""

        def report(state: RadioState, reason: str) -> None:
            lookout.report(state, reason)
            self._tell(driver.receiver, lookout)

        def deliver(sightings: list[Sighting]) -> None:
            lookout.take(sightings)
            self._deliver(sightings)

        while True:
            try:
                await driver.run(deliver, report)
                return
            except Exception as error:  # its text could quote an address
                driver.counters[CRASHED] += 1
                log.error("the driver of receiver %s failed at %s", driver.receiver, place_of(error))
                report(RadioState.FAILED, f"the driver failed ({type(error).__name__})")
            await asyncio.sleep(DRIVER_PAUSE_S)

    def _tell(self, receiver: str, lookout: Lookout) -> None:
        state, reason = lookout.fares
        if self._health.radio(receiver, state, reason):
            log.info("receiver %s is %s%s", receiver, state, f": {reason}" if reason else "")
            self._changed()

    def judge(self) -> None:
        """See whether each radio hears, and ask the driver of one that does not for the next rung when it is due."""
        now, is_open = clock.monotonic(), self._health.is_open(clock.wall())
        for driver, lookout in self:
            rung = lookout.moment(now, is_open=is_open)
            self._tell(driver.receiver, lookout)
            if self._health.drift(driver.receiver, lookout.drift):
                log.warning("receiver %s: %s", driver.receiver, lookout.drift or "the reference beacon is as it was")
            if rung and isinstance(driver, Recoverable):
                log.warning("receiver %s: trying %s", driver.receiver, rung)
                driver.recover(rung)

    @property
    def heard(self) -> int:
        """How many frames were heard."""
        return sum(driver.counters["heard"] for driver in self.drivers)

    def rows(self, timezone: ZoneInfo) -> dict[str, Any]:
        """Return how each receiver fares, for the gateway's health."""
        return {driver.receiver: lookout.row(timezone, driver.counters) for driver, lookout in self}


def place_of(error: BaseException) -> str:
    """Say where an error came from, and nothing of what it says."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
    return f"{where} ({type(error).__name__})"
