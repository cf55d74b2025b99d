from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.driver import RadioState
from gateway.configuration.config import Config, Gateway, Group, Hours, Mqtt, Receiver, Staff, Store
from gateway.deciding.staff import StaffDevices
from gateway.health import STARTING_GRACE_S, Health
from gateway.rulebook import Rulebook
from rules.document import Fault, Faults
from rules.loader import Source, load_sources

START = 1_763_784_000.0  # 2025-11-22 12:00 in Shanghai
LATER = START + STARTING_GRACE_S
GREET = Source("greet.yaml", b"- {name: greet, on: arrived, alert: {group: floor, text: '{greeting}'}}")
RULES = Rulebook((GREET,), tuple(load_sources([GREET], Faults())))
UP = 100.0  # of the steady clock, at the start


class Shop(Health):
    """A shop's health, and the staff devices that it knows of."""

    def __init__(self, config: Config) -> None:
        self.staff = StaffDevices(config.staff.groups)
        super().__init__(config, RULES, self.staff.online_in, wall=START, steady=UP)

    def device(self, device: str) -> None:
        self.staff.take(device, online=True)


def health(groups: tuple[Group, ...] = (Group("floor"),), hours: Hours | None = None) -> Shop:
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
    found = Shop(config)
    found.radio("door", RadioState.HEARING, "")
    found.radio("air", RadioState.HEARING, "")
    return found


def judged(shop: Health, wall: float, steady: float | None = None) -> dict[str, Any]:
    """Return the status after a judgement; the steady clock goes with the wall clock unless told otherwise."""
    shop.judge(wall=wall, steady=UP + wall - START if steady is None else steady)
    return shop.status()


def test_all_radios_hearing_and_a_device_online_is_online() -> None:
    all_well = health()
    all_well.device("badge-1")
    assert judged(all_well, LATER) == {
        "state": "online",
        "since": "2025-11-22T12:00:00.000+08:00",
        "receivers": {"door": "hearing", "air": "hearing"},
        "reasons": [],
        "rules": RULES.version,
    }


def test_a_lost_radio_degrades_and_says_why_and_its_return_mends() -> None:
    one_lost = health()
    one_lost.device("badge-1")
    one_lost.radio("door", RadioState.MISSING, "adapter hci0 is gone")
    status = judged(one_lost, LATER)
    assert (status["state"], status["reasons"]) == ("degraded", ["receiver door is missing: adapter hci0 is gone"])
    one_lost.radio("door", RadioState.HEARING, "")
    assert judged(one_lost, LATER + 5)["state"] == "online"


def test_a_radio_may_be_starting_for_a_while_and_no_longer() -> None:
    starting = health()
    starting.device("badge-1")
    starting.radio("door", RadioState.STARTING, "")
    assert judged(starting, START + 1)["state"] == "online"
    assert judged(starting, LATER)["state"] == "degraded"


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
    shop.device(online)
    assert judged(shop, LATER)["state"] == state


def test_no_device_online_degrades_in_opening_hours_only() -> None:
    def state(hours: Hours) -> object:
        return judged(health(hours=hours), LATER)["state"]

    assert state(Hours(time(10), time(22))) == "degraded"
    assert state(Hours(time(14), time(22))) == "online"


def test_a_rule_file_at_fault_degrades_until_rules_without_a_fault_are_in_force() -> None:
    shop = health()
    shop.device("badge-1")
    faults = (Fault("/etc/ours.yaml", 3, 1, "unknown"), Fault("/etc/ours.yaml", 4, 1, "unknown"))
    shop.enforce(replace(RULES, refused=faults))
    status = judged(shop, LATER)
    assert status["state"] == "degraded"
    assert status["reasons"] == ["rule file ours.yaml is at fault: what was in force before stands"]
    shop.enforce(RULES)
    assert judged(shop, LATER)["state"] == "online"


def test_since_is_when_the_state_last_changed() -> None:
    shop = health()
    assert judged(shop, LATER)["since"] == "2025-11-22T12:00:15.000+08:00", "no device is online"
    assert judged(shop, LATER + 30)["since"] == "2025-11-22T12:00:15.000+08:00"
    shop.device("badge-1")
    assert judged(shop, LATER + 60)["since"] == "2025-11-22T12:01:15.000+08:00"


def test_to_read_the_status_decides_nothing() -> None:
    shop = health()
    judged(shop, LATER)
    before = shop.status()
    shop.device("badge-1")
    assert shop.status() == shop.status() == before
    assert judged(shop, LATER)["state"] == "online"


@pytest.mark.parametrize("jump_s", [-86_400.0, -20.0, 20.0, 50 * 365 * 86_400.0])
def test_a_wall_clock_that_is_set_at_boot_neither_hides_nor_invents_a_fault(jump_s: float) -> None:
    shop = health()
    shop.radio("door", RadioState.STARTING, "")
    assert judged(shop, START + jump_s, UP + STARTING_GRACE_S - 1)["state"] == "online"
    assert judged(shop, START + jump_s, UP + STARTING_GRACE_S)["reasons"] == [
        "receiver door is starting",
        "no device of group floor is online",
    ]
