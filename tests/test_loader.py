"""Rule files: what is read, and every fault at once with its line and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rules import ALERT, load

from rules.document import Faults
from rules.loader import TRIGGERS, load_rules
from rules.model import PERIODS, Alert, AtMost, Offer, Selector, Trigger
from rules.scenario import COUNTS, OUTCOMES
from rules.situation import Trust
from rules.text import PLACEHOLDERS
from rules.vocabulary import WORDS

SHIPPED = Path(__file__).resolve().parents[1] / "config" / "rules"
MUST_FAIL = Path(__file__).resolve().parent / "rules_that_must_fail"
EXAMPLE = """\
# Our window.
- name: window-regular
  on: {dwell: 5s, zone: {kind: outside}}
  if: member.passes_30d >= 4 && facts.new_arrivals
  offer: {id: new-arrivals, ttl: 10 min}
  at_most: 1 per day
- name: welcome
  on: arrived
  if:
    - member.points >= 100
    - member.tier == 'gold'
  alert: {group: floor, text: {zh: "{greeting} 进店", en: "{greeting} came in"}, haptic: long-short, expires: 30 s}
  trust: fresh
"""


def test_rules_are_read_as_they_are_written() -> None:
    (window, welcome), faults = load(EXAMPLE)
    assert faults == []
    assert (window.name, window.line, window.trust) == ("window-regular", 2, Trust.HINT)
    assert window.on == Trigger("dwell", Selector("kind", "outside"), 5.0)
    assert [condition.text for condition in window.conditions] == ["member.passes_30d >= 4 && facts.new_arrivals"]
    assert [clause.line for clause in window.conditions[0].clauses] == [4, 4]
    assert isinstance(window.action, Offer)
    assert (window.action.offer, window.action.ttl_s, window.action.payload.tree) == ("new-arrivals", 600.0, {})
    assert window.at_most == AtMost(1, "day")
    assert (welcome.on, welcome.trust, welcome.at_most) == (Trigger("arrived"), Trust.FRESH, None)
    assert [clause.line for condition in welcome.conditions for clause in condition.clauses] == [10, 11]
    assert isinstance(welcome.action, Alert)
    assert (welcome.action.group, welcome.action.haptic, welcome.action.expires_s) == ("floor", "long-short", 30.0)
    assert sorted(welcome.action.texts) == ["en", "zh"]


def test_the_shipped_rules_are_without_fault() -> None:
    faults = Faults()
    files = [path for path in sorted(SHIPPED.glob("*.yaml")) if not path.name.endswith(".test.yaml")]
    loaded = load_rules(files, faults, known_groups=["floor"], known_zones=[])
    assert faults.found == []
    assert [rule.name for rule in loaded] == [path.stem for path in files]


def test_rules_keep_the_order_of_files_and_names_are_unique_among_them(tmp_path: Path) -> None:
    for name, rule in (("b.yaml", "one"), ("a.yaml", "two"), ("c.yaml", "one")):
        (tmp_path / name).write_text(f"- {{name: {rule}, on: arrived, {ALERT}}}\n")
    faults = Faults()
    paths = [tmp_path / name for name in ("b.yaml", "a.yaml", "c.yaml")]
    assert [rule.name for rule in load_rules(paths, faults)] == ["one", "two"]
    assert [str(fault) for fault in faults.found] == [
        f"{tmp_path}/c.yaml:1:10: rule one stands already at {tmp_path}/b.yaml:1"
    ]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    faults = Faults()
    (tmp_path / "empty.yaml").write_text("\n")
    assert load_rules([tmp_path / "none.yaml", tmp_path, tmp_path / "empty.yaml"], faults) == []
    assert [(fault.line, fault.message) for fault in faults.found] == [
        (0, "no such file"),
        (0, "is a directory"),
        (0, "the file is empty"),
    ]


def test_a_faulty_rule_leaves_the_others_standing() -> None:
    made, faults = load(EXAMPLE.replace("passes_30d", "pases_30d"))
    assert [rule.name for rule in made] == ["welcome"]
    assert faults == ["4:7: unknown name 'member.pases_30d' (did you mean 'member.passes_30d'?)"]


def expected_faults(path: Path) -> list[str]:
    """Read what a fixture itself says of its faults, on lines that begin with `# fault`."""
    return re.findall(r"^# fault (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


FIXTURES = [path for path in sorted(MUST_FAIL.glob("*.yaml")) if not path.name.endswith(".test.yaml")]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_rules_that_must_fail_do_so_as_they_say(path: Path) -> None:
    _, faults = load(path.read_text(encoding="utf-8"))
    assert faults == expected_faults(path)


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ("if: member.teir == 'x'", "2:7"),
        ("if: 'member.test && member.teir == 3'", "2:23"),
        ('if: "member.test && member.teir == 3"', "2:23"),
        ("if: member.test\n     && member.teir == 3", "3:9"),
        ("if: |\n     member.test\n       && member.teir == 3", "4:11"),
        ("if: >-\n     member.test &&\n     member.teir == 3", "4:6"),
        ("if: [member.test, member.teir == 3]", "2:21"),
        ("if:\n    - member.test\n    - member.test && member.teir == 3", "4:22"),
        ("if: '''王'' == member.greeting && member.teir == 3'", "2:36"),
        ('if: "\\"王\\" == member.greeting && member.teir == 3"', "2:36"),
        ('if: "\\u0031 == 1 && member.teir == 3"', "2:7"),
    ],
)
def test_a_fault_within_a_condition_has_its_place_in_the_file(condition: str, place: str) -> None:
    _, faults = load(f"- name: x\n  {condition}\n  on: arrived\n  {ALERT}\n")
    assert [fault.partition(": ")[0] for fault in faults] == [place]


def test_no_fault_repeats_without_end() -> None:
    _, faults = load(f"- {{name: x, on: arived, if: member.q, {ALERT}}}\n" * 2000)
    assert 0 < len(faults) <= 1000


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_the_loader_never_raises_on_any_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    check_bytes(tmp_path_factory, raw)


SCRAPS = st.sampled_from(
    [
        *EXAMPLE.splitlines(keepends=True),
        *("- ", "\n", "  ", "{", "}", "[", "]", ": ", "if: |\n", "''", '"', "null", "dwell: 5s", "text: {zh: '{'}"),
        *(
            "- name: x\n",
            "  on: {entered, zone: {id: shoes}}\n",
            "  if: []\n",
            "  alert:\n",
            "    payload: {a: '{b}'}\n",
        ),
        *("  offer: {id: x, payload: [1]}\n", "  at_most: 0 per day\n", "\t", "&a", "*a", "!x ", "\u2028", "\x85", "é"),
    ]
)


@given(st.lists(SCRAPS | st.text(max_size=3), max_size=25).map("".join))
@settings(max_examples=300, deadline=None)
def test_the_loader_never_raises_on_any_scraps(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    check_bytes(tmp_path_factory, text.encode(errors="surrogatepass"))


def check_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Load bytes: each fault is one line at a place in the file, and what is left of the rules is whole."""
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(raw)
    faults = Faults()
    for rule in load_rules([path], faults, ["floor"], ["shoes"]):
        assert rule.name
        assert rule.action
    for fault in faults.found:
        assert "\n" not in str(fault)
        assert 0 <= fault.line <= raw.count(b"\n") + raw.count(b"\r") + raw.count(b"\xe2\x80") + raw.count(b"\x85") + 1


DOCUMENTATION = Path(__file__).resolve().parents[1] / "docs" / "rules.md"


def test_the_documentation_names_every_word() -> None:
    page = DOCUMENTATION.read_text(encoding="utf-8")
    for word in (*WORDS, *TRIGGERS, *PERIODS, *PLACEHOLDERS, *OUTCOMES, *COUNTS):
        assert word in page, word


def test_the_examples_of_the_documentation_are_without_fault() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    examples = [block for block in blocks if block.startswith("- ")]
    assert len(examples) >= 5
    for example in examples:
        made, faults = load(example)
        assert (faults, bool(made)) == ([], True)
