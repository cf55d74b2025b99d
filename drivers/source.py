"""Bytes from a file, gzipped or not, taken piece by piece in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from io import BufferedReader

_CHUNK = 1 << 16


class Source:
    """Reads a file that may be gzipped.

    A file that breaks off, or whose packing is damaged, reads as one that ends there, and has been `cut`.
    Raises OSError where the file itself cannot be read.
    """

    def __init__(self, file: BufferedReader) -> None:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        self.cut = False
        self._read: Callable[[int], bytes] = gzip.GzipFile(fileobj=file).read1 if packed else file.read1
        self._buffer = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """Return the next bytes and leave them there; fewer than `size` where the file ends."""
        self._gather(size)
        return self._buffer[self._at : self._at + size]

    def take(self, size: int) -> bytes | None:
        """Return the next bytes. None where there are no more; where there are too few, that is a cut."""
        there = self._gather(size)
        if there < size:
            self.cut |= there > 0
            return None
        start = self._at
        self._at += size
        return self._buffer[start : self._at]

    def need(self, size: int) -> bytes | None:
        """Return the next bytes in the middle of something: having none of them is a cut too."""
        taken = self.take(size)
        self.cut |= taken is None
        return taken

    def skip(self, size: int) -> None:
        """Pass over bytes in the middle of something."""
        while size > 0 and self.need(min(size, _CHUNK)) is not None:
            size -= _CHUNK

    def line(self, longest: int) -> bytes | None:
        """Return the next line with its end, which the last one may lack; None after it.

        Of a line over `longest` bytes that many are returned, without an end.
        """
        line = rest = self._up_to_line_end(longest)
        while len(rest) > 0 and not rest.endswith(b"\n"):
            rest = self._up_to_line_end(_CHUNK)
        return line or None

    def _up_to_line_end(self, most: int) -> bytes:
        found = self._buffer.find(b"\n", self._at, self._at + most)
        if found < 0:
            self._gather(most)
            found = self._buffer.find(b"\n", self._at, self._at + most)
        start = self._at
        self._at = found + 1 if found >= 0 else min(start + most, len(self._buffer))
        return self._buffer[start : self._at]

    def _gather(self, size: int) -> int:
        """Have `size` bytes in the buffer, or all there are, and return how many."""
        there = len(self._buffer) - self._at
        while there < size and (chunk := self._more()):
            self._buffer = self._buffer[self._at :] + chunk
            self._at = 0
            there = len(self._buffer)
        return there

    def _more(self) -> bytes:
        if self.cut:
            return b""
        try:
            return self._read(_CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.cut = True
            return b""
