"""Names for events, visits, alerts and offers: derived, so that a replayed run gives the same ones."""

from __future__ import annotations

from hashlib import blake2b


class Identifiers:
    """Derives each name from the gateway's key, the run and a running number; nothing in it is random.

    Without the key a name tells nothing of the next one, so a feedback token cannot be guessed.
    """

    __slots__ = ("_key", "_run", "number")

    def __init__(self, key: bytes, run: bytes) -> None:
        self._key = key
        self._run = run
        self.number = 0  # of names given out

    def _next(self) -> bytes:
        self.number += 1
        return blake2b(self._run + self.number.to_bytes(8, "big"), key=self._key, digest_size=16).digest()

    def event(self, t: float) -> str:
        """Return a UUID of version 7 (RFC 9562, section 5.7): milliseconds of `t`, then derived bits."""
        tail = self._next()[:10]
        value = int(t * 1000).to_bytes(6, "big") + bytes([0x70 | tail[0] & 0x0F, tail[1], 0x80 | tail[2] & 0x3F])
        digits = (value + tail[3:]).hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def credential(self, identity: bytes) -> str:
        """Return the name of a credential in stored rows: always the same, and no way back to what it is."""
        return blake2b(identity, key=self._key, digest_size=12, person=b"credential").hexdigest()

    def visit(self) -> str:
        return "v-" + self._next()[:6].hex()

    def alert(self) -> str:
        return "a-" + self._next()[:6].hex()

    def feedback(self) -> str:
        return "f-" + self._next().hex()
