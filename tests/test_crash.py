"""Killed at any point, with all that can go wrong beside it: every committed event arrives, and nothing comes late.

HUSHBELL_CRASHES sets how often (`make crash`), HUSHBELL_SEED where the chances begin.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from outbox_child import SOON_S, VISITS, is_soon, text_of
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_cut import CutWire

from gateway.store.events import PastEvent
from gateway.store.store import FILE, Store

TESTS = Path(__file__).parent
CRASHES = int(os.environ.get("HUSHBELL_CRASHES", "120"))
SEED = int(os.environ.get("HUSHBELL_SEED", "20261122"))
EVENTS_A_RUN = 40
LATE_S = 1.5
"""An expiry is whole seconds to a broker, and the machine may be busy."""

ALLOW, REFUSE = "topic readwrite #\n", "topic read #\ntopic write hushbell/v1/s/alerts/#\n"


class BackEnd(VirtualClient):
    """Notes how late each event came that was to expire soon."""

    def __init__(self, port: int) -> None:
        self.late: list[float] = []
        super().__init__(port, "back-end", "hushbell/v1/s/visits", "hushbell/v1/s/alerts/+", session_s=3600)
        self._client.reconnect_delay_set(0.02, 0.05)  # type: ignore[arg-type]

    def _on_message(self, *arguments: Any) -> None:
        super()._on_message(*arguments)
        self.late.append(time.time() - self.received[-1].body["data"]["expires"])


class Gateway:
    """The process that forks those that are to be killed."""

    def __init__(self, folder: Path, ledger: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(TESTS / "outbox_child.py"), str(folder), str(ledger)],
            env=os.environ | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, **task: Any) -> int:
        """Start a child; return its process id."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> int:
        """Wait until the child has ended; return its exit status."""
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def kill(self, child: int) -> int:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        return self.end()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


class Play:
    """What there is to go wrong, and what goes wrong with it."""

    def __init__(self, folder: Path, broker: VirtualBroker, wire: CutWire, chance: random.Random) -> None:
        self.state = folder / "state"
        self.ledger = folder / "ledger"
        self.gateway = Gateway(self.state, self.ledger)
        self.count = 0
        self._broker = broker
        self._wire = wire
        self._chance = chance
        self._access = folder / "access"

    def run(self, fault: str) -> None:
        """Let a gateway work for a while under a fault, and kill it."""
        self.count += EVENTS_A_RUN
        with self._fault(fault):
            task = {"url": self._wire.url, "seed": self._chance.random(), "count": self.count, **self._limits(fault)}
            child = self.gateway.start(**task)
            time.sleep(self._chance.uniform(0, 0.12))
            status = self.gateway.kill(child)
            assert status in (0, 2, -signal.SIGKILL), fault
        if fault == "torn log":
            tear(self.state / f"{FILE}-wal", self._chance)

    def finish(self) -> None:
        """Let a gateway work to its end with nothing in its way."""
        child = self.gateway.start(url=self._wire.url, seed=0, count=self.count)
        assert child
        assert self.gateway.end() == 0

    def _limits(self, fault: str) -> dict[str, float]:
        """Return what the child does to itself."""
        match fault:
            case "disk full":
                return {"room": self._chance.randrange(1, 40_000)}
            case "disk read-only":
                return {"writable_s": self._chance.uniform(0, 0.05)}
        return {}

    @contextmanager
    def _fault(self, fault: str) -> Iterator[None]:
        begin, end = self._faults().get(fault, (_nothing, _nothing))
        begin()
        try:
            yield
        finally:
            end()

    def _faults(self) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
        return {
            "broker stopped": (self._broker.stop, self._broker.start),
            "broker slow": (self._broker.freeze, self._broker.thaw),
            "broker refuses": (lambda: self._permit(REFUSE), lambda: self._permit(ALLOW)),
            "database locked": (self._lock, self._unlock),
            "network cut": (self._cut, _nothing),
        }

    def _permit(self, rules: str) -> None:
        self._access.write_text(rules)
        self._broker.reload()

    def _cut(self) -> None:
        self._wire.cut_after = self._chance.randrange(100, 8000)

    def _lock(self) -> None:
        self._other = sqlite3.connect(self.state / FILE, isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    def _unlock(self) -> None:
        self._other.close()


FAULTS = [
    "none",
    "none",
    "broker stopped",
    "broker slow",
    "broker refuses",
    "disk full",
    "disk read-only",
    "database locked",
    "torn log",
    "network cut",
]


def _nothing() -> None:
    pass


def tear(log: Path, chance: random.Random) -> None:
    """Leave of a transaction that was being written what a power cut may leave (sqlite.org/fileformat2.html)."""
    if not log.exists() or log.stat().st_size < 32:
        return
    raw = log.read_bytes()
    page = struct.unpack_from(">I", raw, 8)[0]
    salts, at, end = raw[16:24], 32, 32
    while raw[at + 8 : at + 16] == salts and at + 24 + page <= len(raw):
        is_last = struct.unpack_from(">I", raw, at + 4)[0] > 0
        at += 24 + page
        end = at if is_last else end
    with log.open("r+b") as file:
        file.seek(end)
        file.truncate()
        file.write(chance.choice((b"", raw[end : end + chance.randrange(5000)], chance.randbytes(5000))))


async def past_of(folder: Path) -> list[PastEvent]:
    store = await Store.open(folder)
    assert (store.outbox.queued, store.set_aside) == (0, None)
    past = [
        each for topic in ("visits", "alerts/floor") for each in await store.outbox.events_since(topic, 0, 1_000_000)
    ]
    await store.close()
    return past


def test_killed_at_any_point_every_committed_event_arrives_once_and_in_order(tmp_path: Path) -> None:
    """Whatever fails meanwhile, each comes whole, under one id, in its visit's order; none that expired; no gap."""
    chance = random.Random(SEED)
    access = tmp_path / "access"
    access.write_text(ALLOW)
    config = f"allow_anonymous true\nacl_file {access}"
    suffered: Counter[str] = Counter()
    with running_broker(tmp_path / "b", config) as broker, closing(BackEnd(broker.port)) as back_end:
        wire = CutWire(broker.port)
        play = Play(tmp_path, broker, wire, chance)
        try:
            for _ in range(CRASHES):
                fault = chance.choice(FAULTS) if suffered else "none"  # there is a database from then on
                suffered[fault] += 1
                play.run(fault)
            play.finish()
            past = asyncio.run(past_of(play.state))
            wanted = {each.event.id for each in past if not is_soon(each.event.data.get("number", 0))}
            back_end.wait_until(lambda: {message.body["id"] for message in back_end.received} >= wanted, 30)
        finally:
            play.gateway.close()
            wire.close()
    committed = set(play.ledger.read_text().split())
    judge(committed, past, back_end, play.count)
    assert len(suffered) == len(set(FAULTS)), suffered
    assert wire.cuts > 0


def judge(committed: set[str], past: list[PastEvent], back_end: BackEnd, count: int) -> None:
    received = [(message.topic.removeprefix("hushbell/v1/s/"), message.body) for message in back_end.received]
    kept = {each.event.id: each.event for each in past}
    where = f"seed {SEED}"
    assert len(past) == count, where
    assert committed <= kept.keys(), where  # a broker that stops may keep one that is to expire soon for too long
    assert {(each.gone, each.event.topic) for each in past if each.gone} <= {("expired", "alerts/floor")}, where
    numbers: dict[int, str] = {}
    for topic, body in received:
        event, data = kept[body["id"]], body["data"]
        number = data["number"]
        assert numbers.setdefault(number, body["id"]) == body["id"], f"an event came under two ids, {where}"
        assert (topic, int(body["sequence"])) == (event.topic, event.sequence), where
        assert data["text"] == text_of(number), where
        assert event.data in ({}, data), where
    for topic in ("visits", "alerts/floor"):
        sequences = [each.event.sequence for each in past if each.event.topic == topic]
        assert sequences == list(range(1, len(sequences) + 1)), f"events.since leaves a gap, {where}"
    for visit in range(VISITS):
        ours = [body["data"]["number"] for topic, body in received if body["data"]["visit"] == visit]
        first = [number for number in dict.fromkeys(ours) if not is_soon(number)]
        assert first == sorted(first), f"a visit is out of order, {where}"
    assert max(back_end.late) < LATE_S, where
    assert SOON_S < LATE_S


@pytest.mark.parametrize("seed", range(3))
def test_what_a_torn_log_lacks_was_never_committed(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ledger = tmp_path / "ledger"
    gateway = Gateway(tmp_path / "state", ledger)
    try:
        for run in range(1, 4):
            child = gateway.start(url="mqtt://127.0.0.1:9", seed=seed, count=run * EVENTS_A_RUN)
            time.sleep(chance.uniform(0.1, 0.2))
            gateway.kill(child)
            tear(tmp_path / "state" / f"{FILE}-wal", chance)
    finally:
        gateway.close()

    async def look() -> set[str]:
        store = await Store.open(tmp_path / "state")
        ids = {row.event.id for row in await store.outbox.pending(1000)}
        await store.close()
        return ids

    assert set(ledger.read_text().split()) <= asyncio.run(look())
