"""Which staff devices are online, and which groups they serve. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.configuration.config import Group

MOST_DEVICES = 1000


class StaffDevices:
    """Keeps the devices that said that they are online, of which there are `MOST_DEVICES` at most."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._groups = {group.id: group for group in groups}
        self._online: set[str] = set()

    def take(self, device: str, *, online: bool) -> list[str]:
        """Take a device's state; return the groups that it is the first to come to, or the last to leave."""
        if online is (device in self._online) or (online and len(self._online) >= MOST_DEVICES):
            return []
        (self._online.add if online else self._online.discard)(device)
        others = self._online - {device}
        mine = (group for group in self._groups if self.belongs(device, group))
        return [group for group in mine if not any(self.belongs(other, group) for other in others)]

    def belongs(self, device: str, group_id: str) -> bool:
        """Tell whether a device may speak for a group: one that names no devices takes any of the shop's."""
        group = self._groups.get(group_id)
        return group is not None and (not group.devices or device in group.devices)

    def online_in(self, group_id: str) -> list[str]:
        """Return the devices of a group that are online."""
        return sorted(device for device in self._online if self.belongs(device, group_id))

    def next_group(self, group_id: str) -> str | None:
        """Return the group that is alerted where nobody of this one can be."""
        group = self._groups.get(group_id)
        return group.escalate_to if group else None
