"""Lines for people and pipes: each flushed as it is written, a reader that went away is no fault."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(line: str, stream: TextIO | None = None) -> None:
    """Write one line to standard output (or `stream`) and flush it."""
    stream = stream or sys.stdout
    stream.write(line + "\n")
    stream.flush()


def complain(line: str) -> None:
    """Write one line to standard error."""
    say(f"hushbell: {line}", sys.stderr)


def refuse(faults: str) -> None:
    """Write faults, each a line that begins with its place, to standard error."""
    say(faults, sys.stderr)


def close_quietly() -> None:
    """Point standard output at nothing, so that a closed pipe raises nothing more on the way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
