"""The real daemon as a child process, in a folder with a shop's configuration and virtual antennas."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.frames import ibeacon_report, probe_request
from drivers.simulator import Antenna

COMMAND = [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())"]
PROJECT = Path(__file__).resolve().parent.parent

CARD = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817")
ADDRESS = b"\xc0\0\0\0\0\1"
WINDOW_DBM, DOOR_DBM = -80, -50
STOP_S = 15.0
HEARING_S = 30.0

CONFIG = """\
store: {{id: lilac-01, timezone: Asia/Shanghai}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "{url}"}}
receivers: [{{id: door, driver: simulator, socket: door.sock}}, {{id: air, driver: simulator, socket: air.sock}}]
zones:
  - {{id: pavement, kind: outside, hear: [{{receiver: door, at_least: -88}}, {{receiver: air, at_least: -90}}]}}
  - {{id: entrance, kind: door, hear: [{{receiver: door, at_least: -70}}]}}
presence: {{leave_after: 2 s}}
"""

RECEIPT = {"text": "0" * 64, "language": "zh", "act": "card held to the door", "at": "2025-11-01T09:00:00+08:00"}


def a_member(name: str = "oX3f-91c2", card: bytes = CARD, **more: Any) -> dict[str, Any]:
    """Return a member with one card, who agreed to everything."""
    uuid = card[:16].hex()
    return {
        "member": name,
        "credentials": [
            {
                "kind": "ibeacon",
                "uuid": f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}",
                "major": int.from_bytes(card[16:18], "big"),
                "minor": int.from_bytes(card[18:], "big"),
            }
        ],
        "consent": [{"purpose": purpose, **RECEIPT} for purpose in ("recognise", "zones", "offers")],
        "greeting": "王女士",
        **more,
    }


def hushbell(*arguments: str, folder: Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def children_in(folder: Path) -> list[str]:
    """Return the command lines of processes that work in a folder or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(folder):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8", **more}


class VirtualDaemon:
    """A shop's folder, its antennas, and `hushbell run` in it, as often as it is started."""

    def __init__(self, folder: Path, url: str, config: str = CONFIG, **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.door = Antenna(folder / "door.sock")
        self.air = Antenna(folder / "air.sock")
        self._environment = environment(**variables)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "hushbell.yaml").write_text(config.format(url=url), encoding="utf-8")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def memory(self) -> bytes:
        """Return all that the running daemon has in memory of its own. Raises OSError without the right to look."""
        pid = self._process.pid if self._process else 0
        spans = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
        found = []
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for start, end in (span[0].split("-") for span in spans if span[1].startswith("rw")):
                memory.seek(int(start, 16))
                found.append(memory.read(int(end, 16) - int(start, 16)))
        return b"".join(found)

    def put(self, *members: dict[str, Any]) -> None:
        """Put members by the command line."""
        file = self.folder / "members.jsonl"
        file.write_text("".join(json.dumps(member) + "\n" for member in members), encoding="utf-8")
        done = hushbell("members", "put", str(file), "--config", "hushbell.yaml", folder=self.folder)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "run", "--config", "hushbell.yaml"],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it in an orderly way; return its exit status."""
        return self._end(signal.SIGTERM)

    def reload(self) -> None:
        """Ask for the rules to be read anew."""
        if self._process:
            self._process.send_signal(signal.SIGHUP)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        process, self._process = self._process, None
        return process.wait(STOP_S)

    def __enter__(self) -> VirtualDaemon:
        self.door.appear()
        self.air.appear()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.door.vanish()
        self.air.vanish()

    async def hearing(self) -> None:
        """Wait until both radios are connected. Raises TimeoutError."""
        async with asyncio.timeout(HEARING_S):
            await self.door.connected()
            await self.air.connected()

    async def stand(self, dbm: int, seconds: float, card: bytes = CARD) -> None:
        """Let a card send ten adverts a second."""
        for _ in range(round(seconds * 10)):
            await self.door.send(ibeacon_report(ADDRESS, dbm, card))
            await asyncio.sleep(0.1)

    async def walk_in(self, card: bytes = CARD) -> None:
        """Come to the window and then to the door, once the radios are connected."""
        await self.hearing()
        await self.stand(WINDOW_DBM, 0.8, card)
        await self.stand(DOOR_DBM, 3.0, card)

    async def strangers(self, addresses: Sequence[bytes], ssid: bytes) -> None:
        """Let strangers' phones look for networks."""
        for address in addresses:
            await self.air.send(probe_request(address, -70, ssid=ssid))
