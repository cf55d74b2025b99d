"""Keeps what is in memory there: no core dump, no swap. Strangers' addresses may be nowhere else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4


def forbid_dumps() -> None:
    """Let no core dump be written, whatever happens."""
    with contextlib.suppress(OSError, ValueError):  # a sandbox may have seen to it, and allow no more
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def lock_memory() -> bool:
    """Keep all pages out of swap, as they are touched (mlockall(2)); return whether that is so.

    Under a limit nothing is locked: what is allocated beyond it would fail.
    """
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY and os.geteuid() != 0:
        return False
    return bool(ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
