"""Puts a core together from a configuration, rules and members, for the daemon and for replays alike."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from gateway.configuration.config import Config
from gateway.core import Core
from gateway.crowd.count import Count
from gateway.crowd.crowd import Crowd
from gateway.deciding.decider import Decider
from gateway.deciding.identifiers import Identifiers
from gateway.identity.recognition import Register, Shop
from gateway.identity.suspicion import Place
from gateway.journal.recorder import Recorder
from gateway.rulebook import make_engine
from gateway.senses import Senses
from rules.engine import Engine
from rules.model import Rule


def make_core(
    config: Config,
    rules: Sequence[Rule],
    register: Register,
    ids: Identifiers,
    publish_count: Callable[[Count], dict[str, Any]] = Count.data,
) -> Core:
    """Compose a core whose rules are under the policy of the shop."""
    return compose(config, make_engine(config, rules), register, ids, publish_count)


def make_recorded_core(
    config: Config, rules: Sequence[Rule], register: Register, ids: Identifiers
) -> tuple[Core, Recorder]:
    """Compose a core, and what writes down what it decides on."""
    causes: Counter[str] = Counter()
    recorder = Recorder(config, make_engine(config, rules), register.get, ids, causes)
    return _join(config, recorder, register, ids, causes, Count.data), recorder


def compose(
    config: Config,
    engine: Engine,
    register: Register,
    ids: Identifiers,
    publish_count: Callable[[Count], dict[str, Any]] = Count.data,
) -> Core:
    """Compose a core with an engine."""
    causes: Counter[str] = Counter()
    return _join(config, Decider(config, engine, register.get, ids, causes), register, ids, causes, publish_count)


def _join(
    config: Config,
    decider: Decider,
    register: Register,
    ids: Identifiers,
    causes: Counter[str],
    publish_count: Callable[[Count], dict[str, Any]],
) -> Core:
    """Put senses before a decider. The keys of digests in memory are random, which nothing decided can show."""
    digest_key = secrets.token_bytes(32) if config.privacy.private_addresses else None
    place = Place.of(config.store.latitude, config.store.longitude)
    register.attune(Shop(config.namespace, place, ids.credential, digest_key))
    crowd = Crowd(
        config.zones,
        minimum=config.privacy.minimum_count,
        settings=config.crowd,
        key_source=lambda: secrets.token_bytes(32),
    )
    return Core(config, Senses(config, register, crowd, causes), decider, causes, publish_count)
