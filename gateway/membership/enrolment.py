"""A card held to a receiver: found when exactly one tag is heard strongly, and is nobody's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from drivers.sighting import Kind, Sighting

STRONG_DBM = -55  # a card held to the receiver's case; across a counter it is 15 dB weaker
APART_DB = 12  # the next strongest tag must be this much weaker
ENOUGH = 3  # frames
HELD_S = 3.0
"""How long it must be held: a tag beside it that sends once in two seconds is heard by then."""

MOST_TAGS = 1000
CARDS: tuple[Kind, ...] = ("ibeacon", "altbeacon", "eddystone-uid")


@dataclass(slots=True)
class Tag:
    """What was heard of one tag; `held_since` is when its first strong frame came."""

    frames: int = 0
    strongest_dbm: int = -127
    held_since: float = float("inf")
    heard_at: float = float("-inf")

    def is_held(self) -> bool:
        return self.frames >= ENOUGH and self.heard_at - self.held_since >= HELD_S


class Enrolment:
    """Listens at one receiver and then says which tag was held to it, or why it cannot say."""

    def __init__(self, receiver: str) -> None:
        self.receiver = receiver
        self._member_dbm = -127  # the strongest frame of a tag that is somebody's already
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
        tag.heard_at = max(tag.heard_at, sighting.t)
        if sighting.rssi >= STRONG_DBM:
            tag.held_since = min(tag.held_since, sighting.t)

    def hear_member(self, sighting: Sighting) -> None:
        """Take a frame of a tag that is somebody's already."""
        if sighting.receiver == self.receiver and sighting.rssi is not None:
            self._member_dbm = max(self._member_dbm, sighting.rssi)

    def found(self) -> dict[str, Any] | None:
        """Return the credential of the one tag that is held to the receiver; None while there is none, or several."""
        held = self.held()
        return credential(*held) if held else None

    def held(self) -> tuple[Kind, bytes] | None:
        """Return kind and identity of the one tag that is held to the receiver."""
        ranked = sorted(self._tags.items(), key=lambda item: item[1].strongest_dbm, reverse=True)
        if not ranked or not ranked[0][1].is_held():
            return None
        others = [tag.strongest_dbm for _, tag in ranked[1:]]
        if max(self._member_dbm, *others, -127) > ranked[0][1].strongest_dbm - APART_DB:
            return None
        return ranked[0][0]

    def why_not(self) -> str:
        """Say in plain words why nothing was found."""
        best = max((tag.strongest_dbm for tag in self._tags.values()), default=-127)
        if max(best, self._member_dbm) >= STRONG_DBM:
            return self._why_not_this()
        if not self._tags:
            return f"{self.receiver} heard no unknown tag at all; is the card switched on?"
        return (
            f"the strongest unknown tag at {self.receiver} came at {best} dBm, {STRONG_DBM} is needed: hold it closer"
        )

    def _why_not_this(self) -> str:
        strong = sum(tag.strongest_dbm >= STRONG_DBM for tag in self._tags.values())
        if strong > 1:
            return f"{strong} unknown tags are held to {self.receiver}; hold only one"
        if not strong:
            return f"the card that is held to {self.receiver} is a member's already"
        levels = sorted((self._member_dbm, *(tag.strongest_dbm for tag in self._tags.values())), reverse=True)
        if len(levels) > 1 and levels[1] > levels[0] - APART_DB:
            return f"another tag is nearly as close to {self.receiver}; hold only one, the others further away"
        return f"the card was held to {self.receiver} too briefly, {HELD_S:g} seconds are needed"


def credential(kind: Kind, identity: bytes) -> dict[str, Any]:
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
