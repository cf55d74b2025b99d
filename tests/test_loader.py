"""Rule files: what is read, and every fault at once with its line and column."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from virtual_rules import ALERT, load

from rules import schema
from rules.document import Faults, parse_document
from rules.facts import LISTED, SIMPLE, Fact
from rules.hours import Hours
from rules.loader import Source, load_rules, load_sources
from rules.model import ANSWERS, PERIODS, Alert, AtMost, Offer, Selector, Trigger
from rules.scenario import COUNTS
from rules.schema import TRIGGERS
from rules.situation import Trust
from rules.steps import OUTCOMES
from rules.text import PLACEHOLDERS
from rules.vocabulary import WORDS

VALIDATOR = Draft202012Validator(schema.document())
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
    assert window.at_most == (AtMost(1, "day"),)
    assert (welcome.on, welcome.trust, welcome.at_most) == (Trigger("arrived"), Trust.FRESH, ())
    assert [clause.line for condition in welcome.conditions for clause in condition.clauses] == [10, 11]
    assert isinstance(welcome.action, Alert)
    assert (welcome.action.group, welcome.action.haptic, welcome.action.expires_s) == ("floor", "long-short", 30.0)
    assert sorted(welcome.action.texts) == ["en", "zh"]


EVERY_KEY = """\
- {fact: featured, type: {item: string, zone: string}, max_age: 24 h, otherwise: {item: "", zone: ""}}
- name: shelf
  on: {dwell: 6s, zone: {kind: shelf}, within: 20 s}
  if: facts.featured.zone == zone.id
  unless: [member.test, "'staff' in member.tags"]
  alert: {group: floor, text: "{greeting}", escalate: {to: designers, after: 20 s}}
  trust: weak
  at_most: [1 per visit, 3 per week, 1 per member, 200 per rule]
  cooldown: 3 days
  quiet: "20:00-10:00"
  priority: -10
- {name: near, on: {nearby: 2.5 km}, offer: {id: x}}
- {name: soon, on: {nearby: 800 m, within: 10 min}, offer: {id: x}}
- {name: taken, on: claimed, alert: {group: floor, text: x}}
- {name: serious, on: {claimed: serious, zone: {id: shoes}}, answers: claim, alert: {group: floor, text: x}}
- {name: changed, on: {fact: featured}, offer: {id: x}}
- {name: closing, on: {clock: "20:30"}, offer: {id: x}}
- {name: check-in, on: arrived, if: '"x" in member.tags', answers: sign-up, alert: {group: floor, text: x}}
- {name: counter, on: {entered, zone: {id: shoes}}, answers: counter, alert: {group: floor, text: x}}
"""


def test_every_key_is_read() -> None:
    (shelf, near, soon, taken, serious, changed, closing, check_in, counter), faults = load(EVERY_KEY)
    assert faults == []
    assert shelf.on == Trigger("dwell", Selector("kind", "shelf"), 6.0, within=20.0)
    assert [condition.text for condition in shelf.unless] == ["member.test", "'staff' in member.tags"]
    assert isinstance(shelf.action, Alert)
    assert (shelf.action.escalate_to, shelf.action.escalate_after_s) == ("designers", 20.0)
    assert shelf.at_most == (AtMost(1, "visit"), AtMost(3, "week"), AtMost(1, "member"), AtMost(200, "rule"))
    assert (shelf.cooldown_s, shelf.quiet, shelf.priority) == (3 * 86400.0, Hours(time(20), time(10)), -10)
    assert [near.on, soon.on] == [
        Trigger("nearby", within=7200.0, reach_m=2500.0),
        Trigger("nearby", within=600.0, reach_m=800.0),
    ]
    assert [taken.on, serious.on] == [Trigger("claimed"), Trigger("claimed", Selector("id", "shoes"), serious=True)]
    assert [changed.on, closing.on] == [Trigger("fact", fact="featured"), Trigger("clock", clock=time(20, 30))]
    answers = [rule.answers for rule in (shelf, taken, serious, check_in, counter)]
    assert answers == [None, "claim", "claim", "sign-up", "counter"]
    otherwise = {"item": "", "zone": ""}
    fact = Fact("featured", {"item": "string", "zone": "string"}, 86400.0, otherwise, shelf.file, 1)
    assert dict(counter.facts) == {"featured": fact}


def test_facts_that_one_file_declares_hold_for_all_and_are_checked_in_it_alone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"- {{name: a, on: arrived, if: facts.stock.of.shoes > 3, {ALERT}}}\n")
    (tmp_path / "b.yaml").write_text("- {fact: stock, type: int}\n- {fact: open, type: bool}\n")
    (tmp_path / "c.yaml").write_text("- {fact: stock, type: int}\n- {fact: open, type: string}\n")
    faults = Faults()
    (rule,) = load_rules([tmp_path / f"{name}.yaml" for name in "abc"], faults)
    assert sorted(rule.facts) == ["open", "stock"]
    assert [str(fault) for fault in faults.found] == [
        f"{tmp_path}/c.yaml:2:3: fact open is declared otherwise at {tmp_path}/b.yaml:2"
    ]


def test_rules_are_read_from_bytes_as_from_files() -> None:
    faults = Faults()
    loaded = load_sources([Source("sent.yaml", EXAMPLE.encode()), Source("bad.yaml", b"- {")], faults)
    assert [(rule.name, rule.file) for rule in loaded] == [("window-regular", "sent.yaml"), ("welcome", "sent.yaml")]
    assert [fault.file for fault in faults.found] == ["bad.yaml"]


def test_the_shipped_rules_are_without_fault() -> None:
    faults = Faults()
    files = [path for path in sorted(SHIPPED.glob("*.yaml")) if not path.name.endswith(".test.yaml")]
    loaded = load_rules(files, faults)
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
        (0, "this is a folder, expected a file"),
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
        *("- {fact: a, type: {b: bool}}\n", "  on: {nearby: 3 km}\n", "  on: {fact: a}\n", "  unless: facts.a.b\n"),
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


@pytest.mark.parametrize("page", [DOCUMENTATION, DOCUMENTATION.with_name("facts.md")], ids=lambda page: page.stem)
def test_the_examples_of_the_documentation_are_without_fault(page: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    examples = [block for block in blocks if block.startswith("- ")]
    assert examples
    for example in examples:
        made, faults = load(example)
        assert (faults, bool(made)) == ([], True)
        root = parse_document(example.encode(), page.name, Faults())
        assert root
        assert VALIDATOR.is_valid(root.data())


def test_the_documentation_names_every_key() -> None:
    pages = DOCUMENTATION.read_text(encoding="utf-8") + DOCUMENTATION.with_name("facts.md").read_text(encoding="utf-8")
    for key in (*schema.RULE, *schema.ON, *schema.ALERT, *schema.ESCALATE, *schema.OFFER, *schema.FACT):
        assert f"`{key}" in pages or f"{key}:" in pages, key
    for word in (*ANSWERS, *schema.ZONE_KINDS, *SIMPLE, *LISTED):
        assert f"`{word}`" in pages, word
