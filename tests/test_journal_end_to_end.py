"""A day that the daemon records, a kill in the middle: what its journals give is what was committed."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_daemon import CARD, CONFIG, DOOR_DBM, WINDOW_DBM, VirtualDaemon, a_member, hushbell

from gateway.commandline.replaying import Played
from gateway.configuration.configfile import load_config
from gateway.events import DecisionRow
from gateway.journal.pages import journals
from gateway.mqtt.topics import Topics
from gateway.store.events import PastEvent
from gateway.store.store import Store

ROOT = "hushbell/v1/lilac-01"
BERT, GONE = CARD[:-1] + b"\x98", CARD[:-1] + b"\x99"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[VirtualBroker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def client(broker: VirtualBroker) -> Iterator[VirtualClient]:
    with VirtualClient(broker.port, "everything", f"{ROOT}/#") as client:
        client.publish(f"{ROOT}/facts/new_arrivals", True, retain=True)
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        yield client


def alerts_of(client: VirtualClient, greeting: str) -> list[dict[str, Any]]:
    told = [m.body for m in client.received if m.content_type == "application/cloudevents+json"]
    raised = [body for body in told if body["type"] == "hushbell.alert.raised"]
    return [body["data"] for body in raised if body["data"]["greeting"] == greeting]


async def held(folder: Path) -> tuple[dict[str, str], dict[str, DecisionRow]]:
    """Return what the database holds, by id: events as they are sent, and decisions."""
    config = load_config(folder / "hushbell.yaml")
    source = Topics(config.store.id, config.gateway.id).source
    store = await Store.open_readonly(config.gateway.state)
    assert store is not None
    events, rows = {}, {}
    try:
        async for row in store.held.everything():
            if isinstance(row, PastEvent) and row.gone is None:
                events[row.event.id] = row.event.body(source, config.store.timezone).decode()
            elif isinstance(row, DecisionRow):
                rows[row.id] = row
    finally:
        await store.close()
    return events, rows


def test_a_recorded_day_gives_what_was_committed_and_nothing_of_whoever_was_erased(
    tmp_path: Path, broker: VirtualBroker, client: VirtualClient
) -> None:
    folder = tmp_path / "shop"
    shop = VirtualDaemon(folder, broker.url, CONFIG + "record: on\n")
    shop.put(a_member(), a_member("bert-0002", BERT, greeting="陈先生"))
    with shop:
        asyncio.run(shop.walk_in())
        client.wait_until(lambda: alerts_of(client, "王女士"), 20)
        claim = {"alert": alerts_of(client, "王女士")[0]["alert"], "action": "claim"}
        client.publish(f"{ROOT}/alerts/floor/claims/badge-1", claim)
        shop.put(a_member("gone-0003", GONE, greeting="林小姐"))
        asyncio.run(shop.strangers([b"\x02\0\0\0\0\x07"], b"secret network"))

        async def two() -> None:
            await asyncio.sleep(1.0)
            await shop.stand(DOOR_DBM, 1.5, GONE)
            await shop.walk_in(BERT)

        asyncio.run(two())
        client.wait_until(lambda: alerts_of(client, "林小姐") and alerts_of(client, "陈先生"), 20)
        done = hushbell("members", "remove", "gone-0003", "--config", "hushbell.yaml", folder=folder)
        assert done.returncode == 0, done.stderr
        asyncio.run(shop.stand(DOOR_DBM, 2.0))
        shop.kill()
        shop.start()
        asyncio.run(shop.hearing())
        asyncio.run(shop.stand(WINDOW_DBM, 1.0, BERT))
        asyncio.run(shop.stand(DOOR_DBM, 3.0, BERT))
        assert shop.stop() == 0
    events, rows = asyncio.run(held(folder))
    found = journals(folder / "state")
    assert [path.name[:8] for path in found] == ["00000001", "00000002"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    done = hushbell("replay", *map(str, found), "--config", "hushbell.yaml", folder=folder)
    assert done.returncode == 0, done.stderr
    lines = {json.loads(line)["id"]: line for line in done.stdout.splitlines()}
    missing = [text for id_, text in events.items() if lines.get(id_) != text and not is_anonymous(text)]
    assert missing == []
    assert len(lines) > 8
    key = asyncio.run(gateway_key(folder / "state"))
    again = {row.id: row for path in found for outcome in Played(path, key).outcomes() for row in outcome.decisions}
    assert [row for id_, row in rows.items() if again.get(id_) != row] == []
    assert len(rows) > 3
    for path in found:
        text = b"".join(repr(entry).encode() for entry in Played(path, key).entries())
        assert b"bert" not in path.read_bytes()
        for never in (b"gone-0003", "林小姐".encode(), b"secret", CARD.hex().encode(), BERT.hex().encode()):
            assert never not in text


def is_anonymous(text: str) -> bool:
    """Tell whether an event is about the register, or says that an alert about somebody erased is withdrawn."""
    event = json.loads(text)
    return bool(event["type"] == "hushbell.member.changed" or event["data"].get("reason") == "withdrawn")


async def gateway_key(state: Path) -> bytes:
    store = await Store.open_readonly(state)
    assert store is not None
    await store.close()
    return store.gateway_key
