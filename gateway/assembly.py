"""Puts a core together from a configuration, rules and members, for the daemon and for replays alike."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from gateway.config import Config
from gateway.core import Core
from gateway.crowd.count import Count
from gateway.crowd.crowd import Crowd
from gateway.identifiers import Identifiers
from gateway.identity.recognition import Register, Shop
from gateway.identity.suspicion import Place
from rules.engine import Engine
from rules.model import Rule


def make_core(
    config: Config,
    rules: list[Rule],
    register: Register,
    ids: Identifiers,
    publish_count: Callable[[Count], dict[str, Any]] = Count.data,
) -> Core:
    """Compose a core. The keys of digests in memory are random, which no decision and no count can show."""
    quiet_hours, privacy = config.staff.quiet_hours, config.privacy
    quiet = quiet_hours.include if quiet_hours else None
    engine = Engine(rules, privacy.private_attributes, quiet, privacy.private_offers)
    digest_key = secrets.token_bytes(32) if privacy.private_addresses else None
    register.attune(Shop(config.namespace, _place(config), ids.credential, digest_key))
    crowd = Crowd(
        config.zones,
        minimum=config.privacy.minimum_count,
        settings=config.crowd,
        key_source=lambda: secrets.token_bytes(32),
    )
    return Core(config, engine, register, crowd, ids, publish_count)


def _place(config: Config) -> Place | None:
    store = config.store
    return None if store.latitude is None or store.longitude is None else Place(store.latitude, store.longitude)
