"""Situations to ask rules about: an ordinary member at the window, unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rules.situation import MemberView, Situation, StoreView, TriggerKind, Trust, VisitView, ZoneView

PURPOSES = frozenset({"recognise", "zones", "offers"})
PAVEMENT = ZoneView("pavement", "outside", "pavement")
ENTRANCE = ZoneView("entrance", "door", "entrance")
SHOES = ZoneView("shoes", "shelf", "童鞋")
NOON = datetime(2026, 11, 22, 12, 30)  # a Sunday
STORE = StoreView("lilac-01", "丁香路店", "zh", True, {"shoes": "童鞋"})


def member(name: str = "m-1", **values: Any) -> MemberView:
    return MemberView(**{"id": name, "purposes": PURPOSES, **values})


def situation(
    trigger: TriggerKind = "arrived",
    who: MemberView | None = None,
    *,
    zone: ZoneView | None = ENTRANCE,
    visit: str = "v-1",
    trust: Trust = Trust.HINT,
    facts: Mapping[str, Any] | None = None,
    local: datetime = NOON,
    store: StoreView = STORE,
    ago: float = 1.2,
    dwell: float = 0.0,
    **more: Any,
) -> Situation:
    """Make a situation; `more` are the fields of one kind of trigger, such as `claim`."""
    decided = local.timestamp()
    presence = VisitView(visit, decided - 10, 10.0, zone is not None and zone.kind != "outside")
    return Situation(
        trigger=trigger,
        t=decided - ago,
        decided=decided,
        local=local,
        member=who or member(),
        visit=None if trigger == "nearby" else presence,
        zone=None if trigger == "nearby" else zone,
        trust=trust,
        facts=facts or {},
        store=store,
        dwell=dwell,
        **{"dwell_of": "kind" if dwell else "zone", **more},
    )
