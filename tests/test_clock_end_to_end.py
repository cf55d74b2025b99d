"""A machine whose clock is set while somebody is in the shop, as a Pi's is once it has found the network."""

import asyncio
from pathlib import Path
from typing import Any

from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import DOOR_DBM, PROJECT, VirtualDaemon, a_member

ROOT = "hushbell/v1/lilac-01"
HOUR_S = 3600.0
CLOCK = """\
import pathlib, time

real = time.time

def set_time():
    try:
        return real() + float(pathlib.Path("clock").read_text())
    except (OSError, ValueError):
        return real()

time.time = set_time
"""


def visits(client: VirtualClient) -> list[dict[str, Any]]:
    return [dict(message.body) for message in client.received if message.topic == f"{ROOT}/visits"]


def kinds(client: VirtualClient) -> list[str]:
    return [visit["type"].rpartition(".")[2] for visit in visits(client)]


def test_a_clock_that_leaps_ahead_and_back_leaves_one_visit_one(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(CLOCK)

    async def scene(shop: VirtualDaemon, client: VirtualClient) -> None:
        await shop.hearing()
        await shop.walk_in()
        client.wait_until(lambda: kinds(client)[:1] == ["started"], 20)
        for ahead_s in (7 * HOUR_S, 2 * HOUR_S):
            (shop.folder / "clock").write_text(str(ahead_s))
            await shop.stand(DOOR_DBM, 3.0)
        client.wait_until(lambda: "ended" in kinds(client), 20)

    with (
        running_broker(tmp_path / "broker") as broker,
        VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
    ):
        shop = VirtualDaemon(tmp_path / "shop", broker.url, PYTHONPATH=f"{site}:{PROJECT}")
        shop.put(a_member())
        with shop:
            asyncio.run(scene(shop, client))
        assert [kind for kind in kinds(client) if kind != "moved"] == ["started", "ended"]
        assert 8 <= visits(client)[-1]["data"]["seconds"] <= 15
        assert shop.log.count("the clock was set by") == 2
