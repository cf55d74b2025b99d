"""Makes the driver that a receiver's configuration asks for; each imports its library only when it is wanted."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from drivers.driver import Clock, Deliver, Driver, RadioState, Report
from gateway.configuration.config import Receiver


class AppDriver:
    """Stands for the members' apps, which hear the shop's beacon: the back end tells of it by `commands/heard`."""

    def __init__(self, receiver: str) -> None:
        self.receiver = receiver
        self.counters: Counter[str] = Counter()

    async def run(self, deliver: Deliver, report: Report) -> None:
        report(RadioState.HEARING, "")
        await asyncio.Event().wait()


def make_driver(receiver: Receiver, clock: Clock, leave_after_s: float) -> Driver:
    """Return the driver for one configured receiver; what it calls connected stays so for a visit to last."""
    match receiver.driver:
        case "ble":
            from drivers.ble import BleDriver

            return BleDriver(receiver.id, receiver.adapter, clock, scan=receiver.scan)
        case "wifi":
            from drivers.wifi import Air, WifiDriver

            air = Air(receiver.channels, receiver.dwell_s, receiver.bssids)
            return WifiDriver(receiver.id, receiver.interface or "", clock, air)
        case "hostapd":
            from drivers.hostapd import REFRESH_S, HostapdDriver, Pace

            pace = Pace(refresh_s=min(REFRESH_S, leave_after_s / 4))
            return HostapdDriver(receiver.id, receiver.control or Path(), clock, pace)
        case "simulator":
            from drivers.simulator import SimulatorDriver

            return SimulatorDriver(receiver.id, receiver.socket or Path(), clock)
        case "app":
            return AppDriver(receiver.id)
