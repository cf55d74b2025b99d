"""What an audit passes, and all that it must find: each thing planted once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from virtual_backend import ROOT, wait_for_status
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_daemon import CONFIG, VirtualDaemon, a_member, hushbell

from gateway.audit.holdings import Audit, look_at_files
from gateway.audit.logs import judge as judge_log
from gateway.audit.logs import look_at_logs
from gateway.audit.papers import LANGUAGES, PAPERS, drift, note, written
from gateway.audit.report import Report
from gateway.audit.retained import judge as judge_topics
from gateway.audit.traces import trace_in
from gateway.configuration.config import Config
from gateway.configuration.configfile import load_config
from gateway.deciding.facts import Facts
from gateway.deciding.inputs import FactSaid
from gateway.events import DecisionRow, Event, Outcome, Priority, StateRow
from gateway.identity.member import parse_member
from gateway.membership.roster import dumps
from gateway.mqtt.topics import Topics
from gateway.store.digests import Day, link, state_row
from gateway.store.store import Store

T = 1_795_327_200.0
DAY_S = 86400.0
ADDRESS = "02:00:5e:10:00:01"
DETAIL = {
    "trigger": "arrived",
    "zone": "entrance",
    "at": T,
    "trust": "hint",
    "credential": "ibeacon",
    "reason": "",
    "file": "r.yaml",
    "line": 4,
}
PAST = {"visit": "v-8c1f", "started": T, "ended": T, "passed": False, "stops": []}
TEXT = CONFIG.format(url="mqtt://127.0.0.1:1")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configured(tmp_path, TEXT)


def configured(folder: Path, text: str) -> Config:
    file = folder / "hushbell.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


def decision(**more: object) -> DecisionRow:
    return DecisionRow("1", T, "oX3f-91c2", "v-8c1f", "rule", "fired", DETAIL | more)


def event(member: str | None = "oX3f-91c2", **more: object) -> Event:
    data = {"alert": "a-1", "group": "floor", "at": "2026-11-22T14:00:00.000+08:00", "reason": "unclaimed"}
    id_ = "01936f5e-7b1c-7d20-9c55-3f1d2a4b6c88"
    type_ = str(more.pop("type", "hushbell.alert.expired"))
    return Event(id_, "alerts/floor", type_, T, 1, {**data, **more}, T + 60, Priority.ALERT, member)


def outcome(*rows: StateRow | DecisionRow | Event) -> Outcome:
    out = Outcome()
    for row in rows:
        if isinstance(row, StateRow):
            out.put(row)
        elif isinstance(row, DecisionRow):
            out.decisions.append(row)
        else:
            out.events.append(row)
    return out


def looked_at(config: Config, out: Outcome, plant: Callable[[Store], Awaitable[None]] | None = None) -> Report:
    async def main() -> Report:
        store = await Store.open(config.gateway.state)
        try:
            member = parse_member(a_member()).signed("door-pi", store.gateway_key)
            await store.members.put([(member.id, dumps(member))])
            await store.commit(out)
            if plant:
                await plant(store)
            return await Audit(config, T + 60).look(store)
        finally:
            await store.close()

    return asyncio.run(main())


ORDINARY = (
    StateRow("history", "v-8c1f", PAST, "oX3f-91c2", T + DAY_S),
    StateRow("seen", "oX3f-91c2", T, "oX3f-91c2"),
    StateRow("sequence", "visits", 7),
)


def test_what_a_gateway_holds_is_told_with_purpose_and_end_and_without_a_fault(config: Config) -> None:
    report = looked_at(config, outcome(*ORDINARY, decision(), event(), event(None)))
    assert report.faults == []
    counts = {held.what: held.count for held in report.held}
    assert (counts["members' records"], counts["receipts of consent"], counts["messages, to be sent or sent"]) == (
        1,
        3,
        2,
    )
    assert all(held.purpose and held.until for held in report.held)


def test_facts_rules_and_the_digests_of_days_are_known(config: Config) -> None:
    out = outcome(state_row(link(None, "day", T, [Day(T - DAY_S, T, 3, "9f86d081" * 8)])))
    Facts(Counter()).take(FactSaid(T, "new_arrivals", True), out)
    assert looked_at(config, out).faults == []
    put = config.gateway.state / "rules" / "ours.yaml"
    put.parent.mkdir()
    put.write_text("- {name: any, on: arrived, offer: {id: x}}\n")
    put.with_name("in-force.json").write_text("{}")
    assert look_at_files(config.gateway.state, Path.read_bytes).faults == []


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        (StateRow("stranger", "1", 1), "state of a kind that nobody knows: stranger"),
        (
            StateRow("history", "v-1", PAST | {"phone": 1}, "oX3f-91c2", T),
            "state of kind history holds what nobody knows",
        ),
        (StateRow("seen", "x", T, "oGone-0001"), "a row of kind seen is about somebody who is no member"),
        (StateRow("seen", "x", T), "a row of kind seen is about nobody who could be told"),
        (StateRow("ledger", "x", [ADDRESS], "oX3f-91c2", T + 1), "a row of kind ledger holds an address"),
        (StateRow("ledger", "x", {"02005e100001": 1}, "oX3f-91c2", T + 1), "a row of kind ledger holds an address"),
        (StateRow("ledger", "x", ["9f86d081" * 8], "oX3f-91c2", T + 1), "a row of kind ledger holds a digest"),
        (
            StateRow("history", "v-1", PAST, "oX3f-91c2", T - DAY_S),
            "rows of kind history are held too long: the running gateway deletes them",
        ),
        (decision(device="p3k9"), "a decision holds what nobody knows"),
        (decision(reason=f"heard {ADDRESS}"), "a row of kind decision holds an address"),
        (decision(reason="call 138 0013 8000"), "a row of kind decision holds a phone number"),
        (event(device_address="x"), "an event of type hushbell.alert.expired holds what nobody knows"),
        (event(type="hushbell.stranger.seen"), "an event of a type that nobody knows: hushbell.stranger.seen"),
        (event("oGone-0001"), "a row of kind event is about somebody who is no member"),
    ],
)
def test_what_nobody_has_a_reason_to_hold_is_a_fault(
    planted: StateRow | DecisionRow | Event, fault: str, config: Config
) -> None:
    assert looked_at(config, outcome(*ORDINARY, planted)).faults == [fault]


def test_a_decision_that_is_held_too_long_is_a_fault_and_so_is_a_member_who_comes_no_more(config: Config) -> None:
    async def late(store: Store) -> Report:
        return await Audit(config, T + 363 * DAY_S).look(store)

    reports: list[Report] = []

    async def plant(store: Store) -> None:
        reports.append(await late(store))

    looked_at(config, outcome(StateRow("seen", "oX3f-91c2", T, "oX3f-91c2"), decision()), plant)
    assert reports[0].faults == [
        "rows of kind decision are held too long: the running gateway deletes them",
        "1 members have not come for so long that they should be forgotten",
    ]


def test_a_column_that_nobody_knows_is_a_fault(config: Config) -> None:
    looked_at(config, outcome())
    with closing(sqlite3.connect(config.gateway.state / "hushbell.db")) as database:
        database.execute("CREATE TABLE strangers (address TEXT)")
        database.commit()
    assert looked_at(config, outcome()).faults == ["the database has a column that nobody knows: strangers.address"]


def test_a_file_that_nobody_knows_and_an_address_in_clear_text_are_faults(config: Config) -> None:
    looked_at(config, outcome())
    assert look_at_files(config.gateway.state, Path.read_bytes).faults == []
    (config.gateway.state / "capture.pcap").write_bytes(b"\0" * 9 + ADDRESS.encode())
    assert look_at_files(config.gateway.state, Path.read_bytes).faults == [
        "a file in the state folder that nobody knows: capture.pcap",
        "capture.pcap holds 1 addresses in clear text",
    ]


def test_a_log_is_searched_line_by_line(tmp_path: Path) -> None:
    log = f"INFO running\nWARNING {ADDRESS} again\nINFO put oX3f-91c2, done\nINFO …c2\ncall +49 171 1234567\n"
    faults = judge_log("log", log, ["oX3f-91c2", "INFO"]).faults
    assert faults == ["log:2 holds an address", "log:3 holds a member's id", "log:5 holds a phone number"]
    (tmp_path / "log").write_text(log, encoding="utf-8")
    assert len(look_at_logs([tmp_path / "log"], []).faults) == 2


@pytest.mark.parametrize(
    ("topic", "payload", "faults"),
    [
        ("gateways/door-pi/status", b'{"state": "online"}', 0),
        ("devices/badge-1/status", b'{"state": "online"}', 0),
        ("facts/new_arrivals", b"true", 0),
        ("alerts/floor", b"{}", 1),
        ("visits", b"{}", 1),
        ("facts/x", f'"{ADDRESS}"'.encode(), 1),
        ("facts/x", b"\xff", 0),
    ],
)
def test_the_broker_keeps_how_things_are_and_nothing_else(topic: str, payload: bytes, faults: int) -> None:
    kept = {f"{ROOT}/{topic}": payload}
    assert len(judge_topics(Topics("lilac-01", "door-pi"), "mqtt://x", kept).faults) == faults


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ADDRESS, "an address"),
        ("at 02-00-5E-10-00-01.", "an address"),
        ("02005e10000a", "an address"),
        ("690123456789", None),
        ("01936f5e-7b1c-7d20-9c55-3f1d2a4b6c88", None),
        ("f-01936f5e7b1c7d20", None),
        ("9f86d081" * 4, "a digest"),
        ("wang@example.com", "an e-mail address"),
        ("12:30:45", None),
    ],
)
def test_a_trace_is_told_from_what_looks_like_one(text: str, found: str | None) -> None:
    assert trace_in(text) == found


def test_a_retained_alert_at_the_broker_fails_the_audit(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        shop = VirtualDaemon(tmp_path / "shop", broker.url)
        shop.put(a_member())
        arguments = ("audit", "--json", "--log", "log", "--config", "hushbell.yaml")
        (shop.folder / "log").touch()
        done = hushbell(*arguments, folder=shop.folder)
        assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True), done.stdout
        with VirtualClient(broker.port, "careless") as client:
            client.publish(f"{ROOT}/alerts/floor", b"{}", retain=True)
        done = hushbell(*arguments, folder=shop.folder)
    assert done.returncode == 1
    assert json.loads(done.stdout)["faults"] == ["the broker keeps what must not last: alerts/floor"]


def test_an_audit_changes_nothing_and_a_broken_configuration_is_one_line(tmp_path: Path) -> None:
    shop = VirtualDaemon(tmp_path / "shop", "mqtt://127.0.0.1:1")
    (shop.folder / "log").touch()
    done = hushbell("audit", "--log", "log", "--config", "hushbell.yaml", folder=shop.folder)
    assert (done.returncode, (shop.folder / "state").exists()) == (0, False)
    assert "nothing is stored yet" in done.stdout
    (shop.folder / "hushbell.yaml").write_text("store: 1", encoding="utf-8")
    assert hushbell("audit", "--config", "hushbell.yaml", folder=shop.folder).returncode == 2


# papers


@pytest.mark.usefixtures("chinese")
def test_a_report_is_in_the_readers_language(config: Config) -> None:
    report = looked_at(config, outcome(*ORDINARY, StateRow("stranger", "1", 1)))
    assert report.faults == ["来历不明的状态类型：stranger"]
    assert {held.what for held in report.held} >= {"会员记录", "凭证", "同意记录", "判断记录：规则为何触发或没有触发"}


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_paper_says_what_the_configuration_does_and_leaves_no_blank_but_for_names(
    paper: str, language: str, tmp_path: Path
) -> None:
    plain = written(configured(tmp_path, TEXT), paper, [language])
    assert not set("{}[]") & set(plain)
    assert ("门铃" if language == "zh" else "bell") in plain or paper == "assessment"
    richer = TEXT.replace("mqtt://127.0.0.1:1", "mqtts://broker.example:8883") + "privacy: {visits: 30 days}\n"
    richer = richer.replace("receivers: [", "receivers: [{id: wifi-in, driver: hostapd, control: /run/hostapd/w}, ")
    richer = richer.replace("{receiver: door, at_least: -70}", "{receiver: door, at_least: -70}, {receiver: wifi-in}")
    assert written(configured(tmp_path, richer), paper, [language]) != plain


def test_a_paper_that_was_written_is_told_as_soon_as_the_configuration_says_something_else(tmp_path: Path) -> None:
    config = configured(tmp_path, TEXT)
    assert drift(config) == []
    for paper in PAPERS:
        note(config, paper)
    assert drift(config) == []
    assert (config.gateway.state / "papers.json").stat().st_mode & 0o777 == 0o600
    changed = configured(tmp_path, TEXT + "privacy: {visits: 30 days}\n")
    told = drift(changed)
    assert [line.split(" of ")[0] for line in told] == ["the notice", "the assessment"]
    assert told[0].endswith("write it anew: hushbell audit notice")
    note(changed, "notice")
    assert len(drift(changed)) == 1
    (config.gateway.state / "papers.json").write_text("[]", encoding="utf-8")
    assert drift(changed) == []


def test_the_daemon_tells_that_a_notice_does_not_match_its_configuration_any_more(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker, VirtualClient(broker.port, "all", f"{ROOT}/#") as client:
        shop = VirtualDaemon(tmp_path / "shop", broker.url)
        done = hushbell("audit", "notice", "--config", "hushbell.yaml", folder=shop.folder)
        assert done.returncode == 0
        assert "告知" in done.stdout
        assert "personal information" in done.stdout
        with shop:
            wait_for_status(client, "online", "hearing")
            assert shop.stop() == 0
        assert "does not match" not in shop.log
        later = VirtualDaemon(tmp_path / "shop", broker.url, CONFIG + "privacy: {{visits: 30 days}}\n")
        before = len(client.received)
        with later:
            client.wait_until(lambda: any(b"online" in m.payload for m in client.received[before:]), 20)
            assert later.stop() == 0
    assert "WARNING the notice of " in later.log
    assert "does not match the configuration any more" in later.log
