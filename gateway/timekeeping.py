"""What the daemon does about time: follows the clock where it was set, and computes ahead what will be sent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateway import clock
from gateway.committer import Committer
from gateway.conductor import Conductor
from gateway.store.database import StoreError
from gateway.store.outbox import Outbox

log = logging.getLogger("hushbell")

PREPARED_EVERY_S = 1.0
IDS_AT_ONCE = 100
PREPARING_S = 0.002
SETTLING_S = 5.0
CLOCK_STEP_S = 0.5  # a clock that is off by less is left as it is


@dataclass(frozen=True, slots=True)
class Timekeeping:
    """Tells the core of the clock, and calls `mend` with what the disk says against it."""

    conductor: Conductor
    committer: Committer
    outbox: Outbox
    mend: Callable[[Exception], None]

    async def prepare(self) -> None:
        """Compute what members will send soon, by the clock as it will be followed, a little at a time."""
        is_more = True
        while is_more:
            is_more = self.conductor.core.prepare(clock.wall() + clock.set_by(), IDS_AT_ONCE)
            await asyncio.sleep(PREPARING_S if is_more else 0)

    async def keep_prepared(self) -> None:
        """Prepare until cancelled."""
        while True:
            await self.prepare()
            await asyncio.sleep(PREPARED_EVERY_S)

    async def follow_clock(self) -> None:
        """Where the machine's clock was set, let the core date anew what is open, and the outbox what waits."""
        if abs(clock.set_by()) < CLOCK_STEP_S:
            return
        await self.prepare()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLING_S):
                await self.committer.settled()  # the store's then
        t, by_s = clock.wall(), clock.follow()
        log.warning("the clock was set by %+.1f s; what is open goes on and is dated anew", by_s)
        self.conductor.settle(self.conductor.core.set_clock(t, by_s))
        try:
            await self.outbox.redate(by_s)
        except StoreError as error:
            log.warning("what waits cannot be dated anew on the disk: %s", error)
            self.mend(error)

    def tell_clock(self) -> None:
        """Tell the core whether somebody keeps the clock right."""
        self.conductor.settle(self.conductor.core.clock(clock.wall(), synchronised=clock.is_synchronised()))
