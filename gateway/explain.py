"""`hushbell explain`: why an alert or offer came, and what every rule said of a visit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from gateway.configfile import ConfigError, load_config
from gateway.events import DecisionRow
from gateway.lines import complain, refuse, say
from gateway.store.database import StoreError
from gateway.store.store import Store


async def story(store: Store, subject: str) -> list[dict[str, Any]]:
    """Return the decisions about an alert, an offer's feedback token or a visit, the oldest first."""
    rows = await store.decisions(visit=subject) if subject.startswith("v-") else await store.decisions(subject=subject)
    return [_told(row) for row in reversed(rows)]


def _told(row: DecisionRow) -> dict[str, Any]:
    return {"decided": row.t, "visit": row.visit, "rule": row.rule, "outcome": row.outcome, **row.detail}


def explain(config_path: Path, subject: str) -> int:
    """Print the story of an id, a JSON object a decision; return the exit status."""
    try:
        config = load_config(config_path)
        decisions = asyncio.run(_read(config.gateway.state, subject))
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
        say(json.dumps(decision, ensure_ascii=False))
    return 0


async def _read(folder: Path, subject: str) -> list[dict[str, Any]]:
    store = await Store.open_readonly(folder)
    if store is None:
        return []
    try:
        return await story(store, subject)
    finally:
        await store.close()
