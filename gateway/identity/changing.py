"""Ids that change with time, rotating and Eddystone-EID: whose one is, and whether it is only played back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.contract.reading import Json
from gateway.contract.words import CredentialKind
from gateway.identity.credentials import Credential
from gateway.identity.ephemeral import BeaconClock, ephemeral_ids
from gateway.identity.fields import parse_moment
from gateway.identity.member import Member
from gateway.identity.rotating import SLOT_S, slot_of
from gateway.identity.timetable import NEVER, Carrier, Timetable, ephemeral_ids_of, rotating_ids

LATE_S: Final = 2.0
"""How much later than the first frame of a new step one of the step before may still come honestly."""
MOST_SPENT: Final = 20_000
"""Ids that were heard and whose time is over, by which one that is played back is known."""
ACCEPTED = 1
"""Slots before and after the present one whose rotating ids are taken."""


class Sent(NamedTuple):
    """Whose id it is, and whether it is one of a step that was over already when it was sent again."""

    carrier: Carrier
    step: int
    replayed: bool


class Changing:
    """The carriers of one of the kinds `rotating` and `eddystone-eid`."""

    def __init__(self, kind: CredentialKind) -> None:
        self.kind = kind
        rotates = kind == "rotating"
        self._table = Timetable(rotating_ids, ACCEPTED) if rotates else Timetable(ephemeral_ids_of, 0)
        self._spent: dict[bytes, tuple[Carrier, int]] = {}
        self.prepare = self._table.prepare

    def put(self, credential: Credential, member: Member) -> None:
        clock = None
        if credential.clock:
            exponent, counter, at = credential.clock
            clock = BeaconClock.read(exponent, counter, parse_moment(at) or 0.0)
        self._table.put(credential.identity, member, clock)

    def remove(self, key: bytes) -> None:
        carrier = self._table.carrier(key)
        self._table.remove(key)
        if carrier is None or carrier.newest == NEVER:
            return
        for identity in [identity for identity, (of, _) in self._spent.items() if of is carrier]:
            del self._spent[identity]

    def whose(self, identity: bytes, t: float) -> Sent | None:
        """Return whose id of 8 bytes was heard at `t`; it changes nothing."""
        spent = self._spent.get(identity)
        if spent and spent[1] == spent[0].newest and _may_come(*spent, t):
            return Sent(*spent, replayed=False)
        found = self._table.find(identity, t)
        if found is None:
            return Sent(*spent, replayed=True) if spent else None
        carrier, slot = found
        step = slot if carrier.clock is None else _step(carrier, carrier.clock, slot, identity)
        return None if step is None else Sent(carrier, step, self._is_over(carrier, step, t))

    def accept(self, identity: bytes, sent: Sent, t: float) -> bool:
        """Note that an id was heard which is not played back; tell whether that is news to be kept."""
        carrier, step, _ = sent
        if step == carrier.newest or (step < carrier.newest and not self._is_beyond(carrier, t)):
            return False
        carrier.newest, carrier.since = step, t
        if carrier.clock:
            carrier.clock = carrier.clock.heard(step, t)
        self._spent[identity] = (carrier, step)
        if len(self._spent) > MOST_SPENT:
            del self._spent[next(iter(self._spent))]
        return True

    def kept(self, carrier: Carrier) -> dict[str, Json]:
        """Return what of a carrier must outlast a restart."""
        clock = carrier.clock and list(carrier.clock)
        return {"newest": carrier.newest, "since": carrier.since, "clock": clock}

    def kept_until(self, carrier: Carrier) -> float | None:
        """Return until when: a rotating id is worth nothing once its slot is no neighbour's any more."""
        return None if carrier.clock else float((carrier.newest + 2 * ACCEPTED + 1) * SLOT_S)

    def load(self, key: bytes, value: Mapping[str, Json]) -> None:
        """Go on with what `kept` gave."""
        carrier = self._table.carrier(key)
        if carrier:
            carrier.newest, carrier.since = int(value["newest"]), float(value["since"])
            if carrier.clock and value["clock"]:
                exponent, least, most, known = value["clock"]
                carrier.clock = _better(carrier.clock, BeaconClock(exponent, least, most, known))

    def redate(self, by_s: float) -> None:
        """Take that our own clock was set by so much."""
        self._table.begin_anew(lambda clock: clock.blurred(by_s))

    def _is_over(self, carrier: Carrier, step: int, t: float) -> bool:
        return step < carrier.newest and t > carrier.since + LATE_S and not self._is_beyond(carrier, t)

    def _is_beyond(self, carrier: Carrier, t: float) -> bool:
        """Tell whether the newest step cannot have been: our clock was ahead then, and was set back."""
        if carrier.clock is None:
            return carrier.newest > slot_of(t) + ACCEPTED
        return carrier.newest not in carrier.clock.steps(min(t, carrier.since), t) and carrier.newest > NEVER


def _may_come(carrier: Carrier, step: int, t: float) -> bool:
    if carrier.clock is None:
        return abs(step - slot_of(t)) <= ACCEPTED
    return step in carrier.clock.steps(t, t)


def _step(carrier: Carrier, clock: BeaconClock, slot: int, identity: bytes) -> int | None:
    """Return which step of a beacon's clock an id is; none where its clock is known better now than the table's."""
    steps = clock.steps(slot * SLOT_S, (slot + 1) * SLOT_S)
    found = ephemeral_ids(carrier.key, clock.exponent, steps)
    return steps[found.index(identity)] if identity in found else None


def _better(put: BeaconClock, kept: BeaconClock) -> BeaconClock:
    """Return what is known better: what was learned from sightings, unless the card was read again after that."""
    return put if put.exponent != kept.exponent or put.known > kept.known else kept
