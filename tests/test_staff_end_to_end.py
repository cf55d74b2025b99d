"""Staff devices and a back end over TLS, each with its own rights, and the daemon as a user of the same broker."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from virtual_daemon import CONFIG, VirtualDaemon, a_member, hushbell
from virtual_users import ShopBroker, User, Will, shop_broker

ROOT = "hushbell/v1/lilac-01"
ONLINE, OFFLINE = b'{"state": "online"}', b'{"state": "offline"}'
STAFF = "staff: {{groups: [{{id: floor, devices: [badge-1], escalate_to: managers}}, {{id: managers}}]}}\n"
USERS = (
    ("gateway", "lilac-01", "door-pi"),
    ("back-end", "lilac-01", "crm"),
    ("device", "lilac-01", "badge-1"),
    ("device", "lilac-01", "phone-1", "managers"),
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ShopBroker]:
    with shop_broker(tmp_path / "broker", *USERS) as broker:
        yield broker


@pytest.fixture
def back_end(broker: ShopBroker) -> Iterator[User]:
    with User(broker, "lilac-01.crm") as user:
        user.subscribe(f"{ROOT}/#")
        yield user


@pytest.fixture
def daemon(tmp_path: Path, broker: ShopBroker, back_end: User) -> Iterator[VirtualDaemon]:
    """The daemon signs on to the TLS listener as the user that scripts/broker made for it."""
    mqtt = '{{url: "{url}", username: lilac-01.door-pi, password_file: secret, ca_file: ' + f"{broker.ca_file}}}}}"
    config = CONFIG.replace('{{url: "{url}"}}', mqtt) + STAFF
    shop = VirtualDaemon(tmp_path / "shop", f"mqtts://localhost:{broker.secure_port}", config)
    (shop.folder / "secret").write_text(broker.passwords["lilac-01.door-pi"])
    shop.put(a_member())
    with shop:
        back_end.wait_until(lambda: any(b'"hearing"' in message.payload for message in back_end.heard))
        yield shop


def a_device(broker: ShopBroker, name: str, group: str, *, session_s: int = 0) -> User:
    """Return a staff device that is online, with its will."""
    status = f"{ROOT}/devices/{name}/status"
    device = User(broker, f"lilac-01.{name}", will=Will(status, OFFLINE), session_s=session_s)
    device.subscribe(f"{ROOT}/alerts/{group}")
    assert device.say(status, ONLINE, retain=True) == "Success"
    return device


def alerts(user: User, kind: str) -> list[dict[str, Any]]:
    """Return the data of what a user heard of alerts."""
    bodies = [json.loads(message.payload) for message in user.heard if "/alerts/" in message.topic]
    return [body["data"] for body in bodies if body["type"] == f"hushbell.alert.{kind}"]


def ask_status(back_end: User, number: int) -> str:
    """Ask for the gateway's status; return where the answer comes."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic = topic = f"{ROOT}/replies/crm/{number}"
    assert back_end.say(f"{ROOT}/commands/status", b"{}", properties=properties) == "Success"
    return topic


def test_an_alert_that_nobody_can_hear_escalates_and_the_badge_that_comes_late_still_gets_it_and_claims(
    broker: ShopBroker, back_end: User, daemon: VirtualDaemon
) -> None:
    with a_device(broker, "badge-1", "floor", session_s=60) as badge:
        assert badge.say(f"{ROOT}/devices/badge-1/status", OFFLINE, retain=True) == "Success"
    with a_device(broker, "phone-1", "managers") as phone:
        asyncio.run(daemon.walk_in())
        back_end.wait_until(lambda: alerts(back_end, "unheard"))
        (unheard,) = alerts(back_end, "unheard")
        assert (unheard["group"], unheard["escalated_to"]) == ("floor", "managers")
        phone.wait_until(lambda: alerts(phone, "raised"))
        (escalated,) = alerts(phone, "raised")
        assert (escalated["alert"], escalated["escalated_from"]) == (unheard["alert"], "floor")
        with a_device(broker, "badge-1", "floor", session_s=60) as badge:
            badge.wait_until(lambda: len(alerts(badge, "raised")) == 2)  # from its session's queue, and once more
            assert {raised["alert"] for raised in alerts(badge, "raised")} == {unheard["alert"]}
            claim = json.dumps({"alert": unheard["alert"], "action": "claim"}).encode()
            assert badge.say(f"{ROOT}/alerts/floor/claims/badge-1", claim) == "Success"
            phone.wait_until(lambda: alerts(phone, "claimed"))
            assert alerts(phone, "claimed")[0]["device"] == "badge-1"
    assert "oX3f-91c2" not in str([message.payload for message in (*badge.heard, *phone.heard)])


def test_the_back_end_asks_and_is_answered_under_its_own_name(back_end: User, daemon: VirtualDaemon) -> None:
    topic = ask_status(back_end, 1)
    back_end.wait_until(lambda: topic in back_end.topics)
    answer = next(message for message in back_end.heard if message.topic == topic)
    assert json.loads(answer.payload)["ok"]


def broker_findings(shop: VirtualDaemon) -> list[str]:
    done = hushbell("doctor", "--json", "--config", "hushbell.yaml", folder=shop.folder)
    return [one["state"] for one in json.loads(done.stdout)["findings"] if one["check"] == "broker"]


def test_the_doctor_neither_throws_a_gateway_out_nor_takes_what_waits_for_it(
    back_end: User, daemon: VirtualDaemon
) -> None:
    """The broker takes the user for the client id, so that the doctor would be the gateway."""
    before = len(back_end.heard)
    assert broker_findings(daemon) == ["ok"]
    assert not [message for message in back_end.heard[before:] if b"offline" in message.payload]
    assert daemon.log.count("connected to the broker") == 1
    daemon.kill()
    answer = ask_status(back_end, 1)
    assert broker_findings(daemon) == ["ok"]
    daemon.start()
    back_end.wait_until(lambda: answer in back_end.topics)


def test_a_badge_is_tried_without_a_customer(broker: ShopBroker, back_end: User, daemon: VirtualDaemon) -> None:
    with a_device(broker, "badge-1", "floor") as badge, ThreadPoolExecutor() as pool:
        back_end.wait_until(lambda: f"{ROOT}/devices/badge-1/status" in back_end.topics)
        trial = pool.submit(hushbell, "buzz", "floor", "--config", "hushbell.yaml", folder=daemon.folder)
        badge.wait_until(lambda: alerts(badge, "raised"))
        (raised,) = alerts(badge, "raised")
        assert raised["test"] is True
        badge.say(
            f"{ROOT}/alerts/floor/claims/badge-1", json.dumps({"alert": raised["alert"], "action": "claim"}).encode()
        )
        done = trial.result()
    assert done.returncode == 0, done.stderr
    first, answer = done.stdout.splitlines()
    assert "badge-1" in first
    assert answer.startswith("badge-1 answered after ")


def test_a_trial_that_cannot_be_says_why(tmp_path: Path) -> None:
    shop = VirtualDaemon(tmp_path, "mqtt://127.0.0.1:1", CONFIG + STAFF)
    for group, word in ((), "hushbell run"), (("cooks",), "floor, managers"):
        done = hushbell("buzz", *group, "--config", "hushbell.yaml", folder=shop.folder)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert word in done.stderr


def test_a_trial_that_nobody_answers_says_who_is_silent_and_ends_with_1(
    broker: ShopBroker, back_end: User, daemon: VirtualDaemon, tmp_path: Path
) -> None:
    with ThreadPoolExecutor() as pool:
        trials = [
            pool.submit(hushbell, "buzz", group, "--config", "hushbell.yaml", folder=daemon.folder)
            for group in ("floor", "managers")
        ]
        done = [trial.result() for trial in trials]
    assert {one.returncode for one in done} == {1}
    assert all("No device of group" in one.stdout for one in done)
    assert all("no device of group" in one.stderr for one in done)
