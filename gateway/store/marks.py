"""What the disk holds of the queue for a restart, as rows of state: one for all floors, and one for each held event."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateway.events import Priority, StateRow
from gateway.store.queue import START, Marks, News

KIND = "outbox"
"""The kind of state that is the store's own."""

_FLOORS, _HELD = "floors", "held "


def rows(news: News) -> list[StateRow]:
    """Return what the disk is to learn; nothing where it knows all."""
    floors = [] if news.floors is None else [StateRow(KIND, _FLOORS, news.floors)]
    held = [
        StateRow(KIND, f"{_HELD}{number}", priority if is_held else None)
        for (priority, number), is_held in news.held.items()
    ]
    return floors + held


def from_rows(rows: Iterable[StateRow]) -> Marks:
    """Read what `rows` gave. Raises ValueError or MsgspecError where that is not as it was written."""
    by_key = {row.key: row.value for row in rows if row.kind == KIND}
    held = {
        (msgspec.convert(priority, Priority), int(key.removeprefix(_HELD)))
        for key, priority in by_key.items()
        if key.startswith(_HELD)
    }
    return Marks(msgspec.convert(by_key.get(_FLOORS, START), tuple[int, int, int]), frozenset(held))
