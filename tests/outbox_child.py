"""Processes to be killed, one after the other: each commits numbered events, some that expire soon, and sends them.

Usage: outbox_child.py FOLDER LEDGER. Each line on standard input is a JSON object: `url`, `seed`, `count`, where the
disk is to fill up `room` in bytes, and where it is to become read-only `writable_s` in seconds. A child is forked for
it, so that a run costs no start of Python; standard output tells its process id, and its exit status when it has ended.
A child commits up to `count` events in all, through a committer, and ends when everything is sent. It appends to LEDGER
the id of each event after its commit returned. The number of the next event is state, committed with the event.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import resource
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway import clock, committer
from gateway.committer import Committer
from gateway.events import Event, Outcome, Priority, StateRow
from gateway.mqtt import publisher as publishing
from gateway.mqtt.address import parse_url
from gateway.mqtt.backoff import Backoff
from gateway.mqtt.connection import Connection
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.settings import Settings
from gateway.mqtt.topics import Topics
from gateway.store import database
from gateway.store.database import StoreError
from gateway.store.store import Store

SOON_S = 0.3
VISITS = 7
"""Visits at the same time; an event's number tells which it is of."""

TOPICS = Topics("s", "g")


def text_of(number: int) -> str:
    """Return what an event says, so that whoever receives it can tell whether it came whole."""
    return hashlib.sha256(str(number).encode()).hexdigest()[: number % 60]


def is_soon(number: int) -> bool:
    return number % 10 == 0


def make_event(run: int, number: int, sequence: int) -> Event:
    soon = is_soon(number)
    now = clock.wall()
    expires = now + (SOON_S if soon else 3600.0)
    return Event(
        id=f"{run:08x}-0000-7000-8000-{number:012x}",
        topic="alerts/floor" if soon else "visits",
        type="hushbell.test",
        time=now,
        sequence=sequence,
        data={"number": number, "visit": number % VISITS, "text": text_of(number), "expires": expires},
        expires=expires,
        priority=Priority.ALERT if soon else Priority.VISIT,
    )


class Shop:
    """Decides numbered events, as a core would: what was decided and not committed when it is killed never was."""

    def __init__(self, run: int, rows: list[StateRow]) -> None:
        kept = {row.key: row.value for row in rows if row.kind == "sequence"}
        self._run = run
        self._sequences = {topic: kept.get(topic, 0) for topic in ("visits", "alerts/floor")}

    @property
    def decided(self) -> int:
        return sum(self._sequences.values())

    def decide(self, count: int) -> Outcome:
        out = Outcome()
        for number in range(self.decided + 1, self.decided + count + 1):
            topic = "alerts/floor" if is_soon(number) else "visits"
            self._sequences[topic] += 1
            out.events.append(make_event(self._run, number, self._sequences[topic]))
            out.put(StateRow("sequence", topic, self._sequences[topic]))
        return out


async def work(folder: Path, ledger: int, task: dict[str, Any]) -> None:
    chance = random.Random(task["seed"])
    store = await Store.open(folder)
    shop = Shop(await store.begin_run(), await store.held.state())

    async def commit(outcome: Outcome) -> None:
        await store.commit(outcome)
        os.write(ledger, "".join(f"{event.id}\n" for event in outcome.events).encode())

    carrying = Committer(commit, lambda _: None, StoreError)
    settings = Settings(parse_url(task["url"]), TOPICS.client_id, Outgoing(TOPICS.status, b"offline"))
    connection = Connection(settings, lambda _: None, lambda _: None, Backoff(0.01, 0.05))
    publisher = Publisher(store.outbox, connection, TOPICS, ZoneInfo("UTC"), clock.wall)
    running = [connection.run(), publisher.run(), carrying.run()]
    if "writable_s" in task:
        running.append(turn_read_only(store, task["writable_s"]))
    tasks = [asyncio.create_task(each) for each in running]
    while shop.decided < task["count"]:
        carrying.push(shop.decide(min(chance.randint(1, 6), task["count"] - shop.decided)))
        await asyncio.sleep(chance.choice((0.0, 0.001, 0.004)))
    await carrying.settled()
    while store.outbox.queued:
        with suppress(TimeoutError):
            await asyncio.wait_for(publisher.drained(), SOON_S)
        await store.outbox.expire(clock.wall())
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()


async def turn_read_only(store: Store, writable_s: float) -> None:
    """Let SQLite refuse every write from some time on as it does on a disk that can only be read."""
    await asyncio.sleep(writable_s)
    await store._database.rewrite("PRAGMA query_only = ON", lambda _: ())


def work_to_the_end(folder: Path, ledger: int, task: dict[str, Any]) -> int:
    """Return the exit status: 2 where the store refused at the start, as with the daemon."""
    try:
        asyncio.run(work(folder, ledger, task))
    except StoreError:
        return 2
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def hurry() -> None:
    """Let what waits for seconds wait for milliseconds, so that a kill meets it."""
    committer.COMPANY_S = 0.01
    committer.FIRST_PAUSE_S, committer.LONGEST_PAUSE_S = 0.01, 0.05
    publishing.MARK_AFTER_S, publishing.REST_S, publishing.LONGEST_REST_S = 0.02, 0.03, 0.06
    database.BUSY_S = 0.05


def fill_disk(folder: Path, room: int) -> None:
    """Let no file be longer than the database's longest by more than `room` bytes (setrlimit(2))."""
    longest = max((file.stat().st_size for file in folder.glob("hushbell.db*")), default=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest + room, resource.RLIM_INFINITY))


def main(folder: Path, ledger: int) -> None:
    hurry()
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if not child:
            if "room" in task:
                fill_disk(folder, task["room"])
            os._exit(work_to_the_end(folder, ledger, task))
        os.write(1, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
