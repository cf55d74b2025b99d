"""Brings all that is sealed under the key that is to be used, some at a time; what is broken off goes on later."""

from __future__ import annotations

import logging
from pathlib import Path

from gateway.store import members, meta, notes, state
from gateway.store.copy import Copy
from gateway.store.database import Database, Statement
from gateway.store.keys import forget_former
from gateway.store.sealing import Seals
from gateway.store.unlocking import put_gateway_key

log = logging.getLogger("hushbell")

_OTHERS = "SELECT id, body FROM members WHERE id > ? AND substr(body, 1, 4) != ? ORDER BY id LIMIT ?"
_RESEALED = "UPDATE members SET body = ? WHERE id = ? AND body = ?"


async def is_due(database: Database, seals: Seals) -> bool:
    """Tell whether anything may be sealed under another key than the one to be used. Raises StoreError."""
    return any([await meta.get(database, name) != seals.current for name in ("sealing", "sealed")])


async def reseal(database: Database, copy: Copy, folder: Path, seals: Seals, gateway_key: bytes) -> None:
    """Seal everything anew, and forget the keys of before. Nobody else may do so meanwhile. Raises StoreError.

    From the first step on, whoever only knows the key of before can write no more.
    """
    if await meta.get(database, "sealing") != seals.current:
        first = meta.put(sealing=seals.current), put_gateway_key(gateway_key, seals)
        await database.write(*first, overwriting=True)
        log.info("the members are sealed under another key from now on")
    last = ""
    while rows := await database.read(_OTHERS, last, seals.current, members.CHUNK):
        resealed = [
            (members.sealed(seals, id_, text), id_, body)
            for id_, body in rows
            if (text := members.opened(seals, id_, body)) is not None
        ]
        await database.write(Statement(_RESEALED, resealed), overwriting=True)
        last = rows[-1][0]
    noted = [notes.resealed(row, seals) for row in map(state.state_row, await database.read(state.OF_KIND, notes.KIND))]
    await database.write(*state.put(noted), overwriting=True)
    await copy.make_anew()
    await database.write(meta.put(sealed=seals.current))
    await database.empty_log()
    if seals.first:
        forget_former(folder, seals.first)
