"""A real mosquitto for tests, on a free port of loopback, in a folder of its own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

START_S = 10.0


class VirtualBroker:
    """A mosquitto process that keeps its sessions and port over a restart; `config` is added to its configuration."""

    def __init__(self, folder: Path, config: str = "allow_anonymous true") -> None:
        self.folder = folder
        self.port = free_port()
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def start(self) -> None:
        """Start, and return when connections are accepted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join(self.settings()) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([_mosquitto(), "-c", str(path)], stdout=log, stderr=log)
        self._await_port()

    def settings(self) -> list[str]:
        """Return the lines of its configuration."""
        return [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {self.folder}/",
            *([] if "max_queued_messages" in self._config else ["max_queued_messages 0"]),  # none is dropped
            *(["user root"] if os.geteuid() == 0 else []),
            self._config,
        ]

    def stop(self) -> None:
        """End it in an orderly way: sessions are saved."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        """Let it read passwords and access list again, as `systemctl reload` does."""
        self._signal(signal.SIGHUP)

    def freeze(self) -> None:
        """Let it stand still with its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            deadline = time.monotonic() + START_S
            while True:  # one that has only just begun to listen may lose its first signal
                self._process.send_signal(number)
                try:
                    self._process.wait(1.0)
                    break
                except subprocess.TimeoutExpired:
                    assert time.monotonic() < deadline, self.log
            self._process = None

    def _await_port(self) -> None:
        await_port(self.port, lambda: self._process is None or self._process.poll() is not None, lambda: self.log)


def await_port(port: int, failed: Callable[[], bool] = lambda: False, why: Callable[[], str] = lambda: "") -> None:
    """Wait until connections to a port of loopback are accepted. Raises AssertionError."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and not failed():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise AssertionError(f"no broker listens:\n{why()}")


@contextmanager
def running_broker(folder: Path, config: str = "allow_anonymous true") -> Iterator[VirtualBroker]:
    """Run a broker as long as the block; skips the test where mosquitto is not installed."""
    broker = VirtualBroker(folder, config)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def _mosquitto() -> str:
    found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("mosquitto is not installed")
    return found


def free_port() -> int:
    """Return a port that nobody has, below those that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
