"""`hushbell sandbox`: a shop that goes on by itself, for who writes a back end and has no gateway."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from gateway import clock
from gateway.commandline.lines import complain, say
from gateway.demo import show_log
from gateway.demo.badge import Badge
from gateway.demo.broker import free_port, make_broker
from gateway.demo.cast import NotSeenError, Player
from gateway.demo.shop import BETWEEN_S, Doing, Person, Shop
from gateway.demo.story import QUARTER_S, ROOT, Daemon
from gateway.identity.member import parse_member
from gateway.membership.roster import dumps
from gateway.mqtt.address import AddressError, parse_url
from gateway.shipped import shipped_folder
from gateway.store.store import Store
from rules.messages import say as told

USUAL_PORT = 18830
USUAL_URL = f'"mqtt://127.0.0.1:{USUAL_PORT}"'
GATEWAY = "sandbox"
TIMEZONE = ZoneInfo("Asia/Shanghai")
START_S = 20.0


def sandbox(url: str | None, seed: int, speed: float) -> int:
    """Play a shop until told to stop, on the broker at `url` or on one of its own; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="hushbell-sandbox-") as name:
        folder = Path(name)
        port = None if url else free_port(USUAL_PORT)
        broker = make_broker(folder, port) if port else None
        if broker:
            broker.start()
        try:
            asyncio.run(_until_stopped(_play(folder, url or f"mqtt://127.0.0.1:{port}", seed, speed)))
        except AddressError as error:
            complain(told(error.english, **error.values))
            return 2
        except NotSeenError as error:
            complain(str(error))
            show_log(folder)
            return 1
        finally:
            if broker:
                broker.stop()
    return 0


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do some work until it is done, or until SIGINT or SIGTERM."""
    playing = asyncio.create_task(work, name="sandbox")
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    with suppress(asyncio.CancelledError):
        await playing


async def _play(folder: Path, url: str, seed: int, speed: float) -> None:
    parse_url(url)
    text = (shipped_folder() / "sandbox.yaml").read_text(encoding="utf-8")
    (folder / "sandbox.yaml").write_text(text.replace(USUAL_URL, json.dumps(url)), encoding="utf-8")
    shop = Shop(folder, seed, speed, _tell)
    await _put(folder / "state", shop.people)
    daemon = Daemon(folder, clock.OFFSET_S, "sandbox.yaml")
    shop.open()
    try:
        await daemon.start()
        await _await_gateway(url)
        _greet(url, len(shop.people), speed)
        badges = [Badge(name, ROOT, url, Random(f"{seed} {name}")) for name in ("badge-1", "badge-2")]
        await _go_on(daemon, shop, badges)
    finally:
        await daemon.end(signal.SIGTERM)
        shop.close()


async def _put(state: Path, people: list[Person]) -> None:
    """Put the members that the shop has from the start."""
    store = await Store.open(state)
    try:
        members = [parse_member(person.member).signed(GATEWAY, store.gateway_key) for person in people]
        await store.members.put([(member.id, dumps(member)) for member in members])
    finally:
        await store.close()


async def _await_gateway(url: str) -> None:
    """Wait until the gateway says that it hears. Raises NotSeenError."""
    status = f"gateways/{GATEWAY}/status"
    onlooker = Player("sandbox", ROOT, url, [status])
    try:
        await onlooker.enter()
        await onlooker.see(
            lambda seen: set(seen.body.get("receivers", {}).values()) == {"hearing"}, START_S, "the gateway, hearing"
        )
    finally:
        await onlooker.leave()


async def _go_on(daemon: Daemon, shop: Shop, badges: list[Badge]) -> None:
    """Let the shop go on until cancelled. Raises NotSeenError where the gateway ends by itself."""
    async with asyncio.TaskGroup() as tasks:
        playing = [tasks.create_task(work) for work in (shop.run(), *(badge.run() for badge in badges))]
        await daemon.ended()
        for task in playing:
            task.cancel()
    raise NotSeenError("the gateway ended by itself")


def _greet(url: str, members: int, speed: float) -> None:
    minutes = math.ceil((QUARTER_S - clock.wall() % QUARTER_S) / 60)
    say(told("A shop on {url}: MQTT 5, no password", url=url))
    say(
        told(
            "{members} members, one comes by every {seconds:.1f} s. Stop with Ctrl-C.",
            members=members,
            seconds=BETWEEN_S / speed,
        )
    )
    say("")
    for topic, what in (
        ("visits", told("who comes, moves and leaves")),
        ("alerts/+", told("what the two badges show, claimed or expired")),
        ("offers/+", told("offers at the window; answer on outcomes")),
        ("crowd", told("everybody else, each quarter of an hour; next in {minutes} min", minutes=minutes)),
        ("gateways/+/status", told("how the gateway fares, retained")),
    ):
        say(f"  {ROOT}/{topic:<18} {what}")
    say("")
    say(told("From a shell: {command}", command=f"mosquitto_sub -V mqttv5 -L '{url}/{ROOT}/#' -v"))
    say(told("Some who come carry a card that nobody knows: put examples/member.json with members.put."))
    say("")


def _tell(person: Person, doing: Doing) -> None:
    now = datetime.fromtimestamp(clock.wall(), TIMEZONE)
    name = f"{person.member['member']} {person.name}" if person.member else told("somebody unknown")
    say(f"{now:%H:%M:%S}  {name}  {told(doing)}")
