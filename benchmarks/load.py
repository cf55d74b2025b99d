"""From a frame to 200 subscribers: how late events come to devices and back ends that keep up, and to nobody's harm.

The real daemon, a mosquitto set up by scripts/broker with a user for each client, and the clients in a process of their
own. Run it from the project's root: `python benchmarks/load.py [SECONDS]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, TypedDict

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import line, quantile, say  # noqa: E402
from virtual_daemon import ADDRESS, CARD, CONFIG, VirtualDaemon, a_member  # noqa: E402
from virtual_users import ShopBroker, shop_broker  # noqa: E402

from drivers.frames import ibeacon_report  # noqa: E402
from drivers.simulator import Antenna  # noqa: E402

SHOP = "lilac-01"
TOPICS = f"hushbell/v1/{SHOP}"
DOORS, BADGES, BACK_ENDS = 10, 190, 10  # the last two back ends are the slow one and the dead one
SLOW, DEAD = f"{SHOP}.back-{BACK_ENDS - 2}", f"{SHOP}.back-{BACK_ENDS - 1}"
MEMBERS, SHIFTS = 250, 8  # who come in turn, since caps let nobody be announced all day
NEAR_S = AWAY_S = 2.5  # after two seconds of silence a visit is over
STEP_S = 0.25  # between two adverts of a card
NEAR_DBM = -50
SECONDS = 60
WARM_S = 15.0
TURNS = 6  # in which the two halves are measured one after the other, so that a busy moment meets both
STARTING_S = 60.0
SLOW_ACK_S = 0.25
KEEP_ALIVE_S = 60


RULE = "- {name: t#, on: {entered, zone: {id: r#}}, alert: {group: g#, text: '{greeting}', expires: 10 s}}\n"
RECEIVER = "{id: r#, driver: simulator, socket: r#.sock}"
ZONE = "{id: r#, kind: door, hear: [{receiver: r#, at_least: -70}]}"


def for_each_door(template: str, between: str = ", ") -> str:
    return between.join(template.replace("#", str(number)) for number in range(DOORS))


def configuration() -> str:
    """Return a shop with many doors, a group for each; braces that are not `VirtualDaemon`'s to fill in are doubled."""
    kept = [line for line in CONFIG.splitlines() if line.startswith(("store", "gateway", "mqtt", "presence"))]
    ours = (
        f"receivers: [{for_each_door(RECEIVER)}]",
        f"zones: [{for_each_door(ZONE)}]",
        "rules: [./load.yaml]",
        f"staff: {{groups: [{for_each_door('{id: g#}')}]}}",
    )
    return "\n".join([*kept, *(line.replace("{", "{{").replace("}", "}}") for line in ours), ""])


# The shop: members who come to the door and go


def card(number: int) -> bytes:
    return CARD[:-4] + number.to_bytes(4, "big")


async def walk(antenna: Antenna, number: int) -> None:
    """Let members come and go, one after the other: a visit starts, an alert is raised and expires, the visit ends."""
    await asyncio.sleep(random.random() * (NEAR_S + AWAY_S))
    due = time.monotonic()
    for shift in cycle(range(SHIFTS)):
        frame = ibeacon_report(ADDRESS, NEAR_DBM, card(number + shift * MEMBERS))
        for _ in range(int(NEAR_S / STEP_S)):
            await antenna.send(frame)
            due += STEP_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += AWAY_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))


# The clients: no library, so that 200 of them fit into a process


def number_of(value: int) -> bytes:
    """Write a variable byte integer (MQTT 5, section 1.5.5)."""
    low, high = value & 0x7F, value >> 7
    return bytes([low]) if not high else bytes([low | 0x80]) + number_of(high)


def text(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + number_of(len(body)) + body


class Subscriber(asyncio.Protocol):
    """One user: subscribes with QoS 1, acknowledges, notes how late each event came and whether one is missing."""

    def __init__(self, user: str, password: str, filters: list[str], status: str) -> None:
        self.late: list[float] = []
        self.missing = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._user, self._password, self._filters, self._status = user, password, filters, status
        self._buffer = bytearray()
        self._last: dict[bytes, int] = {}
        self.stopped = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        properties = b"\x21" + struct.pack(">H", 1 if self._user == SLOW else 64)  # Receive Maximum
        body = text("MQTT") + b"\x05\xc2" + struct.pack(">H", KEEP_ALIVE_S) + number_of(len(properties)) + properties
        transport.write(packet(0x10, body + text(self._user) + text(self._user) + text(self._password)))

    def connection_lost(self, _: Exception | None) -> None:
        self.stopped = True

    def ping(self) -> None:
        if not self.stopped and self._transport.is_reading():
            self._transport.write(b"\xc0\x00")

    def leave(self) -> None:
        self._transport.abort()

    def die(self) -> None:
        """Stay connected and never read again."""
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at = 0
        while (found := self._packet(at)) is not None:
            first, start, at = found
            self._take(first, bytes(self._buffer[start:at]))
        del self._buffer[:at]

    def _packet(self, at: int) -> tuple[int, int, int] | None:
        """Return a packet's first byte and where its body begins and ends; None while it is not whole."""
        size = shift = 0
        for place in range(at + 1, min(at + 5, len(self._buffer))):
            byte = self._buffer[place]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                end = place + 1 + size
                return (self._buffer[at], place + 1, end) if end <= len(self._buffer) else None
        return None

    def _take(self, first: int, body: bytes) -> None:
        match first >> 4:
            case 2:
                if body[1]:
                    self.ready.set_exception(ConnectionRefusedError(f"{self._user}: {body[1]:#x}"))
                    return
                filters = b"".join(text(topic) + b"\x01" for topic in self._filters)
                self._transport.write(packet(0x82, b"\x00\x01\x00" + filters))
            case 9:
                if self._status:
                    self._transport.write(packet(0x31, text(self._status) + b"\x00" + b'{"state": "online"}'))
                self.ready.set_result(None)
            case 3:
                self._arrived(body)

    def _arrived(self, body: bytes) -> None:
        now = time.time()
        size = 2 + int.from_bytes(body[:2], "big")
        acknowledgement = b"\x40\x02" + body[size : size + 2]
        if self._user == SLOW:
            asyncio.get_running_loop().call_later(SLOW_ACK_S, self._transport.write, acknowledgement)
            return
        self._transport.write(acknowledgement)
        number = body.find(b'"sequence":"') + 12
        sequence = int(body[number : number + 16])
        self.missing += max(0, sequence - self._last.get(body[:size], sequence - 1) - 1)
        self._last[body[:size]] = sequence
        begun = body.find(b'"time":"') + 8
        self.late.append(now - datetime.fromisoformat(body[begun : begun + 29].decode()).timestamp())


def _same(subscriber: Subscriber) -> Subscriber:
    return subscriber


async def subscribe(port: int, ca_file: str, users: dict[str, list[Any]]) -> dict[str, Subscriber]:
    context = ssl.create_default_context(cafile=ca_file)
    found: dict[str, Subscriber] = {}
    for user, (password, filters, status) in users.items():
        subscriber = found[user] = Subscriber(user, password, filters, status)
        await asyncio.get_running_loop().create_connection(partial(_same, subscriber), "127.0.0.1", port, ssl=context)
        await subscriber.ready
    return found


async def listen(port: int, ca_file: str, users: dict[str, list[Any]], seconds: float) -> None:
    """Measure in turn all who keep up alone, and beside the slow one and the dead one; print it as JSON."""
    harmful = {user: users.pop(user) for user in (SLOW, DEAD)}
    good = await subscribe(port, ca_file, users)
    await pinging(good, WARM_S)
    for one in good.values():
        one.late, one.missing = [], 0
    halves = [Half(late={"badge": [], "back": []}, missing=0, events=0) for _ in range(2)]
    for _ in range(TURNS):
        for half, beside in zip(halves, ({}, harmful), strict=True):
            bad = await subscribe(port, ca_file, beside)
            if DEAD in bad:
                bad[DEAD].die()
            await pinging(good | bad, seconds / TURNS)
            half["events"] += max(len(one.late) for one in good.values())
            for user, one in good.items():
                half["late"]["badge" if "badge" in user else "back"] += one.late
                half["missing"] += one.missing
                one.late, one.missing = [], 0
            for one in bad.values():
                one.leave()
    if any(one.stopped for one in good.values()):
        raise ConnectionError("the broker ended a connection")
    print(json.dumps(halves), flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)  # until the other side has looked at what this one cost


async def pinging(subscribers: dict[str, Subscriber], seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, KEEP_ALIVE_S / 3))
        for one in subscribers.values():
            one.ping()


# Both together


def users() -> Iterator[tuple[tuple[str, ...], str, list[str], str]]:
    """Yield how each user is added, its name, what it subscribes to, and where a device says that it is online."""
    for number in range(BADGES):
        name, group = f"badge-{number}", f"g{number % DOORS}"
        yield (
            ("device", SHOP, name, group),
            f"{SHOP}.{name}",
            [f"{TOPICS}/alerts/{group}"],
            f"{TOPICS}/devices/{name}/status",
        )
    for number in range(BACK_ENDS):
        name = f"back-{number}"
        yield ("back-end", SHOP, name), f"{SHOP}.{name}", [f"{TOPICS}/visits", f"{TOPICS}/alerts/+"], ""


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used so far (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Half(TypedDict):
    """What the clients found: seconds late by kind of client, events that were missing, and events."""

    late: dict[str, list[float]]
    missing: int
    events: int


async def play(folder: Path, broker: ShopBroker, seconds: float) -> tuple[list[Half], dict[str, float]]:
    """Return both halves, and the share of a core that each process took."""
    daemon = VirtualDaemon(folder / "shop", broker.url, configuration())
    (daemon.folder / "load.yaml").write_text(for_each_door(RULE, ""))
    daemon.put(*(a_member(f"member-{n}", card(n)) for n in range(MEMBERS * SHIFTS)))
    told = {user: [broker.passwords[user], filters, status] for _, user, filters, status in users()}
    with ExitStack() as stack:
        antennas = [stack.enter_context(Antenna(daemon.folder / f"r{number}.sock")) for number in range(DOORS)]
        stack.enter_context(daemon)
        async with asyncio.timeout(STARTING_S):
            for antenna in antennas:
                await antenna.connected()
        clients = stack.enter_context(start_clients(broker, seconds))
        stack.callback(clients.terminate)
        halves = asyncio.create_task(asyncio.to_thread(follow, clients, json.dumps(told)))
        walking = [asyncio.create_task(walk(antennas[number % DOORS], number)) for number in range(MEMBERS)]
        processes = {"gateway": daemon._process, "broker": broker._process, "clients": clients}
        pids = {name: process.pid for name, process in processes.items() if process}
        began, before = time.monotonic(), {name: cpu_s(pid) for name, pid in pids.items()}
        found = await halves
        elapsed = time.monotonic() - began
        shares = {name: (cpu_s(pid) - before[name]) / elapsed for name, pid in pids.items()}
        for task in walking:
            task.cancel()
    return found, shares


def start_clients(broker: ShopBroker, seconds: float) -> Popen[str]:
    arguments = [__file__, "--listen", str(broker.secure_port), str(broker.ca_file), str(seconds)]
    return Popen([sys.executable, *arguments], stdin=PIPE, stdout=PIPE, text=True)


def follow(clients: Popen[str], told: str) -> list[Half]:
    """Tell the clients who they are, and wait for what they found."""
    if clients.stdin is None or clients.stdout is None:
        raise RuntimeError("no pipe to the clients")
    clients.stdin.write(told + "\n")
    clients.stdin.flush()
    found: list[Half] = json.loads(clients.stdout.readline())
    return found


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--listen"]:
        asyncio.run(listen(int(arguments[1]), arguments[2], json.loads(sys.stdin.readline()), float(arguments[3])))
        return 0
    seconds = float(arguments[0]) if arguments else SECONDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with shop_broker(folder / "broker", *(how for how, *_ in users())) as broker:
            (alone, beside), shares = asyncio.run(play(folder, broker, seconds))
    say(f"{BADGES} devices in {DOORS} groups and {BACK_ENDS - 2} back ends over TLS, {seconds:.0f} s\n")
    for title, found in (("alone", alone), ("beside a slow and a dead client", beside)):
        say(f"{title}\n")
        deliveries = Counter({kind: len(late) for kind, late in found["late"].items()})
        line("  events", found["events"] / seconds, "a second")
        line("  deliveries", deliveries.total() / seconds, "a second")
        for kind, who in (("badge", "device"), ("back", "back end")):
            for share, word in ((0.5, "p50"), (0.99, "p99")):
                line(f"  from frame to {who}, {word}", quantile(found["late"][kind], share) * 1e3, "ms")
        line("  events missed", found["missing"], "")
    say("of a core, all the time\n")
    for name, share in shares.items():
        line(f"  {name}", share * 100, "%")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
