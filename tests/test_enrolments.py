"""Waiting for a card: one at a time at each receiver, and never the shop's own beacon."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drivers.sighting import Sighting
from gateway.contract.reading import RefusedError
from gateway.membership import enrolments as module
from gateway.membership.enrolments import Enrolments

CARD, BEACON, ENROLLED = bytes(range(20)), bytes(20), bytes([7]) * 20


def frame(identity: bytes, receiver: str = "door", rssi: int = -40) -> Sighting:
    return Sighting(1.0, receiver, "ble", "ibeacon", rssi, identity)


def over_time(*frames: Sighting) -> list[Sighting]:
    """Let the frames come within a time that is long enough for a card to be held."""
    return [frame._replace(t=1.0 + 4 * number / max(len(frames) - 1, 1)) for number, frame in enumerate(frames)]


def waiting(*frames: Sighting) -> dict[str, Any] | RefusedError:
    """Hold cards to a receiver and return what was found, or why not."""

    async def main() -> dict[str, Any]:
        enrolments = Enrolments(lambda sighting: sighting.identity == ENROLLED, {BEACON})
        enrolments.hear(over_time(*frames))  # nobody waits yet
        wait = asyncio.create_task(enrolments.wait("door", 0.02))
        await asyncio.sleep(0)
        enrolments.hear(over_time(*frames))
        return await wait

    try:
        return asyncio.run(main())
    except RefusedError as error:
        return error


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


def test_the_card_that_is_held_is_found_beside_the_shops_own_beacon() -> None:
    found = waiting(*[frame(CARD), frame(BEACON, rssi=-20), frame(CARD)] * 3)
    assert isinstance(found, dict)
    assert found["kind"] == "ibeacon"


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([], "no unknown tag"),
        ([frame(BEACON)] * 9, "no unknown tag"),
        ([frame(CARD, "till")] * 9, "no unknown tag"),
        ([frame(ENROLLED)] * 9, "a member's already"),
        ([frame(CARD), frame(bytes([9]) * 20)] * 9, "hold only one"),
    ],
)
def test_where_none_is_found_the_reason_is_told(frames: list[Sighting], why: str) -> None:
    refused = waiting(*frames)
    assert isinstance(refused, RefusedError)
    assert (refused.code, refused.field) == ("refused", "receiver")
    assert why in refused.message


def test_a_second_one_at_the_same_receiver_is_told_to_wait_and_disturbs_nobody() -> None:
    async def main() -> None:
        enrolments = Enrolments(lambda sighting: False, ())
        first = asyncio.create_task(enrolments.wait("door", 0.05))
        other = asyncio.create_task(enrolments.wait("till", 0.05))
        await asyncio.sleep(0)
        with pytest.raises(RefusedError) as caught:
            await enrolments.wait("door", 1)
        assert caught.value.code == "busy"
        enrolments.hear(over_time(*[frame(CARD)] * 3))
        assert (await first)["kind"] == "ibeacon"
        with pytest.raises(RefusedError):
            await other
        assert enrolments._running == {}

    asyncio.run(main())
