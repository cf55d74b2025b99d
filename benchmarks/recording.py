"""What the journal costs: CPU for each frame of a member, and bytes for each hour that a member is heard.

Run it from the project's root: `python benchmarks/recording.py`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from deciding import CONFIG, START, a_core, card, register  # noqa: E402
from measuring import line, quantile, say  # noqa: E402

from drivers.sighting import Sighting  # noqa: E402
from gateway.assembly import make_recorded_core  # noqa: E402
from gateway.core import Core  # noqa: E402
from gateway.deciding.identifiers import Identifiers  # noqa: E402
from gateway.journal.journal import EVERY_S  # noqa: E402
from gateway.journal.pages import Pages, name_of, seals_of  # noqa: E402
from gateway.journal.recorder import Recorder  # noqa: E402
from rules.document import Faults  # noqa: E402
from rules.loader import load_rules  # noqa: E402

KEY = bytes(32)
ADVERTS_PER_S = 2
SETTLING_S = 60
HOUR_S = 3600


def a_recorded_core(members: int) -> tuple[Core, Recorder]:
    rules = load_rules(CONFIG.rule_files, Faults(), {"floor"}, {zone.id for zone in CONFIG.zones})
    return make_recorded_core(CONFIG, rules, register(members), Identifiers(KEY, b"1"))


def seconds_of(members: int, seconds: int) -> Iterator[list[Sighting]]:
    """Yield what is heard of members who are inside, second by second, at times as a radio's: with microseconds."""
    draw = Random(members)
    for second in range(seconds):
        heard = [
            (START + second + draw.random(), number, round(draw.gauss(-55, 4)))
            for number in range(members)
            for _ in range(ADVERTS_PER_S)
        ]
        yield [
            Sighting(round(t, 6), "door", "ble", "ibeacon", rssi, card(number), -59, b"\xc0\0\0\0\0\1", "random")
            for t, number, rssi in sorted(heard)
        ]


def cost(core: Core, members: int, seconds: int, write: Callable[[], None]) -> tuple[float, float]:
    """Return the median and the mean CPU time of a frame, in microseconds, what is written now and then included."""
    spent: list[float] = []
    for second, heard in enumerate(seconds_of(members, seconds)):
        begun = time.process_time()
        core.hear(heard)
        if second % EVERY_S == 0:
            write()
        if second >= SETTLING_S:
            spent.append((time.process_time() - begun) / len(heard) * 1e6)
    return quantile(spent, 0.5), sum(spent) / len(spent)


def main() -> int:
    say("a frame of a member who is inside, 50 members present (us of CPU, median and mean)\n")
    off = cost(a_core(register(50)), 50, 300, lambda: None)
    with tempfile.TemporaryDirectory() as folder:
        on, _ = recorded(Path(folder), 50, 300)
    line("  nothing recorded, median", off[0])
    line("  nothing recorded, mean", off[1])
    line("  recorded, median", on[0])
    line("  recorded, mean, pages encoded, sealed and written", on[1])
    say(f"a member who is heard {ADVERTS_PER_S} times a second for an hour (kB)\n")
    for members in (1, 10, 50):
        with tempfile.TemporaryDirectory() as folder:
            _, size = recorded(Path(folder), members, HOUR_S)
        line(f"  {members} present", size / members / 1000, "kB")
    return 0


def recorded(folder: Path, members: int, seconds: int) -> tuple[tuple[float, float], int]:
    """Return what a frame costs where all is recorded, and how many bytes were written."""
    core, recorder = a_recorded_core(members)
    recorder.open(START, b"1", "", ())
    pages = Pages(folder, name_of(1, date(2026, 11, 22)), seals_of(KEY))

    def write() -> None:
        pages.append(recorder.take_lines())

    return cost(core, members, seconds, write), pages.path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
