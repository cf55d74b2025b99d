"""The register as one sealed file: a salt, then pieces, each sealed in its place, and the end as the end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import count
from typing import IO, Final

import msgspec

from gateway.ciphers import NONCE_BYTES, Sealer
from gateway.events import StateRow

MAGIC: Final = b"hushbell register 1\n"
SALT_BYTES: Final = 16
LARGEST_PIECE: Final = 64 << 20
_COST: Final = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 64 << 20, "dklen": 32}
"""scrypt (RFC 7914) at 32 MB: a quarter of a second here, and two on a Pi 4."""


class ArchiveError(Exception):
    """Why a file cannot be read as a register, in words."""


class Piece(msgspec.Struct):
    """Some of a register. The first piece has the gateway, its key, and when it was written (epoch seconds).

    `reached` are rows of state that say how often members of the same piece were reached.
    """

    members: list[tuple[str, str]] = []
    reached: list[StateRow] = []
    tombstones: list[bytes] = []
    gateway: str = ""
    gateway_key: bytes = b""
    t: float = 0.0

    def __repr__(self) -> str:
        return f"<Piece with {len(self.members)} members>"


_DECODER = msgspec.msgpack.Decoder(Piece)


def written(pieces: Iterable[Piece], secret: bytes, salt: bytes) -> Iterator[bytes]:
    """Yield what to write. A salt is never used twice, so that the file's key is its own and pieces may be counted."""
    sealer = _sealer(secret, salt)
    yield MAGIC + salt
    numbers = count()
    for piece in pieces:
        yield _framed(sealer.seal(_nonce(next(numbers)), msgspec.msgpack.encode(piece), b"piece"))
    yield _framed(sealer.seal(_nonce(next(numbers)), b"", b"end"))


def read(stream: IO[bytes], secret: bytes) -> Iterator[Piece]:
    """Yield the pieces of a file, which is whole when this ends. Raises ArchiveError."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise ArchiveError("is no backup of members")
    sealer = _sealer(secret, stream.read(SALT_BYTES))
    for number in count():
        sealed = _frame(stream)
        opened = sealer.open(_nonce(number), sealed, b"piece")
        if opened is not None:
            yield _piece(opened)
        elif sealer.open(_nonce(number), sealed, b"end") is None:
            raise ArchiveError("is damaged" if number else "does not open with this passphrase, or is damaged")
        else:
            break
    if stream.read(1):
        raise ArchiveError("goes on behind its end")


def _piece(opened: bytes) -> Piece:
    try:
        return _DECODER.decode(opened)
    except msgspec.MsgspecError:
        raise ArchiveError("was written by another version") from None


def _frame(stream: IO[bytes]) -> bytes:
    size = int.from_bytes(stream.read(4), "big")
    if size > LARGEST_PIECE:
        raise ArchiveError("is damaged")
    sealed = stream.read(size)
    if len(sealed) < size:
        raise ArchiveError("is damaged")
    return sealed


def _framed(sealed: bytes) -> bytes:
    return len(sealed).to_bytes(4, "big") + sealed


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_BYTES, "big")


def _sealer(secret: bytes, salt: bytes) -> Sealer:
    return Sealer(hashlib.scrypt(secret, salt=salt, **_COST))
