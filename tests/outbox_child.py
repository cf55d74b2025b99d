"""A process to be killed: commits numbered events, some that expire soon, and publishes them.

Usage: outbox_child.py FOLDER URL LEDGER COUNT. It appends to LEDGER the id of each event after its commit returned,
commits up to COUNT in all, and ends when everything is sent. The number of the next event is state, committed with
the event; an id tells the run that made it, so that an event made twice would be seen under two ids.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway import clock
from gateway.events import Event, Outcome, Priority, StateRow
from gateway.mqtt.connection import Backoff, Connection, Outgoing, Settings, parse_url
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.topics import Topics
from gateway.store.store import Store

BATCH = 5
SOON_S = 0.3


def make_event(run: int, number: int) -> Event:
    soon = number % 10 == 0
    now = clock.wall()
    return Event(
        id=f"{run:04d}-{number:06d}",
        topic="alerts/floor" if soon else "visits",
        type="hushbell.test",
        time=now,
        sequence=number,
        data={"number": number},
        expires=now + (SOON_S if soon else 600.0),
        priority=Priority.ALERT if soon else Priority.VISIT,
    )


async def commit_all(store: Store, run: int, ledger: int, count: int) -> None:
    following = next((row.value for row in await store.state() if row.kind == "next"), 1)
    for start in range(following, count + 1, BATCH):
        outcome = Outcome([make_event(run, number) for number in range(start, min(start + BATCH, count + 1))])
        outcome.put(StateRow("next", "", start + len(outcome.events)))
        await store.commit(outcome)
        os.write(ledger, "".join(f"{event.id}\n" for event in outcome.events).encode())
        await asyncio.sleep(0.001)


async def main(folder: Path, url: str, ledger: int, count: int) -> None:
    topics = Topics("s", "g")
    store = await Store.open(folder)
    run = await store.begin_run()
    settings = Settings(parse_url(url), topics.client_id, Outgoing(topics.status, b"offline"), topics.subscriptions)
    connection = Connection(settings, lambda _: None, lambda _: None, Backoff(0.02, 0.2))
    publisher = Publisher(store, connection, topics, ZoneInfo("UTC"), clock.wall)
    tasks = [asyncio.create_task(connection.run()), asyncio.create_task(publisher.run())]
    os.write(ledger, b"ready\n")
    await commit_all(store, run, ledger, count)
    while store.queued:
        with suppress(TimeoutError):
            await asyncio.wait_for(publisher.drained(), SOON_S)
        await store.expire(clock.wall())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()


if __name__ == "__main__":
    file = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], file, int(sys.argv[4])))
