from __future__ import annotations

import gc
import os
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.crowd import leave_one_out, load_days
from drivers.sighting import AddressType, Kind, Radio, Sighting
from gateway.configuration.config import CrowdCalibration, CrowdLaw, CrowdSettings, Hear, Zone
from gateway.crowd.count import Count, count_people
from gateway.crowd.crowd import LATE_S, QUIET_S, Crowd
from gateway.crowd.evidence import MOST_DEVICES, Measure
from gateway.crowd.people import Estimate, calibrated, uncalibrated

QUARTER = 900.0
T = 1_763_791_200.0  # a quarter hour begins
BURST = 1 / 15  # people in a quarter hour, until somebody counts
SHOP = (
    Zone("pavement", "outside", (Hear("door", -88), Hear("air", -90))),
    Zone("entrance", "door", (Hear("door", -70, 2.0),)),
    Zone("floor", "inside", (Hear("air", -75), Hear("guest-wifi"))),
)


AS_IT_COMES = CrowdSettings()


def keys(seed: int = 1) -> Iterator[bytes]:
    return (random.Random(seed * 1_000_003 + number).randbytes(32) for number in count())


def make_crowd(seed: int = 1, settings: CrowdSettings = AS_IT_COMES) -> Crowd:
    return Crowd(SHOP, settings=settings, key_source=keys(seed).__next__)


def phone(number: int) -> bytes:
    return b"\x4a" + number.to_bytes(5, "big")


def probe(t: float, number: int = 0, rssi: int | None = -60, receiver: str = "door") -> Sighting:
    return Sighting(t, receiver, "wifi", "probe-request", rssi, address=phone(number), address_type="local")


def count_of(*sightings: Sighting) -> Count:
    """Return the one count of sightings that lie within a quarter hour."""
    crowd = make_crowd()
    crowd.advance(T)
    for sighting in sightings:
        crowd.hear(sighting)
    [only] = crowd.advance(T + QUARTER)
    return only


def figures(counted: Count) -> tuple[float, float, float]:
    return counted.passing.count, counted.lingering.count, counted.inside.count


# who is counted as what


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        ([], (0, 0, 0)),
        ([probe(T, 1, -80), probe(T + 59, 1, -80), probe(T + 59, 2, -73)], (2, 0, 0)),
        ([probe(T, 1, -80), probe(T + 60, 1, -80)], (0, 1, 0)),
        ([probe(T, 1, -72), probe(T, 1, -68), probe(T, 1, -68)], (0, 0, 2 * BURST)),
        ([probe(T, 1, -70), probe(T + 1, 2, -71), probe(T + 9, 3, -72)], (0, 0, BURST)),
        ([probe(T + 60 * minute, 1) for minute in range(15)], (0, 0, 15 * BURST)),
        ([probe(T + 60 * minute, minute) for minute in range(15)], (0, 0, 15 * BURST)),
        ([probe(T + second, 1) for second in range(60)], (0, 0, 6 * BURST)),
        ([probe(T, 1, -80), probe(T + 1, 1, -60)], (0, 0, BURST)),
        ([probe(T, 1, -80), probe(T + 10, 1, -80), probe(T + 12, 1, -60)], (1, 0, BURST)),
        ([probe(T, number, -80) for number in range(9)], (1, 0, 0)),
        ([probe(T, 1, -80), probe(T + 300, 1, -80)], (2, 0, 0)),
        ([probe(T, 1, None), probe(T, 2, None, "air")], (2, 0, 0)),
        ([probe(T, 1, None, "guest-wifi")], (0, 0, 1 / 15)),
        ([probe(T, 1, -89), probe(T, 2, -60, "till")], (0, 0, 0)),
    ],
)
def test_devices_are_passing_lingering_or_inside(
    sightings: list[Sighting], expected: tuple[float, float, float]
) -> None:
    assert figures(count_of(*sightings)) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("radio", "kind", "address_type", "counts"),
    [
        ("wifi", "probe-request", "local", True),
        ("wifi", "probe-request", "global", False),
        ("wifi", "station", "local", True),
        ("wifi", "association-request", "local", True),
        ("wifi", "authentication", None, True),
        ("ble", "advert", "resolvable", True),
        ("ble", "advert", "random", True),
        ("ble", "advert", "public", False),
        ("ble", "ibeacon", "random", False),
        ("ble", "altbeacon", "resolvable", False),
        ("ble", "eddystone-url", "random", False),
    ],
)
def test_people_s_devices_count_and_beacons_do_not(
    radio: Radio, kind: Kind, address_type: AddressType | None, *, counts: bool
) -> None:
    sighting = Sighting(T, "door", radio, kind, -80, address=phone(1), address_type=address_type)
    assert figures(count_of(sighting)) == (1.0 if counts else 0.0, 0, 0)


def test_a_log_without_addresses_counts_by_its_pseudonyms_and_without_those_nobody() -> None:
    bare = probe(T, 1, -80)._replace(address=None)
    named = [bare._replace(device=name, rssi=None) for name in ("p3k9", "p3ka", "p3k9")]
    assert figures(count_of(*named)) == (2, 0, 0)
    crowd = make_crowd()
    crowd.hear(bare)
    assert crowd.counters == {"without a device": 1}
    assert [figures(one) for one in crowd.finish(T)] == [(0, 0, 0)]


def test_two_radios_of_one_person_are_one_person() -> None:
    advert = Sighting(T, "door", "ble", "advert", -80, address=phone(9), address_type="resolvable")
    sightings = [probe(T, 1, -80), probe(T, 2, -85), advert]
    assert figures(count_of(*sightings)) == (2, 0, 0)


# addresses that are used once


def phones(number: int, *, once: bool, frames: int = 3) -> list[Sighting]:
    """Return what phones inside send in a quarter hour: 15 bursts of frames each, at levels of their own."""
    draw = random.Random(number)
    found = []
    for one in range(number):
        level = draw.uniform(-66, -45)
        for begins in (draw.uniform(0, 899) for _ in range(15)):
            levels = [round(draw.gauss(level, 1)) for _ in range(frames)]
            found += [probe(T + begins + frame / 20, one, rssi, "air") for frame, rssi in enumerate(levels)]
    addresses = count()
    return sorted(
        (s._replace(address=phone(next(addresses))) if once else s for s in found), key=lambda sighting: sighting.t
    )


@pytest.mark.parametrize("number", [5, 20, 80])
def test_people_inside_are_counted_also_where_every_address_is_used_once(number: int) -> None:
    once = count_of(*phones(number, once=True))
    assert number / 2 < once.inside.count < number * 2
    assert once.inside == count_of(*phones(number, once=False)).inside


def test_who_passes_is_counted_by_bursts_where_every_address_is_used_once() -> None:
    draw = random.Random(5)
    found = []
    for one in range(60):
        begins, level = T + draw.uniform(0, 890), draw.uniform(-86, -76)
        found += [probe(begins + frame / 20, one * 10 + frame, round(level)) for frame in range(10)]
    counted = count_of(*sorted(found, key=lambda sighting: sighting.t))
    assert counted.passing.count == pytest.approx(60, rel=0.2)


def test_adverts_under_ever_new_addresses_are_no_more_devices_than_bursts() -> None:
    def adverts(addresses: Iterable[int]) -> Count:
        return count_of(
            *(
                Sighting(T + n / 2, "door", "ble", "advert", -60, address=phone(address), address_type="random")
                for n, address in zip(range(1600), addresses, strict=False)
            )
        )

    steady, fickle = adverts(n % 3 for n in count()), adverts(count())
    assert steady.inside.count == pytest.approx(3, rel=0.1)
    assert fickle.inside.count < 40


# the shop's own


@pytest.mark.parametrize(
    "own",
    [
        probe(T, 7)._replace(address_type="global"),
        probe(T, 7, None, "guest-wifi")._replace(kind="station", address_type="global"),
        Sighting(T, "door", "ble", "advert", -60, address=phone(7), address_type="public"),
        probe(T, 8),
    ],
)
def test_things_with_a_maker_s_address_and_listed_stations_are_left_out(own: Sighting) -> None:
    crowd = make_crowd(settings=CrowdSettings(fixed=frozenset({phone(8)})))
    crowd.hear(own)
    assert [figures(one) for one in crowd.finish(T)] in ([(0, 0, 0)], [])
    assert crowd.counters == {"beacon or fixed station": 1}


# calibration

LAW = CrowdLaw("wifi", per_person=10, shape=5, baseline=4, baseline_shape=0.5, busiest=20)
CALIBRATED = CrowdSettings(calibration=CrowdCalibration("2026-11-22", {"inside": LAW}))


def test_a_calibrated_count_names_its_version_and_the_other_cells_stay_as_they_were() -> None:
    crowd = make_crowd(settings=CALIBRATED)
    for sighting in phones(12, once=True):
        crowd.hear(sighting)
    [counted] = crowd.advance(T + QUARTER)
    assert counted.data()["calibration"] == "2026-11-22"
    assert counted.inside == calibrated(counted.measure.heard["wifi"].inside, QUARTER, LAW)
    assert counted.passing == uncalibrated(0)


def test_what_was_counted_before_a_calibration_keeps_its_figures_and_its_version() -> None:
    first = count_of(*phones(12, once=True))
    again = count_people(first.measure, 10, CALIBRATED.calibration)
    assert first.data()["calibration"] is None
    assert (again.data()["calibration"], again.measure) == ("2026-11-22", first.measure)
    assert first.inside == uncalibrated(first.measure.heard["wifi"].inside * BURST)


def test_measures_of_whole_intervals_are_kept_for_a_fortnight_at_most() -> None:
    crowd = make_crowd()
    for day in range(20):
        crowd.hear(probe(T + 86_400 * day + 100))
        crowd.advance(T + 86_400 * (day + 1))
    assert len(crowd.measures) == 14 * 96
    assert all(measure.watched == QUARTER for measure in crowd.measures)


# intervals


def test_intervals_are_aligned_to_the_quarter_hour_and_follow_on_each_other() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T + 100, 1, -80))
    crowd.hear(probe(T + 2000, 2, -80))
    counted = crowd.advance(T + 2699) + crowd.finish(T + 2710)
    assert [(one.since - T, one.until - T, one.passing.count) for one in counted] == [
        (0, 900, 1),
        (900, 1800, 0),
        (1800, 2700, 1),
        (2700, 2760, 0),
    ]
    assert crowd.finish(T + 2710) == []


def test_where_the_input_ends_the_begun_interval_is_averaged_over_the_minutes_that_were_heard() -> None:
    crowd = make_crowd()
    for t in (T + 420, T + 480):
        for number in range(40):
            crowd.hear(probe(t + number, number, None, "guest-wifi"))
    [counted] = crowd.finish(T + 520)
    assert (counted.since, counted.until, counted.inside.count) == (T, T + 540, 40)


def test_an_input_of_one_moment_is_counted() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T))
    [counted] = crowd.finish(T)
    assert (counted.since, counted.until, round(counted.inside.count)) == (T, T + 60, 1)


def test_a_gap_is_filled_with_empty_intervals_for_a_day_and_then_jumped_over() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T + 10))
    late = T + 30 * QUIET_S
    crowd.hear(probe(late + 10))
    counted = crowd.finish(late + 10)
    assert len(counted) == 96 + 2
    assert counted[-2].until == T + QUIET_S + QUARTER
    assert (counted[-1].since, round(counted[-1].inside.count)) == (late, 1)


def test_time_alone_begins_an_interval_and_after_a_day_of_nobody_nothing_is_due() -> None:
    crowd = make_crowd()
    assert crowd.deadline == float("inf")
    crowd.advance(T + 1)
    counted: list[Count] = []
    while crowd.deadline < float("inf"):
        counted += crowd.advance(crowd.deadline)
    assert len(counted) == 97
    assert crowd.advance(T + 9 * QUIET_S) == []


def test_a_late_frame_after_a_rest_does_not_count_an_interval_twice() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T))
    counted = crowd.advance(T + QUIET_S + QUARTER)
    crowd.hear(probe(T + QUIET_S + QUARTER - 2))
    counted += crowd.finish(T + QUIET_S + QUARTER + 1)
    sinces = [one.since for one in counted]
    assert sorted(set(sinces)) == sinces


def test_a_frame_that_is_a_little_late_counts_and_one_that_is_very_late_does_not() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T + 301, 1, -80))
    crowd.hear(probe(T + 301 - LATE_S, 2, -85))
    crowd.hear(probe(T + 300 - LATE_S, 3, -80))
    assert crowd.finish(T + 301)[0].passing.count == 2
    assert crowd.counters == {"late": 1}


@pytest.mark.parametrize(("interval_s", "window_s"), [(900, 360), (900, 450), (900, 90), (900, 0), (1000, 300)])
def test_a_window_longer_than_five_minutes_or_astride_two_intervals_is_refused(interval_s: int, window_s: int) -> None:
    with pytest.raises(ValueError, match="whole minutes"):
        Crowd(SHOP, interval_s, window_s, key_source=keys().__next__)


@pytest.mark.parametrize("by_s", [-30 * QUIET_S, -7200.0, 7200.0, 30 * QUIET_S])
def test_a_clock_that_is_set_closes_the_interval_and_another_one_begins_at_the_new_time(by_s: float) -> None:
    crowd = make_crowd()
    crowd.hear(probe(T + 400, 1, -80))
    counted = crowd.finish(T + 410)
    crowd.redate(by_s)
    assert crowd.deadline == float("inf")
    crowd.hear(probe(T + 420 + by_s, 2, -80))
    counted += crowd.advance(T + QUARTER + by_s)
    assert crowd.counters == {}
    assert [(one.since - T, one.until - T, one.passing.count) for one in counted] == [
        (0, 420, 1),
        (by_s, by_s + QUARTER, 1),
    ]


@given(st.floats(-1e8, 1e8), st.floats(0, 1e6))
def test_a_clock_that_is_set_before_anybody_was_heard_changes_nothing(by_s: float, later_s: float) -> None:
    """Invariant: a crowd that rests counts what comes at whatever time it comes."""
    crowd = make_crowd()
    crowd.redate(by_s)
    crowd.hear(probe(T + later_s, 1, -80))
    [counted] = crowd.finish(T + later_s)
    assert (counted.passing.count, crowd.counters) == (1, {})


# forgetting


def bytes_within(root: object) -> set[bytes]:
    """Return every bytes object that can be reached from an object's own state."""
    seen: set[int] = set()
    found: set[bytes] = set()
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type) or type(value).__name__ in ("module", "function", "generator"):
            continue
        seen.add(id(value))
        if isinstance(value, bytes):
            found.add(value)
        waiting += gc.get_referents(value)
    return found


def test_within_a_window_there_are_only_keyed_digests_and_after_it_nothing() -> None:
    crowd = make_crowd()
    before = bytes_within(crowd)
    for number in range(50):
        crowd.hear(probe(T + number, number))
    held = bytes_within(crowd) - before
    assert len(held) == 50
    assert not any(phone(number) in digest for number in range(50) for digest in held)
    assert crowd.deadline <= T + 300
    crowd.advance(crowd.deadline)
    assert bytes_within(crowd) == before


def test_each_window_has_a_key_of_its_own_and_an_empty_one_has_none() -> None:
    asked: list[bytes] = []

    def source() -> bytes:
        asked.append(os.urandom(32))
        return asked[-1]

    crowd = Crowd(SHOP, key_source=source)
    for second in (0, 10, 299, 300, 1200):
        crowd.hear(probe(T + second))
    assert len(set(asked)) == len(asked) == 3


def test_a_clock_set_back_by_more_than_a_window_forgets_the_window() -> None:
    crowd = make_crowd()
    before = bytes_within(crowd)
    crowd.hear(probe(T + 4000))
    crowd.hear(probe(T + 400))
    assert bytes_within(crowd) == before


def test_a_flood_of_addresses_takes_bounded_memory_and_is_told_instead_of_counted() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T))
    tracemalloc.start()
    for number in range(100_000):
        crowd.hear(probe(T + 1, number))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 400 * MOST_DEVICES
    [counted] = crowd.advance(T + QUARTER)
    assert crowd.counters == {"flood": 100_000 - MOST_DEVICES}
    hidden = {"hidden": True}
    assert counted.data() == {
        "passing": hidden,
        "lingering": hidden,
        "inside": hidden,
        "calibration": None,
        "flooded": True,
    }
    assert make_crowd(2).advance(T + QUARTER) == []


# what may be told


def told(passing: float, lingering: float, inside: float) -> Count:
    return Count(
        Measure(T, T + QUARTER, QUARTER, {}), uncalibrated(passing), uncalibrated(lingering), uncalibrated(inside), 10
    )


def test_a_count_is_told_in_fives_with_an_interval() -> None:
    counted = replace(told(0, 12.4, 12.5), passing=Estimate(40.0, 29.9, 50.1))
    assert counted.data() == {
        "passing": {"count": 40, "low": 25, "high": 55},
        "lingering": {"count": 10, "low": 0, "high": 25},
        "inside": {"count": 15, "low": 0, "high": 25},
        "calibration": None,
    }


@pytest.mark.parametrize(
    ("cells", "hidden"),
    [
        ((10, 10, 10), set()),
        ((9.9, 30, 20), {"passing", "inside"}),
        ((30, 9.9, 30), {"lingering", "passing"}),
        ((30, 0, 9), {"lingering", "inside"}),
        ((0, 0, 0), {"passing", "lingering", "inside"}),
    ],
)
def test_small_cells_are_hidden_and_never_one_alone(cells: tuple[float, float, float], hidden: set[str]) -> None:
    data = told(*cells).data()
    assert {name for name, cell in data.items() if cell == {"hidden": True}} == hidden


def test_estimates_are_unrounded_and_none_hidden() -> None:
    assert told(3, 0, 12.5).estimates() == {
        "passing": uncalibrated(3).as_json(),
        "lingering": uncalibrated(0).as_json(),
        "inside": {"count": 12.5, "low": uncalibrated(12.5).low, "high": uncalibrated(12.5).high},
        "calibration": None,
    }


CELL = st.integers(0, 300).map(lambda tenths: tenths / 10)


@given(CELL, CELL, CELL, CELL)
def test_a_hidden_cell_leaves_nothing_to_work_it_out_from(a: float, b: float, c: float, other: float) -> None:
    """Invariant: whatever a small cell holds, and whatever the total is, the same is told."""
    counted = told(a, b, c)
    hidden = [name for name in ("passing", "lingering", "inside") if counted.data()[name] == {"hidden": True}]
    assert len(hidden) != 1
    for name in hidden:
        changed = replace(counted, **{name: uncalibrated(min(other, 9.9))})  # type: ignore[arg-type]
        still = [one for one in hidden if changed.data()[one] == {"hidden": True}]
        if still == hidden:
            assert changed.data() == counted.data()


@given(st.floats(0, 1e6))
def test_an_interval_holds_its_count_and_never_falls_below_nobody(devices: float) -> None:
    """Invariant: 0 <= low <= count <= high, also when rounded."""
    exact = uncalibrated(devices)
    for cell in (exact.as_json(), exact.rounded()):
        assert 0 <= cell["low"] <= cell["count"] <= cell["high"]


# properties


FRAMES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 7.0, 59.0, 61.0, 250.0, 1000.0, 5000.0]),
        st.integers(0, 12),
        st.sampled_from([-95, -89, -80, -72, -60, None]),
        st.sampled_from(["door", "air", "guest-wifi", "till"]),
        st.sampled_from(["probe-request", "advert", "ibeacon"]),
    ),
    max_size=60,
)
Frames = list[tuple[float, int, int | None, str, Kind]]


def sightings_of(frames: Frames) -> list[Sighting]:
    t = T
    found = []
    for gap, number, rssi, receiver, kind in frames:
        t += gap
        radio: Radio = "wifi" if kind == "probe-request" else "ble"
        found.append(Sighting(t, receiver, radio, kind, rssi, address=phone(number)))
    return found


def run(sightings: Iterable[Sighting], seed: int = 1, steps: Iterable[float] = ()) -> list[Count]:
    """Play sightings; before each one let time pass by the given parts of the way to it."""
    crowd = make_crowd(seed)
    counted = crowd.advance(T)
    now = T
    for sighting in sightings:
        for part in steps:
            now += (sighting.t - now) * part
            counted += crowd.advance(now)
        crowd.hear(sighting)
        now = max(now, sighting.t)
    return counted + crowd.finish(now)


@given(FRAMES, st.integers(2, 1000))
def test_the_key_never_changes_a_count(frames: Frames, seed: int) -> None:
    """Invariant: the counts are a function of the frames alone."""
    assert run(sightings_of(frames), seed) == run(sightings_of(frames))


@given(FRAMES, st.integers(2, 1000))
def test_addresses_never_change_how_many_are_inside_by_wifi(frames: Frames, seed: int) -> None:
    """Invariant: bursts hang on times and levels alone, whoever sent them and under whatever address."""
    draw = random.Random(seed)
    sightings = [s for s in sightings_of(frames) if s.radio == "wifi"]
    others = [s._replace(address=phone(draw.randrange(1 << 40))) for s in sightings]
    mine, theirs = run(sightings), run(others)
    assert [c.measure.heard["wifi"].inside for c in mine] == [c.measure.heard["wifi"].inside for c in theirs]


@given(FRAMES, st.lists(st.floats(0, 1), max_size=4))
def test_how_often_time_is_told_does_not_matter(frames: Frames, steps: list[float]) -> None:
    """Invariant: advancing in many small steps gives what one step gives."""
    assert run(sightings_of(frames), steps=steps) == run(sightings_of(frames))


@given(FRAMES, st.randoms(use_true_random=False))
def test_the_order_of_frames_of_one_time_does_not_matter(frames: Frames, shuffle: random.Random) -> None:
    """Invariant: equal times may come in any order."""
    sightings = sightings_of(frames)
    mixed = sorted(shuffle.sample(sightings, len(sightings)), key=lambda sighting: sighting.t)
    assert run(mixed) == run(sightings)


@given(FRAMES)
def test_intervals_cover_time_once_and_nobody_is_counted_below_zero_or_twice(frames: Frames) -> None:
    """Invariant: intervals meet end to end; outside, no more than the devices heard, each once a window."""
    sightings = sightings_of(frames)
    counted = run(sightings)
    assert all(one.until == other.since for one, other in pairwise(counted))
    for one in counted:
        heard = {(s.address, s.radio, s.t // 300) for s in sightings if one.since <= s.t < one.until}
        assert all(figure >= 0 for figure in figures(one))
        assert one.passing.count + one.lingering.count <= len(heard)
        assert one.inside.count <= 2.5 * len(sightings)


# recorded days


@pytest.mark.corpus
def test_recorded_days_are_counted_nearer_than_by_anything_that_does_not_listen() -> None:
    folder = os.environ.get("HUSHBELL_CORPUS")
    if not folder:
        pytest.skip("HUSHBELL_CORPUS names no folder of recorded captures")
    fares = leave_one_out(load_days(Path(folder) / "lab-probes"))
    for day, (people, ours, constant, controls, shown, _) in fares.items():
        deaf = min(controls["zero"], controls["median"])
        assert ours.error < deaf if people else ours.error == 0, day
        assert ours.error < min(controls["frames"], controls["addresses"]), day
        assert ours.coverage >= 0.75, day
        assert ours.interval < 1.2 * constant.interval, day
        assert shown == 0, day
    assert mean(one.ours.error for one in fares.values()) < 2.0
    assert mean(one.ours.coverage for one in fares.values()) > 0.8
    assert mean(one.ours.interval for one in fares.values()) < 0.6 * mean(o.constant.interval for o in fares.values())
