"""The demo as its user runs it: every step is seen on MQTT, and nothing is left behind."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from pathlib import Path

import pytest
from virtual_client import SHOP, VirtualClient
from virtual_daemon import COMMAND, children_in, environment

from gateway.demo import story
from gateway.demo.cast import Seen
from gateway.demo.scenes import SCENES
from gateway.demo.wire import Wire
from rules.chinese import CHINESE

WORDS = [
    *("online", "crowd", "alert", "alert", "claim", "silence", "offer"),
    *("crash", "degraded", "online", "removed", "audit"),
]


def test_every_step_is_seen_in_order_as_described_and_nothing_of_strangers_is_found(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo", "--fast"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        head = [demo.stdout.readline() for _ in range(7)]
        invitation = re.search(r"mosquitto_sub .* -p (\d+) -t '([^']+)'", head[6])
        assert invitation is not None
        with VirtualClient(int(invitation[1]), "listener", invitation[2]) as listener:
            output, errors = demo.stdout.read(), demo.stderr.read()
            assert (demo.wait(timeout=60), errors) == (0, ""), output
            listener.wait_until(lambda: all(listener.on(SHOP + end) for end in ("alerts/floor", "visits", "crowd")))
    lines = output.splitlines()
    assert [line.split()[0] for line in lines[1:]] == WORDS
    assert "0 found" in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_every_scene_is_told_in_the_readers_language_from_what_was_seen(tmp_path: Path) -> None:
    chinese = environment(TMPDIR=str(tmp_path), LC_ALL="zh_CN.UTF-8", PYTHONUTF8="1")
    with subprocess.Popen(
        [*COMMAND, "demo", "--all", "--fast"],
        cwd=tmp_path,
        env=chinese,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        invitation = re.search(r"mosquitto_sub .* -p (\d+) -t '([^']+)'", demo.stdout.readline())
        assert invitation is not None
        with VirtualClient(int(invitation[1]), "listener", invitation[2]) as listener:
            output, errors = demo.stdout.read(), demo.stderr.read()
            assert (demo.wait(timeout=60), errors) == (0, "")
            listener.wait_until(lambda: listener.on("replies/back-end/bye"))
            heard = b"".join(message.payload for message in listener.received).decode()
    lines = output.split("\n")
    titles = [line for line in lines if re.match(r"[ \d]\d  ", line)]
    assert titles == [f"{scene.number:>2}  {CHINESE[scene.name]}" for scene in SCENES]
    said = [line for line in lines if line.startswith("      发出")]
    assert len(said) >= len(SCENES) - 1
    for alert in re.findall(r"(?:short|long): (.+) \(", "\n".join(said)):
        assert alert in heard
    told = [line for line in lines if line.startswith("      ") and line not in said]
    assert [line for line in told if not re.search("[\u4e00-\u9fff]", line[10:])] == []
    assert list(tmp_path.iterdir()) == []


class SlowStart:
    """A gateway that takes its time to start, on a clock of the test's, and the narrator who sees it."""

    def __init__(self, folder: Path, took_s: float) -> None:
        self.now, self.took_s = 1_763_791_200.0, took_s
        self.offsets: list[float] = []
        self.ended = 0
        self.story = story.Story(folder, 1, Wire(1), fast=True)

    def gateway(self, _: Path, offset_s: float) -> SlowStart:
        self.offsets.append(offset_s)
        return self

    async def start(self) -> None:
        self.now += self.took_s
        online = b'{"state": "online", "receivers": {"door": "hearing"}}'
        self.story._narrator.seen.append(Seen(self.now, story.STATUS, online))

    async def end(self, _: signal.Signals) -> None:
        self.ended += 1

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("took_s", "ended"), [(1.0, 0), (4.0, 0), (5.0, 1), (20.0, 1), (59.0, 1)])
def test_however_slow_the_start_strangers_pass_before_the_quarter_of_an_hour_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took_s: float, ended: int
) -> None:
    slow = SlowStart(tmp_path, took_s)
    monkeypatch.setattr(story, "clock", slow)
    monkeypatch.setattr(story, "Daemon", slow.gateway)
    asyncio.run(slow.story._start())
    assert slow.ended == ended
    assert slow.offsets == sorted(set(slow.offsets)), "its clock never goes back"
    left_s = -(slow.now + slow.offsets[-1]) % story.QUARTER_S
    assert 5.5 <= left_s <= 5.5 + max(took_s, 4.0)


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
