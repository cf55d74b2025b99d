"""Resolvable private addresses (Core Specification Vol 3 Part H, 2.2.2, and Vol 6 Part B, 1.3.2.2): whose they are.

The hash has 24 bits, so one address in some thousands resolves by chance where many keys are tried. Nothing happens
before two different addresses have resolved to one key within an hour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import blake2s
from operator import attrgetter
from typing import Final, NamedTuple

from gateway.ciphers import BLOCK, Blocks, aes
from gateway.identity.member import Member

GATHER_S: Final = 0.25
"""How long new addresses wait for others: a key tries many of them for little more than one."""
PACE_S: Final = 0.02
KEYS_AT_ONCE: Final = 1000
ADDRESSES_AT_ONCE: Final = 64
MOST_WAITING: Final = 1024
MISSED_S: Final = 300.0
STEP_S: Final = 10.0
MOST_MISSED: Final = 20_000
TOGETHER_S: Final = 3600.0
"""No phone keeps an address for longer (Vol 3 Part C, Appendix A, and Vol 4 Part E, 7.8.45)."""
REPLAYED_S: Final = 900.0
"""How long an address must have been silent, while a newer one was heard, to be no longer the phone's own."""
REMEMBERED_S: Final = 24 * 3600.0
MOST_REMEMBERED: Final = 10_000
CLEAN_S: Final = 300.0


@dataclass(slots=True, eq=False, repr=False)
class Phone:
    """A key, whose it is, and the addresses that resolved to it, as keyed digests."""

    key: bytes
    member: Member
    encrypt: Blocks
    addresses: list[Resolved] = field(default_factory=list)  # in the order in which they were first heard
    gone: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Resolved:
    """An address that resolved, and when it was heard."""

    phone: Phone
    digest: bytes
    first: float
    last: float


class Known(NamedTuple):
    """Whose phone an address is of. It is `sure` when another one spoke for it too; `replayed` when it was replaced."""

    phone: Phone
    sure: bool
    replayed: bool


class PrivateAddresses:
    """Tries each new address once against every key, some at a time; `deadline` is when `advance` must be called next.

    `digest_key` keys the digests that addresses are remembered by, which are in memory only.
    """

    def __init__(self, digest_key: bytes) -> None:
        self._digest_key = digest_key
        self._phones: dict[bytes, Phone] = {}
        self._resolved: dict[bytes, Resolved] = {}
        self._missed: dict[bytes, float] = {}  # until when, oldest first
        self._waiting: dict[bytes, float] = {}  # addresses, and when they were heard
        self._trial: _Trial | None = None
        self._due = math.inf
        self._clean = math.inf
        self.untried = 0  # frames from addresses for which there was no room

    @property
    def deadline(self) -> float:
        return min(self._due, self._clean)

    def put(self, key: bytes, member: Member) -> None:
        """Let a member carry a key; addresses that were nobody's may be this member's."""
        known = self._phones.get(key)
        if known:
            known.member = member
            return
        self._phones[key] = Phone(key, member, aes(key))
        self._missed.clear()

    def remove(self, key: bytes) -> None:
        phone = self._phones.pop(key)
        phone.gone = True
        for resolved in phone.addresses:
            del self._resolved[resolved.digest]

    def seek(self, address: bytes, t: float) -> Known | None:
        """Return whose phone was heard; a new address is tried soon, and is nobody's until then."""
        if not self._phones:
            return None
        digest = blake2s(address, key=self._digest_key, digest_size=8).digest()
        resolved = self._resolved.get(digest)
        if resolved is not None:
            return _judge(resolved, t)
        if digest not in self._missed:
            self._wait(address, t)
        return None

    def advance(self, t: float) -> None:
        """Do what is due: try the next keys, or forget."""
        if self._due <= t:
            self._due = self._try(t)
        if self._clean <= t:
            self._forget(t)

    def redate(self) -> None:
        """Forget what was heard when, where the clock was set."""
        for phone in self._phones.values():
            phone.addresses.clear()
        self._resolved.clear()
        self._missed.clear()
        self._waiting.clear()
        self._trial, self._due, self._clean = None, math.inf, math.inf

    def _wait(self, address: bytes, t: float) -> None:
        if address in self._waiting or (self._trial and address in self._trial.addresses):
            return
        if len(self._waiting) >= MOST_WAITING or len(self._missed) >= MOST_MISSED:
            self.untried += 1
            return
        self._waiting[address] = t
        self._due = min(self._due, t + GATHER_S)
        self._clean = min(self._clean, t + CLEAN_S)

    def _try(self, t: float) -> float:
        """Try some keys; return when to go on."""
        if self._trial is None:
            chosen = dict(list(self._waiting.items())[:ADDRESSES_AT_ONCE])
            self._waiting = {address: at for address, at in self._waiting.items() if address not in chosen}
            self._trial = _Trial(chosen, list(self._phones.values()))
        if self._trial.go_on():
            return t + PACE_S
        self._note(self._trial, t)
        self._trial = None
        return t + PACE_S if self._waiting else math.inf

    def _note(self, trial: _Trial, t: float) -> None:
        for address, heard in trial.addresses.items():
            digest = blake2s(address, key=self._digest_key, digest_size=8).digest()
            phones = [phone for phone in trial.found.get(address, ()) if not phone.gone]
            if len(phones) == 1 and len(self._resolved) < MOST_REMEMBERED:
                resolved = self._resolved[digest] = Resolved(phones[0], digest, heard, heard)
                phones[0].addresses.append(resolved)
                phones[0].addresses.sort(key=attrgetter("first"))
            else:
                self._missed[digest] = (t // STEP_S) * STEP_S + MISSED_S
        if self._missed:
            self._clean = min(self._clean, next(iter(self._missed.values())))

    def _forget(self, t: float) -> None:
        """Forget what nobody was for five minutes, and addresses that will not come again."""
        while self._missed and (oldest := next(iter(self._missed))) and self._missed[oldest] <= t:
            del self._missed[oldest]
        for resolved in [each for each in self._resolved.values() if t - each.last > _worth_s(each)]:
            resolved.phone.addresses.remove(resolved)
            del self._resolved[resolved.digest]
        self._clean = min(next(iter(self._missed.values()), math.inf), t + CLEAN_S if self._resolved else math.inf)


def _judge(resolved: Resolved, t: float) -> Known:
    phone = resolved.phone
    newest = phone.addresses[-1]
    if newest.first > resolved.last and t - resolved.last > REPLAYED_S:
        return Known(phone, sure=True, replayed=True)
    resolved.last = max(resolved.last, t)
    others = (other.last for other in phone.addresses if other is not resolved)
    return Known(phone, any(t - last <= TOGETHER_S for last in others), replayed=False)


def _worth_s(resolved: Resolved) -> float:
    """Return how long an address is worth remembering: one alone may be a stranger's."""
    return REMEMBERED_S if len(resolved.phone.addresses) > 1 else TOGETHER_S


class _Trial:
    """Some addresses, tried against all keys that there were when it began."""

    def __init__(self, addresses: dict[bytes, float], phones: list[Phone]) -> None:
        self.addresses = addresses
        self.found: dict[bytes, list[Phone]] = {}
        self._phones = phones
        self._next = 0
        self._list = list(addresses)
        self._blocks = b"".join(bytes(BLOCK - 3) + address[:3] for address in self._list)
        self._hashes = b"".join(address[3:] for address in self._list)

    def go_on(self) -> bool:
        """Try the next keys; tell whether there are more."""
        phones = self._phones[self._next : self._next + KEYS_AT_ONCE]
        self._next += len(phones)
        blocks = self._blocks
        apart = self._apart(b"".join([phone.encrypt(blocks) for phone in phones]), len(phones))
        at = apart.find(0)
        while at >= 0:
            phone, address = divmod(at, len(self._list))
            self.found.setdefault(self._list[address], []).append(phones[phone])
            at = apart.find(0, at + 1)
        return self._next < len(self._phones)

    def _apart(self, encrypted: bytes, keys: int) -> bytes:
        """Return a byte for each key and address in turn, which is zero where the three of the hash are as they should.

        Numbers as long as all of them together: a loop over them in Python would take longer than the cipher.
        """
        read = int.from_bytes
        apart = 0
        for byte in range(3):
            apart |= read(encrypted[13 + byte :: BLOCK], "big") ^ read(self._hashes[byte::3] * keys, "big")
        return apart.to_bytes(keys * len(self._list), "big")
