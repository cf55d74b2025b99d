"""Members with keys, the frames that these keys send, and a register that is tuned to a shop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from drivers.sighting import Sighting
from gateway.ciphers import aes
from gateway.identity.ephemeral import ephemeral_ids
from gateway.identity.member import Member, parse_member
from gateway.identity.recognition import Register, Shop
from gateway.identity.rotating import SLOT_S, rotating_id, slot_of
from gateway.identity.suspicion import Place, Suspicion

NAMESPACE = bytes.fromhex("6e9d1c5a2b3f4e70")
T = 1_763_791_872.0
"""The beginning of a slot."""
SHANGHAI, BEIJING = Place(31.2214, 121.5447), Place(39.9042, 116.4074)
PHONE = bytes.fromhex("4a3a11223344")
DIGEST_KEY = bytes(range(32))


def key(number: int, size: int = 32) -> bytes:
    return number.to_bytes(size, "big")


def rotating(number: int = 1) -> dict[str, Any]:
    return {"kind": "rotating", "key": key(number).hex()}


def eid(number: int = 1, exponent: int = 10, counter: int = 70_000, at: float = T) -> dict[str, Any]:
    when = datetime.fromtimestamp(at, UTC).isoformat()
    return {"kind": "eddystone-eid", "key": key(number, 16).hex(), "exponent": exponent, "counter": counter, "at": when}


def irk(number: int = 1) -> dict[str, Any]:
    return {"kind": "irk", "key": key(number, 16).hex()}


def carrying(*credentials: dict[str, Any], name: str = "oX3f-91c2", agreed: bool = True, **more: Any) -> Member:
    receipt = {"purpose": "recognise", "text": "0" * 64, "language": "zh", "act": "x", "at": "2025-11-01T09:00:00Z"}
    consent = [receipt] if agreed else []
    return parse_member({"member": name, "credentials": list(credentials), "consent": consent, **more})


def tuned(*members: Member, digest_key: bytes | None = None) -> Register:
    register = Register()
    register.attune(Shop(NAMESPACE, SHANGHAI, bytes.hex, digest_key))
    for member in members:
        register.put(member)
    return register


def proximity_uuid(namespace: bytes, key: bytes, t: float) -> bytes:
    """Return the UUID that a rotating iBeacon has at a time; its major and minor are 0."""
    return namespace + rotating_id(key, slot_of(t))


def beacon(
    t: float, number: int = 1, slots: int = 0, address: bytes | None = PHONE, receiver: str = "door"
) -> Sighting:
    """Return the rotating iBeacon of a key at `t`, of so many slots later."""
    identity = proximity_uuid(NAMESPACE, key(number), t + slots * SLOT_S) + bytes(4)
    return Sighting(t, receiver, "ble", "ibeacon", -60, identity, -59, address, "resolvable")


def ephemeral(t: float, step: int, number: int = 1, exponent: int = 10) -> Sighting:
    """Return the Eddystone-EID frame of a key in a step."""
    (identity,) = ephemeral_ids(key(number, 16), exponent, range(step, step + 1))
    return Sighting(t, "door", "ble", "eddystone-eid", -60, identity, -59, PHONE, "random")


def private_address(prand: int, number: int = 1) -> bytes:
    """Return a resolvable private address of a key, with so many as its random part."""
    random = (0x400000 | prand).to_bytes(3, "big")
    return random + aes(key(number, 16))(bytes(13) + random)[13:]


def suspicions(register: Register) -> list[Suspicion]:
    """Return what is suspected, and forget it."""
    found = [item for item in register.news if isinstance(item, Suspicion)]
    register.news.clear()
    return found
