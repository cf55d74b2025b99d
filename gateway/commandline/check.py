"""`hushbell check`: a configuration and its rules, all faults at once, judged by the files alone unless asked to look
at who is enrolled."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TextIO

from gateway.commandline.lines import say as print_line
from gateway.configuration.config import Config
from gateway.configuration.configfile import Reading, read_config_file, read_rules
from gateway.contract.words import CredentialKind
from gateway.identity.member import MemberError, stored_member
from gateway.store.database import Reason, StoreError
from gateway.store.store import Store
from gateway.trust import beyond_reach, kinds_carried, kinds_heard
from rules.document import Fault, Faults
from rules.messages import say
from rules.model import Rule

NOT_HEARD = "rule {rule!r} needs a credential that is {trust}, and no receiver here hears one"
NOT_CARRIED = "rule {rule!r} needs a credential that is {trust}, and no member who is enrolled carries one"


def check(path: Path, out: TextIO, err: TextIO, *, enrolled: bool = False) -> int:
    """Judge a configuration, and, where asked to, hold its rules against the credentials that are `enrolled`.

    Return 0 when it is valid, 1 when it is at fault, 2 when there is none to read, or no register.
    """
    faults = Faults()
    reading = read_config_file(path, faults)
    rules = read_rules(reading, faults) if reading else []
    if reading and reading.config:
        _warn_of_idle_rules(reading, reading.config, rules)
        heard = kinds_heard(reading.config)
        _warn_of_distrusted_rules(reading, reading.config, rules, heard, NOT_HEARD)
        if enrolled:
            try:
                carried = asyncio.run(_kinds_enrolled(reading.config.gateway.state))
            except StoreError as error:
                print_line(str(error), err)
                return 2
            unheard = {rule.name for rule, _ in beyond_reach(reading.config, rules, heard)}
            others = [rule for rule in rules if rule.name not in unheard]
            _warn_of_distrusted_rules(reading, reading.config, others, heard & carried, NOT_CARRIED)
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


def _warn_of_distrusted_rules(
    reading: Reading, config: Config, rules: Iterable[Rule], kinds: Collection[CredentialKind], doubt: str
) -> None:
    """Warn of rules that ask for more trust than credentials of these kinds can give."""
    for rule, needed in beyond_reach(config, rules, kinds):
        if node := reading.named.get(rule.file):
            node.fault(doubt, warning=True, rule=rule.name, trust=needed.word)


async def _kinds_enrolled(folder: Path) -> frozenset[CredentialKind]:
    """Return the kinds of credential that the register holds; none where there is no register. Raises StoreError."""
    store = await Store.open_readonly(folder)
    if store is None:
        return frozenset()
    try:
        return frozenset(
            {kind async for _, text in store.members.all() for kind in kinds_carried([stored_member(text)])}
        )
    except MemberError as error:
        raise StoreError(folder, Reason.OTHER, str(error)) from None
    finally:
        await store.close()


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
