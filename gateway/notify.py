"""Tell systemd how the daemon fares: sd_notify(3), spoken without a library."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

MICROSECONDS = 1_000_000


class Notifier:
    """Sends states to the service manager; without one, or when it does not listen, nothing happens.

    `watchdog_s` is how often `alive` is to be called, in seconds: half the time after which the service manager
    takes the daemon for hung (sd_watchdog_enabled(3)). None where no watchdog watches.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.watchdog_s = _watchdog_s(environment)
        self._address = _socket_address(environment.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    def ready(self) -> None:
        """Say that starting is over."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that the daemon is about to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog. To be called on progress, not on the clock alone."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._send("STATUS=" + " ".join(text.split()))

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, state: str) -> None:
        if self._socket and self._address:
            # A service manager that is away or behind is no reason to stop ringing.
            with contextlib.suppress(OSError):
                self._socket.sendto(state.encode(), self._address)


def _socket_address(name: str) -> str:
    """Return the address for `sendto`; empty for none and for kinds other than paths and abstract names."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    watched, interval = environment.get("WATCHDOG_PID", ""), environment.get("WATCHDOG_USEC", "")
    if watched not in ("", str(os.getpid())) or not (interval.isascii() and interval.isdigit() and int(interval)):
        return None
    return int(interval) / MICROSECONDS / 2
