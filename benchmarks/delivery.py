"""From a commit to a subscriber: how late an event arrives, and how fast a full outbox empties; on a real mosquitto.

Run it from the project's root: `python benchmarks/delivery.py [FOLDER]`. The folder is where the database is put, for
latency is the disk's more than anything else's.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import line, quantile, say  # noqa: E402
from virtual_broker import running_broker  # noqa: E402
from virtual_client import VirtualClient  # noqa: E402

from gateway.events import Event, Outcome, Priority  # noqa: E402
from gateway.mqtt.connection import Connection, LinkState, Outgoing, Settings, parse_url  # noqa: E402
from gateway.mqtt.publisher import Publisher  # noqa: E402
from gateway.mqtt.topics import Topics  # noqa: E402
from gateway.store.store import Store  # noqa: E402

TOPICS = Topics("lilac-01", "door-pi")
PACED, PACE_S = 300, 0.02
BURST = 5000
CHUNK = 64


class Subscriber(VirtualClient):
    """Notes when each event came, by its number."""

    def __init__(self, port: int) -> None:
        self.came: dict[int, float] = {}
        super().__init__(port, "back-end", TOPICS.under("#"))

    def _on_message(self, *arguments: Any) -> None:
        now = time.monotonic()
        super()._on_message(*arguments)
        body = self.received[-1].body
        if "sequence" in body:
            self.came[int(body["sequence"])] = now


def an_event(number: int) -> Event:
    data = {"visit": f"v-{number:06x}", "zone": "entrance", "greeting": "王女士", "text": "王女士 进店 · 门口 1 秒前"}
    expires = time.time() + 600
    return Event(f"e-{number}", "visits", "hushbell.visit.started", time.time(), number, data, expires, Priority.VISIT)


async def measure(folder: Path, url: str, subscriber: Subscriber) -> tuple[list[float], list[float], float, float]:
    """Return the latencies of paced events (s), the commits' share of them, and the burst's seconds and CPU seconds."""
    store = await Store.open(folder)
    settings = Settings(parse_url(url), TOPICS.client_id, Outgoing(TOPICS.status, b"{}"), ("x",))
    online = asyncio.Event()

    def changed(link: LinkState) -> None:
        if link.online:
            online.set()

    connection = Connection(settings, lambda arrival: None, changed)
    publisher = Publisher(store, connection, TOPICS, ZoneInfo("Asia/Shanghai"), time.time)
    tasks = [asyncio.create_task(work) for work in (connection.run(), publisher.run())]
    await online.wait()
    begun: dict[int, float] = {}
    committed: list[float] = []
    for number in range(PACED):
        begun[number] = time.monotonic()
        await store.commit(Outcome([an_event(number)]))
        committed.append(time.monotonic() - begun[number])
        await asyncio.sleep(PACE_S)
    await publisher.drained()
    await asyncio.to_thread(subscriber.wait_until, lambda: len(subscriber.came) >= PACED)
    late = [subscriber.came[number] - then for number, then in begun.items()]
    since, used = time.monotonic(), time.process_time()
    for start in range(PACED, PACED + BURST, CHUNK):
        numbers = range(start, min(start + CHUNK, PACED + BURST))
        await store.commit(Outcome([an_event(number) for number in numbers]))
    await publisher.drained()
    seconds, cpu_s = time.monotonic() - since, time.process_time() - used
    connection.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
    return late, committed, seconds, cpu_s


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(dir=arguments[0] if arguments else None) as name:
        folder = Path(name)
        with running_broker(folder / "broker") as broker, closing(Subscriber(broker.port)) as subscriber:
            late, committed, seconds, cpu_s = asyncio.run(measure(folder / "state", broker.url, subscriber))
    say(f"{PACED} events, {1 / PACE_S:.0f} a second, each in a transaction of its own\n")
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        line(f"  from commit asked for to subscriber, {name}", quantile(late, share) * 1e3, "ms")
        line(f"  of which the commit, {name}", quantile(committed, share) * 1e3, "ms")
    say(f"{BURST} events, committed {CHUNK} at a time, sent and marked\n")
    line("  from commit to mark, all of them", BURST / seconds, "a second")
    line("  CPU of gateway and subscriber together", cpu_s / BURST * 1e6, "us an event")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
