"""The connection against a real mosquitto, and against peers that do what mosquitto never would."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_peer import Peer, serving

from gateway.mqtt import connection as module
from gateway.mqtt.connection import (
    Address,
    Backoff,
    Connection,
    Delivery,
    LinkState,
    Outgoing,
    PublishError,
    Settings,
    parse_url,
)
from gateway.mqtt.topics import Arrival

STATUS = "hushbell/v1/s/gateways/g/status"
WILL = Outgoing(STATUS, b'{"state":"offline"}')
FAST = Backoff(first_s=0.02, longest_s=0.1)
ROOMY = "allow_anonymous true\nmax_inflight_messages 500"


class Gateway:
    """A connection with what it received and told."""

    def __init__(self, url: str, *filters: str, **more: str | Path) -> None:
        self.arrived: list[Arrival] = []
        self.told: list[LinkState] = []
        settings = Settings(parse_url(url), "hushbell-s-g", WILL, filters, **more)  # type: ignore[arg-type]
        self.connection = Connection(settings, self.arrived.append, self.told.append, FAST)
        self.task = asyncio.create_task(self.connection.run())

    async def until(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                if self.task.done() and not self.task.cancelled():
                    self.task.result()
                await asyncio.sleep(0.002)

    async def online(self) -> None:
        await self.until(lambda: self.connection.state.online)

    async def end(self) -> None:
        self.connection.close()
        await asyncio.wait_for(self.task, 10)


@asynccontextmanager
async def gateway(url: str, *filters: str, **more: str | Path) -> AsyncIterator[Gateway]:
    """Run a connection as long as the block, and wait until it is online."""
    made = Gateway(url, *filters, **more)
    try:
        await made.online()
        yield made
    finally:
        await made.end()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://127.0.0.1", Address("127.0.0.1", 1883, False)),
        ("mqtt://broker:1884/", Address("broker", 1884, False)),
        ("mqtts://broker.lilac.example", Address("broker.lilac.example", 8883, True)),
        ("mqtt://[::1]:1885", Address("::1", 1885, False)),
    ],
)
def test_an_address_is_read(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url", ["127.0.0.1", "http://broker", "mqtt://", "mqtt://broker/path", "mqtt://broker:99999", "mqtt://u:p@broker"]
)
def test_what_is_no_address_is_said_in_one_line(url: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        parse_url(url)
    assert "p@" not in str(caught.value)


def test_waits_grow_to_the_longest_and_differ() -> None:
    backoff = Backoff(first_s=0.5, longest_s=30)
    assert [backoff.delay(attempt, 1.0) for attempt in (0, 1, 2, 6, 1000)] == [0.5, 1, 2, 30, 30]
    assert backoff.delay(3, 0.0) == 2


def test_a_password_does_not_print() -> None:
    assert "hunter2" not in repr(Settings(parse_url("mqtt://b"), "id", WILL, password="hunter2"))


def test_retained_status_will_and_farewell(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker, watcher: VirtualClient) -> None:
        one = Gateway(broker.url)
        one.connection.keep(STATUS, b'{"state":"online"}')
        await one.online()
        one.connection.keep(STATUS, b'{"state":"degraded"}')
        await one.until(lambda: len(watcher.received) == 2)
        one.task.cancel()
        await asyncio.wait({one.task})
        await one.until(lambda: len(watcher.received) == 3)
        async with gateway(broker.url) as two:
            two.connection.keep(STATUS, b'{"state":"online"}')
            await two.until(lambda: len(watcher.received) == 4)
        watcher.wait_for(5)
        states = [message.body["state"] for message in watcher.received]
        assert states == ["online", "degraded", "offline", "online", "offline"]
        with VirtualClient(broker.port, "late", "hushbell/#") as late:
            (kept,) = late.wait_for(1)
            assert (kept.retained, kept.body) == (True, {"state": "offline"})

    with running_broker(tmp_path) as broker, VirtualClient(broker.port, "watcher", "hushbell/#") as watcher:
        asyncio.run(run(broker, watcher))


def test_what_is_sent_while_away_arrives(tmp_path: Path) -> None:
    """The session outlives the connection, and a restart of the broker; subscriptions are made anew."""

    async def run(broker: VirtualBroker) -> None:
        async with gateway(broker.url, "hushbell/v1/s/commands/+", "hushbell/v1/s/facts/+") as first:
            assert not first.connection.state.resumed
        with VirtualClient(broker.port, "erp") as erp:
            erp.request("hushbell/v1/s/commands/status", {}, "hushbell/v1/s/replies/erp/1", b"\x00\x01")
            erp.publish("hushbell/v1/s/facts/x", True, retain=True)
        async with gateway(broker.url, "hushbell/v1/s/commands/+", "hushbell/v1/s/facts/+") as second:
            assert second.connection.state.resumed
            await second.until(lambda: len(second.arrived) >= 3)
            command = Arrival("hushbell/v1/s/commands/status", b"{}", False, "hushbell/v1/s/replies/erp/1", b"\x00\x01")
            assert command in second.arrived
            assert Arrival("hushbell/v1/s/facts/x", b"true", True) in second.arrived
            broker.restart()
            await second.until(lambda: len(second.told) == 3)
            with VirtualClient(broker.port, "erp") as erp:
                erp.publish("hushbell/v1/s/facts/y", 2)
            await second.until(lambda: Arrival("hushbell/v1/s/facts/y", b"2") in second.arrived)
            assert [state.online for state in second.told] == [True, False, True]

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_a_published_message_carries_its_properties(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker, watcher: VirtualClient) -> None:
        async with gateway(broker.url) as one:
            await one.connection.publish(
                Outgoing("hushbell/v1/s/x", b"1", expiry_s=60, correlation=b"\x07", content_type="application/json")
            )
            await one.connection.publish(Outgoing("hushbell/v1/s/nobody-listens", b"2"))
        received = watcher.wait_for(1)[0]
        assert (received.correlation, received.expiry_s, received.content_type) == (b"\x07", 60, "application/json")

    with running_broker(tmp_path) as broker, VirtualClient(broker.port, "watcher", "hushbell/v1/s/x") as watcher:
        asyncio.run(run(broker, watcher))


def test_what_the_broker_forbids_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("")
    (tmp_path / "acl").write_text("topic read hushbell/v1/s/facts/+\ntopic write hushbell/v1/s/gateways/#\n")

    async def run(broker: VirtualBroker) -> None:
        async with gateway(broker.url, "hushbell/v1/s/facts/+") as one:
            with pytest.raises(PublishError, match="refused: not authorized") as caught:
                await one.connection.publish(Outgoing("hushbell/v1/s/alerts/floor", b"{}"))
            assert caught.value.delivery is Delivery.REFUSED

    config = f"allow_anonymous true\nacl_file {tmp_path / 'acl'}"
    with running_broker(tmp_path / "broker", config) as broker:
        asyncio.run(run(broker))


def test_a_wrong_password_is_said_in_words(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        one = Gateway(broker.url, username="door-pi", password="wrong")
        await one.until(lambda: broker.log.count("not authorised") >= 3)
        assert one.told == [LinkState(online=False, reason="the broker refuses us: not authorized")]
        await one.end()

    with running_broker(tmp_path, "allow_anonymous false") as broker:
        asyncio.run(run(broker))


def test_nobody_there_is_said_in_words_and_tried_again(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        broker.stop()
        one = Gateway(broker.url)
        await one.until(lambda: one.told)
        assert one.told[0].reason == f"nobody listens at 127.0.0.1:{broker.port}"
        with pytest.raises(PublishError, match="lost"):
            await one.connection.publish(Outgoing("x", b""))
        broker.start()
        await one.online()
        await one.end()

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_closing_ends_at_once_where_there_is_no_broker(tmp_path: Path) -> None:
    async def run() -> None:
        one = Gateway("mqtt://127.0.0.1:1")
        await one.until(lambda: one.told)
        await asyncio.wait_for(one.end(), 1)

    asyncio.run(run())


def test_a_thousand_at_once_keep_to_the_window(tmp_path: Path) -> None:
    """What has no room waits, up to a bound; all that was accepted is delivered, in its order."""

    async def run(broker: VirtualBroker, watcher: VirtualClient) -> None:
        outcomes: list[Delivery] = []
        async with gateway(broker.url) as one:
            assert one.connection.room == module.WINDOW
            for number in range(1000):
                message = Outgoing("hushbell/v1/s/x", b"%d" % number)
                one.connection.send(message, lambda delivery, _: outcomes.append(delivery))
            assert one.connection.room == 0
            await one.until(lambda: len(outcomes) == 1000)
            assert one.connection.room == module.WINDOW
        sent = module.WINDOW + module.WAITING
        assert outcomes.count(Delivery.DELIVERED) == sent
        assert outcomes.count(Delivery.REFUSED) == 1000 - sent
        watcher.wait_for(sent)
        assert [int(message.payload) for message in watcher.received] == list(range(sent))

    with running_broker(tmp_path, ROOMY) as broker, VirtualClient(broker.port, "watcher", "hushbell/v1/s/x") as watcher:
        asyncio.run(run(broker, watcher))


def test_a_broker_that_stands_still_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    monkeypatch.setattr(module, "TEND_S", 0.05)

    async def run(broker: VirtualBroker) -> None:
        async with gateway(broker.url) as one:
            broker.freeze()
            with pytest.raises(PublishError, match="lost"):
                await one.connection.publish(Outgoing("x", b"1"))
            assert not one.connection.state.online
            assert one.told[1].reason == "the broker does not acknowledge"
            await one.until(lambda: one.told[-1].reason == "the broker does not answer")
            broker.thaw()
            await one.online()
            await one.connection.publish(Outgoing("x", b"1"))

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_tls_with_a_ca_of_our_own_and_no_other(tmp_path: Path) -> None:
    _make_certificates(tmp_path)
    config = f"allow_anonymous true\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key"

    async def run(broker: VirtualBroker) -> None:
        url = f"mqtts://localhost:{broker.port}"
        async with gateway(url, ca_file=tmp_path / "ca.pem") as one:
            await asyncio.gather(*(one.connection.publish(Outgoing("x", bytes(1000))) for _ in range(100)))
        for ca_file, reason in ((None, "is not trusted"), (tmp_path / "none.pem", "none.pem is missing")):
            two = Gateway(url, **({"ca_file": ca_file} if ca_file else {}))
            await two.until(lambda told=two.told: told)  # type: ignore[misc]
            assert reason in two.told[0].reason
            await two.end()

    with running_broker(tmp_path / "broker", config) as broker:
        asyncio.run(run(broker))


def _make_certificates(folder: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    new = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for arguments in (
        ["-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem"],
        [
            *("-subj", "/CN=localhost", "-keyout", "broker.key", "-out", "broker.pem"),
            *("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
        ],
    ):
        subprocess.run([*new, *arguments], cwd=folder, check=True, capture_output=True)
    (folder / "broker.key").chmod(0o644)


def test_receive_maximum_and_packet_size_are_respected() -> None:
    async def run() -> None:
        peer = Peer(b"\x20\x0b\x00\x00\x08\x21\x00\x03\x27\x00\x00\x03\xe8")  # at most 3 at once, of 1000 bytes
        async with serving(peer) as url:
            one = Gateway(url)
            await one.online()
            assert one.connection.room == 3
            outcomes: list[tuple[Delivery, str]] = []
            for _ in range(7):
                one.connection.send(Outgoing("x", b"1"), lambda *outcome: outcomes.append(outcome))
            for done in range(3, 10, 3):
                await one.until(lambda done=done: len(peer.held) == min(3, 10 - done))  # type: ignore[misc]
                peer.acknowledge(reason=16 if done == 3 else 0)
            await one.until(lambda: len(outcomes) == 7)
            assert outcomes[0] == (Delivery.DELIVERED, "no matching subscribers")
            with pytest.raises(PublishError, match="larger than the 1000 bytes"):
                await one.connection.publish(Outgoing("x", bytes(1000)))
            peer.write(b"\xe0\x02\x8e\x00")  # DISCONNECT
            await one.until(lambda: len(one.told) >= 2)
            assert one.told[1].reason == "the broker ended the connection: session taken over"
            one.task.cancel()
            await asyncio.wait({one.task})

    asyncio.run(run())


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (b"\x20\x02\x00\x01", "the broker refuses us: unsupported protocol version"),
        (b"\x20\x03\x00\x86\x00", "the broker refuses us: bad user name or password"),
        (b"\x20\x05\x00\x00\x02\x24\x00", "the broker takes no QoS 1"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        (b"\x20\x03\x00\x00\x05", None),
        (b"\x30\x04\x00\x02\xff\xff", None),
        (b"\xff" * 50, None),
    ],
)
def test_a_peer_that_is_no_fit_broker_is_left_and_tried_again(
    greeting: bytes, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.3)

    async def run() -> None:
        peer = Peer(greeting)
        async with serving(peer) as url:
            one = Gateway(url)
            await one.until(lambda: peer.connections >= 3)
            assert not any(state.online for state in one.told)
            assert reason is None or one.told[0].reason == reason
            assert all(state.reason for state in one.told)
            await one.end()

    asyncio.run(run())


def test_the_shipped_configuration_gives_the_whole_window(tmp_path: Path) -> None:
    shipped = Path(__file__).parent.parent / "config" / "mosquitto" / "hushbell.conf"
    lines = [line for line in shipped.read_text().splitlines() if not line.startswith("listener")]

    async def run(broker: VirtualBroker) -> None:
        async with gateway(broker.url) as one:
            assert one.connection.room == module.WINDOW
            with pytest.raises(PublishError, match="larger than the 524288 bytes"):
                await one.connection.publish(Outgoing("x", bytes(524288)))

    with running_broker(tmp_path, "\n".join(lines)) as broker:
        asyncio.run(run(broker))


def test_a_handler_that_fails_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with gateway(broker.url, "hushbell/#") as one:
            seen: list[bytes] = []

            def handler(arrival: Arrival) -> None:
                seen.append(arrival.payload)
                raise ValueError("with 5e:3a:11:22:33:44 in it")

            one.connection._receive = handler
            one.connection._link._receive = handler  # type: ignore[union-attr]
            await one.connection.publish(Outgoing("hushbell/x", b"1"))
            await one.connection.publish(Outgoing("hushbell/x", b"2"))
            await one.until(lambda: seen == [b"1", b"2"])

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))
    assert "5e:3a" not in caplog.text
    assert "ValueError" in caplog.text
