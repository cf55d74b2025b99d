"""TLS to a real mosquitto: whom the gateway trusts, who it says it is, and each way of failing in words."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_certificates import Authority, Pair
from virtual_connection import gateway, trouble_with

from gateway import clock
from gateway.mqtt import wire
from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.tls import TlsFiles, make_context
from gateway.mqtt.trouble import Cause


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def broker_pair(authority: Authority) -> Pair:
    return authority.sign("broker")


def listener(pair: Pair, *more: str) -> str:
    return "\n".join(["allow_anonymous true", f"certfile {pair.certificate}", f"keyfile {pair.key}", *more])


def sealed(broker: VirtualBroker, host: str = "localhost") -> str:
    return f"mqtts://{host}:{broker.port}"


def told(url: str, files: TlsFiles) -> tuple[Cause, str]:
    return asyncio.run(trouble_with(url, files=files))


def test_a_broker_of_our_own_authority_is_trusted(tmp_path: Path, authority: Authority, broker_pair: Pair) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with gateway(sealed(broker), "x", files=TlsFiles(authority.certificate)) as one:
            await asyncio.gather(*(one.connection.publish(Outgoing("x", bytes(20_000))) for _ in range(100)))
            await one.until(lambda: len(one.arrived) == 100)
            broker.restart()
            await one.until(lambda: len(one.told) == 3)

    with running_broker(tmp_path, listener(broker_pair)) as broker:
        asyncio.run(run(broker))


def test_the_systems_authorities_are_asked_where_none_is_named(
    tmp_path: Path, authority: Authority, broker_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with gateway(sealed(broker)):
            pass

    with running_broker(tmp_path, listener(broker_pair)) as broker:
        cause, words = told(sealed(broker), TlsFiles())
        assert cause is Cause.UNTRUSTED
        assert "ca_file names who vouches for it" in words
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        asyncio.run(run(broker))


@pytest.mark.parametrize(
    ("begins", "ends", "host", "cause"),
    [
        ("20200101", "20200201", "localhost", Cause.EXPIRED),
        ("20980101", "20991231", "localhost", Cause.NOT_YET_VALID),
        ("20200101", "20991231", "other.example", Cause.OTHER_NAME),
    ],
)
def test_a_certificate_that_does_not_fit_is_told(
    tmp_path: Path, authority: Authority, begins: str, ends: str, host: str, cause: Cause
) -> None:
    pair = authority.sign(f"b-{cause.name}", host, begins, ends)
    with running_broker(tmp_path, listener(pair)) as broker:
        found, words = told(sealed(broker), TlsFiles(authority.certificate))
    assert found is cause
    if cause is not Cause.OTHER_NAME:
        assert f"this machine's clock, which says {time.strftime('%Y-', time.gmtime())}" in words


def test_a_clock_that_is_wrong_is_named(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pi that starts without a time server lives in the past, before any certificate was made."""
    monkeypatch.setattr(clock, "wall", lambda: 0.0)
    with running_broker(tmp_path, listener(authority.sign("future", begins="20980101"))) as broker:
        _, words = told(sealed(broker), TlsFiles(authority.certificate))
    assert words.endswith("is not valid yet, by this machine's clock, which says 1970-01-01 00:00 UTC")


def test_another_authority_is_not_trusted(tmp_path: Path, broker_pair: Pair) -> None:
    other = Authority(tmp_path / "other")
    with running_broker(tmp_path / "broker", listener(broker_pair)) as broker:
        assert told(sealed(broker), TlsFiles(other.certificate))[0] is Cause.UNTRUSTED


def test_a_certificate_of_ours_is_who_we_are(tmp_path: Path, authority: Authority, broker_pair: Pair) -> None:
    """mosquitto takes the common name for the user, and the access list goes by it."""
    (tmp_path / "acl").write_text("user door-pi\ntopic write allowed\n")
    config = listener(
        broker_pair,
        f"cafile {authority.certificate}",
        "require_certificate true",
        "use_identity_as_username true",
        f"acl_file {tmp_path / 'acl'}",
    )
    ours = authority.sign("door-pi")

    async def run(broker: VirtualBroker) -> None:
        files = TlsFiles(authority.certificate, ours.certificate, ours.key)
        async with gateway(sealed(broker), files=files) as one:
            await one.connection.publish(Outgoing("allowed", b"1"))

    with running_broker(tmp_path / "broker", config) as broker:
        asyncio.run(run(broker))
        assert told(sealed(broker), TlsFiles(authority.certificate))[0] is Cause.CERTIFICATE_WANTED
        old = authority.sign("old", begins="20200101", ends="20200201")
        cause, words = told(sealed(broker), TlsFiles(authority.certificate, old.certificate, old.key))
        assert (cause, "it has expired, or the broker's clock is wrong" in words) == (Cause.CERTIFICATE_REFUSED, True)
        other = Authority(tmp_path / "other").sign("door-pi")
        cause, words = told(sealed(broker), TlsFiles(authority.certificate, other.certificate, other.key))
        assert (cause, "it does not know who signed it" in words) == (Cause.CERTIFICATE_REFUSED, True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_demand_for_a_certificate_is_told_in_each_version(
    tmp_path: Path, authority: Authority, broker_pair: Pair, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_one_version(files: TlsFiles) -> ssl.SSLContext:
        context = make_context(files)
        context.maximum_version = version
        return context

    monkeypatch.setattr(wire, "make_context", of_one_version)
    config = listener(broker_pair, f"cafile {authority.certificate}", "require_certificate true")
    with running_broker(tmp_path, config) as broker:
        assert told(sealed(broker), TlsFiles(authority.certificate))[0] is Cause.CERTIFICATE_WANTED


def test_a_refusal_that_was_lost_to_a_reset_is_asked_for_again(
    tmp_path: Path, authority: Authority, broker_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a broker says before it closes is lost where it closes with our first bytes unread."""
    lost: list[wire.Wire] = []
    end = wire.Wire.connection_lost

    def reset_first(self: wire.Wire, exc: Exception | None) -> None:
        lost.append(self)
        end(self, ConnectionResetError() if len(lost) == 1 else exc)

    monkeypatch.setattr(wire.Wire, "connection_lost", reset_first)
    config = listener(broker_pair, f"cafile {authority.certificate}", "require_certificate true")
    with running_broker(tmp_path, config) as broker:
        assert told(sealed(broker), TlsFiles(authority.certificate))[0] is Cause.CERTIFICATE_WANTED
    assert len(lost) > 1


def test_files_that_cannot_be_used_are_named(tmp_path: Path, authority: Authority, broker_pair: Pair) -> None:
    ours, other = authority.sign("ours"), authority.sign("another")
    locked = authority.lock(ours.key, "hunter2")
    text, gone = tmp_path / "text", tmp_path / "gone"
    text.write_text("hunter2")
    ca = authority.certificate
    with running_broker(tmp_path / "broker", listener(broker_pair)) as broker:
        for files, cause, file in (
            (TlsFiles(gone), Cause.NO_FILE, gone),
            (TlsFiles(text), Cause.NO_CERTIFICATE, text),
            (TlsFiles(tmp_path), Cause.NO_CERTIFICATE, tmp_path),
            (TlsFiles(ca, gone, ours.key), Cause.NO_FILE, gone),
            (TlsFiles(ca, ours.certificate, gone), Cause.NO_FILE, gone),
            (TlsFiles(ca, text, ours.key), Cause.NO_CERTIFICATE, text),
            (TlsFiles(ca, ours.certificate, text), Cause.NO_CERTIFICATE, text),
            (TlsFiles(ca, ours.certificate, other.key), Cause.WRONG_KEY, other.key),
            (TlsFiles(ca, ours.certificate, locked), Cause.LOCKED_KEY, locked),
        ):
            found, words = told(sealed(broker), files)
            assert (found, str(file) in words) == (cause, True), words
            assert "hunter2" not in words


def test_tls_and_plain_taken_for_each_other_is_told(tmp_path: Path, authority: Authority, broker_pair: Pair) -> None:
    with running_broker(tmp_path / "plain") as broker:
        assert told(sealed(broker), TlsFiles(authority.certificate))[0] is Cause.NO_TLS
    with running_broker(tmp_path / "tls", listener(broker_pair)) as broker:
        assert told(broker.url, TlsFiles())[0] in (Cause.SPEAKS_TLS, Cause.HUNG_UP)
