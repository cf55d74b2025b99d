"""What the daemon keeps in memory by how many members there are, and what it takes to start commands.

Run it from the project's root: `python benchmarks/footprint.py [MOST_MEMBERS]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import line, quantile, say  # noqa: E402
from virtual_broker import running_broker  # noqa: E402
from virtual_daemon import CARD, COMMAND, VirtualDaemon, a_member, environment  # noqa: E402

from drivers.frames import ibeacon_report, probe_request  # noqa: E402

# A child's ru_maxrss begins with what its parent had, VmHWM with its own program.
_CONFESSION = """
import atexit, resource, sys
def confess():
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]
    print(used.ru_utime + used.ru_stime, peak, file=sys.stderr)
atexit.register(confess)
"""
_MAIN = "from gateway.cli import main\nmain()"

REPEATS = 7
SETTLING_S = 20.0
"""What is done once after a start, such as looking who has not come for long, is over by then."""

FLOOD = 100_000
HEAVY = ("yaml", "cel_expr_python", "paho.mqtt.client", "aiosqlite", "bleak", "scapy.arch.linux", "zoneinfo")


def start(code: str, *arguments: str) -> tuple[float, float]:
    """Return the CPU seconds and the megabytes that a child takes from its start to its end."""
    child = [sys.executable, "-c", f"{_CONFESSION}{code}", *arguments]
    done = subprocess.run(child, env=environment(), capture_output=True, text=True, check=True)
    cpu, kilobytes = done.stderr.split()[-2:]
    return float(cpu), int(kilobytes) / 1024


def say_starts() -> None:
    shop = str(ROOT / "config/examples/one-radio-shop.yaml")
    say("a command from start to end (medians)\n")
    for name, arguments in (("--help", ["--help"]), ("check", ["check", shop])):
        found = [start(_MAIN, *arguments) for _ in range(REPEATS)]
        line(f"  hushbell {name}", quantile([cpu for cpu, _ in found], 0.5) * 1e3, "ms of CPU")
        line(f"  hushbell {name}", quantile([size for _, size in found], 0.5), "MB at most")
    say("what an import costs, in an interpreter of its own (medians)\n")
    for module in ("sys", *HEAVY):
        found = [start(f"import {module}") for _ in range(REPEATS)]
        line(f"  {module}", quantile([cpu for cpu, _ in found], 0.5) * 1e3, "ms of CPU")
        line(f"  {module}", quantile([size for _, size in found], 0.5), "MB")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def spent_s(pid: int) -> float:
    """Return the CPU time of a process, user's and system's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def members(count: int) -> list[dict[str, object]]:
    return [
        a_member(
            f"member-{number}", CARD[:-4] + number.to_bytes(4, "big"), attributes={"tier": "gold", "points": number}
        )
        for number in range(count)
    ]


def _put(folder: Path, count: int) -> None:
    file = folder / "members.jsonl"
    file.write_text("".join(json.dumps(member) + "\n" for member in members(count)))
    put = [*COMMAND, "members", "put", str(file), "--config", "hushbell.yaml"]
    subprocess.run(put, cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)


async def say_daemon(folder: Path, url: str, count: int) -> None:
    """Enrol, start, flood; say what is resident after each."""
    shop = VirtualDaemon(folder, url)
    if count:
        begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        _put(folder, count)
        line(f"  {count} members: put", resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun, "s of CPU")
    for start in (1, 2):
        since = time.monotonic()
        with shop:
            await asyncio.wait_for(shop.hearing(), 300)
            pid = shop._process.pid if shop._process else 0
            line(f"  {count} members, start {start}: to hearing", time.monotonic() - since, "s")
            line(f"  {count} members, start {start}: CPU by then", spent_s(pid), "s")
            await asyncio.sleep(SETTLING_S)
            line(f"  {count} members, start {start}: resident", resident_mb(pid), "MB")
            if start == 2:
                await say_floods(shop, pid, count)


async def say_floods(shop: VirtualDaemon, pid: int, count: int) -> None:
    """Send frames from ever new addresses; say what is resident after each flood."""
    for turn in (1, 2):
        since = time.monotonic()
        for number in range(FLOOD):
            address = (turn << 40 | 2 << 32 | number).to_bytes(6, "big")
            if number % 2:
                await shop.air.send(probe_request(address, -60))
            else:
                await shop.door.send(ibeacon_report(address, -60, bytes(14) + address))
        note = f"{FLOOD / (time.monotonic() - since):.0f} a second"
        line(f"  {count} members: resident after flood {turn}", resident_mb(pid), "MB", note)


def main(arguments: list[str]) -> int:
    most = int(arguments[0]) if arguments else 100_000
    say_starts()
    say(f"the daemon, and floods of {FLOOD} frames from as many addresses\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_broker(folder / "broker") as broker:
            for count in (0, most):
                asyncio.run(say_daemon(folder / str(count), broker.url, count))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
