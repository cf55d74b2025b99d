"""`hushbell enrol` without a daemon: an app's key and a key to the Wi-Fi, each purpose asked for by itself."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from virtual_daemon import hushbell

from gateway.guest.keys import derive_psk
from gateway.membership.carried import LETTERS, for_app, for_wifi
from gateway.membership.consent import consent_text
from gateway.membership.memberchange import MemberChange, read
from gateway.qrcodes import drawn
from gateway.store.store import Store

CONFIG = """\
store: {id: lilac-01, timezone: Asia/Shanghai}
gateway: {id: door-pi, state: state}
mqtt: {url: "mqtt://127.0.0.1"}
beacons: {namespace: 6e9d1c5a2b3f4e70}
receivers: [{id: guest-wifi, driver: hostapd, control: wlan0, ssid: Lilac-Guest}]
zones: [{id: floor, kind: inside, hear: [{receiver: guest-wifi}]}]
guest: {receiver: guest-wifi, keys: /run/hushbell/guest-keys}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "hushbell.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def enrol(shop: Path, *arguments: str, answers: str = "") -> tuple[int, str, str]:
    done = hushbell("enrol", "--config", "hushbell.yaml", *arguments, folder=shop, text=answers)
    return done.returncode, done.stdout, done.stderr


def listed(shop: Path) -> list[dict[str, Any]]:
    done = hushbell("members", "list", "--config", "hushbell.yaml", folder=shop)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_app_takes_its_key_from_a_code_after_each_purpose_was_asked_for(shop: Path) -> None:
    status, output, _ = enrol(shop, "--app", "--greeting", "赵小姐", answers="y\nn\n同意\n")
    assert status == 0
    [code] = [line for line in output.splitlines() if line.startswith("hushbell:1:")]
    _, _, namespace, key, member = code.split(":")
    assert (namespace, len(bytes.fromhex(key))) == ("6e9d1c5a2b3f4e70", 32)
    [entry] = listed(shop)
    assert entry == {"member": member, "credentials": ["rotating"], "purposes": ["offers", "recognise"]}
    text = consent_text("en", 90 * 86400.0)
    assert all(line in output for line in text.whole.splitlines())


async def noted(shop: Path) -> list[MemberChange]:
    store = await Store.open(shop / "state")
    notes = [read(text) for _, text in await store.members.notes()]
    await store.close()
    return notes


def test_who_enrols_at_the_counter_is_told_to_the_back_end_by_the_next_daemon(shop: Path) -> None:
    assert enrol(shop, "--app", "--member", "oX3f-91c2", answers="y\nn\n同意\n")[0] == 0
    (told,) = asyncio.run(noted(shop))
    assert (told.member, told.change, told.by, told.purposes) == (
        *("oX3f-91c2", "enrolled", "counter"),
        ("recognise", "offers"),
    )


def test_a_key_to_the_wifi_is_made_and_shown_as_phones_scan_it(shop: Path) -> None:
    status, output, _ = enrol(shop, "--wifi", "--yes")
    assert status == 0
    [code] = [line for line in output.splitlines() if line.startswith("WIFI:")]
    assert code.startswith("WIFI:T:WPA;S:Lilac-Guest;P:")
    assert [entry["credentials"] for entry in listed(shop)] == [["wifi-key"]]


@pytest.mark.parametrize("answers", ["", "n\n", "no\ny\ny\n", "\n"])
def test_without_a_yes_to_the_first_nothing_is_enrolled(shop: Path, answers: str) -> None:
    status, output, complaint = enrol(shop, "--app", answers=answers)
    assert (status, len(complaint.splitlines())) == (2, 1)
    assert "hushbell:1:" not in output
    assert listed(shop) == []


@pytest.mark.parametrize(
    ("line", "arguments", "why"),
    [
        ("beacons:", ["--app"], "beacons.namespace"),
        ("guest:", ["--wifi"], "guest.keys"),
        ("none", ["--app", "--member", "13800138000"], "phone number"),
        ("none", ["--app", "--purposes", "recognize"], "consent[0].purpose"),
        ("none", ["--app", "--wifi"], "not allowed with"),
        ("none", ["--receiver", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_enrolled_is_told_before_anybody_is_asked(
    shop: Path, line: str, arguments: list[str], why: str
) -> None:
    kept = [text for text in CONFIG.splitlines(keepends=True) if not text.startswith(line)]
    (shop / "hushbell.yaml").write_text("".join(kept), encoding="utf-8")
    status, output, complaint = enrol(shop, *arguments, answers="y\ny\ny\n")
    assert (status, output, len(complaint.splitlines())) == (2, "", 1)
    assert why in complaint


def test_the_codes_hold_what_is_stored() -> None:
    assert len(set(LETTERS)) == 32
    wifi = for_wifi('Li;lac"', lambda size: bytes(range(size)))
    assert wifi.code == 'WIFI:T:WPA;S:Li\\;lac\\";P:abcdefghjkmnpqrs;;'
    assert wifi.credential["psk"] == derive_psk("abcdefghjkmnpqrs", 'Li;lac"').hex()
    app = for_app(bytes(8), "oX3f-91c2", lambda size: sha256(b"").digest()[:size])
    assert app.code == f"hushbell:1:{'00' * 8}:{app.credential['key']}:oX3f-91c2"
    assert app.credential["key"] not in repr(app)


def test_a_code_is_drawn_small_enough_for_a_terminal() -> None:
    lines = drawn(for_app(bytes(8), "x" * 36, lambda size: bytes(size)).code).splitlines()
    assert len(lines) <= 35
    assert drawn("a") != drawn("b")
