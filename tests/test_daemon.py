"""The daemon from end to end: frames in at the antenna, messages out of a real broker."""

import asyncio
import hashlib
import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from virtual_backend import ROOT, ask, is_event, of_type, unfit, wait_for, wait_for_status
from virtual_broker import VirtualBroker, running_broker
from virtual_client import VirtualClient
from virtual_daemon import CARD, COMMAND, CONFIG, DOOR_DBM, WINDOW_DBM, VirtualDaemon, a_member, environment, hushbell


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[VirtualBroker]:
    with running_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def client(broker: VirtualBroker) -> Iterator[VirtualClient]:
    with VirtualClient(broker.port, "everything", f"{ROOT}/#") as client:
        yield client


@pytest.fixture
def daemon(tmp_path: Path, broker: VirtualBroker, client: VirtualClient) -> Iterator[VirtualDaemon]:
    shop = VirtualDaemon(tmp_path / "shop", broker.url)
    shop.put(a_member())
    client.publish(f"{ROOT}/devices/badge-1/status", {"state": "online"}, retain=True)
    with shop:
        wait_for_status(client, "online", "hearing")
        yield shop


def test_a_members_card_at_the_door_buzzes_the_badges_and_the_first_claim_is_told(
    daemon: VirtualDaemon, client: VirtualClient
) -> None:
    asyncio.run(daemon.walk_in())
    (raised,) = wait_for(client, "alert.raised")
    assert raised.topic == f"{ROOT}/alerts/floor"
    assert raised.body["data"]["text"].startswith("王女士 进店")
    assert not raised.retained
    assert raised.expiry_s is not None
    assert raised.expiry_s <= 60
    claim = {"alert": raised.body["data"]["alert"], "action": "claim"}
    client.publish(f"{ROOT}/alerts/floor/claims/badge-1", claim)
    client.publish(f"{ROOT}/alerts/floor/claims/badge-2", claim)
    (claimed,) = wait_for(client, "alert.claimed")
    assert claimed.body["data"]["device"] == "badge-1"


def test_the_status_follows_the_radio_and_a_killed_daemon_is_offline(
    daemon: VirtualDaemon, client: VirtualClient
) -> None:
    daemon.door.vanish()
    status = wait_for_status(client, "degraded", "missing")
    assert status["receivers"]["air"] == "hearing"
    assert "door" in status["reasons"][0]
    daemon.door.appear()
    wait_for_status(client, "online", "hearing")
    daemon.kill()
    wait_for_status(client, "offline")


def test_a_daemon_that_is_told_to_stop_says_farewell_and_ends_with_0(
    daemon: VirtualDaemon, client: VirtualClient
) -> None:
    assert daemon.stop() == 0
    wait_for_status(client, "offline")
    assert "Traceback" not in daemon.log


def test_members_come_and_go_by_command_line_while_the_daemon_runs(
    daemon: VirtualDaemon, client: VirtualClient
) -> None:
    card = CARD[:-1] + b"\x99"
    daemon.put(a_member("oNew-0001", card, greeting="陈先生"))

    async def stand_until_seen() -> None:
        await daemon.hearing()
        async with asyncio.timeout(20):
            while not of_type(client, "alert.raised"):
                await daemon.stand(DOOR_DBM, 0.3, card)

    asyncio.run(stand_until_seen())
    (raised,) = of_type(client, "alert.raised")
    assert raised.body["data"]["greeting"] == "陈先生"
    done = hushbell("members", "remove", "oNew-0001", "--config", "hushbell.yaml", folder=daemon.folder)
    assert done.returncode == 0
    wait_for(client, "alert.cleared")
    (parting,) = wait_for(client, "member.changed")
    assert (parting.body["data"]["member"], parting.body["data"]["change"]) == ("oNew-0001", "removed")
    before = len(client.received)
    asyncio.run(daemon.walk_in(card))
    asyncio.run(daemon.walk_in())
    wait_for(client, "alert.raised", 2)
    assert not any(b"oNew-0001" in m.payload or "陈先生".encode() in m.payload for m in client.received[before:])


def test_the_back_end_puts_pauses_and_removes_members_and_every_refusal_names_its_field(
    daemon: VirtualDaemon, client: VirtualClient
) -> None:
    card = CARD[:-1] + b"\x98"
    member = a_member("oK7a-40d1", card)
    assert ask(client, "members.put", member) == {"ok": True, "result": {"member": "oK7a-40d1"}}
    member["credentials"][0]["uuid"] = "no uuid"
    refused = ask(client, "members.put", unfit(member))
    assert (refused["error"]["code"], refused["error"]["field"]) == ("invalid", "credentials[0].uuid")
    assert ask(client, "members.put", a_member("13812345678"))["error"]["code"] == "refused"
    assert ask(client, "members.put", a_member("oTaken-01", card))["error"]["field"] == "credentials[0]"
    assert ask(client, "members.pause", {"member": "nobody-here", "until": None})["error"]["code"] == "unknown"
    assert ask(client, "members.remove", {"member": "oK7a-40d1"})["ok"]
    assert ask(client, "no.such", unfit({}))["error"]["code"] == "unknown"
    assert ask(client, "status", {})["result"]["state"] == "online"
    listed = hushbell("members", "list", "--config", "hushbell.yaml", folder=daemon.folder)
    assert [json.loads(line)["member"] for line in listed.stdout.splitlines()] == ["oX3f-91c2"]


def test_a_silence_is_explained_on_mqtt_and_on_the_command_line(daemon: VirtualDaemon, client: VirtualClient) -> None:
    asyncio.run(daemon.stand(WINDOW_DBM, 7.5))
    (started,) = wait_for(client, "visit.started")
    visit = started.body["data"]["visit"]
    told = ask(client, "explain", {"id": visit})["result"]["decisions"]
    assert {row["rule"]: row["outcome"] for row in told} == {
        "window-regular": "condition",
        "window-occasional": "fired",
    }
    (offer,) = wait_for(client, "offer.triggered")
    feedback = offer.body["data"]["feedback"]
    done = hushbell("explain", feedback, "--config", "hushbell.yaml", "--json", folder=daemon.folder)
    (decision,) = json.loads(done.stdout)["decisions"]
    assert (decision["rule"], decision["sightings"][0]["receiver"]) == ("window-occasional", "door")
    done = hushbell("explain", "--silences", "--since", "1h", "--config", "hushbell.yaml", folder=daemon.folder)
    assert "window-regular, condition: passes_30d is 0, needs >= 4" in done.stdout
    assert "frames of others" in done.stdout
    silences = ask(client, "explain", {})["result"]["silences"]
    assert [(each["rule"], each["count"]) for each in silences] == [("window-regular", 1)]
    done = hushbell("explain", "--digests", "--config", "hushbell.yaml", folder=daemon.folder)
    assert (done.returncode, done.stdout) == (0, "all is as it was\n")


def test_garbage_from_radio_and_broker_stops_nothing(daemon: VirtualDaemon, client: VirtualClient) -> None:
    random = Random(7)

    async def play() -> None:
        for size in range(1, 300):
            await daemon.door.send(b"\x04\x3e" + random.randbytes(size))
            await daemon.air.send(b"\x00" + random.randbytes(size))
        for topic in ("commands/members.put", "facts/x", "outcomes", "alerts/floor/claims/b", "devices/b/status", "?"):
            for payload in (b"", b"{", b"[" * 5000, b"\xff\xfe", b'{"a": 1e999}', random.randbytes(3000)):
                client.publish(f"{ROOT}/{topic}", payload)
        await daemon.walk_in()

    asyncio.run(play())
    wait_for(client, "alert.raised")
    assert "Traceback" not in daemon.log


def test_a_strangers_address_and_network_are_found_nowhere(daemon: VirtualDaemon, client: VirtualClient) -> None:
    random = Random(3)
    addresses = [b"\x02" + random.randbytes(5) for _ in range(3000)]

    async def play() -> None:
        await daemon.strangers(addresses, b"canary-network")
        await daemon.walk_in()

    asyncio.run(play())
    wait_for(client, "alert.raised")
    daemon.stop()
    blobs = [path.read_bytes() for path in daemon.folder.rglob("*") if path.is_file()]
    whole = b"\0".join(blobs + [m.payload for m in client.received])
    assert b"canary" not in whole
    forms = {
        form
        for address in addresses
        for text in (address, address[::-1], address.hex().encode(), address.hex(":").encode())
        for form in (text, hashlib.sha256(text).digest(), hashlib.sha256(text).hexdigest().encode())
    }
    assert not [form for form in forms if form in whole]


def test_a_second_daemon_in_the_same_folder_says_why_it_cannot(daemon: VirtualDaemon) -> None:
    done = hushbell("run", "--config", "hushbell.yaml", folder=daemon.folder)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "another hushbell" in done.stderr


def test_a_card_is_enrolled_by_holding_it_to_the_receiver(daemon: VirtualDaemon, client: VirtualClient) -> None:
    card = CARD[:-1] + b"\x55"

    async def play() -> tuple[int, str]:
        enrol = asyncio.create_task(
            asyncio.to_thread(
                hushbell,
                *("enrol", "--config", "hushbell.yaml", "--greeting", "赵小姐", "--seconds", "20"),
                folder=daemon.folder,
                text="y\nn\ny\n",
            )
        )
        while not enrol.done():
            await daemon.stand(-35, 0.5, card)
        await daemon.stand(DOOR_DBM, 4.0, card)
        return enrol.result().returncode, enrol.result().stdout

    status, output = asyncio.run(play())
    assert status == 0
    assert "recognise" in output.lower()
    (raised,) = wait_for(client, "alert.raised")
    assert raised.body["data"]["greeting"] == "赵小姐"
    listed = hushbell("members", "list", "--config", "hushbell.yaml", folder=daemon.folder).stdout
    assert '"ibeacon"], "purposes": ["offers", "recognise"]' in listed


def test_an_enrolment_without_a_daemon_or_a_card_says_so(tmp_path: Path) -> None:
    shop = VirtualDaemon(tmp_path / "shop", "mqtt://127.0.0.1:1")
    shop.put(a_member())
    done = hushbell("enrol", "--config", "hushbell.yaml", folder=shop.folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "hushbell run" in done.stderr


def test_watch_tells_live_what_became_of_each_member_and_why(daemon: VirtualDaemon, client: VirtualClient) -> None:
    async def play() -> list[str]:
        watch = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("watch", "--config", "hushbell.yaml"),
            cwd=daemon.folder,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        assert watch.stdout is not None
        first = (await asyncio.wait_for(watch.stdout.readline(), 20)).decode()
        standing = asyncio.create_task(daemon.stand(WINDOW_DBM, 9))
        lines = [first]
        async with asyncio.timeout(25):
            while "window-regular" not in lines[-1]:
                lines.append((await watch.stdout.readline()).decode())
        standing.cancel()
        watch.terminate()
        await watch.wait()
        return lines

    lines = asyncio.run(play())
    assert any("no offer: passes_30d is 0, needs >= 4 (window-regular, line 4)" in line for line in lines)
    assert any("…c2" in line for line in lines)
    assert not any("oX3f" in line for line in lines)


def test_watch_goes_on_when_the_daemon_is_back(daemon: VirtualDaemon) -> None:
    async def play() -> list[str]:
        watch = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("watch", "--config", "hushbell.yaml"),
            cwd=daemon.folder,
            env=environment(LC_ALL="zh_CN.UTF-8"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert watch.stdout is not None
        stdout, lines = watch.stdout, [""]

        async def read_until(text: str) -> None:
            while text not in lines[-1]:
                lines.append((await stdout.readline()).decode())

        async with asyncio.timeout(60):
            await read_until("在线")
            await asyncio.to_thread(daemon.stop)
            await read_until("守护进程已结束")
            await asyncio.to_thread(daemon.start)
            await read_until("守护进程已恢复")
            await read_until("在线")
        watch.send_signal(signal.SIGINT)
        _, errors = await watch.communicate()
        assert (watch.returncode, errors) == (130, b"")
        return lines

    assert asyncio.run(play())


def test_events_of_a_time_without_a_broker_arrive_when_it_is_back(daemon: VirtualDaemon, broker: VirtualBroker) -> None:
    with VirtualClient(broker.port, "patient", f"{ROOT}/#", session_s=3600) as patient:
        broker.stop()
        asyncio.run(daemon.walk_in())
        broker.start()
        wait_for(patient, "alert.raised")
        wait_for_status(patient, "online", "hearing")


def test_killed_at_random_points_and_cut_off_every_event_arrives_under_one_id(
    tmp_path: Path, broker: VirtualBroker
) -> None:
    random = Random(11)
    cards = [CARD[:-1] + bytes([n]) for n in range(6)]
    shop = VirtualDaemon(tmp_path / "shop", broker.url, CONFIG.replace("leave_after: 2 s", "leave_after: 1 s"))
    shop.put(*[a_member(f"member-{n}", card) for n, card in enumerate(cards)])

    def everybody_left() -> bool:
        started, ended = (of_type(ledger, f"visit.{kind}") for kind in ("started", "ended"))
        return {m.body["data"]["visit"] for m in started} <= {m.body["data"]["visit"] for m in ended}

    async def play() -> None:
        for turn in range(5):
            people = [asyncio.create_task(shop.walk_in(card)) for card in cards]
            await asyncio.sleep(random.uniform(1.0, 4.0))
            shop.kill()
            if turn == 2:
                broker.stop()
            shop.start()
            await asyncio.gather(*people)
            if turn == 2:
                broker.start()
            await asyncio.to_thread(ledger.wait_until, everybody_left, 20)
        await shop.hearing()

    with VirtualClient(broker.port, "ledger", f"{ROOT}/#", session_s=3600) as ledger, shop:
        asyncio.run(play())
        assert shop.stop() == 0
        stored = _stored_events(shop.folder / "state" / "hushbell.db")
        ledger.wait_until(lambda: set(stored) <= {m.body["id"] for m in ledger.received if is_event(m)}, 20)
    places: dict[tuple[str, str], set[str]] = {}
    for message in ledger.received:
        if is_event(message):
            places.setdefault((message.topic, message.body["sequence"]), set()).add(message.body["id"])
    assert len(stored) > 20
    assert all(len(ids) == 1 for ids in places.values())
    assert {id_ for ids in places.values() for id_ in ids} == set(stored)


def _stored_events(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    try:
        return [str(UUID(bytes=row[0])) for row in connection.execute("SELECT id FROM events WHERE gone IS NULL")]
    finally:
        connection.close()
