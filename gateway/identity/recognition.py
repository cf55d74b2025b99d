"""Whom a sighting is: the register of members, looked up by what their credentials send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drivers.sighting import Kind, Sighting
from gateway.heard import Heard
from gateway.identity.credentials import KINDS, CredentialKind
from gateway.identity.fields import MemberError
from gateway.identity.member import Member
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
"""Which credential a frame can be, where the frame itself names it. Other kinds are kept, not yet recognised."""


class Register:
    """Members by id and by credential. A credential has one owner at most, and strangers leave no trace here."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._owners: dict[CredentialKind, dict[bytes, Member]] = {kind: {} for kind in KINDS}
        self._heard_as = {heard: (kind, self._owners[kind]) for heard, kind in HEARD_AS.items()}
        self.silent = 0  # frames of members who have not agreed, or are paused

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def get(self, member_id: str) -> Member | None:
        return self._members.get(member_id)

    def check(self, member: Member) -> None:
        """Raise MemberError (`refused`) where a credential belongs to another member."""
        for index, credential in enumerate(member.credentials):
            owner = self._owners[credential.kind].get(credential.identity)
            if owner is not None and owner.id != member.id:
                raise MemberError("refused", f"credentials[{index}]", "belongs to another member")

    def put(self, member: Member) -> None:
        """Enrol a member or take the place of an earlier record; raises MemberError, with nothing changed."""
        self.check(member)
        self._release(self._members.get(member.id))
        self._members[member.id] = member
        for credential in member.credentials:
            self._owners[credential.kind][credential.identity] = member

    def put_all(self, members: Sequence[Member]) -> list[tuple[Member, MemberError]]:
        """Enrol many at once, so that a credential may pass from one to another; return those left out, and why."""
        for member in members:
            self.remove(member.id)
        left_out = []
        for member in members:
            try:
                self.put(member)
            except MemberError as error:
                left_out.append((member, error))
        return left_out

    def remove(self, member_id: str) -> None:
        """Forget a member and every credential; an unknown one is as good as removed."""
        self._release(self._members.pop(member_id, None))

    def _release(self, member: Member | None) -> None:
        for credential in member.credentials if member else ():
            del self._owners[credential.kind][credential.identity]

    def recognise(self, sighting: Sighting) -> Heard | None:
        """Return the member heard, one who agreed to that and is not paused when the frame was sent, else None."""
        t, receiver, radio, heard_as, rssi, identity, _, address, _, _, _, own_network, _ = sighting
        kind, owners = self._heard_as.get(heard_as, _NOBODY)
        if heard_as == "station":
            kind, member = self._station(sighting)
        else:
            member = owners.get(identity or address or b"")
        if member is None:
            return None
        if not member.recognisable_at(t):
            self.silent += 1
            return None
        trust = _FRESH if kind == "wifi-key" else _WEAK if own_network and kind == "wifi" else _HINT
        return tuple.__new__(Heard, (t, member.id, receiver, radio, rssi, trust, kind))  # quicker than `Heard(...)`

    def is_enrolled(self, sighting: Sighting) -> bool:
        """Tell whether the frame carries some member's credential, consented or not."""
        if sighting.kind == "station":
            return self._station(sighting)[1] is not None
        return (sighting.identity or sighting.address or b"") in self._heard_as.get(sighting.kind, _NOBODY)[1]

    def _station(self, sighting: Sighting) -> tuple[CredentialKind, Member | None]:
        """Return whose station it is, and by what. A station's own key says more than its address."""
        by_key = self._owners["wifi-key"].get(sighting.identity)
        return ("wifi", self._owners["wifi"].get(sighting.address or b"")) if by_key is None else ("wifi-key", by_key)


# Looking up a member of an enumeration costs as much as the rest of the lookup.
_HINT, _WEAK, _FRESH = Trust.HINT, Trust.WEAK, Trust.FRESH
_NOBODY: tuple[CredentialKind, dict[bytes, Member]] = ("app", {})
