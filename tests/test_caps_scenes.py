"""All that the shop asked for reaches one member on one day, under the shipped caps, and no more than that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from virtual_rules import ALERT, rules
from virtual_situation import ENTRANCE, NOON, PAVEMENT, SHOES, member, situation

from rules.caps import Ledger, refusal_of
from rules.model import Answers, Rule
from rules.situation import Situation, ZoneView

MORNING = NOON.replace(hour=10, minute=0)
TILL = ZoneView("till", "inside", "收银台")
MEMBER = member(test=True)  # scene 16: to the caps, a mystery shopper is a member


class Scene(NamedTuple):
    """A rule's action, in which visit of the day it comes (none: nearby), and where; `asked` as the rule says."""

    number: int
    action: str
    minute: int
    visit: str
    zone: ZoneView | None
    asked: Answers | None = None


def offer(name: str) -> str:
    return f"offer: {{id: {name}}}"


def alert(group: str) -> str:
    return f"alert: {{group: {group}, text: '{{greeting}}'}}"


DAY = (
    Scene(6, offer("clearance"), 0, "", None),
    Scene(3, offer("new-arrivals"), 30, "v-1", PAVEMENT),
    Scene(4, offer("best-value"), 60, "v-2", PAVEMENT),
    Scene(7, offer("limited"), 125, "", None),
    Scene(5, offer("loyal-trial"), 180, "v-3", PAVEMENT),
    Scene(1, ALERT, 181, "v-3", ENTRANCE),
    Scene(11, ALERT, 181, "v-3", ENTRANCE, "sign-up"),
    Scene(8, alert("designers"), 182, "v-3", SHOES),
    Scene(9, offer("outfit"), 182, "v-3", SHOES),
    Scene(10, alert("designers"), 183, "v-3", SHOES, "claim"),
    Scene(12, ALERT, 190, "v-3", TILL, "counter"),
    Scene(16, ALERT, 400, "v-4", ENTRANCE),
)


def made() -> dict[int, Rule]:
    written = rules(*(f"on: arrived, {scene.action}" for scene in DAY))
    return {scene.number: replace(rule, answers=scene.asked) for scene, rule in zip(DAY, written, strict=True)}


def seen(scene: Scene, *, later_min: int = 0, visit: str = "") -> Situation:
    local = MORNING + timedelta(minutes=scene.minute + later_min)
    situated = situation(who=MEMBER, zone=scene.zone, visit=visit or scene.visit, local=local)
    return situated if visit or scene.visit else replace(situated, trigger="nearby", visit=None)


def played(ledger: Ledger) -> list[str]:
    rule_of, said = made(), []
    for scene in DAY:
        said.append(refusal_of(ledger.standing(rule_of[scene.number], seen(scene))))
        if not said[-1]:
            ledger.note(rule_of[scene.number], seen(scene))
    return said


def test_all_scenes_reach_one_member_on_one_day() -> None:
    assert played(Ledger()) == [""] * len(DAY)


def test_after_such_a_day_there_is_no_other_offer_and_within_a_visit_nothing_twice() -> None:
    ledger, rule_of = Ledger(), made()
    played(ledger)
    for scene in DAY:
        assert refusal_of(ledger.standing(rule_of[scene.number], seen(scene, later_min=500)))
        again = refusal_of(ledger.standing(rule_of[scene.number], seen(scene, later_min=500, visit="v-9")))
        assert again == ("at most 6 offers a day" if scene.action.startswith("offer") else "")


def test_such_days_one_after_the_other_end_at_the_caps_of_a_week() -> None:
    ledger, rule_of = Ledger(), made()
    reached = []
    for day in range(7):
        count = 0
        for scene in DAY:
            if scene.asked:
                continue
            visit = f"{scene.visit}-{day}" if scene.visit else ""
            situated = seen(scene, later_min=day * 24 * 60, visit=visit)
            if not refusal_of(ledger.standing(rule_of[scene.number], situated)):
                ledger.note(rule_of[scene.number], situated)
                count += 1
        reached.append(count)
    assert reached == [9, 9, 3, 3, 3, 3, 0]
