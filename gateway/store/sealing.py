"""Seals values to their places, under one of several keys; opens what any of them sealed."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2s
from secrets import token_bytes
from typing import Final

from gateway.ciphers import NONCE_BYTES, Sealer

KEY_BYTES: Final = 32
NAME_BYTES: Final = 4


def name_of(key: bytes) -> bytes:
    """Return what tells a key from others and says nothing of it."""
    return blake2s(key=key, person=b"hushbell", digest_size=NAME_BYTES).digest()


class Seals:
    """Writes the key's name, a random nonce and the sealed value. With random nonces of 96 bits, a key is good for
    2^32 values (NIST SP 800-38D, 8.3, which holds for this cipher's nonces as well).
    """

    def __init__(self, first: bytes | None, keys: Iterable[bytes]) -> None:
        self._sealers = {name_of(key): Sealer(key) for key in keys}
        self.first = first
        self.current = name_of(first) if first else b""

    def __repr__(self) -> str:
        return f"<Seals of {len(self._sealers)} keys>"

    def __contains__(self, name: bytes) -> bool:
        return name in self._sealers

    def seal(self, value: bytes, place: str) -> bytes:
        nonce = token_bytes(NONCE_BYTES)
        return self.current + nonce + self._sealers[self.current].seal(nonce, value, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes | None:
        """Return what was sealed at this place; None where it was not, or the key is not there."""
        sealer = self._sealers.get(sealed[:NAME_BYTES])
        nonce, rest = sealed[NAME_BYTES : NAME_BYTES + NONCE_BYTES], sealed[NAME_BYTES + NONCE_BYTES :]
        return sealer.open(nonce, rest, place.encode()) if sealer else None
