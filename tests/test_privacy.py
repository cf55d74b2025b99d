"""The requirements of docs/privacy.md by their numbers, each shown on real parts; the page names where others are."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import virtual_core
import virtual_wifi
from virtual_backend import ROOT, STATUS, ask, is_event, unfit, wait_for, wait_for_status
from virtual_broker import running_broker
from virtual_client import Received, VirtualClient
from virtual_core import adverts, come_in, hear
from virtual_daemon import ADDRESS, CARD, CONFIG, DOOR_DBM, PROJECT, VirtualDaemon, a_member, hushbell
from virtual_gateway import listening, play
from virtual_machine import build_machine

from drivers import frames
from drivers.driver import RadioState
from drivers.wifi import WifiDriver
from gateway.audit.command import look_at_machine
from gateway.configuration.configfile import load_config
from gateway.contract.commands import OPERATIONS
from gateway.contract.words import PURPOSES
from gateway.identity.member import Member, parse_member
from gateway.identity.receipts import is_signed_by
from gateway.identity.recognition import Register
from gateway.store.store import Store

PAGE = Path(__file__).resolve().parents[1] / "docs" / "privacy.md"
SSID = b"canary-network"
NAME = b"canary-watch"
PHONE = "138 0013 8000"
OTHER = CARD[:-1] + b"\x21"
NOBODYS = CARD[:-1] + b"\x22"
IRK = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
BOUND = "5e:3a:11:22:33:44"
WITHIN_S = 1.0


class Day(NamedTuple):
    """What a shop heard, and all that it left: on the disk, in the log, on every topic, and what an audit says."""

    strangers: list[bytes]
    whole: bytes  # the shop's whole folder, and all messages
    kept: bytes  # of these the state folder, the log and the messages
    keys: list[bytes]  # that lie on the disk
    log: str
    said: list[Received]
    audit: dict[str, Any]
    late: list[Received]  # what a subscriber gets who comes late


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("day")
    with running_broker(folder / "broker") as broker:
        daemon = VirtualDaemon(folder / "shop", broker.url)
        with VirtualClient(broker.port, "everything", f"{ROOT}/#") as client:
            strangers, late = _live_through(daemon, client, broker.port)
        arguments = ("audit", "--json", "--log", "log", "--config", "hushbell.yaml")
        audit = json.loads(hushbell(*arguments, folder=daemon.folder).stdout)
    said = [message.topic.encode() + message.payload for message in client.received]
    whole = b"\0".join([*_files(daemon.folder), *said])
    kept = b"\0".join([*_files(daemon.folder / "state"), daemon.log.encode(), *said])
    keys = [asyncio.run(_gateway_key(daemon.folder / "state"))]
    keys += [bytes.fromhex(line) for line in (daemon.folder / "state/hushbell.key").read_text().split()]
    return Day(strangers, whole, kept, keys, daemon.log, list(client.received), audit, late)


def _live_through(daemon: VirtualDaemon, client: VirtualClient, port: int) -> tuple[list[bytes], list[Received]]:
    keyed = a_member()
    keyed["credentials"] += [{"kind": "irk", "key": IRK}, {"kind": "wifi", "address": BOUND}]
    daemon.put(keyed, a_member("oQuiet-0002", OTHER, greeting="李女士", consent=[]))
    client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
    with daemon:
        wait_for_status(client, "online", "hearing")
        strangers = asyncio.run(_heard(daemon))
        wait_for(client, "alert.raised")
        with VirtualClient(port, "late", f"{ROOT}/#") as late:
            late.wait_until(lambda: any(message.topic == STATUS for message in late.received))
        assert daemon.stop() == 0
    return strangers, list(late.received)


async def _heard(daemon: VirtualDaemon) -> list[bytes]:
    random = Random(5)
    phones = [b"\x02" + random.randbytes(5) for _ in range(2000)]
    watches = [b"\xc1" + random.randbytes(5) for _ in range(500)]
    await daemon.strangers(phones, SSID)
    for watch in watches:
        named = bytes((len(NAME) + 1, 0x09)) + NAME  # Complete Local Name (Core Spec Supplement Part A, 1.2)
        await daemon.door.send(frames.advertising_report(watch, -60, named))
    for _ in range(10):
        await daemon.door.send(frames.ibeacon_report(ADDRESS, DOOR_DBM, OTHER))
    await daemon.walk_in()
    return phones + watches


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def _gateway_key(folder: Path) -> bytes:
    store = await Store.open_readonly(folder)
    assert store is not None
    await store.close()
    return store.gateway_key


def _forms(address: bytes, keys: list[bytes]) -> Iterator[bytes]:
    """Yield an address as anybody might write it down, and each of that as anybody might hide it."""
    for text in (address, address[::-1], address.hex().encode(), address.hex(":").encode(), address.hex("-").encode()):
        yield text
        yield text.upper()
        digests = [hashlib.sha1(text, usedforsecurity=False).digest(), hashlib.sha256(text).digest()]
        digests += [hmac.digest(key, text, name) for key in keys for name in ("sha1", "sha256")]
        digests += [hashlib.blake2b(text, key=key, digest_size=8).digest() for key in keys]
        for digest in digests:
            yield digest[:8]
            yield digest[:8].hex().encode()


def test_1_an_address_of_a_non_member_never_leaves_memory_not_hashed_either(day: Day) -> None:
    found = [form for address in day.strangers for form in _forms(address, day.keys) if form in day.whole]
    assert found == []


def test_1_audit_fails_where_memory_or_bluetoothds_records_can_reach_a_disk(tmp_path: Path) -> None:
    file = tmp_path / "hushbell.yaml"
    shop = CONFIG.format(url="mqtt://127.0.0.1").replace("driver: simulator, socket: door.sock", "driver: ble")
    file.write_text(shop, encoding="utf-8")
    config = load_config(file)
    swap = "Filename Type Size Used Priority\n/var/swap file 102396 0 -2\n"
    machines: dict[str, dict[str, str | None]] = {
        "swap": {"proc/swaps": swap},
        "cache": {"proc/mounts": "/dev/mmcblk0p2 / ext4 rw 0 0\n"},
    }
    faults = {
        name: look_at_machine(config, build_machine(tmp_path / name, MappingProxyType(changes))).faults
        for name, changes in machines.items()
    }
    assert "/var/swap" in faults["swap"][0]
    assert "/var/lib/bluetooth" in faults["cache"][0]


def test_2_the_name_of_a_network_somebody_looks_for_never_enters(day: Day) -> None:
    assert b"canary" not in day.whole
    assert SSID.hex().encode() not in day.whole


@pytest.mark.skipif(bool(virtual_wifi.why_not()), reason=virtual_wifi.why_not())
def test_5_a_wifi_radio_never_transmits() -> None:
    async def scene() -> None:
        with virtual_wifi.VirtualMonitor() as air:
            air.sent()
            async with listening(WifiDriver("air", air.name, clock=lambda: 0.0)) as gateway:
                await gateway.reported(RadioState.HEARING)
                for number in range(50):
                    air.receive(frames.probe_request(b"\x02\0\0\0\0" + bytes([number]), -60, ssid=SSID))
                await gateway.heard(50)
                assert air.sent() == []

    play(scene(), partial(asyncio.run))


def test_5_what_a_strangers_device_calls_itself_is_dropped(day: Day) -> None:
    assert NAME not in day.whole


def test_6_audit_says_what_is_held_why_and_until_when_and_finds_nothing_else(day: Day) -> None:
    assert day.audit["ok"], day.audit["faults"]
    held = {entry["what"]: entry for entry in day.audit["held"]}
    assert held["members' records"]["count"] == 2
    assert all(entry["purpose"] and entry["until"] for entry in held.values())
    looked = {look["where"]: look["done"] for look in day.audit["looked"]}
    assert {"hushbell.db": True, "log": True}.items() <= looked.items()
    assert [done for where, done in looked.items() if where.startswith("mqtt://")] == [True]


def test_7_a_phone_number_or_e_mail_address_is_refused_in_any_string_of_any_command_and_the_field_named(
    tmp_path: Path,
) -> None:
    texts = {"a phone number": (PHONE, "+49 171 1234567"), "an e-mail address": ("wang@example.com",)}
    with (
        running_broker(tmp_path / "broker") as broker,
        VirtualClient(broker.port, "erp", f"{ROOT}/#") as client,
        VirtualDaemon(tmp_path / "shop", broker.url),
    ):
        wait_for_status(client, "online", "hearing")
        for operation in (operation for operation in OPERATIONS if operation.stands):
            for what, text in ((what, text) for what, some in texts.items() for text in some):
                told = ask(client, operation.name, unfit({"a": [{"b": f"call {text}"}]}))["error"]
                assert (told["code"], told["field"]) == ("refused", "a[0].b")
                assert what in told["message"]
                assert text not in json.dumps(told)
        assert ask(client, "members.put", a_member("6901234567892-x", note="card 6222021234567890123"))["ok"]
    assert PHONE.replace(" ", "").encode() not in b"".join(_files(tmp_path / "shop"))


def test_8_without_a_receipt_a_credential_is_noise_and_the_same_in_every_output(day: Day) -> None:
    name = "anna-0001"
    enrolled, empty = virtual_core.a_member(name, purposes=()), virtual_core.a_member("bert-0002")
    outs = []
    for members in ([enrolled, empty], [empty]):
        core = virtual_core.a_core(*members)
        out = hear(core, come_in())
        out.merge(core.finish(virtual_core.START + 3600))
        outs.append(out)
    for out in outs:
        assert [event.topic for event in out.events if event.topic != "crowd"] == []
        assert out.decisions == []
        assert not any(row.member for row in out.state.values())
    assert not any(b"oQuiet-0002" in message.payload for message in day.said)
    assert "oQuiet" not in day.log


def test_8_watch_and_health_show_it_as_a_count_at_most() -> None:
    core = virtual_core.a_core(virtual_core.a_member(purposes=()))
    core.is_watched = True
    hear(core, come_in())
    assert core.counts()["enrolled, without consent or paused"] == len(come_in())
    assert core.last_heard == {}


@pytest.mark.parametrize("purposes", [some for n in range(4) for some in combinations(PURPOSES, n)])
def test_9_purposes_are_separate_and_each_allows_what_it_says_and_no_more(purposes: tuple[str, ...]) -> None:
    core = virtual_core.a_core(virtual_core.a_member(purposes=purposes))
    out = hear(core, adverts(0, 9, -80), adverts(9, 6, -50), virtual_core.shelf(15, 9))
    out.merge(core.advance(virtual_core.START + 1000))
    known = "recognise" in purposes
    topics = {event.topic.partition("/")[0] for event in out.events} - {"crowd"}
    assert topics == ({"visits", "alerts"} if known else set()) | (
        {"offers"} if set(PURPOSES) <= set(purposes) else set()
    )
    zones = {event.data["zone"] for event in out.events if event.topic == "visits"} - {None}
    assert zones <= ({"pavement", "entrance", "shoes"} if "zones" in purposes else {"entrance"})
    ended = [event for event in out.events if event.type == "hushbell.visit.ended"]
    assert all(bool(event.data["route"]) is ("zones" in purposes) for event in ended)
    assert len(ended) == known


def test_9_a_receipt_holds_text_language_time_act_and_gateway_and_is_signed(tmp_path: Path) -> None:
    daemon = VirtualDaemon(tmp_path / "shop", "mqtt://127.0.0.1:1")
    daemon.put(a_member())
    (row,) = map(json.loads, _exported(daemon, "oX3f-91c2"))
    key = asyncio.run(_gateway_key(daemon.folder / "state"))
    member = parse_member(row["row"] | {"credentials": []})
    for said, receipt in zip(row["row"]["consent"], member.consent, strict=True):
        assert said["gateway"] == "door-pi"
        assert all(said[name] for name in ("purpose", "text", "language", "act", "at", "signature"))
        assert is_signed_by(receipt, "oX3f-91c2", key)
    assert a_member()["consent"] != []
    assert Member("oNew-0001").purposes() == frozenset()


def _exported(daemon: VirtualDaemon, member: str) -> list[str]:
    done = hushbell("members", "export", member, "--config", "hushbell.yaml", folder=daemon.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[VirtualDaemon, VirtualClient]]:
    with (
        running_broker(tmp_path / "broker") as broker,
        VirtualClient(broker.port, "everything", f"{ROOT}/#") as client,
    ):
        daemon = VirtualDaemon(tmp_path / "shop", broker.url)
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        with daemon:
            wait_for_status(client, "online", "hearing")
            yield daemon, client


@pytest.mark.parametrize("way", ["mqtt", "command line"])
@pytest.mark.parametrize("act", ["withdraw", "pause", "remove"])
def test_10_withdrawal_and_pause_are_in_force_within_a_second_and_the_keys_are_destroyed(
    shop: tuple[VirtualDaemon, VirtualClient], act: str, way: str
) -> None:
    daemon, client = shop
    keyed = a_member()
    keyed["credentials"] += [{"kind": "irk", "key": IRK}]
    assert ask(client, "members.put", keyed)["ok"]
    asyncio.run(daemon.walk_in())
    wait_for(client, "alert.raised")
    _take_back(daemon, client, act, way, keyed)
    began = time.monotonic()
    cleared = wait_for(client, "alert.cleared")[-1].body["time"]
    assert time.monotonic() - began < WITHIN_S
    before = len(client.received)
    asyncio.run(daemon.walk_in())
    asyncio.run(asyncio.sleep(0.5))
    told = [m for m in client.received[before:] if not is_event(m) or m.body["time"] > cleared]
    told = [m for m in told if not m.topic.endswith("/members")]  # that somebody paused or is gone
    assert [m.topic for m in told if "oX3f-91c2" in m.payload.decode() or "/alerts/" in m.topic] == []
    if act == "pause":
        again = {"member": "oX3f-91c2", "until": None}
        assert ask(client, "members.pause", again)["ok"]
        return
    raw = b"".join(_files(daemon.folder / "state"))
    assert [form for form in (IRK.encode(), bytes.fromhex(IRK), CARD) if form in raw] == []
    if act == "withdraw":
        (row,) = map(json.loads, _exported(daemon, "oX3f-91c2"))
        assert (row["what"], row["row"]["credentials"], row["row"]["consent"]) == ("member", [], [])


def _take_back(daemon: VirtualDaemon, client: VirtualClient, act: str, way: str, member: dict[str, Any]) -> None:
    name, until = member["member"], "2099-01-01T00:00:00Z"
    if way == "mqtt":
        asked = {
            "withdraw": ("members.put", member | {"consent": []}),
            "pause": ("members.pause", {"member": name, "until": until}),
            "remove": ("members.remove", {"member": name}),
        }
        assert ask(client, *asked[act])["ok"]
        return
    (daemon.folder / "bare.jsonl").write_text(json.dumps(member | {"consent": []}), encoding="utf-8")
    lines = {"withdraw": ("put", "bare.jsonl"), "pause": ("pause", name, until), "remove": ("remove", name)}
    done = hushbell("members", *lines[act], "--config", "hushbell.yaml", folder=daemon.folder)
    assert done.returncode == 0, done.stderr
    (daemon.folder / "bare.jsonl").unlink()


@pytest.mark.parametrize(("purpose", "topic"), [("zones", "visits"), ("offers", "offers/pavement")])
def test_10_of_one_purpose_that_is_taken_back_what_tells_of_it_is_erased(
    shop: tuple[VirtualDaemon, VirtualClient], purpose: str, topic: str
) -> None:
    daemon, client = shop
    member = a_member()
    assert ask(client, "members.put", member)["ok"]
    asyncio.run(daemon.stand(-80, 6.5))
    wait_for(client, "offer.triggered")
    asyncio.run(daemon.stand(DOOR_DBM, 2.0))
    wait_for(client, "alert.raised")
    less = member | {"consent": [receipt for receipt in member["consent"] if receipt["purpose"] != purpose]}
    told = [message.body["id"] for message in client.on(f"/{topic}")]
    assert ask(client, "members.put", less)["ok"]
    rows = [json.loads(line) for line in _exported(daemon, "oX3f-91c2")]
    events = [row["row"] for row in rows if row["what"] == "event"]
    assert not [row for row in rows if row["what"] == "decision"]
    assert {event["topic"] for event in events} >= {"alerts/floor"}
    later = [event for event in events if event["topic"] == topic]  # the door is left at some time after
    assert all((event["type"], event["data"]["route"]) == ("hushbell.visit.ended", []) for event in later)
    assert not {event["id"] for event in events} & set(told)
    kept = ask(client, "events.since", {"topic": topic})["result"]["events"]
    assert {event["gone"] for event in kept if event.get("id") in told} == {"erased"}
    assert rows[0]["row"]["credentials"]


def test_10_a_paused_member_yields_no_row_at_all() -> None:
    core = virtual_core.a_core(virtual_core.a_member(choices={"paused_until": "2025-11-22T15:00:00+08:00"}))
    out = hear(core, come_in())
    assert [event for event in out.events if event.topic != "crowd"] == []
    assert (out.decisions, [row for row in out.state.values() if row.member]) == ([], [])


def test_11_an_export_is_of_one_member_and_erasure_leaves_nothing(shop: tuple[VirtualDaemon, VirtualClient]) -> None:
    daemon, client = shop
    assert ask(client, "members.put", a_member())["ok"]
    assert ask(client, "members.put", a_member("oOther-0003", OTHER, greeting="陈先生"))["ok"]
    asyncio.run(daemon.walk_in())
    asyncio.run(daemon.walk_in(OTHER))
    wait_for(client, "alert.raised", 2)
    wait_for(client, "visit.ended")
    rows = [json.loads(line) for line in _exported(daemon, "oX3f-91c2")]
    assert {row["what"] for row in rows} == {"member", "state", "decision", "event"}
    text = json.dumps(rows, ensure_ascii=False)
    assert "oOther-0003" not in text
    assert "陈先生" not in text
    assert ask(client, "members.remove", {"member": "oX3f-91c2"})["ok"]
    raw = b"".join(_files(daemon.folder / "state"))
    assert [form for form in (b"oX3f-91c2", "王女士".encode(), CARD) if form in raw] == []
    retained = [m for m in client.received if m.retained and b"oX3f-91c2" in m.payload]
    assert retained == []


def test_12_retention_is_enforced_also_after_the_gateway_was_off_for_long(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker, VirtualClient(broker.port, "all", f"{ROOT}/#") as client:
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        here = VirtualDaemon(tmp_path / "shop", broker.url)
        here.put(a_member(), a_member("oPaused-01", OTHER, choices={"paused_until": "2099-01-01T00:00:00Z"}))
        with here:
            wait_for_status(client, "online", "hearing")
            asyncio.run(here.walk_in())
            wait_for(client, "visit.ended")
            here.stop()
        assert {row["what"] for row in map(json.loads, _exported(here, "oX3f-91c2"))} >= {"state", "decision", "event"}
        _live_on(here, days=92)
        kept = [json.loads(line) for line in _exported(here, "oX3f-91c2")]
        assert [(row["what"], row["row"].get("kind")) for row in kept] == [("member", None), ("state", "seen")]
        _live_on(here, days=362)
        done = hushbell("members", "list", "--config", "hushbell.yaml", folder=here.folder)
        assert [json.loads(line)["member"] for line in done.stdout.splitlines()] == ["oPaused-01"]
        assert "1 members did not come any more and are forgotten" in here.log
        assert b"oX3f-91c2" not in b"".join(_files(here.folder / "state"))


def _live_on(daemon: VirtualDaemon, days: int) -> None:
    """Run the gateway for a moment, so many days later."""
    url = re.search(r'url: "(.*?)"', (daemon.folder / "hushbell.yaml").read_text())
    assert url
    right = "from gateway import clock\nclock.is_synchronised = lambda: True\n"  # where no one keeps this machine's
    (daemon.folder / "sitecustomize.py").write_text(right, encoding="utf-8")
    variables = {"HUSHBELL_CLOCK_OFFSET": str(days * 86400), "PYTHONPATH": f"{daemon.folder}:{PROJECT}"}
    later = VirtualDaemon(daemon.folder, url[1], **variables)
    before = daemon.log.count("running as")
    with later:
        _wait(lambda: daemon.log.count("running as") > before)
        _wait(lambda: _kept_house(daemon, days))
        assert later.stop() == 0


def _kept_house(daemon: VirtualDaemon, days: int) -> bool:
    if days > 360:
        return "forgotten" in daemon.log
    return not any('"decision"' in line or '"history"' in line for line in _exported(daemon, "oX3f-91c2"))


def _wait(condition: Any, within_s: float = 20.0) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_13_keys_and_addresses_are_sealed_and_only_pseudonyms_are_told(day: Day) -> None:
    address = bytes.fromhex(BOUND.replace(":", ""))
    secrets = [IRK.encode(), bytes.fromhex(IRK), BOUND.encode(), address, CARD, CARD[:16].hex().encode()]
    assert [secret for secret in secrets if secret in day.kept] == []
    assert "oX3f-91c2" not in day.log
    staff = [m for m in day.said if m.topic.startswith(f"{ROOT}/alerts/") or m.topic.endswith(("status", "health"))]
    assert not any(b"oX3f-91c2" in message.payload for message in staff)


def test_13_secrets_do_not_print() -> None:
    member = parse_member(a_member() | {"credentials": [{"kind": "irk", "key": IRK}]}).signed("door-pi", bytes(32))
    register = Register()
    register.put(member)
    shown = repr([member, member.credentials, register, member.consent])
    assert [secret for secret in (IRK, bytes.fromhex(IRK), "oX3f-91c2", "王女士") if str(secret) in shown] == []


def test_14_staff_get_the_greeting_an_alias_of_the_visit_and_what_the_rule_names() -> None:
    core = virtual_core.a_core(virtual_core.a_member(greeting="王女士", attributes={"tier": "gold", "balance": 18.5}))
    out = hear(core, come_in())
    out.merge(core.advance(virtual_core.START + 1000))
    out.merge(hear(core, [sighting._replace(t=sighting.t + 2000) for sighting in come_in()]))
    raised = [event.data for event in out.events if event.type == "hushbell.alert.raised"]
    allowed = "alert group visit rule text greeting zone at trust verified haptic expires"
    assert all(set(data) <= set(allowed.split()) for data in raised)
    assert len({data["visit"] for data in raised}) == len(raised) == 2
    assert not any("anna-0001" in json.dumps(data) or "18.5" in json.dumps(data) for data in raised)


def test_15_a_visit_brings_one_alert_and_one_offer_from_each_side_at_most() -> None:
    core = virtual_core.a_core()
    out = hear(
        core, adverts(0, 9, -80), adverts(9, 6, -50), adverts(15, 9, -80), adverts(24, 6, -50), adverts(30, 9, -80)
    )
    kinds = [event.type for event in out.events]
    assert kinds.count("hushbell.alert.raised") == 1
    assert kinds.count("hushbell.offer.triggered") == 1


def test_16_alerts_expire_in_a_minute_are_never_retained_and_who_comes_late_gets_nothing(day: Day) -> None:
    alerts = [message for message in day.said if message.topic.startswith(f"{ROOT}/alerts/")]
    assert alerts
    assert all(not message.retained and message.expiry_s is not None and message.expiry_s <= 60 for message in alerts)
    assert {message.topic.removeprefix(f"{ROOT}/").split("/")[0] for message in day.late} <= {"gateways", "devices"}
    assert not any(is_event(message) for message in day.late)


# the page


def _rows() -> list[tuple[str, list[str]]]:
    """Return what the page's table names for each requirement."""
    lines = re.findall(r"^\| (\d+) \| (.*?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(number, re.findall(r"`(test_\w+)`", tests)) for number, tests in lines]


def _tests() -> set[str]:
    files = Path(__file__).parent.glob("test_*.py")
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_numbers_every_requirement_and_names_its_tests() -> None:
    stated = re.findall(r"^(\d+)\. ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [number for number, _ in _rows()] == stated == [str(number) for number in range(1, 17)]
    assert [number for number, tests in _rows() if not tests] == []


def test_every_test_that_the_page_names_is_there_and_every_one_here_is_named() -> None:
    named = {test for _, tests in _rows() for test in tests}
    assert named - _tests() == set()
    here = {name for name in _tests() if re.match(r"test_\d+_", name)}
    assert here - named == set()
    assert all(name in tests for number, tests in _rows() for name in here if name.split("_")[1] == number)
