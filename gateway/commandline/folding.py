"""Lines that fit a terminal, Chinese characters and all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import TextIO
from unicodedata import east_asian_width


def width_of(stream: TextIO) -> int | None:
    """Return how many columns a terminal has; None where lines go elsewhere and stay whole."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def fold(text: str, width: int | None, indent: str) -> Iterator[str]:
    """Yield a line in parts that fit, all but the first indented; a Chinese character takes two columns."""
    part = ""
    for word in _WORDS.findall(text):
        if width is not None and part.strip() and columns(part + word.rstrip()) > width:
            yield part.rstrip()
            part = indent + word.lstrip()
        else:
            part += word
    yield part.rstrip()


_WORDS = re.compile(r"[^\s\u2e80-\uffef]+\s*|[\u2e80-\uffef]\s*|\s+")
"""Where a line may be folded: behind a space, and behind any Chinese character."""


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes (Unicode Standard Annex 11)."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
