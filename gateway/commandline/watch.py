"""`hushbell watch`: what became of each member heard, and why, live; everything else as counts by cause."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway import clock
from gateway.commandline.folding import fold, width_of
from gateway.commandline.lines import complain, refuse, say
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.control import ControlError, ask
from gateway.retold import CARRIED, retold
from rules.messages import say as told

RETRY_S = 1.0
INDENT = " " * 9  # of what goes on behind the time


def watch(config_path: Path, *, as_json: bool) -> int:
    """Print what the daemon says, across its restarts, until the user ends this; return the exit status else."""
    try:
        asyncio.run(_print(load_config(config_path), as_json=as_json))
    except ConfigError as error:
        refuse(str(error))
    except ControlError as error:
        complain(str(error))
    return 2


async def _print(config: Config, *, as_json: bool) -> None:
    timezone = config.store.timezone
    async for entry in entries(config.gateway.state):
        if as_json:
            say(json.dumps(entry, ensure_ascii=False))
        else:
            for part in fold(line(entry, timezone), width_of(sys.stdout), INDENT):
                say(part)


async def entries(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Yield what the daemon says, across its restarts. Raises ControlError where none runs to begin with."""
    async for entry in ask(folder, {"watch": True}):
        yield entry
    while True:
        yield {"what": "daemon", "t": clock.wall(), "state": "ended"}
        async for entry in _once_back(folder):
            yield entry


async def _once_back(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Wait for the daemon and yield what it says until it ends."""
    is_back = False
    while not is_back:
        await asyncio.sleep(RETRY_S)
        try:
            async for entry in ask(folder, {"watch": True}):
                if not is_back:
                    yield {"what": "daemon", "t": clock.wall(), "state": "back"}
                is_back = True
                yield entry
        except ControlError:
            pass


def line(entry: dict[str, Any], timezone: ZoneInfo) -> str:
    """Write one entry of the daemon's as a line for people, in the shop's time."""
    moment = datetime.fromtimestamp(entry["t"], timezone).strftime("%H:%M:%S")
    return f"{moment} {_WRITERS[entry['what']](entry)}"


def _who(entry: dict[str, Any]) -> str:
    return f"{told(CARRIED[entry['credential']])} …{entry['tail']}"


def _decision(entry: dict[str, Any]) -> str:
    place = f"({entry['rule']}, {told('line')} {entry['line']})"
    zone = entry["zone"] or told("somewhere inside")
    action = told(entry["action"])
    if entry["outcome"] == "fired":
        return f"{_who(entry)}, {zone}, {action} {place}"
    why = retold(entry["reason"]) or told(entry["outcome"])
    return f"{_who(entry)}, {zone}, {told('no')} {action}: {why} {place}"


def _visit(entry: dict[str, Any]) -> str:
    zone = entry["zone"] or told("somewhere inside")
    return (
        f"{_who(entry)}, {zone}, {told('visit')} {told(entry['happened'])}, {told('sure to')} {entry['confidence']:.0%}"
    )


def _heard(entry: dict[str, Any]) -> str:
    zone = entry["zone"] or told("no zone")
    level = told("connected") if entry["rssi"] is None else f"{entry['rssi']} dBm"
    return f"{_who(entry)}, {zone}, {entry['receiver']} {level}"


def _counts(entry: dict[str, Any]) -> str:
    radios = ", ".join(f"{name} {told(state)}" for name, state in entry["receivers"].items())
    counts = ", ".join(f"{number} {retold(cause)}" for cause, number in entry["counts"].items())
    parts = (f"{told(entry['state'])}: {radios}", *map(retold, entry["reasons"]), counts)
    return " · ".join(part for part in parts if part)


def _daemon(entry: dict[str, Any]) -> str:
    return told("the daemon ended, waiting for it") if entry["state"] == "ended" else told("the daemon is back")


_WRITERS = {"daemon": _daemon, "decision": _decision, "visit": _visit, "heard": _heard, "counts": _counts}
