"""Staff texts: placeholders, what drops out, and what never gets in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_situation import ENTRANCE, PAVEMENT, SHOES, STORE, member, situation

from rules.facts import Fact
from rules.situation import Situation, Trust, ZoneView
from rules.text import MAX_TEMPLATE, MAX_VALUE, SEPARATOR, Language, Template, parse_template
from rules.vocabulary import WORDS, Vocabulary

WANG = member(
    greeting="王女士",
    note="喜欢新款童鞋",
    attributes={"tier": "gold", "favourite_zones": ["shoes"], "points": 620, "balance": 18.5, "size": 28},
)
ZH = "{greeting} 进店 · {zone} {ago} · {tier} · {shelf} · {note} · {verified}"
EN = "{greeting} came in · {zone} {ago} · {tier} · {shelf} · {note} · {verified}"


def fill(text: str, seen: Situation | None = None, language: Language = "zh") -> str:
    template = parse_template(text)
    assert isinstance(template, Template)
    return template.fill(seen or situation(who=WANG), language)


def test_the_worked_example_reads_as_the_contract_has_it() -> None:
    assert fill(ZH) == "王女士 进店 · 门口 1 秒前 · 金卡 · 常看童鞋 · 喜欢新款童鞋 · 未验证"


def test_the_same_in_english() -> None:
    expected = "王女士 came in · door 1 s ago · gold · often at 童鞋 · 喜欢新款童鞋 · unverified"
    assert fill(EN, language="en") == expected


@pytest.mark.parametrize(
    ("text", "seen", "zh", "en"),
    [
        ("{greeting}", situation(), "会员", "A member"),
        ("{greeting}", situation(who=member(greeting=" \n")), "会员", "A member"),
        ("{zone}", situation(), "门口", "door"),
        ("{zone}", situation(zone=replace(ENTRANCE, name="大门")), "大门", "大门"),
        ("{zone}", situation(zone=PAVEMENT), "门外", "outside"),
        ("{zone}", situation(zone=SHOES), "童鞋", "童鞋"),
        ("{zone}", situation(zone=ZoneView("till", "inside", "till")), "till", "till"),
        ("{zone}", situation(zone=None), "店内", "in the shop"),
        ("{ago}", situation(ago=0.0), "1 秒前", "1 s ago"),
        ("{ago}", situation(ago=1.4), "1 秒前", "1 s ago"),
        ("{ago}", situation(ago=1.6), "2 秒前", "2 s ago"),
        ("{ago}", situation(ago=119.0), "119 秒前", "119 s ago"),
        ("{ago}", situation(ago=185.0), "3 分钟前", "3 min ago"),
        ("{tier}", situation(who=member(attributes={"tier": "diamond"})), "钻石卡", "diamond"),
        ("{tier}", situation(who=member(attributes={"tier": "staff friend"})), "staff friend", "staff friend"),
        ("{tier}", situation(who=member(attributes={"tier": 3})), "", ""),
        ("{shelf}", situation(who=member(attributes={"favourite_zones": ["hats"]})), "常看hats", "often at hats"),
        ("{shelf}", situation(who=member(attributes={"favourite_zones": []})), "", ""),
        ("{shelf}", situation(who=member(attributes={"favourite_zones": "shoes"})), "", ""),
        ("{shelf}", situation(who=replace(WANG, purposes=frozenset({"recognise"}))), "", ""),
        ("{verified}", situation(trust=Trust.HINT), "未验证", "unverified"),
        ("{verified}", situation(trust=Trust.WEAK), "", ""),
        ("{verified}", situation(trust=Trust.FRESH), "", ""),
        ("{points} · {balance}", situation(who=WANG), "620 · 18.5", "620 · 18.5"),
        ("{member.attributes.size}", situation(who=WANG), "28", "28"),
        ("{facts.item.sku}", situation(facts={"item": {"sku": "sku-114"}}), "sku-114", "sku-114"),
        ("{facts.item}", situation(facts={"item": {"sku": "sku-114"}}), "", ""),
        ("{facts.item}", situation(), "", ""),
        ("{points}", situation(who=member(attributes={"points": 10**5000})), "", ""),
        ("{points}", situation(who=member(attributes={"points": float("nan")})), "", ""),
        ("{facts.open}", situation(facts={"open": True}), "", ""),
        ("{facts.sizes}", situation(facts={"sizes": ["27", "28"]}), "27, 28", "27, 28"),
    ],
)
def test_a_placeholder_says(text: str, seen: Situation, zh: str, en: str) -> None:
    assert (fill(text, seen, "zh"), fill(text, seen, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{note}", ""),
        ("来了 · {note}", "来了"),
        ("{note} · {tier} · 来了", "来了"),
        ("积分 {points} 分 · 来了", "来了"),
        ("{zone} {note} · 来了", "来了"),
        ("a·b · {greeting}", "a·b · 会员"),
    ],
)
def test_a_segment_with_an_empty_placeholder_drops_out(text: str, expected: str) -> None:
    assert fill(text, situation()) == expected


def test_a_greeting_is_taken_as_it_is() -> None:
    assert fill("{greeting} 进店", situation(who=member(greeting="{note}{balance} · x"))) == "{note}{balance} · x 进店"


@pytest.mark.parametrize("odd", ["a\nb", "a\r\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b", "a\tb", "a\x00b"])
def test_a_value_steers_no_screen(odd: str) -> None:
    filled = fill("{greeting}", situation(who=member(greeting=odd)))
    assert filled.isprintable()
    assert filled.startswith("a ")
    assert filled.endswith("b")


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("{greting} 进店", 0, "unknown placeholder {greting} (did you mean 'greeting'?), expected one of {greeting}"),
        ("进店 {}", 3, "unknown placeholder {}"),
        ("进店 {member}", 3, "unknown placeholder {member}"),
        ("{member.id}", 0, "unknown placeholder {member.id}"),
        ("{member.attributes}", 0, "{member.attributes} is not for staff to read"),
        ("{member.visits_30d}", 0, "{member.visits_30d} is not for staff to read"),
        ("{facts}", 0, "{facts} is not for staff to read"),
        ("{facts\n \u2028of}", 0, "unknown placeholder {facts of}"),
        ("{greeting} {", 11, "a single '{' stands here"),
        ("greeting}", 8, "a single '}' stands here"),
        ("{{greeting}}", 0, "a single '{' stands here"),
        ("x" * (MAX_TEMPLATE + 1), 0, f"longer than {MAX_TEMPLATE} characters"),
    ],
)
def test_a_faulty_text_is_refused_with_its_place(text: str, offset: int, message: str) -> None:
    problems = parse_template(text)
    assert isinstance(problems, list)
    assert problems[0].offset == offset
    assert message in problems[0].message


def test_a_template_names_the_attributes_that_it_lets_out() -> None:
    template = parse_template("{greeting} · {zone} {ago} · {shelf} · {balance} · {member.attributes.size} · {facts.x}")
    assert isinstance(template, Template)
    assert template.shows == {"greeting", "favourite_zones", "balance", "size"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.text(),
    st.text(),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("tier", "points", "favourite_zones", "balance", "size"), JSON)),
)
def test_whatever_members_hold_staff_read_one_bounded_line(
    greeting: str, note: str, attributes: dict[str, Any]
) -> None:
    who = member(greeting=greeting, note=note, attributes=attributes)
    text = SEPARATOR.join((ZH, "{points} · {balance} · {member.attributes.size}"))
    filled = fill(text, situation(who=who, store=STORE))
    assert filled.isprintable()
    assert len(filled) < 12 * MAX_VALUE
    assert "进店" in filled


@pytest.mark.parametrize("word", sorted(word for word in WORDS if word != "facts"))
def test_no_word_of_a_condition_is_a_placeholder_of_its_own(word: str) -> None:
    """Counts of visits, ids and whereabouts are for conditions and payloads, and not for staff."""
    problems = parse_template(f"{{{word}}}")
    assert isinstance(problems, list)
    assert "is not for staff to read" in problems[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{facts.itme.sku}", "did you mean 'facts.item.sku'?"),
        ("{facts.item}", "'facts.item' has parts, expected one of facts.item.sku"),
        ("{facts.weather}", "'facts.weather' is declared nowhere in this file"),
    ],
)
def test_placeholders_of_declared_facts_are_checked(text: str, message: str) -> None:
    problems = parse_template(text, Vocabulary({"item": Fact("item", {"sku": "string"})}))
    assert isinstance(problems, list)
    assert message in problems[0].message
