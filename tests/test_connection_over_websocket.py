"""WebSockets and Unix sockets, to a real mosquitto behind them."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_certificates import Authority
from virtual_connection import gateway, trouble_with
from virtual_websocket import Bridge, bridging

from gateway.mqtt.outgoing import Outgoing
from gateway.mqtt.tls import TlsFiles
from gateway.mqtt.trouble import Cause


async def exchange(url: str, files: TlsFiles | None = None) -> None:
    """Send messages of every length that frames tell apart, and see them come back whole."""
    async with gateway(url, "x", files=files or TlsFiles()) as one:
        lengths = [0, 1, 90, 125, 126, 700, 65_000, 65_535, 65_536, 100_000]
        bodies = [bytes(at % 251 for at in range(length)) for length in lengths]
        for body in bodies:
            await one.connection.publish(Outgoing("x", body))
        await one.until(lambda: len(one.arrived) == len(bodies))
        assert [arrival.payload for arrival in one.arrived] == bodies


def test_a_websocket_carries_it(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        bridge = Bridge(broker.port)
        async with bridging(bridge) as url:
            await exchange(url)
        assert bridge.faults == []
        assert bridge.pongs > 10

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_a_websocket_over_tls_on_a_path_of_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    pair = authority.sign("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)

    async def run(broker: VirtualBroker) -> None:
        bridge = Bridge(broker.port, "/shop/broker")
        async with bridging(bridge, context) as url:
            await exchange(f"{url}/shop/broker", TlsFiles(authority.certificate))
            assert (await trouble_with(f"{url}/shop/broker"))[0] is Cause.UNTRUSTED
        assert bridge.faults == []

    with running_broker(tmp_path / "broker") as broker:
        asyncio.run(run(broker))


def test_many_messages_share_a_frame(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        bridge = Bridge(broker.port)
        async with bridging(bridge) as url, gateway(url) as one:
            before = bridge.frames
            async with asyncio.TaskGroup() as tasks:
                for _ in range(60):
                    tasks.create_task(one.connection.publish(Outgoing("x", b"1")))
            assert bridge.frames - before < 20

    with running_broker(tmp_path, "allow_anonymous true\nmax_inflight_messages 500") as broker:
        asyncio.run(run(broker))


def test_a_broker_behind_it_that_ends_is_noticed(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        bridge = Bridge(broker.port)
        async with bridging(bridge) as url, gateway(url) as one:
            broker.restart()
            await one.until(lambda: len(one.told) >= 3 and one.connection.state.online)

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 301 Moved Permanently\r\nLocation: ws://elsewhere.example/mqtt\r\n\r\n", "301 Moved Permanently"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "401 Unauthorized"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "101 Switching"),
        (b"HTTP/1.1 200 \x1b[2J\r\n\r\n", "200 ?[2J"),
        (b"\r\n\r\n", "it speaks no HTTP"),
        (b"X" * 20_000, "it speaks no HTTP"),
        (b"", "it speaks no HTTP"),
    ],
)
def test_a_server_that_opens_none_is_told(answer: bytes, reason: str) -> None:
    """Nobody follows where it points to."""

    async def run() -> None:
        async with bridging(Bridge(0, answer=answer)) as url:
            cause, words = await trouble_with(url)
        assert cause is Cause.NO_WEBSOCKET
        assert f"opens no WebSocket at /mqtt: {reason}" in words

    asyncio.run(run())


def test_a_path_that_is_not_there_is_told() -> None:
    async def run() -> None:
        async with bridging(Bridge(0)) as url:
            assert (await trouble_with(f"{url}/other"))[1].endswith("at /other: 404 Not Found")

    asyncio.run(run())


def test_a_server_that_answers_drop_by_drop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.mqtt.wire.CONNECT_S", 0.3)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                writer.write(b"H")
                await asyncio.sleep(0.02)
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with server:
            cause, _ = await trouble_with(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert cause is Cause.SILENT

    asyncio.run(run())


def test_a_plain_broker_is_no_websocket(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        cause, _ = asyncio.run(trouble_with(f"ws://127.0.0.1:{broker.port}"))
    assert cause is Cause.NO_WEBSOCKET


def test_a_unix_socket_carries_it(tmp_path: Path) -> None:
    socket = tmp_path / "mqtt.sock"
    with running_broker(tmp_path / "broker", f"allow_anonymous true\nlistener 0 {socket}\nallow_anonymous true"):
        asyncio.run(exchange(f"mqtt+unix://{socket}"))


def test_a_socket_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mqtt.sock"
    url = f"mqtt+unix://{path}"
    assert asyncio.run(trouble_with(url)) == (Cause.NO_SOCKET, f"there is no socket {path}")
    path.touch()
    assert asyncio.run(trouble_with(url))[0] is Cause.NOBODY_LISTENS

    async def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(asyncio.unix_events._UnixSelectorEventLoop, "create_unix_connection", denied)
    assert asyncio.run(trouble_with(url)) == (Cause.SOCKET_DENIED, f"this user may not open the socket {path}")
