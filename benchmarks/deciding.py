"""What the core costs: frames of members and of strangers, by how many members there are, and what one here takes.

Run it from the project's root: `python benchmarks/deciding.py [MOST_MEMBERS]`.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import line, quantile, say  # noqa: E402
from virtual_daemon import CARD, a_member  # noqa: E402

from drivers.sighting import Sighting  # noqa: E402
from gateway.assembly import make_core  # noqa: E402
from gateway.configuration.config import Config, Gateway, Hear, Mqtt, Receiver, Store, Zone  # noqa: E402
from gateway.core import Core  # noqa: E402
from gateway.deciding.identifiers import Identifiers  # noqa: E402
from gateway.identity.member import parse_member  # noqa: E402
from gateway.identity.recognition import Register  # noqa: E402
from gateway.shipped import shipped_rules  # noqa: E402
from rules.document import Faults  # noqa: E402
from rules.loader import load_rules  # noqa: E402

START = 1_763_791_200.0
EVERY_S = 0.5  # a card's adverts
SETTLING = 16  # rounds until everybody is inside and beyond doubt
ROUNDS = 16
AT_ONCE = 50  # frames
CONFIG = Config(
    Path("hushbell.yaml"),
    Store("lilac-01", ZoneInfo("Asia/Shanghai")),
    Gateway("door-pi"),
    Mqtt("mqtt://127.0.0.1"),
    (Receiver("door", "ble"), Receiver("air", "wifi")),
    (
        Zone("pavement", "outside", (Hear("door", -88.0), Hear("air", -90.0))),
        Zone("entrance", "door", (Hear("door", -70.0),)),
    ),
    tuple(shipped_rules()[name] for name in ("returning-member", "window-regular", "window-occasional")),
)


def card(number: int) -> bytes:
    return CARD[:-4] + number.to_bytes(4, "big")


def register(members: int) -> Register:
    enrolled = Register()
    for number in range(members):
        enrolled.put(parse_member(a_member(f"member-{number}", card(number))))
    return enrolled


def a_core(enrolled: Register) -> Core:
    faults = Faults()
    rules = load_rules(CONFIG.rule_files, faults, {"floor"}, {zone.id for zone in CONFIG.zones})
    return make_core(CONFIG, rules, enrolled, Identifiers(bytes(32), b"1"))


def adverts(present: int, turn: int, draw: Random) -> Iterator[Sighting]:
    """Yield one advert of each member who is present, with the fading of a room."""
    for number in range(present):
        t = START + (turn + number / present) * EVERY_S
        level = round(draw.gauss(-55, 4))
        yield Sighting(t, "door", "ble", "ibeacon", level, card(number), -59, b"\xc0\0\0\0\0\1", "random")


def cost_of_members(core: Core, present: int) -> float:
    """Return the median cost of a frame of a member who is inside: recognition, presence, and its share of rules.

    Frames are made as they are taken, a handful at a time, as by a driver; making them is not counted.
    """
    draw = Random(present)
    spent: list[float] = []
    for turn in range(SETTLING + ROUNDS):
        heard, used = adverts(present, turn, draw), 0
        while batch := list(islice(heard, AT_ONCE)):
            begun = time.thread_time_ns()
            core.hear(batch)
            used += time.thread_time_ns() - begun
        if turn >= SETTLING:
            spent.append(used / present / 1e3)
    return quantile(spent, 0.5)


def size_of_a_member(present: int = 2000) -> float:
    """Return the bytes that the core keeps of a member because the member is here, beside what is enrolled."""
    core, draw = a_core(register(present)), Random(present)
    core.hear(adverts(0, 0, draw))
    tracemalloc.start()
    for turn in range(SETTLING + ROUNDS):
        core.hear(adverts(present, turn, draw))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / present


def cost_of_strangers(core: Core, kind: str) -> float:
    """Return the median cost of a stranger's frame: 1,000 a second, 500 of them new in each window."""
    spent: list[float] = []
    for turn in range(40):
        heard = [
            Sighting(START + 60 + turn * 2 + n / 1000, "air", "wifi", "probe-request", -60, address=_address(n % 500))
            if kind == "probe-request"
            else Sighting(START + 60 + turn * 2 + n / 1000, "door", "ble", "ibeacon", -60, bytes(20))
            for n in range(2000)
        ]
        begun = time.process_time()
        core.hear(heard)
        spent.append((time.process_time() - begun) / 2000 * 1e6)
    return quantile(spent, 0.5)


def _address(number: int) -> bytes:
    return b"\xc2\0\0\0" + number.to_bytes(2, "big")


def say_members(most: int) -> None:
    say("a frame of a member who is inside, through the core (us of CPU, medians; target: 5)\n")
    present = 100
    while present <= most:
        line(f"  {present} enrolled and present", cost_of_members(a_core(register(present)), present))
        present *= 10
    crowded = register(most)
    line(f"  {most} enrolled, 100 present", cost_of_members(a_core(crowded), 100))
    line("  what a member who is here takes", size_of_a_member(), "bytes")
    say("a stranger's frame, through the core (us of CPU, medians; target: 3)\n")
    line(f"  a probe request, {most} members enrolled", cost_of_strangers(a_core(crowded), "probe-request"))
    line(f"  an unknown iBeacon, {most} members enrolled", cost_of_strangers(a_core(crowded), "ibeacon"))


def main(arguments: list[str]) -> int:
    say_members(int(arguments[0]) if arguments else 100_000)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
