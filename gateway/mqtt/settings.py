"""Whom to connect to and as whom; secrets come from files or from systemd's credentials."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.configuration.config import Mqtt
from gateway.mqtt.address import Address, parse_url
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.tls import TlsFiles
from gateway.mqtt.trouble import Cause, file_trouble

SESSION_S = 14 * 86400
"""How long a broker keeps commands and outcomes for a gateway that is away: over the longest holidays."""

PATIENCE_S = 10.0
"""How long a broker may take to greet, to grant subscriptions or to acknowledge."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One client of one broker, or of the first of several that takes it.

    The will is retained, and spoken by the broker when we vanish. Who is `visiting` may find itself in another's
    session, since a broker may take the user for the client id: it takes nothing out of one, and leaves none behind.
    """

    address: Address
    client_id: str
    will: Outgoing
    subscriptions: Sequence[str] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    files: TlsFiles = field(default_factory=TlsFiles)
    others: tuple[Address, ...] = ()
    session_s: int = SESSION_S
    patience_s: float = PATIENCE_S
    visiting: bool = False

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The brokers in order of preference."""
        return (self.address, *self.others)


def make_settings(
    mqtt: Mqtt,
    client_id: str,
    will: Outgoing,
    subscriptions: Sequence[str] = (),
    *,
    stores: Sequence[Path] | None = None,
    patience_s: float = PATIENCE_S,
    visiting: bool = False,
) -> Settings:
    """Read user and password and find the other files; a store's file goes before one of the same name elsewhere.

    `stores` are folders of credentials, systemd's own where none are given. Raises TroubleError.
    """
    folders = credential_folders() if stores is None else stores
    address, *others = map(parse_url, mqtt.urls)
    return Settings(
        address,
        client_id,
        will,
        subscriptions,
        _read(mqtt.username_file, folders) or mqtt.username,
        _read(mqtt.password_file, folders),
        TlsFiles(*(_find(file, folders) for file in (mqtt.ca_file, mqtt.cert_file, mqtt.key_file))),
        tuple(others),
        patience_s=patience_s,
        visiting=visiting,
    )


def credential_folders() -> list[Path]:
    """Return where systemd put this service's credentials (systemd.exec(5), LoadCredential=)."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return [Path(given)] if given else []


def _find(file: Path | None, folders: Sequence[Path]) -> Path | None:
    if file is None:
        return None
    return next((folder / file.name for folder in folders if _is_there(folder / file.name)), file)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _read(file: Path | None, folders: Sequence[Path]) -> str | None:
    found = _find(file, folders)
    if found is None:
        return None
    try:
        return found.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise file_trouble(error, found, Cause.NO_TEXT) from error
