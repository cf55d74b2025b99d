"""Going from channel to channel: time is played, the radio is a function."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.channels import frequency_of
from drivers.tuner import AGAIN_S, BUSY_S, SETTLED_S, Tuner

DWELL_S = 0.25


class Radio:
    """Answers to `tune` from errors by channel; what a step did, waiting included, is in `steps`."""

    def __init__(self, errors: dict[int, int], steps: int) -> None:
        self.errors = {frequency_of(channel): number for channel, number in errors.items()}
        self.steps: list[int | float] = []
        self.notes: list[str] = []
        self._left = steps

    async def tune(self, frequency: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise OSError(errno.ENODEV, "")
        self.steps.append(frequency)
        if frequency in self.errors:
            raise OSError(self.errors[frequency], "")

    async def sleep(self, seconds: float) -> None:
        self.steps.append(seconds)


def play(channels: Iterable[int], steps: int, errors: dict[int, int] | None = None) -> Radio:
    """Let the radio be tuned so often, and vanish then."""
    radio = Radio(errors or {}, steps)
    tuner = Tuner(radio.tune, channels, DWELL_S, radio.notes.append, radio.sleep)
    with pytest.raises(OSError, match="Errno"):
        asyncio.run(tuner.run())
    return radio


def test_it_dwells_on_each_channel_in_turn() -> None:
    radio = play((1, 6, 36), 4)
    assert radio.steps == [2412, DWELL_S, 2437, DWELL_S, 5180, DWELL_S, 2412, DWELL_S]
    assert radio.notes == []


def test_one_channel_is_set_again_now_and_then() -> None:
    assert play((11,), 2).steps == [2462, SETTLED_S, 2462, SETTLED_S]


def test_a_channel_that_is_not_allowed_is_told_once_and_left_out() -> None:
    radio = play((1, 13, 52), 200, {13: errno.EINVAL, 52: errno.EINVAL})
    assert radio.steps[:4] == [2412, DWELL_S, 2472, 5260]
    assert radio.steps[4:6] == [2412, SETTLED_S]
    assert radio.notes == ["not allowed here: channel 13, 52, left out"]


def test_a_channel_that_was_not_allowed_is_tried_again_after_a_minute() -> None:
    radio = play((1, 6, 13), 1000, {13: errno.EINVAL})
    tries = [at for at, step in enumerate(radio.steps) if step == 2472]
    waits = [sum(step for step in radio.steps[a:b] if step == DWELL_S) for a, b in pairwise(tries)]
    assert len(waits) > 1
    assert all(AGAIN_S <= wait <= AGAIN_S + 2 * DWELL_S for wait in waits)


def test_no_channel_that_is_allowed_is_waited_for() -> None:
    radio = play((13,), 3, {13: errno.EINVAL})
    assert radio.steps == [2472, AGAIN_S] * 3
    assert radio.notes == ["not allowed here: channel 13, so the channel stays as it is"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EBUSY, "another interface"), (errno.EPERM, "CAP_NET_ADMIN"), (errno.EOPNOTSUPP, "cannot change channels")],
)
def test_a_radio_that_cannot_be_tuned_is_told_once_and_tried_again(number: int, reason: str) -> None:
    radio = play((1, 6), 3, {1: number, 6: number})
    assert radio.steps == [2412, BUSY_S] * 3
    assert len(radio.notes) == 1
    assert reason in radio.notes[0]


def test_that_it_can_be_tuned_again_is_told() -> None:
    notes: list[str] = []

    class Freed(Radio):
        async def sleep(self, seconds: float) -> None:
            self.errors.clear()

    radio = Freed({1: errno.EBUSY}, 9)
    with pytest.raises(OSError, match="Errno"):
        asyncio.run(Tuner(radio.tune, (1, 6), DWELL_S, notes.append, radio.sleep).run())
    assert [bool(note) for note in notes] == [True, False]


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENETDOWN, errno.EIO])
def test_an_error_of_the_radio_ends_it(number: int) -> None:
    radio = Radio({1: number}, 9)
    with pytest.raises(OSError, match="Errno") as raised:
        asyncio.run(Tuner(radio.tune, (1,), DWELL_S, radio.notes.append, radio.sleep).run())
    assert raised.value.errno == number
    assert radio.notes == []


NUMBERS = st.sampled_from([errno.EINVAL, errno.EBUSY, errno.EPERM, errno.EOPNOTSUPP])
CHANNELS = st.sampled_from([1, 6, 11, 13, 36, 52, 149])


@given(st.lists(CHANNELS, min_size=1, unique=True), st.dictionaries(CHANNELS, NUMBERS), st.integers(1, 60))
def test_it_never_spins_and_never_repeats_itself(channels: list[int], errors: dict[int, int], steps: int) -> None:
    radio = play(channels, steps, errors)
    run = 0
    for step in radio.steps:
        run = run + 1 if isinstance(step, int) else 0
        assert run <= len(channels), "it waits at least once a round"
    assert all(one != other for one, other in pairwise(radio.notes))
