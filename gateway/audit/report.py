"""What an audit found: what is held, where was looked, and what should not be there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from rules.messages import say


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of one kind: how many, under which purpose and until when, in the reader's language."""

    what: str
    count: int
    purpose: str
    until: str


@dataclass(frozen=True, slots=True)
class Look:
    """A place, and how much was looked through there; `done` is false where it could not be."""

    where: str
    how: str
    done: bool = True


@dataclass(slots=True)
class Report:
    """What was found. A fault is whatever nobody has a reason to hold, or is held too long."""

    held: list[Held] = field(default_factory=list)
    looked: list[Look] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def merge(self, other: Report) -> None:
        self.held += other.held
        self.looked += other.looked
        self.faults += [fault for fault in other.faults if fault not in self.faults]

    def as_json(self) -> str:
        return json.dumps({"ok": not self.faults, **asdict(self)}, ensure_ascii=False)

    def as_lines(self) -> Iterator[str]:
        """Write the report for people."""
        yield say("Held about members and for the gateway's work:")
        for held in self.held:
            yield f"  {held.count:>8}  {held.what}"
            yield f"  {'':>8}  {say('why')}: {held.purpose}"
            yield f"  {'':>8}  {say('until')}: {held.until}"
        yield say("Searched for addresses of strangers, and for what nobody has a reason to hold:")
        for look in self.looked:
            mark = say("searched") if look.done else say("not searched")
            yield f"  {mark}: {look.where}: {look.how}"
        for fault in self.faults:
            yield f"{say('FAULT')}: {fault}"
        yield (
            say("{count} faults", count=len(self.faults))
            if self.faults
            else say("Nothing else is held, and no address of anybody who is no member.")
        )
