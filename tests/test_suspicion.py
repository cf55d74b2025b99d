"""Attacks on credentials, and beside each the honest thing that looks like it."""

from __future__ import annotations

from collections.abc import Iterable
from math import acos, cos, radians, sin
from typing import Any

import pytest
from virtual_carriers import (
    BEIJING,
    NAMESPACE,
    PHONE,
    SHANGHAI,
    T,
    beacon,
    carrying,
    eid,
    ephemeral,
    rotating,
    suspicions,
    tuned,
)

from drivers.sighting import Sighting
from gateway.contract.words import CredentialKind
from gateway.events import StateRow
from gateway.identity.recognition import Register
from gateway.identity.suspicion import DEMOTED_S, MOST_GUESSES, Elsewhere, Place, distance_m, is_too_fast
from rules.situation import Trust

CLONE = bytes.fromhex("c01122334455")
CARD = {"kind": "ibeacon", "uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 14, "minor": 2071}
IDENTITY = bytes.fromhex("6e9d1c5a2b3f4e709a110c5d7e3f2b18000e0817")


def card(t: float, address: bytes | None = PHONE, **more: Any) -> Sighting:
    return Sighting(t, "door", "ble", "ibeacon", -60, IDENTITY, -59, address, "random")._replace(**more)


def play(register: Register, frames: Iterable[Sighting]) -> list[str]:
    """Let frames be heard; return what was suspected."""
    for frame in frames:
        register.recognise(frame)
    return [found.what for found in suspicions(register)]


# two transmitters under one id


def test_two_transmitters_that_take_turns_for_half_a_minute_are_a_clone() -> None:
    register = tuned(carrying(rotating()))
    frames = [beacon(T + n, address=(PHONE, CLONE)[n % 2]) for n in range(60)]
    heard = [register.recognise(frame) for frame in frames]
    trusts = [found.trust for found in heard if found]
    assert len(trusts) == 60
    assert trusts[:30] == [Trust.FRESH] * 30
    assert trusts[40:] == [Trust.HINT] * 20
    (clone,) = suspicions(register)
    assert (clone.what, clone.member, clone.credential, clone.where) == ("clone", "oX3f-91c2", "rotating", "door")
    assert clone.until
    assert clone.until - clone.t == DEMOTED_S


def test_a_clone_that_changes_its_address_with_every_frame_is_one_too() -> None:
    frames = [card(T + n, PHONE if n % 2 else b"\xc0" + n.to_bytes(5, "big")) for n in range(60)]
    assert play(tuned(carrying(CARD)), frames) == ["clone"]


def test_pseudonyms_in_the_place_of_addresses_show_it_as_well() -> None:
    frames = [card(T + n, None, device=("p1", "p2")[n % 2]) for n in range(60)]
    assert play(tuned(carrying(CARD)), frames) == ["clone"]


@pytest.mark.parametrize(
    "frames",
    [
        [card(T + n, b"\x40" + (n // 9).to_bytes(5, "big")) for n in range(600)],
        [card(T + n // 2, PHONE, receiver=("door", "till")[n % 2]) for n in range(600)],
        [card(T + n - n % 3 * 0.4, (PHONE, CLONE)[n // 300], receiver=("door", "till")[n % 2]) for n in range(600)],
        [card(T + n / 10, (PHONE, CLONE)[(n // 3) % 2] if n in range(300, 320) else CLONE) for n in range(600)],
        [card(T + n * 60, (PHONE, CLONE)[n % 2]) for n in range(40)],
        [card(T + n, None) for n in range(60)],
    ],
    ids=[
        "an address that changes",
        "two receivers that overlap",
        "two receivers, one late, over a change",
        "a change that takes two seconds",
        "one that is lent to another device and back now and then",
        "no addresses to tell by",
    ],
)
def test_one_transmitter_is_no_clone(frames: list[Sighting]) -> None:
    register = tuned(carrying(CARD))
    assert play(register, frames) == []


def test_a_demoted_credential_is_a_hint_for_a_day_and_told_once() -> None:
    register = tuned(carrying(rotating()))
    assert play(register, [beacon(T + n, address=(PHONE, CLONE)[n % 2]) for n in range(200)]) == ["clone"]
    for after, trust in ((3600.0, Trust.HINT), (DEMOTED_S - 300, Trust.HINT), (DEMOTED_S + 300, Trust.FRESH)):
        heard = register.recognise(beacon(T + after))
        assert heard
        assert heard.trust is trust


def test_what_was_demoted_stays_so_over_a_restart_and_goes_with_the_credential() -> None:
    register = tuned(carrying(rotating(), eid()))
    for n in range(60):
        register.recognise(beacon(T + n, address=(PHONE, CLONE)[n % 2]))
    (row,) = [item for item in register.news if isinstance(item, StateRow) and item.kind == "demoted"]
    assert (row.member, row.until) == ("oX3f-91c2", row.value)
    again = tuned(carrying(rotating(), eid()))
    again.load(row)
    heard, other = again.recognise(beacon(T + 100)), again.recognise(ephemeral(T + 100, 70_100 >> 10))
    assert heard
    assert other
    assert (heard.trust, other.trust) == (Trust.HINT, Trust.FRESH)
    again.news.clear()
    again.put(carrying(eid()))
    gone = [item for item in again.news if isinstance(item, StateRow) and item.kind == "demoted"]
    assert [(item.key, item.value) for item in gone] == [(row.key, None)]


# an impossible speed


def test_a_thousand_kilometres_in_an_hour_are_a_clone() -> None:
    register = tuned(carrying(CARD))
    register.elsewhere("oX3f-91c2", Elsewhere("ibeacon", BEIJING, T))
    assert play(register, [card(T + 3600)]) == ["clone"]


@pytest.mark.parametrize(
    ("place", "seconds"),
    [
        (BEIJING, 27_000.0),
        (SHANGHAI, 0.0),
        (Place(31.2254, 121.5447), 5.0),
        (Place(31.2304, 121.5447), -5.0),
    ],
    ids=["by train", "the same shop", "the shop across the street", "a clock that is a little behind"],
)
def test_whoever_could_have_come_here_is_honest(place: Place, seconds: float) -> None:
    register = tuned(carrying(CARD))
    register.elsewhere("oX3f-91c2", Elsewhere("ibeacon", place, T))
    assert play(register, [card(T + seconds)]) == []


def test_two_cards_of_a_kind_may_be_in_two_places() -> None:
    register = tuned(carrying(CARD, {**CARD, "minor": 1}))
    register.elsewhere("oX3f-91c2", Elsewhere("ibeacon", BEIJING, T))
    assert play(register, [card(T + 60)]) == []


def test_another_kind_of_credential_says_nothing_of_this_one() -> None:
    register = tuned(carrying(CARD, rotating()))
    register.elsewhere("oX3f-91c2", Elsewhere("rotating", BEIJING, T))
    assert play(register, [card(T + 60)]) == []


def test_a_distance_is_that_of_the_great_circle() -> None:
    """The law of cosines gives the same where points are far apart."""
    (south, west), (north, east) = (map(radians, place) for place in (SHANGHAI, BEIJING))
    angle = acos(sin(south) * sin(north) + cos(south) * cos(north) * cos(east - west))
    assert distance_m(SHANGHAI, BEIJING) == pytest.approx(6_371_000 * angle)
    assert 1_050_000 < distance_m(SHANGHAI, BEIJING) < 1_090_000
    assert distance_m(Place(0, 0), Place(0, 180)) == pytest.approx(20_015_000, rel=0.001)
    assert is_too_fast(Place(0, 0), Place(0, 0.1), 200)
    assert not is_too_fast(Place(0, 0), Place(0, 0.1), 230)


# guesses


def guess(t: float, number: int) -> Sighting:
    return card(t, identity=NAMESPACE + number.to_bytes(12, "big"))


def flood(register: Register, frames: Iterable[Sighting]) -> list[str]:
    for frame in frames:
        register.guess(frame)
    return [found.what for found in suspicions(register)]


def test_more_than_twenty_unknown_ids_a_minute_are_a_flood_told_once_in_ten_minutes() -> None:
    register = tuned(carrying(CARD))
    assert flood(register, [guess(T + n, n) for n in range(MOST_GUESSES)]) == []
    assert flood(register, [guess(T + 20, 20)]) == ["flood"]
    assert flood(register, [guess(T + 21 + n, 30 + n) for n in range(570)]) == []
    assert flood(register, [guess(T + 622 + n, 700 + n) for n in range(60)]) == ["flood"]


@pytest.mark.parametrize(
    "frames",
    [
        [guess(T + n / 10, n % 20) for n in range(3000)],
        [guess(T + n * 3.1, n) for n in range(500)],
        [card(T + n / 10) for n in range(600)],
    ],
    ids=["twenty cards of another shop", "a card every three seconds", "a member who did not agree"],
)
def test_cards_that_are_merely_unknown_are_no_flood(frames: list[Sighting]) -> None:
    assert flood(tuned(carrying(CARD, agreed=False)), frames) == []


def test_a_flood_takes_no_more_memory_than_it_needs_to_be_told() -> None:
    register = tuned(carrying(CARD))
    flood(register, [guess(T, n) for n in range(5000)])
    assert len(register._guard._guesses._heard) == MOST_GUESSES + 1


def test_while_our_clock_is_wrong_unknown_ids_are_no_wonder() -> None:
    register = tuned(carrying(rotating()))
    register.clock(T, is_wrong=True)
    suspicions(register)
    assert flood(register, [guess(T + n / 10, n) for n in range(100)]) == []


# the clock


def test_a_clock_that_goes_wrong_is_told_once_and_again_when_it_does_again() -> None:
    register = tuned(carrying(CARD))
    told = []
    for n, is_wrong in enumerate([False, True, True, False, True]):
        register.clock(T + n, is_wrong=is_wrong)
        told.append([found.what for found in suspicions(register)])
    assert told == [[], ["clock"], [], [], ["clock"]]


def test_what_hangs_on_no_clock_keeps_its_trust() -> None:
    register = tuned(carrying({"kind": "wifi-key", "keyid": "k-1"}))
    register.clock(T, is_wrong=True)
    station = Sighting(T, "guest", "wifi", "station", None, b"k-1", None, PHONE, "local", own_network=True)
    heard = register.recognise(station)
    assert heard
    kinds: tuple[Trust, CredentialKind] = (heard.trust, heard.credential)
    assert kinds == (Trust.FRESH, "wifi-key")
