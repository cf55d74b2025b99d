"""Members' own keys to the network, in the file that hostapd's `wpa_psk_file` names: in memory, and always true."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from drivers.driver import Clock
from gateway.identity.member import Member

log = logging.getLogger("hushbell")

MOST_KEYS = 2000
"""hostapd tries one after the other while a phone waits to join."""

LONGEST_NAME = 31
"""hostapd cuts longer ones off, and would take one member for another (2.10, src/ap/ap_config.h, KEYID_LEN)."""

AGAIN_S = 5.0
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_ANY_PHONE = "00:00:00:00:00:00"


class Key(NamedTuple):
    """A key by its name, and when its member may use it: from `since` on (seconds since the epoch)."""

    name: str
    psk: bytes
    since: float

    def __repr__(self) -> str:
        return "<Key>"


def derive_psk(passphrase: str, ssid: str) -> bytes:
    """Return the key that a passphrase stands for on a network (IEEE 802.11-2020, J.4.1)."""
    return hashlib.pbkdf2_hmac("sha1", passphrase.encode(), ssid.encode(), 4096, 32)


def keys_of(member: Member) -> tuple[Key, ...]:
    """Return the keys with which a member who agreed to be recognised may join."""
    if "recognise" not in member.purposes():
        return ()
    since = member.paused_until or -math.inf
    return tuple(
        Key(credential.identity.decode(), credential.psk, since)
        for credential in member.credentials
        if credential.kind == "wifi-key" and credential.psk and len(credential.identity) <= LONGEST_NAME
    )


def written(keys: Iterable[Key], now: float) -> str:
    """Write the keys that count now, as hostapd reads them; of two that are the same key the first."""
    found: dict[bytes, str] = {}
    for key in keys:
        if key.since <= now and len(found) < MOST_KEYS:
            found.setdefault(key.psk, key.name)
    return "".join(f"keyid={name} {_ANY_PHONE} {psk.hex()}\n" for psk, name in found.items())


class KeyRing:
    """Follows members, and keeps the file and hostapd as they are."""

    def __init__(self, path: Path, reload: Callable[[], None], clock: Clock) -> None:
        self._path = path
        self._reload = reload
        self._clock = clock
        self._keys: dict[str, tuple[Key, ...]] = {}  # by member
        self._news = asyncio.Event()
        self._news.set()
        self._text: str | None = None

    def changed(self, put: Sequence[Member], removed: Sequence[str]) -> None:
        """Take that members were put, or went."""
        for member in put:
            if keys := keys_of(member):
                self._change(member.id, keys)
            else:
                self._change(member.id, None)
        for member_id in removed:
            self._change(member_id, None)

    def _change(self, member_id: str, keys: tuple[Key, ...] | None) -> None:
        if self._keys.get(member_id) == keys:
            return
        if keys is None:
            del self._keys[member_id]
        else:
            self._keys[member_id] = keys
        self._news.set()

    async def run(self) -> None:
        """Keep the file until cancelled; where it cannot be written, try again."""
        while True:
            self._news.clear()
            wait_s = self._keep()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    def _keep(self) -> float | None:
        """Write the file where it is to be another; return in how many seconds to look again."""
        now = self._clock()
        text = written(self._all(), now)
        try:
            if text != self._text:
                write_in_memory(self._path, text)
                self._reload()
                self._text = text
        except OSError as error:
            log.error("members' keys cannot be written to %s: %s", self._path, error.strerror)
            return AGAIN_S
        return min((key.since - now for key in self._all() if key.since > now), default=None)

    def _all(self) -> Iterator[Key]:
        return (key for keys in self._keys.values() for key in keys)


def write_in_memory(path: Path, text: str) -> None:
    """Put a text that only its owner may read in the place of a file, whole or not at all.

    Raises OSError, also where the file would lie on a disk.
    """
    folder = path.parent.resolve(strict=True)
    if not is_in_memory(folder):
        raise OSError(0, "this folder is not in memory, expected one such as /run/hushbell")
    new = folder / f".{path.name}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    new.replace(folder / path.name)


def is_in_memory(folder: Path) -> bool:
    """Tell whether a folder lies in memory, by the mounts as the kernel lists them (proc(5))."""
    kinds: dict[Path, str] = {}
    for line in Path("/proc/self/mounts").read_text(errors="replace").splitlines():
        _, target, kind, *_ = line.split(" ")
        kinds[Path(target.replace("\\040", " "))] = kind
    return next((kinds[place] for place in (folder, *folder.parents) if place in kinds), "") in IN_MEMORY
