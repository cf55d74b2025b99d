"""Gives a decider what a journal holds, and yields what it decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.deciding.decider import Decider
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.inputs import Input, MemberPut, Person
from gateway.events import Outcome
from gateway.journal.entries import Begun, Entry, Frames, Mark, Met, Reached, Voice, Voices


@dataclass(slots=True)
class Members:
    """The members of a journal, as far as they were met."""

    known: dict[str, Person] = field(default_factory=dict)

    def find(self, member_id: str) -> Person | None:
        return self.known.get(member_id)

    def put(self, put: MemberPut) -> None:
        if put.left_out:
            self.known.pop(put.person.id, None)
        else:
            self.known[put.person.id] = put.person


class Player:
    """Plays one journal. `strayed` counts the marks at which other names were given out than when it was recorded."""

    def __init__(self, decider: Decider, members: Members, ids: Identifiers, *, heeds_marks: bool = True) -> None:
        self._decider = decider
        self._members = members
        self._ids = ids
        self._heeds_marks = heeds_marks
        self._voices = Voices()
        self.strayed = 0

    def play(self, entries: Iterable[Entry | Input]) -> Iterator[Outcome]:
        """Yield what each entry leads to, where that is anything. Raises ValueError where frames are of nobody."""
        for entry in entries:
            for out in self._step(entry):
                if out:
                    yield out

    def _step(self, entry: Entry | Input) -> Iterator[Outcome]:
        decider, out = self._decider, Outcome()
        match entry:
            case Frames():
                yield from self._hear(entry)
            case Voice():
                self._voices.take(entry)
            case Reached(t):
                decider.advance(t, out)
            case Mark():
                self._heed(entry)
            case Begun(number=number, t=t):
                self._ids.number = number
                decider.begin(t)
            case Met(person, rows):
                self._members.known[person.id] = person
                for row in rows:
                    decider.load(row)
            case Input():
                if isinstance(entry, MemberPut):
                    self._members.put(entry)
                decider.take(entry, out)
        yield out

    def _hear(self, frames: Frames) -> Iterator[Outcome]:
        for now, heard in self._voices.frames(frames):
            out = Outcome()
            self._decider.advance(now, out)
            self._decider.hear(now, heard, out)
            yield out

    def _heed(self, mark: Mark) -> None:
        """Go on counting where the recorded run did."""
        if self._heeds_marks:
            sequences = self._decider.sequences
            is_so = self._ids.number == mark.number and all(sequences.get(t) == n for t, n in mark.sequences.items())
            self.strayed += not is_so
            self._ids.number = mark.number
            sequences.update(mark.sequences)
