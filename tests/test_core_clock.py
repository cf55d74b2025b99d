"""Visits through clocks that jump, midnights, changes of summer time and restarts: none is ended, none is doubled."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from virtual_core import (
    CONFIG,
    LEAVE_S,
    LEVELS,
    START,
    a_core,
    a_member,
    adverts,
    come_in,
    hear,
    in_zone,
    kept,
    later,
    shelf,
    station,
    told,
    visits,
)

from drivers.sighting import Sighting
from gateway.configuration.config import Hours
from gateway.deciding.following import ALIVE_EVERY_S
from gateway.events import Outcome

HOUR_S = 3600.0
YEARS_S = 55 * 365.25 * 86400.0
STILL = [*shelf(8, 20)]


@pytest.mark.parametrize("by_s", [-YEARS_S, -HOUR_S, -20.0, -1.0, 1.0, 20.0, HOUR_S, YEARS_S])
def test_a_clock_that_jumps_ends_no_visit_and_doubles_none(by_s: float) -> None:
    core = a_core()
    out = hear(core, come_in())
    out.merge(core.set_clock(START + 10, by_s))
    out.merge(hear(core, later(adverts(10, 20, LEVELS["door"]), by_s)))
    out.merge(core.advance(START + by_s + 1000))
    assert told(out) == ["started", "moved", "ended"]
    ended = visits(out)[-1]
    assert 28 <= ended.data["seconds"] <= 30
    assert ended.time == pytest.approx(START + by_s + 30 + LEAVE_S, abs=1)
    assert sum(stop["seconds"] for stop in ended.data["route"]) == pytest.approx(ended.data["seconds"])


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
def test_silence_lasts_as_long_when_the_clock_jumps_in_it(by_s: float) -> None:
    core = a_core()
    hear(core, come_in())
    assert told(core.set_clock(START + 60, by_s)) == []
    last = START + by_s + 7.75
    assert told(core.advance(last + LEAVE_S - 0.1)) == []
    assert told(core.advance(last + LEAVE_S)) == ["ended"]


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
def test_a_dwell_is_reached_when_it_has_lasted_so_long_whatever_the_clock_does_in_it(by_s: float) -> None:
    core = a_core()
    out = hear(core, adverts(0, 3, LEVELS["window"]))
    out.merge(core.set_clock(START + 3, by_s))
    assert not out.decisions
    out.merge(hear(core, later(adverts(3, 1.5, LEVELS["window"]), by_s)))
    assert not out.decisions
    out.merge(hear(core, later(adverts(4.5, 2, LEVELS["window"]), by_s)))
    assert {row.rule for row in out.decisions} == {"window-regular", "window-occasional"}


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
def test_an_alert_lives_as_long_whatever_the_clock_does_in_it(by_s: float) -> None:
    core = a_core()
    alert = next(event for event in hear(core, come_in()).events if event.type == "hushbell.alert.raised")
    out = core.set_clock(START + 10, by_s)
    out.merge(core.advance(alert.expires + by_s - 0.1))
    assert not [event for event in out.events if event.type == "hushbell.alert.expired"]
    out.merge(core.advance(alert.expires + by_s))
    assert [event.time for event in out.events if event.type == "hushbell.alert.expired"] == [alert.expires + by_s]


def test_the_same_jumps_give_the_same_events() -> None:
    def play() -> Outcome:
        core = a_core()
        out = hear(core, come_in())
        out.merge(core.set_clock(START + 9, 3 * HOUR_S))
        out.merge(hear(core, later(STILL, 3 * HOUR_S)))
        out.merge(core.set_clock(START + 3 * HOUR_S + 40, -HOUR_S))
        out.merge(core.finish(START + 2 * HOUR_S + 1000))
        return out

    assert play() == play()
    assert told(play()) == ["started", "moved", "moved", "ended"]


@pytest.mark.parametrize("behind_s", [30.0, HOUR_S, YEARS_S])
def test_a_visit_goes_on_where_a_restart_finds_the_clock_behind_and_then_set_right(behind_s: float) -> None:
    before = a_core()
    rows = kept(hear(before, come_in(), STILL), before.alive(START + 28))
    core = a_core(run=b"2")
    wrong = START + 35 - behind_s
    out = core.restore(rows, wrong)
    out.merge(hear(core, later(shelf(36, 5), -behind_s)))
    out.merge(core.set_clock(START + 42 - behind_s, behind_s))
    out.merge(hear(core, shelf(43, 5)))
    out.merge(core.advance(START + 1000))
    assert told(out) == ["ended"]
    assert visits(out)[0].data["seconds"] == pytest.approx(48, abs=15)
    assert visits(out)[0].data["reason"] == "left"


def test_a_visit_of_which_nobody_saw_the_end_is_closed_with_the_last_time_that_it_surely_lasted() -> None:
    before = a_core()
    rows = kept(hear(before, come_in(), shelf(8, 1200)), before.alive(START + 1200))
    out = a_core(run=b"2").restore(rows, START + 5 * HOUR_S)
    (ended,) = visits(out)
    assert ended.data["reason"] == "closed"
    assert 1200 - LEAVE_S - ALIVE_EVERY_S <= ended.data["seconds"] <= 1210


def test_a_visit_that_goes_on_after_a_restart_is_left_and_not_closed() -> None:
    before = a_core()
    rows = kept(hear(before, come_in()))
    core = a_core(run=b"2")
    out = core.restore(rows, START + 60)
    out.merge(core.advance(START + 600))
    assert [event.data["reason"] for event in visits(out)] == ["left"]


def in_a_bad_way(seed: int) -> list[Sighting]:
    """Return a visit of 200 s in the order in which its frames come.

    A card and a phone are heard, the shelf's clock is two seconds behind the door's, a third of the frames is lost, and
    the rest comes up to two seconds late.
    """
    draw = random.Random(seed)
    frames = [*come_in(), *shelf(8, 192), *(station(t) for t in (12, 60, 130, 190))]
    came = sorted((frame for frame in frames if draw.random() < 2 / 3), key=lambda f: f.t + draw.uniform(0, 2))
    return [frame._replace(t=frame.t + (-1 if frame.receiver == "shelf" else 1)) for frame in came]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_together_a_visit_is_one(seed: int) -> None:
    """A closed shop, summer time ending, a restart under way and a clock that is set, all in the same visit."""
    draw = random.Random(1000 + seed)
    autumn = datetime(2026, 10, 25, 0, 58, tzinfo=ZoneInfo("UTC")).timestamp() - START
    shop = in_zone("Europe/Berlin")
    shop = replace(shop, store=replace(shop.store, opening_hours=Hours(time(9), time(20))))
    frames = later(in_a_bad_way(seed), autumn)
    first, second = sorted(draw.sample(range(40, len(frames) - 40), 2))
    by_s = draw.choice([-HOUR_S, -5.0, 5.0, HOUR_S])
    core = a_core(config=shop)
    outs = [hear(core, frames[:first]), core.alive(frames[first].t)]
    again = a_core(config=shop, run=b"2")
    outs.append(again.restore(kept(*outs), frames[first].t + draw.uniform(0, 60)))
    outs += [hear(again, frames[first:second]), again.set_clock(again.now, by_s)]
    outs += [hear(again, later(frames[second:], by_s)), again.advance(START + autumn + by_s + 1000)]
    events = [event for out in outs for event in visits(out)]
    assert [name for out in outs for name in told(out) if name != "moved"] == ["started", "ended"]
    assert len({event.data["visit"] for event in events}) == 1
    assert events[-1].data["seconds"] == pytest.approx(200, abs=70)
    (past,) = [row for row in kept(*outs) if row.kind == "history"]
    assert not past.value["passed"]


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("zone", "local", "offsets"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 1, 55, tzinfo=BERLIN), ("+01:00", "+02:00")),  # 2 h become 3 h
        (
            "Europe/Berlin",
            datetime(2026, 10, 25, 0, 55, tzinfo=ZoneInfo("UTC")),
            ("+02:00", "+01:00"),
        ),  # 3 h become 2 h
        ("Asia/Shanghai", datetime(2026, 12, 31, 23, 55, tzinfo=ZoneInfo("Asia/Shanghai")), ("+08:00", "+08:00")),
    ],
)
def test_a_visit_goes_through_midnight_and_changes_of_summer_time(
    zone: str, local: datetime, offsets: tuple[str, str]
) -> None:
    by_s = local.timestamp() - START
    core = a_core(config=in_zone(zone))
    out = hear(core, later(come_in(), by_s), later(shelf(8, 592), by_s))
    out.merge(core.advance(local.timestamp() + 1000))
    assert told(out) == ["started", "moved", "moved", "ended"]
    started, *_, ended = visits(out)
    assert (started.data["at"][-6:], ended.data["at"][-6:]) == offsets
    assert ended.data["seconds"] == pytest.approx(600, abs=1)
    assert ended.time - started.time == pytest.approx(600 + LEAVE_S, abs=2)


@pytest.mark.parametrize(
    ("zone", "utc", "is_open"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, 8, 30), False),  # 09:30, winter time
        ("Europe/Berlin", datetime(2026, 3, 29, 8, 30), True),  # 10:30, summer time
        ("Europe/Berlin", datetime(2026, 10, 24, 8, 30), True),
        ("Europe/Berlin", datetime(2026, 10, 25, 8, 30), False),
        ("Asia/Shanghai", datetime(2026, 3, 29, 2, 30), True),
        ("Asia/Shanghai", datetime(2026, 3, 29, 1, 30), False),
    ],
)
def test_opening_hours_are_those_of_the_wall_and_bar_no_visit(zone: str, utc: datetime, *, is_open: bool) -> None:
    shop = in_zone(zone)
    config = replace(shop, store=replace(shop.store, opening_hours=Hours(time(10), time(22))))
    by_s = utc.replace(tzinfo=ZoneInfo("UTC")).timestamp() - START
    core = a_core(config=config)
    out = hear(core, later(come_in(), by_s))
    assert told(out) == ["started", "moved"]
    assert config.store.opening_hours is not None
    assert config.store.opening_hours.include(datetime.fromtimestamp(START + by_s, ZoneInfo(zone)).time()) is is_open


def test_what_a_closed_shop_hears_is_a_visit_like_any_other_past_midnight_too() -> None:
    config = replace(CONFIG, store=replace(CONFIG.store, opening_hours=Hours(time(10), time(22))))
    closing = datetime(2026, 11, 22, 21, 59, 50, tzinfo=CONFIG.store.timezone).timestamp() - START
    core = a_core(config=config)
    out = hear(core, later(come_in(), closing), later(shelf(8, 3 * HOUR_S), closing))
    out.merge(core.advance(START + closing + 4 * HOUR_S))
    assert told(out) == ["started", "moved", "moved", "ended"]


def test_a_restart_gives_the_counts_that_were_there() -> None:
    core = a_core()
    out = Outcome()
    for day in range(3):
        out.merge(hear(core, later(come_in(), day * 86400.0), later(shelf(8, 30), day * 86400.0)))
        out.merge(hear(core, later(adverts(1000, 4, LEVELS["window"]), day * 86400.0)))
        out.merge(core.advance(START + day * 86400.0 + 3000))
    again = a_core(run=b"2")
    again.restore(kept(out), START + 3 * 86400.0)
    seen = again._decider._histories.told("anna-0001", START + 3 * 86400.0, zones=True)
    assert seen == core._decider._histories.told("anna-0001", START + 3 * 86400.0, zones=True)
    assert (seen["visits_7d"], seen["passes_7d"], seen["usual_zones"]) == (3, 3, ("shoes",))
    assert seen["days_since_visit"] == 1


def test_routes_are_kept_only_from_consent_to_zones_until_it_is_withdrawn() -> None:
    without = a_member(purposes=("recognise",))
    core = a_core(without)
    out = hear(core, come_in())
    out.merge(core.put_members(START + 8, [a_member()])[0])
    out.merge(hear(core, shelf(8, 20)))
    out.merge(core.advance(START + 1000))
    assert [stop["zone"] for stop in visits(out)[-1].data["route"]] == ["entrance", "shoes"]
    assert visits(out)[-1].data["route"][0]["seconds"] < 6  # what was before the consent is not told
    (row,) = [row for row in kept(out) if row.kind == "history"]
    assert row.value["stops"]
    assert row.until == row.value["ended"] + CONFIG.privacy.visits_s
    out.merge(core.put_members(START + 1001, [without])[0])
    assert not any(row.value["stops"] for row in kept(out) if row.kind == "history")


def test_routes_are_dropped_at_a_restart_where_consent_to_zones_went_meanwhile() -> None:
    core = a_core()
    out = hear(core, come_in(), shelf(8, 20))
    out.merge(core.advance(START + 1000))
    again = a_core(a_member(purposes=("recognise",)), run=b"2")
    restored = again.restore(kept(out), START + 1001)
    assert [row.value["stops"] for row in kept(restored) if row.kind == "history"] == [[]]


def test_who_has_not_come_for_longer_than_members_are_kept_is_named_and_nobody_else() -> None:
    kept_s = CONFIG.privacy.inactive_member_s
    core = a_core(a_member(), a_member("bert-0002", consent=[]))
    hear(core, come_in())
    core.advance(START + 1000)
    out, idle = core.idle_members(START + 2000, core.members())
    assert idle == []
    assert [row.key for row in kept(out) if row.kind == "seen"] == ["bert-0002"]
    assert core.idle_members(START + kept_s - 2 * 86400, core.members())[1] == []
    assert core.idle_members(START + kept_s + 2000, core.members())[1] == ["anna-0001", "bert-0002"]
    hear(core, later(come_in(), kept_s + 3000))
    assert core.idle_members(START + kept_s + 3010, core.members())[1] == ["bert-0002"]
