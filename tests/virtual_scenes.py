"""A shop with every shipped rule in force, in which several members walk about at once: real daemon, real broker.

Who says what a back end or a badge says, says it over MQTT.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from virtual_broker import running_broker
from virtual_client import SHOP, VirtualClient
from virtual_daemon import VirtualDaemon, a_member

from drivers.frames import ibeacon_report
from drivers.simulator import Antenna
from gateway.shipped import shipped_rules

TIMEZONE = ZoneInfo("Asia/Shanghai")
OFFSET_S = (6 * 3600 - time.time()) % 86400.0
"""By which the daemon's clock is ahead, so that the shop's day is not over while it plays: there it is two o'clock."""

CONFIG = """\
store: {{id: lilac-01, timezone: Asia/Shanghai, latitude: 31.2214, longitude: 121.5447}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "{url}"}}
receivers:
  - {{id: door, driver: simulator, socket: door.sock}}
  - {{id: shelf, driver: simulator, socket: shelf.sock}}
  - {{id: till, driver: simulator, socket: till.sock}}
zones:
  - {{id: pavement, kind: outside, hear: [{{receiver: door, at_least: -88}}]}}
  - {{id: entrance, kind: door, hear: [{{receiver: door, at_least: -70}}]}}
  - {{id: shoes, name: 童鞋, kind: shelf, hear: [{{receiver: shelf, at_least: -65}}]}}
  - {{id: counter, kind: inside, hear: [{{receiver: till, at_least: -65}}]}}
rules: [RULES]
staff:
  groups:
    - {{id: floor, devices: [badge-1, badge-2]}}
    - {{id: shelf, devices: [shelf-1]}}
    - {{id: designer, devices: [phone-1]}}
    - {{id: counter, devices: [till-1], escalate_to: floor}}
presence: {{leave_after: 3 s}}
""".replace("RULES", ", ".join(shipped_rules()))

NEXT_SHOP = {"latitude": 31.2300, "longitude": 121.5500}  # 1.1 km off
CHAIN = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e")
PAVEMENT = {"door": -80}
ENTRANCE = {"door": -50}
SHOES = {"door": -84, "shelf": -52}
COUNTER = {"door": -84, "till": -52}
EVERY_S = 0.15


class Seen(NamedTuple):
    """An event, with the time at which it was there, by the daemon's clock."""

    t: float
    topic: str
    type: str
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["data"]
        return found


def now() -> float:
    """Return the time by the daemon's clock."""
    return time.time() + OFFSET_S


def written(t: float) -> str:
    return datetime.fromtimestamp(t, TIMEZONE).isoformat()


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Shop:
    """The daemon with its antennas, the back end that hears all, and the members who walk about."""

    def __init__(self, antennas: dict[str, Antenna], back_end: VirtualClient, badges: list[VirtualClient]) -> None:
        self._antennas = antennas
        self._back_end = back_end
        self._badges = badges
        self._taken = 0
        self._asked = 0
        self._seen: list[Seen] = []

    async def open(self) -> None:
        """Wait until every receiver hears, and the gateway says so."""
        async with asyncio.timeout(30):
            for antenna in self._antennas.values():
                await antenna.connected()
        await self.status("online")

    # what is heard

    @property
    def seen(self) -> list[Seen]:
        """Every event so far."""
        for message in self._back_end.received[self._taken :]:
            self._taken += 1
            if message.content_type == "application/cloudevents+json":
                kind = message.body["type"].removeprefix("hushbell.")
                self._seen.append(Seen(now(), message.topic.removeprefix(SHOP), kind, message.body))
        return self._seen

    def about(self, visit: str, kind: str = "") -> list[Seen]:
        """Return what was said of a visit."""
        return [seen for seen in self.seen if seen.data.get("visit") == visit and seen.type.startswith(kind)]

    async def see(self, kind: str, within_s: float = 15.0, since: int = 0, **data: Any) -> Seen:
        """Wait for an event with these data."""

        def found() -> Seen | None:
            fit = (seen for seen in self.seen[since:] if seen.type == kind and data.items() <= seen.data.items())
            return next(fit, None)

        seen: Seen = await until(found, within_s, f"{kind} {data}")
        return seen

    async def status(self, state: str, reason: str = "") -> None:
        """Wait until the retained status is this."""

        def found() -> bool:
            told = [message.body for message in self._back_end.received if message.topic.endswith("door-pi/status")]
            return bool(told) and told[-1]["state"] == state and reason in str(told[-1].get("reasons"))

        await until(found, 15.0, f"{state} {reason}")

    async def badges_see(self, kind: str, alert: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until both badges of the floor were told so often; return what they were told last."""
        told = await until(lambda: _told(self._badges, kind, alert, count), 15.0, f"{kind} on both badges")
        return [data[-1] for data in told]

    async def visit_of(self, member: str, since: int = 0) -> str:
        """Wait for a visit to begin; return its alias."""
        return str((await self.see("visit.started", since=since, member=member)).data["visit"])

    async def is_over(self, visit: str) -> list[Seen]:
        """Wait until a visit is over, when all about it has been said; return that."""
        await self.see("visit.ended", visit=visit)
        return self.about(visit)

    # what is said

    async def ask(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask as the back end does; return the result."""
        self._asked += 1
        topic = f"{SHOP}replies/crm/{self._asked}"
        self._back_end.request(f"{SHOP}commands/{command}", arguments, topic, b"1")
        answer = await until(lambda: self._back_end.on(f"crm/{topic.rpartition('/')[2]}"), 15.0, command)
        assert answer[0].body["ok"], answer[0].body
        return dict(answer[0].body["result"])

    def say(self, topic: str, body: object, *, retain: bool = False) -> None:
        self._back_end.publish(SHOP + topic, body, retain=retain)

    def claim(self, alert: Seen, device: str, action: str = "claim") -> None:
        data = alert.data
        self.say(f"alerts/{data['group']}/claims/{device}", {"alert": data["alert"], "action": action})

    async def put(self, name: str, number: int, **more: Any) -> Person:
        """Enrol a member, or change one."""
        card = CHAIN + number.to_bytes(2, "big")
        await self.ask("members.put", a_member(name, card, **more))
        return Person(self, name, card)

    async def send(self, card: bytes, levels: dict[str, int], seconds: float) -> None:
        for _ in range(round(seconds / EVERY_S)):
            for receiver, dbm in levels.items():
                await self._antennas[receiver].send(ibeacon_report(b"\xc0" + card[-5:], dbm, card))
            await asyncio.sleep(EVERY_S)


class Person(NamedTuple):
    """A member who carries a card."""

    shop: Shop
    name: str
    card: bytes

    async def stand(self, levels: dict[str, int], seconds: float) -> None:
        await self.shop.send(self.card, levels, seconds)

    async def come_in(self, seconds: float = 3.0) -> str:
        """Come along the pavement and through the door; return the visit's alias."""
        since = len(self.shop.seen)
        await self.stand(PAVEMENT, 0.6)
        await self.stand(ENTRANCE, seconds)
        return await self.shop.visit_of(self.name, since)

    async def pass_by(self, seconds: float = 1.2) -> list[Seen]:
        """Come past the window; return all that was said of it."""
        since = len(self.shop.seen)
        await self.stand(PAVEMENT, seconds)
        return await self.shop.is_over(await self.shop.visit_of(self.name, since))

    async def visit(self, seconds: float = 3.0) -> list[Seen]:
        """Come in and leave; return all that was said of it."""
        return await self.shop.is_over(await self.come_in(seconds))


def _told(badges: list[VirtualClient], kind: str, alert: str, count: int) -> list[list[dict[str, Any]]]:
    """Return what each badge was told of an alert, once all were told so often."""
    found = []
    for badge in badges:
        bodies = [message.body for message in badge.received if alert.encode() in message.payload]
        found.append([body["data"] for body in bodies if body["type"] == f"hushbell.alert.{kind}"])
    return found if all(len(told) >= count for told in found) else []


async def until(condition: Callable[[], Any], within_s: float, what: str) -> Any:
    """Wait until a condition gives something; return that. Raises AssertionError."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {within_s} s: {what}")


def offers(said: list[Seen]) -> list[str]:
    """Return which offers were triggered."""
    return [seen.data["offer"] for seen in said if seen.type == "offer.triggered"]


def raised(said: list[Seen]) -> list[str]:
    """Return which rules raised an alert."""
    return [seen.data["rule"] for seen in said if seen.type == "alert.raised"]


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    """Run broker and daemon as long as the block; every device but the one at the counter is there."""
    with ExitStack() as stack:
        broker = stack.enter_context(running_broker(folder / "broker"))
        back_end = stack.enter_context(VirtualClient(broker.port, "crm", f"{SHOP}#"))
        badges = [
            stack.enter_context(VirtualClient(broker.port, name, f"{SHOP}alerts/floor"))
            for name in ("badge-1", "badge-2")
        ]
        for device in ("badge-1", "badge-2", "shelf-1", "phone-1"):
            back_end.publish(f"{SHOP}devices/{device}/status", {"state": "online"}, retain=True)
        daemon = VirtualDaemon(folder / "shop", broker.url, CONFIG, HUSHBELL_CLOCK_OFFSET=f"{OFFSET_S:.3f}")
        more = {name: stack.enter_context(Antenna(daemon.folder / f"{name}.sock")) for name in ("shelf", "till")}
        stack.enter_context(daemon)
        shop = Shop({"door": daemon.door, **more}, back_end, badges)
        await shop.open()
        yield shop
