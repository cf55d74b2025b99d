"""`hushbell doctor`: what this machine lacks to be a shop bell, in plain words, and the command that mends each."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from shlex import quote

from gateway.commandline.lines import say
from gateway.configuration.config import Config
from gateway.configuration.configfile import read_config_file, read_rules
from gateway.doctor.access import check_hostapd, check_rights, check_switches
from gateway.doctor.bluetooth import check_bluetooth
from gateway.doctor.broker import check_broker
from gateway.doctor.deafness import check_deafness
from gateway.doctor.facts import Facts
from gateway.doctor.findings import Finding, State, advice, anything_missing, missing, ok
from gateway.doctor.host import (
    check_bluetooth_cache,
    check_card,
    check_clock,
    check_cores,
    check_power,
    check_state,
    check_swap,
    check_timezone,
)
from gateway.doctor.inquiry import find_out
from gateway.doctor.wifi import check_wifi
from rules.document import Faults
from rules.messages import say as told

Check = Callable[[Config, Facts], Iterator[Finding]]
"""Judges facts, and says nothing of what the configuration does not need."""

CHECKS: tuple[Check, ...] = (
    check_bluetooth,
    check_wifi,
    check_switches,
    check_rights,
    check_hostapd,
    check_deafness,
    check_broker,
    check_clock,
    check_timezone,
    check_bluetooth_cache,
    check_swap,
    check_cores,
    check_state,
    check_card,
    check_power,
)


def doctor(config_path: Path, *, as_json: bool, root: Path = Path("/")) -> int:
    """Say what is missing; return 1 where anything needed is, 2 where the configuration cannot be read, else 0."""
    faults = Faults()
    reading = read_config_file(config_path, faults)
    if reading is None or reading.config is None:
        for fault in sorted(faults.errors()):
            say(str(fault), sys.stderr)
        return 2
    read_rules(reading, faults)
    found = [
        judge_configuration(config_path, faults),
        *examine(reading.config, asyncio.run(find_out(reading.config, root))),
    ]
    for line in as_object(found) if as_json else as_lines(found):
        say(line)
    return 1 if anything_missing(found) else 0


def examine(config: Config, facts: Facts) -> list[Finding]:
    """Return every finding, in the order of the checks."""
    return [finding for check in CHECKS for finding in check(config, facts)]


def judge_configuration(path: Path, faults: Faults) -> Finding:
    """Judge a configuration that could be read, by what was noted while it and its rules were."""
    command = f"hushbell check {quote(str(path))}"
    errors, warnings = len(faults.errors()), len(faults.found) - len(faults.errors())
    if errors:
        return missing("configuration", "{file}: faults in its rules: {count}", command, file=path, count=errors)
    if warnings:
        return advice("configuration", "{file} is valid, with warnings: {count}", command, file=path, count=warnings)
    return ok("configuration", "{file} is valid", file=path)


def as_object(found: Iterable[Finding]) -> Iterator[str]:
    """Write the findings as one JSON object on one line."""
    listed = list(found)
    document = {"ok": not anything_missing(listed), "findings": [asdict(finding) for finding in listed]}
    yield json.dumps(document, ensure_ascii=False)


def as_lines(found: Iterable[Finding]) -> Iterator[str]:
    """Write the findings as lines for people, each command on a line of its own, and what they come to."""
    counts = dict.fromkeys(State, 0)
    for finding in found:
        counts[finding.state] += 1
        yield f"{told(finding.state.value):<8}{finding.check}: {finding.message}"
        if finding.command:
            yield f"{'':<8}$ {finding.command}"
    text = "{missing} missing, {advice} to consider, {ok} well"
    yield told(text, **{state.value: number for state, number in counts.items()})
