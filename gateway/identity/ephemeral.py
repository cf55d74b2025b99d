"""Eddystone-EID (github.com/google/eddystone, eddystone-eid/eid-computation.md), and following a beacon's clock."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.ciphers import BLOCK, aes

DRIFT: Final = 150e-6
"""How fast a beacon's clock may go wrong."""
READ_WITHIN_S: Final = 60.0
"""How far the counter may be off when a credential is put: it takes a while to read a beacon and to send it here."""
MOST_STEPS: Final = 16_384
"""Ids that one beacon may have in one table; whose clock is less sure than that must be enrolled anew."""

_COUNTER = 0xFFFF_FFFF


def temporary_key(key: bytes, counter: int) -> bytes:
    """Return the key of 16 bytes that lasts while the counter's upper half stays the same."""
    return aes(key)(bytes(11) + b"\xff\0\0" + (counter >> 16).to_bytes(2, "big"))


def ephemeral_ids(key: bytes, exponent: int, steps: range) -> list[bytes]:
    """Return the 8-byte ids of consecutive steps of 2**exponent seconds of a beacon with this identity key."""
    found: list[bytes] = []
    counters = [(step << exponent) & _COUNTER for step in steps]
    while counters:
        first = counters[0] >> 16
        alike = next((i for i, counter in enumerate(counters) if counter >> 16 != first), len(counters))
        head = bytes(11) + bytes([exponent])
        blocks = b"".join(head + counter.to_bytes(4, "big") for counter in counters[:alike])
        sent = aes(temporary_key(key, counters[0]))(blocks)
        found += [sent[at : at + 8] for at in range(0, len(sent), BLOCK)]
        del counters[:alike]
    return found


class BeaconClock(NamedTuple):
    """How far a beacon's counter is ahead of our clock: from `least` to `most` seconds, known at the time `known`."""

    exponent: int
    least: float
    most: float
    known: float

    @classmethod
    def read(cls, exponent: int, counter: int, at: float) -> BeaconClock:
        """Take what a beacon's counter showed at a time."""
        ahead = counter - at
        return cls(exponent, ahead - READ_WITHIN_S, ahead + READ_WITHIN_S, at)

    def drifted(self, t: float) -> BeaconClock:
        """Return what is left of it at another time."""
        by_s = DRIFT * abs(t - self.known)
        return self._replace(least=self.least - by_s, most=self.most + by_s, known=t)

    def steps(self, since: float, until: float) -> range:
        """Return the steps that may be heard between two times.

        A beacon may go to its next id at any moment of the step (eid-computation.md, "Implementation guidelines"), so
        the one before is among them.
        """
        exponent, least, most, known = self
        span = 1 << exponent
        first = int((since + least - DRIFT * abs(since - known)) // span) - 1
        last = int((until + most + DRIFT * abs(until - known)) // span)
        return range(max(first, 0), max(last, 0) + 1)

    def blurred(self, by_s: float) -> BeaconClock:
        """Return what is left of it after our own clock was set by so much."""
        return self._replace(least=self.least - abs(by_s), most=self.most + abs(by_s))

    def heard(self, step: int, t: float) -> BeaconClock:
        """Learn from a step heard at a time; a step that cannot be heard then teaches nothing."""
        now = self.drifted(t)
        span = 1 << self.exponent
        least, most = max(now.least, step * span - t), min(now.most, (step + 2) * span - t)
        return now._replace(least=least, most=most) if least <= most else now
