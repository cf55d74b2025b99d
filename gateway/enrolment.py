"""A card held to a receiver: found when exactly one unknown tag is heard strongly. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from drivers.sighting import Kind, Sighting

STRONG_DBM = -55  # a card held to the receiver's case; across a counter it is 15 dB weaker
APART_DB = 12  # the next strongest tag must be this much weaker
ENOUGH = 3  # frames
MOST_TAGS = 1000
CARDS: tuple[Kind, ...] = ("ibeacon", "altbeacon", "eddystone-uid")


@dataclass(slots=True)
class Tag:
    frames: int = 0
    strongest_dbm: int = -127


class Enrolment:
    """Listens at one receiver and then says which tag was held to it, or why it cannot say."""

    def __init__(self, receiver: str) -> None:
        self.receiver = receiver
        self._member_is_near = False
        self._tags: dict[tuple[Kind, bytes], Tag] = {}

    def hear(self, sighting: Sighting) -> None:
        """Take a frame of a tag that is no member's."""
        if sighting.receiver != self.receiver or sighting.kind not in CARDS or sighting.rssi is None:
            return
        key = sighting.kind, sighting.identity
        if key not in self._tags and len(self._tags) >= MOST_TAGS:
            return
        tag = self._tags.setdefault(key, Tag())
        tag.frames += 1
        tag.strongest_dbm = max(tag.strongest_dbm, sighting.rssi)

    def hear_member(self, sighting: Sighting) -> None:
        """Take a frame of a tag that is somebody's already."""
        self._member_is_near |= sighting.receiver == self.receiver and (sighting.rssi or -127) >= STRONG_DBM

    def found(self) -> dict[str, object] | None:
        """Return the credential of the one tag that is held to the receiver; None while there is none, or several."""
        ranked = sorted(self._tags.items(), key=lambda item: item[1].strongest_dbm, reverse=True)
        if not ranked or ranked[0][1].frames < ENOUGH or ranked[0][1].strongest_dbm < STRONG_DBM:
            return None
        if len(ranked) > 1 and ranked[1][1].strongest_dbm > ranked[0][1].strongest_dbm - APART_DB:
            return None
        return credential(*ranked[0][0])

    def why_not(self) -> str:
        """Say in plain words why nothing was found."""
        strong = [tag for tag in self._tags.values() if tag.strongest_dbm >= STRONG_DBM]
        if len(strong) > 1:
            return f"{len(strong)} unknown tags are held to {self.receiver}; hold only one"
        if self._member_is_near and not strong:
            return f"the card that is held to {self.receiver} is a member's already"
        if not self._tags:
            return f"{self.receiver} heard no unknown tag at all; is the card switched on?"
        best = max(tag.strongest_dbm for tag in self._tags.values())
        return (
            f"the strongest unknown tag at {self.receiver} came at {best} dBm, {STRONG_DBM} is needed: hold it closer"
        )


def credential(kind: Kind, identity: bytes) -> dict[str, object]:
    """Write a tag's identity as the contract's credential object."""
    if kind == "ibeacon":
        return {
            "kind": kind,
            "uuid": str(UUID(bytes=identity[:16])),
            "major": int.from_bytes(identity[16:18], "big"),
            "minor": int.from_bytes(identity[18:20], "big"),
        }
    if kind == "altbeacon":
        return {"kind": kind, "id": identity.hex()}
    return {"kind": kind, "namespace": identity[:10].hex(), "instance": identity[10:].hex()}
