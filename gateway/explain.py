"""`hushbell explain`: why an alert or offer came, and what every rule said of a visit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from gateway.config import Config
from gateway.configfile import ConfigError, load_config
from gateway.contract.commands import DecisionTold
from gateway.events import DecisionRow, rfc3339
from gateway.lines import complain, refuse, say
from gateway.store.database import StoreError
from gateway.store.store import Store


async def story(store: Store, subject: str, timezone: ZoneInfo) -> list[DecisionTold]:
    """Return the decisions about an alert, an offer's feedback token or a visit, the oldest first."""
    rows = await store.decisions(visit=subject) if subject.startswith("v-") else await store.decisions(subject=subject)
    return [_told(row, timezone) for row in reversed(rows)]


def _told(row: DecisionRow, timezone: ZoneInfo) -> DecisionTold:
    detail = {**row.detail, "at": rfc3339(row.detail["at"], timezone)}
    decided = rfc3339(row.t, timezone)
    told = {"decided": decided, "visit": row.visit, "rule": row.rule, "outcome": row.outcome, **detail}
    return msgspec.convert(told, DecisionTold)


def explain(config_path: Path, subject: str) -> int:
    """Print the story of an id, a JSON object a decision; return the exit status."""
    try:
        config = load_config(config_path)
        decisions = asyncio.run(_read(config, subject))
    except ConfigError as error:
        refuse(str(error))
        return 2
    except StoreError as error:
        complain(str(error))
        return 2
    if not decisions:
        complain(f"{subject}: no decision about it is kept")
        return 1
    for decision in decisions:
        say(msgspec.json.encode(decision).decode())
    return 0


async def _read(config: Config, subject: str) -> list[DecisionTold]:
    store = await Store.open_readonly(config.gateway.state)
    if store is None:
        return []
    try:
        return await story(store, subject, config.store.timezone)
    finally:
        await store.close()
