"""How often a member is reached: the built-in caps, and a rule's own, which can only tighten them.

At most one unsolicited alert for each member, visit and group, and one unsolicited offer for each member and visit
from each of outside and inside; and so many a day and a week. What somebody asked for has bounds of its own. All of
them look back for a week at most, also in a visit that goes on for longer, but for `per member` and a cooldown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from rules.account import NOT_NOW_S, Account, Fired, Reached, reaching
from rules.document import duration_text
from rules.limits import Caps
from rules.model import AtMost, Rule
from rules.offers import DAY_S, Word
from rules.situation import Situation

WEEK = 7  # days of the shop's calendar, today included
NEARBY_S = 2 * 3600.0  # who is not here is in no visit; this stands for one
ANSWERS_PER_VISIT = 3
LONGEST_REST = 90  # days between offers that nobody redeems

Json = Any


class Standing(NamedTuple):
    """A cap in words, how much of it is used, and how much there is at most."""

    what: str
    used: int
    most: int


def refusal_of(caps: Sequence[Standing]) -> str:
    """Say which cap stands against an action, the last if any, or nothing."""
    last = caps[-1]
    return last.what if last.used >= last.most else ""


class _Page(NamedTuple):
    """A member's account, looked at in a situation: what is the same for all rules that ask then, counted once."""

    situation: Situation
    account: Account
    reached: list[Reached]  # another one whenever the account was written to
    week: list[Reached]
    in_visit: dict[str, Standing]

    def is_of(self, situation: Situation, account: Account) -> bool:
        return self.situation is situation and self.account is account and self.reached is account.reached


class _Case(NamedTuple):
    """A rule that would fire, what that would be, whom it concerns, and how that member was reached this week."""

    rule: Rule
    this: Reached
    local: datetime
    account: Account
    week: list[Reached]


_NOBODY: Final = Account()
"""Stands for a member who was never reached; nothing is written to it."""


class Ledger:
    """What fired for whom, as far back as caps look, within caps that may be tighter than the built-in ones."""

    def __init__(self, caps: Caps | None = None) -> None:
        self._caps = caps or Caps()
        self._accounts: dict[str, Account] = {}
        self._member_of: dict[str, str] = {}  # by feedback token
        self._midnights = _Midnights()
        self._totals: Counter[str] = Counter()  # of the day that began at _totals_since, by rule
        self._totals_since = math.nan
        self._swept = -math.inf
        self._page: _Page | None = None  # of the latest situation

    def standing(self, rule: Rule, situation: Situation) -> tuple[Standing, ...]:
        """Return the caps that the rule's action is under, as they stand before it, up to the first that refuses it."""
        found: list[Standing] = []
        for each in self._standings(rule, situation):
            found.append(each)
            if each.used >= each.most:
                break
        return tuple(found)

    def _standings(self, rule: Rule, situation: Situation) -> Iterator[Standing]:
        page = self._open(situation)
        case = _Case(rule, reaching(rule, situation), situation.local, page.account, page.week)
        if case.account.not_now:
            yield from _not_now(case)
        yield _in_visit(case, page.in_visit)
        yield from self._over_all_rules(case)
        for at_most in rule.at_most:
            yield Standing(f"at most {at_most.times} per {at_most.per}", self._times(case, at_most), at_most.times)
        yield from _cooldown(case)
        yield from self._rarer(case)

    def _open(self, situation: Situation) -> _Page:
        account = self._accounts.get(situation.member.id, _NOBODY)
        if self._page is None or not self._page.is_of(situation, account):
            if account is not _NOBODY:
                account.settle(situation.decided)
            week = account.since(self._midnights.since(situation.local, WEEK))
            self._page = _Page(situation, account, account.reached, week, {})
        return self._page

    def _over_all_rules(self, case: _Case) -> Iterator[Standing]:
        caps, sort = self._caps, case.this.sort
        if sort == "answer":
            in_visit = sum(each.sort == sort and each.visit == case.this.visit for each in case.week)
            yield Standing(f"at most {ANSWERS_PER_VISIT} answers a visit", in_visit, ANSWERS_PER_VISIT)
            bounds = [("day", 1, caps.answers_per_day)]
        elif sort == "alert":
            bounds = [("day", 1, caps.alerts_per_day), ("week", WEEK, caps.alerts_per_week)]
        else:
            bounds = [("day", 1, caps.offers_per_day), ("week", WEEK, caps.offers_per_week)]
        for period, days, most in bounds:
            since = self._midnights.since(case.local, days)
            used = sum(each.sort == sort and each.t >= since for each in case.week)
            yield Standing(f"at most {most} {sort}s a {period}", used, most)

    def _times(self, case: _Case, at_most: AtMost) -> int:
        """Count how often the rule fired in the period of a cap of its own."""
        rule, per, visit = case.rule.name, at_most.per, case.this.visit
        if per == "rule":
            return self._total(rule, case.local)
        if per == "member":
            return max(case.account.fired.get(rule, Fired()).times, sum(each.rule == rule for each in case.week))
        since = self._midnights.since(case.local, WEEK if per == "week" or (per == "visit" and visit) else 1)
        alike = [each for each in case.week if each.rule == rule and each.t >= since]
        return len(alike) if per != "visit" else sum(each.visit == visit for each in alike)

    def _total(self, rule: str, local: datetime) -> int:
        """Count how often a rule fired today, for all members together."""
        since = self._midnights.since(local, 1)
        if since != self._totals_since:
            accounts = self._accounts.values()
            self._totals = Counter(each.rule for account in accounts for each in account.reached if each.t >= since)
            self._totals_since = since
        return self._totals[rule]

    def _rarer(self, case: _Case) -> Iterator[Standing]:
        """Let days pass between offers of an id that were not redeemed, twice as many with each halving."""
        record = case.account.offers.records.get(case.this.what) if case.this.sort == "offer" else None
        if record and record.halvings:
            days = min(math.ceil(_usual_days(case.rule) * 2**record.halvings), LONGEST_REST)
            rests = record.last >= self._midnights.since(case.local, days)
            yield Standing(f"not redeemed, so once in {days} days", int(rests), 1)

    def note(self, rule: Rule, situation: Situation) -> None:
        """Note that the rule fired."""
        this = reaching(rule, situation)
        account = self._accounts.setdefault(situation.member.id, Account())
        account.note(this, rule, self._midnights.since(situation.local, WEEK))
        self._totals[rule.name] += 1
        if this.t >= self._swept + DAY_S:
            self._sweep(this.t)

    def _sweep(self, t: float) -> None:
        """Forget, once a day, whom no cap concerns any more, and tokens that are long over."""
        self._swept = t
        for member in [member for member, account in self._accounts.items() if account.kept <= t]:
            del self._accounts[member]
        while (first := next(iter(self._member_of.items()), None)) and not self._has_sent(*first):
            del self._member_of[first[0]]

    def _has_sent(self, feedback: str, member: str) -> bool:
        account = self._accounts.get(member)
        return account is not None and feedback in account.offers.sent

    # What is said afterwards

    def triggered(self, member: str, rule: str, feedback: str, expires: float) -> None:
        """Take the token and the time (epoch seconds) of the offer that a rule has just made."""
        account = self._accounts.get(member)
        this = account.latest(rule) if account else None
        if account and this and this.sort == "offer":
            account.offers.trigger(feedback, this.what, this.t, expires)
            account.stamp()
            self._member_of[feedback] = member

    def member_of(self, feedback: str) -> str | None:
        """Return whom an offer was for, None where the token is unknown or long over."""
        return self._member_of.get(feedback)

    def outcome(self, member: str, feedback: str, word: Word, t: float) -> bool:
        """Take what became of an offer; tell whether that is news."""
        account = self._accounts.get(member)
        if account is None:
            return False
        account.settle(t)
        is_news = account.offers.tell(feedback, word, t)
        account.stamp()
        return is_news

    def not_now(self, member: str, rule: str, t: float) -> bool:
        """Take that the member wants no more of what a rule did, for seven days; False where it did nothing."""
        account = self._accounts.get(member)
        this = account.latest(rule) if account else None
        if account is None or this is None:
            return False
        account.settle(t)
        account.not_now[this.kind] = t + NOT_NOW_S
        account.stamp()
        return True

    def undo_not_now(self, member: str, rule: str) -> bool:
        """Take that back; False where nothing stood."""
        account = self._accounts.get(member)
        this = account.latest(rule) if account else None
        if account is None or this is None or account.not_now.pop(this.kind, None) is None:
            return False
        account.stamp()
        return True

    # What is kept

    def redate(self, by_s: float) -> list[str]:
        """Take that the clock was set by so much: what was a day ago still is. Return the members to store anew.

        It was another clock, and most often a right one, that dated what was loaded and not touched since.
        """
        dated = [member for member, account in self._accounts.items() if account.of_this_run]
        for member in dated:
            self._accounts[member].redate(by_s)
        self._swept += by_s
        self._totals_since = math.nan
        return dated

    def forget(self, member: str) -> None:
        """Forget a member; what rules did for the member counts no more in `per rule` either."""
        account, self._page = self._accounts.pop(member, None), None
        if account:
            self._totals.subtract(each.rule for each in account.reached if each.t >= self._totals_since)
            for feedback in account.offers.sent:
                self._member_of.pop(feedback, None)

    def kept_until(self, member: str) -> float | None:
        """Return when nothing that is held of a member matters any more (epoch seconds), None where it always may."""
        account = self._accounts.get(member)
        return None if account is None or account.kept == math.inf else account.kept

    def as_json(self, member: str) -> Json | None:
        """Return what is held of a member, for the store; None when that is nothing."""
        account = self._accounts.get(member)
        return account.as_json() if account else None

    def load(self, member: str, value: Json) -> None:
        """Take back what `as_json` gave. Raises ValueError for anything else."""
        self._accounts[member] = account = Account.load(value)
        self._member_of |= dict.fromkeys(account.offers.sent, member)
        self._totals_since = math.nan


class _Midnights:
    """The beginnings of the shop's days, in epoch seconds, each computed once a day."""

    def __init__(self) -> None:
        self._today = 0
        self._known: dict[int, float] = {}

    def since(self, local: datetime, days: int) -> float:
        """Return when the last so many days began, today included."""
        today = local.toordinal()
        if today != self._today:
            self._today, self._known = today, {}
        if days not in self._known:
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
            self._known[days] = (midnight - timedelta(days=days - 1)).timestamp()
        return self._known[days]


def _not_now(case: _Case) -> Iterator[Standing]:
    until = case.account.not_now.get(case.this.kind, -math.inf)
    if until > case.this.t:
        yield Standing(f"not now, until {_moment(until, case.local)}", 1, 1)


def _in_visit(case: _Case, known: dict[str, Standing]) -> Standing:
    """Count what a visit has one of: an alert to a group, an offer from a side, an answer of a rule."""
    this = case.this
    kind = this.sort if this.sort == "offer" else this.kind
    found = known.get(kind)
    if found is None:
        found = known[kind] = _count_in_visit(case)
    return found


def _count_in_visit(case: _Case) -> Standing:
    this = case.this
    taken = [each for each in case.week if each.sort == this.sort and each.visit == this.visit]
    if not this.visit:
        here = sum(each.t > this.t - NEARBY_S for each in taken)
        return Standing(f"one {this.sort} in {duration_text(NEARBY_S)} for who is not here", here, 1)
    if this.sort == "offer":
        return Standing(f"one offer from {this.side} a visit", sum(each.side == this.side for each in taken), 1)
    words = f"one alert to {this.what} a visit" if this.sort == "alert" else f"one answer of {this.what} a visit"
    return Standing(words, sum(each.what == this.what for each in taken), 1)


def _cooldown(case: _Case) -> Iterator[Standing]:
    cooldown_s = case.rule.cooldown_s
    if cooldown_s:
        name = case.rule.name
        last = max((each.t for each in case.week if each.rule == name), default=-math.inf)
        over = max(last, case.account.fired.get(name, Fired()).last) + cooldown_s
        is_on = over > case.this.t
        until = f", until {_moment(over, case.local)}" if is_on else ""
        yield Standing(f"cooldown of {duration_text(cooldown_s)}{until}", int(is_on), 1)


def _usual_days(rule: Rule) -> float:
    """Return how many days pass between two offers to one member, as the rule has it; a day at the least."""
    weekly = (WEEK / at_most.times for at_most in rule.at_most if at_most.per == "week")
    return max(1.0, rule.cooldown_s / DAY_S, *weekly)


def _moment(t: float, local: datetime) -> str:
    return f"{datetime.fromtimestamp(t, local.tzinfo):%Y-%m-%d %H:%M}"
