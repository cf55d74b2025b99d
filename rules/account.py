"""How one member was reached: when and by what, what the member said to it, and what became of offers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from rules.model import Alert, Rule
from rules.offers import DAY_S, Offers
from rules.situation import Situation

NOT_NOW_S = 7 * DAY_S
WEEK_S = 8 * DAY_S  # a week of the shop's calendar, and what clocks are put forward and back by
MOST_REACHED = 128  # more than the caps allow in a week
MOST_FIRED = 64

Json = Any


class Reached(NamedTuple):
    """That a member was reached, at `t` (epoch seconds); `visit` is empty where the member was not here.

    `what` is the group of an alert, the id of an offer, and of an answer, which is what somebody asked for, the rule.
    `side` is outside, inside or nearby for offers, else empty.
    """

    t: float
    sort: Literal["alert", "offer", "answer"]
    what: str
    side: str
    rule: str
    visit: str

    @property
    def kind(self) -> str:
        """What `not now` is said to."""
        return f"{self.sort} {self.what}"


def reaching(rule: Rule, situation: Situation) -> Reached:
    """Return what it would be if the rule fired."""
    t, visit = situation.decided, situation.visit.id if situation.visit else ""
    if not isinstance(rule.action, Alert):
        return Reached(t, "offer", rule.action.offer, _side(situation), rule.name, visit)
    if rule.answers:
        return Reached(t, "answer", rule.name, "", rule.name, visit)
    return Reached(t, "alert", rule.action.group, "", rule.name, visit)


def _side(situation: Situation) -> str:
    if situation.visit is None:
        return "nearby"
    return "outside" if situation.zone and situation.zone.kind == "outside" else "inside"


class Fired(NamedTuple):
    """How often a rule fired, and when last, for caps that look back for more than a week; kept `until` then."""

    times: int = 0
    last: float = -math.inf
    until: float = -math.inf


@dataclass(slots=True)
class Account:
    """One member's. `touched` is when it was last looked at, `kept` when nothing of it matters any more.

    `of_this_run` tells whether this process, by its clock, wrote to it.
    """

    touched: float = -math.inf
    kept: float = -math.inf
    reached: list[Reached] = field(default_factory=list)  # of a week, in order of time
    fired: dict[str, Fired] = field(default_factory=dict)  # by rule
    not_now: dict[str, float] = field(default_factory=dict)  # by kind, until when
    offers: Offers = field(default_factory=Offers)
    of_this_run: bool = False

    def settle(self, now: float) -> None:
        """Let time pass to `now`. Where the clock went back and nobody said so, everything is dated back with it."""
        if now < self.touched:
            self.redate(now - self.touched)
        self.touched = now
        if self.offers.sent or self.offers.records:
            self.offers.settle(now)

    def since(self, t: float) -> list[Reached]:
        """Return how the member was reached since `t`."""
        is_all = not self.reached or self.reached[0].t >= t
        return self.reached if is_all else [each for each in self.reached if each.t >= t]

    def note(self, this: Reached, rule: Rule, since: float) -> None:
        """Note that a rule fired; what was before `since` is forgotten."""
        self.settle(this.t)
        self.reached = [*self.since(since), this][-MOST_REACHED:]
        self.not_now = {kind: until for kind, until in self.not_now.items() if until > this.t}
        self._note_fired(this, rule)
        self.stamp()

    def _note_fired(self, this: Reached, rule: Rule) -> None:
        """Keep for longer than a week what a cap for ever, or a cooldown, asks for."""
        self.fired = {name: fired for name, fired in self.fired.items() if fired.until > this.t}
        ever = any(at_most.per == "member" for at_most in rule.at_most)
        if ever or rule.cooldown_s:
            before = self.fired.pop(rule.name, Fired())
            until = math.inf if ever else this.t + rule.cooldown_s
            self.fired[rule.name] = Fired(before.times + 1, this.t, until)
        while len(self.fired) > MOST_FIRED:
            del self.fired[next(iter(self.fired))]

    def stamp(self) -> None:
        """Note that something was written, and see until when all of it is kept."""
        self.of_this_run = True
        reached = self.reached[-1].t + WEEK_S if self.reached else -math.inf
        fired = (fired.until for fired in self.fired.values())
        self.kept = max(reached, self.offers.until, *fired, *self.not_now.values())

    def latest(self, rule: str) -> Reached | None:
        """Return what a rule did last, of a week."""
        return next((each for each in reversed(self.reached) if each.rule == rule), None)

    def redate(self, by_s: float) -> None:
        """Take that the clock was set by so much: what was a day ago still is."""
        self.of_this_run = True
        self.touched += by_s
        self.kept += by_s
        self.reached = [each._replace(t=each.t + by_s) for each in self.reached]
        self.fired = {
            rule: Fired(times, last + by_s, until + by_s) for rule, (times, last, until) in self.fired.items()
        }
        self.not_now = {kind: until + by_s for kind, until in self.not_now.items()}
        self.offers.redate(by_s)

    def as_json(self) -> Json:
        fired = {rule: [times, last, _finite(until)] for rule, (times, last, until) in self.fired.items()}
        return {
            "touched": self.touched,
            "reached": [list(each) for each in self.reached],
            "fired": fired,
            "not_now": dict(self.not_now),
            "offers": self.offers.as_json(),
        }

    @classmethod
    def load(cls, value: Json) -> Account:
        """Take back what `as_json` gave. Raises ValueError for anything else."""
        try:
            made = cls(
                touched=float(value["touched"]),
                reached=[_reached(*each) for each in value["reached"]],
                fired={rule: _fired(*each) for rule, each in value["fired"].items()},
                not_now={kind: float(until) for kind, until in value["not_now"].items()},
                offers=Offers.load(value["offers"]),
            )
        except (TypeError, KeyError, AttributeError, ValueError):
            raise ValueError("a member's ledger is not what was written") from None
        made.stamp()
        made.of_this_run = False
        return made


def _finite(until: float) -> float | None:
    return None if until == math.inf else until


def _reached(t: float, sort: Any, what: str, side: str, rule: str, visit: str) -> Reached:
    if sort not in ("alert", "offer", "answer"):
        raise ValueError(sort)
    return Reached(float(t), sort, str(what), str(side), str(rule), str(visit))


def _fired(times: int, last: float, until: float | None) -> Fired:
    return Fired(int(times), float(last), math.inf if until is None else float(until))
