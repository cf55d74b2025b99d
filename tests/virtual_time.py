"""An event loop whose clock jumps to what is due next as soon as nothing real is going on: hours pass in seconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

QUIET_S = 0.002
"""How long, in real time, sockets must be silent before virtual time moves on, where nobody tells who is busy."""

Busy = Callable[[], bool]
"""Tells whether some other process has something to do, and so may still send something."""


class _Selector(selectors.DefaultSelector):
    def __init__(self, busy: Busy | None) -> None:
        super().__init__()
        self.now = 0.0
        self.stands = False
        self._busy = busy

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = self._wait()
        if not ready and not self.stands:
            self.now += timeout
        return ready

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets until nothing more can come: who sleeps has sent already what he had to send."""
        if self.stands:
            return super().select(1.0)
        while self._busy is not None and self._busy():
            if ready := super().select(QUIET_S):
                return ready
        return super().select(QUIET_S if self._busy is None else 0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Sleeps and timeouts are virtual, sockets are real; `time` is the virtual clock."""

    def __init__(self, busy: Busy | None = None) -> None:
        self._hours = _Selector(busy)
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


def play_in_virtual_time(scene: Coroutine[Any, Any, None], busy: Busy | None = None) -> None:
    """Run a scene to its end on a virtual clock, which stands while somebody is `busy`."""
    with asyncio.Runner(loop_factory=partial(VirtualTimeLoop, busy)) as runner:
        runner.run(scene)
