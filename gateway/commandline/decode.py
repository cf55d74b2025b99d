"""`hushbell decode`: what captures hold, as sightings in JSON lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from drivers.captures import CaptureError, read_capture
from drivers.sighting import Pseudonyms, Sighting, as_json_line
from gateway.commandline.lines import say


def decode(paths: Iterable[str | Path], receiver: str | None, out: TextIO, err: TextIO) -> int:
    """Write the sightings in captures to `out`, a line each, and return the exit status.

    The receiver is `receiver`, else named after its file. A file that is no capture is one line to `err` and makes
    the status 2, whatever the others hold; a cut one is one line too, and none of its fault.
    """
    pseudonyms = Pseudonyms()
    status = 0
    for path in map(Path, paths):
        try:
            for sighting in _read(path, receiver or receiver_of(path), err):
                say(as_json_line(sighting, pseudonyms), out)
        except CaptureError as fault:
            say(str(fault), err)
            status = 2
    return status


def _read(path: Path, receiver: str, err: TextIO) -> Iterator[Sighting]:
    return read_capture(path, lambda _radio: receiver, Counter(), lambda line: say(line, err))


def receiver_of(path: Path) -> str:
    """Return the receiver's name that a capture's file name gives: without folder, `.gz` and the last suffix."""
    name = path.name.removesuffix(".gz")
    stem = Path(name).stem
    return "".join(letter if letter.isprintable() else "_" for letter in stem)
