"""The sandbox's shop: who comes by and what they do, as a seed has it, and the frames that their things send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

from drivers.frames import ibeacon_report, probe_request
from drivers.simulator import Antenna
from gateway.demo.story import member
from gateway.demo.world import CARD_EVERY_S, DOOR_DBM, PAVEMENT_DBM

MEMBERS = 200
BETWEEN_S = 12.0  # from one who comes by to the next, on the average
NEW_EVERY = 4  # of those who come by, each so many-th has the card that nobody knows yet
MOST_HERE = 40
CHAIN = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18")
NEW_CARD = CHAIN + bytes.fromhex("00630001")
"""Nobody's until a back end puts the member of examples/member.json."""

SHELF_DBM = -55
BEHIND_DBM = -84  # how the door hears somebody at the shelf
PASSER_EVERY_S = 8.0
INSIDE, LINGERING = 24, 8  # strangers who are there at a time
STAY_S = 180.0
SEARCH_EVERY_S = 20.0  # a phone looks for networks

Doing = Literal["passes by", "stops at the window", "comes in", "comes in and looks at shoes"]
DOINGS: tuple[Doing, ...] = ("passes by", "stops at the window", "comes in", "comes in and looks at shoes")

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭"
TIERS = ("bronze", "silver", "gold", "platinum")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a card; `member` is what the back end put of them, None for who is not a member yet."""

    name: str
    card: bytes
    member: dict[str, Any] | None = None


NEWCOMER = Person("?", NEW_CARD)


class Coming(NamedTuple):
    """Somebody comes by, so many seconds after the one before."""

    after_s: float
    person: Person
    doing: Doing


def make_people(seed: int, count: int = MEMBERS) -> list[Person]:
    """Return the shop's members."""
    random = Random(seed)
    return [_person(random, number) for number in range(1, count + 1)]


def _person(random: Random, number: int) -> Person:
    greeting = random.choice(SURNAMES) + random.choice(("女士", "先生"))
    card = CHAIN + (1).to_bytes(2) + number.to_bytes(2)
    attributes = {"tier": random.choice(TIERS), "points": random.randrange(2000), "favourite_zones": ["shoes"]}
    return Person(greeting, card, member(f"sandbox-{number:03}", greeting, card, attributes))


def plan(seed: int, people: list[Person]) -> Iterator[Coming]:
    """Yield who comes by, without end; the same for the same seed."""
    random = Random(seed)
    number = 0
    while True:
        number += 1
        person = NEWCOMER if number % NEW_EVERY == 0 else random.choice(people)
        yield Coming(random.expovariate(1 / BETWEEN_S), person, random.choice(DOINGS))


class Shop:
    """Lets people come by, `speed` times as many as usual, and tells of each."""

    def __init__(self, folder: Path, seed: int, speed: float, tell: Callable[[Person, Doing], None]) -> None:
        self.people = make_people(seed)
        self._door, self._shelf, self._air = (Antenna(folder / f"{name}.sock") for name in ("door", "shelf", "air"))
        self._comings = plan(seed, self.people)
        self._random = Random(seed)
        self._speed = speed
        self._tell = tell
        self._here: dict[bytes, asyncio.Task[None]] = {}  # by card

    def open(self) -> None:
        for antenna in (self._door, self._shelf, self._air):
            antenna.appear()

    def close(self) -> None:
        for antenna in (self._door, self._shelf, self._air):
            antenna.vanish()

    async def run(self) -> None:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._strangers(), name="strangers")
            for coming in self._comings:
                await asyncio.sleep(coming.after_s / self._speed)
                self._here = {card: task for card, task in self._here.items() if not task.done()}
                if coming.person.card not in self._here and len(self._here) < MOST_HERE:
                    self._tell(coming.person, coming.doing)
                    coming_by = tasks.create_task(self._come(coming), name=coming.person.name)
                    self._here[coming.person.card] = coming_by

    async def _come(self, coming: Coming) -> None:
        card = coming.person.card
        if coming.doing == "passes by":
            await self._stand(card, PAVEMENT_DBM, 2.0)
        elif coming.doing == "stops at the window":
            await self._stand(card, PAVEMENT_DBM, 8.0)
        else:
            await self._walk_in(card)
            if coming.doing == "comes in and looks at shoes":
                await self._stand(card, BEHIND_DBM, 10.0, at_shelf=True)
            await self._stand(card, DOOR_DBM, 1.5)

    async def _walk_in(self, card: bytes) -> None:
        await self._stand(card, PAVEMENT_DBM, 0.6)
        for dbm in range(PAVEMENT_DBM, DOOR_DBM, 7):
            await self._stand(card, dbm, CARD_EVERY_S)
        await self._stand(card, DOOR_DBM, 3.0)

    async def _stand(self, card: bytes, dbm: int, seconds: float, *, at_shelf: bool = False) -> None:
        """Let a card send for a while, as loud at the door as is said."""
        address = b"\xc0" + card[-5:]
        for _ in range(max(1, round(seconds / CARD_EVERY_S))):
            await self._door.send(ibeacon_report(address, self._about(dbm), card))
            if at_shelf:
                await self._shelf.send(ibeacon_report(address, self._about(SHELF_DBM), card))
            await asyncio.sleep(CARD_EVERY_S)

    def _about(self, dbm: int) -> int:
        return dbm + round(self._random.gauss(0, 2))

    async def _strangers(self) -> None:
        """Let phones inside and outside look for networks now and then, and others come past."""
        async with asyncio.TaskGroup() as tasks:
            for dbm, count in ((DOOR_DBM, INSIDE), (PAVEMENT_DBM, LINGERING)):
                for _ in range(count):
                    tasks.create_task(self._stay(dbm))
            while True:
                await asyncio.sleep(self._random.expovariate(1 / PASSER_EVERY_S))
                await self._search(self._new_address(), PAVEMENT_DBM)

    async def _stay(self, dbm: int) -> None:
        """Be there, one stranger after the other."""
        while True:
            address = self._new_address()
            await asyncio.sleep(self._random.uniform(0, SEARCH_EVERY_S))
            for _ in range(round(self._random.uniform(0.5, 1.5) * STAY_S / SEARCH_EVERY_S)):
                await self._search(address, dbm)
                await asyncio.sleep(SEARCH_EVERY_S)

    async def _search(self, address: bytes, dbm: int) -> None:
        for sequence in range(3):
            await self._air.send(probe_request(address, self._about(dbm), sequence=sequence))

    def _new_address(self) -> bytes:
        """Return an address as phones make them up (locally administered, IEEE 802-2014, 8.4)."""
        return bytes([self._random.randrange(256) & 0xFC | 0x02]) + self._random.randbytes(5)
