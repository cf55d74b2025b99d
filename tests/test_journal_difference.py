"""What other rules would have made of a recorded day, told for people, by rule and member."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from virtual_core import CONFIG, START, a_member, come_in, hear, later, shelf
from virtual_journal import TEXT, a_recorded_core, open_journal

from gateway.audit.journals import look_at_journals
from gateway.commandline.replaying import replay_journals
from gateway.configuration.config import Config
from gateway.journal.difference import alias
from gateway.journal.pages import Pages, erase, name_of, seals_of
from gateway.shipped import shipped_rules
from gateway.store.store import Store

OLD = """\
- name: welcome
  on: arrived
  alert: {group: floor, text: '{greeting}'}
- name: shoes
  on: {dwell: 10s, zone: {id: shoes}}
  offer: {id: new-shoes, ttl: 10 min}
"""
NEW = """\
- name: welcome
  on: arrived
  if: member.attributes.tier == 'gold'
  alert: {group: floor, text: '{greeting}'}
- name: shoes
  on: {dwell: 5s, zone: {id: shoes}}
  offer: {id: new-shoes, ttl: 10 min}
"""


GOLD = a_member("bert-0002", attributes={"tier": "gold"}, greeting="陈先生")


@pytest.fixture
def shop(tmp_path: Path) -> Config:
    (tmp_path / "hushbell.yaml").write_text(TEXT.replace("id: door-pi", "id: door-pi, state: state"))
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "new.yaml").write_text(NEW)
    return replace(CONFIG, path=tmp_path / "hushbell.yaml", gateway=replace(CONFIG.gateway, state=tmp_path / "state"))


async def _key(state: Path) -> bytes:
    store = await Store.open(state)
    await store.close()
    return store.gateway_key


def recorded(shop: Config) -> tuple[Path, bytes]:
    """Record two members, of whom one stays at the shelf for long; return the journal, and the gateway's key."""
    key = asyncio.run(_key(shop.gateway.state))
    core, recorder = a_recorded_core(a_member(), GOLD, config=shop)
    open_journal(recorder, START)
    out = hear(core, come_in(), shelf(8, 10))
    alert = next(event.data["alert"] for event in out.events if event.type.endswith("raised"))
    core.claim(START + 20, "floor", "badge-1", alert)
    hear(core, later(come_in(name="bert-0002"), 60), shelf(68, 20, "bert-0002"))
    core.advance(START + 3000)
    pages = Pages(shop.gateway.state, name_of(1, date(2025, 11, 22)), seals_of(key))
    pages.append(recorder.take_lines())
    return pages.path, key


def test_two_rule_files_are_held_against_each_other(shop: Config, capsys: pytest.CaptureFixture[str]) -> None:
    journal, key = recorded(shop)
    folder = shop.path.parent
    assert replay_journals([journal], shop.path, folder / "new.yaml", folder / "old.yaml") == 0
    said = capsys.readouterr().out
    anna = alias("anna-0001", key)
    assert said.splitlines() == [
        "welcome (alert): 2 before, 1 after; 0 added, 1 lost",
        f"  - 2025-11-22 14:00:02  {anna}  after: missing: tier is missing",
        "shoes (offer): 1 before, 2 after; 1 added, 0 lost",
        f"  + 2025-11-22 14:00:17  {anna}",
    ]
    assert "anna-0001" not in said


def test_a_rule_file_takes_the_place_of_the_recorded_one_of_its_name(
    shop: Config, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    journal, _ = recorded(shop)
    text = shipped_rules()["returning-member"].read_text()
    (tmp_path / "returning-member.yaml").write_text(text)
    assert replay_journals([journal], shop.path, tmp_path / "returning-member.yaml", None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.endswith("0 added, 0 lost") for line in lines)


@pytest.mark.parametrize("wrong", ["no.yaml", "hushbell.yaml"])
def test_what_is_no_rule_file_is_refused_in_lines(shop: Config, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    journal, _ = recorded(shop)
    assert replay_journals([journal], shop.path, shop.path.parent / wrong, None) == 2
    told = capsys.readouterr()
    assert (told.out, "Traceback" in told.err, bool(told.err)) == ("", False, True)


def test_an_audit_lists_journals_and_finds_who_should_not_be_in_them(shop: Config) -> None:
    journal, key = recorded(shop)
    report = look_at_journals(shop, key, {"anna-0001", "bert-0002"}, START)
    assert (report.faults, [held.count for held in report.held]) == ([], [1])
    assert look_at_journals(shop, key, {"anna-0001"}, START).faults == ["a journal is about somebody who is no member"]
    late = look_at_journals(shop, key, {"anna-0001", "bert-0002"}, START + 40 * 86400.0)
    assert late.faults == ["journals are held too long: the running gateway deletes them"]
    erase(shop.gateway.state, key, "bert-0002")
    assert look_at_journals(shop, key, {"anna-0001"}, START).faults == []
    journal.write_bytes(journal.read_bytes()[:-1] + b"!")
    assert "does not open" in look_at_journals(shop, key, {"anna-0001"}, START).faults[0]
