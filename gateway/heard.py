"""A member heard: what recognition makes of a sighting, and presence takes."""

from __future__ import annotations

from typing import NamedTuple

from drivers.sighting import Radio
from gateway.contract.words import CredentialKind
from rules.situation import Trust


class Heard(NamedTuple):
    """One frame of one consented member. `connected` is a state and not a level: it has no RSSI."""

    t: float  # seconds since the epoch
    member: str
    receiver: str
    radio: Radio
    rssi: int | None  # dBm, uncalibrated
    trust: Trust
    credential: CredentialKind
