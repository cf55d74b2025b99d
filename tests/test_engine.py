"""The engine: which rules look, in which order, what stands against them, and what they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rules import ALERT, OFFER, load, rules
from virtual_situation import ENTRANCE, NOON, PAVEMENT, PURPOSES, SHOES, STORE, member, situation

from rules.caps import Ledger
from rules.document import Faults
from rules.engine import Engine
from rules.loader import Source, load_sources
from rules.situation import AlertAction, ClaimView, Decision, NearbyView, OfferAction, Situation, Trust, ZoneView

PRIVATE = frozenset({"balance"})


def decide(lines: list[str], seen: Situation, ledger: Ledger | None = None) -> list[Decision]:
    return Engine(rules(*lines), PRIVATE).decide(seen, ledger or Ledger())


def outcomes(lines: list[str], seen: Situation, ledger: Ledger | None = None) -> list[str]:
    return [decision.outcome for decision in decide(lines, seen, ledger)]


@pytest.mark.parametrize(
    ("on", "seen", "looks"),
    [
        ("arrived", situation("arrived"), True),
        ("arrived", situation("entered"), False),
        ("{arrived}", situation("arrived", zone=None), True),
        ("{entered, zone: {kind: shelf}}", situation("entered", zone=SHOES), True),
        ("{entered, zone: {kind: shelf}}", situation("entered"), False),
        ("{entered, zone: {kind: shelf}}", situation("entered", zone=None), False),
        ("{moved, zone: {id: shoes}}", situation("moved", zone=SHOES), True),
        ("{moved, zone: {id: shoes}}", situation("moved", zone=replace(SHOES, id="hats")), False),
        ("{left, zone: {kind: inside}}", situation("left", zone=None), True),
        ("{dwell: 5s, zone: {kind: outside}}", situation("dwell", zone=PAVEMENT, dwell=5), True),
        ("{dwell: 5s, zone: {kind: outside}}", situation("dwell", zone=PAVEMENT, dwell=6), False),
        ("{dwell: 5s, zone: {kind: outside}}", situation("dwell", zone=SHOES, dwell=5), False),
        ("{dwell: 5s}", situation("dwell", zone=SHOES, dwell=5), False),
        ("{dwell: 5s}", replace(situation("dwell", zone=SHOES, dwell=5), dwell_of="zone"), True),
        ("{dwell: 5s, zone: {id: shoes}}", situation("dwell", zone=SHOES, dwell=5), False),
        ("{dwell: 5s, zone: {id: shoes}}", replace(situation("dwell", zone=SHOES, dwell=5), dwell_of="zone"), True),
    ],
)
def test_a_rule_looks_at_its_own_trigger_and_zone(on: str, seen: Situation, looks: bool) -> None:
    assert outcomes([f"on: {on}, {OFFER}"], seen) == (["fired"] if looks else [])


CLAIM, SERIOUS = ClaimView("badge-1", "floor", False), ClaimView("badge-1", "floor", True)
NEAR, FAR = NearbyView("lilac-02", 2400.0, 600.0), NearbyView("", 3400.0, 600.0)
CLOSING = time(20, 30)


@pytest.mark.parametrize(
    ("on", "seen", "looks"),
    [
        ("claimed", situation("claimed", claim=CLAIM), True),
        ("claimed", situation("claimed", claim=SERIOUS), True),
        ("{claimed: serious}", situation("claimed", claim=SERIOUS), True),
        ("{claimed: serious}", situation("claimed", claim=CLAIM), False),
        ("{claimed, zone: {id: shoes}}", situation("claimed", claim=CLAIM), False),
        ("{claimed, zone: {id: shoes}}", situation("claimed", claim=CLAIM, zone=SHOES), True),
        ("{fact: stock}", situation("fact", fact="stock"), True),
        ("{fact: stock}", situation("fact", fact="weather"), False),
        ("{fact: stock, zone: {kind: shelf}}", situation("fact", fact="stock"), False),
        ('{clock: "20:30"}', situation("clock", clock=CLOSING), True),
        ('{clock: "20:31"}', situation("clock", clock=CLOSING), False),
        ('{clock: "20:30", zone: {kind: shelf}}', situation("clock", clock=CLOSING, zone=SHOES), True),
        ("{nearby: 3 km}", situation("nearby", nearby=NEAR), True),
        ("{nearby: 3 km}", situation("nearby", nearby=FAR), False),
        ("{nearby: 800 m}", situation("nearby", nearby=NEAR), False),
    ],
)
def test_a_rule_looks_at_what_is_said_and_at_the_clock(on: str, seen: Situation, looks: bool) -> None:
    assert outcomes([f"on: {on}, {OFFER}"], seen) == (["fired"] if looks else [])


@pytest.mark.parametrize(
    ("on", "seen", "reason"),
    [
        ("{entered, within: 20 s}", situation("entered", arrived=NOON.timestamp() - 20, ago=0), ""),
        ("{entered, within: 20 s}", situation("entered", arrived=NOON.timestamp() - 22, ago=1),
         "21 s after coming in, needs within 20 s"),
        ("{moved, within: 2 min}", situation("moved", zone=SHOES, arrived=NOON.timestamp() - 180, ago=0),
         "3 min after coming in, needs within 2 min"),
        ("{dwell: 6s, zone: {kind: shelf}, within: 20 s}", situation("dwell", zone=SHOES, dwell=6),
         "the visit has not come in, needs within 20 s"),
        ("{nearby: 3 km}", situation("nearby", nearby=NEAR), ""),
        ("{nearby: 3 km}", situation("nearby", nearby=replace(NEAR, ago=7260.0)), "seen 121 min ago, needs within 2 h"),
        ("{nearby: 3 km, within: 5 min}", situation("nearby", nearby=NEAR), "seen 10 min ago, needs within 5 min"),
    ],
)  # fmt: skip
def test_a_rule_may_ask_for_it_to_be_soon(on: str, seen: Situation, reason: str) -> None:
    (said,) = decide([f"on: {on}, {OFFER}"], seen)
    assert (said.outcome, said.reason) == (("within", reason) if reason else ("fired", ""))


def test_the_engine_says_what_the_rules_wait_for() -> None:
    engine = Engine(
        rules(
            f"on: {{fact: stock}}, {OFFER}",
            f"on: {{fact: weather}}, if: facts.stock > 3, {OFFER}",
            f'on: {{clock: "20:30"}}, {OFFER}',
            f'on: {{clock: "9:00"}}, {OFFER}',
            f'on: {{clock: "20:30"}}, {ALERT}',
            f"on: {{nearby: 3 km}}, {OFFER}",
            f"on: {{nearby: 800 m, within: 1 day}}, {OFFER}",
        ),
        PRIVATE,
    )
    assert engine.facts_watched == {"stock", "weather"}
    assert engine.clock_times == (time(9), time(20, 30))
    asked = [(3000.0, 7200.0), (3001.0, 60.0), (2000.0, 7201.0), (800.0, 86400.0), (801.0, 86400.0)]
    assert [engine.nearby_within(*each) for each in asked] == [True, False, False, True, False]
    assert not Engine([], PRIVATE).nearby_within(1.0, 1.0)


def test_many_facts_and_times_that_no_rule_waits_for_cost_no_memory() -> None:
    engine = Engine(rules(f"on: {{fact: stock}}, {OFFER}", f'on: {{clock: "20:30"}}, {OFFER}'), PRIVATE)
    for number in range(50):
        engine.decide(situation("fact", fact=f"f{number}"), Ledger())
        engine.decide(situation("clock", clock=time(3, number)), Ledger())
    assert not engine._plans


def test_where_members_are_nearby_is_for_those_who_consented_to_zones() -> None:
    who = member(purposes=frozenset({"recognise", "offers"}))
    (said,) = decide([f"on: {{nearby: 3 km}}, {OFFER}"], situation("nearby", who, nearby=NEAR))
    assert (said.outcome, said.reason) == ("consent", "no consent to zones")


def test_higher_priority_speaks_first_then_the_order_of_the_file() -> None:
    lines = [f"on: arrived, {OFFER}", f"on: arrived, priority: 5, {OFFER}", f"on: arrived, priority: -1, {ALERT}"]
    lines += [f"on: arrived, {ALERT}"]
    assert [said.rule for said in decide(lines, situation())] == ["r2", "r1", "r4", "r3"]
    assert outcomes(lines, situation()) == ["fired", "cap", "fired", "cap"]


@pytest.mark.parametrize(
    ("unless", "outcome", "reason"),
    [
        ("facts.none", "fired", ""),
        ("member.test", "fired", ""),
        ("[member.test, facts.none, member.points > 1000]", "fired", ""),
        ("member.tier == 'gold'", "unless", "`member.tier == 'gold'` holds"),
        ("[member.test, member.points > 600 && facts.good]", "unless", "`member.points > 600 && facts.good` holds"),
        ("member.points > 600 && facts.none", "fired", ""),
        ("facts.good > 3", "error", None),
    ],
)
def test_what_a_rule_must_not_find(unless: str, outcome: str, reason: str | None) -> None:
    who = member(attributes={"tier": "gold", "points": 620})
    (said,) = decide([f"on: arrived, unless: {unless}, {ALERT}"], situation(who=who, facts={"good": True}))
    assert said.outcome == outcome
    assert reason in (None, said.reason)


def test_a_rules_own_quiet_hours_silence_offers_too() -> None:
    lines = [f'on: arrived, quiet: "20:00-10:00", {OFFER}', f'on: arrived, quiet: "20:00-10:00", {ALERT}']
    late = situation(local=NOON.replace(hour=22))
    assert [(said.outcome, said.reason) for said in decide(lines, late)] == [("quiet", "quiet hours of the rule")] * 2
    assert outcomes(lines, situation()) == ["fired", "fired"]


def test_a_cooldown_has_a_word_of_its_own() -> None:
    ledger = Ledger()
    lines = [f"on: arrived, cooldown: 3 days, {OFFER}"]
    assert outcomes(lines, situation(), ledger) == ["fired"]
    (said,) = decide(lines, situation(visit="v-2", local=NOON.replace(day=24)), ledger)
    assert said.outcome == "cooldown"
    assert said.reason.startswith("cooldown of 3 days")


def test_an_alert_says_to_whom_it_escalates_and_whether_it_was_asked_for() -> None:
    alert = "alert: {group: floor, text: x, escalate: {to: designers, after: 20 s}}"
    (said,) = decide([f"on: arrived, {alert}"], situation())
    assert said.action == AlertAction("floor", "x", "short-short", 60.0, "会员", "designers", 20.0)
    (said,) = decide([f"on: claimed, {ALERT}"], situation("claimed", claim=CLAIM))
    assert isinstance(said.action, AlertAction)
    assert said.action.solicited


def declared(**facts: Any) -> Situation:
    """Make a situation whose facts came as long ago as their names say: `old`, else just now."""
    times = {name: NOON.timestamp() - (2 * 86400 + 60 if name.startswith("old") else 0) for name in facts}
    return situation(facts=facts, fact_times=times)


FACTS = """\
- {fact: old, type: bool, max_age: 24 h}
- {fact: old_otherwise, type: bool, max_age: 24 h, otherwise: false}
- {fact: stock, type: int, otherwise: 0}
- {fact: item, type: {sku: string, price: number, sizes: list of number}}
"""


@pytest.mark.parametrize(
    ("condition", "facts", "outcome", "reason"),
    [
        ("facts.old", {"old": True}, "missing", "facts.old is stale (2 days)"),
        ("!has(facts.old)", {"old": True}, "fired", ""),
        ("facts.old", {}, "missing", "facts.old is missing"),
        ("facts.old_otherwise", {"old_otherwise": True}, "condition",
         "facts.old_otherwise is false; facts.old_otherwise is stale (2 days)"),
        ("!facts.old_otherwise", {"old_otherwise": True}, "fired", ""),
        ("facts.stock > 0", {}, "condition", "facts.stock is 0, needs > 0; facts.stock is missing"),
        ("facts.stock > 0", {"stock": 3}, "fired", ""),
        ("facts.stock > 0", {"stock": True}, "condition",
         "facts.stock is 0, needs > 0; facts.stock is not as declared"),
        ("facts.item.price < 20", {"item": {"sku": "x", "price": 19}}, "fired", ""),
        ("facts.item.price / 2 == 9.5", {"item": {"sku": "x", "price": 19}}, "fired", ""),
        ("28 in facts.item.sizes && 29.5 in facts.item.sizes", {"item": {"sizes": [28, 29.5]}}, "fired", ""),
        ("facts.item.sizes.exists(size, size > 29)", {"item": {"sizes": [28, 29.5]}}, "fired", ""),
        ("facts.item.price < 20", {"item": {"sku": "x"}}, "missing", "facts.item.price is missing"),
        ("has(facts.item) && !has(facts.item.price)", {"item": {"sku": "x"}}, "fired", ""),
        ("has(facts.item)", {}, "condition", "`has(facts.item)`: facts.item is missing; facts.item is missing"),
        ("facts.item.price < 20", {"item": {"price": "19"}}, "missing", "facts.item is not as declared"),
        ("facts.item.price < 20", {"item": {"price": 10**400}}, "missing", "facts.item is not as declared"),
        ("facts.item.sku == 'x'", {"item": ["x"]}, "missing", "facts.item is not as declared"),
    ],
)  # fmt: skip
def test_facts_are_taken_as_declared(condition: str, facts: dict[str, Any], outcome: str, reason: str) -> None:
    made, faults = load(f'{FACTS}- {{name: x, on: arrived, if: "{condition}", {OFFER}}}\n')
    assert faults == []
    (said,) = Engine(made, PRIVATE).decide(declared(**facts), Ledger())
    assert (said.outcome, said.reason) == (outcome, reason)


def test_texts_and_payloads_take_facts_as_declared() -> None:
    payload = "{stock: '{facts.stock}', item: '{facts.item}', price: '{facts.item.price}', old: '{facts.old}'}"
    made, faults = load(
        f"{FACTS}- {{name: x, on: arrived, offer: {{id: x, payload: {payload}}}}}\n"
        "- {name: y, on: arrived, alert: {group: floor, text: 'x{facts.old} · {facts.item.sku} · {facts.stock}'}}\n"
    )
    assert faults == []
    seen = declared(old=True, item={"sku": "sku-114", "price": 19})
    offer, alert = Engine(made, PRIVATE).decide(seen, Ledger())
    assert isinstance(offer.action, OfferAction)
    assert offer.action.payload == {"stock": 0, "item": {"sku": "sku-114", "price": 19}, "price": 19}
    assert isinstance(alert.action, AlertAction)
    assert alert.action.text == "sku-114 · 0"


def test_the_same_words_mean_what_each_file_takes_them_for() -> None:
    faults = Faults()
    declaring = f"- {{fact: stock, type: number}}\n- {{name: a, on: arrived, if: facts.stock / 2 == 1.5, {OFFER}}}\n"
    sources = [declaring, f"- {{name: b, on: arrived, if: facts.stock / 2 == 1, {ALERT}}}\n"]
    made = load_sources([Source(f"{n}.yaml", text.encode()) for n, text in enumerate(sources)], faults)
    assert faults.found == []
    said = Engine(made, PRIVATE).decide(situation(facts={"stock": 3}), Ledger())
    assert [decision.outcome for decision in said] == ["fired", "fired"]


def test_a_file_without_declarations_reads_facts_as_they_are() -> None:
    (rule,) = rules(f"on: arrived, if: facts.stock, {OFFER}")
    (said,) = Engine([rule], PRIVATE).decide(situation(facts={"stock": "many"}), Ledger())
    assert (said.outcome, said.reason) == ("error", 'facts.stock is "many", expected true or false')


def test_the_engine_says_which_dwells_matter() -> None:
    engine = Engine(
        rules(
            f"on: {{dwell: 5s, zone: {{kind: outside}}}}, {OFFER}",
            f"on: {{dwell: 5s, zone: {{kind: outside}}}}, {OFFER}",
            f"on: {{dwell: 6s, zone: {{id: shoes}}}}, {OFFER}",
            f"on: {{dwell: 1 min}}, {OFFER}",
            f"on: entered, {OFFER}",
        ),
        PRIVATE,
    )
    assert engine.dwell_lengths(PAVEMENT) == ((5.0, "kind"), (60.0, "zone"))
    assert engine.dwell_lengths(SHOES) == ((6.0, "zone"), (60.0, "zone"))


def test_rules_speak_in_their_order_and_the_caps_choose() -> None:
    lines = [f"on: arrived, {ALERT}", f"on: arrived, {OFFER}", f"on: arrived, {ALERT}", f"on: arrived, {OFFER}"]
    said = decide(lines, situation())
    assert [(decision.rule, decision.outcome) for decision in said] == [
        ("r1", "fired"),
        ("r2", "fired"),
        ("r3", "cap"),
        ("r4", "cap"),
    ]
    assert said[2].reason == "one alert to floor a visit"


def test_what_does_not_fire_uses_no_cap() -> None:
    ledger = Ledger()
    lines = [f"on: arrived, if: facts.good, {ALERT}, at_most: 1 per day"]
    assert outcomes(lines, situation(), ledger) == ["missing"]
    assert outcomes(lines, situation(facts={"good": True}), ledger) == ["fired"]
    assert outcomes(lines, situation(facts={"good": True}), ledger) == ["cap"]


@pytest.mark.parametrize(
    ("trigger", "zone", "action", "needs"),
    [
        ("arrived", ENTRANCE, ALERT, {"recognise"}),
        ("arrived", None, ALERT, {"recognise"}),
        ("left", SHOES, ALERT, {"recognise"}),
        ("arrived", ENTRANCE, OFFER, {"offers"}),
        ("entered", ENTRANCE, ALERT, {"recognise"}),
        ("entered", SHOES, ALERT, {"recognise", "zones"}),
        ("entered", SHOES, OFFER, {"offers", "zones"}),
        ("moved", None, ALERT, {"recognise", "zones"}),
        ("passing", PAVEMENT, OFFER, {"offers", "zones"}),
    ],
)
def test_it_takes_consent_to_every_purpose(trigger: Any, zone: ZoneView | None, action: str, needs: set[str]) -> None:
    for missing in PURPOSES:
        who = member(purposes=PURPOSES - {missing})
        (said,) = decide([f"on: {trigger}, {action}"], situation(trigger, who, zone=zone))
        expected = ("consent", f"no consent to {missing}") if missing in needs else ("fired", "")
        assert (said.outcome, said.reason) == expected


def test_a_member_without_consent_is_not_judged() -> None:
    who = member(purposes=frozenset())
    (said,) = decide([f"on: arrived, if: member.points > 3, {ALERT}"], situation(who=who))
    assert (said.outcome, said.reason) == ("consent", "no consent to recognise")


def test_a_silence_names_the_line_of_its_cause() -> None:
    (rule,) = rules(f"on: arrived, if: facts.good, {ALERT}")
    spread = replace(rule, line=7)
    said = Engine([spread], PRIVATE).decide(situation(facts={"good": False}), Ledger())
    assert [each._replace(source="") for each in said] == [
        Decision("r1", rule.file, 1, "condition", "facts.good is false", item=1)
    ]
    said = Engine([spread], PRIVATE).decide(situation(who=member(deny=("alerts",)), facts={"good": True}), Ledger())
    assert [each._replace(source="") for each in said] == [
        Decision("r1", rule.file, 7, "choice", "the member denies alerts")
    ]


@pytest.mark.parametrize(
    ("line", "trust", "reason"),
    [
        (f"on: arrived, {ALERT}", Trust.HINT, ""),
        (f"on: arrived, {ALERT}, trust: weak", Trust.HINT, "hint, needs weak"),
        (f"on: arrived, {ALERT}, trust: weak", Trust.WEAK, ""),
        (f"on: arrived, {ALERT}, trust: fresh", Trust.WEAK, "weak, needs fresh"),
        ("on: arrived, alert: {group: floor, text: '{balance}'}", Trust.WEAK,
         "weak, needs fresh because balance is private"),
        ("on: arrived, alert: {group: floor, text: '{balance}'}", Trust.FRESH, ""),
        ("on: arrived, alert: {group: floor, text: {zh: '{greeting}', en: '{member.attributes.balance}'}}", Trust.HINT,
         "hint, needs fresh because balance is private"),
        ("on: arrived, offer: {id: x, payload: {left: [{now: '{member.balance}'}]}}", Trust.HINT,
         "hint, needs fresh because balance is private"),
        ("on: arrived, offer: {id: x, payload: {points: '{member.points}'}}", Trust.HINT, ""),
        (f"on: arrived, if: member.balance < 20, {OFFER}", Trust.HINT, ""),
    ],
)  # fmt: skip
def test_what_is_private_takes_fresh_trust(line: str, trust: Trust, reason: str) -> None:
    who = member(attributes={"balance": 18.5, "points": 620})
    (said,) = decide([line], situation(who=who, trust=trust))
    assert (said.outcome, said.reason) == (("trust", reason) if reason else ("fired", ""))


def test_quiet_hours_keep_staff_undisturbed_and_offers_going() -> None:
    def quiet(moment: time) -> bool:
        return moment >= time(21, 30) or moment < time(10)

    engine = Engine(rules(f"on: arrived, {ALERT}", f"on: arrived, {OFFER}"), PRIVATE, quiet)
    late, early = situation(local=NOON.replace(hour=22)), situation(local=NOON)
    assert [said.outcome for said in engine.decide(late, Ledger())] == ["quiet", "fired"]
    assert [said.outcome for said in engine.decide(early, Ledger())] == ["fired", "fired"]


def test_a_members_choices_hold() -> None:
    who = member(deny=("offers:alcohol",), only=("size:28",))
    lines = [
        "on: arrived, offer: {id: x, payload: {category: alcohol}}",
        "on: arrived, offer: {id: x, payload: {size: 30}}",
        "on: arrived, offer: {id: x, payload: {size: 28}}",
    ]
    assert outcomes(lines, situation(who=who)) == ["choice", "choice", "fired"]


def test_an_alert_is_final() -> None:
    lines = ["on: arrived, alert: {group: floor, text: '{greeting} 进店 · {verified}', haptic: long, expires: 30 s}"]
    (said,) = decide(lines, situation(who=member(greeting="王\n女士")))
    assert said.action == AlertAction("floor", "王 女士 进店 · 未验证", "long", 30.0, "王 女士")


def test_an_alert_with_nothing_to_say_gives_the_greeting() -> None:
    (said,) = decide(["on: arrived, alert: {group: floor, text: '{note}'}"], situation())
    assert said.action == AlertAction("floor", "会员", "short-short", 60.0, "会员")


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("{zh: '{greeting} 来', en: '{greeting} here'}", "会员 来", "A member here"),
        ("'{greeting}!'", "会员!", "A member!"),
        ("{zh: '{greeting} 来'}", "会员 来", "会员 来"),
        ("{en: '{greeting} here'}", "A member here", "A member here"),
    ],
)
def test_staff_read_their_language_where_the_rule_speaks_it(text: str, zh: str, en: str) -> None:
    lines = [f"on: arrived, alert: {{group: floor, text: {text}}}"]
    spoken = [(STORE, zh), (replace(STORE, language="en"), en)]
    for store, expected in spoken:
        (said,) = decide(lines, situation(store=store))
        assert isinstance(said.action, AlertAction)
        assert said.action.text == expected


def test_a_payload_carries_data_and_values() -> None:
    payload = (
        "{kind: price, at: 22:00, off: 0.2, live: true, item: '{facts.item}', who: [1, '{member.tier}'], "
        "zone: '{zone.id}', none: '{facts.none}', nothing: null}"
    )
    who = member(attributes={"tier": "gold"})
    lines = [f"on: arrived, offer: {{id: x, ttl: 1 h, payload: {payload}}}"]
    (said,) = decide(lines, situation(who=who, facts={"item": {"sku": "sku-114"}}))
    assert said.action == OfferAction(
        "x",
        3600.0,
        {
            "kind": "price",
            "at": "22:00",
            "off": 0.2,
            "live": True,
            "item": {"sku": "sku-114"},
            "who": [1, "gold"],
            "zone": "entrance",
            "nothing": None,
        },
    )


def test_nothing_is_asked_of_nobody() -> None:
    assert Engine([], PRIVATE).decide(situation(), Ledger()) == []
    assert Engine([], PRIVATE).dwell_lengths(SHOES) == ()


LINES = [
    "on: arrived, if: member.balance < 20, alert: {group: floor, text: '{greeting} · {points} · {balance}'}",
    "on: arrived, if: [member.points > 9 || member.tier == 'gold', facts.a], offer: {id: a, payload: {a: '{facts.a}'}}",
    "on: arrived, if: member.attributes.balance > facts.a, alert: {group: designers, text: '{member.attributes.x}'}",
    "on: arrived, if: \"'x' in member.tags || facts['a'] == member.attributes['x']\", offer: {id: b}",
    "on: arrived, if: member.balance + 1 > 20 && facts.a.b.c, offer: {id: c, payload: {a: '{member.balance}'}}",
]
ENGINE = Engine(rules(*LINES), PRIVATE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=6,
)


TYPED, _ = load(
    f"""{FACTS}
- {{name: a, on: arrived, if: facts.old, {ALERT}}}
- {{name: b, on: arrived, if: facts.stock > 3 && facts.item.price < 20, unless: facts.old_otherwise, {OFFER}}}
- {{name: c, on: arrived, if: 'facts.item.sizes.exists(size, size > 28) || facts.item.sku != ""', {OFFER}}}
"""
)
TYPED_ENGINE = Engine(TYPED, PRIVATE)


@given(
    st.dictionaries(
        st.sampled_from(["old", "old_otherwise", "stock", "item"]),
        JSON | st.fixed_dictionaries({}, optional={"sku": JSON, "price": JSON, "sizes": JSON}),
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_back_end_sends_declared_facts_make_no_errors(facts: dict[str, Any]) -> None:
    said = TYPED_ENGINE.decide(declared(**facts), Ledger())
    assert len(said) == len(TYPED)
    assert {decision.outcome for decision in said} <= {"fired", "condition", "missing", "unless", "cap"}


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("tier", "points", "tags", "x", "favourite_zones"), JSON)),
    st.fixed_dictionaries({}, optional={"a": JSON}),
    st.sampled_from(list(Trust)),
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_data_nothing_raises_and_nothing_private_gets_out(
    attributes: dict[str, Any], facts: dict[str, Any], trust: Trust
) -> None:
    seen = situation(who=member(attributes={**attributes, "balance": 777333.25}), facts=facts, trust=trust)
    said = ENGINE.decide(seen, Ledger())
    assert len(said) == len(LINES)
    assert all((decision.action is None) == (decision.outcome != "fired") for decision in said)
    if trust < Trust.FRESH:
        assert "777333" not in repr(said)
