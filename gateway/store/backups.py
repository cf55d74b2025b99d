"""What is done while no daemon is at work: a backup is put back, the members are sealed under another key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gateway.events import Outcome
from gateway.store import members
from gateway.store.archive import Piece
from gateway.store.store import Store


async def restore(store: Store, pieces: Iterable[Piece]) -> int:
    """Put the members of a backup who are not there and were not erased, then or since; return how many.

    Whoever is there stays as he is: what was paused or taken back since is not undone. Where nobody is and nobody
    was erased, the gateway takes the backup's key. No daemon may be at work. Raises StoreError.
    """
    store.take("stop the daemon first")
    erased = set(map(members.digest_of, await store.members.tombstones()))
    total = 0
    for piece in pieces:
        if piece.gateway_key:
            await store.members.take_key(piece.gateway_key)
        if piece.tombstones:
            erased |= await store.members.bury(piece.tombstones)
        there = await store.members.named([id_ for id_, _ in piece.members])
        rows = [row for row in piece.members if row[0] not in there]
        missing = [row for row in rows if members.digest(row[0], store.gateway_key) not in erased]
        await store.members.put(missing)
        put = {id_ for id_, _ in missing}
        await store.commit(Outcome(state={(row.kind, row.key): row for row in piece.reached if row.member in put}))
        total += len(missing)
    return total


async def renew_key(folder: Path) -> None:
    """Seal the members under a new key in the state folder. No daemon may be at work. Raises StoreError."""
    store = await Store.open(folder, mend=False)
    try:
        store.change_key()
    finally:
        await store.close()
    await (await Store.open(folder, mend=False)).close()
