"""A network of one's own: a network namespace in which there is nothing but what a test puts there."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_CLONE_NEWNET = 0x40000000


def why_not() -> str:
    """Return why there can be no such network here; nothing when there can."""
    try:
        _apart(lambda: None)
    except OSError as error:
        return f"needs the right to make a network namespace: {error.strerror}"
    return ""


def run_apart(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene on a thread that alone is in the new network, with all that it starts."""
    _apart(lambda: asyncio.run(scene))


def _apart(work: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_leave).result()
        pool.submit(work).result()


def _leave() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
