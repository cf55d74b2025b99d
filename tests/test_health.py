from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.driver import RadioState
from gateway.config import Config, Gateway, Group, Hours, Mqtt, Receiver, Staff, Store
from gateway.health import STARTING_GRACE_S, Health

START = 1_763_784_000.0  # 2025-11-22 12:00 in Shanghai
LATER = START + STARTING_GRACE_S


def health(groups: tuple[Group, ...] = (Group("floor"),), hours: Hours | None = None) -> Health:
    config = Config(
        Path("hushbell.yaml"),
        Store("lilac", ZoneInfo("Asia/Shanghai"), opening_hours=hours),
        Gateway("door-pi"),
        Mqtt("mqtt://127.0.0.1"),
        (Receiver("door", "ble"), Receiver("air", "wifi")),
        (),
        (),
        staff=Staff(groups),
    )
    found = Health(config, {"floor"}, START)
    found.radio("door", RadioState.HEARING, "")
    found.radio("air", RadioState.HEARING, "")
    return found


def test_all_radios_hearing_and_a_device_online_is_online() -> None:
    all_well = health()
    all_well.device("badge-1", online=True)
    assert all_well.status(LATER) == {
        "state": "online",
        "since": "2025-11-22T12:00:15.000+08:00",
        "receivers": {"door": "hearing", "air": "hearing"},
        "reasons": [],
    }


def test_a_lost_radio_degrades_and_says_why_and_its_return_mends() -> None:
    one_lost = health()
    one_lost.device("badge-1", online=True)
    one_lost.radio("door", RadioState.MISSING, "adapter hci0 is gone")
    status = one_lost.status(LATER)
    assert (status["state"], status["reasons"]) == ("degraded", ["receiver door is missing: adapter hci0 is gone"])
    one_lost.radio("door", RadioState.HEARING, "")
    assert one_lost.status(LATER + 5)["state"] == "online"


def test_a_radio_may_be_starting_for_a_while_and_no_longer() -> None:
    starting = health()
    starting.device("badge-1", online=True)
    starting.radio("door", RadioState.STARTING, "")
    assert starting.status(START + 1)["state"] == "online"
    assert starting.status(LATER)["state"] == "degraded"


@pytest.mark.parametrize(
    ("group", "online", "state"),
    [
        (Group("floor"), "anything", "online"),
        (Group("floor", ("badge-1",)), "badge-1", "online"),
        (Group("floor", ("badge-1",)), "badge-9", "degraded"),
    ],
)
def test_a_group_is_heard_through_its_own_devices_or_through_any_when_it_names_none(
    group: Group, online: str, state: str
) -> None:
    shop = health((group,))
    shop.device(online, online=True)
    assert shop.status(LATER)["state"] == state


def test_no_device_online_degrades_in_opening_hours_only() -> None:
    def state(hours: Hours) -> object:
        return health(hours=hours).status(LATER)["state"]

    assert state(Hours(time(10), time(22))) == "degraded"
    assert state(Hours(time(14), time(22))) == "online"


def test_since_is_when_the_state_last_changed() -> None:
    shop = health()
    shop.device("badge-1", online=True)
    shop.status(LATER)
    assert shop.status(LATER + 60)["since"] == "2025-11-22T12:00:15.000+08:00"
