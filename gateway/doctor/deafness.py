"""Deafness: whether it can be told from the quiet of a shop, and how soon."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.configuration.config import Config, Receiver
from gateway.doctor.access import RADIOS
from gateway.doctor.facts import Facts
from gateway.doctor.findings import Finding, advice, edit, ok
from gateway.receiving.lookout import is_judged


def check_deafness(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge each radio whose silence could mean that it is deaf."""
    for receiver in config.receivers:
        if receiver.driver in RADIOS and is_judged(receiver):
            yield _judge(receiver, config)


def _judge(receiver: Receiver, config: Config) -> Finding:
    if receiver.reference:
        return ok(
            "deafness", "{receiver}: its reference beacon shows within 20 s when it is deaf", receiver=receiver.id
        )
    if config.store.opening_hours:
        return ok("deafness", "{receiver}: silence in opening hours shows when it is deaf", receiver=receiver.id)
    if receiver.driver == "wifi":
        text = "{receiver}: whether it is deaf or the shop quiet shows after hours only; write opening_hours"
    else:
        text = (
            "{receiver}: whether it is deaf or the shop quiet shows after hours only; give it a reference beacon, or "
            "write opening_hours"
        )
    return advice("deafness", text, edit(config), receiver=receiver.id)
