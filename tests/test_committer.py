import asyncio
from collections.abc import Awaitable, Callable

from gateway.committer import MOST_EVENTS, Committer
from gateway.events import Event, Outcome, Priority, StateRow


class DiskError(Exception):
    pass


def an_event(name: str, priority: Priority = Priority.ALERT) -> Event:
    return Event(name, "alerts/floor", "hushbell.alert.raised", 1.0, 1, {}, 61.0, priority)


def outcome(*events: Event) -> Outcome:
    return Outcome(list(events))


class Disk:
    """Takes outcomes; refuses as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.committed: list[Outcome] = []

    async def commit(self, given: Outcome) -> None:
        await asyncio.sleep(0)
        if self.refusals:
            self.refusals -= 1
            raise DiskError("the disk is full")
        self.committed.append(given)


def run(disk: Disk, work: Callable[[Committer], Awaitable[None]]) -> list[str]:
    """Run a committer beside some work; return what it said of the disk."""
    said: list[str] = []

    async def main() -> None:
        committer = Committer(disk.commit, said.append, DiskError)
        task = asyncio.create_task(committer.run())
        await work(committer)
        await committer.settled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    return said


def test_what_comes_while_the_disk_works_goes_in_one_transaction() -> None:
    disk = Disk()

    async def work(committer: Committer) -> None:
        committer.push(outcome(an_event("1")))
        await asyncio.sleep(0)
        committer.push(outcome(an_event("2")))
        committer.push(outcome(an_event("3")))

    run(disk, work)
    assert [[event.id for event in given.events] for given in disk.committed] == [["1"], ["2", "3"]]


def test_the_last_state_of_a_key_counts() -> None:
    disk = Disk()

    async def work(committer: Committer) -> None:
        for value in (1, 2):
            out = Outcome()
            out.put(StateRow("sequence", "visits", value))
            committer.push(out)

    run(disk, work)
    assert [row.value for given in disk.committed for row in given.state.values()] == [2]


def test_what_the_disk_refuses_is_tried_again_and_told() -> None:
    disk = Disk(refusals=2)

    async def work(committer: Committer) -> None:
        committer.push(outcome(an_event("1")))

    said = run(disk, work)
    assert [event.id for given in disk.committed for event in given.events] == ["1"]
    assert said == ["the disk is full", "the disk is full", ""]


def test_while_the_disk_refuses_counts_are_given_up_before_visits_and_visits_before_alerts() -> None:
    async def main() -> Committer:
        committer = Committer(Disk().commit, lambda reason: None, DiskError)
        for priority in (Priority.COUNT, Priority.VISIT, Priority.ALERT):
            committer.push(outcome(*[an_event(f"{priority}-{i}", priority) for i in range(MOST_EVENTS // 2)]))
        return committer

    assert +asyncio.run(main()).dropped == {"event count": MOST_EVENTS // 2, "event visit": MOST_EVENTS // 10}
