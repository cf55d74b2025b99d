"""A rule as values: when it looks, what must hold, what it does, and how often at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rules.condition import Condition
from rules.payload import Payload
from rules.situation import Situation, TriggerKind, Trust
from rules.text import Language, Template

Period = Literal["visit", "day", "week"]

PERIODS: tuple[Period, ...] = ("visit", "day", "week")
MAX_TIMES = 10


@dataclass(frozen=True, slots=True)
class Selector:
    """Zones of one id or of one kind."""

    by: Literal["id", "kind"]
    value: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a rule looks. `dwell` is in seconds, and 0 for all kinds but `dwell`."""

    kind: TriggerKind
    zone: Selector | None = None
    dwell: float = 0.0

    @property
    def dwell_of(self) -> Literal["zone", "kind"]:
        """Whether the dwell counts in one zone, or across all zones of its kind."""
        return "kind" if self.zone and self.zone.by == "kind" else "zone"


@dataclass(frozen=True, slots=True)
class Alert:
    """`texts` has one template or two; a language without its own takes the other's."""

    group: str
    texts: Mapping[Language, Template]
    haptic: str
    expires_s: float

    @property
    def shows(self) -> frozenset[str]:
        return frozenset[str]().union(*(template.shows for template in self.texts.values()))

    def fill(self, situation: Situation) -> str:
        """Write the text in the language of the shop's staff, as far as the rule speaks it."""
        asked = situation.store.language
        language = asked if asked in self.texts else next(iter(self.texts))
        return self.texts[language].fill(situation, language)


@dataclass(frozen=True, slots=True)
class Offer:
    offer: str
    ttl_s: float
    payload: Payload

    @property
    def shows(self) -> frozenset[str]:
        return self.payload.shows


@dataclass(frozen=True, slots=True)
class AtMost:
    times: int
    per: Period


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file. `action.shows` names the member's attributes that it lets out."""

    name: str
    file: str
    line: int
    on: Trigger
    conditions: tuple[Condition, ...]
    action: Alert | Offer
    trust: Trust = Trust.HINT
    at_most: AtMost | None = None
