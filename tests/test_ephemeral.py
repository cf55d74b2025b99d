from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.ephemeral import DRIFT, BeaconClock, ephemeral_ids, temporary_key

T = 1_763_791_200.0
KEY = bytes.fromhex("0102030405060708090a111213141516")


@pytest.mark.parametrize(
    ("counter", "eid"),
    [(0, "a9b76a71c5f89290"), (2000, "4144413e45fefa58")],
)
def test_ids_are_those_that_another_implementation_publishes(counter: int, eid: str) -> None:
    """The vectors are those of RadiusNetworks/ephemeral_calc, spec/encryptor_spec.rb."""
    assert ephemeral_ids(KEY, 10, range(counter >> 10, (counter >> 10) + 1)) == [bytes.fromhex(eid)]


def test_the_temporary_key_lasts_for_65536_seconds() -> None:
    """Made with `openssl enc -aes-128-ecb -nopad` of 00…ff00000001."""
    assert temporary_key(KEY, 65_535) == temporary_key(KEY, 0)
    assert temporary_key(KEY, 65_536).hex() == "1ed0b977c6c388fa494ec4482123afc7"


@given(exponent=st.integers(0, 15), first=st.integers(0, 2**17), count=st.integers(0, 70))
def test_many_ids_at_once_are_each_as_it_is_alone(exponent: int, first: int, count: int) -> None:
    steps = range(first, first + count)
    alone = [ephemeral_ids(KEY, exponent, range(step, step + 1))[0] for step in steps]
    assert ephemeral_ids(KEY, exponent, steps) == alone


class Beacon:
    """A beacon whose clock drifts, and which goes to its next id at some moment of each step."""

    def __init__(self, exponent: int, counter: int, drift: float, seed: int) -> None:
        self.exponent, self.counter, self.drift, self._seed = exponent, counter, drift, seed

    def step(self, t: float) -> int:
        """Return the step whose id it sends at `t`."""
        counter = self.counter + (t - T) * (1 + self.drift)
        step = int(counter // (1 << self.exponent))
        changes = Random(self._seed * 1_000_003 + step).random()
        return step - (counter / (1 << self.exponent) % 1 < changes)


@given(
    exponent=st.integers(4, 15),
    drift=st.floats(-DRIFT, DRIFT),
    gaps=st.lists(st.floats(1, 20 * 86400), min_size=1, max_size=30),
    seed=st.integers(0, 1000),
)
def test_a_beacon_that_is_heard_now_and_then_is_never_lost(
    exponent: int, drift: float, gaps: list[float], seed: int
) -> None:
    """Whatever the drift up to 150 ppm and however long nobody heard it, the id that it sends is expected."""
    beacon = Beacon(exponent, 1_000_000, drift, seed)
    clock, t = BeaconClock.read(exponent, 1_000_000, T), T
    for gap in gaps:
        t += gap
        step = beacon.step(t)
        assert step in clock.steps(t, t)
        clock = clock.heard(step, t)
        assert clock.least <= clock.most


def test_a_beacon_that_is_heard_often_is_known_well_and_one_that_is_not_less_and_less() -> None:
    beacon = Beacon(4, 5000, DRIFT, 1)
    clock = BeaconClock.read(4, 5000, T)
    for second in range(0, 3600, 2):
        clock = clock.heard(beacon.step(T + second), T + second)
    assert clock.most - clock.least < 40
    month = clock.drifted(T + 3600 + 30 * 86400)
    assert month.most - month.least == pytest.approx(clock.most - clock.least + 2 * DRIFT * 30 * 86400, rel=0.01)


def test_a_step_that_cannot_be_heard_teaches_nothing() -> None:
    clock = BeaconClock.read(10, 5000, T)
    assert clock.heard(4000, T) == clock
