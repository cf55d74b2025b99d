"""`hushbell watch`: what became of each member heard, and why, live; everything else as counts by cause."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.config import Config
from gateway.configfile import ConfigError, load_config
from gateway.control import ControlError, ask
from gateway.lines import complain, refuse, say
from rules.messages import say as told

CARRIED = {
    "ibeacon": "card",
    "altbeacon": "card",
    "eddystone-uid": "card",
    "eddystone-eid": "card",
    "rotating": "app",
    "app": "app",
    "irk": "phone",
    "wifi": "guest Wi-Fi",
    "wifi-key": "guest Wi-Fi",
}
"""What a user calls a credential of each kind."""


def watch(config_path: Path, *, as_json: bool) -> int:
    """Print what the daemon says until it ends or the user does; return the exit status."""
    try:
        asyncio.run(_print(load_config(config_path), as_json=as_json))
    except ConfigError as error:
        refuse(str(error))
    except ControlError as error:
        complain(str(error))
    return 2


async def _print(config: Config, *, as_json: bool) -> None:
    async for entry in ask(config.gateway.state, {"watch": True}):
        say(json.dumps(entry, ensure_ascii=False) if as_json else line(entry, config.store.timezone))
    raise ControlError(told("the daemon ended"))


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
    return f"{_who(entry)}, {zone}, {told('no')} {action}: {entry['reason'] or told(entry['outcome'])} {place}"


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
    counts = ", ".join(f"{number} {told(cause)}" for cause, number in entry["counts"].items())
    parts = (f"{told(entry['state'])}: {radios}", *entry["reasons"], counts)
    return " · ".join(part for part in parts if part)


_WRITERS = {"decision": _decision, "visit": _visit, "heard": _heard, "counts": _counts}
