"""What a back end asks of a real daemon over a real broker; the client holds every message against the description."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from virtual_backend import ROOT, ask, of_type, unfit, wait_for, wait_for_status
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_daemon import CARD, CONFIG, DOOR_DBM, VirtualDaemon, a_member

BEACON = {"uuid": "0b9a7c52-4d1e-4f36-8a20-5c6d7e8f9a01", "major": 1, "minor": 7}
WITH_APP = CONFIG.replace(
    "receivers: [",
    "receivers: [{{id: members-app, driver: app, reference: {{uuid: 0b9a7c52-4d1e-4f36-8a20-5c6d7e8f9a01, "
    "major: 1, minor: 7}}}}, ",
).replace(
    "hear: [{{receiver: door, at_least: -70}}]",
    "hear: [{{receiver: door, at_least: -70}}, {{receiver: members-app, at_least: -90}}]",
)
KEY = "5ec3e75ec3e75ec3e75ec3e75ec3e75e"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[VirtualDaemon, VirtualClient]]:
    with (
        running_broker(tmp_path / "broker") as broker,
        VirtualClient(broker.port, "erp", f"{ROOT}/#") as client,
    ):
        yield from _started(tmp_path, broker, client)


def _started(
    folder: Path, broker: VirtualBroker, client: VirtualClient
) -> Iterator[tuple[VirtualDaemon, VirtualClient]]:
    daemon = VirtualDaemon(folder / "shop", broker.url, WITH_APP)
    client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
    with daemon:
        wait_for_status(client, "online", "hearing")
        yield daemon, client


def now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")


def with_app(name: str) -> dict[str, Any]:
    member = a_member(name)
    extra = [{"kind": "app", "id": "phone-1"}, {"kind": "irk", "key": KEY}]
    return {**member, "credentials": [*member["credentials"], *extra]}


def field(answer: dict[str, Any]) -> tuple[str, str | None]:
    return answer["error"]["code"], answer["error"]["field"]


def test_a_members_own_app_is_heard_and_all_that_is_held_can_be_had(shop: tuple[VirtualDaemon, VirtualClient]) -> None:
    _, client = shop
    assert ask(client, "members.put", with_app("oX3f-91c2"))["ok"]
    heard = {"member": "oX3f-91c2", "beacon": BEACON, "rssi": -70, "at": now()}
    assert ask(client, "heard", heard)["result"] == {"member": "oX3f-91c2", "receiver": "members-app"}
    until = time.monotonic() + 20
    while not of_type(client, "visit.started"):  # a zone is held for a moment before
        assert time.monotonic() < until
        time.sleep(0.1)
        ask(client, "heard", heard | {"at": now()})
    (started,) = of_type(client, "visit.started")
    data = started.body["data"]
    assert (data["credential"], data["trust"], data["zone"]) == ("app", "fresh", "entrance")
    (raised,) = wait_for(client, "alert.raised")
    assert raised.body["data"]["verified"]

    assert field(ask(client, "heard", heard | {"at": "2026-01-01T00:00:00Z"})) == ("refused", "at")
    assert field(ask(client, "heard", heard | {"beacon": BEACON | {"minor": 8}})) == ("unknown", "beacon")
    assert field(ask(client, "heard", heard | {"member": "nobody"})) == ("unknown", "member")
    assert ask(client, "members.put", a_member("oNo-app", CARD[:-1] + b"\x77"))["ok"]
    assert field(ask(client, "heard", heard | {"member": "oNo-app"})) == ("refused", "member")

    told = ask(client, "members.export", {"member": "oX3f-91c2"})
    rows = told["result"]["rows"]
    assert not told["result"]["more"]
    assert {row["what"] for row in rows} == {"member", "state", "decision", "event"}
    assert rows[0]["row"]["credentials"] == [{"kind": "ibeacon"}, {"kind": "app"}, {"kind": "irk"}]
    assert rows[0]["row"]["greeting"] == "王女士"
    assert KEY not in json.dumps(told)
    everybody = ask(client, "members.export", {})["result"]["rows"]
    assert {row["member"] for row in everybody} == {"oX3f-91c2", "oNo-app"}
    assert field(ask(client, "members.export", {"member": "nobody"})) == ("unknown", "member")

    raised_again = ask(client, "events.since", {"topic": "alerts/floor"})["result"]
    assert raised_again["events"][0] == {"sequence": raised.body["sequence"], "event": raised.body}
    behind = {"topic": "alerts/floor", "sequence": raised.body["sequence"]}
    assert ask(client, "events.since", behind)["result"]["events"] == []
    assert field(ask(client, "events.since", unfit({"topic": "commands/status"}))) == ("invalid", "topic")
    assert field(ask(client, "events.since", unfit({"topic": "visits", "sequence": 7}))) == ("invalid", "sequence")

    why = ask(client, "explain", {"id": raised.body["data"]["alert"]})["result"]["decisions"]
    assert [decision["outcome"] for decision in why] == ["fired"]
    assert ask(client, "members.remove", {"member": "oX3f-91c2"})["ok"]
    erased = ask(client, "events.since", {"topic": "alerts/floor"})["result"]["events"]
    assert erased[0]["gone"] == "erased"
    assert "王女士" not in json.dumps(erased, ensure_ascii=False)


def test_what_is_in_force_is_told_without_a_secret(shop: tuple[VirtualDaemon, VirtualClient]) -> None:
    _, client = shop
    told = ask(client, "configuration.get", {})["result"]
    assert told["presence"] == {"leave_after": "2 s"}
    assert [receiver["id"] for receiver in told["receivers"]] == ["members-app", "door", "air"]
    assert "password" not in json.dumps(told)
    files = ask(client, "rules.get", {})["result"]["files"]
    assert [file["file"] for file in files] == told["rules"]
    assert all(sha256(file["text"].encode()).hexdigest() == file["sha256"] and file["rules"] for file in files)
    one = ask(client, "rules.get", {"file": files[0]["file"]})["result"]["files"]
    assert one == files[:1]
    assert field(ask(client, "rules.get", {"file": "none.yaml"})) == ("unknown", "file")
    assert ask(client, "report", {"since": now(), "until": now()})["error"]["code"] == "refused"
    assert ask(client, "status", {})["result"]["state"] == "online"


def test_the_badges_are_tried_from_afar_one_try_at_a_time(shop: tuple[VirtualDaemon, VirtualClient]) -> None:
    _, client = shop
    tried = ask(client, "devices.buzz", {"group": "floor"})["result"]
    assert (tried["group"], tried["online"]) == ("floor", ["badge-1"])
    assert field(ask(client, "devices.buzz", {"group": "floor"})) == ("busy", "group")
    assert field(ask(client, "devices.buzz", {"group": "attic"})) == ("unknown", "group")
    client.publish(f"{ROOT}/alerts/floor/claims/badge-1", {"alert": tried["alert"], "action": "claim"})
    client.wait_until(lambda: len(client.on("alerts/floor")) >= 2)
    raised, claimed = (message.body["data"] for message in client.on("alerts/floor")[:2])
    assert (raised["alert"], raised["test"], raised["expires"]) == (tried["alert"], True, tried["until"])
    assert (claimed["alert"], claimed["device"], claimed["test"]) == (tried["alert"], "badge-1", True)


def test_a_card_is_enrolled_from_afar_and_a_wrong_or_crowded_try_binds_nothing(
    shop: tuple[VirtualDaemon, VirtualClient],
) -> None:
    daemon, client = shop
    card, other = CARD[:-1] + b"\x55", CARD[:-1] + b"\x56"
    assert field(ask(client, "enrol.start", {"receiver": "nowhere"})) == ("unknown", "receiver")
    assert field(ask(client, "enrol.start", unfit({"receiver": "door", "seconds": 0}))) == ("invalid", "seconds")

    async def held(seconds: int, *cards: bytes) -> dict[str, Any]:
        asked = {"receiver": "door", "seconds": seconds}
        answer = asyncio.create_task(asyncio.to_thread(ask, client, "enrol.start", asked))
        while not answer.done():
            await asyncio.gather(*(daemon.stand(-35, 0.3, one) for one in cards), asyncio.sleep(0.1))
        return answer.result()

    nothing = asyncio.run(held(1))
    assert field(nothing) == ("refused", "receiver")
    crowded = asyncio.run(held(2, card, other))
    assert field(crowded) == ("refused", "receiver")
    assert "only one" in crowded["error"]["message"]
    found = asyncio.run(held(20, card))["result"]["credential"]
    assert (found["kind"], found["minor"]) == ("ibeacon", int.from_bytes(card[-2:], "big"))
    listed = ask(client, "members.export", {})["result"]["rows"]
    assert listed == [], "a card that was found is nobody's yet"
    assert ask(client, "members.put", {**a_member("oEnrol-1"), "credentials": [found]})["ok"]
    asyncio.run(daemon.stand(DOOR_DBM, 3.0, card))
    wait_for(client, "alert.raised")


def test_rules_that_are_put_are_in_force_at_once_told_on_the_status_and_there_after_a_restart(
    shop: tuple[VirtualDaemon, VirtualClient],
) -> None:
    daemon, client = shop
    before = ask(client, "status", {})["result"]["rules"]
    text = "- name: hello\n  on: arrived\n  alert: {group: floor, text: hello}\n"
    refused = ask(client, "rules.put", {"file": "returning-member.yaml", "text": text.replace("arrived", "arived")})
    assert field(refused) == ("invalid", "text")
    assert "returning-member.yaml:2:7" in refused["error"]["message"]
    taken = ask(client, "rules.put", {"file": "returning-member.yaml", "text": text})["result"]
    assert taken["sha256"] == sha256(text.encode()).hexdigest()
    assert ask(client, "status", {})["result"]["rules"] == taken["version"] != before
    assert ask(client, "members.put", a_member())["ok"]
    asyncio.run(daemon.walk_in())
    (raised,) = wait_for(client, "alert.raised")
    assert raised.body["data"]["rule"] == "hello"
    daemon.stop()
    daemon.start()
    client.wait_until(lambda: _rules_on_the_status(client) == taken["version"], 20)
    (daemon.folder / "state" / "rules" / "returning-member.yaml").unlink()
    daemon.reload()
    client.wait_until(lambda: _rules_on_the_status(client) == before, 20)


def test_a_rule_file_at_fault_is_told_on_the_status_and_a_restart_rings_by_what_was_in_force_before(
    tmp_path: Path,
) -> None:
    text = "- {name: hello, on: arrived, alert: {group: floor, text: hello}}\n"
    config = CONFIG + "rules: [./ours.yaml]\n"
    with running_broker(tmp_path / "b") as broker, VirtualClient(broker.port, "erp", f"{ROOT}/#") as client:
        daemon = VirtualDaemon(tmp_path / "shop", broker.url, config)
        ours = daemon.folder / "ours.yaml"
        client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
        ours.write_text(text, encoding="utf-8")
        daemon.put(a_member())
        with daemon:
            in_force = wait_for_status(client, "online", "hearing")["rules"]
            ours.write_text(text.replace("arrived", "arived"), encoding="utf-8")
            daemon.reload()
            refused = wait_for_status(client, "degraded", "hearing")
            daemon.kill()
            wait_for_status(client, "offline")
            daemon.start()
            assert wait_for_status(client, "degraded", "hearing")["reasons"] == refused["reasons"]
            assert refused["reasons"] == ["rule file ours.yaml is at fault: what was in force before stands"]
            assert _rules_on_the_status(client) == in_force
            assert f"{ours}:1:21: unknown trigger 'arived'" in daemon.log
            asyncio.run(daemon.walk_in())
            (raised,) = wait_for(client, "alert.raised")
            assert raised.body["data"]["rule"] == "hello"
            ours.write_text(text.replace("hello", "good-day"), encoding="utf-8")
            daemon.reload()
            assert wait_for_status(client, "online", "hearing")["rules"] != in_force
            ours.write_text("[", encoding="utf-8")
            assert daemon.stop() == 0
            assert (tmp_path / "shop" / "state" / "rules" / "in-force.json").stat().st_mode & 0o777 == 0o600


def _rules_on_the_status(client: VirtualClient) -> str | None:
    told = [m.body for m in client.received if m.topic.endswith("/gateways/door-pi/status") and m.payload]
    return told[-1].get("rules") if told else None
