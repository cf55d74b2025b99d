"""Levels written into a configuration: at their places, everything else of the file as it stands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copystat
from typing import NamedTuple

from gateway.configuration.config import Hear, Zone
from gateway.configuration.configvalues import read_path
from gateway.configuration.layout import Layout
from gateway.folders import settle
from rules.document import Faults, Node, parse_document
from rules.messages import say as told


class AmendError(Exception):
    """A configuration cannot be changed; the text is one line for the user."""


class Edit(NamedTuple):
    """Text that stands in place of `length` characters from a place on, counted from 1."""

    line: int
    column: int
    length: int
    text: str


def with_levels(raw: bytes, zones: Sequence[Zone]) -> bytes | None:
    """Return a configuration with the levels and offsets of `zones`, which are its own.

    None where the file is laid out so that this cannot be done for sure.
    """
    text = raw.decode("utf-8-sig")
    lines = text.splitlines(keepends=True)
    for edit in sorted(_edits(raw, lines, zones), reverse=True):
        line = lines[edit.line - 1]
        lines[edit.line - 1] = line[: edit.column - 1] + edit.text + line[edit.column - 1 + edit.length :]
    mark = raw[: len(raw) - len(text.encode())]
    after = mark + "".join(lines).encode()
    return after if _zones_of(after) == tuple(zones) else None


def _zones_of(raw: bytes) -> tuple[Zone, ...] | None:
    """Read the zones as the daemon will; None where anything about them is at fault."""
    faults = Faults()
    root = parse_document(raw, "", faults)
    receivers, zones = (root.entry(key) if root else None for key in ("receivers", "zones"))
    if not receivers or not zones:
        return None
    layout = Layout(read_path(Path()))
    layout.read_receivers(receivers[1])
    found = layout.read_zones(zones[1])
    return None if faults.errors() else found


def _edits(raw: bytes, lines: Sequence[str], zones: Sequence[Zone]) -> Iterator[Edit]:
    wanted = [hear for zone in zones for hear in zone.hear]
    for entry, hear in zip(_entries(raw), wanted, strict=False):
        at_least, offset = entry.entry("at_least"), entry.entry("offset")
        if at_least is None or hear.at_least is None:
            continue
        if hear.at_least != _number(at_least):
            yield _instead(at_least[1], hear.at_least)
        if hear.offset != _number(offset):
            yield _instead(offset[1], hear.offset) if offset else _beside(entry, at_least, hear, lines)


def _entries(raw: bytes) -> Iterator[Node]:
    root = parse_document(raw, "", Faults())
    zones = root.entry("zones") if root else None
    for zone in zones[1].items() if zones else ():
        if hear := zone.entry("hear"):
            yield from hear[1].items()


def _number(pair: tuple[Node, Node] | None) -> float | None:
    return pair[1].number(-1000.0, 1000.0) if pair else 0.0


def _instead(value: Node, number: float) -> Edit:
    return Edit(value.line, value.column, len(value.scalar() or ""), f"{number:g}")


def _beside(entry: Node, at_least: tuple[Node, Node], hear: Hear, lines: Sequence[str]) -> Edit:
    """Add an offset behind the level, in the style of the entry: after a comma, or on a line of its own."""
    key, value = at_least
    after = Edit(value.line, value.column + len(value.scalar() or ""), 0, f", offset: {hear.offset:g}")
    if lines[entry.line - 1][entry.column - 1] == "{":
        return after
    line = lines[value.line - 1]
    ended = line.rstrip("\r\n") != line
    end = _end(line if ended else lines[value.line - 2])
    text = f"{' ' * (key.column - 1)}offset: {hear.offset:g}"
    return Edit(value.line, len(line) + 1, 0, text + end if ended else end + text)


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def put_in_place(path: Path, before: bytes, after: bytes) -> Path:
    """Put a configuration in place of the one that was read, at once and for good; return where the old one is kept.

    Raises AmendError where somebody changed it in the meantime, and OSError.
    """
    path = path.resolve()
    if path.read_bytes() != before:
        raise AmendError(f"{path}: " + told("somebody changed it meanwhile, nothing was written"))
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("xb") as stream:
            copystat(path, new)
            _own_as(path, new)
            stream.write(after)
            stream.flush()
            os.fsync(stream.fileno())
        kept = _keep(path)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    settle(path.parent)
    return kept


def _own_as(path: Path, new: Path) -> None:
    """Leave the file to whom it belongs; only root may give files away, and only root needs to."""
    owner = path.stat()
    with suppress(PermissionError):
        os.chown(new, owner.st_uid, owner.st_gid)


def _keep(path: Path) -> Path:
    """Give the file a second name that is free, which stays when the first one goes to another file."""
    number = 1
    while True:
        kept = path.with_name(f"{path.name}.old" if number == 1 else f"{path.name}.old-{number}")
        with suppress(FileExistsError):
            os.link(path, kept)
            return kept
        number += 1
