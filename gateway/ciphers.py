"""Ciphers: AES in single blocks, as the radio's specifications use it, and what seals values at rest."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

BLOCK = 16

Blocks = Callable[[bytes], bytes]
"""Encrypts whole blocks, each by itself."""


def aes(key: bytes) -> Blocks:
    """Return AES-128 (FIPS 197) under a key of 16 bytes; making it costs much more than using it."""
    return Cipher(algorithms.AES128(key), modes.ECB()).encryptor().update  # noqa: S305 - single blocks are what the specifications ask for


NONCE_BYTES = 12


class Sealer:
    """ChaCha20-Poly1305 (RFC 8439) under a key of 32 bytes; quick on a Pi 4 too, whose processor knows no AES."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def seal(self, nonce: bytes, value: bytes, context: bytes) -> bytes:
        """Encrypt a value, and bind it to its context. No nonce may be used twice."""
        return self._cipher.encrypt(nonce, value, context)

    def open(self, nonce: bytes, sealed: bytes, context: bytes) -> bytes | None:
        """Return the value; None where a bit of it, or of the context, is another one."""
        try:
            return self._cipher.decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError):
            return None
