"""Caps against a naive reference, over long histories: the same decisions, never above the ceilings."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rules import ALERT, OFFER, rules
from virtual_situation import NOON, PAVEMENT, SHOES, member, situation

from rules.caps import Ledger, refusal_of
from rules.limits import MOST, Caps
from rules.model import PERIODS, Alert, AtMost, Rule
from rules.offers import Word
from rules.situation import Situation

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 10, 20, 12, 30, tzinfo=BERLIN).timestamp()  # summer time ends on the fifth day after
ACTIONS = (ALERT, "alert: {group: designers, text: '{greeting}'}", OFFER, "offer: {id: best-value}")
MADE = rules(*(f"on: entered, {action}" for action in ACTIONS))
WHO = ("m-0", "m-1")

CAPS_OF_A_RULE = st.lists(
    st.builds(AtMost, st.integers(1, 4), st.sampled_from(PERIODS)), max_size=3, unique_by=lambda at_most: at_most.per
).map(tuple)


def a_rule(number: int, action: int, answers: bool, at_most: tuple[AtMost, ...], cooldown_s: float) -> Rule:
    answering: Literal["claim"] | None = "claim" if answers else None
    return replace(MADE[action], name=f"r{number}", at_most=at_most, answers=answering, cooldown_s=cooldown_s)


@st.composite
def some_rules(draw: st.DrawFn) -> list[Rule]:
    count = draw(st.integers(1, 6))
    cooldowns = st.sampled_from([0.0, 0.0, HOUR, DAY, 3 * DAY, 20 * DAY])
    one = st.tuples(st.integers(0, len(ACTIONS) - 1), st.booleans(), CAPS_OF_A_RULE, cooldowns)
    return [a_rule(number, *draw(one)) for number in range(count)]


class Step(NamedTuple):
    """What happens next, `later` seconds on; the numbers are taken modulo what there is."""

    does: Literal["try", "try", "try", "tell", "not now", "undo", "jolt"]
    later: float
    who: int
    number: int
    place: Literal["inside", "outside", "nearby"]
    leaves: bool
    word: Word


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["try"] * 12 + ["tell"] * 4 + ["not now", "undo", "jolt"]),
        st.sampled_from([0.0, 0.0, MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 12 * HOUR, DAY, 3 * DAY, 8 * DAY, 95 * DAY]),
        st.integers(0, 1),
        st.integers(0, 1000),
        st.sampled_from(["inside", "inside", "outside", "nearby"]),
        st.booleans(),
        st.sampled_from(["shown", "dismissed", "redeemed"]),
    ),
    max_size=80,
)


@dataclass
class Firing:
    t: float
    who: str
    rule: Rule
    place: str
    visit: str
    expires: float = 0.0
    told: list[tuple[float, Word]] = field(default_factory=list)

    @property
    def sort(self) -> str:
        if not isinstance(self.rule.action, Alert):
            return "offer"
        return "answer" if self.rule.answers else "alert"

    @property
    def what(self) -> str:
        action = self.rule.action
        return self.rule.name if self.sort == "answer" else action.group if isinstance(action, Alert) else action.offer

    def age(self, now: float) -> int:
        """Count the midnights since."""
        return (_date(now) - _date(self.t)).days


def _date(t: float) -> date:
    return datetime.fromtimestamp(t, BERLIN).date()


@dataclass
class Reference:
    """Keeps all that ever happened, and answers each question from the beginning."""

    firings: list[Firing] = field(default_factory=list)
    not_now: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def refuses(self, new: Firing) -> bool:
        mine = [old for old in self.firings if old.who == new.who]
        week = [old for old in mine if old.age(new.t) < 7]
        alike = [old for old in week if old.sort == new.sort]
        here = [old for old in alike if old.visit == new.visit]
        today = [old for old in alike if old.age(new.t) == 0]
        if self.not_now.get((new.who, new.sort, new.what), 0.0) > new.t:
            return True
        if not new.visit:
            in_the_way = [old for old in here if new.t - old.t < 2 * HOUR]
        elif new.sort == "offer":
            in_the_way = [old for old in here if old.place == new.place]
        else:
            in_the_way = [old for old in here if old.what == new.what]
        if in_the_way or len(today) >= {"alert": 6, "offer": 6, "answer": 9}[new.sort]:
            return True
        if new.sort == "answer" and len(here) >= 3:
            return True
        if new.sort != "answer" and len(alike) >= {"alert": 18, "offer": 12}[new.sort]:
            return True
        return self._rule_refuses(new, mine) or (new.sort == "offer" and self._is_too_rare(new, mine))

    def _rule_refuses(self, new: Firing, mine: list[Firing]) -> bool:
        own = [old for old in mine if old.rule is new.rule]
        everybody = [old for old in self.firings if old.rule is new.rule]
        count = {
            "visit": sum(old.visit == new.visit and old.age(new.t) < (7 if new.visit else 1) for old in own),
            "day": sum(old.age(new.t) == 0 for old in own),
            "week": sum(old.age(new.t) < 7 for old in own),
            "member": len(own),
            "rule": sum(old.age(new.t) == 0 for old in everybody),
        }
        full = any(count[at_most.per] >= at_most.times for at_most in new.rule.at_most)
        return full or any(new.t - old.t < new.rule.cooldown_s for old in own)

    def _is_too_rare(self, new: Firing, mine: list[Firing]) -> bool:
        sent = [old for old in mine if old.sort == "offer" and old.what == new.what]
        misses = self._misses_in_a_row(sent, new.t)
        if misses < 2:
            return False
        weekly = [7 / at_most.times for at_most in new.rule.at_most if at_most.per == "week"]
        days = max(1.0, new.rule.cooldown_s / DAY, *weekly) * (1, 2, 4, 8)[min(misses // 2, 3)]
        return sent[-1].age(new.t) < min(days, 90)

    @staticmethod
    def _misses_in_a_row(sent: list[Firing], now: float) -> int:
        happened: list[tuple[float, int, str]] = []
        for each in sent:
            happened.append((each.t, 1, "sent"))
            over = next((t for t, word in each.told if word != "shown" and t < each.expires), each.expires)
            redeemed = next((t for t, word in each.told if word == "redeemed"), None)
            if over <= now and (redeemed is None or redeemed > over or (over == each.expires and redeemed == over)):
                happened.append((over, 0, "missed"))
            if redeemed is not None:
                happened.append((redeemed, 2, "redeemed"))
        misses, last = 0, now
        for t, _, what in sorted(happened):
            if what == "sent":
                misses = 0 if t - last >= 90 * DAY else misses
                last = t
            elif what == "missed":
                misses += 1
            else:
                misses = 0
        return 0 if now - last >= 90 * DAY else misses

    def tell(self, firing: Firing, word: Word, t: float) -> None:
        if t < firing.expires + 7 * DAY:
            firing.told.append((t, word))

    def latest(self, who: str, rule: Rule) -> Firing | None:
        return next((old for old in reversed(self.firings) if old.who == who and old.rule is rule), None)

    def redate(self, by_s: float) -> None:
        for each in self.firings:
            each.t += by_s
            each.expires += by_s
            each.told = [(t + by_s, word) for t, word in each.told]
        self.not_now = {key: until + by_s for key, until in self.not_now.items()}


class Play:
    """Plays a history against the ledger and the reference; a jolt is a restart, or sets the clock."""

    def __init__(self, made: list[Rule], jolt: Callable[[Play, Step], None], caps: Caps | None = None) -> None:
        self.rules = made
        self.ledger = Ledger(caps)
        self.reference = Reference()
        self.now = BEGIN
        self.visits = dict.fromkeys(WHO, 0)
        self.jolt = jolt

    def play(self, step: Step) -> None:
        self.now += step.later
        who, rule = WHO[step.who], self.rules[step.number % len(self.rules)]
        self.visits[who] += step.leaves
        match step.does:
            case "try":
                self.attempt(who, rule, step)
            case "tell":
                self.tell(step)
            case "jolt":
                self.jolt(self, step)
            case _:
                self.say(who, rule, step)

    def seen(self, who: str, place: str) -> Situation:
        local = datetime.fromtimestamp(self.now, BERLIN)
        zone = {"inside": SHOES, "outside": PAVEMENT}.get(place)
        made = situation(who=member(who), visit=f"{who}-{self.visits[who]}", zone=zone, local=local)
        return replace(made, visit=None if place == "nearby" else made.visit, decided=self.now)

    def attempt(self, who: str, rule: Rule, step: Step) -> None:
        seen = self.seen(who, step.place)
        refusal = refusal_of(self.ledger.standing(rule, seen))
        number = len(self.reference.firings)
        firing = Firing(
            self.now, who, rule, step.place, seen.visit.id if seen.visit else "", self.now + step.number * HOUR / 6
        )
        assert bool(refusal) == self.reference.refuses(firing), refusal
        if not refusal:
            self.ledger.note(rule, seen)
            self.ledger.triggered(who, rule.name, f"f-{number}", firing.expires)
            self.reference.firings.append(firing)

    def tell(self, step: Step) -> None:
        sent = [(number, each) for number, each in enumerate(self.reference.firings) if each.sort == "offer"]
        if sent:
            number, firing = sent[-1 - step.number % min(len(sent), 4)]
            self.ledger.outcome(firing.who, f"f-{number}", step.word, self.now)
            self.reference.tell(firing, step.word, self.now)

    def say(self, who: str, rule: Rule, step: Step) -> None:
        latest = self.reference.latest(who, rule)
        if latest is None or latest.age(self.now) > 5:
            return
        key = (who, latest.sort, latest.what)
        if step.does == "undo":
            stood = self.reference.not_now.pop(key, 0.0) > self.now
            assert self.ledger.undo_not_now(who, rule.name) or not stood
        else:
            assert self.ledger.not_now(who, rule.name, self.now)
            self.reference.not_now[key] = self.now + 7 * DAY


def restart(play: Play, _: Step) -> None:
    """Carry every member's account over to a new ledger, as text."""
    again = Ledger()
    for who in WHO:
        value = play.ledger.as_json(who)
        if value is not None:
            again.load(who, json.loads(json.dumps(value)))
            assert again.as_json(who) == value
    play.ledger = again


def set_clock(play: Play, step: Step) -> None:
    by_s = (step.number - 500) * 7 * HOUR
    play.now += by_s
    play.ledger.redate(by_s)
    play.reference.redate(by_s)


@given(some_rules(), STEPS)
@settings(max_examples=200, deadline=None)
def test_the_ledger_decides_as_one_who_remembers_everything(made: list[Rule], steps: list[Step]) -> None:
    """A cap stands where the reference says so, through midnights, the end of summer time, years and restarts."""
    play = Play(made, restart)
    for step in steps:
        play.play(step)


@given(some_rules(), STEPS)
@settings(max_examples=150, deadline=None)
def test_a_clock_that_is_set_changes_what_time_it_is_and_nothing_else(made: list[Rule], steps: list[Step]) -> None:
    """A cap stands where the reference says so, which dates all that happened with the clock."""
    play = Play(made, set_clock)
    for step in steps:
        play.play(step)


@given(some_rules(), STEPS)
@settings(max_examples=150, deadline=None)
def test_nobody_is_reached_more_often_than_the_ceilings_whatever_the_rules(made: list[Rule], steps: list[Step]) -> None:
    """No member is above a ceiling in any day, week or visit, however rules are written."""
    play = Play([replace(rule, at_most=(), cooldown_s=0.0) for rule in made], restart)
    for step in steps:
        play.play(step._replace(does="try", later=min(step.later, 12 * HOUR)))
    days: dict[tuple[str, str], Counter[date]] = defaultdict(Counter)
    visits: Counter[tuple[str, ...]] = Counter()
    for each in play.reference.firings:
        days[each.who, each.sort][_date(each.t)] += 1
        if each.visit and each.sort != "answer" and each.age(play.now) < 7:
            visits[each.visit, each.sort, each.place if each.sort == "offer" else each.what] += 1
    for (_, sort), counts in days.items():
        assert max(counts.values()) <= MOST[f"{sort}s_per_day"]
        for first in counts:
            of_week = sum(count for day, count in counts.items() if first <= day < first + timedelta(days=7))
            assert of_week <= MOST.get(f"{sort}s_per_week", 7 * MOST[f"{sort}s_per_day"])
    assert max(visits.values(), default=0) <= 1


@given(some_rules(), STEPS, CAPS_OF_A_RULE, st.sampled_from([0.0, HOUR, 10 * DAY]), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_to_tighten_only_ever_removes(
    made: list[Rule], steps: list[Step], at_most: tuple[AtMost, ...], cooldown_s: float, most: int
) -> None:
    """After any history, what a tighter rule or configuration lets through, the looser one lets through too."""
    play = Play(made, restart)
    for step in steps:
        play.play(step)
    tighter = Ledger(Caps(*[min(most, ceiling) for ceiling in MOST.values()]))
    for who in WHO:
        if value := play.ledger.as_json(who):
            tighter.load(who, value)
    for rule in made:
        tight = replace(rule, at_most=rule.at_most + at_most, cooldown_s=max(rule.cooldown_s, cooldown_s))
        for place in ("inside", "outside", "nearby"):
            seen = play.seen(WHO[0], place)
            if refusal_of(play.ledger.standing(rule, seen)):
                assert refusal_of(play.ledger.standing(tight, seen))
                assert refusal_of(tighter.standing(rule, seen))


@given(some_rules())
@settings(max_examples=60, deadline=None)
def test_what_happens_at_once_to_two_members_may_happen_in_any_order(made: list[Rule]) -> None:
    """Two members at one time leave the same accounts, whoever comes first, where no rule counts both together."""
    made = [replace(rule, at_most=tuple(cap for cap in rule.at_most if cap.per != "rule")) for rule in made]
    tries = [(who, rule, place) for who in WHO for rule in made for place in ("inside", "outside")]
    kept = []
    for order in (WHO, WHO[::-1]):
        ledger = Ledger()
        for who, rule, place in sorted(tries, key=lambda each: order.index(each[0])):
            seen = Play(made, restart).seen(who, place)
            if not refusal_of(ledger.standing(rule, seen)):
                ledger.note(rule, seen)
        kept.append([ledger.as_json(who) for who in WHO])
    assert kept[0] == kept[1]


@given(st.permutations([("f-0", "dismissed"), ("f-1", "dismissed"), ("f-2", "shown"), ("f-3", "redeemed")]))
def test_what_is_said_at_once_of_different_offers_may_come_in_any_order(said: list[tuple[str, Word]]) -> None:
    """The account is the same after any order of outcomes at one time, where each is of another offer."""
    made = rules(*(f"on: entered, offer: {{id: o{number}}}" for number in range(4)))
    ledger = Ledger()
    for number, rule in enumerate(made):
        ledger.note(rule, situation(visit=f"v-{number}"))
        ledger.triggered("m-1", rule.name, f"f-{number}", NOON.timestamp() + HOUR)
    for feedback, word in said:
        assert ledger.outcome("m-1", feedback, word, NOON.timestamp() + MINUTE)
    offers = (ledger.as_json("m-1") or {})["offers"]
    assert {feedback: state for feedback, (*_, state) in offers["sent"].items()} == dict(said)
    assert offers["records"] == {"o0": [NOON.timestamp(), 1, 0], "o1": [NOON.timestamp(), 1, 0]}
