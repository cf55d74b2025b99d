"""What holds of the core as a whole, whatever is heard in whatever order, however clocks and restarts fall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_core import (
    CARDS,
    LEVELS,
    START,
    a_core,
    a_member,
    advert,
    adverts,
    kept,
    later,
    shelf,
    station,
    stranger,
    visits,
)

from drivers.sighting import Sighting
from gateway.core import Core
from gateway.events import Event, Outcome

NAMES = st.sampled_from(sorted(CARDS))
TICK = st.integers(0, 4 * 300).map(lambda ticks: ticks / 4)

SINGLE = st.one_of(
    st.builds(advert, TICK, st.integers(-100, -40), st.sampled_from(["door", "shelf", "cellar"]), NAMES),
    st.builds(station, TICK, NAMES),
    st.builds(stranger, TICK, st.integers(0, 30)),
).map(lambda sighting: [sighting])
SPELL = st.builds(
    lambda begins, seconds, place, name: (
        shelf(begins, seconds, name) if place == "shelf" else adverts(begins, seconds, LEVELS[place], name=name)
    ),
    TICK,
    st.integers(1, 15),
    st.sampled_from(["window", "door", "nowhere", "shelf"]),
    NAMES,
)
STREAM = st.lists(SINGLE | SPELL, max_size=15).map(lambda parts: [sighting for part in parts for sighting in part])

ALIASES = ("visit", "alert", "feedback")


def two() -> Core:
    return a_core(*(a_member(name) for name in sorted(CARDS)))


def in_order(sightings: Iterable[Sighting]) -> list[Sighting]:
    return sorted(sightings, key=lambda sighting: sighting.t)


def play(batches: Iterable[Sequence[Sighting]]) -> Outcome:
    core, out = two(), Outcome()
    for batch in batches:
        out.merge(core.hear(batch))
    out.merge(core.finish(max(core.now, START) + 1000))
    return out


def essence(events: Iterable[Event]) -> Counter[tuple[str, float, str]]:
    """Return what was said and when; names derive from a running number, and so from the order."""
    return Counter(
        (event.type, event.time, repr({key: said for key, said in event.data.items() if key not in ALIASES}))
        for event in events
    )


@settings(max_examples=25, deadline=None)
@given(STREAM.flatmap(lambda stream: st.tuples(st.just(stream), st.permutations(stream))))
def test_the_order_of_sightings_of_one_time_does_not_matter(streams: tuple[list[Sighting], list[Sighting]]) -> None:
    """Invariant: sightings of one time are one set; events, decisions and what is kept are the same."""
    one, other = (play([in_order(stream)]) for stream in streams)
    assert essence(one.events) == essence(other.events)
    decided, decided_otherwise = (
        Counter((row.rule, row.outcome, row.member, row.t, repr(row.detail)) for row in out.decisions)
        for out in (one, other)
    )
    assert decided == decided_otherwise


@settings(max_examples=25, deadline=None)
@given(STREAM, st.lists(st.integers(0, 1000), max_size=12))
def test_splitting_a_stream_over_calls_does_not_matter(stream: list[Sighting], cuts: list[int]) -> None:
    """Invariant: the same stream gives the same outcome, names and order included, late frames too."""
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    whole = play([stream])
    parts = play([stream[a:b] for a, b in pairwise(places)])
    assert (whole.events, whole.decisions, whole.state) == (parts.events, parts.decisions, parts.state)


@settings(max_examples=25, deadline=None)
@given(STREAM)
def test_no_sighting_moves_time_backwards(stream: list[Sighting]) -> None:
    """Invariant: the core's time never falls, and neither do the times of what it says and decides."""
    core, out, now = two(), Outcome(), START
    for sighting in stream:
        out.merge(core.hear([sighting]))
        assert core.now >= now
        now = core.now
    for times in ([event.time for event in out.events], [row.t for row in out.decisions]):
        assert times == sorted(times)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            STREAM,
            st.sampled_from([0.0, -7200.0, -3.0, 3.0, 7200.0, 2e9]),
            st.sampled_from(["", "restart", "crash", "away"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_visit_that_started_ends_once(days: list[tuple[list[Sighting], float, str]]) -> None:
    """Invariant: each alias is started once and then ended once, through jumps of the clock, restarts and absence."""
    core, rows, log = two(), Outcome(), Outcome()
    core.advance(START)
    for number, (stream, jump_s, restart) in enumerate(days):
        out = core.hear(later(in_order(stream), core.now - START))
        out.merge(core.set_clock(core.now, jump_s))
        out.merge(core.alive(core.now))
        rows.merge(out)
        log.merge(out)
        if restart:
            now = core.now + {"restart": 1.0, "crash": 90.0, "away": 9000.0}[restart]
            core = a_core(*(a_member(name) for name in sorted(CARDS)), run=bytes([number]))
            restored = core.restore(kept(rows), now)
            restored.merge(core.advance(now))
            rows.merge(restored)
            log.merge(restored)
    log.merge(core.advance(core.now + 1000))
    lives: dict[str, list[str]] = {}
    for event in visits(log):
        lives.setdefault(event.data["visit"], []).append(event.type.rpartition(".")[2])
    for life in lives.values():
        assert (life[0], life[-1]) == ("started", "ended")
        assert set(life[1:-1]) <= {"moved"}
    assert not core.visits
