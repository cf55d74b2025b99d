"""Rule tests that are data: what passes, what differs and how it reads, and what cannot be run."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.commandline.rehearsal import drive
from rules.cases import Case, Said, Scenario
from rules.coverage import Coverage, Witness
from rules.playing import drive_presence
from rules.rule_tests import Manner, run_rule_tests, run_test_file

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted((ROOT / "config" / "rules").glob("*.test.yaml"))
MUST_FAIL = sorted((ROOT / "tests" / "rules_that_must_fail").glob("*.test.yaml"))
RULES = """\
- name: welcome
  on: arrived
  if: member.points > 3
  alert: {group: floor, text: "{greeting} · {points}"}
"""
HEARD = "kind: door, hear: [{receiver: door, at_least: -70}]"
SHOWN = "1 of 1 rules fired, 0 of 1 conditions decided\n"
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


def run(*files: Path, covers: bool = False) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = run_rule_tests(files, out, err, Manner(drive, covers))
    return status, out.getvalue(), err.getvalue()


def test_every_shipped_rule_has_its_tests_and_they_show_all_of_it() -> None:
    rules = {path.stem for path in (ROOT / "config" / "rules").glob("*.yaml") if not path.name.endswith(".test.yaml")}
    for path in SHIPPED:
        of = path.name.removesuffix(".test.yaml")
        status, out, err = run(path)
        assert (status, err, out.count(" 0 failed\n")) == (0, "", 1)
        rules.discard(of)
    assert rules == set()
    status, out, _ = run(*SHIPPED, covers=True)
    assert status == 0
    assert re.fullmatch(
        r"\d+ tests: \d+ passed, 0 failed\n(\d+) of \1 rules fired, (\d+) of \2 conditions decided\n", out
    )


@pytest.mark.parametrize("path", MUST_FAIL, ids=lambda path: path.name)
def test_tests_that_must_fail_do_so_as_they_say(path: Path) -> None:
    expected = re.findall(r"^# says (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    status, out, err = run(path)
    assert status == 1
    assert (out + err).replace(f"{path.parent}/", "").splitlines() == expected


PRIVATE = """\
rules: ours.yaml
private_offers: [voucher-50]
zones: [{id: entrance, kind: door, hear: [{receiver: door, at_least: -70}]}]
members: [{id: wang}]
tests:
  - name: a voucher is worth money
    timeline:
"""
NEEDS = "silent: trust, reason: 'hint, needs fresh because voucher-50 is private'"


@pytest.mark.parametrize(
    "step",
    [
        f"at: 0 s, member: wang, arrived: , zone: entrance, trust: hint, expect: [{{rule: voucher, {NEEDS}}}]",
        "at: 0 s, member: wang, arrived: , trust: fresh, expect: [{rule: voucher, offer: {id: voucher-50}}]",
        f"at: 0 s, member: wang, heard: {{door: -55}}, for: 4 s, expect: [{{rule: voucher, {NEEDS}}}]",
    ],
)
def test_a_private_offer_takes_the_trust_in_a_test_that_it_takes_in_the_shop(tmp_path: Path, step: str) -> None:
    (tmp_path / "ours.yaml").write_text("- {name: voucher, on: arrived, offer: {id: voucher-50}}\n")
    file = tmp_path / "ours.test.yaml"
    file.write_text(f"{PRIVATE}      - {{{step}}}\n")
    status, out, err = run(file)
    assert (status, out.splitlines()[0], err) == (0, "1 test: 1 passed, 0 failed", "")


def test_a_rule_that_changes_is_caught(ours: Path) -> None:
    assert run(ours) == (0, f"1 test: 1 passed, 0 failed\n{SHOWN}", "")
    (ours.parent / "ours.yaml").write_text(RULES.replace("> 3", "> 5"))
    status, out, _ = run(ours)
    assert status == 1
    assert out.splitlines() == [
        f"{ours}:7:69: she is announced, at 0 s",
        '  - welcome (wang): alert, text "王女士 · 5"',
        '  + welcome (wang): silent, outcome "condition", reason "points is 5, needs > 5"',
        "1 test: 0 passed, 1 failed",
        "0 of 1 rules fired, 1 of 1 conditions decided",
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
        ("arrived: ,", "dismissed: welcome,", ":7:44: dismissed is said of an offer, and welcome raises an alert"),
        ("arrived: ,", "dwell: ,", ":7:40: nothing stands here, expected a duration"),
        ("zone: entrance", "zone: exit", ":7:50: unknown zone 'exit', expected one of entrance"),
        ("rule: welcome", "rule: welcom", ":7:76: unknown rule 'welcom' (did you mean 'welcome'?)"),
        ("alert: {text:", "alarm: {text:", ":7:85: unknown key 'alarm'"),
        ("alert: {text:", "alert: {txt:", ":7:93: unknown key 'txt'"),
        ("alert: {text: 王女士 · 5}", "silent: condtion", ":7:93: unknown outcome 'condtion'"),
        ("alert: {text: 王女士 · 5}", "offer: {payload: 5}", ":7:102: '5' stands here, expected a mapping"),
        ("tests:\n", "start: yesterday\ntests:\n", ":4:8: 'yesterday' stands here, expected a time of the shop"),
        ("tests:\n", "start: 0001-01-01 00:00\ntests:\n", ":4:8: '0001-01-01 00:00' stands here, expected a time"),
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

    def drive(scenario: Scenario, case: Case, engine: Witness) -> Iterator[list[Said]]:
        played.append(case.name)
        return drive_presence(scenario, case, engine)

    assert run_test_file(ours, Coverage(), drive).status == 0
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


def example(page: str, *words: str) -> str:
    blocks = re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (found,) = (block for block in blocks if all(word in block for word in words))
    return str(found)


@pytest.mark.parametrize(("word", "shown"), [("dwell:", "2 of 2 conditions"), ("heard:", "0 of 2 conditions")])
def test_the_examples_of_the_documentation_pass(tmp_path: Path, word: str, shown: str) -> None:
    (tmp_path / "window-regular.yaml").write_text(example("rules.md", "- name: window-regular"))
    (tmp_path / "window-regular.test.yaml").write_text(example("rule-tests.md", "timeline:", word))
    status, out, err = run(tmp_path / "window-regular.test.yaml")
    assert (status, err) == (0, "")
    assert shown in out


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{at: 0 s, member: wang, heard: {door: -60}}", ":7:38: for how long? expected for: 10 s beside it"),
        ("{at: 0 s, member: wang, heard: {dor: -60}, for: 5 s}", ":7:39: unknown receiver 'dor' (did you mean"),
        ("{at: 0 s, member: wang, heard: {door: loud}, for: 5 s}", ":7:45: 'loud' stands here, expected a level"),
        ("{at: 0 s, member: wang, heard: {door: -60}, for: 5 s, zone: entrance}", "zone does not go with heard"),
        ("{at: 0 s, member: wang, nearby: near}", ":7:39: 'near' stands here, expected a distance"),
        ("{at: 0 s, member: wang, claimed: maybe}", ":7:40: unknown word after claimed 'maybe'"),
        ("{at: 0 s, member: wang, not_now: welcom}", ":7:40: unknown rule 'welcom' (did you mean 'welcome'?)"),
        ("{at: 0 s, expect: [{rule: welcome, silent: cap}]}", ":7:26: about whom? expected a member"),
        ("{at: 0 s, member: wang}", ":7:7: expected a member and one of arrived"),
        ("{at: 0 s, claimed: }", ":7:7: expected a member and one of arrived"),
    ],
)  # fmt: skip
def test_a_fault_in_a_step_is_told_with_its_place(ours: Path, step: str, message: str) -> None:
    head = TESTS[: TESTS.index("      - {at")].replace(
        "kind: door", "kind: door, hear: [{receiver: door, at_least: -70}]"
    )
    ours.write_text(f"{head}    - {step}\n")
    status, out, err = run(ours)
    assert (status, out) == (1, "")
    assert message in err


def test_what_is_heard_and_what_is_known_do_not_stand_in_one_test(ours: Path) -> None:
    text = TESTS.replace("kind: door", HEARD)
    ours.write_text(text + "      - {at: 2 s, member: wang, heard: {door: -60}, for: 5 s}\n")
    assert run(ours)[::2] == (1, f"{ours}:7:9: this test says what is heard, expected heard here too\n")
