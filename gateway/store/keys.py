"""Where the keys are that members are sealed with: among systemd's credentials, else in a file in the state folder."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gateway.folders import settle
from gateway.store.database import Reason, StoreError, give_to_owner
from gateway.store.sealing import KEY_BYTES, name_of
from rules.messages import say_why

FILE = "hushbell.key"
CREDENTIAL, FORMER = "hushbell-key", "hushbell-key-old"
OF_SERVICE = Path("/run/credentials/hushbell.service")
"""Where commands find the daemon's credentials, while it runs and they run as its user (systemd.exec(5))."""

_KEY = re.compile(f"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")


class Keys(NamedTuple):
    """Keys by where they come from: given to this very process, in the state folder, and others that may open."""

    given: tuple[bytes, ...]
    file: tuple[bytes, ...]
    others: tuple[bytes, ...]

    def first(self, under: bytes | None) -> bytes | None:
        """Return the key to seal with, where values are sealed under the one of this name; None where there is none.

        Only whoever is given a key by systemd changes to it, so that a command never takes a step back.
        """
        if self.given or (self.file and (under is None or under in map(name_of, self.file))):
            return (*self.given, *self.file)[0]
        return next((key for key in self.all if name_of(key) == under), None)

    @property
    def all(self) -> tuple[bytes, ...]:
        return (*self.given, *self.file, *self.others)


def find_keys(folder: Path) -> Keys:
    """Return the keys that there are. Raises StoreError."""
    file = _read(folder / FILE)
    if directory := os.environ.get("CREDENTIALS_DIRECTORY"):
        return Keys(_read(Path(directory) / CREDENTIAL), file, _read(Path(directory) / FORMER))
    if os.access(OF_SERVICE, os.R_OK | os.X_OK):
        return Keys((), file, (*_read(OF_SERVICE / CREDENTIAL), *_read(OF_SERVICE / FORMER)))
    return Keys((), file, ())


def make_key(folder: Path) -> None:
    """Make the file with a first key, unless somebody else just did. Raises StoreError."""
    made = folder / f".{FILE}.{os.getpid()}"
    _write(made, [secrets.token_bytes(KEY_BYTES)])
    try:
        with suppress(FileExistsError):
            os.link(made, folder / FILE)
    finally:
        made.unlink()
    settle(folder)


def renew_key(folder: Path) -> None:
    """Put a new key before the file's others. Raises StoreError."""
    _replace(folder, [secrets.token_bytes(KEY_BYTES), *_read(folder / FILE)])


def forget_former(folder: Path, current: bytes) -> None:
    """Leave no key in the file but the current one. Raises StoreError."""
    keys = _read(folder / FILE)
    if current not in keys:
        (folder / FILE).unlink(missing_ok=True)
    elif len(keys) > 1:
        _replace(folder, [current])


def _replace(folder: Path, keys: Sequence[bytes]) -> None:
    made = folder / f".{FILE}.{os.getpid()}"
    _write(made, keys)
    made.replace(folder / FILE)
    settle(folder)


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        lines = path.read_text(encoding="ascii").split()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise StoreError(path, Reason.KEY, error.strerror or "") from error
    except ValueError:
        lines = []
    if not lines or not all(map(_KEY.fullmatch, lines)):
        raise StoreError(path, Reason.KEY, f"expected {2 * KEY_BYTES} hex digits")
    return tuple(map(bytes.fromhex, lines))


def _write(path: Path, keys: Sequence[bytes]) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            give_to_owner(path.parent, file)
            os.write(file, "".join(f"{key.hex()}\n" for key in keys).encode())
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise StoreError(path, Reason.DENIED, say_why(error)) from error
