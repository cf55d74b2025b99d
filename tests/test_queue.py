"""Which events wait: their order, what is held, and what a restart makes of the marks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.events import Priority
from gateway.store.left import EVERY_S, KEPT_S, Left
from gateway.store.packing import pack, unpack
from gateway.store.queue import HELD_MOST, START, Marks, Place, Queue, advanced

ALERT, VISIT, COUNT = Priority

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(Priority)),
        st.tuples(st.just("send"), st.integers(0, 20)),
        st.tuples(st.just("refuse"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(STEPS)
def test_marks_give_back_all_that_waits(steps: list[tuple[str, int]]) -> None:
    """After any steps, what the marks allow of all numbers holds every event that waits, and what was sent in order."""
    queue, everything = Queue(), list[Place]()
    for what, value in steps:
        waiting = list(queue)
        if what == "add":
            place = (value, len(everything) + 1)
            everything.append(place)
            queue.add(place, 1.0)
        elif waiting and what == "send":
            queue.remove([waiting[value % len(waiting)]])
        elif waiting:
            queue.hold(waiting[value % len(waiting)])
        allowed = {place for place in everything if queue.marks().allow(place)}
        assert set(queue) <= allowed
        assert Marks.from_json(unpack(pack(queue.marks()))) == queue.marks()
        assert all(place[1] > queue.marks().lowest for place in allowed)


def test_what_was_sent_in_order_is_not_sent_again_whatever_is_held() -> None:
    queue = Queue()
    for number in range(1, 10):
        queue.add((VISIT, number), 1.0)
    queue.hold((VISIT, 2))
    queue.remove((VISIT, number) for number in (1, 3, 4, 5))
    marks = queue.marks()
    assert [number for number in range(1, 10) if marks.allow((VISIT, number))] == [2, 6, 7, 8, 9]


def test_a_broker_that_refuses_everything_does_not_make_the_marks_grow() -> None:
    queue = Queue()
    for number in range(1, 1000):
        queue.add((VISIT, number), 1.0)
        queue.hold((VISIT, number))
    assert len(queue.marks().held) == HELD_MOST
    assert queue.marks().floors[VISIT] == HELD_MOST


def test_the_most_urgent_is_read_first_and_the_least_given_up_first() -> None:
    queue = Queue()
    for number, priority in enumerate((COUNT, VISIT, ALERT, VISIT, COUNT), 1):
        queue.add((priority, number), float(number))
    assert queue.behind(START, 3) == [(ALERT, 3), (VISIT, 2), (VISIT, 4)]
    assert queue.behind(advanced(START, (VISIT, 2)), 9) == [(ALERT, 3), (VISIT, 4), (COUNT, 1), (COUNT, 5)]
    assert queue.least(3, {ALERT}) == [(COUNT, 1), (COUNT, 5), (VISIT, 2)]
    assert queue.expired(2.0) == [(VISIT, 2), (COUNT, 1)]


def test_events_are_kept_for_a_day_after_they_left() -> None:
    left = Left().noting(0.0, 10).noting(10.0, 20).noting(EVERY_S, 30)
    assert left.entries == ((0.0, 10), (EVERY_S, 30))
    assert [left.upto(t) for t in (KEPT_S - 1, KEPT_S, KEPT_S + EVERY_S)] == [0, 10, 30]
    assert left.noting(EVERY_S + 1, 30) == left
    assert left.noting(KEPT_S + EVERY_S, 30).entries == ((EVERY_S, 30),)


def test_no_list_of_times_grows_for_ever() -> None:
    left = Left()
    for hour in range(1000):
        left = left.noting(hour * EVERY_S, hour + 1)
    assert len(left.entries) <= 26


@given(st.recursive(st.none() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner)))
def test_what_is_packed_comes_back(value: object) -> None:
    assert unpack(pack(value)) == value
