"""`hushbell buzz`: an alert about nobody, to try the staff devices of a group."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.commandline.lines import complain, refuse, say
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.control import ControlError, ask
from rules.messages import say as told


def buzz(config_path: Path, group: str | None) -> int:
    """Buzz a group, the first one unless it is named; return 0 where a device answered, 1 where none did."""
    try:
        config = load_config(config_path)
        groups = [known.id for known in config.staff.groups]
        if group is not None and group not in groups:
            complain(
                told("no group {group!r} is configured, expected one of {known}", group=group, known=", ".join(groups))
            )
            return 2
        return asyncio.run(_buzz(config, group or groups[0]))
    except ConfigError as error:
        refuse(str(error))
    except ControlError as error:
        complain(str(error))
    return 2


async def _buzz(config: Config, group: str) -> int:
    """Print who is online and who answers, until everybody has or the time is over."""
    silent: set[str] = set()
    answered: list[str] = []
    async for entry in ask(config.gateway.state, {"buzz": group}):
        if "online" in entry:
            silent = set(entry["online"])
            say(_opening(group, entry["online"], entry["seconds"]))
            continue
        first = "{device} answered after {seconds:.1f} s" if not answered else "{device} too, after {seconds:.1f} s"
        if entry["device"] not in answered:
            answered.append(entry["device"])
            say(told(first, device=entry["device"], seconds=entry["after"]))
        silent.discard(entry["device"])
        if not silent:
            break
    for device in sorted(silent):
        say(told("{device} is online and did not answer", device=device))
    if not answered:
        complain(told("no device of group {group} answered", group=group))
    return 0 if answered else 1


def _opening(group: str, online: list[str], seconds: float) -> str:
    if not online:
        return told(
            "No device of group {group} is online; buzzing for {seconds:.0f} s ...", group=group, seconds=seconds
        )
    return told(
        "Buzzing {devices} for {seconds:.0f} s: claim the alert on each ...", devices=", ".join(online), seconds=seconds
    )
