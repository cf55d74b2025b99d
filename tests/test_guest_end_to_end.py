"""A phone signs on at the guest page of the real daemon, in a network of its own: from its request to the broker."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from virtual_backend import ROOT, ask, events
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import VirtualDaemon, a_member, hushbell
from virtual_hostapd import VirtualHostapd
from virtual_network import run_apart, why_not
from virtual_phone import ADDRESSES, CONFIG, PHONE, STRANGER, Phone, lay_network, opened

from gateway.guest.keys import is_in_memory

PSK = "ab" * 32
WITHIN_S = 20.0
pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can be made")


@pytest.fixture
def memory() -> Iterator[Path]:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        if not is_in_memory(Path(folder)):
            pytest.skip("there is no folder in memory here")
        yield Path(folder)


async def reloaded(access_point: VirtualHostapd, times: int) -> None:
    await asyncio.to_thread(access_point.wait_until, lambda: access_point.asked["RELOAD_WPA_PSK"] == times)


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
