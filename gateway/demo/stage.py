"""The demo's shop with every rule in force, and who plays in it: members with cards, staff devices and a back end."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway import clock
from gateway.demo.cast import NotSeenError, Player, Seen
from gateway.demo.shop import BEHIND_DBM
from gateway.demo.story import ROOT, STATUS, Daemon, member
from gateway.demo.world import DOOR_DBM, PAVEMENT_DBM, World
from gateway.retold import retold

TIMEZONE = ZoneInfo("Asia/Shanghai")
TWO_OCLOCK_S = 6 * 3600.0  # there, in seconds of the day in UTC
DAY_S = 86400.0
WITHIN_S = 15.0
NEXT_SHOP = {"latitude": 31.2300, "longitude": 121.5500}  # 1.1 km off
CHAIN = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e")

DEVICES = {"badge-1": "floor", "badge-2": "floor", "shelf-1": "shelf", "phone-1": "designer"}
LATE = "till-1"
"""The device that comes when the counter has missed an alert."""


class Guest:
    """A member who carries a card."""

    def __init__(self, stage: Stage, name: str, card: bytes) -> None:
        self.name = name
        self._stage = stage
        self._card = card

    async def stand_at(self, receiver: str, seconds: float) -> None:
        """Stand further inside, where another receiver is."""
        await self._stage.world.stand(self._card, BEHIND_DBM, seconds, receiver)

    async def walk_in(self, seconds: float = 2.4) -> None:
        """Come through the door and stay there for a while."""
        await self._stage.world.walk_in(self._card)
        await self._stage.world.stand(self._card, DOOR_DBM, seconds)

    async def come_in(self, seconds: float = 2.4) -> str:
        """Come in; return the visit's alias."""
        since = self._stage.so_far
        await self.walk_in(seconds)
        return await self._visit(since)

    async def visit(self, seconds: float = 2.4) -> list[Seen]:
        """Come in and leave; return all that was said of it."""
        return await self._stage.is_over(await self.come_in(seconds))

    async def pass_by(self, seconds: float = 1.6) -> list[Seen]:
        """Stand at the window and leave; return all that was said of it."""
        since = self._stage.so_far
        await self._stage.world.stand(self._card, PAVEMENT_DBM, seconds)
        return await self._stage.is_over(await self._visit(since))

    async def _visit(self, since: int) -> str:
        return str((await self._stage.see("visit.started", since=since, member=self.name)).data["visit"])


class Stage:
    """Starts the daemon for members to walk about. The shop's clock says two, so that its day is not soon over."""

    def __init__(self, folder: Path, port: int) -> None:
        url = f"mqtt://127.0.0.1:{port}"
        self.world = World(folder, more=("shelf", "till"))
        self._back_end = Player("back-end", ROOT, url, ["#"])
        self._devices = {name: _device(name, group, url) for name, group in {**DEVICES, LATE: "counter"}.items()}
        self._offset_s = (TWO_OCLOCK_S - clock.wall()) % DAY_S
        self._daemon = Daemon(folder, self._offset_s)
        self._questions = count(1)
        self._cards = count(1)

    async def open(self) -> None:
        self.world.open()
        await asyncio.gather(self._back_end.enter(), *(self._devices[name].enter() for name in DEVICES))
        await self._daemon.start()
        await self._hearing()

    async def close(self) -> None:
        await self._daemon.end(signal.SIGKILL)
        for player in (self._back_end, *self._devices.values()):
            await player.leave()
        self.world.close()

    # time

    def now(self) -> float:
        """Return the shop's time, epoch seconds."""
        return clock.wall() + self._offset_s

    def written(self, ago_s: float = 0.0) -> str:
        return datetime.fromtimestamp(self.now() - ago_s, TIMEZONE).isoformat(timespec="milliseconds")

    def latency_ms(self, seen: Seen) -> float:
        """Return how long after what caused it an event was there."""
        return (seen.t + self._offset_s - datetime.fromisoformat(str(seen.body["time"])).timestamp()) * 1000

    # what is seen

    @property
    def so_far(self) -> int:
        """How many messages there were."""
        return len(self._back_end.seen)

    async def see(self, kind: str, since: int = 0, within_s: float = WITHIN_S, **data: Any) -> Seen:
        """Wait for an event with these data. Raises NotSeenError."""
        what = f"{kind} with {json.dumps(data, ensure_ascii=False)}"
        return await self._back_end.see(lambda seen: _fits(seen, kind, data), within_s, what, since)

    async def device_sees(self, device: str, kind: str, alert: str) -> Seen:
        """Wait until a staff device is told. Raises NotSeenError."""
        what = f"{kind} on {device}"
        return await self._devices[device].see(lambda seen: _fits(seen, kind, {"alert": alert}), WITHIN_S, what)

    async def status(self, state: str, since: int = 0) -> Seen:
        """Wait until the gateway's status has this state. Raises NotSeenError."""
        what = f"the gateway {state}"
        return await self._back_end.see(
            lambda seen: seen.topic == STATUS and seen.body.get("state") == state, 20.0, what, since
        )

    async def _hearing(self) -> None:
        """Wait until all receivers hear. Raises NotSeenError."""

        def wanted(seen: Seen) -> bool:
            receivers = seen.body.get("receivers", {}) if seen.topic == STATUS else {}
            return set(receivers.values()) == {"hearing"}

        await self._back_end.see(wanted, 20.0, "the gateway, hearing")

    async def is_over(self, visit: str) -> list[Seen]:
        """Wait until a visit is over; return all that was said of it."""
        await self.see("visit.ended", visit=visit)
        return [seen for seen in self._back_end.seen if seen.type and seen.data.get("visit") == visit]

    async def why_not(self, visit: str, rule: str) -> str:
        """Return why a rule was silent. Raises NotSeenError where it was not."""
        told = await self.ask("explain", {"id": visit})
        for decision in reversed(told["decisions"]):
            if decision["rule"] == rule and decision["outcome"] != "fired":
                return retold(decision["reason"])
        raise NotSeenError(f"a reason why {rule} is silent: {told}")

    def is_silent_about(self, guest: Guest, since: int) -> bool:
        return not any(guest.name.encode() in seen.payload for seen in self._back_end.seen[since:] if seen.type)

    async def rows(self, guest: Guest) -> object:
        """Return every row about a member."""
        return (await self.ask("members.export", {"member": guest.name}))["rows"]

    # what is said

    async def ask(self, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return await self._back_end.ask(command, arguments, next(self._questions))

    async def tell(self, topic: str, body: object, *, retain: bool = False) -> None:
        """Say something as the back end does."""
        await self._back_end.say(topic, body, retain=retain)

    async def claim(self, alert: Seen, device: str, action: str = "claim") -> None:
        data = alert.data
        body = {"alert": data["alert"], "action": action}
        await self._devices[device].say(f"alerts/{data['group']}/claims/{device}", body)

    async def device_comes(self) -> None:
        """Let the device come that was not there."""
        await self._devices[LATE].enter()

    async def guest(self, name: str, greeting: str, attributes: dict[str, Any] | None = None, **more: Any) -> Guest:
        """Enrol somebody."""
        card = CHAIN + next(self._cards).to_bytes(2)
        await self.ask("members.put", member(name, greeting, card, attributes or {}) | more)
        return Guest(self, name, card)

    async def put_nearby(self, guest: Guest, ago_s: float) -> None:
        """Say that a member was at the next shop of the chain."""
        seen = {"credential": "ibeacon", "store": "lilac-02", "at": self.written(ago_s), **NEXT_SHOP}
        await self.ask("members.elsewhere", {"member": guest.name, **seen})


def _device(name: str, group: str, url: str) -> Player:
    return Player(name, ROOT, url, [f"alerts/{group}"], f"{ROOT}/devices/{name}/status")


def _fits(seen: Seen, kind: str, data: Mapping[str, Any]) -> bool:
    return seen.type == kind and data.items() <= seen.data.items()
