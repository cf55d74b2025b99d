"""Ids that change with time, as the register recognises them."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from virtual_carriers import NAMESPACE, T, beacon, carrying, eid, ephemeral, key, rotating, suspicions, tuned

from drivers.sighting import Sighting
from gateway.events import StateRow
from gateway.heard import Heard
from gateway.identity.changing import LATE_S
from gateway.identity.recognition import Register
from gateway.identity.rotating import SLOT_S, rotating_id, slot_of
from rules.situation import Trust

FOR_EVER = 10**9


@pytest.mark.parametrize("slots", [-1, 0, 1])
def test_a_rotating_id_of_this_slot_or_its_neighbours_is_fresh(slots: int) -> None:
    heard = tuned(carrying(rotating())).recognise(beacon(T, slots=slots))
    assert heard == Heard(T, "oX3f-91c2", "door", "ble", -60, Trust.FRESH, "rotating")


@pytest.mark.parametrize(
    "stranger",
    [
        beacon(T, slots=-2),
        beacon(T, slots=2),
        beacon(T, number=2),
        beacon(T)._replace(identity=beacon(T).identity[:-1] + b"\x01"),
        beacon(T)._replace(identity=bytes(8) + beacon(T).identity[8:]),
        beacon(T)._replace(kind="altbeacon"),
        ephemeral(T, 70_000 >> 10),
    ],
    ids=["too old", "too new", "another key", "a minor", "another namespace", "an altbeacon", "an eid"],
)
def test_no_other_id_is_anybodys(stranger: Sighting) -> None:
    register = tuned(carrying(rotating()))
    assert register.recognise(stranger) is None
    assert not register.is_enrolled(stranger)
    assert suspicions(register) == []


def test_without_a_namespace_no_rotating_id_is_known() -> None:
    register = Register()
    register.put(carrying(rotating()))
    assert register.recognise(beacon(T)) is None


def test_a_member_is_followed_over_many_slots_without_a_gap() -> None:
    register = tuned(carrying(rotating()))
    for second in range(0, 10 * SLOT_S, 7):
        assert register.recognise(beacon(T + second)), second
    assert suspicions(register) == []


def test_an_older_slot_than_the_newest_heard_is_a_replay_and_nobody() -> None:
    register = tuned(carrying(rotating()))
    assert register.recognise(beacon(T))
    assert register.recognise(beacon(T + SLOT_S))
    assert register.recognise(beacon(T + SLOT_S + 60, slots=-1)) is None
    (replay,) = suspicions(register)
    assert (replay.what, replay.member, replay.credential, replay.where) == ("replay", "oX3f-91c2", "rotating", "door")
    assert register.recognise(beacon(T + SLOT_S + 61))


def test_an_id_that_was_heard_and_is_played_back_hours_later_is_a_replay() -> None:
    register = tuned(carrying(rotating()))
    recorded = beacon(T)
    assert register.recognise(recorded)
    assert register.recognise(recorded._replace(t=T + 5 * SLOT_S)) is None
    assert register.recognise(recorded._replace(t=T + 5 * SLOT_S + 1)) is None
    assert [found.what for found in suspicions(register)] == ["replay"]


def test_a_frame_that_comes_late_over_the_change_of_slots_is_no_replay() -> None:
    register = tuned(carrying(rotating()))
    assert register.recognise(beacon(T))
    assert register.recognise(beacon(T + SLOT_S))
    for late in (beacon(T + SLOT_S - 0.2), beacon(T + SLOT_S + LATE_S / 2, slots=-1)):
        assert register.recognise(late)
    assert suspicions(register) == []


def test_a_phone_whose_clock_is_a_slot_ahead_or_behind_stays_recognised() -> None:
    for slots in (-1, 1):
        register = tuned(carrying(rotating()))
        for second in range(0, 3 * SLOT_S, 50):
            assert register.recognise(beacon(T + second, slots=slots))
        assert suspicions(register) == []


def kept(register: Register) -> list[StateRow]:
    return [item for item in register.news if isinstance(item, StateRow)]


def test_what_was_accepted_is_kept_once_a_slot_and_a_replay_is_known_after_a_restart() -> None:
    register = tuned(carrying(rotating()))
    for second in range(0, 2 * SLOT_S, 10):
        register.recognise(beacon(T + second))
    rows = kept(register)
    assert len(rows) == 2
    assert all(row.member == "oX3f-91c2" and row.until and row.until > T for row in rows)
    again = tuned(carrying(rotating()))
    again.load(rows[-1])
    assert again.recognise(beacon(T + SLOT_S + 60, slots=-1)) is None
    assert [found.what for found in suspicions(again)] == ["replay"]
    assert again.recognise(beacon(T + SLOT_S + 61))


def test_to_put_a_member_again_makes_no_replay_good() -> None:
    register = tuned(carrying(rotating()))
    register.recognise(beacon(T + SLOT_S))
    register.put(carrying(rotating(), greeting="王女士"))
    register.put_all([carrying(rotating(), greeting="王小姐")])
    assert register.recognise(beacon(T + SLOT_S + 60, slots=-1)) is None


def test_an_id_that_two_would_send_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.identity.timetable.rotating_id", lambda key, slot: slot.to_bytes(8, "big"))
    sent = NAMESPACE + (int(T) // SLOT_S).to_bytes(8, "big") + bytes(4)
    first = tuned(carrying(rotating(1)))
    assert first.recognise(beacon(T)._replace(identity=sent))
    both = tuned(carrying(rotating(1)), carrying(rotating(2), name="oYYY-0001"))
    assert both.recognise(beacon(T)._replace(identity=sent)) is None


def test_nothing_is_fresh_while_our_clock_is_wrong_and_nothing_is_learned() -> None:
    register = tuned(carrying(rotating(), eid()))
    register.clock(T, is_wrong=True)
    assert [found.what for found in suspicions(register)] == ["clock"]
    for sighting in (beacon(T), ephemeral(T, 70_000 >> 10)):
        heard = register.recognise(sighting)
        assert heard
        assert heard.trust is Trust.HINT
    assert register.news == []
    register.clock(T + 1, is_wrong=False)
    heard = register.recognise(beacon(T + 1))
    assert heard
    assert heard.trust is Trust.FRESH


def test_a_newest_slot_that_cannot_have_been_locks_nobody_out() -> None:
    register = tuned(carrying(rotating()))
    assert register.recognise(beacon(T + 100 * SLOT_S))
    assert register.recognise(beacon(T))
    assert suspicions(register) == []


def test_who_did_not_agree_or_is_paused_is_noise_and_leaves_nothing() -> None:
    for member in (
        carrying(rotating(), agreed=False),
        carrying(rotating(), choices={"paused_until": "2030-01-01T00:00:00Z"}),
    ):
        register = tuned(member)
        assert register.recognise(beacon(T)) is None
        assert register.is_enrolled(beacon(T))
        assert register.news == []
        assert register.silent == 1


def test_a_revoked_key_is_nobodys_at_once_and_nowhere() -> None:
    register = tuned(carrying(rotating(), eid()))
    assert register.recognise(beacon(T))
    assert register.recognise(ephemeral(T, 70_000 >> 10))
    register.news.clear()
    register.put(carrying())
    assert {(row.kind, row.value, row.member) for row in kept(register)} == {("changing", None, "oX3f-91c2")}
    assert register.recognise(beacon(T + 1)) is None
    register.remove("oX3f-91c2")
    register.news.clear()
    left = pickle.dumps(register._rotating._table._numbers) + pickle.dumps(register._ephemeral._table._numbers)
    assert key(1) not in left
    assert key(1, 16) not in left


def test_members_who_come_while_a_table_is_being_made_are_in_it() -> None:
    register = tuned(*(carrying(rotating(number), name=f"member-{number}") for number in range(1, 40)))
    assert register.prepare(T, 50)
    register.put(carrying(rotating(77), name="oYYY-0077"))
    register.remove("member-3")
    while register.prepare(T, 10):
        pass
    for t in (T, T + SLOT_S):
        assert register.recognise(beacon(t, number=77))
        assert register.recognise(beacon(t, number=39))
        assert register.recognise(beacon(t, number=3)) is None


def test_a_change_of_slots_asks_for_nothing_that_was_not_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [carrying(rotating(number), name=f"member-{number}") for number in range(1, 30)]
    register = tuned(*members)
    for number in range(1, 30):
        assert register.recognise(beacon(T, number))
    while register.prepare(T + 1, 20):
        pass
    frames = [beacon(T + SLOT_S, number) for number in range(1, 30)]
    monkeypatch.setattr("gateway.identity.timetable.rotating_id", lambda *_: pytest.fail("computed when asked"))
    assert all(register.recognise(frame) for frame in frames)


def test_prepared_or_not_the_same_is_recognised() -> None:
    prepared, asked = (tuned(carrying(rotating(1), eid(5)), carrying(rotating(2), name="oYYY-0001")) for _ in "ab")
    for second in range(0, 4 * SLOT_S, 100):
        t = T + second
        while prepared.prepare(t, FOR_EVER):
            pass
        for sighting in (beacon(t, 1), beacon(t, 2, slots=1), ephemeral(t, (70_000 + second) >> 10, 5)):
            assert prepared.recognise(sighting) == asked.recognise(sighting)
    assert prepared.news == asked.news


def test_an_eddystone_eid_is_fresh_and_followed_though_its_clock_drifts() -> None:
    register = tuned(carrying(eid(exponent=8)))
    for visit in range(40):  # a visit every ten days, with a clock that loses 150 ppm
        since = visit * 10 * 86400
        for second in range(0, 1200, 30):
            t = T + since + second
            counter = 70_000 + (since + second) * (1 - 150e-6)
            heard = register.recognise(ephemeral(t, int(counter) >> 8, exponent=8))
            assert heard, (visit, second)
            assert (heard.trust, heard.credential) == (Trust.FRESH, "eddystone-eid")
    assert suspicions(register) == []


def test_an_eddystone_eid_of_an_older_step_is_a_replay() -> None:
    register = tuned(carrying(eid()))
    step = 70_000 >> 10
    assert register.recognise(ephemeral(T, step))
    assert register.recognise(ephemeral(T + 1024, step + 1))
    assert register.recognise(ephemeral(T + 1100, step)) is None
    assert register.recognise(ephemeral(T + 90_000, step)) is None
    assert [found.what for found in suspicions(register)] == ["replay", "replay"]


def test_what_was_learned_of_a_beacons_clock_outlasts_a_restart() -> None:
    register = tuned(carrying(eid()))
    register.recognise(ephemeral(T + 86400, (70_000 + 86400) >> 10))
    (row,) = kept(register)
    assert row.until is None
    again = tuned(carrying(eid()))
    again.load(row)
    (carrier,) = again._ephemeral._table._carriers.values()
    (known,) = register._ephemeral._table._carriers.values()
    assert (carrier.clock, carrier.newest) == (known.clock, known.newest)


def test_a_card_that_is_read_again_is_taken_as_it_was_read() -> None:
    register = tuned(carrying(eid()))
    assert register.recognise(ephemeral(T, 70_000 >> 10))
    register.put(carrying(eid(counter=3_000, at=T + 60)))  # a new battery
    assert register.recognise(ephemeral(T + 61, 3_061 >> 10))
    assert suspicions(register) == []


def test_a_clock_that_is_set_loses_no_beacon() -> None:
    register = tuned(carrying(eid(exponent=2)))
    for second in range(0, 600, 2):
        assert register.recognise(ephemeral(T + second, (70_000 + second) >> 2, exponent=2))
    register.redate(40.0)
    assert register.recognise(ephemeral(T + 642, (70_000 + 602) >> 2, exponent=2))


def test_the_id_is_of_eight_bytes_of_the_key_and_the_slot() -> None:
    assert beacon(T).identity == NAMESPACE + rotating_id(key(1), int(T) // 1024) + bytes(4)


KEYS = st.integers(1, 12)


class Model(RuleBasedStateMachine):
    """Whom a frame is of is whom computing every key's ids anew finds, whatever was put, removed or prepared before."""

    def __init__(self) -> None:
        super().__init__()
        self.register = tuned()
        self.carried: dict[int, str] = {}
        self.newest: dict[int, int] = {}
        self.t = T

    @rule(number=KEYS)
    def put(self, number: int) -> None:
        if number not in self.carried:
            self.newest.pop(number, None)
        self.carried[number] = f"member-{number}"
        self.register.put(carrying(rotating(number), name=f"member-{number}"))

    @rule(number=KEYS)
    def remove(self, number: int) -> None:
        self.carried.pop(number, None)
        self.register.remove(f"member-{number}")

    @rule(most=st.integers(1, 30), ahead=st.sampled_from([0, 0, SLOT_S]))
    def prepare(self, most: int, ahead: int) -> None:
        self.register.prepare(self.t + ahead, most)

    @rule(seconds=st.sampled_from([1.0, 400.0, 1024.0, 5000.0]))
    def wait(self, seconds: float) -> None:
        self.t += seconds

    @rule(number=KEYS, slots=st.integers(-3, 3))
    def hear(self, number: int, slots: int) -> None:
        self.t += 3
        heard = self.register.recognise(beacon(self.t, number, slots=slots))
        slot = slot_of(self.t) + slots
        newest = self.newest.get(number, slot)
        fits = number in self.carried and abs(slots) <= 1 and (slot >= newest or newest > slot_of(self.t) + 1)
        assert (heard.member if heard else None) == (self.carried[number] if fits else None)
        if fits:
            self.newest[number] = slot


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
