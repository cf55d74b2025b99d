"""`hushbell audit`: what is held, why and until when; that nothing else is; and the papers a shop puts up."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from gateway import clock
from gateway.audit.holdings import Audit, look_at_files
from gateway.audit.journals import look_at_journals
from gateway.audit.logs import look_at_logs
from gateway.audit.papers import PAPERS, drift, note, written
from gateway.audit.report import Look, Report
from gateway.audit.retained import look_at_topics
from gateway.commandline.lines import complain, refuse, say
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.doctor.facts import Bluetooth, Facts, Wireless
from gateway.doctor.findings import State
from gateway.doctor.host import check_bluetooth_cache, check_cores, check_swap
from gateway.doctor.machine import read_machine
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.messages import say as told


def audit(given: Namespace) -> int:
    """Print a report, or one of the papers; return 1 where anything is at fault."""
    try:
        config = load_config(given.config)
        if given.paper in PAPERS:
            return _print_paper(config, given.paper, given.language)
        report = asyncio.run(examine(config, given.log))
    except ConfigError as error:
        refuse(str(error))
        return 2
    except StoreError as error:
        complain(str(error))
        return 2
    for line in [report.as_json()] if given.json else report.as_lines():
        say(line)
    return 1 if report.faults else 0


def _print_paper(config: Config, paper: str, language: str | None) -> int:
    say(written(config, paper, [language] if language else ["zh", "en"]))
    note(config, paper)
    return 0


async def examine(config: Config, logs: Sequence[Path], root: Path = Path("/")) -> Report:
    """Look everywhere that anything may be held. Raises StoreError and OSError."""
    report = Report()
    members: list[str] = []
    store = await Store.open_readonly(config.gateway.state)
    if store is None:
        report.looked.append(Look("hushbell.db", told("nothing is stored yet")))
    else:
        try:
            report.merge(await Audit(config, clock.wall()).look(store))
            members = [id_ async for id_ in store.members.ids()]
            report.merge(look_at_journals(config, store.gateway_key, frozenset(members), clock.wall()))
        finally:
            await store.close()
    if config.gateway.state.is_dir():
        report.merge(look_at_files(config.gateway.state, Path.read_bytes))
    report.merge(look_at_logs(logs, members))
    report.merge(await look_at_topics(config))
    report.merge(look_at_machine(config, root))
    report.faults += drift(config)
    return report


def look_at_machine(config: Config, root: Path) -> Report:
    """See whether memory or bluetoothd's records reach a disk."""
    machine = read_machine(root, config.gateway.state, config.store.timezone.key)
    facts = Facts(machine, Bluetooth(), Wireless(), (), (), clock_synchronised=None)
    report = Report()
    for check in (check_bluetooth_cache, check_swap, check_cores):
        for finding in check(config, facts):
            report.looked.append(Look(finding.check, finding.message))
            if finding.state is State.MISSING:
                report.faults.append(finding.message)
    return report
