"""What is recorded gives the same decisions again, and holds nothing that it must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_core import CARDS, CONFIG, KEYS, LEVELS, START, a_member, advert, come_in, hear, later, shelf, stranger
from virtual_journal import a_recorded_core, open_journal, played

from gateway.core import Core
from gateway.events import Outcome
from gateway.identity.suspicion import Elsewhere, Place
from gateway.journal.entries import Begun, Met, encode, without
from gateway.rulebook import as_sources, make_rulebook

BERT = a_member("bert-0002", greeting="陈先生")


def said(out: Outcome) -> tuple[list[object], list[object]]:
    """Return what goes to the back end and what is kept of why, in order."""
    return list(out.events), list(out.decisions)


def test_a_visit_is_played_again_to_the_byte() -> None:
    core, recorder = a_recorded_core()
    open_journal(recorder, START)
    out = hear(core, come_in(), shelf(8, 40))
    alert = next(event for event in out.events if event.type.endswith("raised")).data["alert"]
    out.merge(core.claim(START + 50, "floor", "badge-1", alert))
    out.merge(core.advance(START + 3000))
    again = played(recorder.take_lines())
    assert said(again) == said(out)
    assert again.decisions


OURS = """\
- name: shelf
  on: {dwell: 5s, zone: {id: shoes}}
  offer: {id: new-shoes, ttl: 10 min}
"""
PLACED = replace(CONFIG, store=replace(CONFIG.store, latitude=31.2214, longitude=121.5447))
WHAT = (
    *("come", "shelf", "window", "late", "leave", "stranger", "wait", "pause", "back"),
    *("fact", "claim", "not now", "device", "roll call", "buzz", "clock", "outcome", "elsewhere", "rules"),
)
STEPS = st.lists(
    st.tuples(
        st.floats(0, 30),
        st.sampled_from(WHAT),
        st.sampled_from(sorted(CARDS)),
    ),
    max_size=25,
)


def do(core: Core, t: float, what: str, name: str, names: list[str]) -> Outcome:  # noqa: C901 - a table
    match what:
        case "come":
            return core.hear([advert(t + n / 4 - START, LEVELS["door"], name=name) for n in range(24)])
        case "shelf":
            return core.hear([advert(t + n / 4 - START, -55, "shelf", name) for n in range(40)])
        case "window":
            return core.hear([advert(t + n / 4 - START, LEVELS["window"], name=name) for n in range(24)])
        case "late":
            return core.hear([advert(t - 3 - START, LEVELS["door"], name=name), advert(t - START, -60, name=name)])
        case "stranger":
            return core.hear([stranger(t + n - START, n) for n in range(10)])
        case "fact":
            return core.fact(t, "new_arrivals", name == "anna-0001")
        case "claim":
            return core.claim(t, "floor", "badge-1", names[-1] if names else "a-none")
        case "not now":
            return core.claim(t, "floor", "badge-1", names[-1] if names else "a-none", "not_now")
        case "outcome":
            return core.outcome(t, names[-1] if names else "f-none", "redeemed")
        case "elsewhere":
            return core.elsewhere(t, name, Elsewhere("ibeacon", Place(31.23, 121.55), t - 60))
        case "rules":
            return core.change_rules(t, make_rulebook(CONFIG, as_sources([("ours.yaml", OURS)])))
        case "device":
            return core.device(t, "badge-1", online=name == "anna-0001")
        case "buzz":
            return core.buzz(t, "floor")[0]
        case "roll call":
            return core.roll_call(t)
        case "pause":
            return core.put_members(t, [replace(a_member(name), paused_until=t + 100)])[0]
        case "back":
            return core.put_members(t, [a_member(name, greeting="again")])[0]
        case "clock":
            return core.set_clock(t, 40.0 if name == "anna-0001" else -40.0)
        case "leave":
            return core.advance(t + 300)
    return core.advance(t)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_whatever_happens_the_journal_gives_the_same_decisions(steps: list[tuple[float, str, str]]) -> None:
    """Invariant: events and decisions of the play are those of the run, in order and to the byte."""
    core, recorder = a_recorded_core(a_member(), BERT, config=PLACED)
    open_journal(recorder, START)
    out, names = Outcome(), list[str]()
    core.advance(START)
    for wait, what, name in steps:
        step = do(core, max(core.now, START) + wait, what, name, names)
        names += [event.data[name] for event in step.events for name in ("alert", "feedback") if name in event.data]
        out.merge(step)
    out.merge(core.advance(core.now + 3000))
    assert said(played(recorder.take_lines())) == said(out)


def test_nothing_of_strangers_is_recorded_and_of_members_neither_card_nor_key() -> None:
    core, recorder = a_recorded_core()
    open_journal(recorder, START)
    hear(core, come_in(), [stranger(9 + n / 10, n) for n in range(50)])
    lines = recorder.take_lines()
    raw = encode(lines)
    for never in (CARDS["anna-0001"], CARDS["anna-0001"].hex().encode(), KEYS["anna-0001"], b"\xc2\0\0\0"):
        assert never not in raw
    assert len(raw) < 20_000


def test_a_member_is_written_down_when_heard_first_and_not_before() -> None:
    core, recorder = a_recorded_core(a_member(), BERT)
    open_journal(recorder, START)
    hear(core, come_in())
    assert [line.person.id for line in recorder.take_lines() if isinstance(line, Met)] == ["anna-0001"]
    core.put_members(START + 20, [replace(BERT, greeting="anybody")])
    assert b"anybody" not in encode(recorder.take_lines())


def test_who_takes_consent_back_is_dropped_from_what_waits_and_met_anew() -> None:
    core, recorder = a_recorded_core()
    open_journal(recorder, START)
    hear(core, come_in())
    core.put_members(START + 20, [a_member(purposes=("recognise", "offers"))])
    assert b"anna-0001" not in encode(recorder.take_lines())
    hear(core, shelf(30, 4))
    (met,) = [line for line in recorder.take_lines() if isinstance(line, Met)]
    assert met.person.purposes() == {"recognise", "offers"}


def test_a_member_who_is_removed_is_not_in_what_waits_nor_in_the_journal_of_the_next_day() -> None:
    core, recorder = a_recorded_core(a_member(), BERT)
    open_journal(recorder, START)
    out = hear(core, come_in(), come_in(name="bert-0002"))
    recorder.keep(out)
    recorder.keep(core.remove_member(START + 20, "anna-0001"))
    assert b"anna-0001" not in encode(recorder.take_lines())
    recorder.keep(core.advance(START + 5000))
    open_journal(recorder, START + 5000)
    assert b"anna-0001" not in encode(recorder.take_lines())


def test_what_is_erased_leaves_the_others_decisions_as_they_were() -> None:
    core, recorder = a_recorded_core(a_member(), BERT)
    open_journal(recorder, START)
    out = hear(core, come_in(), later(come_in(name="bert-0002"), 0.1), shelf(9, 30, "bert-0002"))
    out.merge(core.advance(START + 3000))
    left = list(without(recorder.take_lines(), "anna-0001", set()))
    assert b"anna-0001" not in encode(left)
    again = played(left)
    assert again.events == [event for event in out.events if event.member != "anna-0001"]
    assert again.decisions == [row for row in out.decisions if row.member != "anna-0001"]
    assert {event.member for event in again.events} >= {"bert-0002"}


def test_a_journal_that_begins_when_nobody_is_there_needs_none_before_it() -> None:
    core, recorder = a_recorded_core(a_member(), BERT)
    open_journal(recorder, START)
    recorder.keep(core.restore((), START))
    recorder.keep(core.fact(START, "new_arrivals", value=True))
    recorder.keep(core.roll_call(START))
    recorder.keep(core.device(START, "badge-1", online=True))
    recorder.keep(hear(core, come_in(), shelf(8, 40)))
    assert not recorder.is_quiet(START + 50)
    recorder.keep(core.advance(START + 3000))
    assert recorder.is_quiet(START + 3000)
    recorder.take_lines()
    open_journal(recorder, START + 3000)
    out = hear(core, come_in(4000), later(come_in(name="bert-0002"), 4100), shelf(4008, 40))
    out.merge(core.advance(START + 9000))
    lines = recorder.take_lines()
    assert not isinstance(lines[0], Begun) or not lines[0].is_cut
    assert said(played(lines)) == said(out)
    assert out.decisions


@pytest.mark.parametrize("by_s", [-3600.0, 3600.0])
def test_a_clock_that_is_set_makes_nobody_there_longer_or_shorter_ago(by_s: float) -> None:
    core, recorder = a_recorded_core()
    hear(core, come_in())
    core.advance(START + 1000)
    core.set_clock(START + 1000, by_s)
    heard = START + 7.5 + by_s  # the last frame
    assert [recorder.is_quiet(heard + ago_s) for ago_s in (890, 910)] == [False, True]


def test_a_journal_that_begins_after_a_restart_goes_on_with_who_is_there() -> None:
    before, recorder = a_recorded_core(a_member(), BERT)
    recorder.keep(hear(before, come_in(), shelf(8, 20), later(come_in(name="bert-0002"), 20)))
    rows = list(recorder.kept())
    core, recorder = a_recorded_core(a_member(), BERT)
    open_journal(recorder, START + 40)
    out = core.restore(rows, START + 40)
    out.merge(hear(core, shelf(41, 10), later(come_in(name="bert-0002"), 60)))
    out.merge(core.advance(START + 3000))
    assert said(played(recorder.take_lines())) == said(out)
    assert {event.type.rpartition(".")[2] for event in out.events} >= {"moved", "ended"}
