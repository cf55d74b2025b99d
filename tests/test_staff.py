from hypothesis import given
from hypothesis import strategies as st

from gateway.configuration.config import Group
from gateway.deciding.staff import MOST_DEVICES, StaffDevices

GROUPS = (Group("floor", ("badge-1", "badge-2"), "managers"), Group("managers", ("phone-1",)), Group("anybody"))


def test_a_group_changes_with_its_first_device_and_with_its_last() -> None:
    staff = StaffDevices(GROUPS)
    assert staff.take("badge-1", online=True) == ["floor", "anybody"]
    assert staff.take("badge-2", online=True) == []
    assert staff.take("badge-1", online=False) == []
    assert staff.take("badge-2", online=False) == ["floor", "anybody"]


def test_what_is_told_twice_changes_nothing() -> None:
    staff = StaffDevices(GROUPS)
    assert staff.take("phone-1", online=False) == []
    staff.take("phone-1", online=True)
    assert staff.take("phone-1", online=True) == []


def test_a_device_belongs_to_the_groups_that_name_it_and_to_those_that_name_none() -> None:
    staff = StaffDevices(GROUPS)
    assert [group for group in ("floor", "managers", "anybody", "?") if staff.belongs("badge-1", group)] == [
        "floor",
        "anybody",
    ]


def test_a_group_escalates_to_the_one_that_it_names_or_to_none() -> None:
    staff = StaffDevices(GROUPS)
    assert [staff.next_group(group) for group in ("floor", "managers", "?")] == ["managers", None, None]


def test_a_flood_of_devices_is_bounded() -> None:
    staff = StaffDevices(GROUPS)
    for number in range(MOST_DEVICES + 100):
        staff.take(f"d-{number}", online=True)
    assert len(staff.online_in("anybody")) == MOST_DEVICES


@given(st.lists(st.tuples(st.sampled_from(["badge-1", "badge-2", "phone-1", "x"]), st.booleans())))
def test_a_group_is_named_exactly_when_it_begins_or_ceases_to_have_a_device(steps: list[tuple[str, bool]]) -> None:
    """Invariant: what is returned is the difference between the groups attended before and after."""
    staff = StaffDevices(GROUPS)
    for device, online in steps:
        before = {group.id for group in GROUPS if staff.online_in(group.id)}
        named = staff.take(device, online=online)
        after = {group.id for group in GROUPS if staff.online_in(group.id)}
        assert set(named) == before ^ after
