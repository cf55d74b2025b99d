"""Puts a core together from a configuration, rules and members, for the daemon and for replays alike."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from gateway.config import Config
from gateway.core import Core
from gateway.crowd import Count, Crowd
from gateway.identifiers import Identifiers
from gateway.identity.recognition import Register
from rules.engine import Engine
from rules.model import Rule


def make_core(
    config: Config,
    rules: list[Rule],
    register: Register,
    ids: Identifiers,
    publish_count: Callable[[Count], dict[str, Any]] = Count.data,
) -> Core:
    """Compose a core. The crowd's keys are random, which no decision and no count can show."""
    quiet_hours = config.staff.quiet_hours
    engine = Engine(rules, config.privacy.private_attributes, quiet_hours.include if quiet_hours else None)
    crowd = Crowd(config.zones, minimum=config.privacy.minimum_count, key_source=lambda: secrets.token_bytes(32))
    return Core(config, engine, register, crowd, ids, publish_count)
