from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(2)
        yield listening


def notifier_for(manager: socket.socket) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": manager.getsockname()})


def test_the_life_of_a_daemon_is_told_in_order(manager: socket.socket) -> None:
    notifier = notifier_for(manager)
    notifier.ready()
    notifier.status("hearing with 2 receivers")
    notifier.alive()
    notifier.stopping()
    notifier.close()
    told = [manager.recv(1024) for _ in range(4)]
    assert told == [b"READY=1", b"STATUS=hearing with 2 receivers", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_status_stays_on_its_line(manager: socket.socket) -> None:
    notifier = notifier_for(manager)
    notifier.status("雨天\nREADY=1")
    notifier.close()
    assert manager.recv(1024) == "STATUS=雨天 READY=1".encode()


def test_an_abstract_socket_is_spoken_to() -> None:
    name = f"hushbell-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(2)
        notifier = Notifier({"NOTIFY_SOCKET": "@" + name})
        notifier.ready()
        notifier.close()
        assert manager.recv(1024) == b"READY=1"


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative/path", "/nobody/listens/here", "/" + 200 * "x"])
def test_without_a_manager_that_listens_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.close()


def test_a_manager_that_does_not_read_holds_nobody_up(manager: socket.socket) -> None:
    notifier = notifier_for(manager)
    for _ in range(10_000):
        notifier.alive()
    notifier.close()
    assert manager.recv(1024) == b"WATCHDOG=1"


def test_a_closed_notifier_is_silent(manager: socket.socket) -> None:
    notifier = notifier_for(manager)
    notifier.close()
    notifier.ready()
    notifier.close()
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(1024)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "me"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_at_twice_its_pace(environment: dict[str, str], seconds: float | None) -> None:
    assert Notifier(environment).watchdog_s == seconds
