"""Visits: what starts, moves and ends them, told frame by frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.sighting import Radio
from gateway.configuration.config import Hear, Zone
from gateway.heard import Heard
from gateway.presence.visits import ROUTE_LENGTH, Change, Presence, VisitSnapshot
from rules.situation import Trust

PAVEMENT = Zone("pavement", "outside", (Hear("door", -88),))
ENTRANCE = Zone("entrance", "door", (Hear("door", -70),))
SHOES = Zone("shoes", "shelf", (Hear("shelf-a", -72),))
COATS = Zone("coats", "shelf", (Hear("shelf-b", -72),))
FLOOR = Zone("floor", "inside", (Hear("guest-wifi"), Hear("air", -75)))
YARD = Zone("yard", "inside", (Hear("air-2", -75),))
SIX_LINES = (PAVEMENT, ENTRANCE)
SHOP = (PAVEMENT, ENTRANCE, SHOES, COATS, FLOOR, YARD)
ROOMS = tuple(Zone(room, "inside", (Hear(room, -100),)) for room in ("a", "b"))

LEAVE_S = 120.0
T = 1_763_791_200.0


def heard(t: float, receiver: str, rssi: int | None, member: str = "m", *, trust: Trust = Trust.HINT) -> Heard:
    radio: Radio = "wifi" if receiver.startswith(("air", "guest")) else "ble"
    return Heard(T + t, member, receiver, radio, rssi, trust, "wifi" if radio == "wifi" else "ibeacon")


def adverts(
    receiver: str, rssi: int, begins: float, ends: float, every: float = 0.35, member: str = "m"
) -> list[Heard]:
    count = int((ends - begins) / every)
    return [heard(begins + n * every, receiver, rssi, member) for n in range(count)]


def play(presence: Presence, frames: Iterable[Heard], until: float | None = None) -> list[Change]:
    """Hear all frames in the order of their times, then advance to `until` (default: to the end of all visits)."""
    changes: list[Change] = []
    for frame in sorted(frames):
        changes += presence.hear(frame)
    if until is not None:
        return [*changes, *presence.advance(T + until)]
    while presence.deadline < math.inf:
        changes += presence.advance(presence.deadline)
    return changes


def told(changes: Sequence[Change]) -> list[str]:
    return [f"{change.what} {change.zone or change.kind}" for change in changes]


def story(zones: Sequence[Zone], *frames: list[Heard]) -> list[str]:
    return told(play(Presence(zones, LEAVE_S), [frame for some in frames for frame in some]))


# What starts, moves and ends a visit


def test_a_pass_holds_zones_outside_only_and_ends_when_it_was_last_heard() -> None:
    changes = play(Presence(SIX_LINES, LEAVE_S), adverts("door", -80, 0, 10))
    assert told(changes) == ["started pavement", "ended pavement"]
    ended = changes[-1]
    assert ended.at == ended.visit.last_heard == pytest.approx(T + 9.45)
    assert ended.decided == ended.at + LEAVE_S
    assert ended.reason == "left"
    assert not ended.visit.held_inside


def test_with_one_receiver_at_the_door_weak_means_outside_until_the_door_was_held_and_then_inside() -> None:
    came_in = [adverts("door", -80, 0, 8), adverts("door", -60, 8, 16), adverts("door", -80, 16, 40)]
    assert story(SIX_LINES, *came_in) == ["started pavement", "moved entrance", "moved inside", "ended inside"]


def test_whoever_is_within_stays_so_while_heard_however_weakly() -> None:
    weak = adverts("door", -95, 10, 600, every=5)
    assert story(SIX_LINES, adverts("door", -60, 0, 10), weak) == ["started entrance", "moved inside", "ended inside"]


def test_a_pass_is_not_kept_alive_by_frames_below_every_level() -> None:
    changes = play(Presence(SIX_LINES, LEAVE_S), [*adverts("door", -80, 0, 10), *adverts("door", -97, 10, 300)])
    assert told(changes) == ["started pavement", "ended pavement"]
    assert changes[-1].at < T + 20


def test_a_visit_may_start_at_a_shelf_and_a_shop_needs_no_door() -> None:
    assert story((SHOES, COATS), adverts("shelf-a", -60, 0, 5)) == ["started shoes", "ended shoes"]


def test_where_no_door_leads_in_the_first_clear_frame_starts_the_visit() -> None:
    presence = Presence(ROOMS, LEAVE_S)
    (started,) = play(presence, [heard(0, "a", -80)], until=1)
    assert (started.zone, started.at, started.decided) == ("a", T, T + 0.25)


def test_a_walk_through_the_shop_is_told_zone_by_zone() -> None:
    walk = [
        *adverts("door", -80, 0, 6),
        *adverts("door", -58, 6, 12),
        *adverts("door", -84, 12, 40),
        *adverts("shelf-a", -58, 14, 27),
        *adverts("shelf-b", -85, 14, 27),
        *adverts("shelf-a", -85, 27, 40),
        *adverts("shelf-b", -58, 27, 40),
    ]
    changes = play(Presence(SHOP, LEAVE_S), walk)
    assert told(changes) == ["started pavement", "moved entrance", "moved shoes", "moved coats", "ended coats"]
    assert [change.came_from for change in changes] == [None, "pavement", "entrance", "shoes", None]
    visit = changes[-1].visit
    assert [zone for zone, _ in visit.route] == ["pavement", "entrance", "shoes", "coats"]
    assert visit.held_inside
    assert visit.zone_since > visit.kind_since == visit.route[2][1]


def test_two_receivers_that_hear_alike_give_no_zone_rather_than_a_guess() -> None:
    both = [*adverts("shelf-a", -60, 0, 10), *adverts("shelf-b", -61, 10, 60), *adverts("shelf-a", -61, 10, 60)]
    assert story((SHOES, COATS), both) == ["started shoes", "moved inside", "ended inside"]


def test_a_change_is_of_the_frame_that_first_spoke_for_it() -> None:
    changes = play(Presence(SIX_LINES, LEAVE_S), [*adverts("door", -80, 0, 7), *adverts("door", -58, 7, 12)])
    assert T + 7 <= changes[1].at <= T + 7.8
    assert changes[1].visit.zone_since == changes[1].at


@pytest.mark.parametrize(("every", "within_s"), [(0.1, 1.5), (0.35, 1.6), (0.5, 1.6), (1.0, 1.6)])
def test_a_card_at_the_door_is_held_there_soon(every: float, within_s: float) -> None:
    outside = adverts("door", -82, 0, 10, every)
    changes = play(Presence(SIX_LINES, LEAVE_S), outside + adverts("door", -58, 10, 20, every))
    assert changes[1].zone == "entrance"
    assert changes[1].decided - (T + 10) <= within_s


@pytest.mark.parametrize("rssi", [-60, -68, -70])
def test_a_level_that_is_met_is_held_in_the_end(rssi: int) -> None:
    changes = play(Presence(SIX_LINES, LEAVE_S), adverts("door", -80, 0, 10) + adverts("door", rssi, 10, 30), until=30)
    assert told(changes) == ["started pavement", "moved entrance"]


def test_one_strong_frame_is_no_arrival() -> None:
    frames = [frame for frame in adverts("door", -82, 0, 30) if frame.t != T + 14.0] + [heard(14.0, "door", -55)]
    assert story(SIX_LINES, frames) == ["started pavement", "ended pavement"]


# Silence and return


def test_silence_neither_moves_nor_ends_a_visit_before_the_leave_time() -> None:
    presence = Presence(SHOP, LEAVE_S)
    play(presence, adverts("shelf-a", -60, 0, 10), until=10)
    last = presence.visits["m"].last_heard
    assert presence.advance(last + LEAVE_S - 0.001) == []
    assert told(presence.advance(last + LEAVE_S)) == ["ended shoes"]


def test_whoever_returns_within_the_leave_time_goes_on_with_the_same_visit() -> None:
    away_and_back = [adverts("door", -60, 0, 10), adverts("door", -60, 125, 135)]
    assert story(SIX_LINES, *away_and_back) == ["started entrance", "ended entrance"]


def test_whoever_returns_later_starts_another() -> None:
    away_and_back = [adverts("door", -60, 0, 10), adverts("door", -60, 135, 145)]
    assert story(SIX_LINES, *away_and_back) == ["started entrance", "ended entrance"] * 2


def test_a_frame_in_the_last_moment_keeps_the_visit() -> None:
    presence = Presence(SIX_LINES, LEAVE_S)
    play(presence, adverts("door", -60, 0, 10), until=10)
    last = presence.visits["m"].last_heard
    presence.hear(heard(last + LEAVE_S - 0.01 - T, "door", -79))
    assert presence.advance(last + LEAVE_S + 1) == []


def test_a_dwell_lasts_until_the_newest_frame_that_agrees_with_the_zone() -> None:
    presence = Presence(SIX_LINES, LEAVE_S)
    passing_by = [*adverts("door", -80, 0, 4), *adverts("door", -97, 4, 30)]
    play(presence, passing_by, until=60)
    visit = presence.visits["m"]
    assert visit.zone == "pavement"
    assert 3 < visit.zone_heard - visit.zone_since < 6


# Coarser news


def test_a_wifi_sighting_holds_its_zone_at_once_with_little_confidence() -> None:
    (started,) = play(Presence(SHOP, LEAVE_S), [heard(0, "air", -60)], until=1)
    assert (started.zone, started.at) == ("floor", T)
    assert started.confidence < 0.75


def test_a_wifi_sighting_below_its_level_is_nobody() -> None:
    assert story(SHOP, [heard(0, "air", -80)]) == []


def test_connected_holds_the_zone_that_asks_for_no_level() -> None:
    assert story(SHOP, [heard(0, "guest-wifi", None)]) == ["started floor", "ended floor"]
    assert story(SHOP, [heard(0, "air", None)]) == []


def test_of_one_burst_the_louder_receiver_is_believed() -> None:
    burst = [heard(0, "air", -70), heard(0.02, "air-2", -60), heard(1.0, "air", -62), heard(1.02, "air-2", -64)]
    assert story(SHOP, burst) == ["started yard", "ended yard"]


def test_levelled_beats_connected() -> None:
    phone = [heard(0, "air-2", -60), heard(5, "guest-wifi", None), heard(30, "guest-wifi", None)]
    assert story(SHOP, phone) == ["started yard", "ended yard"]
    assert story(SHOP, [*phone, heard(100, "guest-wifi", None)])[1] == "moved floor"


def test_levels_beat_wifi_while_they_are_heard_and_wifi_fills_in_where_they_say_nothing() -> None:
    card = [*adverts("shelf-a", -60, 0, 30), *adverts("shelf-a", -90, 30, 60)]
    phone = [heard(10, "air", -60), heard(20, "guest-wifi", None)]
    assert story(SHOP, card, phone) == ["started shoes", "moved floor", "ended floor"]


def test_what_a_members_app_heard_counts_at_once() -> None:
    frame = heard(0, "shelf-a", -60, trust=Trust.FRESH)._replace(credential="app")
    assert story(SHOP, [frame]) == ["started shoes", "ended shoes"]


# Who it is


def test_two_credentials_of_one_member_are_one_visit_of_the_better_trust() -> None:
    card = adverts("door", -60, 0, 10)
    phone = [frame._replace(t=frame.t + 0.1, trust=Trust.FRESH, credential="rotating") for frame in card[4:]]
    changes = play(Presence(SIX_LINES, LEAVE_S), card + phone)
    assert told(changes) == ["started entrance", "ended entrance"]
    assert (changes[-1].visit.trust, changes[-1].visit.credential) == (Trust.FRESH, "rotating")


def test_members_do_not_meet_in_each_others_visits() -> None:
    changes = play(
        Presence(SIX_LINES, LEAVE_S), adverts("door", -60, 0, 5) + adverts("door", -80, 0, 5, member="other")
    )
    assert {(change.visit.member, change.zone) for change in changes} == {("m", "entrance"), ("other", "pavement")}


def test_forgotten_is_gone_without_a_word() -> None:
    presence = Presence(SIX_LINES, LEAVE_S)
    play(presence, adverts("door", -60, 0, 5), until=5)
    presence.forget("m")
    presence.forget("nobody")
    assert not presence.visits
    assert presence.deadline == math.inf
    assert play(presence, []) == []


def test_who_is_heard_too_weakly_for_any_zone_is_soon_forgotten() -> None:
    presence = Presence(SIX_LINES, LEAVE_S)
    for number in range(100):
        presence.hear(heard(number * 1.0, "door", -97, f"member-{number}"))
    presence.advance(T + 120)
    assert presence.deadline == math.inf


def test_a_receiver_that_no_zone_hears_says_nothing() -> None:
    assert story(SIX_LINES, [heard(n, "cellar", -40) for n in range(20)]) == []


def test_a_route_keeps_the_newest_stops() -> None:
    frames: list[Heard] = []
    for turn in range(ROUTE_LENGTH + 10):
        near, far = ("shelf-a", "shelf-b") if turn % 2 else ("shelf-b", "shelf-a")
        frames += adverts(near, -55, turn * 8, turn * 8 + 8) + adverts(far, -90, turn * 8, turn * 8 + 8)
    visit = play(Presence((SHOES, COATS), LEAVE_S), frames)[-1].visit
    assert len(visit.route) == ROUTE_LENGTH
    assert visit.route[-1][0] == visit.zone


# Clocks and restarts


def test_receivers_whose_clocks_disagree_by_two_seconds_tell_one_story() -> None:
    ahead = [frame._replace(t=frame.t + 2) for frame in adverts("shelf-a", -58, 0, 20)]
    behind = adverts("shelf-b", -80, 0, 20)
    presence = Presence((SHOES, COATS), LEAVE_S)
    changes = [change for pair in zip(ahead, behind, strict=True) for frame in pair for change in presence.hear(frame)]
    assert told(changes) == ["started shoes"]


def test_a_late_frame_moves_no_time_back() -> None:
    presence = Presence(SIX_LINES, LEAVE_S)
    play(presence, adverts("door", -60, 0, 10), until=10)
    last = presence.visits["m"].last_heard
    presence.hear(heard(last - T - 2, "door", -60))
    presence.hear(heard(last - T - 2, "door", -85))
    assert presence.visits["m"].last_heard == last
    assert presence.deadline > T + 10


def restarted(presence: Presence, zones: Sequence[Zone], now: float) -> Presence:
    kept = json.dumps([visit.snapshot().as_json() for visit in presence.visits.values()])
    after = Presence(zones, LEAVE_S)
    after.restore([VisitSnapshot.from_json(one) for one in json.loads(kept)], T + now)
    return after


def test_a_visit_goes_on_after_a_restart() -> None:
    before = Presence(SIX_LINES, LEAVE_S)
    play(before, adverts("door", -60, 0, 10), until=10)
    after = restarted(before, SIX_LINES, 40)
    changes = play(after, adverts("door", -80, 45, 70))
    assert told(changes) == ["moved inside", "ended inside"]
    assert changes[-1].visit.started == before.visits["m"].started
    assert [zone for zone, _ in changes[-1].visit.route] == ["entrance", None]


def test_what_an_earlier_version_kept_beside_is_left_out() -> None:
    presence = Presence(SIX_LINES, LEAVE_S)
    play(presence, adverts("door", -60, 0, 10), until=10)
    snapshot = presence.visits["m"].snapshot()
    assert VisitSnapshot.from_json({**snapshot.as_json(), "held_door": True}) == snapshot


def test_a_visit_that_is_not_heard_again_after_a_restart_ends_with_the_last_frame_that_is_known() -> None:
    before = Presence(SIX_LINES, LEAVE_S)
    play(before, adverts("door", -60, 0, 10), until=10)
    kept = before.visits["m"].last_heard
    (ended,) = play(restarted(before, SIX_LINES, 40), [])
    assert (ended.what, ended.at, ended.decided) == ("ended", kept, T + 40 + LEAVE_S)


def test_a_zone_that_a_restart_took_away_leaves_the_visit_in_none() -> None:
    before = Presence((SHOES, COATS), LEAVE_S)
    play(before, adverts("shelf-a", -60, 0, 10), until=10)
    assert told(play(restarted(before, (COATS,), 20), adverts("shelf-b", -60, 21, 30)))[0] == "moved coats"


# Properties

FRAMES = st.lists(
    st.builds(
        lambda t, receiver, rssi, member, trust: heard(t / 8, receiver, rssi, member, trust=trust),
        st.integers(0, 8 * 200) | st.integers(0, 8 * 20),
        st.sampled_from(["door", "shelf-a", "shelf-b", "air", "air-2", "guest-wifi", "cellar"]),
        st.one_of(st.integers(-100, -40), st.integers(-75, -65)),
        st.sampled_from(["m", "n"]),
        st.sampled_from(list(Trust)),
    ).map(lambda frame: frame._replace(rssi=None) if frame.receiver == "guest-wifi" else frame),
    max_size=120,
)


def essence(changes: Sequence[Change]) -> list[tuple[object, ...]]:
    return [
        (
            change.what,
            change.visit.member,
            change.zone,
            change.kind,
            change.came_from,
            change.at,
            change.decided,
            round(change.confidence, 6),
            change.visit.credential,
        )
        for change in changes
    ]


def run(frames: Iterable[Heard], stops: Iterable[float] = ()) -> list[Change]:
    presence = Presence(SHOP, LEAVE_S)
    changes: list[Change] = []
    waiting = sorted(T + stop for stop in stops)
    for frame in frames:
        while waiting and waiting[0] <= frame.t:
            changes += presence.advance(waiting.pop(0))
        changes += presence.hear(frame)
    return changes + play(presence, [])


BIRTH = [heard(0, "door", -40), heard(0.25, "shelf-a", -40), heard(0.25, "shelf-a", -41)]


@given(FRAMES.flatmap(lambda frames: st.tuples(st.just(frames), st.permutations(frames))))
@example((BIRTH, [BIRTH[0], BIRTH[2], BIRTH[1]]))
def test_the_order_of_sightings_of_one_time_does_not_matter(orders: tuple[list[Heard], list[Heard]]) -> None:
    """Invariant: sightings of one time are one set."""
    one, other = (sorted(frames, key=lambda frame: frame.t) for frames in orders)
    assert essence(run(one)) == essence(run(other))


@given(FRAMES, st.lists(st.floats(0, 400), max_size=20))
def test_it_does_not_matter_how_often_time_is_asked_for(frames: list[Heard], stops: list[float]) -> None:
    """Invariant: a stream gives the same changes however it is cut into calls."""
    ordered = sorted(frames, key=lambda frame: frame.t)
    assert essence(run(ordered)) == essence(run(ordered, stops))


@given(FRAMES)
def test_every_visit_that_started_ends_once_and_time_only_goes_forward(frames: list[Heard]) -> None:
    """Invariant: whatever comes in whatever order, changes of a member make whole visits in order of time."""
    changes = run(frames)
    assert [change.decided for change in changes] == sorted(change.decided for change in changes)
    open_: dict[str, Change] = {}
    for change in changes:
        before = open_.pop(change.visit.member, None)
        assert change.at <= change.decided
        assert 0.0 <= change.confidence <= 1.0
        if change.what == "started":
            assert before is None
            assert change.zone is not None
        else:
            assert before is not None
            assert before.visit is change.visit
            assert before.at <= change.at
        if change.what == "moved":
            assert before is not None
            assert (change.came_from, change.came_from_kind) == (before.zone, before.kind)
            assert change.zone != before.zone
        if change.what != "ended":
            open_[change.visit.member] = change
    assert not open_


@given(FRAMES, st.integers(0, 120), st.floats(0, 100))
def test_a_restart_at_any_time_ends_each_visit_once(frames: list[Heard], cut: int, down_s: float) -> None:
    """Invariant: what was open before a restart ends once after it, and starts nowhere again meanwhile."""
    ordered = sorted(frames, key=lambda frame: frame.t)
    before = Presence(SHOP, LEAVE_S)
    for frame in ordered[:cut]:
        before.hear(frame)
    now = (ordered[:cut] or ordered or [heard(0, "door", -60)])[-1].t - T + down_s
    after = restarted(before, SHOP, now)
    was_open = set(before.visits)
    changes = play(after, [frame for frame in ordered[cut:] if frame.t >= T + now])
    for member in was_open:
        assert next(change.what for change in changes if change.visit.member == member) != "started"
    assert not after.visits
    assert sum(change.what == "ended" for change in changes) == len(was_open) + sum(
        change.what == "started" for change in changes
    )
