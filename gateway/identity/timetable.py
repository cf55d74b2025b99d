"""Which ids will be heard of whom, slot by slot of 1,024 s: computed ahead of their time, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sys import maxsize

from gateway.identity.ephemeral import MOST_STEPS, BeaconClock, ephemeral_ids
from gateway.identity.idtable import NOBODY, IdTable
from gateway.identity.member import Member
from gateway.identity.rotating import SLOT_S, rotating_id, slot_of

NEVER = -1


@dataclass(slots=True, eq=False, repr=False)
class Carrier:
    """Who carries a key, and what was last heard of it: the newest step, and since when."""

    key: bytes
    member: Member
    number: int
    clock: BeaconClock | None = None
    newest: int = NEVER
    since: float = -math.inf


Ids = Callable[[Carrier, int], Sequence[bytes]]


def rotating_ids(carrier: Carrier, slot: int) -> Sequence[bytes]:
    """Return the one id of a slot."""
    return (rotating_id(carrier.key, slot),)


def ephemeral_ids_of(carrier: Carrier, slot: int) -> Sequence[bytes]:
    """Return every id that an Eddystone-EID beacon may send in a slot."""
    if carrier.clock is None:
        return ()
    steps = carrier.clock.steps(slot * SLOT_S, (slot + 1) * SLOT_S)
    return ephemeral_ids(carrier.key, carrier.clock.exponent, steps) if len(steps) <= MOST_STEPS else ()


class Timetable:
    """The carriers of one kind of key and their ids in each slot that counts: `around` the present one, and the next.

    What is asked for is always there: `prepare` builds it ahead, and what it did not get to is built when asked.
    """

    def __init__(self, ids: Ids, around: int) -> None:
        self._ids = ids
        self._around = around
        self._carriers: dict[bytes, Carrier] = {}
        self._numbers: list[Carrier | None] = []
        self._free: list[int] = []
        self._tables: dict[int, IdTable] = {}
        self._built: dict[int, int] = {}  # by slot, how many numbers its table has
        self._slot: int | None = None
        self._near: tuple[tuple[int, IdTable], ...] = ()

    def carrier(self, key: bytes) -> Carrier | None:
        return self._carriers.get(key)

    def put(self, key: bytes, member: Member, clock: BeaconClock | None = None) -> None:
        """Let a member carry a key; one that is known stays as it was heard, unless its clock was read again."""
        known = self._carriers.get(key)
        if known and not (clock and known.clock and clock.known > known.clock.known):
            known.member = member
            return
        if known:
            self.remove(key)
        number = self._free.pop() if self._free else len(self._numbers)
        carrier = self._carriers[key] = Carrier(key, member, number, clock)
        if number == len(self._numbers):
            self._numbers.append(carrier)
        else:
            self._numbers[number] = carrier
        for slot, built in self._built.items():
            if number <= built:  # what is not so far yet comes to it
                self._fill(slot, carrier)
                self._built[slot] = max(built, number + 1)

    def remove(self, key: bytes) -> None:
        """Forget a key, and the ids that it gave."""
        carrier = self._carriers.pop(key)
        for slot in self._tables_with(carrier.number):
            for identity in self._ids(carrier, slot):
                self._tables[slot].remove(int.from_bytes(identity, "big"), carrier.number)
        self._numbers[carrier.number] = None
        self._free.append(carrier.number)

    def find(self, identity: bytes, t: float) -> tuple[Carrier, int] | None:
        """Return who may send these 8 bytes at `t`, and the slot they belong to; None for nobody, or for several."""
        if not self._carriers:
            return None
        slot = slot_of(t)
        if self._slot is None or slot not in (self._slot, self._slot - 1):  # a frame may come late
            self._turn(slot)
        wanted = int.from_bytes(identity, "big")
        found: tuple[Carrier, int] | None = None
        for of, table in self._near:
            number = table.get(wanted)
            if number is None:
                continue
            carrier = None if number == NOBODY else self._numbers[number]
            if carrier is None or found:
                return None
            found = carrier, of
        return found

    def prepare(self, t: float, most: int) -> bool:
        """Compute about `most` ids that will be asked for at `t` or soon after; tell whether that was not all."""
        slot = slot_of(t)
        for wanted in self._order(slot):
            most -= self._build(wanted, most)
            if self._built[wanted] < len(self._numbers):
                return True
        for old in self._tables.keys() - {*self._order(slot), *(near for near, _ in self._near)}:
            del self._tables[old], self._built[old]
        return False

    def begin_anew(self, change: Callable[[BeaconClock], BeaconClock]) -> None:
        """Change every beacon's clock, and forget the tables that were made by them."""
        for carrier in self._carriers.values():
            carrier.clock = carrier.clock and change(carrier.clock)
        self._tables.clear()
        self._built.clear()
        self._slot, self._near = None, ()

    def _order(self, slot: int) -> list[int]:
        """Return the slots that count, the present one first and the one after the last that counts now last."""
        around = range(slot - self._around, slot + self._around + 2)
        return sorted(around, key=lambda each: (each == around[-1], abs(each - slot)))

    def _turn(self, slot: int) -> None:
        near = range(slot - self._around, slot + self._around + 1)
        for each in near:
            self._build(each, maxsize)
        self._slot, self._near = slot, tuple((each, self._tables[each]) for each in near)

    def _build(self, slot: int, most: int) -> int:
        """Go on with a slot's table; return how many ids were computed."""
        if slot not in self._tables:
            self._tables[slot], self._built[slot] = IdTable(len(self._carriers)), 0
        done = 0
        while done < most and self._built[slot] < len(self._numbers):
            carrier = self._numbers[self._built[slot]]
            done += self._fill(slot, carrier) if carrier else 0
            self._built[slot] += 1
        return done

    def _fill(self, slot: int, carrier: Carrier) -> int:
        table, ids = self._tables[slot], self._ids(carrier, slot)
        for identity in ids:
            table.put(int.from_bytes(identity, "big"), carrier.number)
        return len(ids)

    def _tables_with(self, number: int) -> list[int]:
        return [slot for slot, built in self._built.items() if number < built]
