"""Rule tests that are data: what passes, what differs and how it reads, and what cannot be run."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.rule_tests import drive_presence, run_rule_tests, run_test_file
from rules.scenario import Case, Scenario
from rules.situation import Decision

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted((ROOT / "config" / "rules").glob("*.test.yaml"))
MUST_FAIL = sorted((ROOT / "tests" / "rules_that_must_fail").glob("*.test.yaml"))
RULES = """\
- name: welcome
  on: arrived
  if: member.points > 3
  alert: {group: floor, text: "{greeting} · {points}"}
"""
TESTS = """\
rules: ours.yaml
zones: [{id: entrance, kind: door}]
members: [{id: wang, greeting: 王女士, attributes: {points: 5}}]
tests:
  - name: she is announced
    timeline:
      - {at: 0 s, member: wang, arrived: , zone: entrance, expect: [{rule: welcome, alert: {text: 王女士 · 5}}]}
"""


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    (tmp_path / "ours.yaml").write_text(RULES)
    (tmp_path / "ours.test.yaml").write_text(TESTS)
    return tmp_path / "ours.test.yaml"


def run(*files: Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = run_rule_tests(files, out, err)
    return status, out.getvalue(), err.getvalue()


def test_every_shipped_rule_has_its_tests_and_they_pass() -> None:
    rules = {path.stem for path in (ROOT / "config" / "rules").glob("*.yaml") if not path.name.endswith(".test.yaml")}
    assert {path.name.removesuffix(".test.yaml") for path in SHIPPED} == rules
    status, out, err = run(*SHIPPED)
    assert (status, err) == (0, "")
    assert re.fullmatch(r"\d+ tests: \d+ passed, 0 failed\n", out)


@pytest.mark.parametrize("path", MUST_FAIL, ids=lambda path: path.name)
def test_tests_that_must_fail_do_so_as_they_say(path: Path) -> None:
    expected = re.findall(r"^# says (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    status, out, err = run(path)
    assert status == 1
    assert (out + err).replace(f"{path.parent}/", "").splitlines() == expected


def test_a_rule_that_changes_is_caught(ours: Path) -> None:
    assert run(ours) == (0, "1 test: 1 passed, 0 failed\n", "")
    (ours.parent / "ours.yaml").write_text(RULES.replace("> 3", "> 5"))
    status, out, _ = run(ours)
    assert status == 1
    assert out.splitlines() == [
        f"{ours}:7:69: she is announced, at 0 s",
        '  - welcome: alert, text "王女士 · 5"',
        '  + welcome: silent, outcome "condition", reason "points is 5, needs > 5"',
        "1 test: 0 passed, 1 failed",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rules: ours.yaml", "rules: our.yaml", ":1:8: no rule file 'our.yaml'"),
        ("kind: door", "kind: gate", ":2:30: unknown kind of zone 'gate', expected one of"),
        ("id: wang, greeting", "id: wang, points: 5, greeting", ":3:22: unknown key 'points'"),
        ("{id: wang,", "{id: wang}, {id: wang,", ":3:23: duplicate id 'wang'"),
        ("{id: wang,", "{id: wang, consent: [recognize],", ":3:32: unknown purpose 'recognize' (did you mean"),
        ("{id: wang,", "{id: wang, passes_30d: many,", ":3:34: 'many' stands here, expected a whole number"),
        ("at: 0 s", "at: noon", ":7:14: 'noon' stands here, expected a duration"),
        ("member: wang", "member: wong", ":7:27: unknown member 'wong' (did you mean 'wang'?)"),
        ("arrived: ,", "", ":7:9: expected a member and one of arrived, passing"),
        ("arrived: ,", "arrived: yes,", ":7:42: 'yes' stands here, expected nothing"),
        ("arrived: ,", "dwell: ,", ":7:40: nothing stands here, expected a duration"),
        ("zone: entrance", "zone: exit", ":7:50: unknown zone 'exit', expected one of entrance"),
        ("rule: welcome", "rule: welcom", ":7:76: unknown rule 'welcom' (did you mean 'welcome'?)"),
        ("alert: {text:", "alarm: {text:", ":7:85: unknown key 'alarm'"),
        ("alert: {text:", "alert: {txt:", ":7:93: unknown key 'txt'"),
        ("alert: {text: 王女士 · 5}", "silent: condtion", ":7:93: unknown outcome 'condtion'"),
        ("alert: {text: 王女士 · 5}", "offer: {payload: 5}", ":7:102: '5' stands here, expected a mapping"),
        ("tests:\n", "start: yesterday\ntests:\n", ":4:8: 'yesterday' stands here, expected a time of the shop"),
        ("tests:\n", "language: fr\ntests:\n", ":4:11: unknown language 'fr'"),
        ("tests:\n", "facts: [1]\ntests:\n", ":4:8: a list stands here, expected a mapping"),
        ("name: she is announced", "nmae: she is announced", ":5:5: 'name' is missing, a test needs it"),
    ],
)  # fmt: skip
def test_a_fault_in_a_test_file_is_told_with_its_place(ours: Path, old: str, new: str, message: str) -> None:
    ours.write_text(TESTS.replace(old, new, 1))
    status, out, err = run(ours)
    assert (status, out) == (1, "")
    assert f"{ours}{message}" in err


def test_steps_keep_their_order(ours: Path) -> None:
    ours.write_text(TESTS + "      - {at: 2 s, facts: {a: 1}}\n      - {at: 1 s, facts: {a: 2}}\n")
    assert run(ours)[::2] == (1, f"{ours}:9:9: this step lies before the one above it\n")


def test_a_fault_in_a_rule_file_is_told_and_nothing_runs(ours: Path) -> None:
    rules = ours.parent / "ours.yaml"
    for text, message in ((RULES.replace("points >", "pionts >"), ":3:7: unknown name"), ("- [", ":1:"), ("", "")):
        rules.write_text(text)
        status, out, err = run(ours)
        assert (status, out) == (1, "")
        assert f"{rules}{message}" in err


def test_what_cannot_be_read_is_wrong_use(ours: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.test.yaml").write_text("# nothing\n")
    for path, message in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path / "empty.test.yaml", "the file is empty"),
    ):
        assert run(path) == (2, "", f"{path}: {message}\n")
        assert run(ours, path)[0] == 2
    assert run()[0] == 2


def test_broken_yaml_is_a_fault_of_the_file(ours: Path) -> None:
    for text in ("tests: [", "- a list\n", "tests: &x\n"):
        ours.write_text(text)
        status, out, err = run(ours)
        assert (status, out) == (1, "")
        assert err.startswith(f"{ours}:1:")


def test_another_driver_can_play_the_same_tests(ours: Path) -> None:
    played: list[str] = []

    def drive(scenario: Scenario, case: Case) -> Iterator[list[Decision]]:
        played.append(case.name)
        return drive_presence(scenario, case)

    assert run_test_file(ours, drive).status == 0
    assert played == ["she is announced"]


SCRAPS = st.sampled_from(
    [*TESTS.splitlines(keepends=True), *TESTS.split(), "\n", "    - ", ": ", "{", "[", "- at: 1 s\n"]
)


@given(st.lists(SCRAPS | st.text(max_size=3), max_size=25).map("".join))
@settings(max_examples=200, deadline=None)
def test_no_test_file_makes_it_raise(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "scraps.test.yaml"
    (path.parent / "ours.yaml").write_text(RULES)
    path.write_text(text, encoding="utf-8", errors="replace")
    status, _, err = run(path)
    assert status in (0, 1, 2)
    assert bool(err) == (status != 0) or "differs" in err


def test_the_example_of_the_documentation_passes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if "timeline:" in block)
    rule = next(block for block in blocks if block.startswith("- name: window-regular"))
    (tmp_path / "window-regular.yaml").write_text(rule)
    (tmp_path / "window-regular.test.yaml").write_text(example)
    assert run(tmp_path / "window-regular.test.yaml") == (0, "1 test: 1 passed, 0 failed\n", "")
