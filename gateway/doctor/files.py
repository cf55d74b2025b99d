"""Reads files that may be absent, hostile or not for us: what cannot be read is empty, nothing raises or blocks."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

from gateway.doctor.facts import Place

MOST_BYTES = 1 << 18


def read_text(path: Path) -> str:
    """Return the first bytes of a file as text, stripped; a pipe, a folder or a missing file is empty."""
    try:
        with open(path, "rb", opener=_open) as file:
            return (file.read(MOST_BYTES) or b"").decode("utf-8", "replace").strip()
    except (OSError, ValueError):
        return ""


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe that nobody writes to is at its end at once


def read_number(path: Path, base: int = 10) -> int | None:
    """Return the number that a file holds; base 0 takes what it is written in."""
    return parse_number(read_text(path), base)


def parse_number(text: str, base: int = 10) -> int | None:
    """Return a number of at most 20 digits."""
    with suppress(ValueError):
        return int(text[:20], base)
    return None


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder, in order."""
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (OSError, ValueError):
        return []


def may_list(folder: Path) -> bool:
    """Tell whether we may see what is in a folder."""
    return os.access(folder, os.R_OK | os.X_OK)


def link_name(path: Path) -> str:
    """Return the last part of where a link leads, such as the driver of a device."""
    try:
        return path.readlink().name
    except (OSError, ValueError):
        return ""


def is_there(path: Path) -> bool:
    return look_at(path) is not None


def look_at(path: Path) -> Place | None:
    """Return owner and mode of a file or folder."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Place(status.st_uid, status.st_gid, S_IMODE(status.st_mode))
