"""What a delivered message costs a card: bytes that reach a block device, its file system's journal included.

Run it from the project's root, as root: `python benchmarks/wear.py`. It makes an ext4 of its own in a file, on a loop
device, and reads what was written there from /sys/block. Each side commits thousands of messages until its files have
their size, and as many again that are counted. Commits are as they would be by the clock, but gaps are not waited for:
what the kernel writes back every few seconds by itself is left out.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import line, say  # noqa: E402

from gateway.committer import COMPANY_S  # noqa: E402
from gateway.configuration.config import Privacy  # noqa: E402
from gateway.deciding.identifiers import Identifiers  # noqa: E402
from gateway.events import DecisionRow, Event, Outcome, Priority, StateRow  # noqa: E402
from gateway.store import retention  # noqa: E402
from gateway.store.store import Store  # noqa: E402

BEGAN = 1_763_791_200.0
PEOPLE = 200
PRUNE_EVERY_S = 600.0
KEPT = 5000
"""Events that are kept after they were sent, so few that as many are deleted as come."""


class Pace(NamedTuple):
    """Messages a second, of which so many are alerts; and how many there are before counting begins, and after."""

    messages: float
    alerts: float
    count: int


PACES = (Pace(20, 1, 10_000), Pace(20, 5, 10_000), Pace(500, 5, 60_000), Pace(500, 50, 60_000))


class Device:
    """A file system of one's own, and what was written to its device."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._stat = Path("/sys/block") / name / "stat"

    def written(self) -> int:
        os.sync()
        return int(self._stat.read_text().split()[6]) * 512


@contextmanager
def a_device() -> Iterator[Device]:
    with tempfile.TemporaryDirectory() as name:
        image, folder = Path(name) / "image", Path(name) / "mount"
        folder.mkdir()
        image.touch()
        os.truncate(image, 512 << 20)
        _tool("mkfs.ext4", "-q", str(image))
        device = _tool("losetup", "-f", "--show", str(image))
        try:
            _tool("mount", "-o", "noatime", device, str(folder))
            try:
                yield Device(folder, Path(device).name)
            finally:
                _tool("umount", str(folder))
        finally:
            _tool("losetup", "-d", device)


def _tool(name: str, *arguments: str) -> str:
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or name
    return subprocess.run([path, *arguments], check=True, capture_output=True, text=True).stdout.strip()


class Shop:
    """Decides what a busy shop would: visits move, now and then an alert is raised."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self._ids = Identifiers(bytes(32), bytes(8))
        self._sequences = {"visits": 0, "alerts/floor": 0}

    def message(self, t: float, *, alert: bool) -> Event:
        topic, life_s = ("alerts/floor", 60.0) if alert else ("visits", 86400.0)
        kind, priority = ("alert.raised", Priority.ALERT) if alert else ("visit.moved", Priority.VISIT)
        person = self._chance.randrange(PEOPLE)
        self._sequences[topic] += 1
        data = self._alert() if alert else self._move(person)
        number = self._sequences[topic]
        id_, type_ = self._ids.event(t), f"hushbell.{kind}"
        return Event(id_, topic, type_, t, number, data, t + life_s, priority, f"oX3f-{person:04x}")

    def _alert(self) -> dict[str, object]:
        return {
            "alert": self._ids.alert(),
            "group": "floor",
            "visit": self._ids.visit(),
            "rule": "returning-member",
            "text": "王女士 进店 · 门口 1 秒前 · 金卡 · 常看童鞋 · 喜欢新款童鞋 · 未验证",
            "greeting": "王女士",
            "zone": "entrance",
            "at": self._time(),
            "trust": "hint",
            "verified": False,
            "haptic": "short-short",
            "expires": self._time(),
        }

    def _move(self, person: int) -> dict[str, object]:
        return {
            "visit": self._ids.visit(),
            "member": f"oX3f-{person:04x}",
            "at": self._time(),
            "zone": "entrance",
            "kind": "door",
            "confidence": round(self._chance.random(), 2),
            "trust": "hint",
            "credential": "ibeacon",
            "from": "pavement",
        }

    def _detail(self, t: float) -> dict[str, object]:
        chance = self._chance
        return {
            "trigger": "arrived",
            "zone": "entrance",
            "at": t,
            "trust": "hint",
            "credential": "ibeacon",
            "reason": "",
            "file": "config/rules/returning-member.yaml",
            "line": 4,
            "text": "a3d113d178771782",
            "caps": [["one alert to floor a visit", 0, 1], ["at most 6 alerts a day", chance.randrange(6), 6]],
            "sightings": [
                ["door", -10 * chance.randrange(5, 9), round(60 * chance.random(), 1), 0.2, chance.randrange(60)]
                for _ in range(4)
            ],
            "read": {"passes_30d": str(chance.randrange(9)), "store.open": "true"},
        }

    def _time(self) -> str:
        return f"2026-11-22T14:{self._chance.randrange(60):02}:{self._chance.random() * 60:06.3f}+08:00"

    def outcome(self, events: Sequence[Event]) -> Outcome:
        """Return what else is decided with these events."""
        out = Outcome(list(events))
        for event in events:
            out.put(StateRow("sequence", event.topic, event.sequence))
            if event.priority is Priority.ALERT:
                alert = str(event.data["alert"])
                detail = self._detail(event.time)
                out.decisions.append(
                    DecisionRow(
                        self._ids.event(event.time), event.time, str(event.member), self._ids.visit(),
                        "returning-member", "fired", detail, event.id, alert,
                    )
                )  # fmt: skip
                out.put(StateRow("alert", alert, {"id": alert, "data": event.data}, event.member, event.expires))
                out.put(StateRow("ledger", str(event.member), {"floor": [event.time]}, event.member, event.time + 7e5))
            else:
                route = [["pavement", event.time], ["entrance", event.time + self._chance.random()]]
                value = {"visit": {"member": event.member, "route": route}, "alias": event.data["visit"]}
                out.put(StateRow("visit", str(event.member), value, event.member))
        return out


def commits(pace: Pace, shop: Shop) -> Iterator[list[Event]]:
    """Yield the messages of each transaction: an alert waits for nobody, the others for company."""
    chance = random.Random(2)
    t, due, together = BEGAN, BEGAN, []
    for _ in range(2 * pace.count):
        t += chance.expovariate(pace.messages)
        if together and t >= due:
            yield together
            together = []
        alert = chance.random() < pace.alerts / pace.messages
        due = due if together else t + COMPANY_S
        together.append(shop.message(t, alert=alert))
        if alert:
            yield together
            together = []
    if together:
        yield together


def one_by_one(device: Device, count: int = 4000) -> float:
    """Return the bytes of a message that is inserted, sent and deleted, each in a transaction of its own."""
    shop = Shop()
    with closing(sqlite3.connect(device.folder / "plain.db", isolation_level=None)) as plain:
        plain.execute("PRAGMA journal_mode = WAL")
        plain.execute("PRAGMA synchronous = FULL")
        plain.execute("CREATE TABLE messages (number INTEGER PRIMARY KEY, topic, data)")
        for number in range(2 * count):
            if number == count:
                before = device.written()
            event = shop.message(BEGAN, alert=number % 20 == 0)
            plain.execute("INSERT INTO messages VALUES (?, ?, ?)", (number, event.topic, str(event.data)))
            plain.execute("DELETE FROM messages WHERE number = ?", (number,))
        return (device.written() - before) / count


async def ours(device: Device, pace: Pace, name: str, *, whole: bool) -> tuple[float, float]:
    """Return the bytes of a message and the transactions a second; `whole` with all that is decided beside it."""
    store = await Store.open(device.folder / name)
    shop = Shop()
    pruned, before, seen, made = BEGAN, 0, 0, 0
    for events in commits(pace, shop):
        if not before and seen >= pace.count:
            before, seen, made = device.written(), 0, 0
        await store.commit(shop.outcome(events) if whole else Outcome(events))
        store.outbox.sent(*(row.place for row in await store.outbox.pending(len(events))))
        seen, made = seen + len(events), made + 1
        if events[-1].time > pruned + PRUNE_EVERY_S:
            pruned = events[-1].time
            await store.retention.prune(pruned, Privacy())
    written = device.written() - before
    await store.close()
    return written / seen, made / (seen / pace.messages)


def main() -> int:
    if os.geteuid():
        sys.stderr.write("only root may mount the file system that is measured\n")
        return 2
    retention.SENT_KEPT = KEPT
    with a_device() as device:
        plain = one_by_one(device)
        say("bytes on the device, a delivered message\n")
        line("  an insert and a delete, each committed, WAL FULL", plain, "B")
        for pace in PACES:
            say(f"{pace.messages:g} messages a second, of which {pace.alerts:g} alerts\n")
            for name, whole in (("messages", False), ("messages, state and decisions", True)):
                cost, rate = asyncio.run(ours(device, pace, f"{pace.messages}-{pace.alerts}-{whole}", whole=whole))
                line(f"  {name}", cost, "B", f"1/{plain / cost:.1f}, {rate:.1f} transactions a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
