"""What the daemon does now and then: closes days, prunes what retention has ended, forgets members who do not come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from datetime import datetime

from gateway import clock
from gateway.audit.papers import drift
from gateway.conductor import Conductor
from gateway.configuration.config import Config
from gateway.journal.pages import prune
from gateway.membership.membership import Membership
from gateway.store.database import StoreError
from gateway.store.retention import Retention

log = logging.getLogger("hushbell")

EVERY_S = 600.0
IDLE_EVERY_S = 86400.0  # how often members are looked for who do not come any more
MEMBERS_AT_ONCE = 500


class Housekeeping:
    def __init__(self, config: Config, retention: Retention, conductor: Conductor, membership: Membership) -> None:
        self._config = config
        self._retention = retention
        self._conductor = conductor
        self._membership = membership
        self._outdated: list[str] = []

    async def run(self) -> None:
        """Keep house until cancelled."""
        looked = -math.inf
        core = self._conductor.core
        while True:
            self._tell_papers()
            with contextlib.suppress(StoreError):
                await self._retention.close_days(clock.wall(), self._config.store.timezone)
                await self._retention.prune(clock.wall(), self._config.privacy)
                await self._prune_journals()
                if clock.monotonic() - looked >= IDLE_EVERY_S and core.clock_synchronised is not False:
                    await self._forget_idle()
                    looked = clock.monotonic()
            await asyncio.sleep(EVERY_S)

    async def _prune_journals(self) -> None:
        before = datetime.fromtimestamp(clock.wall() - self._config.privacy.journal_s, self._config.store.timezone)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(prune, self._config.gateway.state, before.date())

    def _tell_papers(self) -> None:
        """Say which notices and signs that were written do not match the configuration any more."""
        outdated = drift(self._config)
        for line in outdated if outdated != self._outdated else ():
            log.warning("%s", line)
        self._outdated = outdated

    async def _forget_idle(self) -> None:
        """Erase the members who have not come for longer than members are kept."""
        core = self._conductor.core
        members, forgotten = core.members(), 0
        for start in range(0, len(members), MEMBERS_AT_ONCE):
            outcome, idle = core.idle_members(clock.wall(), members[start : start + MEMBERS_AT_ONCE])
            self._conductor.settle(outcome)
            for member_id in idle:
                await self._membership.remove(member_id, by="idle")
            forgotten += len(idle)
            await asyncio.sleep(0)
        if forgotten:
            log.info("%d members did not come any more and are forgotten", forgotten)
