"""What arrives is acknowledged once what it caused is on the disk, so that no crash between the two loses it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from virtual_broker import running_broker
from virtual_client import Received, VirtualClient
from virtual_daemon import VirtualDaemon, a_member

ROOT = "hushbell/v1/lilac-01"
WITHIN_S = 30.0


def told(client: VirtualClient, kind: str) -> list[Received]:
    return [
        message for message in client.received if message.payload and message.body.get("type") == f"hushbell.{kind}"
    ]


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keep everybody else from writing to a database."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_claim_that_came_just_before_the_crash_is_claimed_after_it(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path / "broker") as broker,
        VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
    ):
        shop = VirtualDaemon(tmp_path / "shop", broker.url)
        shop.put(a_member())
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        with shop:
            asyncio.run(shop.walk_in())
            client.wait_until(lambda: told(client, "alert.raised"), WITHIN_S)
            alert = told(client, "alert.raised")[0].body["data"]["alert"]
            with locked(shop.folder / "state" / "hushbell.db"):
                client.publish(f"{ROOT}/alerts/floor/claims/badge-1", {"alert": alert, "action": "claim"})
                client.request(f"{ROOT}/commands/status", {}, f"{ROOT}/replies/test/1", b"1")
                client.wait_until(lambda: client.on("/replies/test/1"), WITHIN_S)  # the claim came before this
                shop.kill()
            assert told(client, "alert.claimed") == []
            shop.start()
            client.wait_until(lambda: told(client, "alert.claimed"), WITHIN_S)
        (claimed,) = told(client, "alert.claimed")
        assert (claimed.body["data"]["alert"], claimed.body["data"]["device"]) == (alert, "badge-1")
