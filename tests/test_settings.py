"""Whom the gateway connects to and as whom: secrets from files, and from systemd's credentials before them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.configuration.config import Mqtt
from gateway.mqtt.address import Address, parse_url
from gateway.mqtt.backoff import Backoff
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.settings import Settings, credential_folders, make_settings
from gateway.mqtt.tls import TlsFiles
from gateway.mqtt.trouble import Cause, TroubleError

WILL = Outgoing("status", b"{}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("user", "door-pi\n"), ("password", "hunter2\r\n"), ("key", "k")):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_user_and_password_are_read_from_files(folder: Path) -> None:
    mqtt = Mqtt("mqtt://b", ("mqtt://c",), username_file=folder / "user", password_file=folder / "password")
    settings = make_settings(mqtt, "id", WILL, ("x",), stores=())
    assert (settings.username, settings.password, settings.subscriptions) == ("door-pi", "hunter2", ("x",))
    assert settings.addresses == (Address("mqtt", "b", 1883), Address("mqtt", "c", 1883))


def test_a_credential_goes_before_the_file_of_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = folder / "credentials"
    given.mkdir()
    (given / "password").write_text("from systemd")
    (given / "key").write_text("from systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    assert credential_folders() == [given]
    mqtt = Mqtt("mqtts://b", password_file=folder / "password", cert_file=folder / "cert", key_file=folder / "key")
    settings = make_settings(mqtt, "id", WILL)
    assert settings.password == "from systemd"
    assert settings.files == TlsFiles(None, folder / "cert", given / "key")


def test_without_systemd_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert credential_folders() == []


@pytest.mark.parametrize(("content", "cause"), [(None, Cause.NO_FILE), (b"\xff\xfe", Cause.NO_TEXT)])
def test_a_secret_that_cannot_be_read_is_told_and_not_shown(
    tmp_path: Path, content: bytes | None, cause: Cause
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TroubleError) as caught:
        make_settings(Mqtt("mqtt://b", password_file=file), "id", WILL, stores=())
    assert (caught.value.trouble.cause, str(file) in str(caught.value)) == (cause, True)


def test_a_password_does_not_print() -> None:
    assert "hunter2" not in repr(Settings(parse_url("mqtt://b"), "id", WILL, password="hunter2"))


def test_waits_grow_to_the_longest_and_differ() -> None:
    backoff = Backoff(first_s=0.5, longest_s=30)
    assert [backoff.delay(attempt, 1.0) for attempt in (0, 1, 2, 6, 1000)] == [0.5, 1, 2, 30, 30]
    assert backoff.delay(3, 0.0) == 2
