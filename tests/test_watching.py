"""Who watches is told of members when something is new about them, and of what was decided, with its line."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from virtual_core import LEVELS, START, a_core, advert, adverts, come_in, hear

from gateway.commandline.watch import line
from gateway.watchers import EVERY_S, Watchers

STATUS = {"state": "online", "reasons": [], "receivers": {"door": "hearing"}}
SHANGHAI = ZoneInfo("Asia/Shanghai")


def told(entries: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [entry for entry in entries if entry["what"] == what]


def test_a_member_who_stays_is_told_of_now_and_then() -> None:
    core, entries = a_core(), list[dict[str, Any]]()
    watchers = Watchers(core, {})
    watchers.join(entries.append)
    for second in range(40):
        core.hear([advert(second, LEVELS["door"])])
        watchers.moment(START + second, STATUS, {})
    assert len(told(entries, "heard")) <= 2 + 40 / EVERY_S
    core.hear([advert(40, LEVELS["door"] - 10)])
    before = len(told(entries, "heard"))
    watchers.moment(START + 40, STATUS, {})
    assert len(told(entries, "heard")) == before + 1


def test_whoever_joins_is_told_of_all_at_once_and_whoever_leaves_of_nothing() -> None:
    core, first, second = a_core(), list[dict[str, Any]](), list[dict[str, Any]]()
    watchers = Watchers(core, {})
    leave = watchers.join(first.append)
    hear(core, adverts(0, 4, LEVELS["door"]))
    watchers.moment(START + 4, STATUS, {})
    leave()
    watchers.join(second.append)
    hear(core, adverts(4, 1, LEVELS["door"]))
    watchers.moment(START + 5, STATUS, {})
    assert [entry["what"] for entry in second] == ["heard", "counts"]
    assert [entry["what"] for entry in first] == ["heard", "counts"]


def test_each_rule_is_told_with_its_line_and_why() -> None:
    core, entries = a_core(), list[dict[str, Any]]()
    watchers = Watchers(core, {"window-regular": "offer"})
    watchers.join(entries.append)
    for out in (hear(core, adverts(0, 12, LEVELS["window"])), hear(core, come_in(12))):
        watchers.outcome(out)
    lines = [line(entry, SHANGHAI) for entry in told(entries, "decision")]
    assert any("no offer: passes_30d is 0, needs >= 4 (window-regular, line" in text for text in lines)
    assert any(text.endswith("entrance, alert (returning-member, line 2)") for text in lines)
    assert all("anna" not in text for text in lines)
