"""A sighting: one frame heard by one receiver. Nothing else leaves `drivers`."""

from __future__ import annotations

from typing import Literal, NamedTuple

Radio = Literal["ble", "wifi"]
Kind = Literal[
    "ibeacon",
    "altbeacon",
    "eddystone-uid",
    "eddystone-eid",
    "eddystone-url",
    "eddystone-tlm",
    "advert",
    "probe-request",
    "association-request",
    "reassociation-request",
    "authentication",
]
AddressType = Literal["public", "random", "resolvable", "global", "local"]


class Sighting(NamedTuple):
    """One frame. An immutable tuple, because one is made for every frame on the air.

    `identity` is what the frame says it is, as the bytes on the air: iBeacon UUID, major and minor (20 bytes),
    AltBeacon id (20), Eddystone-UID namespace and instance (16), Eddystone-EID (8); empty for all else.
    `address` is the transmitter's, most significant byte first. It never leaves memory, so neither `repr` nor
    `as_json` show it; `device` is the pseudonym that a sightings file carries in its place.
    """

    t: float  # seconds since the epoch
    receiver: str
    radio: Radio
    kind: Kind
    rssi: int | None = None  # dBm
    identity: bytes = b""
    power: int | None = None  # dBm at 1 m, as sent
    address: bytes | None = None
    address_type: AddressType | None = None
    frequency: int | None = None  # MHz
    sequence: int | None = None
    own_network: bool | None = None
    device: str | None = None

    def __repr__(self) -> str:
        return f"<Sighting {self.kind} by {self.receiver} at {self.t:.6f}, {self.rssi} dBm>"
