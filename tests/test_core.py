"""The decision core as a whole: frames in, events out, on times that the test chooses."""

import gc
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from types import FunctionType, ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_core import hear, said
from virtual_door import (
    CONFIG,
    DOOR,
    OTHER_CARD,
    REFERENCE,
    START,
    WINDOW,
    a_core,
    a_member,
    come_in,
    frames,
)

from drivers.sighting import Sighting
from gateway.configuration.config import Config, Group, Hear, Receiver, Reference, Staff, Zone
from gateway.core import Core
from gateway.deciding.alerts import UNHEARD_AFTER_S
from gateway.deciding.announcer import TEST_LIFE_S
from gateway.events import DecisionRow, Event, Outcome


def reasons(out: Outcome) -> dict[str, str]:
    return {row.rule: row.outcome for row in out.decisions}


def test_a_member_who_walks_in_raises_one_alert_within_two_seconds_of_the_door() -> None:
    out = hear(a_core(a_member()), come_in(), frames(6, 20, DOOR))
    (alert,) = said(out, "alert.raised")
    assert alert.topic == "alerts/floor"
    assert alert.data["text"].startswith("王女士 进店")
    assert (alert.data["rule"], alert.data["zone"], alert.data["verified"]) == ("returning-member", "entrance", False)
    assert START + 2 <= alert.time <= START + 4
    assert alert.expires == alert.time + 60


APP = replace(
    CONFIG,
    receivers=(*CONFIG.receivers, Receiver("app", "app", reference=Reference(bytes(19) + b"\x07"))),
    zones=(
        *CONFIG.zones[:1],
        Zone("entrance", "door", (Hear("door", -70.0), Hear("app", -90.0))),
        *CONFIG.zones[2:],
    ),
)


def hear_app(core: Core, member: str = "oX3f-91c2") -> Outcome:
    out = Outcome()
    for second in range(4):
        out.merge(core.hear_app(START + second, START + second - 0.5, "app", member, -70))
    out.merge(core.advance(START + 5))
    return out


def test_a_members_own_app_is_heard_as_fresh_where_the_shops_beacon_is() -> None:
    out = hear_app(a_core(a_member(), config=APP))
    (started,) = said(out, "visit.started")
    assert (started.data["zone"], started.data["trust"], started.data["credential"]) == ("entrance", "fresh", "app")
    (alert,) = said(out, "alert.raised")
    assert alert.data["verified"]


def test_an_app_of_somebody_without_consent_or_paused_is_a_count() -> None:
    paused = a_member(choices={"paused_until": "2030-01-01T00:00:00Z"})
    for core, member in (
        (a_core(a_member(purposes=()), config=APP), "oX3f-91c2"),
        (a_core(paused, config=APP), "oX3f-91c2"),
        (a_core(config=APP), "nobody"),
    ):
        out = hear_app(core, member)
        assert (out.events, out.decisions) == ([], [])
        assert core.counts()["app heard, without consent or paused"] == 4


def test_staff_never_read_the_members_id() -> None:
    out = hear(a_core(a_member()), come_in())
    (alert,) = said(out, "alert.raised")
    assert "oX3f-91c2" not in json.dumps(alert.data)
    assert alert.data["visit"].startswith("v-")


def test_a_visit_starts_moves_and_ends_under_one_alias() -> None:
    core = a_core(a_member())
    out = hear(core, come_in())
    out.merge(core.advance(START + 1000))
    visits = [event for event in out.events if event.topic == "visits"]
    assert [event.type.rpartition(".")[2] for event in visits] == ["started", "moved", "ended"]
    assert [event.data["zone"] for event in visits][:2] == ["pavement", "entrance"]
    assert len({event.data["visit"] for event in visits}) == 1
    assert visits[1].data["from"] == "pavement"
    assert (visits[2].data["reason"], visits[2].data["member"]) == ("left", "oX3f-91c2")
    assert [stop["zone"] for stop in visits[2].data["route"]] == ["pavement", "entrance"]
    assert [event.sequence for event in visits] == [1, 2, 3]


@pytest.mark.parametrize("purposes", [(), ("zones", "offers")])
def test_who_did_not_consent_to_be_recognised_is_noise(purposes: tuple[str, ...]) -> None:
    core = a_core(a_member(purposes=purposes))
    out = hear(core, come_in())
    out.merge(core.advance(START + 1000))
    assert (said(out, "visit.started"), out.decisions) == ([], [])
    assert not any(row.member for row in out.state.values())
    assert core.counts()["enrolled, without consent or paused"] == 30


def test_a_paused_member_leaves_no_row_and_comes_back_when_the_pause_is_over() -> None:
    core = a_core(a_member(choices={"paused_until": "2025-11-22T14:01:00+08:00"}))
    assert not hear(core, come_in())
    assert said(hear(core, come_in(60)), "alert.raised")


def test_without_consent_to_zones_the_door_is_told_and_nothing_of_the_way() -> None:
    core = a_core(a_member(purposes=("recognise",)))
    out = hear(core, come_in(), frames(6, 5, WINDOW))
    out.merge(core.advance(START + 1000))
    visits = [event for event in out.events if event.topic == "visits"]
    assert [event.type.rpartition(".")[2] for event in visits] == ["started", "ended"]
    assert visits[0].data["zone"] == "entrance"
    assert visits[1].data["route"] == []
    assert said(out, "alert.raised")


def test_without_consent_to_zones_a_passer_by_is_nobody() -> None:
    core = a_core(a_member(purposes=("recognise", "offers")))
    out = hear(core, frames(0, 10, WINDOW))
    out.merge(core.advance(START + 1000))
    assert [event for event in out.events if event.member] == []


def pass_by(core: Core, times: int) -> None:
    for number in range(times):
        hear(core, frames(number * 600, 2.5, WINDOW))
    core.advance(START + times * 600)


@pytest.mark.parametrize(
    ("passes", "new_arrivals", "outcomes", "offered"),
    [
        (4, True, {"window-regular": "fired", "window-occasional": "condition"}, "new-arrivals"),
        (4, False, {"window-regular": "condition", "window-occasional": "condition"}, None),
        (4, None, {"window-regular": "missing", "window-occasional": "condition"}, None),
        (3, True, {"window-regular": "condition", "window-occasional": "fired"}, "best-value"),
    ],
)
def test_who_stops_at_the_window_gets_the_offer_that_the_rules_say_and_every_silence_has_a_reason(
    passes: int, new_arrivals: bool | None, outcomes: dict[str, str], offered: str | None
) -> None:
    core = a_core(a_member())
    core.fact(START, "new_arrivals", new_arrivals)
    pass_by(core, passes)
    out = hear(core, frames(passes * 600 + 1, 8, WINDOW))
    assert reasons(out) == outcomes
    assert [event.data["offer"] for event in said(out, "offer.triggered")] == ([offered] if offered else [])
    for event in said(out, "offer.triggered"):
        assert event.topic == "offers/pavement"
        assert event.time <= START + passes * 600 + 1 + 5 + 2


def test_the_first_claim_is_told_and_later_ones_change_nothing() -> None:
    core = a_core(a_member())
    (alert,) = said(hear(core, come_in()), "alert.raised")
    name = alert.data["alert"]
    (claimed,) = said(core.claim(START + 7, "floor", "badge-1", name), "alert.claimed")
    assert claimed.data["device"] == "badge-1"
    assert not core.claim(START + 8, "floor", "badge-2", name).events
    assert not said(core.advance(START + 100), "alert.expired")


def test_a_claim_that_is_given_back_raises_the_alert_once_more_as_it_was() -> None:
    core = a_core(a_member())
    (alert,) = said(hear(core, come_in()), "alert.raised")
    name = alert.data["alert"]
    (claimed,) = said(core.claim(START + 7, "floor", "badge-1", name, "serious"), "alert.claimed")
    assert claimed.data["serious"] is True
    (again,) = said(core.claim(START + 9, "floor", "badge-1", name, "release"), "alert.raised")
    assert again.data == alert.data
    assert (again.id != alert.id, again.expires) == (True, alert.expires)
    assert said(core.claim(START + 10, "floor", "badge-2", name), "alert.claimed")


def test_an_alert_that_nobody_claims_expires_at_its_deadline() -> None:
    core = a_core(a_member())
    (alert,) = said(hear(core, come_in()), "alert.raised")
    (expired,) = said(core.advance(START + 100), "alert.expired")
    assert expired.time == alert.expires
    late = [
        core.claim(START + 101, "floor", device, alert.data["alert"]) for device in ("badge-1", "badge-1", "badge-2")
    ]
    answers = [(event.data["reason"], event.data["device"]) for out in late for event in said(out, "alert.expired")]
    assert answers == [("too late", "badge-1"), ("too late", "badge-2")]
    assert not said(core.claim(START + 1000, "floor", "badge-3", alert.data["alert"]), "alert.expired")


ESCALATING = replace(
    CONFIG, staff=Staff((Group("floor", ("badge-1",), "managers"), Group("managers", ("phone-1",), "floor")))
)


def a_shop_with(*online: str, config: Config = ESCALATING) -> Core:
    """Return a core that is told of staff devices."""
    core = a_core(a_member(), config=config)
    core.roll_call(START)
    for device in online:
        core.device(START, device, online=True)
    return core


def told(out: Outcome) -> list[tuple[str, str]]:
    """Return what was said of alerts, with the group."""
    prefix = "hushbell.alert."
    return [(e.type.removeprefix(prefix), e.data["group"]) for e in out.events if e.type.startswith(prefix)]


def test_an_alert_that_its_group_can_hear_is_not_told_twice() -> None:
    core = a_shop_with("badge-1")
    out = hear(core, come_in())
    out.merge(core.advance(START + 30))
    assert told(out) == [("raised", "floor")]


def test_an_alert_that_nobody_can_hear_is_unheard_and_raised_in_the_next_group() -> None:
    core = a_shop_with("phone-1")
    out = hear(core, come_in())
    out.merge(core.advance(START + 30))
    assert told(out) == [("raised", "floor"), ("unheard", "floor"), ("raised", "managers")]
    first, unheard, second = (e for e in out.events if e.topic.startswith("alerts/"))
    assert unheard.time == first.time + UNHEARD_AFTER_S
    assert (unheard.data["reason"], unheard.data["escalated_to"]) == ("no device online", "managers")
    assert (second.topic, second.data["alert"]) == ("alerts/managers", first.data["alert"])
    assert second.data == first.data | {"group": "managers", "escalated_from": "floor"}
    assert first.expires == second.expires == unheard.expires


def test_where_nobody_is_anywhere_each_group_is_told_once_and_the_alert_expires_in_both() -> None:
    core = a_shop_with()
    out = hear(core, come_in())
    out.merge(core.advance(START + 100))
    assert told(out) == [
        *[("raised", "floor"), ("unheard", "floor"), ("raised", "managers"), ("unheard", "managers")],
        *[("expired", "floor"), ("expired", "managers")],
    ]
    assert said(out, "alert.unheard")[1].data["escalated_to"] is None


def test_an_escalated_alert_is_claimed_once_and_cleared_from_both_groups() -> None:
    core = a_shop_with("phone-1")
    alert = said(hear(core, come_in(), frames(6, 4, DOOR)), "alert.raised")[0].data["alert"]
    out = core.claim(START + 12, "managers", "phone-1", alert)
    assert told(out) == [("claimed", "floor"), ("claimed", "managers")]
    assert {event.data["device"] for event in out.events} == {"phone-1"}
    assert told(core.claim(START + 13, "floor", "badge-1", alert)) == []
    assert core.causes["claim refused"] == 1


def test_a_device_that_comes_within_the_alerts_life_gets_it_and_one_that_comes_later_does_not() -> None:
    core = a_shop_with()
    first = said(hear(core, come_in(), frames(6, 10, DOOR)), "alert.raised")[0]
    again = core.device(START + 20, "badge-1", online=True)
    (raised,) = again.events
    assert (raised.data, raised.expires) == (first.data, first.expires)
    assert told(core.device(START + 21, "badge-1", online=True)) == []
    assert "unheard" not in dict(told(core.advance(START + 40)))
    core.advance(START + 100)
    core.device(START + 101, "badge-1", online=False)
    assert told(core.device(START + 102, "badge-1", online=True)) == []


def test_a_device_that_comes_before_the_alert_counts_as_unheard_gets_it_too() -> None:
    core = a_shop_with()
    assert told(hear(core, frames(0, 2, WINDOW), frames(2, 2, DOOR))) == [("raised", "floor")]
    assert told(core.device(START + 4.5, "badge-1", online=True)) == [("raised", "floor")]
    assert told(core.advance(START + 30)) == []


def test_when_the_last_device_dies_with_the_alert_on_its_screen_the_alert_is_unheard_too() -> None:
    core = a_shop_with("badge-1")
    hear(core, come_in())
    core.device(START + 20, "badge-1", online=False)
    assert told(core.advance(START + 22.9)) == []
    assert told(core.advance(START + 23)) == [("unheard", "floor"), ("raised", "managers")]


def test_a_device_that_is_away_for_a_moment_misses_nothing_and_nobody_is_told() -> None:
    core = a_shop_with("badge-1")
    hear(core, come_in())
    core.device(START + 20, "badge-1", online=False)
    assert told(core.device(START + 21, "badge-1", online=True)) == [("raised", "floor")]
    assert told(core.advance(START + 40)) == []


def test_a_claimed_alert_is_not_missed_and_one_that_is_given_back_is() -> None:
    core = a_shop_with("badge-1")
    alert = said(hear(core, come_in()), "alert.raised")[0].data["alert"]
    core.claim(START + 10, "floor", "badge-1", alert)
    core.device(START + 11, "badge-1", online=False)
    assert told(core.advance(START + 20)) == []
    assert told(core.claim(START + 21, "floor", "badge-1", alert, "release")) == [("raised", "floor")]
    assert told(core.advance(START + 25)) == [("unheard", "floor"), ("raised", "managers")]


def test_as_long_as_nothing_is_known_of_devices_no_alert_is_unheard() -> None:
    core = a_core(a_member(), config=ESCALATING)
    hear(core, come_in())
    assert told(core.advance(START + 20)) == []
    assert told(core.roll_call(START + 21)) == []
    assert told(core.advance(START + 25)) == [("unheard", "floor"), ("raised", "managers")]


def test_after_a_restart_an_open_alert_is_still_seen_to_and_what_was_missed_still_comes() -> None:
    core = a_shop_with()
    before = hear(core, come_in(), frames(6, 1, DOOR))
    assert told(before)[1:] == [("unheard", "floor"), ("raised", "managers")]
    after = a_core(a_member(), config=ESCALATING, run=b"2")
    after.restore(before.state.values(), START + 12)
    after.roll_call(START + 12)
    assert told(after.device(START + 12, "badge-1", online=True)) == [("raised", "floor")]
    assert told(after.advance(START + 16)) == [("unheard", "managers")]


def test_a_claim_from_outside_the_group_takes_nothing() -> None:
    core = a_shop_with("badge-1")
    alert = said(hear(core, come_in()), "alert.raised")[0].data["alert"]
    assert told(core.claim(START + 10, "floor", "phone-1", alert)) == []
    assert core.causes["claim from outside the group"] == 1


def test_a_test_buzz_is_an_alert_about_nobody_that_is_claimed_and_expires_like_any_other() -> None:
    core = a_shop_with("badge-1")
    out, raised = core.buzz(START, "floor")
    assert out.events == [raised]
    alert = raised.data["alert"]
    assert raised.data["test"] is True
    assert raised.member is None
    assert "试铃" in raised.data["text"]
    assert "Test" in raised.data["text"]
    assert raised.expires == START + TEST_LIFE_S
    (claimed,) = core.claim(START + 2, "floor", "badge-1", alert).events
    assert (claimed.data["device"], claimed.data["test"]) == ("badge-1", True)
    assert told(core.claim(START + 3, "floor", "badge-1", alert, "release")) == [("raised", "floor")]
    assert told(core.advance(START + 60)) == [("expired", "floor")]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10),
            st.sampled_from(["badge-1", "phone-1"]),
            st.sampled_from(["come", "go", "claim", "serious", "release", "busy", "not_now", "buzz", "wait"]),
        ),
        max_size=30,
    )
)
def test_whatever_devices_do_an_alert_is_raised_first_and_over_once_in_each_group(
    steps: list[tuple[float, str, str]],
) -> None:
    """Invariant: in each group raised comes first, nothing after expired; unheard never where a device is online."""
    core = a_shop_with()
    homes = {"badge-1": "floor", "phone-1": "managers"}
    online: set[str] = set()
    t, out, alerts = START, Outcome(), ["a-none"]
    for wait, device, what in steps:
        before = core.advance(t := t + wait)
        assert not {group for kind, group in told(before) if kind == "unheard"} & {homes[d] for d in online}
        out.merge(before)
        group = homes[device]
        match what:
            case "come" | "go":
                (online.add if what == "come" else online.discard)(device)
                out.merge(core.device(t, device, online=what == "come"))
            case "claim" | "serious" | "release" | "busy" | "not_now":
                out.merge(core.claim(t, group, device, alerts[-1], what))
            case "buzz":
                buzzed, raised = core.buzz(t, group)
                out.merge(buzzed)
                alerts.append(raised.data["alert"])
    out.merge(core.advance(t + 100))
    lives: dict[tuple[str, str], list[str]] = {}
    for event in out.events:
        if event.data.get("reason") != "too late":  # an answer to one device
            lives.setdefault((event.data["alert"], event.data["group"]), []).append(event.type.rpartition(".")[2])
    for life in lives.values():
        assert life[0] == "raised"
        assert life.count("expired") <= 1
        assert "expired" not in life[:-1]
        assert life[-1] in ("expired", "claimed", "cleared")


def test_a_member_who_is_removed_is_forgotten_at_once_and_the_staffs_alert_is_cleared() -> None:
    core = a_core(a_member())
    hear(core, come_in())
    out = core.remove_member(START + 7, "oX3f-91c2")
    assert [event.type for event in out.events] == ["hushbell.alert.cleared"]
    assert all(row.value is None for row in out.state.values() if row.member)
    after = hear(core, come_in(10))
    after.merge(core.advance(START + 1000))
    assert [event.type for event in after.events if event.topic != "crowd"] == []


def reached(root: object) -> Iterator[object]:
    """Yield all that an object holds, however deep, but for code."""
    waiting, seen = [root], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, type | ModuleType | FunctionType):
            seen.add(id(each))
            waiting += gc.get_referents(each)
            yield each


def test_of_a_member_who_is_removed_nothing_stays_in_memory() -> None:
    core = a_core(a_member())
    core.is_watched = True
    hear(core, come_in(), frames(6, 8, DOOR))
    assert "oX3f-91c2" in list(reached(core))
    core.remove_member(START + 8.1, "oX3f-91c2")  # while a frame waits for judgement
    assert "oX3f-91c2" not in list(reached(core))


def test_consent_that_is_withdrawn_ends_what_is_open_without_a_word_to_the_back_end() -> None:
    core = a_core(a_member())
    hear(core, come_in())
    out, _ = core.put_members(START + 7, [a_member(purposes=("zones",))])
    assert [event.type for event in out.events] == ["hushbell.alert.cleared"]
    assert not said(core.advance(START + 1000), "visit.ended")


def test_a_reference_beacon_is_neither_a_member_nor_anybody() -> None:
    core = a_core()
    out = hear(core, frames(0, 60, DOOR, REFERENCE))
    assert (out.events, core.counts()) == ([], {"frames of others": 0})


def test_strangers_are_counted_each_quarter_of_an_hour_and_named_nowhere() -> None:
    core = a_core()
    strangers = [bytes([0x5E, 0x3A, 0, 0, 0, number]) for number in range(40)]
    out = hear(
        core,
        (Sighting(START + n, "air", "wifi", "probe-request", -60, address=a) for n, a in enumerate(strangers)),
    )
    out.merge(core.advance(START + 900))
    (counted,) = said(out, "crowd.counted")
    assert counted.topic == "crowd"
    assert counted.data["from"] == "2025-11-22T14:00:00.000+08:00"
    assert counted.data["until"] == "2025-11-22T14:15:00.000+08:00"
    assert "5e3a" not in repr(out)


def test_a_restart_goes_on_where_the_rows_say() -> None:
    core = a_core(a_member())
    out = hear(core, come_in())
    (alert,) = said(out, "alert.raised")
    again = a_core(a_member(), run=b"2")
    again.restore(out.state.values(), START + 6)
    more = hear(again, frames(6, 5, DOOR))
    assert more.events == []
    (claimed,) = said(again.claim(START + 12, "floor", "badge-1", alert.data["alert"]), "alert.claimed")
    assert claimed.sequence == alert.sequence + 1
    (ended,) = said(again.advance(START + 1000), "visit.ended")
    assert ended.data["visit"] == alert.data["visit"]
    assert ended.sequence == len([event for event in out.events if event.topic == "visits"]) + 1


def test_after_a_restart_the_caps_still_hold() -> None:
    core = a_core(a_member())
    core.fact(START, "new_arrivals", value=True)
    pass_by(core, 4)
    out = hear(core, frames(2401, 8, WINDOW))
    assert said(out, "offer.triggered")
    state = dict(out.state)
    again = a_core(a_member(), run=b"2")
    again.restore([row for row in state.values() if row.value is not None], START + 2410)
    again.fact(START + 2410, "new_arrivals", value=True)
    later = hear(again, frames(2410, 8, WINDOW))
    assert not said(later, "offer.triggered")


def test_a_card_may_pass_from_one_member_to_another_in_one_change() -> None:
    core = a_core(a_member("zold-0001"))
    giver, taker = a_member("zold-0001", card=OTHER_CARD), a_member("anew-0001")
    _, left_out = core.put_members(START, [taker, giver])
    assert left_out == []
    assert {event.member for event in said(hear(core, come_in(1)), "visit.started")} == {"anew-0001"}


def test_of_two_members_with_one_card_the_second_is_left_out_and_told() -> None:
    core = a_core()
    _, left_out = core.put_members(START, [a_member("first-01"), a_member("second-1")])
    assert [member.id for member, _ in left_out] == ["second-1"]
    assert said(hear(core, come_in(1)), "alert.raised")


def test_what_is_said_of_a_removed_member_names_nobody() -> None:
    core = a_core(a_member())
    hear(core, come_in())
    assert [event.member for event in core.remove_member(START + 7, "oX3f-91c2").events] == [None]


def test_consent_withdrawn_before_a_zone_is_held_starts_no_visit() -> None:
    core = a_core(a_member())
    hear(core, frames(0, 0.4, DOOR))
    out, _ = core.put_members(START + 5, [a_member(purposes=())])
    assert not out.events


def without_door(purposes: tuple[str, ...]) -> Core:
    shelf = Zone("shoes", "shelf", (Hear("door", -70.0),), name="童鞋")
    return a_core(a_member(purposes=purposes), config=replace(CONFIG, zones=(shelf,)))


def test_without_consent_to_zones_no_alert_no_decision_and_no_row_tells_the_place() -> None:
    out = hear(without_door(("recognise", "offers")), frames(0, 10, DOOR))
    (alert,) = said(out, "alert.raised")
    assert alert.data["zone"] is None
    told = json.dumps([event.data for event in out.events] + [row.detail for row in out.decisions])
    assert "shoes" not in told
    assert "童鞋" not in told
    (visit,) = [row for row in out.state.values() if row.kind == "visit"]
    assert not visit.value["visit"]["route"]


def test_with_consent_to_zones_the_same_alert_tells_the_place() -> None:
    (alert,) = said(hear(without_door(("recognise", "zones")), frames(0, 10, DOOR)), "alert.raised")
    assert alert.data["zone"] == "shoes"


def test_without_consent_to_zones_a_visit_counts_from_the_door() -> None:
    core = a_core(a_member(purposes=("recognise",)))
    out = hear(core, frames(0, 600, WINDOW), frames(600, 10, DOOR))
    out.merge(core.advance(START + 2000))
    (ended,) = said(out, "visit.ended")
    assert ended.data["seconds"] < 60


def test_a_visit_that_was_open_when_the_gateway_went_away_for_days_ended_then() -> None:
    core = a_core(a_member())
    out = hear(core, come_in())
    again = a_core(a_member(), run=b"2")
    restored = again.restore(out.state.values(), START + 3 * 86400)
    (ended,) = said(restored, "visit.ended")
    assert ended.data["seconds"] < 60
    assert said(hear(again, come_in(3 * 86400 + 30)), "alert.raised")


def test_a_visit_goes_on_after_a_short_absence_although_nothing_changed_for_long() -> None:
    core = a_core(a_member())
    out = hear(core, come_in(), frames(6, 1200, DOOR))
    out.merge(core.alive(START + 1200))
    again = a_core(a_member(), run=b"2")
    kept = [row for row in out.state.values() if row.value is not None]
    assert not again.restore(kept, START + 1215).events
    assert not hear(again, frames(1215, 5, DOOR)).events


def test_the_row_of_a_visit_whose_member_is_paused_at_a_restart_is_removed() -> None:
    core = a_core(a_member())
    out = hear(core, come_in())
    again = a_core(a_member(choices={"paused_until": "2030-01-01T00:00:00Z"}), run=b"2")
    restored = again.restore(out.state.values(), START + 10)
    assert [(row.kind, row.value) for row in restored.state.values()] == [("visit", None)]


def test_a_dwell_is_still_waited_for_after_a_restart() -> None:
    core = a_core(a_member())
    out = hear(core, frames(0, 3, WINDOW))
    again = a_core(a_member(), run=b"2")
    again.restore(out.state.values(), START + 3.5)
    assert reasons(hear(again, frames(3.5, 5, WINDOW))) == {"window-regular": "condition", "window-occasional": "fired"}


def test_trust_goes_with_the_credential_that_gave_it() -> None:
    keyed = {"kind": "wifi-key", "keyid": "k-7781"}
    card = a_member().credentials[0].as_json()
    core = a_core(a_member(credentials=[card, keyed]))
    hear(core, come_in(), [Sighting(START + 6, "air", "wifi", "station", identity=b"k-7781", own_network=True)])
    before = core.visits["oX3f-91c2"].trust
    core.put_members(START + 7, [a_member()])
    assert (before.word, core.visits["oX3f-91c2"].trust.word) == ("fresh", "hint")


def test_every_decision_says_rule_line_and_reason() -> None:
    core = a_core(a_member())
    out = hear(core, frames(0, 8, WINDOW))
    (row,) = [row for row in out.decisions if row.rule == "window-regular"]
    assert isinstance(row, DecisionRow)
    assert row.detail["reason"] == "passes_30d is 0, needs >= 4"
    assert row.detail["line"] > 0
    assert row.detail["file"].endswith("window-regular.yaml")


MIXED = [
    *come_in(),
    *frames(3, 9, WINDOW, OTHER_CARD),
    *(
        Sighting(START + n / 3, "air", "wifi", "probe-request", -60, address=bytes([2, 0, 0, 0, 0, n]))
        for n in range(60)
    ),
]
MIXED.sort(key=lambda sighting: sighting.t)


def events_of(batches: Iterable[list[Sighting]]) -> list[Event]:
    core = a_core(a_member(), a_member("oK7a-40d1", card=OTHER_CARD))
    out = hear(core, *batches)
    out.merge(core.finish(START + 2000))
    return out.events


WHOLE = events_of([MIXED])


@settings(max_examples=20)
@given(st.lists(st.integers(0, len(MIXED)), max_size=8))
def test_the_same_stream_gives_the_same_events_however_it_is_cut(cuts: list[int]) -> None:
    places = sorted({0, *cuts, len(MIXED)})
    assert events_of([MIXED[a:b] for a, b in pairwise(places)]) == WHOLE


def test_every_visit_that_started_ended_once() -> None:
    visits = [(event.type.rpartition(".")[2], event.data["visit"]) for event in WHOLE if event.topic == "visits"]
    started = [alias for what, alias in visits if what == "started"]
    assert sorted(started) == sorted(alias for what, alias in visits if what == "ended")
    assert len(set(started)) == len(started) == 2


def test_late_frames_never_turn_time_back() -> None:
    core = a_core(a_member())
    hear(core, come_in())
    now = core.now
    hear(core, frames(4, 1, DOOR))
    assert core.now == now


def test_an_event_is_a_cloudevent_in_the_shops_time() -> None:
    (alert,) = said(hear(a_core(a_member()), come_in()), "alert.raised")
    body = json.loads(alert.body("/stores/lilac-01/gateways/door-pi", CONFIG.store.timezone))
    assert body["specversion"] == "1.0"
    assert body["type"] == "hushbell.alert.raised"
    assert body["time"].endswith("+08:00")
    assert body["sequence"] == "0000000000000001"
    assert body["data"] == alert.data
