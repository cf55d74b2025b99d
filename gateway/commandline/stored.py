"""Work on what is stored, for commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.commandline.lines import complain, refuse
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.identity.member import MemberError
from gateway.identity.recognition import Register
from gateway.membership.roster import Roster
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.messages import say as told

Open = Callable[[Path], Awaitable[Store | None]]
Work = Callable[[Config, Store], Awaitable[int]]


def with_store(config_path: Path, open_store: Open, work: Work) -> int:
    """Do what is to be done with the store of a configuration; return the exit status."""

    async def opened(config: Config) -> int:
        store = await open_store(config.gateway.state)
        if store is None:
            complain(told("nothing is kept yet: the gateway has not run"))
            return 1
        try:
            return await work(config, store)
        finally:
            await store.close()

    try:
        return asyncio.run(opened(load_config(config_path)))
    except ConfigError as error:
        refuse(str(error))
    except (StoreError, MemberError) as error:
        complain(str(error))
    return 2


async def load_register(store: Store) -> Register:
    """Fill a register with the stored members."""
    register = Register()
    changes = await Roster(store.members).changes()
    for member, error in register.put_all(changes.put if changes else ()):
        complain(f"the stored member …{member.id[-2:]} is left out: {error}")
    return register
