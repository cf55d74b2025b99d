"""Reading in gulps: a busy socket wakes the loop at most every so often, and never holds it for long."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from socket import socket
from typing import Any, Final

REST_S: Final = 0.02
"""How long a busy socket rests between gulps: what is heard then is told so much later at most."""

MOST_MESSAGES: Final = 32
"""How many messages are taken before everybody else on the loop has a turn."""

_BUSY_S: Final = 1.5 * REST_S
"""A socket is busy when there is something to read so soon after the last time."""


class Gulps:
    """Takes the place of a socket's reader until the socket is closed.

    A wake-up costs far more than reading what one message holds, so several messages are worth waiting for. Where
    they come seldom nothing waits. `read` gives the next message, or None where there is no whole one; `take` is
    called with each, and `fail` with what either raised.
    """

    def __init__(
        self,
        sock: socket,
        read: Callable[[], Any],
        take: Callable[[Any], object],
        fail: Callable[[Exception], object],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._read = read
        self._take = take
        self._fail = fail
        self._last = -math.inf
        self._goes_on = False
        self._loop.add_reader(sock, self.gulp)

    def gulp(self) -> None:
        """Take what is there, or go on in the next turn; rest afterwards where there was something soon."""
        if self._goes_on or not self._is_open():
            return
        try:
            for _ in range(MOST_MESSAGES):
                message = self._read()
                if message is None:
                    break
                self._take(message)
            else:
                self._goes_on = True
                self._loop.call_soon(self._go_on)  # by ourselves: what is read from the socket already wakes nobody
                return
        except Exception as error:
            self._fail(error)
            return
        before, self._last = self._last, self._loop.time()
        if self._last - before < _BUSY_S and self._is_open():
            self._loop.remove_reader(self._socket)
            self._loop.call_later(REST_S, self._resume)

    def _go_on(self) -> None:
        self._goes_on = False
        self.gulp()

    def _resume(self) -> None:
        if self._is_open():
            self._loop.add_reader(self._socket, self.gulp)

    def _is_open(self) -> bool:
        return self._socket.fileno() >= 0
