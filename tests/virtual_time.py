"""An event loop whose clock jumps to what is due next as soon as nothing real is going on: hours pass in seconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

QUIET_S = 0.002
"""How long, in real time, sockets must be silent before virtual time moves on."""


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.stands = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(1.0 if self.stands else QUIET_S)
        if not ready and not self.stands:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Sleeps and timeouts are virtual, sockets are real; `time` is the virtual clock."""

    def __init__(self) -> None:
        self._hours = _Selector()
        super().__init__(self._hours)

    def time(self) -> float:
        return self._hours.now

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let virtual time stand still, for something real that must be waited for."""
        self._hours.stands = True
        try:
            yield
        finally:
            self._hours.stands = False


def play_in_virtual_time(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene to its end on a virtual clock."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scene)
