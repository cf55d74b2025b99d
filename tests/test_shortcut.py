"""Shortcuts say what the CEL library says of a clause, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from virtual_situation import SHOES, member, situation

from rules.condition import Clause, Compiler, Condition, Reading, judge, judge_unless
from rules.facts import Fact
from rules.shortcut import no_shortcut
from rules.situation import Situation
from rules.vocabulary import Vocabulary

FACTS = {
    "open": Fact("open", "bool"),
    "stock": Fact("stock", "int", max_age_s=3600.0),
    "price": Fact("price", "number", otherwise=0),
    "word": Fact("word", "string"),
    "flags": Fact("flags", "list of bool"),
    "sizes": Fact("sizes", "list of int"),
    "prices": Fact("prices", "list of number"),
    "words": Fact("words", "list of string"),
    "item": Fact("item", {"sku": "string", "price": {"now": "number"}}),
}
COMPILER = Compiler(Vocabulary(FACTS))


def clause(text: str) -> Clause | None:
    """Compile what is one clause; None where the library refuses it."""
    found = COMPILER.compile(text)
    return found.clauses[0] if isinstance(found, Condition) and len(found.clauses) == 1 else None


def assert_alike(text: str, seen: Situation) -> None:
    """Expect the same verdict, in the same words, with a clause's shortcut and without."""
    found = clause(text)
    assert found is not None
    assert found.shortcut is not no_shortcut
    short, long = (Condition(text, 1, (each,)) for each in (found, found._replace(shortcut=no_shortcut)))
    observed, again = (Reading([short], FACTS).observe(seen) for _ in range(2))
    assert judge([short], observed) == judge([long], again)
    assert judge_unless([short], observed) == judge_unless([long], again)


@pytest.mark.parametrize(
    "text",
    [
        *("member.test", "! member.test", "has(member.tier)", "has( facts.item.price.now )", "has(facts.item)"),
        *("member.passes_30d >= 4", "4 <= member.passes_30d", "member.balance < -1.5e3", "member.points == 620"),
        *("member.tier == 'gold'", '"gold" != member.tier', "facts.open == true", "now.time >= '12:00' // noon"),
        *("facts.item.sku == facts.word", "facts.stock < facts.price", "zone.id in member.favourite_zones"),
        *("member.tier in ['gold', \"platinum\"]", "now.weekday in [6, 7]", "'vip' in member.tags", "1 in [1, 2]"),
        *("-4 in facts.sizes", "true in facts.flags", "member.language == '中文'", r'member.tier == "a\n\u0041"'),
    ],
)
def test_most_clauses_need_no_library(text: str) -> None:
    found = clause(text)
    assert found is not None
    assert found.shortcut is not no_shortcut


@pytest.mark.parametrize(
    "text",
    [
        *("member.attributes.size > 3", "has(member.attributes.size)", "member.passes_30d < 4 || facts.open"),
        *("member.points * 2 < 4", "member.tier.startsWith('g')", "size(member.tags) > 1", "(member.test)"),
        *("28 in facts.prices", "now.weekday in [6.0, 7]", "now.weekday in []", "member.tags == ['vip']"),
        *(
            r"member.tier == r'\d'",
            r"member.tier == 'a\n'",
            "member.tier == '''x'''",
            "!(member.test)",
            "!member.test == false",
        ),
        *("""member.tier == 'a"b'""", """member.tier in ['a","b']""", "now.hour < 0x10", "true", "null == null"),
    ],
)
def test_all_others_are_left_to_it(text: str) -> None:
    found = clause(text)
    assert found is not None
    assert found.shortcut is no_shortcut


@pytest.mark.parametrize("whole", [0, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, (1 << 63) - 1, -(1 << 53) - 1, -(1 << 63)])
@pytest.mark.parametrize("double", [0.0, 0.5, 2.0**53, 2.0**53 + 2, 2.0**63, -(2.0**53), -(2.0**63), 1e300])
def test_a_whole_number_is_compared_with_a_double_as_one(whole: int, double: float) -> None:
    for sign in ("==", "!=", "<", "<=", ">", ">="):
        for text in (f"{whole} {sign} {double!r}", f"{double!r} {sign} {whole}"):
            assert_alike(text, situation())


@pytest.mark.parametrize(
    "text", ["facts.word == 'a'", "facts.word in ['a']", "'a' in facts.words", "member.tier == 'a'"]
)
def test_a_text_goes_on_behind_a_null_character(text: str) -> None:
    seen = situation(who=member(attributes={"tier": "a\0b"}), facts={"word": "a\0b", "words": ["a\0"]})
    assert_alike(text, seen)
    found = COMPILER.compile(text)
    assert isinstance(found, Condition)
    assert judge([found], Reading([found], FACTS).observe(seen)) is not None


NUMBERS = st.sampled_from([-1, 0, 1, 2, 7, 1 << 53, (1 << 53) + 1, (1 << 63) - 1, -(1 << 63)])
DOUBLES = NUMBERS.map(float) | st.sampled_from([0.1, -0.0, 1.5, 5e-324, 1e18]) | st.floats(-(2.0**63), 2.0**63)
TEXTS = st.sampled_from(["", "a", "A", "ab", "''a''", 'a"', "a\\n", "a\n", "a\x00", "中", "\uffff", "😀"]) | st.text(
    max_size=2
)
VALUES = {"bool": st.booleans(), "int": NUMBERS, "number": NUMBERS | DOUBLES, "string": TEXTS}
LISTS = {f"list of {name}": st.lists(values, max_size=3) for name, values in VALUES.items()}
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 10**400, float("nan"), float("inf"), {}, [None], [[1]], ["a", 1], "\ud800"]
)
ANYTHING = st.one_of(*VALUES.values(), *LISTS.values(), ODD)
ATTRIBUTES = ("tier", "points", "balance", "tags", "favourite_zones")

WORDS = Vocabulary(FACTS).types
LITERALS = {
    "bool": st.booleans().map(json.dumps),
    "int": NUMBERS.map(str) | st.sampled_from(["007", "0x1", "4u", "-0", "- 1"]),
    "double": DOUBLES.map(repr) | st.sampled_from([".5", "1e0", "2E+0", "1.50", "-0.0"]),
    "string": st.one_of(
        *(TEXTS.map(json.dumps), TEXTS.map(repr), TEXTS.map("'{}'".format), TEXTS.map('"{}"'.format)),
        st.sampled_from(["b'a'", "r'a'", "'''a'''", '"""a"""', r"'\x61'", r'"\x61"', r'"\u0061"', r'"\/"', "null"]),
    ),
}


def operands(*kinds: str) -> st.SearchStrategy[str]:
    """Give words and constants of some types."""
    words = [word for word, kind in WORDS.items() if kind in kinds]
    return st.one_of(st.sampled_from(words), st.sampled_from(words), *(LITERALS[kind] for kind in kinds))


def lists(*kinds: str) -> st.SearchStrategy[str]:
    words = [word for word, kind in WORDS.items() if kind in [f"list<{kind}>" for kind in kinds]]
    made = st.lists(st.one_of(*(LITERALS[kind] for kind in kinds)), min_size=1, max_size=3)
    written = made.map(lambda items: f"[{', '.join(items)}]")
    return st.sampled_from(words) | written if words else written


def clauses(*kinds: str) -> st.SearchStrategy[str]:
    """Give comparisons of some types, such as the library takes, most of them."""
    signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    compared = st.tuples(operands(*kinds), signs, operands(*kinds))
    return (compared | st.tuples(operands(*kinds), st.just("in"), lists(*kinds))).map(" ".join)


CLAUSES = st.one_of(
    *(clauses("bool"), clauses("int"), clauses("double"), clauses("int", "double"), clauses("string")),
    st.tuples(st.sampled_from(["", "!", "! "]), operands("bool")).map("".join),
    st.sampled_from(list(WORDS)).map("has({})".format),
)


def fitting(shape: Any) -> st.SearchStrategy[Any]:
    """Give values of a declared type."""
    if isinstance(shape, str):
        return (VALUES | LISTS)[shape]
    return st.fixed_dictionaries({}, optional={name: fitting(inner) for name, inner in shape.items()})


@st.composite
def situations(draw: st.DrawFn, text: str) -> Situation:
    """Give what a clause reads."""
    attributes = {name: draw(ANYTHING) for name in ATTRIBUTES if name in text and draw(st.booleans())}
    facts = {name: draw(fitting(fact.shape) | ODD) for name, fact in FACTS.items() if f"facts.{name}" in text}
    who = member(attributes=attributes, language="a", passes_30d=2, visits_7d=1, usual_zones=("a", "shoes"))
    return situation(who=who, zone=draw(st.sampled_from([None, SHOES])), facts=facts)


@given(st.data(), CLAUSES)
@settings(max_examples=500, deadline=None)
def test_a_shortcut_says_what_the_library_says(data: st.DataObject, text: str) -> None:
    found = clause(text)
    assume(found is not None and found.shortcut is not no_shortcut)
    for _ in range(3):
        assert_alike(text, data.draw(situations(text)))
