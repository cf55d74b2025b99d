"""A database that is damaged, under the whole daemon: told, set aside, and the members are back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import VirtualDaemon, a_member

from gateway.store.store import FILE

STATUS = "hushbell/v1/lilac-01/gateways/door-pi/status"
VISITS = "hushbell/v1/lilac-01/visits"
GARBAGE = b"not a database at all" * 2000


def statuses(client: VirtualClient) -> list[dict[str, Any]]:
    return [message.body for message in list(client.received) if message.topic == STATUS]


def tells_damage(client: VirtualClient) -> bool:
    return any(
        "1 members are restored" in reason for status in statuses(client) for reason in status.get("reasons", [])
    )


@pytest.mark.parametrize("when", ["before the start", "while it runs"])
def test_damage_is_told_and_the_members_are_back(tmp_path: Path, when: str) -> None:
    with running_broker(tmp_path / "b") as broker, VirtualClient(broker.port, "back-end", STATUS, VISITS) as client:
        shop = VirtualDaemon(tmp_path / "shop", broker.url)
        database = tmp_path / "shop" / "state" / FILE
        shop.put(a_member())

        async def play() -> None:
            await shop.hearing()
            if when == "while it runs":
                await shop.walk_in()
                for file in (database, database.with_name(f"{FILE}-wal")):
                    file.write_bytes(GARBAGE)
            # That the member leaves is to be committed, which the damage prevents.
            await asyncio.to_thread(client.wait_until, lambda: tells_damage(client), 20)
            client.received.clear()
            await shop.walk_in()
            await asyncio.to_thread(client.wait_until, lambda: any(m.topic == VISITS for m in client.received))

        if when == "before the start":
            with shop:  # once, so that there is a copy
                asyncio.run(shop.hearing())
                assert shop.stop() == 0
            database.write_bytes(GARBAGE)
        with shop:
            asyncio.run(play())
            assert shop.stop() == 0
        assert "is set aside as hushbell.db.corrupt-" in shop.log
        assert "Traceback" not in shop.log
