"""How hard each kind of credential is to fake, and which rules ask for more than anybody here can show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gateway.configuration.config import Config, DriverName
from gateway.contract.words import CredentialKind
from gateway.identity.member import Member
from rules.engine import trust_needed
from rules.model import Rule
from rules.situation import Trust

MOST: Final[Mapping[CredentialKind, Trust]] = {
    "ibeacon": Trust.HINT,
    "altbeacon": Trust.HINT,
    "eddystone-uid": Trust.HINT,
    "wifi": Trust.WEAK,
    "irk": Trust.WEAK,
    "rotating": Trust.FRESH,
    "eddystone-eid": Trust.FRESH,
    "wifi-key": Trust.FRESH,
    "app": Trust.FRESH,
}
"""The most that a kind is worth."""

_BEACONS: Final[tuple[CredentialKind, ...]] = ("ibeacon", "altbeacon", "eddystone-uid", "eddystone-eid")
_HEARD_BY: Final[Mapping[DriverName, tuple[CredentialKind, ...]]] = {
    "ble": _BEACONS,
    "simulator": (*_BEACONS, "wifi"),
    "wifi": ("wifi",),
    "hostapd": ("wifi", "wifi-key"),
    "app": ("app",),
}


def kinds_heard(config: Config) -> frozenset[CredentialKind]:
    """Return the kinds of credential that this shop's receivers and settings let be recognised."""
    found = {kind for receiver in config.receivers for kind in _HEARD_BY[receiver.driver]}
    if "ibeacon" in found:
        found |= {"rotating"} if config.namespace else set()
        found |= {"irk"} if config.privacy.private_addresses else set()
    return frozenset(found)


def kinds_carried(members: Iterable[Member]) -> frozenset[CredentialKind]:
    """Return the kinds of credential that members carry."""
    return frozenset(credential.kind for member in members for credential in member.credentials)


def beyond_reach(
    config: Config, rules: Iterable[Rule], kinds: Iterable[CredentialKind]
) -> Iterator[tuple[Rule, Trust]]:
    """Yield the rules that ask for more trust than credentials of these kinds can give, and what they ask for."""
    best = max((_worth(config, kind) for kind in kinds), default=Trust.HINT)
    for rule in rules:
        needed, _ = trust_needed(rule, config.privacy.private_attributes, config.privacy.private_offers)
        if needed > best:
            yield rule, needed


def _worth(config: Config, kind: CredentialKind) -> Trust:
    """Return the most that a kind is worth here: an address is more than a hint on the shop's own network alone."""
    on_network = any(receiver.driver == "hostapd" or receiver.bssids for receiver in config.receivers)
    return Trust.HINT if kind == "wifi" and not on_network else MOST[kind]
