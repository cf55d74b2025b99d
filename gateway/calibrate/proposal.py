"""A change of one top-level key of a configuration, as a diff that `patch` takes and people read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path


def with_key(text: str, key: str, lines: Sequence[str]) -> str:
    """Return a configuration's text with the block of a top-level key written anew, at the end where it had none."""
    written = "".join(line + "\n" for line in lines)
    block = re.compile(rf"^{key}:.*\n?(?:(?:[ \t]+\S.*|[ \t]*)(?:\n|\Z))*?(?=^\S|\Z)", re.MULTILINE)
    found = block.search(text)
    if found is None:
        return f"{text}{'' if text.endswith(chr(10)) else chr(10)}\n{written}"
    gap = found[0][len(found[0].rstrip()) :].count("\n") - 1
    return f"{text[: found.start()]}{written}{chr(10) * max(gap, 0)}{text[found.end() :]}"


def diff(path: Path, before: str, after: str) -> str:
    """Return what to change in a file."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), str(path), str(path)
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
