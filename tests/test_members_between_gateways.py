"""Two gateways of one shop on one broker: what a member does at one is in force at the other, also when it was off."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from virtual_backend import ROOT, ask, events
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import CARD, CONFIG, VirtualDaemon, a_member, hushbell
from virtual_hostapd import VirtualHostapd
from virtual_network import run_apart, why_not
from virtual_phone import CONFIG as GUEST
from virtual_phone import PHONE, Phone, lay_network, opened

WITHIN_S = 20.0
UNTIL = "2099-01-01T00:00:00.000+00:00"
OTHER = CARD[:-1] + b"\x31"
HEARD = [f"{ROOT}/{topic}" for topic in ("gateways/+/status", "members", "replies/#")]
SECOND = CONFIG.replace("door-pi", "shelf-pi")


class Shop(NamedTuple):
    """Two gateways, and whoever hears everything."""

    here: VirtualDaemon
    there: VirtualDaemon
    client: VirtualClient


def members(daemon: VirtualDaemon) -> dict[str, dict[str, Any]]:
    listed = hushbell("members", "list", "--config", "hushbell.yaml", folder=daemon.folder)
    assert listed.returncode == 0, listed.stderr
    return {row["member"]: row for row in map(json.loads, listed.stdout.splitlines())}


def act(daemon: VirtualDaemon, *arguments: str) -> None:
    done = hushbell("members", *arguments, "--config", "hushbell.yaml", folder=daemon.folder)
    assert done.returncode == 0, done.stderr


def are_online(client: VirtualClient) -> bool:
    states = {m.topic: m.body["state"] for m in client.received if m.topic.endswith("/status") and m.payload}
    return len(states) == 2 and "offline" not in states.values()


def awaits(daemon: VirtualDaemon, holds: Any) -> float:
    """Wait until what a gateway's register has fits; return how long it took, in seconds."""
    began = time.monotonic()
    while not holds(members(daemon)):
        assert time.monotonic() - began < WITHIN_S, members(daemon)
        time.sleep(0.1)
    return time.monotonic() - began


def bytes_of(daemon: VirtualDaemon) -> bytes:
    return b"\0".join(path.read_bytes() for path in (daemon.folder / "state").rglob("*") if path.is_file())


def everywhere(client: VirtualClient, command: str, body: Any) -> list[dict[str, Any]]:
    """Ask both gateways; return what they answer."""
    topic = f"{ROOT}/replies/test/{command}-{len(client.received)}"
    client.request(f"{ROOT}/commands/{command}", body, topic, b"1")
    client.wait_until(lambda: sum(m.topic == topic for m in client.received) == 2, WITHIN_S)
    return [m.body for m in client.received if m.topic == topic]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with running_broker(tmp_path / "broker") as broker, VirtualClient(broker.port, "all", *HEARD) as client:
        here, there = (
            VirtualDaemon(tmp_path / "door", broker.url),
            VirtualDaemon(tmp_path / "shelf", broker.url, SECOND),
        )
        with here, there:
            client.wait_until(lambda: are_online(client), WITHIN_S)
            yield Shop(here, there, client)


def test_a_pause_and_a_removal_at_one_gateway_hold_at_the_other_at_once_and_after_it_was_off(shop: Shop) -> None:
    both = [a_member(), a_member("oOther-0003", OTHER)]
    for member in both:
        assert [answer["ok"] for answer in everywhere(shop.client, "members.put", member)] == [True, True]
    act(shop.here, "pause", "oX3f-91c2", UNTIL)
    assert awaits(shop.there, lambda known: "paused_until" in known["oX3f-91c2"]) < WITHIN_S
    act(shop.here, "pause", "oX3f-91c2", "now")
    awaits(shop.there, lambda known: "paused_until" not in known["oX3f-91c2"])
    shop.there.stop()
    act(shop.here, "pause", "oX3f-91c2", UNTIL)
    act(shop.here, "remove", "oOther-0003")
    shop.client.wait_until(lambda: len(events(shop.client, "member.changed")) == 4, WITHIN_S)
    shop.there.start()
    awaits(shop.there, lambda known: set(known) == {"oX3f-91c2"} and "paused_until" in known["oX3f-91c2"])
    told = events(shop.client, "member.changed")
    assert [(one["change"], one["by"]) for one in told] == [
        *[("paused", "command-line"), ("resumed", "command-line")],
        *[("paused", "command-line"), ("removed", "command-line")],
    ]
    assert told[0]["until"] == "2099-01-01T08:00:00.000+08:00"
    for daemon in (shop.here, shop.there):
        assert daemon.stop() == 0
        assert b"oOther-0003" not in bytes_of(daemon)
        audit = hushbell("audit", "--config", "hushbell.yaml", "--log", "log", "--json", folder=daemon.folder)
        assert [fault for fault in json.loads(audit.stdout)["faults"] if "swap" not in fault] == []


def test_what_is_changed_while_no_daemon_runs_is_told_when_one_does_and_the_id_is_in_no_file_meanwhile(
    shop: Shop,
) -> None:
    everywhere(shop.client, "members.put", a_member())
    shop.here.stop()
    act(shop.here, "remove", "oX3f-91c2")
    assert b"oX3f-91c2" not in bytes_of(shop.here)
    assert set(members(shop.there)) == {"oX3f-91c2"}
    shop.here.start()
    awaits(shop.there, lambda known: not known)
    (told,) = events(shop.client, "member.changed")
    assert (told["member"], told["change"]) == ("oX3f-91c2", "removed")
    since = ask(shop.client, "events.since", {"topic": "members"})["result"]["events"]
    assert {event.get("gone") for event in since} <= {None, "erased"}


def test_what_came_by_command_is_not_told_again(shop: Shop) -> None:
    for command, body in (
        ("members.put", a_member()),
        ("members.pause", {"member": "oX3f-91c2", "until": UNTIL}),
        ("members.remove", {"member": "oX3f-91c2"}),
    ):
        assert [answer["ok"] for answer in everywhere(shop.client, command, body)] == [True, True]
    assert members(shop.there) == {}
    assert events(shop.client, "member.changed") == []


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can be made")
def test_what_a_guest_does_at_the_page_reaches_the_back_end_and_the_other_gateway_and_no_put_undoes_it(
    tmp_path: Path,
) -> None:
    here, there = tmp_path / "door", tmp_path / "shelf"
    here.mkdir()

    async def scene() -> None:
        await lay_network()
        with (
            running_broker(tmp_path / "broker") as broker,
            VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
            VirtualHostapd(here / "wlan0") as access_point,
            VirtualDaemon(here, broker.url, GUEST.replace(", keys: KEYS", "")),
            VirtualDaemon(there, broker.url, SECOND) as other,
        ):
            access_point.join("5e:3a:11:22:33:44")
            phone = Phone(PHONE)
            await opened(phone)
            await asyncio.to_thread(client.wait_until, lambda: are_online(client), WITHIN_S)
            await asyncio.to_thread(_live, phone, client, other)
            phone.press("/agree", recognise="yes", greeting="王女士")
            await asyncio.to_thread(client.wait_until, lambda: len(events(client, "member.changed")) == 4, WITHIN_S)
            new = events(client, "member.changed")[-1]
            assert (new["change"], new["member"][:6], new["purposes"]) == ("enrolled", "guest-", ["recognise"])
            assert new["member"] not in members(other)

    run_apart(scene())


def _live(phone: Phone, client: VirtualClient, other: VirtualDaemon) -> None:
    """Agree by a link, pause, go on, and withdraw while the other gateway is off."""
    everywhere(client, "members.put", a_member())
    links = everywhere(client, "guest.link", {"member": "oX3f-91c2"})
    (url,) = [answer["result"]["url"] for answer in links if answer["ok"]]
    phone.ask("GET", url.removeprefix("http://10.0.0.1:8080"))
    phone.press("/agree", recognise="yes", zones="yes")
    phone.press("/pause", days="7")
    assert awaits(other, lambda known: "paused_until" in known["oX3f-91c2"]) < WITHIN_S
    assert members(other)["oX3f-91c2"]["purposes"] == ["recognise", "zones"]
    for answer in everywhere(client, "members.put", a_member()):  # it knows nothing of the pause, and less offers
        assert answer["ok"]
    assert members(other)["oX3f-91c2"]["purposes"] == ["recognise", "zones"]
    assert "paused_until" in members(other)["oX3f-91c2"]
    other.stop()
    phone.ask("GET", "/")
    phone.press("/withdraw")
    client.wait_until(lambda: len(events(client, "member.changed")) == 3, WITHIN_S)
    client.request(f"{ROOT}/commands/members.put", a_member(), f"{ROOT}/replies/test/late", b"1")
    other.start()
    awaits(other, lambda known: not known)
    client.wait_until(lambda: sum(m.topic.endswith("/late") for m in client.received) == 2, WITHIN_S)
    for answer in (m.body for m in client.received if m.topic.endswith("/late")):
        assert (answer["error"]["code"], answer["error"]["field"]) == ("refused", "consent")
    assert [event["change"] for event in events(client, "member.changed")] == ["changed", "paused", "withdrawn"]
