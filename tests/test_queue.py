"""Which events wait: their order, what is held, and what a restart makes of the marks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.events import Priority, StateRow
from gateway.store import marks
from gateway.store.left import EVERY_S, KEPT_S, Left
from gateway.store.packing import pack, unpack
from gateway.store.queue import START, Marks, Place, Queue

ALERT, VISIT, COUNT = Priority

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(Priority)),
        st.tuples(st.just("send"), st.integers(0, 20)),
        st.tuples(st.just("refuse"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(STEPS, st.sets(st.integers(0, 60)))
def test_a_restart_knows_all_that_waits_and_sends_nothing_again_that_was_marked(
    steps: list[tuple[str, int]], marked_after: set[int]
) -> None:
    """Whenever the disk learns of it: what waits is allowed, and behind the last marks what was sent is not."""
    queue, everything, disk = Queue(), list[Place](), dict[str, StateRow]()
    for at, (what, value) in enumerate(steps):
        waiting = list(queue)
        if what == "add":
            place = (value, len(everything) + 1)
            everything.append(place)
            queue.add(place, 1.0)
        elif waiting and what == "send":
            queue.remove([waiting[value % len(waiting)]])
        elif waiting:
            queue.hold(waiting[value % len(waiting)])
        if at in marked_after:
            learn(disk, queue)
        marked = marks.from_rows(disk.values())
        assert set(queue) <= {place for place in everything if marked.allow(place)}
        assert all(place[1] > marked.lowest for place in everything if marked.allow(place))
    learn(disk, queue)
    assert marks.rows(queue.news()) == []
    marked = marks.from_rows(unpacked(disk))
    sent = [place for place in everything if place not in queue and marked.allow(place)]
    held = {place for place in queue if place in marked.held}
    for place in sent:  # only beside what waits before it and is not held
        assert any(other[0] == place[0] and other[1] < place[1] and other not in held for other in queue)


@given(STEPS, st.tuples(*[st.integers(0, 60)] * len(Priority)), st.integers(0, 60))
def test_what_is_held_keeps_its_place(steps: list[tuple[str, int]], after: tuple[int, ...], count: int) -> None:
    """However many are held: each waits once, in order, and the floor is before the first that is not held."""
    queue, waiting, held = Queue(), set[Place](), set[Place]()
    for number, (what, value) in enumerate(steps, 1):
        place = sorted(waiting)[value % len(waiting)] if waiting else (VISIT, 0)
        if what == "add":
            waiting.add((value, number))
            queue.add((value, number), float(number % 7))
        elif what == "send":
            assert queue.remove([place]) == sorted({place} & waiting)
            waiting -= {place}
        else:
            queue.hold(place)
            held |= {place} & waiting
    order = sorted(waiting)
    assert list(queue) == order
    assert len(queue) == len(order)
    assert queue.behind(after, count) == [place for place in order if place[1] > after[place[0]]][:count]
    assert queue.expired(3.0) == [place for place in order if place[1] % 7 <= 3]
    assert queue.least(count, {ALERT}) == sorted((each for each in order if each[0] != ALERT), key=least_first)[:count]
    assert queue.floors == tuple(
        min([number - 1 for each, number in waiting - held if each == priority], default=queue.last)
        for priority in Priority
    )


def least_first(place: Place) -> Place:
    return -place[0], place[1]


def learn(disk: dict[str, StateRow], queue: Queue) -> None:
    news = queue.news()
    for row in marks.rows(news):
        disk[row.key] = row
        if row.value is None:
            del disk[row.key]
    queue.keep(news)


def unpacked(disk: dict[str, StateRow]) -> list[StateRow]:
    """Return rows as they come back from the disk."""
    return [StateRow(row.kind, row.key, unpack(pack(row.value))) for row in disk.values()]


def test_what_was_sent_in_order_is_not_sent_again_whatever_is_held() -> None:
    queue = Queue()
    for number in range(1, 10):
        queue.add((VISIT, number), 1.0)
    queue.hold((VISIT, 2))
    queue.remove((VISIT, number) for number in (1, 3, 4, 5))
    marked = marks.from_rows(marks.rows(queue.news()))
    assert [number for number in range(1, 10) if marked.allow((VISIT, number))] == [2, 6, 7, 8, 9]


def test_what_was_held_while_the_disk_learnt_is_told_the_next_time() -> None:
    queue = Queue()
    queue.add((VISIT, 1), 1.0)
    queue.hold((VISIT, 1))
    news = queue.news()
    queue.remove([(VISIT, 1)])
    queue.keep(news)
    assert queue.news().held == {(VISIT, 1): False}


def test_a_mark_of_what_waits_no_longer_is_taken_back() -> None:
    queue = Queue()
    queue.add((VISIT, 2), 1.0)
    queue.resume(Marks((0, 3, 0), frozenset({(VISIT, 1), (VISIT, 2)})))
    assert queue.news().held == {(VISIT, 1): False}


def test_the_most_urgent_is_read_first_and_the_least_given_up_first() -> None:
    queue = Queue()
    for number, priority in enumerate((COUNT, VISIT, ALERT, VISIT, COUNT), 1):
        queue.add((priority, number), float(number))
    assert queue.behind(START, 3) == [(ALERT, 3), (VISIT, 2), (VISIT, 4)]
    assert queue.behind((0, 2, 0), 9) == [(ALERT, 3), (VISIT, 4), (COUNT, 1), (COUNT, 5)]
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
