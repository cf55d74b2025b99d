"""What a database is sealed under, and the gateway's own key in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from gateway.store import meta
from gateway.store.database import Database, Reason, Statement, StoreError
from gateway.store.keys import find_keys, make_key
from gateway.store.sealing import KEY_BYTES, Seals

_PLACE = "gateway-key"
_LOST = "it is sealed under a key that is neither in the state folder nor among the credentials"


@dataclass(slots=True)
class Secrets:
    """The seals of a database, and the gateway's own key in it."""

    seals: Seals = field(repr=False)
    gateway_key: bytes = field(repr=False)


async def find_seals(database: Database, folder: Path, *, may_make: bool) -> Seals:
    """Return what opens a database, and seals in it.

    Where nothing is sealed yet and there is no key, one is made, if that may be. Raises StoreError.
    """
    under = await meta.get(database, "sealing")
    keys = find_keys(folder)
    first = keys.first(under)
    if first is None and under is None and may_make:
        make_key(folder)
        keys = find_keys(folder)
        first = keys.first(under)
    seals = Seals(first, keys.all)
    if under is not None and under not in seals:
        raise StoreError(database.path, Reason.KEY, _LOST)
    return seals


async def gateway_key(database: Database, seals: Seals) -> bytes:
    """Return the gateway's key; on the first opening it is made, with all else that is there from the start."""
    if await meta.get(database, "gateway_key") is None:
        made = seals.seal(secrets.token_bytes(KEY_BYTES), _PLACE)
        name = seals.current
        await database.write(meta.first(gateway_key=made, sealing=name, sealed=name, run=0, members=0))
    found = await kept_gateway_key(database, seals)
    if found is None:
        raise StoreError(database.path, Reason.KEY, "the gateway's own key does not open")
    return found


async def kept_gateway_key(database: Database, seals: Seals) -> bytes | None:
    """Return the gateway's key, None where there is none that opens. Before there were seals it lay open."""
    kept = await meta.get(database, "gateway_key")
    if kept is None or await meta.get(database, "sealing") is None:
        return kept if isinstance(kept, bytes) else None
    return seals.open(kept, _PLACE)


def put_gateway_key(key: bytes, seals: Seals) -> Statement:
    return meta.put(gateway_key=seals.seal(key, _PLACE))
