"""Ids of eight bytes and the numbers of who sends them, in 12 bytes a place."""

from __future__ import annotations

from typing import Final

NOBODY: Final = 0xFFFF_FFFF
"""The number of an id that two would send: it is nobody's."""

_FREE, _GONE = 0, 1
_LEAST_BITS = 4


class IdTable:
    """A hash table with linear probing in two arrays, at most two thirds full; what is beyond that goes to another.

    The ids are as good as random, so their low bits are their hash. It never grows: to move all at once would hold up
    whoever waits meanwhile.
    """

    def __init__(self, expected: int) -> None:
        size = 1 << max(_LEAST_BITS, (expected * 3 // 2).bit_length())
        self._mask = size - 1
        self._ids = memoryview(bytearray(8 * size)).cast("Q")  # of pages that the system gives one by one, as they fill
        self._numbers = memoryview(bytearray(4 * size)).cast("I")
        self._room = size * 2 // 3
        self._more: IdTable | None = None

    def get(self, identity: int) -> int | None:
        """Return the number that goes with an id; NOBODY where it is ambiguous."""
        ids, mask = self._ids, self._mask
        at = identity & mask
        while found := ids[at]:
            if found == identity and identity != _GONE:
                return self._numbers[at]
            at = (at + 1) & mask
        return self._more.get(identity) if self._more else None

    def put(self, identity: int, number: int) -> None:
        """Add an id; one that another number has becomes nobody's."""
        known = self.get(identity)
        if known is None:
            self._add(identity, number)
        elif known != number:
            self._change(identity, NOBODY)

    def remove(self, identity: int, number: int) -> None:
        """Take away an id, if it is this number's."""
        if self.get(identity) == number:
            self._change(identity, None)

    def _add(self, identity: int, number: int) -> None:
        if not self._room:
            self._more = self._more or IdTable(self._mask)
            self._more.put(identity, number)
            return
        at = identity & self._mask
        while self._ids[at] > _GONE:
            at = (at + 1) & self._mask
        if self._ids[at] == _FREE:
            self._room -= 1
        if identity > _GONE:  # two ids of 2^64 can be nobody's
            self._ids[at], self._numbers[at] = identity, number

    def _change(self, identity: int, number: int | None) -> None:
        at = identity & self._mask
        while found := self._ids[at]:
            if found == identity:
                self._ids[at], self._numbers[at] = (_GONE, 0) if number is None else (identity, number)
                return
            at = (at + 1) & self._mask
        if self._more:
            self._more._change(identity, number)
