"""Deaf or quiet: tables of silences, and laws that hold whatever was heard before."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.receiving.hearing import AT_ANY_HOUR, GRACE_S, IN_HOURS, LIMITS_S, Ear, Hearing, Moment

HEARD = Moment(1.0, 1, 1, True)
OTHERS = Moment(1.0, 1, 0, True)
SILENT = Moment(1.0, 0, 0, True)

moments = st.builds(
    lambda seconds, frames, references, is_open: Moment(seconds, frames + references, references, is_open),
    st.floats(0.1, 5.0),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from((True, False, None)),
)


def deaf_after(hearing: Hearing, moment: Moment, within: int) -> int | None:
    """Return how many such moments make a receiver deaf."""
    return next((n for n in range(1, within + 1) if hearing.judge(moment) is Ear.DEAF), None)


def listened(*, referenced: bool, has_hours: bool = True, moments: Iterable[Moment]) -> Hearing:
    hearing = Hearing(referenced=referenced, has_hours=has_hours)
    for moment in moments:
        hearing.judge(moment)
    return hearing


@pytest.mark.parametrize(("gap", "limit"), [(1, 10), (2, 10), (3, 12), (5, 20), (8, 20)])
def test_how_long_a_reference_may_be_silent_follows_from_how_often_it_is_heard(gap: int, limit: int) -> None:
    hearing = listened(referenced=True, moments=([SILENT] * (gap - 1) + [HEARD]) * 40)
    assert deaf_after(hearing, SILENT, 60) == limit
    assert hearing.reason == "nothing is heard, not even the reference beacon"


def test_a_reference_that_was_never_heard_has_its_grace() -> None:
    hearing = Hearing(referenced=True, has_hours=True)
    assert deaf_after(hearing, SILENT, 60) == GRACE_S
    assert "since the start" in hearing.reason


def test_a_silent_reference_among_others_is_told_apart() -> None:
    hearing = listened(referenced=True, moments=[HEARD] * 60)
    assert deaf_after(hearing, OTHERS, 60) == LIMITS_S[0]
    assert hearing.hears_others
    assert "battery" in hearing.reason
    for _ in range(20):
        hearing.judge(SILENT)
    assert not hearing.hears_others


def test_what_was_heard_just_before_a_reference_fell_silent_proves_nothing() -> None:
    hearing = listened(referenced=True, moments=[HEARD] * 60 + [OTHERS] * 2)
    assert deaf_after(hearing, SILENT, 60) == LIMITS_S[0] - 2
    assert not hearing.hears_others


def test_a_deaf_spell_teaches_nothing_about_the_reference() -> None:
    flapping = ([HEARD] * 5 + [SILENT] * 60) * 20
    hearing = listened(referenced=True, moments=[*[HEARD] * 60, *flapping, HEARD])
    assert deaf_after(hearing, SILENT, 60) == LIMITS_S[0]


def test_a_reference_is_watched_at_night_too() -> None:
    hearing = listened(referenced=True, moments=[HEARD] * 60)
    assert deaf_after(hearing, SILENT._replace(is_open=False), 60) == LIMITS_S[0]


def test_a_stall_is_no_silence() -> None:
    hearing = listened(referenced=True, moments=[HEARD] * 60)
    assert hearing.judge(SILENT._replace(seconds=3600.0)) is Ear.HEARING


def busy_day(every: int, longest: int, hours: int = 3) -> list[Moment]:
    """Return opening hours with a frame so often, and now and then a longer silence."""
    period = [*([SILENT] * (every - 1) + [OTHERS]) * (600 // every), *[SILENT] * (longest - 1), OTHERS]
    return period * (hours * 3600 // len(period))


@pytest.mark.parametrize(
    ("every", "longest", "limit"),
    [(1, 1, IN_HOURS.least_s), (2, 20, IN_HOURS.least_s), (5, 60, 180), (20, 100, 300), (60, 100, 840)],
)
def test_without_a_reference_a_silence_is_judged_by_those_that_ended(every: int, longest: int, limit: float) -> None:
    hearing = listened(referenced=False, moments=busy_day(every, longest))
    found = deaf_after(hearing, SILENT, 3600)
    assert found is not None
    assert found == pytest.approx(limit, rel=0.05)


def test_a_closed_shop_is_quiet_and_the_night_counts_for_nothing_in_the_morning() -> None:
    hearing = listened(referenced=False, moments=busy_day(2, 20))
    night = {hearing.judge(SILENT._replace(is_open=False)) for _ in range(12 * 3600)}
    assert night == {Ear.HEARING, Ear.QUIET}
    assert deaf_after(hearing, SILENT, 600) == IN_HOURS.least_s


def test_who_is_called_deaf_at_closing_time_is_quiet_afterwards() -> None:
    hearing = listened(referenced=False, moments=[*busy_day(2, 20), *[SILENT] * 300])
    assert hearing.judge(SILENT._replace(is_open=False)) is Ear.QUIET


@pytest.mark.parametrize(("has_hours", "limit"), [(True, IN_HOURS.unknown_s), (False, AT_ANY_HOUR.unknown_s)])
def test_where_little_is_known_a_silence_must_be_long(has_hours: bool, limit: float) -> None:
    moment = SILENT._replace(is_open=True if has_hours else None)
    hearing = Hearing(referenced=False, has_hours=has_hours)
    assert deaf_after(hearing, moment, 30_000) == limit


def test_one_long_silence_does_not_teach_that_such_are_usual() -> None:
    hearing = listened(referenced=False, moments=[*busy_day(2, 20), *[SILENT] * 3600, OTHERS])
    found = deaf_after(hearing, SILENT, 3600)
    assert found is not None
    assert found <= 1.5 * IN_HOURS.least_s


@given(st.lists(moments, max_size=200), st.booleans())
def test_a_reference_that_is_heard_is_never_deaf(past: list[Moment], has_hours: bool) -> None:
    hearing = listened(referenced=True, has_hours=has_hours, moments=past)
    assert hearing.judge(HEARD) is Ear.HEARING


@given(st.lists(moments, max_size=200), st.booleans(), st.booleans())
def test_once_deaf_silence_in_the_same_hours_keeps_it_so(past: list[Moment], referenced: bool, has_hours: bool) -> None:
    hearing = listened(referenced=referenced, has_hours=has_hours, moments=past)
    ears = [hearing.judge(SILENT._replace(seconds=5.0)) for _ in range(600)]
    order = [Ear.HEARING, Ear.QUIET, Ear.DEAF]
    assert ears == sorted(ears, key=order.index)


@given(st.lists(moments, max_size=50), st.booleans(), st.booleans())
def test_nobody_is_deaf_within_the_grace_after_the_start(past: list[Moment], referenced: bool, has_hours: bool) -> None:
    silent = [moment._replace(frames=0, references=0) for moment in past]
    hearing = Hearing(referenced=referenced, has_hours=has_hours)
    passed = 0.0
    for moment in silent:
        passed += moment.seconds
        assert hearing.judge(moment) is not Ear.DEAF or passed >= GRACE_S - 1e-6


@given(st.lists(moments, max_size=200))
def test_without_a_reference_nobody_is_deaf_while_the_shop_is_closed(past: list[Moment]) -> None:
    hearing = listened(referenced=False, moments=past)
    assert all(hearing.judge(SILENT._replace(is_open=False)) is not Ear.DEAF for _ in range(100))
