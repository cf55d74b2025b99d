import math
from typing import Any

import pytest

from gateway.deciding.alerts import UNHEARD_AFTER_S, Alert, OpenAlerts


def opened(*alerts: Alert) -> OpenAlerts:
    found = OpenAlerts()
    for alert in alerts:
        found.open(alert)
    return found


def an_alert(name: str = "a-1", expires: float = 60.0, member: str = "m-1") -> Alert:
    return Alert(name, "floor", "v-1", member, expires)


def test_the_first_claim_wins_and_the_second_gets_nothing() -> None:
    alerts = opened(an_alert())
    first = alerts.claim("a-1", "floor", "badge-1")
    assert first is not None
    assert first.claimed_by == "badge-1"
    assert alerts.claim("a-1", "floor", "badge-2") is None


def test_whoever_claimed_may_make_it_serious_or_give_it_back_and_nobody_else() -> None:
    alerts = opened(an_alert())
    alerts.claim("a-1", "floor", "badge-1")
    assert alerts.claim("a-1", "floor", "badge-1", serious=True)
    assert alerts.claim("a-1", "floor", "badge-1", serious=True) is None
    assert alerts.claim("a-1", "floor", "badge-2", serious=True) is None
    assert alerts.release("a-1", "floor", "badge-2") is None
    assert alerts.release("a-1", "floor", "badge-1")
    assert alerts.claim("a-1", "floor", "badge-2")


def test_a_claim_of_an_unknown_alert_or_from_another_group_takes_nothing() -> None:
    alerts = opened(an_alert())
    assert alerts.claim("a-2", "floor", "badge-1") is None
    assert alerts.claim("a-1", "cashiers", "badge-1") is None
    assert alerts.claim("a-1", "floor", "badge-1") is not None


def test_the_deadline_is_that_of_the_alert_that_ends_first() -> None:
    alerts = opened(an_alert("a-1", 60.0), an_alert("a-2", 30.0))
    assert alerts.deadline == 30.0
    assert [alert.id for alert in alerts.take_due(30.0)] == ["a-2"]
    assert alerts.deadline == 60.0
    assert [alert.id for alert in alerts.take_due(99.0)] == ["a-1"]
    assert alerts.deadline == math.inf


def test_an_alert_that_is_over_cannot_be_claimed() -> None:
    alerts = opened(an_alert())
    alerts.take_due(60.0)
    assert alerts.claim("a-1", "floor", "badge-1") is None


def test_withdrawing_a_member_ends_that_members_alerts_and_no_other() -> None:
    alerts = opened(an_alert("a-1", member="m-1"), an_alert("a-2", member="m-2"))
    assert [alert.id for alert in alerts.withdraw("m-1")] == ["a-1"]
    assert alerts.claim("a-2", "floor", "badge-1") is not None


def test_a_group_that_misses_an_alert_is_seen_to_when_it_has_for_long_enough() -> None:
    alert = an_alert()
    alerts = opened(alert)
    alerts.miss(alert, "floor", 10.0)
    assert alerts.deadline == 10.0 + UNHEARD_AFTER_S
    assert alerts.take_missed(alerts.deadline - 0.1) == []
    assert alerts.take_missed(alerts.deadline) == [(alert, "floor")]
    assert alerts.deadline == alert.expires


@pytest.mark.parametrize("end", ["claimed", "withdrawn", "expired"])
def test_of_an_alert_that_is_over_or_taken_nobody_is_missed(end: str) -> None:
    alert = an_alert(expires=2.0)
    alerts = opened(alert)
    alerts.miss(alert, "floor", 0.0)
    match end:
        case "claimed":
            alerts.claim("a-1", "floor", "badge-1")
        case "withdrawn":
            alerts.withdraw("m-1")
        case _:
            alerts.take_due(2.0)
    assert alerts.take_missed(99.0) == []
    assert alerts.reach("floor") == []


def test_a_group_that_is_reached_gets_what_it_missed_once() -> None:
    missed, heard = an_alert("a-1"), an_alert("a-2")
    alerts = opened(missed, heard)
    alerts.miss(missed, "floor", 0.0)
    assert alerts.reach("shoes") == []
    assert alerts.reach("floor") == [missed]
    assert alerts.reach("floor") == []


def test_an_alert_that_was_raised_in_two_groups_is_claimed_in_either_and_free_in_both_again() -> None:
    alert = Alert("a-1", "floor", "v-1", "m-1", 60.0, groups=["floor", "managers"], missed=["floor"], unheard=["floor"])
    alerts = opened(alert)
    assert alerts.claim("a-1", "managers", "phone-1")
    assert alerts.claim("a-1", "floor", "badge-1") is None
    assert alerts.release("a-1", "managers", "phone-1")
    assert alerts.places() == [(alert, "floor"), (alert, "managers")]
    assert alert.missed == alert.unheard == []


def test_an_alert_comes_back_from_its_row_as_it_was_and_from_that_of_an_older_version() -> None:
    alert = Alert("a-1", "floor", "v-1", "m-1", 60.0, groups=["floor", "managers"], unheard=["floor"])
    assert Alert(**alert.as_json()) == alert
    older: dict[str, Any] = {"id": "a-1", "group": "floor", "visit": "v-1", "member": "m-1", "expires": 60.0}
    assert Alert(**older).groups == ["floor"]
