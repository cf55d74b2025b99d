"""What tests show of rules: which fired, and which conditions stood against them alone."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from rules.rule_tests import Manner, run_rule_tests

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted((ROOT / "config" / "rules").glob("*.test.yaml"))
RULES = """\
- name: both
  on: arrived
  if:
    - member.points > 3 && member.tier == "gold"
    - facts.open
  unless: member.test
  alert: {group: floor, text: "{greeting}"}
"""
HEAD = """\
rules: rules.yaml
zones: [{id: door, kind: door}]
members:
  - {id: all, attributes: {points: 5, tier: gold}}
  - {id: poor, attributes: {points: 1, tier: gold}}
  - {id: silver, attributes: {points: 5, tier: silver}}
  - {id: neither, attributes: {points: 1, tier: silver}}
  - {id: tester, attributes: {points: 5, tier: gold}, test: true}
  - {id: stranger, attributes: {points: 1, tier: gold}, consent: []}
facts: {open: true}
tests:
"""


def cover(folder: Path, *steps: tuple[str, str]) -> tuple[int, list[str]]:
    """Run one test for each member and facts; return the status and what is told of coverage."""
    (folder / "rules.yaml").write_text(RULES)
    text = HEAD
    for number, (member, facts) in enumerate(steps):
        kind = "alert: {}" if (member, facts) == ("all", "true") else "silent: "
        kind += {"poor": "condition", "silver": "condition", "neither": "condition", "tester": "unless"}.get(member, "")
        kind += "consent" if member == "stranger" else "condition" if member == "all" and facts == "false" else ""
        text += f"  - {{name: t{number}, facts: {{open: {facts}}}, timeline: [{{at: 0 s, member: {member}, arrived: ,"
        text += f" zone: door, expect: [{{rule: both, {kind}}}]}}]}}\n"
    (folder / "x.test.yaml").write_text(text)
    out, err = io.StringIO(), io.StringIO()
    status = run_rule_tests([folder / "x.test.yaml"], out, err, Manner(covers=True))
    assert err.getvalue() == ""
    return status, out.getvalue().replace(f"{folder}/", "").splitlines()


ALL = [("all", "true"), ("poor", "true"), ("silver", "true"), ("all", "false"), ("tester", "true")]


def test_all_is_shown_by_each_condition_alone_and_by_all_of_them(tmp_path: Path) -> None:
    assert cover(tmp_path, *ALL) == (
        0,
        ["5 tests: 5 passed, 0 failed", "1 of 1 rules fired, 4 of 4 conditions decided"],
    )


@pytest.mark.parametrize(
    ("left_out", "gap"),
    [
        (0, "rules.yaml:1: both fires in no test"),
        (1, "rules.yaml:4: in no test does `member.points > 3` alone keep both silent"),
        (2, 'rules.yaml:4: in no test does `member.tier == "gold"` alone keep both silent'),
        (3, "rules.yaml:5: in no test does `facts.open` alone keep both silent"),
        (4, "rules.yaml:6: in no test does `member.test` alone keep both silent"),
    ],
)
def test_what_a_test_alone_shows_is_missed_without_it(tmp_path: Path, left_out: int, gap: str) -> None:
    status, lines = cover(tmp_path, *(step for number, step in enumerate(ALL) if number != left_out))
    assert (status, lines[0]) == (1, gap)
    assert len(lines) == 3


def test_two_conditions_at_once_or_none_looked_at_show_nothing(tmp_path: Path) -> None:
    _, lines = cover(tmp_path, ("all", "true"), ("neither", "true"), ("stranger", "true"))
    assert lines[-1] == "1 of 1 rules fired, 0 of 4 conditions decided"


def without(text: str) -> list[str]:
    """Return a rule file in variants, each with a condition less: in its place one that always holds."""
    found = re.finditer(r"^  if: (.+)$|^    - (?!['\"]?\{)(.+)$", text, re.MULTILINE)
    spans = [match.span(1) if match[1] else match.span(2) for match in found]
    return [f"{text[:start]}1 == 1{text[end:]}" for start, end in spans]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name.partition(".")[0])
def test_a_shipped_rule_without_one_of_its_conditions_fails_its_test(path: Path, tmp_path: Path) -> None:
    rule = path.with_name(path.name.replace(".test.yaml", ".yaml"))
    text = rule.read_text(encoding="utf-8") if rule.is_file() else ""
    variants = without(text)
    assert bool(variants) == bool(re.search(r"^  (if|unless):", text, re.MULTILINE))
    for each in path.parent.glob("*.yaml"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    for variant in variants:
        (tmp_path / rule.name).write_text(variant, encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        assert run_rule_tests([tmp_path / path.name], out, err) == 1
