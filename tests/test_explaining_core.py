"""What the core keeps of its decisions: evidence where a rule fired, a reason where not, no row without consent."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from virtual_core import CONFIG, LEVELS, START, a_core, a_member, adverts, come_in, hear

from gateway.configuration.config import Config
from gateway.events import DecisionRow, Outcome
from gateway.rulebook import as_sources, make_rulebook
from gateway.store.decisions import RULE_TEXT

RULES = """\
# what the shop does at its door
- name: rich
  on: arrived
  if:
    - member.points > 10
    - member.visits_30d == 0
  alert: {group: floor, text: "{greeting}"}

- name: regular
  on: passing
  if:
    - zone.kind == "outside"
    - member.passes_30d >= 4
  offer: {id: window, ttl: 10 min}
# the last line
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    return replace(CONFIG, rule_files=(file,))


def decided(out: Outcome, rule: str) -> list[DecisionRow]:
    return [row for row in out.decisions if row.rule == rule]


def texts(out: Outcome) -> dict[str, str]:
    return {row.key: row.value for row in out.state.values() if row.kind == RULE_TEXT}


def test_a_rule_that_fired_keeps_what_was_heard_read_and_capped(config: Config) -> None:
    out = hear(a_core(a_member(attributes={"points": 12.5}), config=config), come_in())
    (row,) = decided(out, "rich")
    assert row.outcome == "fired"
    assert row.detail["read"] == {"points": "12.5", "visits_30d": "0"}
    assert row.detail["caps"][0] == ["one alert to floor a visit", 0, 1]
    assert {(receiver, low) for receiver, low, *_ in row.detail["sightings"]} == {("door", -80), ("door", -50)}


def test_a_pass_that_is_over_is_no_evidence_of_the_visit_after_it(config: Config) -> None:
    points, agreed = {"points": 12.5}, ("recognise",)
    core = a_core(a_member(purposes=agreed, attributes=points), config=config)
    out = hear(core, adverts(0, 5, LEVELS["window"]), adverts(600, 6, LEVELS["door"]))
    (row,) = decided(out, "rich")
    assert all(first < 60 for _, _, first, *_ in row.detail["sightings"])


def test_a_value_that_the_shop_calls_private_is_withheld(config: Config) -> None:
    private = replace(config, privacy=replace(config.privacy, private_attributes=frozenset({"points"})))
    out = hear(a_core(a_member(attributes={"points": 12.5}), config=private), come_in())
    (row,) = decided(out, "rich")
    assert row.detail["read"]["points"] == "withheld"
    assert "12.5" not in str(row.detail)


def test_a_silence_names_the_item_that_did_not_hold_and_keeps_no_trail(config: Config) -> None:
    out = hear(a_core(config=config), adverts(0, 20, LEVELS["window"]))
    (row,) = decided(out, "regular")
    assert (row.outcome, row.detail["item"], row.detail["line"]) == ("condition", 2, 13)
    assert row.detail["reason"] == "passes_30d is 0, needs >= 4"
    assert not {"sightings", "read", "caps"} & set(row.detail)


def test_who_did_not_agree_to_a_purpose_is_a_count_and_no_row(config: Config) -> None:
    core = a_core(a_member(purposes=("recognise", "zones")), config=config)
    out = hear(core, adverts(0, 20, LEVELS["window"]))
    assert decided(out, "regular") == []
    assert core.counts()["regular: no consent to offers"] == 1


def test_who_pauses_leaves_no_row(config: Config) -> None:
    paused = a_member(choices={"paused_until": "2030-01-01T00:00:00+08:00"})
    assert hear(a_core(paused, config=config), come_in()).decisions == []


def test_a_rules_text_is_kept_once_by_its_hash_for_as_long_as_its_decisions(config: Config) -> None:
    core = a_core(a_member(attributes={"points": 12.5}), config=config)
    out = hear(core, come_in())
    found = texts(out)
    assert set(found.values()) == {RULES[RULES.index("- name: rich") : RULES.index("\n- name: regular")],
                                   RULES[RULES.index("- name: regular") : RULES.index("# the last")]}  # fmt: skip
    assert all(sha256(text.encode()).hexdigest() == name for name, text in found.items())
    assert {row.detail["text"] for row in out.decisions} == {name[:16] for name in found}
    kept = [row.until for row in out.state.values() if row.kind == RULE_TEXT]
    assert all(until is not None and until >= START + config.privacy.alerts_s for until in kept)
    assert texts(hear(core, come_in(300))) == {}


def test_texts_of_other_rules_are_known_no_longer_than_those_are_in_force(config: Config) -> None:
    core = a_core(a_member(attributes={"points": 12.5}), config=config)
    hear(core, come_in())
    core.change_rules(START + 200, make_rulebook(config, as_sources([("rules.yaml", RULES)])))
    out = hear(core, come_in(300))
    assert {row.detail["text"] for row in out.decisions} == {name[:16] for name in texts(out)} != set()
