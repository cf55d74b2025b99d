"""The connection against peers that do what no good broker would: each is told in words, left, and tried again."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from iotcore import Broker
from virtual_broker import await_port, free_port
from virtual_connection import Gateway, gateway, trouble_with
from virtual_peer import GREETING, Peer, serving

from gateway.mqtt import wire
from gateway.mqtt.outgoing import Delivery, Outgoing, PublishError
from gateway.mqtt.trouble import Cause

ROOM_FOR_THREE = b"\x20\x0b\x00\x00\x08\x21\x00\x03\x27\x00\x00\x03\xe8"  # Receive Maximum 3, Maximum Packet Size 1000
HUGE = b"\x20\xff\xff\xff\x7f" + bytes(100)  # a greeting of 256 MB
LARGE = b"\x20\x83\x9c\x01\x00\x00\xff\x9b\x01"  # one of 20 kB, all properties


def property_text(identifier: int, text: str) -> bytes:
    return bytes((identifier,)) + len(text).to_bytes(2) + text.encode()


def greeting(reason: int, *properties: bytes) -> bytes:
    """Return a CONNACK (MQTT 5, section 3.2) of fewer than 128 bytes."""
    packed = b"".join(properties)
    return bytes((0x20, len(packed) + 3, 0, reason, len(packed))) + packed


def test_receive_maximum_and_packet_size_are_respected() -> None:
    async def run() -> None:
        peer = Peer(ROOM_FOR_THREE)
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
            assert outcomes[0] == (Delivery.DELIVERED, "")
            for message in (Outgoing("x", bytes(1000)), Outgoing("x", b"", answer_topic="y" * 1000)):
                with pytest.raises(PublishError, match="larger than the 1000 bytes"):
                    await one.connection.publish(message)
            peer.write(b"\xe0\x02\x8e\x00")  # DISCONNECT
            await one.until(lambda: len(one.told) >= 2)
            assert one.told[1].reason.startswith("the broker ended the connection: somebody else signed on with our")
            await one.vanish()

    asyncio.run(run())


def test_no_two_unacknowledged_packets_bear_one_identifier() -> None:
    """Also where the numbers begin anew, which is behind that of the SUBSCRIBE."""

    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url:
            one = Gateway(url, "hushbell/#")
            await one.online()
            link = one.connection._link
            assert link is not None
            outcomes: list[Delivery] = []
            for number in range(6):
                if number == 3:
                    link._identifier = 0xFFFD
                one.connection.send(Outgoing("x", b"%d" % number), lambda delivery, _: outcomes.append(delivery))
            await one.until(lambda: len(peer.held) == 6)
            assert [held.identifier for held in peer.held] == [2, 3, 4, 0xFFFE, 0xFFFF, 5]
            peer.acknowledge()
            await one.until(lambda: outcomes == [Delivery.DELIVERED] * 6)
            await one.vanish()

    asyncio.run(run())


def test_what_the_broker_says_of_a_refusal_is_told() -> None:
    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url:
            one = Gateway(url)
            await one.online()
            outcomes: list[tuple[Delivery, str]] = []
            one.connection.send(Outgoing("x", b"1"), lambda *outcome: outcomes.append(outcome))
            await one.until(lambda: peer.held)
            peer.write(b"\x40\x0a\x00\x02\x97\x06" + property_text(0x1F, "9\x1b!"))
            await one.until(lambda: outcomes)
            assert outcomes == [(Delivery.REFUSED, "a quota is used up (9?!)")]
            await one.vanish()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("says", "cause", "words"),
    [
        (b"\x20\x02\x00\x01", Cause.OLD, "speaks MQTT 3.1.1 and not MQTT 5"),
        (b"\x20\x02\x00\x05", Cause.OLD, "speaks MQTT 3.1.1 and not MQTT 5"),
        (greeting(0x84), Cause.REFUSED, "refuses a client without a user name: it speaks no MQTT 5"),
        (greeting(0x86), Cause.REFUSED, "user or password is wrong"),
        (greeting(0x97, property_text(0x1F, "9 of 9\x1b[2J")), Cause.REFUSED, "a quota is used up (9 of 9?[2J)"),
        (greeting(0xEE), Cause.NO_MQTT, "is no MQTT 5"),
        (greeting(0x9C), Cause.MOVED, "sends us to another server"),
        (
            greeting(0x9D, property_text(0x1C, "b2.example:1883")),
            Cause.MOVED,
            "to b2.example:1883, where nobody",
        ),
        (greeting(0, b"\x24\x00"), Cause.LACKS, "lacks quality of service 1"),
        (greeting(0, b"\x25\x00"), Cause.LACKS, "lacks retained messages"),
        (greeting(0, b"\x21\x00\x00"), Cause.NO_MQTT, "is no MQTT 5"),
        (greeting(0, b"\x21\x00\x01\x21\x00\x01"), Cause.NO_MQTT, "is no MQTT 5"),
        (b"\x15\x03\x01\x00\x02\x02\x46", Cause.SPEAKS_TLS, "speaks TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Cause.SPEAKS_HTTP, "speaks HTTP"),
        (b"\x20\x03\x00\x00\x05", Cause.NO_MQTT, "is no MQTT 5"),
        (b"\x30\x04\x00\x02\xff\xff", Cause.NO_MQTT, "is no MQTT 5"),
        (b"\xff" * 50, Cause.NO_MQTT, "is no MQTT 5"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Cause.NO_MQTT, "is no MQTT 5"),
        (HUGE, Cause.NO_MQTT, "is no MQTT 5"),
        (LARGE + bytes(19_999), Cause.NO_MQTT, "is no MQTT 5"),
        (b"", Cause.MUTE, "takes the connection and says nothing"),
        (GREETING[:2], Cause.MUTE, "takes the connection and says nothing"),
    ],
)
def test_a_peer_that_is_no_fit_broker_is_left_and_tried_again(says: bytes, cause: Cause, words: str) -> None:
    async def run() -> None:
        peer = Peer(says)
        async with serving(peer) as url:
            one = Gateway(url, patience_s=0.3)
            reason = await one.refused()
            assert (one.causes[0], words in reason) == (cause, True), reason
            assert reason.isprintable()
            await one.until(lambda: peer.connections >= 3)
            assert not any(state.online for state in one.told)
            await one.end()

    asyncio.run(run())


def test_a_greeting_byte_by_byte_is_one() -> None:
    async def run() -> None:
        peer = Peer(b"")
        async with serving(peer) as url:
            one = Gateway(url)
            await one.until(lambda: peer.connections)
            for byte in ROOM_FOR_THREE:
                peer.write(bytes((byte,)))
                await asyncio.sleep(0)
            await one.online()
            assert one.connection.room == 3
            await one.vanish()

    asyncio.run(run())


def test_a_broker_that_hangs_up_on_us_and_greets_the_old_version_is_told() -> None:
    """Many brokers of MQTT 3.1.1 close the connection when they see a version that they do not know."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = (await reader.readexactly(9))[8]
        if version == 4:
            writer.write(b"\x20\x02\x00\x05")
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            cause, words = await trouble_with(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert (cause, words.endswith("speaks MQTT 3.1.1 and not MQTT 5, which Hushbell needs")) == (Cause.OLD, True)

    asyncio.run(run())


OLD_BROKER = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
[{version}.1]
name = "old"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 5000
max_payload_size = 262144
max_inflight_count = 100
dynamic_filters = true
"""


@pytest.mark.parametrize(("version", "scheme"), [("v4", "mqtt"), ("ws", "ws")])
def test_a_real_broker_of_the_old_version_is_told(tmp_path: Path, version: str, scheme: str) -> None:
    """This one leaves a greeting of MQTT 5 unanswered."""
    port = free_port()
    file = tmp_path / "broker.toml"
    file.write_text(OLD_BROKER.format(port=port, version=version))
    broker = Broker(config_path=str(file))
    broker.start()
    try:
        await_port(port)
        cause, words = asyncio.run(trouble_with(f"{scheme}://127.0.0.1:{port}", patience_s=1.0))
    finally:
        broker.stop()
    assert cause is Cause.OLD, words


def test_a_peer_that_hangs_up_is_told() -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            cause, _ = await trouble_with(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert cause is Cause.HUNG_UP

    asyncio.run(run())


def test_an_acknowledgement_that_stops_half_way_is_not_waited_for_long() -> None:
    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url:
            one = Gateway(url, patience_s=0.3)
            await one.online()
            outcomes: list[Delivery] = []
            one.connection.send(Outgoing("x", b"1"), lambda delivery, _: outcomes.append(delivery))
            await one.until(lambda: peer.held)
            peer.write(b"\x40\x03\x00")
            await one.until(lambda: outcomes)
            assert (outcomes, one.causes) == ([Delivery.LOST], [Cause.UNACKNOWLEDGED])
            await one.online()
            await one.vanish()

    asyncio.run(run())


def test_a_cable_that_is_cut_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is silent from now on, with nothing that waits for an acknowledgement."""
    monkeypatch.setattr("gateway.mqtt.link.KEEP_ALIVE_S", 1)

    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url:
            one = Gateway(url, patience_s=0.4)
            await one.online()
            await one.until(lambda: len(one.told) > 1)
            assert one.causes == [Cause.FELL_SILENT]
            await one.vanish()

    asyncio.run(run())


def test_the_brokers_own_keep_alive_goes_first() -> None:
    async def run() -> None:
        peer = Peer(greeting(0, b"\x13\x00\x01"))  # Server Keep Alive 1 s (section 3.2.2.3.14)
        async with serving(peer) as url:
            one = Gateway(url, patience_s=0.4)
            await one.online()
            await one.until(lambda: len(one.told) > 1)
            assert one.causes == [Cause.FELL_SILENT]
            await one.vanish()

    asyncio.run(run())


def test_a_session_that_will_not_last_is_remarked() -> None:
    async def run() -> None:
        peer = Peer(greeting(0, b"\x11\x00\x00\x0e\x10"))
        async with serving(peer) as url:
            one = Gateway(url)
            await one.online()
            assert one.told[0].remark == "the broker keeps our session for 3600 s only"
            await one.vanish()

    asyncio.run(run())


@pytest.mark.parametrize(
    "flood",
    [
        b"\x30\x80\x80\x10" + bytes(262_144),  # larger than what we said we take
        b"\x30\x03\x00\x01\xff" * 5000,
        b"\x40\x02\x00\x07" * 5000,  # acknowledges what was never sent
        b"\x40\x04\x00\x07\x87\x01" * 5000,  # announces properties that are not there
        b"\xd0\x00" * 5000,
        b"\x36\x05\x00\x01x\x00\x01" * 100,
        b"\x00\x00",
        b"\x32\x06\x00\x01x\x00\x01\x00" * 5000,
    ],
)
def test_no_flood_harms(flood: bytes) -> None:
    """Whatever a broker sends, the gateway stays, or leaves it in words and comes back."""

    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url:
            one = Gateway(url)
            await one.online()
            peer.write(flood)
            peer.write(b"\xe0\x02\x8b\x00")
            await one.until(lambda: len(one.told) > 2)
            assert one.causes[0] in (Cause.ENDED, Cause.NO_MQTT)
            assert one.task.done() is False
            await one.vanish()

    asyncio.run(run())


# The way there


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for code, cause in (
        (socket.EAI_NONAME, Cause.UNKNOWN_NAME),
        (socket.EAI_AGAIN, Cause.NO_NAME_SERVER),
    ):

        def fail(*_: object, code: int = code, **__: object) -> None:
            raise socket.gaierror(code, "")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        told, words = asyncio.run(trouble_with("mqtt://broker.example"))
        assert (told, "broker.example" in words) == (cause, True)


def test_a_name_server_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the attempt, nor the end of the program, waits for the resolver."""
    held = threading.Event()
    monkeypatch.setattr(wire, "RESOLVE_S", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: held.wait(20) and [])
    began = time.monotonic()
    cause, _ = asyncio.run(trouble_with("mqtt://broker.example"))
    assert cause is Cause.NO_NAME_SERVER
    assert time.monotonic() - began < 5
    held.set()


def test_a_name_is_tried_at_each_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPv6 first, where nobody listens, then IPv4, where the broker does."""

    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url:
            port = int(url.rpartition(":")[2])
            found = [(family, 0, 0, "", (host, port)) for family, host in ((10, "::1"), (2, "127.0.0.1"))]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            one = Gateway(f"mqtt://broker.example:{port}")
            await one.online()
            await one.vanish()

    asyncio.run(run())


def test_a_broker_by_its_address_of_version_six() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async def run() -> None:
        peer = Peer()
        try:
            server = await asyncio.start_server(peer.serve, "::1", 0)
        except OSError:
            pytest.skip("this machine has no IPv6")
        async with server:
            one = Gateway(f"mqtt://[::1]:{server.sockets[0].getsockname()[1]}")
            await one.online()
            assert str(one.told[0].address).startswith("[::1]:")
            await one.vanish()
            await peer.end()

    asyncio.run(run())


def test_one_that_takes_no_connections_any_more_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
        cause, words = asyncio.run(trouble_with(f"mqtt://127.0.0.1:{port}"))
        for one in waiting:
            one.close()
    assert (cause, words) == (Cause.SILENT, f"127.0.0.1:{port} does not answer")


def test_no_way_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cause, _ = asyncio.run(trouble_with("mqtt://255.255.255.255"))
    assert cause in (Cause.NO_ROUTE, Cause.NOT_REACHED)


def test_all_ends_though_the_broker_stands_still() -> None:
    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url, gateway(url) as one:
            began = time.monotonic()
            one.connection.close()
            await one.task
            assert time.monotonic() - began < 3

    asyncio.run(run())
