from __future__ import annotations

import gc
import os
import random
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.captures import read_capture
from drivers.sighting import AddressType, Kind, Radio, Sighting
from gateway.config import Hear, Zone
from gateway.crowd import LATE_S, MOST_DEVICES, QUIET_S, Count, Crowd, Estimate, estimate

QUARTER = 900.0
T = 1_763_791_200.0  # a quarter hour begins
SHOP = (
    Zone("pavement", "outside", (Hear("door", -88), Hear("air", -90))),
    Zone("entrance", "door", (Hear("door", -70, 2.0),)),
    Zone("floor", "inside", (Hear("air", -75), Hear("guest-wifi"))),
)


def keys(seed: int = 1) -> Iterator[bytes]:
    return (random.Random(seed * 1_000_003 + number).randbytes(32) for number in count())


def make_crowd(seed: int = 1, zones: Iterable[Zone] = SHOP, **more: int) -> Crowd:
    return Crowd(zones, **more, key_source=keys(seed).__next__)


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
        ([probe(T, 1, -73), probe(T, 1, -72), probe(T, 1, -72)], (0, 0, 1 / 15)),
        ([probe(T + 60 * minute, 1) for minute in range(15)], (0, 0, 1)),
        ([probe(T + 60 * minute, minute) for minute in range(15)], (0, 0, 1)),
        ([probe(T + second, 1) for second in range(60)], (0, 0, 1 / 15)),
        ([probe(T, 1, -80), probe(T + 1, 1, -60)], (0, 0, 1 / 15)),
        ([probe(T, 1, -80), probe(T + 1, 1, -80), probe(T + 2, 1, -60)], (1, 0, 0)),
        ([probe(T, 1, -80), probe(T + 300, 1, -80)], (2, 0, 0)),
        ([probe(T, 1, None), probe(T, 2, None, "air")], (2, 0, 0)),
        ([probe(T, 1, None, "guest-wifi")], (0, 0, 1 / 15)),
        ([probe(T, 1, -89), probe(T, 2, -60, "till")], (0, 0, 0)),
    ],
)
def test_devices_are_passing_lingering_or_inside(
    sightings: list[Sighting], expected: tuple[float, float, float]
) -> None:
    assert figures(count_of(*sightings)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("radio", "kind", "address_type", "counts"),
    [
        ("wifi", "probe-request", "local", True),
        ("wifi", "probe-request", "global", True),
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
    named = [bare._replace(device=name) for name in ("p3k9", "p3ka", "p3k9")]
    assert figures(count_of(*named)) == (2, 0, 0)
    crowd = make_crowd()
    crowd.hear(bare)
    assert crowd.counters == {"without a device": 1}
    assert [figures(one) for one in crowd.finish(T)] == [(0, 0, 0)]


def test_two_radios_of_one_person_are_one_person() -> None:
    advert = Sighting(T, "door", "ble", "advert", -80, address=phone(9), address_type="resolvable")
    sightings = [probe(T, 1, -80), probe(T, 2, -80), advert]
    assert figures(count_of(*sightings)) == (2, 0, 0)


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
            crowd.hear(probe(t + number, number))
    [counted] = crowd.finish(T + 520)
    assert (counted.since, counted.until, counted.inside.count) == (T, T + 540, 40)


def test_an_input_of_one_moment_is_counted() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T))
    [counted] = crowd.finish(T)
    assert (counted.since, counted.until, counted.inside.count) == (T, T + 60, 1)


def test_a_gap_is_filled_with_empty_intervals_for_a_day_and_then_jumped_over() -> None:
    crowd = make_crowd()
    crowd.hear(probe(T + 10))
    late = T + 30 * QUIET_S
    crowd.hear(probe(late + 10))
    counted = crowd.finish(late + 10)
    assert len(counted) == 96 + 2
    assert counted[-2].until == T + QUIET_S + QUARTER
    assert (counted[-1].since, counted[-1].inside.count) == (late, 1)


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
    crowd.hear(probe(T + 301 - LATE_S, 2, -80))
    crowd.hear(probe(T + 300 - LATE_S, 3, -80))
    assert crowd.finish(T + 301)[0].passing.count == 2
    assert crowd.counters == {"late": 1}


@pytest.mark.parametrize(("interval_s", "window_s"), [(900, 360), (900, 450), (900, 90), (900, 0), (1000, 300)])
def test_a_window_longer_than_five_minutes_or_astride_two_intervals_is_refused(interval_s: int, window_s: int) -> None:
    with pytest.raises(ValueError, match="whole minutes"):
        Crowd(SHOP, interval_s, window_s, key_source=keys().__next__)


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
    return Count(T, T + QUARTER, estimate(passing), estimate(lingering), estimate(inside), 10)


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
        "passing": estimate(3).as_json(),
        "lingering": estimate(0).as_json(),
        "inside": {"count": 12.5, "low": estimate(12.5).low, "high": estimate(12.5).high},
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
        changed = replace(counted, **{name: estimate(min(other, 9.9))})  # type: ignore[arg-type]
        still = [one for one in hidden if changed.data()[one] == {"hidden": True}]
        if still == hidden:
            assert changed.data() == counted.data()


@given(st.floats(0, 1e6))
def test_an_interval_holds_its_count_and_never_falls_below_nobody(devices: float) -> None:
    """Invariant: 0 <= low <= count <= high, also when rounded."""
    exact = estimate(devices)
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
    """Invariant: intervals meet end to end, and no cell exceeds the devices heard, each once a window."""
    sightings = sightings_of(frames)
    counted = run(sightings)
    assert all(one.until == other.since for one, other in pairwise(counted))
    for one in counted:
        heard = {(s.address, s.radio, s.t // 300) for s in sightings if one.since <= s.t < one.until}
        assert all(figure >= 0 for figure in figures(one))
        assert one.passing.count + one.lingering.count <= len(heard)
        assert one.inside.count <= len(heard)


# recorded days


def load_heads(path: Path) -> dict[int, int]:
    rows = (line.split(",") for line in path.read_text().split()[1:])
    return {int(minute): int(people) for minute, people in rows}


def count_day(capture: Path) -> list[Count]:
    crowd = make_crowd(zones=[Zone("lab", "inside", (Hear("lab", -70),))])
    counted: list[Count] = []
    t = 0.0
    for sighting in read_capture(capture, lambda _: "lab", Counter(), lambda _: None):
        t = sighting.t
        counted += crowd.advance(t)
        crowd.hear(sighting)
    return counted + crowd.finish(t)


def addresses_per_window(capture: Path) -> dict[float, float]:
    """Return the trivial control: distinct addresses in five minutes, averaged over the quarter hour."""
    windows: dict[float, set[bytes]] = defaultdict(set)
    for sighting in read_capture(capture, lambda _: "lab", Counter(), lambda _: None):
        windows[sighting.t // 300].add(sighting.address or b"")
    return {q: mean(len(windows[q * 3 + i]) for i in range(3)) for q in {window // 3 for window in windows}}


@pytest.mark.corpus
def test_a_lab_s_days_are_counted_nearer_than_by_trivial_means() -> None:
    folder = os.environ.get("HUSHBELL_CORPUS")
    if not folder:
        pytest.skip("HUSHBELL_CORPUS names no folder of recorded captures")
    ours, zeros, addresses, medians = [], [], [], []
    for capture in sorted((Path(folder) / "lab-probes").glob("*.pcap")):
        heads = load_heads(capture.with_suffix(".headcount.csv"))
        naive = addresses_per_window(capture)
        truth: dict[float, float] = {}
        found: dict[float, float] = {}
        for one in count_day(capture):
            people = [n for minute, n in heads.items() if one.since <= minute < one.until]
            if len(people) >= 10:
                truth[one.since // QUARTER] = mean(people)
                found[one.since // QUARTER] = one.inside.count
        middle = median(truth.values())
        ours.append(mean(abs(found[q] - people) for q, people in truth.items()))
        zeros.append(mean(truth.values()))
        addresses.append(mean(abs(naive.get(q, 0) - people) for q, people in truth.items()))
        medians.append(mean(abs(middle - people) for people in truth.values()))
        print(
            f"{capture.stem}: off by {ours[-1]:.1f} people; always zero {zeros[-1]:.1f},"
            f" distinct addresses {addresses[-1]:.1f}, the day's own median {medians[-1]:.1f}"
        )
    assert mean(ours) < min(mean(zeros), mean(addresses), mean(medians))
