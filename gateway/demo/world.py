"""The demo's world: people with cards and phones, whose frames go out through virtual antennas."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from drivers.frames import ibeacon_report, probe_request
from drivers.simulator import Antenna

PAVEMENT_DBM, DOOR_DBM = -80, -52
NEAR_DBM = -52  # at the receiver beside which somebody stands
CARD_EVERY_S = 0.2
STRANGER_DBM = (-84, -72)


class World:
    """Two antennas beside the door: what a Bluetooth adapter and a Wi-Fi interface in monitor mode would hear.

    There may be `more` of the first kind elsewhere in the shop, by name.
    """

    def __init__(self, folder: Path, seed: int = 1, more: Sequence[str] = ()) -> None:
        self.door = Antenna(folder / "door.sock")
        self.air = Antenna(folder / "air.sock")
        self._more = {name: Antenna(folder / f"{name}.sock") for name in more}
        self._random = Random(seed)
        self.strangers: set[bytes] = set()
        self.frames = 0

    def open(self) -> None:
        for antenna in (self.door, self.air, *self._more.values()):
            antenna.appear()

    def close(self) -> None:
        for antenna in (self.door, self.air, *self._more.values()):
            antenna.vanish()

    async def stand(self, card: bytes, dbm: int, seconds: float, near: str = "") -> None:
        """Let somebody with a card stand somewhere for a while; a card that is carried has its own static address."""
        address = b"\xc0" + card[-5:]
        for _ in range(max(1, round(seconds / CARD_EVERY_S))):
            level = dbm + round(self._random.gauss(0, 2))
            await self.door.send(ibeacon_report(address, level, card))
            if near:
                await self._more[near].send(ibeacon_report(address, NEAR_DBM, card))
            await asyncio.sleep(CARD_EVERY_S)

    async def stand_until(self, card: bytes, dbm: int, happened: Callable[[], bool], longest_s: float) -> None:
        """Let somebody stand somewhere until something has happened."""
        for _ in range(round(longest_s / CARD_EVERY_S)):
            if happened():
                return
            await self.stand(card, dbm, CARD_EVERY_S)

    async def walk_in(self, card: bytes) -> None:
        """Let somebody come along the pavement and through the door."""
        await self.stand(card, PAVEMENT_DBM, 0.6)
        for dbm in range(PAVEMENT_DBM, DOOR_DBM, 7):
            await self.stand(card, dbm, CARD_EVERY_S)

    async def strangers_pass(self, people: int, seconds: float) -> None:
        """Let strangers come by, each with a phone that looks for networks under an address of its own."""
        for _ in range(people):
            address = bytes([self._random.randrange(256) & 0xFC | 0x02]) + self._random.randbytes(5)
            self.strangers.add(address)
            for sequence in range(3):
                ssid = b"home-of-" + address.hex().encode()
                level = self._random.randint(*STRANGER_DBM)
                await self.air.send(probe_request(address, level, sequence=sequence, ssid=ssid))
                self.frames += 1
            await asyncio.sleep(seconds / people)


def traces(addresses: Sequence[bytes]) -> Iterator[bytes]:
    """Yield every form in which an address could have been left behind: text, bytes, reversed, hashed."""
    for address in addresses:
        text = address.hex(":")
        yield from (address, address[::-1], text.encode(), text.upper().encode(), address.hex().encode())
        for digest in (hashlib.sha1, hashlib.sha256, hashlib.md5):
            for form in (address, text.encode(), text.upper().encode(), address.hex().encode()):
                hashed = digest(form, usedforsecurity=False)
                yield from (hashed.digest(), hashed.hexdigest().encode())


def found_in(blobs: Sequence[bytes], addresses: Sequence[bytes]) -> int:
    """Count the addresses' traces in what was written."""
    whole = b"\0".join(blobs)
    return sum(trace in whole for trace in traces(addresses))
