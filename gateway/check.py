"""`hushbell check`: a configuration and its rules, judged by the files alone, all faults at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from gateway.config import Config
from gateway.configfile import Reading, read_config_file, read_rules
from gateway.lines import say as print_line
from gateway.trust import beyond_reach, kinds_heard
from rules.document import Fault, Faults
from rules.messages import say
from rules.model import Rule


def check(path: Path, out: TextIO, err: TextIO) -> int:
    """Judge a configuration; return 0 when it is valid, 1 when it is at fault, 2 when there is none to read."""
    faults = Faults()
    reading = read_config_file(path, faults)
    rules = read_rules(reading, faults) if reading else []
    if reading and reading.config:
        _warn_of_idle_rules(reading, reading.config, rules)
        _warn_of_distrusted_rules(reading, reading.config, rules)
    file = str(path)
    for fault in sorted(faults.found, key=lambda fault: (fault.file != file, fault)):
        print_line(str(fault), err)
    if reading is None and _is_absent(faults.found, file):
        return 2
    if reading is None or reading.config is None or faults.errors():
        return 1
    print_line(_summary(file, reading.config, rules), out)
    return 0


def _is_absent(found: Iterable[Fault], file: str) -> bool:
    return any(fault.line == 0 and fault.file == file for fault in found)


def _warn_of_idle_rules(reading: Reading, config: Config, rules: Iterable[Rule]) -> None:
    """Warn of rules that wait for what the shop does not have; the default rules were nobody's choice."""
    kinds = {zone.kind for zone in config.zones}
    for rule in rules:
        zone = rule.on.zone
        needed = zone.value if zone and zone.by == "kind" else "outside" if rule.on.kind == "passing" else None
        node = reading.named.get(rule.file)
        if node and needed and needed not in kinds:
            node.fault(
                "rule {rule!r} waits for a zone of kind {kind}, and this shop has none",
                warning=True,
                rule=rule.name,
                kind=needed,
            )


def _warn_of_distrusted_rules(reading: Reading, config: Config, rules: Iterable[Rule]) -> None:
    """Warn of rules that ask for more trust than any credential can give that is heard here."""
    for rule, needed in beyond_reach(config, rules, kinds_heard(config)):
        if node := reading.named.get(rule.file):
            node.fault(
                "rule {rule!r} needs a credential that is {trust}, and no receiver here hears one",
                warning=True,
                rule=rule.name,
                trust=needed.word,
            )


def _summary(file: str, config: Config, rules: list[Rule]) -> str:
    return say(
        "{file} is valid: {receivers}, {zones}, {rules}",
        file=file,
        receivers=_count(len(config.receivers), "1 receiver", "{count} receivers"),
        zones=_count(len(config.zones), "1 zone", "{count} zones"),
        rules=_count(len(rules), "1 rule", "{count} rules"),
    )


def _count(number: int, one: str, many: str) -> str:
    return say(one) if number == 1 else say(many, count=number)
