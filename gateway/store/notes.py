"""What is still to be told of members: noted with what changed them, and sealed, since some are gone by then."""

from __future__ import annotations

from base64 import b64decode, b64encode
from secrets import token_hex

from gateway import clock
from gateway.events import StateRow
from gateway.store.sealing import Seals

KIND = "note"


def row(text: str, seals: Seals, member: str | None) -> StateRow:
    """Return a note as state, whose keys rise with time; `member` is who it is about, and goes with."""
    return _row(f"{int(clock.wall() * 1e6):016d}-{token_hex(4)}", text, seals, member)


def resealed(noted: StateRow, seals: Seals) -> StateRow:
    """Return a note under the present key; one that does not open stays as it is."""
    text = opened(seals, noted)
    return noted if text is None else _row(noted.key, text, seals, noted.member)


def _row(key: str, text: str, seals: Seals, member: str | None) -> StateRow:
    return StateRow(KIND, key, b64encode(seals.seal(text.encode(), f"note {key}")).decode(), member)


def opened(seals: Seals, noted: StateRow) -> str | None:
    """Return a note's text; None where it does not open."""
    try:
        sealed = b64decode(noted.value)
    except (TypeError, ValueError):
        return None
    text = seals.open(sealed, f"note {noted.key}")
    return None if text is None else text.decode()
