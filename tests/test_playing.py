"""What a rule test plays: visits, facts that grow old, what comes by itself, and what members say."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.cases import Said
from rules.coverage import Witness
from rules.document import Faults
from rules.playing import drive_presence
from rules.scenario import load_scenario

RULES = """\
- {name: came, on: arrived, alert: {group: floor, text: came, escalate: {to: back, after: 20 s}}}
- {name: window, on: {dwell: 5s, zone: {kind: outside}}, offer: {id: window}}
- {name: rain, on: {fact: rain}, alert: {group: rain, text: rain}}
- {name: closing, on: {clock: "20:30"}, alert: {group: till, text: closing}}
- {name: asked, on: {claimed: serious}, alert: {group: designer, text: asked}}
- {name: near, on: {nearby: 3 km, within: 1 h}, offer: {id: near}}
- {name: open, on: entered, if: store.open, alert: {group: open, text: open}}
"""
HEAD = """\
rules: rules.yaml
zones: [{id: out, kind: outside}, {id: door, kind: door}, {id: shoes, kind: shelf}]
members: [{id: a}, {id: b}]
"""


def play(folder: Path, *steps: str, head: str = "") -> list[list[Said]]:
    """Play a timeline; return what was said from each step to the next."""
    (folder / "rules.yaml").write_text(RULES)
    timeline = "".join(f"      - {{{step}}}\n" for step in steps)
    (folder / "x.test.yaml").write_text(f"{HEAD}{head}tests:\n  - name: x\n    timeline:\n{timeline}")
    faults = Faults()
    scenario = load_scenario(folder / "x.test.yaml", faults)
    assert scenario is not None, faults.found
    return list(drive_presence(scenario, scenario.cases[0], Witness(scenario, scenario.cases[0])))


def told(steps: list[list[Said]]) -> list[list[str]]:
    """Write what came of each step, silence left out."""
    return [[f"{each.rule} {each.kind} {each.member}" for each in step if each.kind != "silent"] for step in steps]


@pytest.mark.parametrize(
    ("steps", "came"),
    [
        (["at: 0 s, member: a, arrived: "], [["came alert a", "came escalated a"]]),
        (["at: 0 s, member: a, arrived: ", "at: 20 s"], [["came alert a"], ["came escalated a"]]),
        (["at: 0 s, member: a, arrived: ", "at: 19 s, member: a, claimed: "], [["came alert a"], []]),
        (["at: 0 s, member: a, arrived: ", "at: 1 s, member: a, not_now: came"], [["came alert a"], []]),
        (["at: 0 s, member: a, arrived: ", "at: 5 s, member: b, claimed: "], [["came alert a"], ["came escalated a"]]),
        (
            ["at: 0 s, member: a, arrived: ", "at: 5 s, member: a, claimed: ", "at: 9 s, member: a, claimed: serious"],
            [["came alert a"], [], ["asked alert a"]],
        ),
        (
            ["at: 0 s, member: a, arrived: ", "at: 5 s, member: a, claimed: ", "at: 61 s, member: a, claimed: serious"],
            [["came alert a"], [], []],
        ),
        (["at: 0 s, member: a, claimed: serious"], [[]]),
        (["at: 0 s, facts: {rain: true}"], [[]]),
        (["at: 0 s, member: a, passing: ", "at: 1 s, facts: {rain: true}"], [[], ["rain alert a"]]),
        (
            ["at: 0 s, facts: {rain: 1}", "at: 1 s, member: a, passing: ", "at: 2 s, facts: {rain: null}"],
            [[], [], []],
        ),
        (["at: 0 s, facts: {rain: 1}", "at: 1 s, member: a, passing: ", "at: 2 s, facts: {rain: 1}"], [[], [], []]),
        (["at: 0 s, member: a, passing: ", "at: 1 s, member: a, left: ", "at: 2 s, facts: {rain: 1}"], [[], [], []]),
        (
            ["at: 0 s, member: a, passing: ", "at: 1 s, member: b, passing: ", "at: 2 s, facts: {rain: 1}"],
            [[], [], ["rain alert a", "rain alert b"]],
        ),
        (["at: 0 s, member: a, nearby: 3 km, ago: 1 h"], [["near offer a"]]),
        (["at: 0 s, member: a, nearby: 3001 m"], [[]]),
        (["at: 0 s, member: a, dwell: 5s, zone: out"], [["window offer a"]]),
        (["at: 0 s, member: a, dwell: 4s, zone: out"], [[]]),
    ],
)  # fmt: skip
def test_what_happens_leads_to_what_is_said(tmp_path: Path, steps: list[str], came: list[list[str]]) -> None:
    assert told(play(tmp_path, *steps)) == came


def test_the_clock_comes_once_for_whoever_is_here_on_each_day(tmp_path: Path) -> None:
    steps = ("at: 0 s, member: a, passing: ", "at: 30 min", "at: 31 min", "at: 1 day", "at: 2 days, member: a, left: ")
    said = told(play(tmp_path, *steps, head="start: 2026-11-22 20:00\n"))
    assert said == [[], ["closing alert a"], [], [], []]
    days = [each for step in play(tmp_path, *steps, head="start: 2026-11-22 20:00\n") for each in step]
    assert [each.rule for each in days] == ["closing", "closing"]  # on the second day the cap of the visit holds


def test_hours_are_those_of_the_file(tmp_path: Path) -> None:
    step = "at: 0 s, member: a, entered: , zone: door"
    assert told(play(tmp_path, step)) == [["open alert a"]]
    assert told(play(tmp_path, step, head='opening_hours: "13:00-20:00"\n')) == [[]]
    (said,) = play(tmp_path, step, head='quiet_hours: "11:00-13:00"\n')[0]
    assert said.fields == {"outcome": "quiet", "reason": "quiet hours"}


@pytest.mark.parametrize("word", ["dismissed", "redeemed"])
def test_what_becomes_of_offers_sets_their_rate(tmp_path: Path, word: str) -> None:
    steps = [
        step
        for day in range(3)
        for step in (f"at: {day} days, member: a, nearby: 1 km", f"at: {day} days, member: a, {word}: near")
    ]
    came = told(play(tmp_path, *steps))
    assert came[4] == ([] if word == "dismissed" else ["near offer a"])


TIMES = st.lists(st.integers(0, 200), min_size=1, max_size=12).map(sorted)
HAPPENINGS = st.sampled_from(
    [
        *("arrived: ", "passing: ", "left: ", "entered: , zone: door", "dwell: 5s, zone: out", "claimed: "),
        *(
            "claimed: serious",
            "nearby: 1 km",
            "not_now: came",
            "dismissed: near",
            "facts: {rain: 1}",
            "facts: {rain: 2}",
        ),
    ]
)


@given(TIMES, st.lists(HAPPENINGS, min_size=12, max_size=12), st.integers(0, 1439))
@settings(max_examples=60, deadline=None)
def test_each_step_has_its_answers_and_an_alert_escalates_once(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], happenings: list[str], start: int
) -> None:
    """As many answers as steps; no more escalations than alerts that may; the same again gives the same."""
    steps = [f"at: {at} s, member: a, {happening}" for at, happening in zip(times, happenings, strict=False)]
    steps = [step.replace("member: a, ", "") if "facts" in step else step for step in steps]
    head = f"start: {datetime(2026, 11, 22, start // 60, start % 60):%Y-%m-%d %H:%M}\n"
    said = play(tmp_path_factory.getbasetemp(), *steps, head=head)
    assert len(said) == len(steps)
    kinds = [(each.rule, each.kind) for step in said for each in step]
    assert kinds.count(("came", "escalated")) <= kinds.count(("came", "alert"))
    assert play(tmp_path_factory.getbasetemp(), *steps, head=head) == said
