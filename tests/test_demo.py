"""The demo as its user runs it: every step is seen on MQTT, and nothing is left behind."""

import signal
import subprocess
from pathlib import Path

import pytest
from virtual_daemon import COMMAND, environment

WORDS = [
    *("online", "crowd", "alert", "alert", "claim", "silence", "offer"),
    *("crash", "degraded", "online", "removed", "audit"),
]


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


def test_every_step_is_seen_in_order_and_nothing_of_strangers_is_found(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--fast"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "mosquitto_sub" in lines[6]
    assert [line.split()[0] for line in lines[8:]] == WORDS
    assert "0 found" in lines[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_ended_early_leaves_no_process_and_no_file(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    demo = subprocess.Popen(
        [*COMMAND, "demo", "--fast"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    while "online" not in demo.stdout.readline():
        assert demo.poll() is None
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=30)
    assert (demo.returncode, errors) == (status, "")
    assert children_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
