from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from drivers.driver import RadioState, Rung
from drivers.sighting import Sighting
from gateway.configuration.config import DriverName, Receiver, Reference
from gateway.receiving.lookout import CRASHED, PROOF_S, Lookout

IDENTITY = bytes(range(20))
OPEN, CLOSED = True, False
ZONE = ZoneInfo("Asia/Shanghai")


def frame(identity: bytes = b"") -> list[Sighting]:
    return [Sighting(1_763_784_000.0, "door", "ble", "ibeacon", -60, identity)]


def lookout(receiver: Receiver | None = None) -> Lookout:
    found = Lookout(receiver or Receiver("door", "ble"), tuple(Rung), has_hours=True)
    found.report(RadioState.HEARING, "")
    return found


def live(
    look: Lookout, start: int, seconds: int, *, heard: bytes | None = None, is_open: bool = OPEN
) -> list[tuple[int, Rung]]:
    """Let seconds pass, in each of which this was heard; return the rungs that were due."""
    found = []
    for now in range(start, start + seconds):
        if heard is not None:
            look.take(frame(heard))
        if rung := look.moment(float(now), is_open=is_open):
            found.append((now, rung))
    return found


REFERENCED = Receiver("door", "ble", reference=Reference(IDENTITY))


def test_a_radio_that_hears_fares_as_its_driver_says() -> None:
    look = lookout(REFERENCED)
    live(look, 0, 100, heard=IDENTITY)
    assert look.fares == (RadioState.HEARING, "")
    look.report(RadioState.OFF, "hci0 is switched off")
    assert look.fares == (RadioState.OFF, "hci0 is switched off")


def test_a_lost_reference_is_deaf_by_night_too_and_the_first_frame_mends_it() -> None:
    look = lookout(REFERENCED)
    live(look, 0, 100, heard=IDENTITY)
    rungs = live(look, 100, 200, is_open=CLOSED)
    assert look.fares[0] is RadioState.DEAF
    assert [rung for _, rung in rungs] == [Rung.RESCAN, Rung.POWER_CYCLE, Rung.RESTART]
    live(look, 300, 1, heard=IDENTITY, is_open=CLOSED)
    assert look.fares == (RadioState.HEARING, "")


def test_a_radio_that_hears_others_is_not_switched_off() -> None:
    look = lookout(REFERENCED)
    live(look, 0, 100, heard=IDENTITY)
    rungs = live(look, 100, 1000, heard=b"")
    assert look.fares[0] is RadioState.DEAF
    assert {rung for _, rung in rungs} == {Rung.RESCAN}


def test_a_night_without_a_reference_sees_no_rung_whatever_is_wrong() -> None:
    look = lookout()
    live(look, 0, 4000, heard=b"")
    assert live(look, 4000, 12 * 3600, is_open=CLOSED) == []
    assert look.fares == (RadioState.HEARING, "")
    look.report(RadioState.FAILED, "BlueZ does not answer")
    assert live(look, 50_000, 3600, is_open=CLOSED) == []


def test_a_driver_that_fails_for_long_is_helped() -> None:
    look = lookout()
    live(look, 0, 10, heard=b"")
    look.report(RadioState.BUSY, "hci0 is busy with another scan")
    assert live(look, 10, 100) == [(39, Rung.RESCAN), (69, Rung.POWER_CYCLE)]


@pytest.mark.parametrize("state", [RadioState.MISSING, RadioState.OFF, RadioState.DENIED, RadioState.STARTING])
def test_what_no_rung_can_mend_sees_none(state: RadioState) -> None:
    look = lookout(REFERENCED)
    live(look, 0, 100, heard=IDENTITY)
    look.report(state, "")
    assert live(look, 100, 1000) == []


@pytest.mark.parametrize(("driver", "scan"), [("hostapd", "active"), ("app", "active"), ("ble", "passive")])
def test_the_silence_of_what_speaks_seldom_means_nothing(driver: DriverName, scan: str) -> None:
    receiver = Receiver("door", driver, scan="passive" if scan == "passive" else "active")
    look = lookout(receiver)
    live(look, 0, 4000, heard=b"")
    assert live(look, 4000, 4000) == []
    assert look.fares == (RadioState.HEARING, "")


def test_the_health_message_tells_quiet_from_hearing_and_when_and_how_much_was_heard() -> None:
    look, nothing = lookout(), Counter[str]()
    assert look.row(ZONE, nothing) == {
        "state": "hearing",
        "last_heard": None,
        "rate": 0.0,
        "heard": 0,
        "decoded": 0,
        "dropped": 0,
        "restarts": 0,
    }
    live(look, 0, 600, heard=b"")
    row = look.row(ZONE, nothing)
    assert (row["state"], row["last_heard"], row["rate"]) == ("hearing", "2025-11-22T12:00:00.000+08:00", 1.0)
    live(look, 600, 60)
    row = look.row(ZONE, nothing)
    assert (row["state"], row["rate"], row["decoded"]) == ("quiet", pytest.approx(0.37, abs=0.01), 600)


def test_the_health_message_tells_what_was_dropped_and_what_was_tried_by_cause_and_in_all() -> None:
    look = lookout()
    look.take(frame())
    counters = Counter({"heard": 3, "dropped": 2, "malformed": 5, "rescan": 4, "restart": 1, "restart-refused": 1})
    row = look.row(ZONE, counters + Counter({CRASHED: 1}))
    assert (row["heard"], row["decoded"], row["dropped"], row["restarts"]) == (3, 1, 2, 6)
    assert (row["malformed"], row["rescan"], row["restart-refused"]) == (5, 4, 1)


def test_a_radio_that_fails_at_each_try_is_helped_however_often_it_says_that_it_hears() -> None:
    look, shown, rungs = lookout(), set(), []
    for now in range(100):
        look.report(RadioState.FAILED, "capture fails with the error EIO")
        shown.add(look.fares)
        rungs += live(look, 2 * now, 1)
        look.report(RadioState.HEARING, "")
        shown.add(look.fares)
        rungs += live(look, 2 * now + 1, 1)
    assert shown == {(RadioState.FAILED, "capture fails with the error EIO")}
    assert rungs == [(30, Rung.RESCAN), (60, Rung.POWER_CYCLE), (120, Rung.RESTART)]


@pytest.mark.parametrize("state", [RadioState.FAILED, RadioState.BUSY])
def test_a_radio_that_failed_and_hears_for_a_while_is_well(state: RadioState) -> None:
    look = lookout()
    live(look, 0, 10)
    look.report(state, "why")
    live(look, 10, 10)
    look.report(RadioState.HEARING, "")
    live(look, 20, int(PROOF_S) - 1)
    assert look.fares == (state, "why")
    live(look, 19 + int(PROOF_S), 1)
    assert look.fares == (RadioState.HEARING, "")


@pytest.mark.parametrize("state", [RadioState.OFF, RadioState.MISSING, RadioState.DENIED])
def test_a_failure_is_over_when_something_else_is_wrong(state: RadioState) -> None:
    look = lookout()
    live(look, 0, 10)
    look.report(RadioState.FAILED, "why")
    look.report(state, "because")
    assert look.fares == (state, "because")
    look.report(RadioState.HEARING, "")
    assert look.fares == (RadioState.HEARING, "")
