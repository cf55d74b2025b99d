"""Rule tests of sightings: what is heard goes through the whole core, and what comes of it is as on a real day."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.commandline.rehearsal import drive
from rules.cases import Said
from rules.coverage import Witness
from rules.document import Faults
from rules.scenario import load_scenario

RULES = """\
- {name: came, on: arrived, alert: {group: floor, text: "{verified}", escalate: {to: back, after: 20 s}}}
- {name: window, on: {dwell: 5s, zone: {kind: outside}}, if: member.passes_30d > 3, offer: {id: window}, cooldown: 7 d}
- {name: often, on: passing, if: member.visits_7d > 1 && member.visits_90d == 5, offer: {id: often}}
- {name: asked, on: {claimed: serious}, alert: {group: designer, text: asked}}
- {name: near, on: {nearby: 3 km, within: 1 h}, offer: {id: near}}
- {name: rain, on: {fact: rain}, offer: {id: rain}}
- {name: closing, on: {clock: "20:30"}, alert: {group: till, text: closing}}
"""
HEAD = """\
rules: rules.yaml
start: 2026-11-22 12:00
zones:
  - {id: pavement, kind: outside, hear: [{receiver: door, at_least: -88}]}
  - {id: entrance, kind: door, hear: [{receiver: door, at_least: -70}]}
members:
  - {id: regular, passes_30d: 4}
  - {id: loyal, visits_7d: 2, visits_30d: 3, visits_90d: 5}
  - {id: app, credential: app}
  - {id: no-zones, passes_30d: 4, consent: [recognise, offers]}
tests:
  - name: x
    timeline:
"""
OUT, IN = "heard: {door: -80}", "heard: {door: -55}"


def play(folder: Path, *steps: str) -> list[list[Said]]:
    (folder / "rules.yaml").write_text(RULES)
    (folder / "x.test.yaml").write_text(HEAD + "".join(f"      - {{{step}}}\n" for step in steps))
    faults = Faults()
    scenario = load_scenario(folder / "x.test.yaml", faults)
    assert scenario is not None, faults.found
    case = scenario.cases[0]
    return list(drive(scenario, case, Witness(scenario, case)))


def told(steps: list[list[Said]]) -> list[list[str]]:
    return [[f"{each.rule} {each.kind}" for each in step if each.kind != "silent"] for step in steps]


@pytest.mark.parametrize(
    ("steps", "came"),
    [
        ([f"at: 0 s, member: regular, {OUT}, for: 10 s"], [["window offer"]]),
        ([f"at: 0 s, member: regular, {OUT}, for: 4 s"], [[]]),
        (["at: 0 s, member: regular, heard: {door: -95}, for: 10 s"], [[]]),
        ([f"at: 0 s, member: loyal, {OUT}, for: 10 s"], [["often offer"]]),
        ([f"at: 0 s, member: no-zones, {OUT}, for: 10 s"], [[]]),
        ([f"at: 0 s, member: app, {IN}, for: 5 s"], [["came alert", "came escalated"]]),
        ([f"at: 0 s, member: app, {IN}, for: 5 s", "at: 15 s"], [["came alert"], ["came escalated"]]),
        (
            [f"at: 0 s, member: app, {IN}, for: 5 s", "at: 9 s, member: app, claimed: "],
            [["came alert"], []],
        ),
        (
            [f"at: 0 s, member: app, {IN}, for: 5 s", "at: 9 s, member: app, not_now: came"],
            [["came alert"], []],
        ),
        (
            [f"at: 0 s, member: app, {IN}, for: 5 s", "at: 9 s, member: app, claimed: serious", "at: 10 s"],
            [["came alert"], ["asked alert"], []],
        ),
        ([f"at: 0 s, member: regular, {OUT}, for: 3 s", "at: 9 s, facts: {rain: 1}"], [[], ["rain offer"]]),
        (
            [f"at: 0 s, member: app, {OUT}, for: 1 s", "at: 9 min, member: app, nearby: 3 km, ago: 1 h"],
            [[], ["near offer"]],
        ),
        ([f"at: 0 s, member: app, {OUT}, for: 1 s", "at: 9 min, member: app, nearby: 3001 m"], [[], []]),
        (["at: 0 s, member: app, claimed: ", f"at: 1 s, member: app, {OUT}, for: 1 s"], [[], []]),
    ],
)  # fmt: skip
def test_what_is_heard_and_said_leads_to_what_is_told(tmp_path: Path, steps: list[str], came: list[list[str]]) -> None:
    assert told(play(tmp_path, *steps)) == came


@pytest.mark.parametrize(("member", "text"), [("regular", "未验证"), ("app", "会员")])
def test_a_card_is_a_hint_and_an_app_is_fresh(tmp_path: Path, member: str, text: str) -> None:
    (said, *_) = play(tmp_path, f"at: 0 s, member: {member}, {IN}, for: 5 s")[0]
    assert said.fields["text"] == text


@pytest.mark.parametrize(("word", "came"), [("dismissed", []), ("redeemed", ["window offer"])])
def test_what_becomes_of_offers_sets_their_rate(tmp_path: Path, word: str, came: list[str]) -> None:
    steps = [
        step
        for week in range(3)
        for step in (
            f"at: {7 * week} days, member: regular, {OUT}, for: 10 s",
            f"at: {7 * week + 1} days, member: regular, {word}: window",
        )
    ]
    assert told(play(tmp_path, *steps))[4] == came


def test_two_members_are_heard_at_once(tmp_path: Path) -> None:
    steps = (f"at: 0 s, member: regular, {OUT}, for: 20 s", f"at: 2 s, member: loyal, {OUT}, for: 20 s")
    said = play(tmp_path, *steps)
    assert {(each.rule, each.member) for each in said[1] if each.kind == "offer"} == {
        ("window", "regular"),
        ("often", "loyal"),
    }


def test_the_clock_comes_for_who_is_here(tmp_path: Path) -> None:
    steps = (f"at: 0 s, member: app, {OUT}, for: 10 s", f"at: 30590 s, member: app, {OUT}, for: 20 s", "at: 30600 s")
    assert told(play(tmp_path, *steps)) == [[], [], ["closing alert"]]


def test_the_same_test_gives_the_same_again(tmp_path: Path) -> None:
    steps = (f"at: 0 s, member: regular, {OUT}, for: 20 s", f"at: 30 s, member: regular, {IN}, for: 20 s")
    assert play(tmp_path, *steps) == play(tmp_path, *steps)
