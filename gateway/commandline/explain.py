"""`hushbell explain`: why an alert or offer came, why rules were silent, and whether what is kept of it is whole."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path

import msgspec

from gateway import clock
from gateway.commandline.lines import complain, say
from gateway.commandline.stored import with_store
from gateway.commandline.telling import lines_of, lines_of_days
from gateway.configuration.config import Config
from gateway.contract.commands import Explained
from gateway.control import ControlError, ask
from gateway.store.chain import Verdict
from gateway.store.store import Store
from gateway.story import silences, story
from rules.messages import say as told


def explain(given: Namespace) -> int:
    """Print the story of an id, all silences, or the digests; return the exit status: 1 where nothing is kept of it,
    or what is kept is not as it was.
    """
    return with_store(given.config, Store.open_readonly, partial(_explained, given))


async def _explained(given: Namespace, config: Config, store: Store) -> int:
    if given.digests:
        return await _digests(config, store, as_json=given.json)
    if given.silences:
        return await _silences(config, store, given.since, as_json=given.json)
    return await _story(config, store, given.id, as_json=given.json)


async def _story(config: Config, store: Store, subject: str, *, as_json: bool) -> int:
    found = await story(store, config.store.timezone, subject)
    if not found.decisions:
        complain(told("{subject}: no decision about it is kept", subject=subject))
        return 1
    _print(found, as_json=as_json)
    return 0


async def _silences(config: Config, store: Store, since_s: float, *, as_json: bool) -> int:
    found = await silences(store, clock.wall() - since_s, await _counts(config.gateway.state))
    _print(found, as_json=as_json)
    return 0


async def _counts(folder: Path) -> dict[str, int]:
    """Ask the daemon what led to no decision; nothing where none runs."""
    try:
        async for answer in ask(folder, {"counts": True}):
            return answer
    except ControlError:
        pass
    return {}


def _print(found: Explained, *, as_json: bool) -> None:
    if as_json:
        say(msgspec.json.encode(found).decode())
    else:
        for line in lines_of(found):
            say(line)


async def _digests(config: Config, store: Store, *, as_json: bool) -> int:
    verdict = await store.retention.verify_days()
    if as_json:
        say(msgspec.json.encode(_as_json(verdict)).decode())
    else:
        for line in lines_of_days(verdict, config.store.timezone):
            say(line)
    return 0 if verdict.is_whole else 1


def _as_json(verdict: Verdict) -> dict[str, object]:
    entries = [
        {**each.entry._asdict(), "days": [day._asdict() for day in each.entry.days], "fares": each.fares}
        for each in verdict.entries
    ]
    wrong = {"texts": verdict.texts, "unreadable": verdict.unreadable, "strays": verdict.strays}
    return {"whole": verdict.is_whole, "entries": entries, **wrong}
