"""Conditions: what an installer may write, what is refused and where, what holds, and why it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_situation import ENTRANCE, PAVEMENT, member, situation

from rules.condition import MAX_LENGTH, Compiler, Condition, Reading, Verdict, judge
from rules.facts import Fact
from rules.situation import Situation
from rules.vocabulary import Vocabulary

GOLD = member(
    greeting="王女士",
    language="zh",
    attributes={
        "tier": "gold",
        "points": 620,
        "balance": 18.5,
        "tags": ["signed-up:2026-11-22", "vip"],
        "favourite_zones": ["shoes"],
        "size": 28,
        "nested": {"deep": True},
    },
    passes_30d=2,
    visits_90d=7,
)
FACTS = {"new_arrivals": True, "stock": 3, "price": 19.9, "item": {"sku": "sku-114"}, "word": "yes", "nothing": None}


def compiled(text: str) -> Condition:
    condition = Compiler().compile(text)
    assert isinstance(condition, Condition), condition
    return condition


def verdict(text: str, seen: Situation | None = None, private: tuple[str, ...] = ()) -> Verdict | None:
    condition = compiled(text)
    return judge([condition], Reading([condition]).observe(seen or situation(who=GOLD, facts=FACTS)), private)


@pytest.mark.parametrize(
    "text",
    [
        "member.points >= 100",
        "member.points >= 100.5",
        "100 <= member.points",
        "member.points == 620",
        "member.points != 621",
        "member.balance < 20",
        "20 > member.balance",
        "member.balance * 2 < 40",
        "2 * member.balance + 1 == 38.0",
        "member.points / 2 - 10 == 300",
        "member.visits_90d / 2 == 3",
        "member.balance < member.points",
        "member.visits_90d > 6.5",
        "-member.balance < 0",
        "member.tier == 'gold'",
        "member.tier in ['gold', 'platinum']",
        "'vip' in member.tags",
        "('signed-up:' + now.date) in member.tags",
        "member.tags.exists(tag, tag.startsWith('signed-up:'))",
        "size(member.tags) == 2 && member.tags.size() == 2",
        "member.attributes.size == 28",
        "member.attributes['size'] < 28.5",
        "member.attributes.nested.deep",
        "has(member.tier) && has( member.attributes.size ) && !has(member.attributes.shoe)",
        "has(facts.stock) && !has(facts.none)",
        "!member.test",
        "member.language == 'zh' && member.greeting != ''",
        "facts.new_arrivals",
        "facts['new_arrivals'] && facts.item.sku == 'sku-114'",
        "facts.stock > 2.5 && facts.price < 20",
        "facts.nothing == null",
        "zone.kind == 'door' && zone.id == 'entrance' && zone.name == 'entrance'",
        "visit.seconds >= 5 && visit.held_inside",
        "store.open && store.id == 'lilac-01' && store.language == 'zh' && store.name.contains('丁香')",
        "now.hour == 12 && now.minute == 30 && now.weekday == 7 && now.day == 22 && now.month == 11",
        "now.time >= '12:00' && now.time < '13:00'",
        "member.passes_30d < 4 || facts.none",
        "member.passes_30d < 4 ? facts.new_arrivals : facts.none",
        "facts.stock > 2 && // two on show && one in the box\n facts.word == 'yes'",
        'facts.word != "a && b" && facts.word != r"\\d"',
        "timestamp('2026-11-22T00:00:00Z') + duration('1h') > timestamp('2026-11-22T00:30:00Z')",
        "[1] + [2] == [1, 2] && 'a' + 'b' == 'ab' && 7 % 2 == 1 && 1u + 1u == 2u && b'a' < b'b'",
    ],
)
def test_it_holds(text: str) -> None:
    assert verdict(text) is None


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        ("member.passes_30d >= 4", "condition", "passes_30d is 2, needs >= 4"),
        ("4 <= member.passes_30d", "condition", "passes_30d is 2, needs >= 4"),
        ("member.points > 1e3", "condition", "points is 620, needs > 1e3"),
        ("member.balance < -1", "condition", "balance is 18.5, needs < -1"),
        ("member.tier == 'silver'", "condition", "tier is \"gold\", needs == 'silver'"),
        ("member.attributes.size == 30", "condition", "size is 28, needs == 30"),
        ("!facts.new_arrivals", "condition", "facts.new_arrivals is true"),
        ("member.test", "condition", "test is false"),
        ("facts.new_arrivals && member.test && facts.none", "condition", "test is false"),
        ("'new' in member.tags", "condition", '`\'new\' in member.tags`: tags is ["signed-up:2026-11-22", "vip"]'),
        (
            "member.test || facts.stock > 5",
            "condition",
            "`member.test || facts.stock > 5`: test is false, facts.stock is 3",
        ),
        ("has(facts.none)", "condition", "`has(facts.none)`: facts.none is missing"),
        ("member.greeting == ''", "condition", "greeting is withheld, needs == ''"),
        ("1 == 2", "condition", "`1 == 2`"),
        ("facts.none", "missing", "facts.none is missing"),
        ("member.passes_30d == 2 && facts.none", "missing", "facts.none is missing"),
        ("!facts.none", "missing", "facts.none is missing"),
        ("facts.none || member.test", "missing", "facts.none is missing"),
        ("facts.item.zone == 'shoes'", "missing", "facts.item.zone is missing"),
        ("member.attributes.shoe > 3", "missing", "shoe is missing"),
        ("member.attributes['shoe'] > 3", "missing", "`member.attributes['shoe'] > 3` looks for a key that is missing"),
        ("facts['none']", "missing", "`facts['none']` looks for a key that is missing"),
        ("facts.word", "error", 'facts.word is "yes", expected true or false'),
        ("facts.stock", "error", "facts.stock is 3, expected true or false"),
        ("facts.nothing", "error", "facts.nothing is null, expected true or false"),
        ("facts.word > 3", "error", None),
        ("facts.stock / 0 == 1", "error", None),
        ("member.points / 0 == 1", "error", None),
    ],
)
def test_why_it_does_not_hold(text: str, outcome: str, reason: str | None) -> None:
    found = verdict(text)
    assert found is not None
    assert found.outcome == outcome
    assert reason in (None, found.reason)


def test_false_decides_whatever_is_missing() -> None:
    for text in ("facts.none && member.passes_30d >= 4", "member.passes_30d >= 4 && facts.none"):
        assert verdict(text) == Verdict("condition", "passes_30d is 2, needs >= 4", 1, 1)


def test_conditions_of_a_list_must_all_hold() -> None:
    items = [compiled("facts.new_arrivals"), compiled("facts.none"), compiled("member.test")]
    seen = Reading(items).observe(situation(who=GOLD, facts=FACTS))
    assert judge(items[:1], seen) is None
    assert judge(items[:2], seen) == Verdict("missing", "facts.none is missing", 1, 2)
    assert judge(items, seen) == Verdict("condition", "test is false", 1, 3)


@pytest.mark.parametrize("name", ["tier", "points", "balance", "tags", "favourite_zones"])
def test_an_attribute_that_a_member_lacks_is_missing(name: str) -> None:
    found = verdict(f"member.{name} == member.{name}", situation())
    assert found is not None
    assert (found.outcome, found.reason) == ("missing", f"{name} is missing")


def test_a_zone_that_is_not_known_is_missing() -> None:
    assert verdict("zone.kind == 'inside'", situation(zone=None)) == Verdict("missing", "zone.kind is missing", 1, 1)
    assert verdict("!has(zone.id)", situation(zone=None)) is None


def test_the_usual_shelf_is_for_those_who_consented_to_zones() -> None:
    who = member(purposes=frozenset({"recognise"}), attributes={"favourite_zones": ["shoes"]})
    assert verdict("has(member.favourite_zones)", situation(who=who)) is not None
    assert verdict("has(member.attributes.favourite_zones)", situation(who=who)) is not None


@pytest.mark.parametrize("value", [True, "620", None, [], {}, float("nan"), float("inf"), 10**400])
def test_an_attribute_of_the_wrong_kind_is_missing(value: Any) -> None:
    found = verdict("member.points >= 0", situation(who=member(attributes={"points": value})))
    assert found is not None
    assert found.outcome == "missing"


@pytest.mark.parametrize("value", [2**70, "\ud800", float("nan"), {"a": {"b": 2**64}}, [[[["\udfff"]]]], "\x00"])
def test_odd_facts_spoil_no_rule(value: Any) -> None:
    assert verdict("facts['good'] == 1", situation(facts={"odd": value, "good": 1})) is None


def test_facts_nested_without_end_are_cut() -> None:
    nested: dict[str, Any] = {}
    for _ in range(900):
        nested = {"x": nested}
    assert verdict("facts['good'] == 1", situation(facts={"odd": nested, "good": 1})) is None


def test_private_values_stay_out_of_reasons() -> None:
    private = ("balance", "size")
    for text in (
        "member.balance < 10",
        "10 > member.balance",
        "member.attributes.balance < 10",
        "member.balance + 1 < 10",
        "member.attributes['balance'] < 10",
        "member.attributes.size < 10 && facts.new_arrivals",
    ):
        found = verdict(text, private=private)
        assert found is not None
        assert "withheld" in found.reason
        assert "18.5" not in found.reason
        assert "28" not in found.reason


def test_what_the_library_quotes_of_a_private_value_stays_out_of_reasons() -> None:
    seen = situation(who=member(attributes={"secret": "a("}))
    text = '"abc".matches(member.attributes.secret)'
    for private, said in (((), "missing ): a("), (("secret",), "cannot be evaluated: withheld")):
        found = verdict(text, seen, private)
        assert found is not None
        assert found.outcome == "error"
        assert said in found.reason


def test_a_clause_names_its_line() -> None:
    text = "member.passes_30d == 2\n  && facts.new_arrivals\n  && member.test"
    assert verdict(text) == Verdict("condition", "test is false", 3, 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("member.teir == 'gold'", 1, 1, "unknown name 'member.teir' (did you mean 'member.tier'?)"),
        ("member.test && member.pasess_30d > 3", 1, 16, "(did you mean 'member.passes_30d'?)"),
        ("member.test\n && member.teir == 'x'", 2, 5, "unknown name 'member.teir'"),
        ("member.shoe > 3", 1, 1, "an attribute of your own is written member.attributes.shoe"),
        ("member", 1, 1, "unknown name 'member'"),
        ("zone.colour == 'red'", 1, 1, "expected zone.id, zone.kind, zone.name"),
        ("fact.new_arrivals", 1, 1, "unknown name 'fact.new_arrivals' (did you mean 'facts.new_arrivals'?)"),
        ("colour == 'red'", 1, 1, "unknown name 'colour', expected a name such as member.tier"),
        ("colour.size() > 3", 1, 1, "unknown name 'colour'"),
        ("'王女士' == member.greeting && member.q == 1", 1, 29, "unknown name 'member.q'"),
        ("has(member.teir)", 1, 5, "(did you mean 'member.tier'?)"),
        ("member.tier", 1, 1, "`member.tier` gives string, expected true or false"),
        ("member.test && member.points", 1, 16, "`member.points` gives double, expected true or false"),
        ("member.tier == 3", 1, 13, "'==' does not fit string / int"),
        ("member.tier > 3", 1, 13, "'>' does not fit string / int"),
        ("member.test + 1 > 2", 1, 13, "'+' does not fit bool / int"),
        ("member.test and facts.x", 1, 13, "'and' stands here, expected &&"),
        ("not member.test", 1, 1, "'not' stands here, expected !"),
        ("member.points = 3", 1, 15, "'=' stands here, expected =="),
        ("member.test & facts.x", 1, 13, "'&' stands here, expected &&"),
        ("member.points >=", 1, 17, "the condition ends too early"),
        ("member.test &&", 1, 15, "the condition ends too early"),
        ("", 1, 1, "the condition ends too early"),
        ("member.points > 3 facts.x", 1, 19, "'facts' stands here, expected &&"),
        ("(member.test", 1, 13, "the condition ends too early"),
        ("'abc", 1, 1, "token recognition error"),
        ("member.tags.exsits(t, t == 'x')", 1, 13, "unknown function 'exsits' (did you mean 'exists'?)"),
        ("member.tier.startWith('g')", 1, 13, "unknown function 'startWith' (did you mean 'startsWith'?)"),
        ("member.test && lower(member.tier) == 'gold'", 1, 16, "unknown function 'lower'"),
        ("(" * 200 + "true" + ")" * 200, 1, 1, "nested too deeply"),
        ("true &&" * MAX_LENGTH, 1, 1, f"longer than {MAX_LENGTH} characters"),
        ("\ud800", 1, 1, "cannot be read"),
    ],
)
def test_a_faulty_condition_is_refused_with_its_place(text: str, line: int, column: int, message: str) -> None:
    problems = Compiler().compile(text)
    assert isinstance(problems, list)
    assert problems[0].place == (line, column)
    assert message in problems[0].message


def test_all_misspelt_names_are_told_at_once() -> None:
    problems = Compiler().compile("member.teir == 'x' || (member.poinst > 3 && zone.knid == 'door')")
    assert isinstance(problems, list)
    assert [problem.place.column for problem in problems] == [1, 24, 45]


DECLARED = Vocabulary(
    {
        "open": Fact("open", "bool"),
        "stock": Fact("stock", "int"),
        "words": Fact("words", "list of string"),
        "featured": Fact("featured", {"item": "string", "price": {"now": "number"}}),
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "facts.open && facts.stock > 2.5",
        "facts.featured.item == 'x' && facts.featured.price.now * 2 < 3",
        "has(facts.featured) && has(facts.featured.price) && has( facts.featured.price.now )",
        "'new' in facts.words && facts.words.exists(word, word.startsWith('n')) && size(facts.words) > 1",
        "facts.featured.item.startsWith('sku-')",
    ],
)
def test_declared_facts_have_types(text: str) -> None:
    assert isinstance(Compiler(DECLARED).compile(text), Condition)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("facts.featured.itme == 'x'", 1, "(did you mean 'facts.featured.item'?)"),
        ("member.test && has(facts.featured.itme)", 20, "(did you mean 'facts.featured.item'?)"),
        ("facts.opne", 1, "(did you mean 'facts.open'?)"),
        ("facts.weather == 'rain'", 1, "'facts.weather' is declared nowhere in this file"),
        ("facts", 1, "'facts' is declared nowhere in this file"),
        ("facts['open']", 1, "'facts' is declared nowhere in this file"),
        ("facts.featured['itme'] == 'x'", 1, "'facts.featured' has parts, expected one of facts.featured.item"),
        ("facts.featured == 3", 1, "'facts.featured' has parts"),
        ("facts.featured.price > 3", 1, "has parts, expected one of facts.featured.price.now"),
        (".facts.featured.itme == 'x'", 1, "'.' stands here, expected a name such as member.tier"),
        ("facts . featured . itme == 'x'", 1, "'facts' is declared nowhere in this file"),
        ("facts.open.since > 3", 1, "unknown name 'facts.open.since'"),
        ("facts.open == 3", 12, "'==' does not fit bool / int"),
        ("facts.open > 0", 12, "'>' does not fit bool / int"),
        ("facts.stock == 'many'", 13, "'==' does not fit int / string"),
        ("3 in facts.words", 3, "does not fit int / list(string)"),
        ("facts.stock", 1, "`facts.stock` gives int, expected true or false"),
    ],
)
def test_what_does_not_fit_a_declared_fact_is_refused(text: str, column: int, message: str) -> None:
    problems = Compiler(DECLARED).compile(text)
    assert isinstance(problems, list)
    assert problems[0].place == (1, column)
    assert message in problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        *("member.id", "member.purposes", "member.deny", "member.allow", "member.only", "member.note"),
        *("member", "member['id']", "visit.id", "visit", "zone", "[member][0].id", "has(member.id)", "dyn(member).id"),
        *("member.attributes.exists(m, member.id == m)", "member . id", "member\n.id"),
    ],
)
def test_no_condition_reaches_who_a_member_is_or_what_a_member_chose(text: str) -> None:
    problems = Compiler().compile(f"{text} == {text}")
    assert isinstance(problems, list)
    assert "unknown name" in problems[0].message


def test_the_same_words_are_compiled_once() -> None:
    compiler = Compiler()
    one, two = compiler.compile("facts.a && member.test"), compiler.compile("\n member.points > 3\n&& member.test")
    assert isinstance(one, Condition)
    assert isinstance(two, Condition)
    assert one.clauses[1].program is two.clauses[1].program
    assert [clause.line for clause in two.clauses] == [2, 3]


def test_a_runaway_condition_ends_and_does_not_hold() -> None:
    ten = "[1,2,3,4,5,6,7,8,9,10]"
    nested = "".join(f"{ten}.all({name}, " for name in "abcdef") + "true" + ")" * 6
    found = verdict(nested)
    assert found is not None
    assert found.outcome == "error"
    assert len(found.reason) < 200


ATOMS = st.sampled_from(
    [
        "true", "false", "facts.t", "facts.f", "facts.none", "facts.one", "facts.text == '&&'", "facts.one > 0",
        "facts.none > 1", "(facts.t || facts.none)", "!facts.f", "!facts.none", "[1, 2].all(x, x > 0 && x < 2)",
        "(facts.f && facts.none)", "'(' != ')'", "has(facts.none)", "{'a && b': facts.t}['a && b']", "1 / 0 == 1",
    ]
)  # fmt: skip


@given(
    st.lists(ATOMS, min_size=1, max_size=5),
    st.lists(st.sampled_from([" && ", " || ", "&&\n", " && // x && y\n"]), min_size=4, max_size=4),
)
@settings(max_examples=300, deadline=None)
def test_clauses_together_say_what_the_whole_expression_says(atoms: list[str], joints: list[str]) -> None:
    text = "".join(atom + joint for atom, joint in zip(atoms, [*joints[: len(atoms) - 1], ""], strict=False))
    seen = situation(facts={"t": True, "f": False, "one": 1, "text": "&&"})
    parts, whole = verdict(text, seen), verdict(f"({text}\n)", seen)
    assert (parts is None) == (whole is None)
    if parts and whole:
        assert (parts.outcome == "condition") == (whole.outcome == "condition")


@given(st.text(max_size=60) | st.lists(ATOMS | st.text("()[]{}&|!?:.,'\"\\/ \n", max_size=4), max_size=6).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_text_makes_it_raise(text: str) -> None:
    found = Compiler().compile(text)
    if isinstance(found, Condition):
        judge([found], Reading([found]).observe(situation(who=GOLD, facts=FACTS)))
    else:
        assert found
        assert all(problem.message for problem in found)


def test_zones_are_told_apart() -> None:
    assert verdict("zone.kind == 'outside'", situation(zone=PAVEMENT)) is None
    assert verdict("zone.kind == 'outside'", situation(zone=ENTRANCE)) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("member.days_since_visit > 30", Verdict("missing", "days_since_visit is missing", 1, 1)),
        ("!has(member.days_since_visit) || member.days_since_visit > 30", None),
        ("'shoes' in member.usual_zones && size(member.usual_zones) == 2", None),
    ],
)
def test_what_is_known_of_earlier_visits_can_be_asked(text: str, expected: Verdict | None) -> None:
    assert verdict(text, situation(who=member(usual_zones=("shoes", "hats")))) == expected
