"""Whom a sighting is: the register of members, looked up by what their credentials send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from drivers.sighting import Kind, Sighting
from gateway.events import StateRow
from gateway.heard import Heard
from gateway.identity.changing import Changing
from gateway.identity.credentials import KINDS, Credential, CredentialKind
from gateway.identity.fields import MemberError
from gateway.identity.guard import ROW as DEMOTED
from gateway.identity.guard import Guard, News
from gateway.identity.member import Member
from gateway.identity.private_addresses import PrivateAddresses
from gateway.identity.suspicion import Elsewhere, Place
from rules.situation import Trust

HEARD_AS: dict[Kind, CredentialKind] = {
    "ibeacon": "ibeacon",
    "altbeacon": "altbeacon",
    "eddystone-uid": "eddystone-uid",
    "probe-request": "wifi",
    "association-request": "wifi",
    "reassociation-request": "wifi",
    "authentication": "wifi",
    "station": "wifi",  # or `wifi-key`
}
"""Which credential a frame can be, where the frame itself names it; the other kinds are computed from keys."""

CHANGES: Final = "changing"
"""The kind of stored row that says how far a changing id has come."""
_NO_NUMBERS = bytes(4)


class Shop(NamedTuple):
    """What recognition must know of a shop: the chain's namespace, where it is, and how it names stored credentials.

    Private addresses are resolved where there is a `digest_key`, which keys the digests of addresses in memory.
    """

    namespace: bytes | None
    place: Place | None
    name: Callable[[bytes], str]
    digest_key: bytes | None


class Register:
    """Members by id and by credential. A credential has one owner at most, and strangers leave no trace here.

    Whoever drives this takes what gathers in `news`, and calls `advance` at `deadline`.
    """

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._owners: dict[CredentialKind, dict[bytes, Member]] = {kind: {} for kind in KINDS}
        self._heard_as = {heard: (kind, self._owners[kind]) for heard, kind in HEARD_AS.items()}
        self._changing: dict[CredentialKind, Changing] = {
            kind: Changing(kind) for kind in ("rotating", "eddystone-eid")
        }
        self._rotating, self._ephemeral = self._changing.values()
        self._private: PrivateAddresses | None = None
        self._namespace: bytes | None = None
        self._guard = Guard()
        self._voices = self._guard.voices
        self.silent = 0  # frames of members who have not agreed, or are paused

    def attune(self, shop: Shop) -> None:
        """Take what the shop is like. To be called once, before anything is heard."""
        self._namespace = shop.namespace
        self._guard.place, self._guard.name = shop.place, shop.name
        self._private = PrivateAddresses(shop.digest_key) if shop.digest_key else None
        for key, member in self._owners["irk"].items():
            if self._private:
                self._private.put(key, member)

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    @property
    def news(self) -> list[News]:
        """What is suspected and must be told, and rows that must be kept."""
        return self._guard.news

    @property
    def resolves(self) -> bool:
        """Whether private addresses are resolved."""
        return self._private is not None

    @property
    def deadline(self) -> float:
        return self._private.deadline if self._private else _NEVER

    @property
    def untried(self) -> int:
        """Frames from private addresses that there was no room to try."""
        return self._private.untried if self._private else 0

    def get(self, member_id: str) -> Member | None:
        return self._members.get(member_id)

    def owner(self, kind: CredentialKind, identity: bytes) -> Member | None:
        """Return the member who carries a credential."""
        return self._owners[kind].get(identity)

    # enrolment

    def check(self, member: Member) -> None:
        """Raise MemberError (`refused`) where a credential belongs to another member."""
        for index, credential in enumerate(member.credentials):
            owner = self._owners[credential.kind].get(credential.identity)
            if owner is not None and owner.id != member.id:
                raise MemberError("refused", f"credentials[{index}]", "belongs to another member")

    def put(self, member: Member) -> None:
        """Enrol a member or take the place of an earlier record; raises MemberError, with nothing changed.

        A credential that is carried on stays as it was heard: to put a member again makes no replay good.
        """
        self.check(member)
        self._release(self._members.get(member.id), member.credentials)
        self._members[member.id] = member
        for credential in member.credentials:
            self._owners[credential.kind][credential.identity] = member
            if changing := self._changing.get(credential.kind):
                changing.put(credential, member)
            elif credential.kind == "irk" and self._private:
                self._private.put(credential.identity, member)

    def put_all(self, members: Sequence[Member]) -> list[tuple[Member, MemberError]]:
        """Enrol many at once, so that a credential may pass from one to another; return those left out, and why."""
        for member in members:
            self._release(self._members.get(member.id), member.credentials)
        left_out = []
        for member in members:
            try:
                self.put(member)
            except MemberError as error:
                self.remove(member.id)
                left_out.append((member, error))
        return left_out

    def remove(self, member_id: str) -> None:
        """Forget a member and every credential; an unknown one is as good as removed."""
        self._release(self._members.pop(member_id, None), ())

    def _release(self, member: Member | None, but: Sequence[Credential]) -> None:
        """Take a member's credentials away, but for those that are carried on."""
        for credential in member.credentials if member else ():
            kind, identity = credential.kind, credential.identity
            if member is None or self._owners[kind].get(identity) is not member or credential in but:
                continue
            del self._owners[kind][identity]
            self._guard.release(member, credential)
            if changing := self._changing.get(kind):
                changing.remove(identity)
                self.news.append(StateRow(CHANGES, self._guard.name(identity), None, member.id))
            elif kind == "irk" and self._private:
                self._private.remove(identity)

    # recognition

    def recognise(self, sighting: Sighting) -> Heard | None:
        """Return the member heard, one who agreed to that and is not paused when the frame was sent, else None."""
        t, receiver, radio, heard_as, rssi, identity, _, address, _, _, _, own_network, device = sighting
        kind, owners = self._heard_as.get(heard_as, _NOBODY)
        if heard_as == "station":
            kind, member = self._station(sighting)
        else:
            member = owners.get(identity or address or b"")
        if member is None:
            return self._compute(sighting) if radio == "ble" else None
        if not member.recognisable_at(t):
            self.silent += 1
            return None
        trust = _FRESH if kind == "wifi-key" else _WEAK if own_network and kind == "wifi" else _HINT
        if radio == "ble" and (source := address or device) and self._voices.hear(identity, source, t):
            self._guard.two_send(member, (kind, identity), t, receiver)
        if self._guard.is_wary:
            carried = identity if kind == "wifi-key" or radio == "ble" else address or b""
            trust = self._guard.weigh(trust, member, (kind, carried), t, receiver)
        return tuple.__new__(Heard, (t, member.id, receiver, radio, rssi, trust, kind))  # quicker than `Heard(...)`

    def is_enrolled(self, sighting: Sighting) -> bool:
        """Tell whether the frame carries some member's credential, consented or not."""
        if sighting.kind == "station":
            return self._station(sighting)[1] is not None
        if (changing := self._changing_id(sighting)) and changing[0].whose(changing[1], sighting.t):
            return True
        return (sighting.identity or sighting.address or b"") in self._heard_as.get(sighting.kind, _NOBODY)[1]

    def guess(self, sighting: Sighting) -> None:
        """Take a frame of our namespace that carries no member's credential."""
        if not self.is_enrolled(sighting):
            self._guard.guessed(sighting.identity, sighting.t, sighting.receiver)

    def _station(self, sighting: Sighting) -> tuple[CredentialKind, Member | None]:
        """Return whose station it is, and by what. A station's own key says more than its address."""
        by_key = self._owners["wifi-key"].get(sighting.identity)
        return ("wifi", self._owners["wifi"].get(sighting.address or b"")) if by_key is None else ("wifi-key", by_key)

    def _changing_id(self, sighting: Sighting) -> tuple[Changing, bytes] | None:
        """Return the 8 bytes of a frame that change with time, and who may know them."""
        identity = sighting.identity
        if sighting.kind == "eddystone-eid":
            return self._ephemeral, identity
        if sighting.kind == "ibeacon" and identity[:8] == self._namespace and identity[16:] == _NO_NUMBERS:
            return self._rotating, identity[8:16]
        return None

    def _compute(self, sighting: Sighting) -> Heard | None:
        """Return who is heard by an id that is computed, or by a private address."""
        if sighting.identity and (changing := self._changing_id(sighting)):
            heard = self._changed(sighting, *changing)
            if heard:
                return heard
        if self._private and sighting.address_type == "resolvable" and sighting.address:
            return self._resolve(sighting, sighting.address, self._private)
        return None

    def _changed(self, sighting: Sighting, changing: Changing, identity: bytes) -> Heard | None:
        t = sighting.t
        sent = changing.whose(identity, t)
        if sent is None or not self._agreed(sent.carrier.member, t):
            return None
        carrier = sent.carrier
        credential = changing.kind, carrier.key
        if sent.replayed:
            self._guard.played_back(carrier.member, credential, t, sighting.receiver)
            return None
        if sent.step != carrier.newest and not self._guard.is_clock_wrong and changing.accept(identity, sent, t):
            row = changing.kept(carrier), carrier.member.id, changing.kept_until(carrier)
            self.news.append(StateRow(CHANGES, self._guard.name(carrier.key), *row))
        source = sighting.address or sighting.device
        if source and self._voices.hear(sighting.identity, source, t):
            self._guard.two_send(carrier.member, credential, t, sighting.receiver)
        return self._told(sighting, carrier.member, _HINT if self._guard.is_clock_wrong else _FRESH, credential)

    def _resolve(self, sighting: Sighting, address: bytes, private: PrivateAddresses) -> Heard | None:
        known = private.seek(address, sighting.t)
        if known is None or not known.sure or not self._agreed(known.phone.member, sighting.t):
            return None
        credential: tuple[CredentialKind, bytes] = "irk", known.phone.key
        if known.replayed:
            self._guard.played_back(known.phone.member, credential, sighting.t, sighting.receiver)
            return None
        return self._told(sighting, known.phone.member, _WEAK, credential)

    def vouched(self, member_id: str, t: float, receiver: str) -> Trust:
        """Return what it is worth that the back end says a member's own app was at a receiver."""
        member = self._members.get(member_id)
        for credential in member.credentials if member else ():
            if member and credential.kind == "app" and self._guard.is_wary:
                return self._guard.weigh(_FRESH, member, ("app", credential.identity), t, receiver)
        return _FRESH

    def _agreed(self, member: Member, t: float) -> bool:
        agreed = member.recognisable_at(t)
        self.silent += not agreed
        return agreed

    def _told(self, sighting: Sighting, member: Member, trust: Trust, by: tuple[CredentialKind, bytes]) -> Heard:
        t, receiver = sighting.t, sighting.receiver
        if self._guard.is_wary:
            trust = self._guard.weigh(trust, member, by, t, receiver)
        return tuple.__new__(Heard, (t, member.id, receiver, sighting.radio, sighting.rssi, trust, by[0]))

    # time, and what is kept

    def prepare(self, t: float, most: int) -> bool:
        """Compute about `most` ids that will be asked for at `t` or soon after; tell whether that was not all."""
        return any(changing.prepare(t, most) for changing in self._changing.values())

    def advance(self, t: float) -> None:
        """Try the next keys on private addresses, where that is due."""
        if self._private:
            self._private.advance(t)

    def clock(self, t: float, *, is_wrong: bool) -> None:
        """Take whether our own clock is known to be wrong: nothing is fresh then that hangs on it."""
        self._guard.clock(t, is_wrong=is_wrong)

    def redate(self, by_s: float) -> None:
        """Take that our own clock was set by so much."""
        self._voices.clear()
        self._ephemeral.redate(by_s)
        if self._private:
            self._private.redate()

    def elsewhere(self, member_id: str, seen: Elsewhere) -> None:
        """Take that a member's credential was heard at another shop."""
        if member := self._members.get(member_id):
            self._guard.elsewhere(member, seen)

    def load(self, row: StateRow) -> None:
        """Take back what was kept of a credential."""
        member = self._members.get(row.member or "")
        for credential in member.credentials if member else ():
            if self._guard.name(credential.identity) != row.key:
                continue
            if row.kind == DEMOTED:
                self._guard.load(credential, float(row.value))
            elif changing := self._changing.get(credential.kind):
                changing.load(credential.identity, row.value)


# Looking up a member of an enumeration costs as much as the rest of the lookup.
_HINT, _WEAK, _FRESH = Trust.HINT, Trust.WEAK, Trust.FRESH
_NOBODY: tuple[CredentialKind, dict[bytes, Member]] = ("app", {})
_NEVER = float("inf")
