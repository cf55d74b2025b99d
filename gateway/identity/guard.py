"""Watches over credentials: one that two may have is a hint for a day, and what is suspected is told once."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from gateway.contract.words import CredentialKind
from gateway.events import StateRow
from gateway.identity.credentials import Credential
from gateway.identity.member import Member
from gateway.identity.suspicion import (
    DEMOTED_S,
    QUIET_S,
    Elsewhere,
    Guesses,
    Place,
    Suspicion,
    Voices,
    is_too_fast,
)
from rules.situation import Trust

ROW: Final = "demoted"
MOST_ELSEWHERE: Final = 10_000

Identity = tuple[CredentialKind, bytes]
News = Suspicion | StateRow


def unkeyed(identity: bytes) -> str:
    """Name a credential where nothing is stored."""
    return sha256(identity).hexdigest()


class Guard:
    """Knows which credentials are believed less than their kind. `news` is what must be told, and kept."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.place: Place | None = None
        self.name: Callable[[bytes], str] = unkeyed
        self.is_clock_wrong = False
        self.voices = Voices()
        self._guesses = Guesses()
        self._demoted: dict[Identity, float] = {}
        self._quiet: dict[Identity, float] = {}  # until when a replay is not told again
        self._elsewhere: dict[tuple[str, CredentialKind], Elsewhere] = {}
        self.is_wary = False
        """Whether any credential must be looked at."""

    def weigh(self, trust: Trust, member: Member, credential: Identity, t: float, where: str) -> Trust:
        """Return what a frame of a credential is worth."""
        if self._elsewhere:
            self._compare(member, credential, t, where)
        until = self._demoted.get(credential)
        if until is None:
            return trust
        if t < until:
            return Trust.HINT
        del self._demoted[credential]
        self._look()
        return trust

    def two_send(self, member: Member, credential: Identity, t: float, where: str | None) -> None:
        """Take that two have a credential."""
        if self._demoted.get(credential, t) > t:
            return
        until = self._demoted[credential] = t + DEMOTED_S
        self._look()
        self.news.append(StateRow(ROW, self.name(credential[1]), until, member.id, until))
        self.news.append(Suspicion("clone", t, member.id, credential[0], where, until))

    def played_back(self, member: Member, credential: Identity, t: float, where: str) -> None:
        """Take that an id whose time is over was heard again."""
        if self.is_clock_wrong or t < self._quiet.get(credential, t):
            return
        self._quiet[credential] = t + QUIET_S
        self.news.append(Suspicion("replay", t, member.id, credential[0], where))

    def guessed(self, identity: bytes, t: float, where: str) -> None:
        """Take an id of our namespace that nobody carries."""
        if self._guesses.hear(identity, t) and not self.is_clock_wrong:
            self.news.append(Suspicion("flood", t, where=where))

    def clock(self, t: float, *, is_wrong: bool) -> None:
        """Take whether our own clock is known to be wrong, on which ids hang that change with time."""
        if is_wrong and not self.is_clock_wrong:
            self.news.append(Suspicion("clock", t))
        self.is_clock_wrong = is_wrong

    def elsewhere(self, member: Member, seen: Elsewhere) -> None:
        """Take that a member's credential was heard at another shop; the next frame here is held to it."""
        if sum(credential.kind == seen.credential for credential in member.credentials) != 1:
            return  # two cards may well be in two places
        self._elsewhere.pop((member.id, seen.credential), None)
        self._elsewhere[member.id, seen.credential] = seen
        if len(self._elsewhere) > MOST_ELSEWHERE:
            del self._elsewhere[next(iter(self._elsewhere))]
        self._look()

    def release(self, member: Member, credential: Credential) -> None:
        """Forget a credential that is carried no more."""
        known = credential.kind, credential.identity
        self.voices.forget(credential.identity)
        self._quiet.pop(known, None)
        self._elsewhere.pop((member.id, credential.kind), None)
        if self._demoted.pop(known, None):
            self.news.append(StateRow(ROW, self.name(credential.identity), None, member.id))
        self._look()

    def load(self, credential: Credential, until: float) -> None:
        """Go on with what was kept."""
        self._demoted[credential.kind, credential.identity] = until
        self._look()

    def _compare(self, member: Member, credential: Identity, t: float, where: str) -> None:
        seen = self._elsewhere.pop((member.id, credential[0]), None)
        if seen is None:
            return
        self._look()
        if self.place and is_too_fast(self.place, seen.place, t - seen.t, seen.within_m):
            self.two_send(member, credential, t, where)

    def _look(self) -> None:
        self.is_wary = bool(self._demoted or self._elsewhere)
