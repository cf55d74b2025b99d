"""What a journal holds: the decider's inputs in order, and what they must be read with."""

from __future__ import annotations

import operator
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from drivers.sighting import Radio
from gateway.contract.words import CredentialKind
from gateway.deciding.inputs import Input, Person
from gateway.events import StateRow
from gateway.heard import Heard
from rules.situation import Trust

VERSION = 1


class Entry(Struct, frozen=True, array_like=True, tag=True):
    pass


class Begun(Entry, frozen=True):
    """A journal begins: by what configuration and rules, as texts with the names of their files.

    `number` counts the names given out before in this run. `is_cut` says that somebody was in the shop.
    """

    version: int
    run: bytes
    number: int
    t: float
    config: str
    rules: tuple[tuple[str, str], ...]
    is_cut: bool


class Met(Entry, frozen=True):
    """A member is heard for the first time in this journal, with the visits before."""

    person: Person
    rows: tuple[StateRow, ...]


class Voice(Entry, frozen=True):
    """What frames have in common, under a number."""

    number: int
    member: str
    receiver: str
    radio: Radio
    trust: Trust
    credential: CredentialKind


class Frames(Entry, frozen=True):
    """Frames in a row. Times are the bits of doubles, as integers; each is written as its step from the one before.

    `late` has the own time of a frame, by its place, where that is not the time at which it was taken.
    """

    first: int
    steps: list[int]
    voices: list[int]
    levels: list[int | None]
    late: list[tuple[int, float]]


class Reached(Entry, frozen=True):
    """Time has passed."""

    t: float


class Mark(Entry, frozen=True):
    """How many names and messages of each topic were given out by then; no erasure of others changes what follows."""

    number: int
    sequences: dict[str, int]


class Taken(NamedTuple):
    """A frame, and the time at which it was taken."""

    now: float
    heard: Heard


Line = Entry | Input | Taken
_ENTRIES: Any = reduce(operator.or_, (*Entry.__subclasses__(), *Input.__subclasses__()))
_DECODER = msgspec.msgpack.Decoder(list[_ENTRIES])
_ENCODER = msgspec.msgpack.Encoder()


def encode(entries: Sequence[Entry | Input]) -> bytes:
    return _ENCODER.encode(entries)


def decode(raw: bytes) -> list[Entry | Input]:
    """Take what `encode` gave. Raises msgspec.MsgspecError for anything else."""
    found: list[Entry | Input] = _DECODER.decode(raw)
    return found


def names(raw: bytes, member_id: str) -> bool:
    """Tell whether what `encode` gave names a member, wherever in it."""
    return _ENCODER.encode(member_id) in raw


def is_about(entry: Entry | Input, member_id: str) -> bool:
    """Tell whether an entry names a member."""
    return names(_ENCODER.encode(entry), member_id)


def without(entries: Iterable[Entry | Input], member_id: str, voices: set[int]) -> Iterator[Entry | Input]:
    """Leave out what is about a member; `voices` gathers the numbers of the member's, from page to page."""
    for entry in entries:
        if isinstance(entry, Frames):
            if voices.isdisjoint(entry.voices):
                yield entry
            elif kept := pack(each for each in _numbered(entry) if each.voice not in voices):
                yield kept
        elif (left := _left(entry, member_id)) is not None:
            yield left
        elif isinstance(entry, Voice):
            voices.add(entry.number)


def _left(entry: Entry | Input, member_id: str) -> Entry | Input | None:
    """Return what of an entry is not about a member."""
    if not is_about(entry, member_id):
        return entry
    rows = getattr(entry, "rows", None)
    if rows is None or isinstance(entry, Met):
        return None
    return msgspec.structs.replace(entry, rows=tuple(row for row in rows if row.member != member_id))


# frames


class Numbered(NamedTuple):
    """A frame by the number of its voice."""

    now: float
    voice: int
    rssi: int | None
    t: float


def pack(frames: Iterable[Numbered]) -> Frames | None:
    """Put frames together; None where there are none."""
    rows = list(frames)
    if not rows:
        return None
    bits = struct.unpack(f"<{len(rows)}q", struct.pack(f"<{len(rows)}d", *(row.now for row in rows)))
    steps = [after - before for before, after in pairwise(bits)]
    late = [(place, row.t) for place, row in enumerate(rows) if row.t != row.now]
    return Frames(bits[0], steps, [row.voice for row in rows], [row.rssi for row in rows], late)


def _numbered(frames: Frames) -> Iterator[Numbered]:
    bits, own = frames.first, dict(frames.late)
    for place, (voice, rssi) in enumerate(zip(frames.voices, frames.levels, strict=True)):
        bits += frames.steps[place - 1] if place else 0
        (now,) = struct.unpack("<d", struct.pack("<q", bits))
        yield Numbered(now, voice, rssi, own.get(place, now))


class Voices:
    """The voices of a journal that is read."""

    def __init__(self) -> None:
        self._voices: dict[int, Voice] = {}

    def take(self, voice: Voice) -> None:
        self._voices[voice.number] = voice

    def frames(self, frames: Frames) -> Iterator[Taken]:
        """Yield frames as they were taken. Raises ValueError where they are not whole."""
        for now, number, rssi, t in _numbered(frames):
            voice = self._voices.get(number)
            if voice is None:
                raise ValueError("a frame of nobody who was met")
            heard = Heard(t, voice.member, voice.receiver, voice.radio, rssi, voice.trust, voice.credential)
            yield Taken(now, heard)
