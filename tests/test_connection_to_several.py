"""Several brokers in order of preference, sessions that were kept or lost, and when what arrived is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest
from virtual_broker import VirtualBroker, free_port, running_broker
from virtual_cable import cabled
from virtual_client import VirtualClient
from virtual_connection import STATUS, Gateway, gateway
from virtual_peer import Peer, serving
from virtual_websocket import Bridge

from gateway.mqtt import backoff, connection, link
from gateway.mqtt.outgoing import Delivery, Outgoing
from gateway.mqtt.topics import Arrival
from gateway.mqtt.trouble import Cause

FACTS, DEVICES = "hushbell/v1/s/facts/+", "hushbell/v1/s/devices/+/status"
COMMANDS = "hushbell/v1/s/commands/+"


def fact(name: str, payload: bytes = b"true") -> Arrival:
    return Arrival(f"hushbell/v1/s/facts/{name}", payload, retained=True)


def states(client: VirtualClient) -> list[str]:
    return [message.body["state"] for message in client.received]


# In order of preference


def test_the_first_that_takes_us_is_used_and_a_better_one_is_gone_back_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On each broker the retained status says where the gateway is, and each change is made without a gap."""
    monkeypatch.setattr(backoff, "RETURN_S", 0.2)

    async def run(first: VirtualBroker, second: VirtualBroker, watcher: VirtualClient) -> None:
        first.stop()
        async with gateway([first.url, second.url], FACTS) as one:
            one.connection.keep(STATUS, b'{"state":"online"}')
            assert one.connection.state.address is not None
            assert one.connection.state.address.port == second.port
            await one.until(lambda: states(watcher) == ["online"])
            first.start()
            with VirtualClient(first.port, "watcher", STATUS) as back:
                await one.until(lambda: states(back) == ["online"])
                assert one.connection.state.address.port == first.port
                await one.until(lambda: states(watcher) == ["online", "offline"])
                assert not any(state.troubles for state in one.told), "it was never without a broker"
                await one.connection.publish(Outgoing("x", b"1"))
                first.kill()
                await one.until(lambda: one.connection.state.online and states(watcher)[2:] == ["online"])
        await one.until(lambda: states(watcher)[3:] == ["offline"])

    with (
        running_broker(tmp_path / "first") as first,
        running_broker(tmp_path / "second") as second,
        VirtualClient(second.port, "watcher", STATUS) as watcher,
    ):
        asyncio.run(run(first, second, watcher))


def test_where_none_takes_us_each_is_told(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        one = Gateway(["mqtt://127.0.0.1:1", f"mqtts://127.0.0.1:{broker.port}"])
        reason = await one.refused()
        assert one.causes[:2] == [Cause.NOBODY_LISTENS, Cause.NO_TLS]
        assert reason.startswith("no broker listens at 127.0.0.1:1; 127.0.0.1:")
        await one.end()

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_a_preferred_broker_that_is_sick_is_not_stormed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes connections and never greets; the other one serves all the while."""
    monkeypatch.setattr(backoff, "RETURN_S", 0.2)

    async def run() -> None:
        sick, well = Peer(b""), Peer()
        async with serving(sick) as first, serving(well) as second:
            one = Gateway([first, second], patience_s=0.2)
            await one.online()
            began, tried = time.monotonic(), sick.connections
            await one.until(lambda: sick.connections >= tried + 6)
            assert time.monotonic() - began > 0.5, "each attempt is an attempt and a question about the old version"
            assert (well.connections, len(one.told)) == (1, 1)
            await one.vanish()

    asyncio.run(run())


def test_gateways_do_not_go_back_all_at_once() -> None:
    assert backoff.return_delay(0.0) == backoff.RETURN_S / 2
    assert backoff.return_delay(1.0) == backoff.RETURN_S


def test_one_broker_under_two_names_is_changed_without_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second connection takes the session over from the first; in the end the status says online."""
    monkeypatch.setattr(backoff, "RETURN_S", 0.2)

    async def run(broker: VirtualBroker, watcher: VirtualClient) -> None:
        bridge, port = Bridge(broker.port), free_port()
        one = Gateway([f"ws://127.0.0.1:{port}", broker.url], FACTS)
        one.connection.keep(STATUS, b'{"state":"online"}')
        await one.until(lambda: states(watcher)[-1:] == ["online"])
        server = await asyncio.start_server(bridge.serve, "127.0.0.1", port)
        async with server:
            await one.until(lambda: str(one.connection.state.address) == f"127.0.0.1:{port}")
            await one.until(lambda: states(watcher)[-2:] == ["offline", "online"])
            await one.connection.publish(Outgoing("x", b"1"))
            await one.end()
            await one.until(lambda: states(watcher)[-1:] == ["offline"])
            await bridge.end()

    with running_broker(tmp_path) as broker, VirtualClient(broker.port, "watcher", STATUS) as watcher:
        asyncio.run(run(broker, watcher))


# Sessions


def test_what_a_broker_without_our_session_has_no_more_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "SETTLE_S", 0.3)

    async def run(broker: VirtualBroker) -> None:
        with VirtualClient(broker.port, "erp") as erp:
            erp.publish("hushbell/v1/s/facts/stays", True, retain=True)
            erp.publish("hushbell/v1/s/devices/badge-1/status", {"state": "online"}, retain=True)
        async with gateway(broker.url, FACTS, DEVICES) as one:
            with VirtualClient(broker.port, "erp") as erp:
                erp.publish("hushbell/v1/s/facts/goes", True, retain=True)
                erp.publish("hushbell/v1/s/facts/was-never-kept", True)
            await one.until(lambda: len(one.arrived) >= 4)  # what was not yet acknowledged comes again
            one.arrived.clear()
            broker.kill()
            (broker.folder / "mosquitto.db").unlink(missing_ok=True)
            broker.start()
            with VirtualClient(broker.port, "erp") as erp:
                erp.publish("hushbell/v1/s/facts/stays", True, retain=True)
            await one.until(lambda: len(one.arrived) == 3)
            assert set(one.arrived) == {
                fact("stays"),
                fact("goes", b""),
                Arrival("hushbell/v1/s/devices/badge-1/status", b"", retained=True),
            }
            assert one.told[-1].resumed is False
            await asyncio.sleep(0.4)
            assert len(one.arrived) == 3

    with running_broker(tmp_path) as broker, caplog.at_level(logging.WARNING):
        asyncio.run(run(broker))
    assert "the broker lost our session" in caplog.text


def test_a_session_that_was_kept_forgets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SETTLE_S", 0.05)

    async def run(broker: VirtualBroker) -> None:
        with VirtualClient(broker.port, "erp") as erp:
            erp.publish("hushbell/v1/s/facts/a", True, retain=True)
            erp.publish("hushbell/v1/s/facts/b", True, retain=True)
        async with gateway(broker.url, FACTS, COMMANDS) as one:
            await one.until(lambda: len(one.arrived) == 2)
            broker.restart()
            await one.until(lambda: len(one.told) == 3)
            assert one.told[-1].resumed
            await one.until(lambda: len(one.arrived) >= 4)  # what was not yet acknowledged comes again
            await asyncio.sleep(0.2)
            assert all(arrival.payload for arrival in one.arrived)

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_another_brokers_facts_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that the other broker kept from an earlier day is not the one that we were in."""
    monkeypatch.setattr(connection, "SETTLE_S", 0.2)

    async def run(first: VirtualBroker, second: VirtualBroker) -> None:
        async with gateway(second.url, FACTS):
            pass
        with VirtualClient(first.port, "erp") as erp:
            erp.publish("hushbell/v1/s/facts/here", True, retain=True)
        async with gateway([first.url, second.url], FACTS) as one:
            await one.until(lambda: one.arrived == [fact("here")])
            first.stop()
            await one.until(lambda: len(one.told) == 3)
            assert not one.told[-1].resumed
            await one.until(lambda: one.arrived[1:] == [fact("here", b"")])

    with running_broker(tmp_path / "first") as first, running_broker(tmp_path / "second") as second:
        asyncio.run(run(first, second))


def test_the_doctors_kind_of_visit_leaves_no_session(tmp_path: Path) -> None:
    async def run(broker: VirtualBroker) -> None:
        for _ in range(2):
            async with gateway(broker.url, FACTS, visiting=True) as one:
                assert not one.told[0].resumed
        assert "hushbell-s-g" in broker.log
        async with gateway(broker.url, FACTS) as one:
            assert not one.told[0].resumed

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


# The will


def test_the_will_is_right_after_each_unclean_end(tmp_path: Path) -> None:
    """Also on the connection after a restart of the broker, and where the broker was away when the gateway ended."""

    async def run(broker: VirtualBroker) -> None:
        one = Gateway(broker.url)
        one.connection.keep(STATUS, b'{"state":"online"}')
        await one.online()
        broker.restart()
        await one.until(lambda: len(one.told) == 3)
        with VirtualClient(broker.port, "watcher", STATUS) as watcher:
            await one.until(lambda: states(watcher)[-1:] == ["online"])
            await one.vanish()
            await one.until(lambda: states(watcher)[-1:] == ["offline"])

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_a_cable_that_is_cut_makes_it_offline_and_mended_online(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither side is told of the cut: the broker speaks the will after one and a half keep-alives, and we leave."""
    monkeypatch.setattr(link, "KEEP_ALIVE_S", 1)

    async def run(broker: VirtualBroker, watcher: VirtualClient) -> None:
        async with cabled(broker.port) as (cable, url):
            one = Gateway(url, FACTS, patience_s=0.5)
            one.connection.keep(STATUS, b'{"state":"online"}')
            await one.until(lambda: states(watcher) == ["online"])
            cable.cut()
            await one.until(lambda: states(watcher) == ["online", "offline"])
            await one.until(lambda: one.causes)
            assert one.causes[0] is Cause.FELL_SILENT
            cable.mend()
            await one.online()
            await one.until(lambda: states(watcher)[-1] == "online")
            assert one.connection.state.resumed
            await one.end()

    with running_broker(tmp_path) as broker, VirtualClient(broker.port, "watcher", STATUS) as watcher:
        asyncio.run(run(broker, watcher))


# Acknowledgements


def test_what_arrived_is_acknowledged_once_it_is_settled(tmp_path: Path) -> None:
    """Before that, a gateway that dies is given it again; after that, never."""
    settled = asyncio.Event()

    async def disk() -> None:
        await settled.wait()

    async def run(broker: VirtualBroker) -> None:
        with VirtualClient(broker.port, "erp") as erp:
            one = Gateway(broker.url, COMMANDS, settled=disk)
            await one.online()
            erp.publish("hushbell/v1/s/commands/status", {"number": 1})
            await one.until(lambda: one.arrived)
            await one.vanish()
            two = Gateway(broker.url, COMMANDS, settled=disk)
            await two.until(lambda: two.arrived == one.arrived)
            settled.set()
            erp.publish("hushbell/v1/s/commands/status", {"number": 2})
            await two.until(lambda: len(two.arrived) == 2)
            await two.online()
            await two.connection.publish(Outgoing("x", b"the acknowledgements went before this"))
            await two.vanish()
            async with gateway(broker.url, COMMANDS) as three:
                erp.publish("hushbell/v1/s/commands/status", {"number": 3})
                await three.until(lambda: three.arrived)
                assert three.arrived[0].payload == b'{"number": 3}'

    with running_broker(tmp_path) as broker:
        asyncio.run(run(broker))


def test_a_disk_that_refuses_makes_nobody_deaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HOLD_S", 0.2)

    async def never() -> None:
        await asyncio.Event().wait()

    async def run(broker: VirtualBroker) -> None:
        async with gateway(broker.url, COMMANDS, settled=never) as one:
            with VirtualClient(broker.port, "erp") as erp:
                for number in range(2 * link.ARRIVING):
                    erp.publish("hushbell/v1/s/commands/status", {"number": number})
            await one.until(lambda: len(one.arrived) == 2 * link.ARRIVING)

    with running_broker(tmp_path, "allow_anonymous true\nmax_inflight_messages 0") as broker:
        asyncio.run(run(broker))


def test_the_last_that_a_disk_refused_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HOLD_S", 0.2)
    most, began = link.HELD_BACK + 10, asyncio.Event()

    async def never() -> None:
        began.set()
        await asyncio.Event().wait()

    async def run(broker: VirtualBroker) -> None:
        with VirtualClient(broker.port, "erp") as erp:
            one = Gateway(broker.url, COMMANDS, settled=never)
            await one.online()
            for number in range(most):
                erp.publish("hushbell/v1/s/commands/status", {"number": number})
            await one.until(lambda: len(one.arrived) == most)
            for _ in range(3):
                began.clear()
                await began.wait()
            await one.connection.publish(Outgoing("x", b"the acknowledgements went before this"))
            await one.vanish()
            async with gateway(broker.url, COMMANDS, settled=never) as two:
                await two.until(lambda: len(two.arrived) == link.HELD_BACK)
                assert two.arrived == one.arrived[-link.HELD_BACK :]

    with running_broker(tmp_path, "allow_anonymous true\nmax_inflight_messages 0") as broker:
        asyncio.run(run(broker))


def test_acknowledgements_keep_the_order_and_share_the_wait() -> None:
    """MQTT 5, section 4.6: in the order in which the messages came."""

    async def run() -> None:
        waits = 0
        open_disk = asyncio.Event()

        async def disk() -> None:
            nonlocal waits
            waits += 1
            await open_disk.wait()

        peer = Peer()
        async with serving(peer) as url:
            one = Gateway(url, COMMANDS, settled=disk)
            await one.online()
            for number in range(1, 101):
                peer.write(b"\x32\x07\x00\x01x" + number.to_bytes(2) + b"\x00!")
            await one.until(lambda: len(one.arrived) == 100)
            assert peer.acknowledged == []
            open_disk.set()
            await one.until(lambda: len(peer.acknowledged) == 100)
            assert peer.acknowledged == list(range(1, 101))
            assert waits < 10
            await one.vanish()

    asyncio.run(run())


def test_what_waited_for_a_link_that_ended_is_told_once(tmp_path: Path) -> None:
    async def run() -> None:
        peer = Peer()
        async with serving(peer) as url:
            one = Gateway(url)
            await one.online()
            outcomes: list[Delivery] = []
            for _ in range(link.WINDOW + connection.WAITING + 5):
                one.connection.send(Outgoing("x", b""), lambda delivery, _: outcomes.append(delivery))
            assert outcomes == [Delivery.REFUSED] * 5
            peer.hang_up()
            await one.until(lambda: len(outcomes) == link.WINDOW + connection.WAITING + 5)
            assert set(outcomes[5:]) == {Delivery.LOST}
            await one.vanish()

    asyncio.run(run())
