"""`hushbell replay`: the whole pipeline over captures or sightings, on the frames' own time, without a broker."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import sleep
from typing import Any

from drivers.captures import CaptureError, read_sightings_of
from drivers.sighting import Radio, Sighting
from gateway.assembly import make_core
from gateway.clock import monotonic
from gateway.commandline.lines import complain, refuse, say
from gateway.commandline.stored import load_register
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.core import Core
from gateway.crowd.count import Count
from gateway.deciding.identifiers import Identifiers
from gateway.events import Outcome
from gateway.identity.recognition import Register
from gateway.mqtt.topics import Topics
from gateway.rulebook import read_rulebook
from gateway.store.database import StoreError
from gateway.store.store import Store

BATCH = 512
NO_STATE_KEY = bytes(32)


class ReplayError(Exception):
    """Carries in one line why a replay cannot begin."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a state folder says of the members, and the gateway's key."""

    register: Register
    key: bytes
    digest: bytes


def replay(
    files: Sequence[Path], config_path: Path, receiver: str | None, *, speed: float | None, estimates: bool
) -> int:
    """Print the events that the files' frames lead to, a JSON object a line; return the exit status."""
    try:
        config = load_config(config_path)
        book = read_rulebook(config)
        kept = asyncio.run(_read_state(config.gateway.state))
        run = _run_id([config.path, *book.files, *files], kept.digest)
        publish = Count.estimates if estimates else Count.data
        core = make_core(config, book.rules, kept.register, Identifiers(kept.key, run), publish)
        sightings = merged(files, config, receiver)
        if speed is None:
            _play(core, sightings, config, BATCH)
        else:
            _play(core, _paced(sightings, speed), config, 1)
    except ConfigError as error:
        refuse(str(error))
        return 2
    except (StoreError, CaptureError, ReplayError) as error:
        complain(str(error))
        return 2
    return 0


async def _read_state(folder: Path) -> Kept:
    """Read members without changing anything; no state is no members, and a fixed key."""
    store = await Store.open_readonly(folder)
    if store is None:
        return Kept(Register(), NO_STATE_KEY, b"")
    try:
        digest = sha256()
        async for _, text in store.members.all():
            digest.update(text.encode() + b"\0")
        return Kept(await load_register(store), store.gateway_key, digest.digest())
    finally:
        await store.close()


def _run_id(files: Sequence[Path], members: bytes) -> bytes:
    """Digest configuration, rules, members and input: the same ones give the same ids."""
    run = sha256(members)
    for path in files:
        if not path.is_file() and path.exists():
            raise ReplayError(f"{path}: not a regular file, expected a capture or sightings")
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                run.update(block)
        run.update(b"\0")
    return run.digest()


def merged(files: Sequence[Path], config: Config, receiver: str | None) -> Iterator[Sighting]:
    """Read all files at once, in the order of time."""

    def name(radio: Radio) -> str:
        return receiver or _only_receiver(config, radio)

    if receiver is not None and receiver not in {configured.id for configured in config.receivers}:
        raise ReplayError(f"no receiver {receiver!r} is configured")
    counters: Counter[str] = Counter()
    streams = [read_sightings_of(path, name, counters, complain) for path in files]
    return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda sighting: sighting.t)


def _only_receiver(config: Config, radio: Radio) -> str:
    found = [receiver.id for receiver in config.receivers if receiver.driver in (radio, "simulator")]
    if not found:
        raise ReplayError(f"no receiver is configured that hears {radio}; add one, or name one with --receiver")
    if len(found) != 1:
        raise ReplayError(
            f"{len(found)} receivers are configured that may have heard {radio}; name one with --receiver"
        )
    return found[0]


def _paced(sightings: Iterator[Sighting], speed: float) -> Iterator[Sighting]:
    """Hold each frame back until its time has come."""
    began = first = None
    for sighting in sightings:
        if began is None or first is None:
            began, first = monotonic(), sighting.t
        sleep(max(0.0, (sighting.t - first) / speed - (monotonic() - began)))
        yield sighting


def _play(core: Core, sightings: Iterator[Sighting], config: Config, batch_size: int) -> None:
    topics = Topics(config.store.id, config.gateway.id)
    for outcome in _outcomes(core, sightings, batch_size):
        for event in outcome.events:
            say(event.body(topics.source, config.store.timezone).decode())


def _outcomes(core: Core, sightings: Iterator[Sighting], batch_size: int) -> Iterator[Outcome]:
    while batch := list(islice(sightings, batch_size)):
        yield core.hear(batch)
    if core.now > -math.inf:
        yield core.finish(core.now)


def counts_of(files: Sequence[Path], config_path: Path, receiver: str | None) -> list[Count]:
    """Return the counts of others that the files' frames lead to. Raises what `replay` complains of."""
    config = load_config(config_path)
    book = read_rulebook(config)
    kept = asyncio.run(_read_state(config.gateway.state))
    counts: list[Count] = []

    def keep(count: Count) -> dict[str, Any]:
        counts.append(count)
        return count.data()

    core = make_core(config, book.rules, kept.register, Identifiers(kept.key, _run_id(files, kept.digest)), keep)
    for _ in _outcomes(core, merged(files, config, receiver), BATCH):
        pass
    return counts
