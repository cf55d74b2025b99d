"""Members on the guest Wi-Fi, from end to end: a hostapd's control socket in, messages out of a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_daemon import VirtualDaemon, a_member
from virtual_hostapd import VirtualHostapd

from gateway.commandline.watch import line

ROOT = "hushbell/v1/lilac-01"
STATUS = f"{ROOT}/gateways/door-pi/status"

PHONE, STRANGER = "5e:3a:11:22:33:44", "6a:00:5e:77:c1:d9"
LEAVE_AFTER_S = 2.0
WITHIN_S = 20.0

CONFIG = f"""\
store: {{id: lilac-01, timezone: Asia/Shanghai}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "URL"}}
receivers: [{{id: guest-wifi, driver: hostapd, control: wlan0}}]
zones: [{{id: floor, kind: inside, hear: [{{receiver: guest-wifi}}]}}]
presence: {{leave_after: {LEAVE_AFTER_S:.0f} s}}
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[VirtualBroker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def back_end(broker: VirtualBroker) -> Iterator[VirtualClient]:
    with VirtualClient(broker.port, "everything", f"{ROOT}/#") as client:
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        yield client


@pytest.fixture
def access_point(tmp_path: Path) -> Iterator[VirtualHostapd]:
    folder = tmp_path / "shop"
    folder.mkdir()
    with VirtualHostapd(folder / "wlan0") as access_point:
        yield access_point


@pytest.fixture
def daemon(
    tmp_path: Path, broker: VirtualBroker, back_end: VirtualClient, access_point: VirtualHostapd
) -> Iterator[VirtualDaemon]:
    """A shop with two members; nobody is on its network yet."""
    shop = VirtualDaemon(tmp_path / "shop", broker.url)
    (shop.folder / "hushbell.yaml").write_text(CONFIG.replace("URL", broker.url))
    shop.put(
        a_member("oX3f-91c2", credentials=[{"kind": "wifi", "address": PHONE}]),
        a_member("oK7a-40d1", credentials=[{"kind": "wifi-key", "keyid": "k-7781"}]),
    )
    with shop:
        wait_for_status(back_end, "online", "hearing")
        yield shop


def events(back_end: VirtualClient, kind: str) -> list[dict[str, Any]]:
    """Return the data of all events of a type."""
    found = [message.body for message in back_end.received if message.content_type == "application/cloudevents+json"]
    return [body["data"] for body in found if body["type"] == f"hushbell.{kind}"]


def wait_for(back_end: VirtualClient, kind: str, number: int = 1) -> dict[str, Any]:
    """Wait for so many events of a type; return the data of the last."""
    back_end.wait_until(lambda: len(events(back_end, kind)) >= number, WITHIN_S)
    return events(back_end, kind)[-1]


def wait_for_status(back_end: VirtualClient, state: str, radio: str) -> None:
    def is_told() -> bool:
        told = [message.body for message in back_end.received if message.topic == STATUS and message.payload]
        return bool(told) and (told[-1]["state"], told[-1].get("receivers")) == (state, {"guest-wifi": radio})

    back_end.wait_until(is_told, WITHIN_S)


def let_pass(access_point: VirtualHostapd, seconds: float) -> None:
    """Let time pass by the daemon's own doing: it asks after hostapd four times in each leave time."""
    pings = access_point.asked["PING"] + 4 * seconds / LEAVE_AFTER_S
    access_point.wait_until(lambda: access_point.asked["PING"] >= pings)


def test_a_visit_lasts_while_the_members_phone_is_on_the_network(
    daemon: VirtualDaemon, back_end: VirtualClient, access_point: VirtualHostapd
) -> None:
    access_point.join(PHONE)
    started = wait_for(back_end, "visit.started")
    assert (started["member"], started["zone"]) == ("oX3f-91c2", "floor")
    assert (started["trust"], started["credential"]) == ("weak", "wifi")
    assert wait_for(back_end, "alert.raised")["trust"] == "weak"
    let_pass(access_point, 3 * LEAVE_AFTER_S)
    assert events(back_end, "visit.ended") == []
    access_point.leave(PHONE)
    ended = wait_for(back_end, "visit.ended")
    assert (ended["visit"], ended["reason"]) == (started["visit"], "left")
    assert ended["seconds"] >= 2 * LEAVE_AFTER_S


def test_a_key_of_ones_own_is_fresh_whatever_the_address(
    daemon: VirtualDaemon, back_end: VirtualClient, access_point: VirtualHostapd
) -> None:
    access_point.join(STRANGER, keyid="k-7781")
    started = wait_for(back_end, "visit.started")
    assert (started["member"], started["trust"], started["credential"]) == ("oK7a-40d1", "fresh", "wifi-key")


def test_whoever_watches_reads_connected_where_there_is_no_level() -> None:
    heard = {"what": "heard", "t": 0.0, "credential": "wifi", "tail": "c2", "zone": "floor", "rssi": None}
    told = line(heard | {"receiver": "guest-wifi"}, ZoneInfo("UTC"))
    assert told.endswith("guest Wi-Fi …c2, floor, guest-wifi connected")


def test_a_restart_of_hostapd_is_seen_and_who_comes_back_is_here_again(
    daemon: VirtualDaemon, back_end: VirtualClient, access_point: VirtualHostapd
) -> None:
    access_point.join(PHONE)
    wait_for(back_end, "visit.started")
    access_point.kill()
    wait_for_status(back_end, "degraded", "missing")
    access_point.start()
    wait_for_status(back_end, "online", "hearing")
    access_point.join(PHONE)
    let_pass(access_point, 2 * LEAVE_AFTER_S)
    assert len(events(back_end, "visit.started")) == len(events(back_end, "visit.ended")) + 1


def test_a_stranger_on_the_network_is_named_nowhere(
    daemon: VirtualDaemon, back_end: VirtualClient, access_point: VirtualHostapd
) -> None:
    access_point.join(STRANGER)
    access_point.tell(f"AP-STA-POSSIBLE-PSK-MISMATCH {STRANGER}")
    access_point.tell(f"AP-STA-CONNECTED {STRANGER}:ff")
    access_point.join(PHONE)
    wait_for(back_end, "visit.started")
    let_pass(access_point, LEAVE_AFTER_S)
    assert daemon.stop() == 0
    files = [path.read_bytes() for path in daemon.folder.rglob("*") if path.is_file()]
    everything = b"\0".join(files + [message.payload for message in back_end.received]).lower()
    address = bytes.fromhex(STRANGER.replace(":", ""))
    assert not [form for form in (address, address.hex().encode(), STRANGER.encode()) if form in everything]
    assert [started["member"] for started in events(back_end, "visit.started")] == ["oX3f-91c2"]
