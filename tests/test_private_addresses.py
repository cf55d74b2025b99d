from __future__ import annotations

import gc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_carriers import DIGEST_KEY, T, carrying, irk, key, suspicions, tuned
from virtual_carriers import private_address as address

from drivers.sighting import Sighting
from gateway.ciphers import aes
from gateway.identity.private_addresses import (
    ADDRESSES_AT_ONCE,
    KEYS_AT_ONCE,
    MISSED_S,
    MOST_WAITING,
    REPLAYED_S,
    TOGETHER_S,
    PrivateAddresses,
)
from gateway.identity.recognition import Register
from rules.situation import Trust

SAMPLE_IRK = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")


def test_the_address_of_the_specification_resolves_and_the_next_one_does_not() -> None:
    """Core Specification Vol 3 Part H, Appendix D.7."""
    private = PrivateAddresses(DIGEST_KEY)
    private.put(SAMPLE_IRK, carrying(irk()))
    sample, other = bytes.fromhex("7081940dfbaa"), bytes.fromhex("7081940dfbab")
    private.seek(sample, T)
    private.seek(other, T)
    while private.deadline <= T + 5:
        private.advance(private.deadline)
    assert private.seek(sample, T + 5)
    assert private.seek(other, T + 5) is None


def heard(of: bytes, t: float) -> Sighting:
    return Sighting(t, "door", "ble", "advert", -60, address=of, address_type="resolvable")


def settle(register: Register, t: float) -> None:
    while register.deadline <= t:
        register.advance(register.deadline)


def hear(register: Register, of: bytes, t: float) -> bool:
    """Let an address be heard at `t` and again two seconds later; tell whether it was recognised then."""
    settle(register, t)
    register.recognise(heard(of, t))
    settle(register, t + 2)
    found = register.recognise(heard(of, t + 2))
    return found is not None and (found.member, found.trust, found.credential) == ("oX3f-91c2", Trust.WEAK, "irk")


def resolving() -> Register:
    return tuned(carrying(irk()), digest_key=DIGEST_KEY)


def test_a_phone_is_recognised_by_its_second_address_and_as_long_as_it_is_heard() -> None:
    register = resolving()
    assert not hear(register, address(1), T)
    assert not hear(register, address(1), T + 800)
    assert hear(register, address(2), T + 900)
    assert hear(register, address(3), T + 1800)
    assert hear(register, address(4), T + 1800 + TOGETHER_S - 10)
    assert suspicions(register) == []


def test_an_address_alone_is_nobodys_whatever_was_heard_long_before() -> None:
    register = resolving()
    hear(register, address(1), T)
    assert not hear(register, address(2), T + TOGETHER_S + 10)


def test_a_strangers_address_is_tried_once_in_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    register = resolving()
    trials: list[int] = []
    phone = next(iter(register._private._phones.values())) if register._private else None
    assert phone
    cipher = phone.encrypt
    phone.encrypt = lambda blocks: trials.append(len(blocks)) or cipher(blocks)  # type: ignore[func-returns-value]
    for second in range(int(MISSED_S) - 20):
        assert not hear(register, address(1, number=9), T + second)
    assert trials == [16]
    hear(register, address(1, number=9), T + MISSED_S + 1)
    assert trials == [16, 16]


def test_after_five_minutes_nothing_is_left_of_a_stranger() -> None:
    private = PrivateAddresses(DIGEST_KEY)
    private.put(key(1, 16), carrying(irk()))
    for number in range(200):
        private.seek(address(number, number=9), T + number)
        while private.deadline <= T + number + 0.5:
            private.advance(private.deadline)
    strangers = {address(number, number=9) for number in range(200)}
    while private.deadline <= T + 200 + MISSED_S:
        private.advance(private.deadline)
    assert not private._missed
    assert not private._waiting
    assert not private._resolved
    gc.collect()
    assert not strangers & {held for held in gc.get_objects() if isinstance(held, bytes)}


def test_what_is_remembered_meanwhile_is_a_keyed_digest() -> None:
    register = resolving()
    hear(register, address(1, number=9), T)
    private = register._private
    assert private
    assert list(map(len, private._missed)) == [8]
    other = tuned(carrying(irk()), digest_key=bytes(32))
    hear(other, address(1, number=9), T)
    assert other._private
    assert not private._missed.keys() & other._private._missed.keys()


def test_an_address_that_was_replaced_and_comes_again_is_a_replay() -> None:
    register = resolving()
    hear(register, address(1), T)
    hear(register, address(2), T + 900)
    hear(register, address(3), T + 1800)
    assert not hear(register, address(1), T + 1900)
    (replay,) = suspicions(register)
    assert (replay.what, replay.member, replay.credential) == ("replay", "oX3f-91c2", "irk")
    assert hear(register, address(3), T + 1910)


def test_a_phone_that_sends_under_two_addresses_at_once_is_honest() -> None:
    """Each advertising set has an address of its own (Vol 6 Part B, 6.1)."""
    register = resolving()
    for turn in range(20):
        t = T + turn * 120
        hear(register, address(1 + turn // 8), t)
        hear(register, address(101 + turn // 8), t + 60)
    assert hear(register, address(3), T + 2500)
    assert suspicions(register) == []


def test_a_phone_that_goes_and_comes_back_before_its_address_changes_is_honest() -> None:
    register = resolving()
    hear(register, address(1), T)
    hear(register, address(2), T + 500)
    assert hear(register, address(1), T + 500 + REPLAYED_S - 510)
    assert suspicions(register) == []


def test_off_by_default_nobody_is_resolved_and_nothing_is_kept() -> None:
    register = tuned(carrying(irk()))
    for prand in range(4):
        assert not hear(register, address(prand), T + prand * 60)
    assert register.deadline == float("inf")


def test_who_did_not_agree_is_not_recognised() -> None:
    register = tuned(carrying(irk(), agreed=False), digest_key=DIGEST_KEY)
    hear(register, address(1), T)
    assert not hear(register, address(2), T + 900)
    assert register.news == []


def test_a_revoked_key_resolves_nothing_and_leaves_nothing() -> None:
    register = resolving()
    hear(register, address(1), T)
    hear(register, address(2), T + 900)
    register.remove("oX3f-91c2")
    assert not hear(register, address(2), T + 910)
    assert register._private
    assert not register._private._resolved


def test_a_key_revoked_while_an_address_is_tried_finds_nothing() -> None:
    register = resolving()
    register.recognise(heard(address(1), T))
    trial = register._private
    assert trial
    trial.remove(key(1, 16))
    settle(register, T + 2)
    assert not trial._resolved


def test_who_enrols_now_is_known_by_an_address_that_was_a_strangers_before() -> None:
    register = resolving()
    for prand in (1, 2):
        hear(register, address(prand, number=2), T + prand)
    register.put(carrying(irk(1), irk(2)))
    hear(register, address(1, number=2), T + 10)
    assert hear(register, address(2, number=2), T + 20)


def test_an_address_that_two_keys_explain_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.identity.private_addresses.aes", lambda _: aes(key(1, 16)))
    register = tuned(carrying(irk(1)), carrying(irk(2), name="oYYY-0001"), digest_key=DIGEST_KEY)
    hear(register, address(1), T)
    assert not hear(register, address(2), T + 10)


@given(keys=st.integers(1, 40), mine=st.integers(1, 40), count=st.integers(1, 70), seed=st.integers(0, 999))
def test_of_many_keys_and_addresses_each_pair_is_found_and_no_other(
    keys: int, mine: int, count: int, seed: int
) -> None:
    """What resolves in a batch is what resolves alone."""
    draw = Random(seed)
    private = PrivateAddresses(DIGEST_KEY)
    for number in range(1, keys + 1):
        private.put(key(number, 16), carrying(irk(number), name=f"member-{number}"))
    own = [address(draw.getrandbits(22), number=mine) for _ in range(min(count, 3))]
    others = [bytes([0x40 | draw.getrandbits(6)]) + draw.randbytes(5) for _ in range(count)]
    for each in [*own, *others]:
        private.seek(each, T)
    while private.deadline <= T + 5:
        private.advance(private.deadline)
    found = {each: known.phone.key for each in [*own, *others] if (known := private.seek(each, T + 6))}
    alone = {each: key(mine, 16) for each in own if mine <= keys}
    assert found == alone


def test_the_keys_are_tried_some_at_a_time() -> None:
    private = PrivateAddresses(DIGEST_KEY)
    for number in range(1, 2 * KEYS_AT_ONCE + 2):
        private.put(key(number, 16), carrying(irk(number), name=f"member-{number}"))
    private.seek(address(1, number=2 * KEYS_AT_ONCE + 1), T)
    steps = 0
    while private.deadline <= T + 5:
        private.advance(private.deadline)
        steps += 1
    assert steps == 3
    assert private.seek(address(1, number=2 * KEYS_AT_ONCE + 1), T + 5)


def test_a_flood_of_addresses_waits_in_bounded_room_and_the_rest_is_counted() -> None:
    private = PrivateAddresses(DIGEST_KEY)
    private.put(key(1, 16), carrying(irk()))
    for number in range(MOST_WAITING + 100):
        private.seek(b"\x40" + number.to_bytes(5, "big"), T)
    assert private.untried == 100
    rounds = 0
    while private.deadline <= T + 60:
        private.advance(private.deadline)
        rounds += 1
    assert rounds == MOST_WAITING // ADDRESSES_AT_ONCE
