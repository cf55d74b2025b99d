"""What is not right: ids that two send, ids that are guessed, ids that travel too fast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from gateway.contract.words import CredentialKind, Trust

DEMOTED_S: Final = 24 * 3600.0
"""How long a credential that two may have is a hint and no more."""

What = Literal["replay", "clone", "flood", "clock"]


class Suspicion(NamedTuple):
    """What is suspected, of whose credential, where (a receiver) and until when it has consequences."""

    what: What
    t: float
    member: str | None = None
    credential: CredentialKind | None = None
    where: str | None = None
    until: float | None = None


CROSSED_S: Final = 30.0
APART_S: Final = 10.0
FORGOTTEN_S: Final = 60.0


@dataclass(slots=True, repr=False)
class _Voice:
    source: bytes | str
    before: bytes | str | None = None
    since: float = 0.0
    crossed: float = -math.inf


class Voices:
    """Tells one transmitter from two that send the same id, by the addresses that it comes from.

    An address that changes gives way to the next and does not come back; two receivers hear the same one. Where the
    address before comes back again and again, for half a minute, there are two.
    """

    def __init__(self) -> None:
        self._voices: dict[bytes, _Voice] = {}
        self._older: dict[bytes, _Voice] = {}
        self._turn = -math.inf

    def hear(self, identity: bytes, source: bytes | str, t: float) -> bool:
        """Take a frame; tell whether it shows that two send this id."""
        if t >= self._turn:
            self._older, self._voices, self._turn = self._voices, {}, t + FORGOTTEN_S
        voice = self._voices.get(identity)
        if voice is None:
            voice = self._older.pop(identity) if identity in self._older else _Voice(source)
            self._voices[identity] = voice
        return voice.source != source and _crosses(voice, source, t)

    def forget(self, identity: bytes) -> None:
        self._voices.pop(identity, None)
        self._older.pop(identity, None)

    def clear(self) -> None:
        """Forget all, where the clock was set."""
        self._voices, self._older, self._turn = {}, {}, -math.inf


def _crosses(voice: _Voice, source: bytes | str, t: float) -> bool:
    back = source == voice.before
    voice.before, voice.source = voice.source, source
    if not back:
        return False
    if t - voice.crossed > APART_S:
        voice.since = t
    voice.crossed = t
    return t - voice.since >= CROSSED_S


MOST_GUESSES: Final = 20
WITHIN_S: Final = 60.0
QUIET_S: Final = 600.0
"""How long what was told is not told again."""


class Guesses:
    """Counts different ids of our namespace that nobody carries."""

    def __init__(self) -> None:
        self._heard: dict[bytes, float] = {}
        self._quiet_until = -math.inf

    def hear(self, identity: bytes, t: float) -> bool:
        """Take such an id; tell whether there are more of them than honest strangers send."""
        self._heard.pop(identity, None)
        self._heard[identity] = t
        oldest = next(iter(self._heard))
        while abs(t - self._heard[oldest]) > WITHIN_S or len(self._heard) > MOST_GUESSES + 1:
            del self._heard[oldest]
            oldest = next(iter(self._heard))
        if len(self._heard) <= MOST_GUESSES or t < self._quiet_until:
            return False
        self._quiet_until = t + QUIET_S
        return True


FASTEST_M_PER_S: Final = 40.0
SPARE_S: Final = 60.0
COARSE_M: Final = 10_000.0
_EARTH_M: Final = 6_371_000.0


class Place(NamedTuple):
    """A point on the map, in degrees."""

    latitude: float
    longitude: float

    @classmethod
    def of(cls, latitude: float | None, longitude: float | None) -> Place | None:
        """Return the place, where both are known."""
        return None if latitude is None or longitude is None else cls(latitude, longitude)


class Elsewhere(NamedTuple):
    """A credential of a kind was heard at another shop, with so much trust; or a member's app says where it is."""

    credential: CredentialKind
    place: Place
    t: float
    shop: str = ""
    trust: Trust = "hint"

    @property
    def within_m(self) -> float:
        """How far off the place may be: a shop is where it is, but a position of an app is coarse."""
        return 0.0 if self.shop or self.credential != "app" else COARSE_M


def distance_m(one: Place, other: Place) -> float:
    """Return the way along the great circle."""
    south, north = math.radians(one.latitude), math.radians(other.latitude)
    across = math.radians(other.longitude - one.longitude)
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin(across / 2) ** 2
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def is_too_fast(one: Place, other: Place, seconds: float, within_m: float = 0.0) -> bool:
    """Tell whether nobody gets from one place to the other in so short a time, even with a minute to spare.

    `within_m` is how far off one of them may be, in metres.
    """
    return distance_m(one, other) - within_m > FASTEST_M_PER_S * (abs(seconds) + SPARE_S)
