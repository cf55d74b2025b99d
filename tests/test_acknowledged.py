"""What arrives is acknowledged once what it caused is on the disk, so that no crash between the two loses it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from virtual_broker import running_broker
from virtual_client import Received, VirtualClient
from virtual_daemon import VirtualDaemon, a_member, hushbell

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


def until(condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < WITHIN_S
        time.sleep(0.1)


def withdrawn(member: str) -> bytes:
    """Return what another gateway says of a member who took everything back."""
    at = "2025-12-01T09:00:00.000+08:00"
    said: dict[str, object] = {
        "member": member,
        "change": "withdrawn",
        "purposes": [],
        "until": None,
        "at": at,
        "by": "guest-page",
    }
    event = {
        "specversion": "1.0",
        "id": "0199f1c2-0000-7000-8000-000000000001",
        "source": "/stores/lilac-01/gateways/shelf-pi",
        "type": "hushbell.member.changed",
        "time": at,
        "datacontenttype": "application/json",
        "sequence": f"{1:016}",
        "data": said,
    }
    return json.dumps(event).encode()


def listed(shop: VirtualDaemon) -> str:
    return hushbell("members", "list", "--config", "hushbell.yaml", folder=shop.folder).stdout


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


def test_what_another_gateway_said_while_the_disk_refused_holds_after_the_crash(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker, VirtualClient(broker.port, "shelf-pi", f"{ROOT}/#") as client:
        shop = VirtualDaemon(tmp_path / "shop", broker.url)
        shop.put(a_member())
        with shop:
            client.wait_until(lambda: client.on("door-pi/status"), WITHIN_S)
            with locked(shop.folder / "state" / "hushbell.db"):
                client.publish(f"{ROOT}/members", withdrawn("oX3f-91c2"))
                until(lambda: "members cannot be read" in shop.log)  # by then the disk refused twice
                shop.kill()
            assert "oX3f-91c2" in listed(shop)
            shop.start()
            until(lambda: "oX3f-91c2" not in listed(shop))
