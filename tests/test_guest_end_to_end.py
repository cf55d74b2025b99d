"""A phone signs on at the guest page of the real daemon, in a network of its own: from its request to the broker."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import pytest
from pyroute2 import AsyncIPRoute
from test_daemon import ROOT, ask
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import VirtualDaemon, a_member, hushbell
from virtual_hostapd import VirtualHostapd
from virtual_network import run_apart, why_not

from gateway.guest.keys import is_in_memory

HOME, PHONE, STRANGER = "10.0.0.1", "10.0.0.7", "10.0.0.8"
ADDRESSES = {PHONE: "5e:3a:11:22:33:44", STRANGER: "6a:00:5e:77:c1:d9"}
PORT = 8080
PSK = "ab" * 32
WITHIN_S = 20.0
_PERMANENT = 0x80  # NUD_PERMANENT of linux/neighbour.h

CONFIG = """\
store: {{id: lilac-01, timezone: Asia/Shanghai}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "{url}"}}
receivers: [{{id: guest-wifi, driver: hostapd, control: wlan0, ssid: Lilac-Guest}}]
zones: [{{id: floor, kind: inside, hear: [{{receiver: guest-wifi}}]}}]
presence: {{leave_after: 2 s}}
guest: {{receiver: guest-wifi, listen: "10.0.0.1:8080", keys: KEYS}}
"""

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can be made")


@pytest.fixture
def memory() -> Iterator[Path]:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        if not is_in_memory(Path(folder)):
            pytest.skip("there is no folder in memory here")
        yield Path(folder)


async def lay_network() -> None:
    """Lay an interface with the gateway's address and those of two phones, whose devices the kernel knows."""
    async with AsyncIPRoute() as net:
        await net.link("set", index=(await net.link_lookup(ifname="lo"))[0], state="up")
        await net.link("add", ifname="guest0", kind="veth", peer="guest1")
        number = (await net.link_lookup(ifname="guest0"))[0]
        await net.link("set", index=number, state="up")
        for address in (HOME, *ADDRESSES):
            await net.addr("add", index=number, address=address, prefixlen=24)
        for address, device in ADDRESSES.items():
            await net.neigh("add", dst=address, lladdr=device, ifindex=number, state=_PERMANENT)


class Phone:
    """A phone on the network, by its network address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.page = ""

    def ask(self, method: str, target: str, form: dict[str, str] | None = None) -> int:
        connection = http.client.HTTPConnection(HOME, PORT, timeout=10, source_address=(self.address, 0))
        headers = {"Accept-Language": "en"} | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
        connection.request(method, target, urlencode(form) if form else None, headers)
        response = connection.getresponse()
        self.page = response.read().decode()
        connection.close()
        if location := response.headers["Location"]:
            return self.ask("GET", location.removeprefix(f"http://{HOME}:{PORT}"))
        return response.status

    def press(self, action: str, **fields: str) -> int:
        [inner] = re.findall(f'action="{action}">(.*?)</form>', self.page, re.DOTALL)[:1]
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', inner)
        return self.ask("POST", action, {name: unescape(value) for name, value in hidden} | fields)


async def opened(phone: Phone) -> None:
    """Open the page as soon as it is served."""
    for _ in range(200):
        try:
            if await asyncio.to_thread(phone.ask, "GET", "/") == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("the page is not served")


async def reloaded(access_point: VirtualHostapd, times: int) -> None:
    await asyncio.to_thread(access_point.wait_until, lambda: access_point.asked["RELOAD_WPA_PSK"] == times)


def events(client: VirtualClient, kind: str) -> list[dict[str, Any]]:
    found = [message.body for message in client.received if message.content_type == "application/cloudevents+json"]
    return [body["data"] for body in found if body["type"] == f"hushbell.{kind}"]


def is_told_alive(client: VirtualClient) -> bool:
    """Tell whether the daemon is with the broker, and so takes commands."""
    status = f"{ROOT}/gateways/door-pi/status"
    return any(message.topic == status and message.body["state"] != "offline" for message in client.received)


def everything_on_disk(folder: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).lower()


def forms_of(address: str) -> list[bytes]:
    """Return an address as it could be written, digests without a key included."""
    raw = bytes.fromhex(address.replace(":", ""))
    digests = [new(form).digest() for new in (hashlib.sha1, hashlib.sha256) for form in (raw, address.encode())]
    plain = [raw, *digests]
    return [*plain, *(form.hex().encode() for form in plain), address.encode(), address.replace(":", "-").encode()]


def test_a_member_signs_on_is_recognised_pauses_and_withdraws_and_a_stranger_leaves_no_trace(
    tmp_path: Path, memory: Path
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()

    async def scene() -> None:
        await lay_network()
        with (
            running_broker(tmp_path / "broker") as broker,
            VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
            VirtualHostapd(shop / "wlan0") as access_point,
            VirtualDaemon(shop, broker.url, CONFIG.replace("KEYS", str(memory / "keys"))) as daemon,
        ):
            for address in ADDRESSES.values():
                access_point.join(address)
            stranger, phone = Phone(STRANGER), Phone(PHONE)
            await opened(stranger)
            assert stranger.press("/decline") == 200
            await opened(phone)
            phone.press("/agree", recognise="yes", greeting="王女士")
            await asyncio.to_thread(client.wait_until, lambda: bool(events(client, "visit.started")), WITHIN_S)
            [started] = events(client, "visit.started")
            assert (started["trust"], started["credential"], started["zone"]) == ("weak", "wifi", None)
            phone.press("/pause", days="1")
            assert "Nobody recognises you before" in phone.page
            phone.press("/resume")
            phone.press("/withdraw")
            assert "Nothing is held about you" in phone.page
            listed = hushbell("members", "list", "--config", "hushbell.yaml", folder=shop)
            assert listed.stdout == ""
            assert daemon.stop() == 0
            held = everything_on_disk(shop) + b"\0".join(message.payload for message in client.received).lower()
            for address in ADDRESSES.values():
                assert not [form for form in forms_of(address) if form in held]

    run_apart(scene())


def test_a_key_of_ones_own_is_in_force_and_gone_within_a_second(tmp_path: Path, memory: Path) -> None:
    shop, keys = tmp_path / "shop", memory / "keys"
    shop.mkdir()

    async def scene() -> None:
        await lay_network()
        with (
            running_broker(tmp_path / "broker") as broker,
            VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
            VirtualHostapd(shop / "wlan0") as access_point,
            VirtualDaemon(shop, broker.url, CONFIG.replace("KEYS", str(keys))),
        ):
            await reloaded(access_point, 1)
            await asyncio.to_thread(client.wait_until, lambda: is_told_alive(client), WITHIN_S)
            assert keys.read_text() == ""
            member = a_member(credentials=[{"kind": "wifi-key", "keyid": "k-7781", "psk": PSK}])
            for command, body, text in (
                ("members.put", member, f"keyid=k-7781 00:00:00:00:00:00 {PSK}\n"),
                ("members.pause", {"member": "oX3f-91c2", "until": "2099-01-01T00:00:00Z"}, ""),
                ("members.pause", {"member": "oX3f-91c2", "until": None}, f"keyid=k-7781 00:00:00:00:00:00 {PSK}\n"),
                ("members.remove", {"member": "oX3f-91c2"}, ""),
            ):
                reloads, began = access_point.asked["RELOAD_WPA_PSK"], asyncio.get_running_loop().time()
                assert (await asyncio.to_thread(ask, client, command, body))["ok"]
                await reloaded(access_point, reloads + 1)
                assert asyncio.get_running_loop().time() - began < 1.0
                assert keys.read_text() == text
            said = [message.payload for message in client.received if "/commands/" not in message.topic]
            assert not [payload for payload in said if PSK.encode() in payload]

    run_apart(scene())
