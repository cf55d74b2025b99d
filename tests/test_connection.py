"""The connection against a real mosquitto, and against peers that do what mosquitto never would."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_connection import STATUS, Gateway, gateway

from gateway.mqtt import connection as keeper
from gateway.mqtt import link as module
from gateway.mqtt.outgoing import Delivery, Outgoing, PublishError
from gateway.mqtt.topics import Arrival
from gateway.mqtt.trouble import Cause

ROOMY = "allow_anonymous true\nmax_inflight_messages 500"


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
            with pytest.raises(PublishError, match="refused: the user may not do this") as caught:
                await one.connection.publish(Outgoing("hushbell/v1/s/alerts/floor", b"{}"))
            assert caught.value.delivery is Delivery.REFUSED

    config = f"allow_anonymous true\nacl_file {tmp_path / 'acl'}"
    with running_broker(tmp_path / "broker", config) as broker:
        asyncio.run(run(broker))


def test_a_wrong_password_is_said_in_words(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        one = Gateway(broker.url, username="door-pi", password="wrong")
        await one.until(lambda: broker.log.count("not authorised") >= 3)
        (told,) = one.told
        assert told.reason == (
            f"the broker at 127.0.0.1:{broker.port} refuses door-pi: "
            "user or password is wrong, or the user may not do this"
        )
        await one.end()

    with running_broker(tmp_path, "allow_anonymous false") as broker:
        asyncio.run(run(broker))


def test_nobody_there_is_said_in_words_and_tried_again(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        broker.stop()
        one = Gateway(broker.url)
        assert await one.refused() == f"no broker listens at 127.0.0.1:{broker.port}"
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
        sent = module.WINDOW + keeper.WAITING
        assert outcomes.count(Delivery.DELIVERED) == sent
        assert outcomes.count(Delivery.REFUSED) == 1000 - sent
        watcher.wait_for(sent)
        assert [int(message.payload) for message in watcher.received] == list(range(sent))

    with running_broker(tmp_path, ROOMY) as broker, VirtualClient(broker.port, "watcher", "hushbell/v1/s/x") as watcher:
        asyncio.run(run(broker, watcher))


def test_a_broker_that_stands_still_is_left(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        async with gateway(broker.url, patience_s=0.2) as one:
            broker.freeze()
            with pytest.raises(PublishError, match="lost"):
                await one.connection.publish(Outgoing("x", b"1"))
            assert not one.connection.state.online
            assert one.causes == [Cause.UNACKNOWLEDGED]
            await one.until(lambda: one.causes[-1] is Cause.MUTE)
            broker.thaw()
            await one.online()
            await one.connection.publish(Outgoing("x", b"1"))

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


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
