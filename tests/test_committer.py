import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway import committer as module
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
        self.took = asyncio.Event()

    async def commit(self, given: Outcome) -> None:
        await asyncio.sleep(0)
        if self.refusals:
            self.refusals -= 1
            raise DiskError("the disk is full")
        self.committed.append(given)
        self.took.set()


def run(disk: Disk, work: Callable[[Committer], Awaitable[None]]) -> list[str]:
    """Run a committer beside some work; return what it said of the disk."""
    said: list[str] = []

    def refused(error: Exception | None) -> None:
        said.append(str(error or ""))

    async def main() -> None:
        committer = Committer(disk.commit, refused, DiskError)
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


def test_settled_does_not_wait_for_what_comes_later() -> None:
    """In a busy shop there is always something more to write."""
    disk = Disk()

    async def work(committer: Committer) -> None:
        committer.push(outcome(an_event("first")))
        settled = asyncio.create_task(committer.settled())
        for number in range(100):
            committer.push(outcome(an_event(str(number))))
            await asyncio.sleep(0)
            if settled.done():
                return
        raise AssertionError("it never was")

    run(disk, work)


def test_visits_wait_for_company_and_an_alert_takes_them_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPANY_S", 60.0)
    disk = Disk()

    async def work(committer: Committer) -> None:
        for number in range(3):
            committer.push(outcome(an_event(f"visit-{number}", Priority.VISIT)))
            await asyncio.sleep(0)
        assert disk.committed == []
        committer.push(outcome(an_event("alert")))

    run(disk, work)
    assert [[event.id for event in given.events] for given in disk.committed] == [
        ["visit-0", "visit-1", "visit-2", "alert"]
    ]


def test_visits_wait_no_longer_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPANY_S", 0.01)
    disk = Disk()

    async def work(committer: Committer) -> None:
        committer.push(outcome(an_event("visit", Priority.VISIT)))
        await asyncio.wait_for(disk.took.wait(), 10)

    run(disk, work)


def test_while_the_disk_refuses_the_oldest_state_of_members_is_given_up() -> None:
    async def main() -> Committer:
        committer = Committer(Disk().commit, lambda reason: None, DiskError)
        for number in range(module.MOST_STATE + 2):
            out = Outcome()
            out.put(StateRow("sequence", "visits", number))
            out.put(StateRow("alert", f"a-{number}", None, "m-1"))
            committer.push(out)
        return committer

    committer = asyncio.run(main())
    assert committer.dropped["state"] == module.MOST_STATE // 10 + 1
    assert ("sequence", "visits") in committer._waiting.state
    assert ("alert", f"a-{module.MOST_STATE + 1}") in committer._waiting.state
