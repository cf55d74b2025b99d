"""What is set: the configuration as values. `gateway.configfile` reads it from YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from drivers.tuner import DWELL_S

ZoneKind = Literal["outside", "door", "inside", "shelf"]
DriverName = Literal["ble", "wifi", "hostapd", "app", "simulator"]
Role = Literal["all-in-one", "receiver", "hub"]
Language = Literal["zh", "en"]
Scan = Literal["active", "passive"]


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day in the shop's time zone; it may pass midnight."""

    opens: time
    closes: time

    def include(self, moment: time) -> bool:
        if self.opens <= self.closes:
            return self.opens <= moment < self.closes
        return moment >= self.opens or moment < self.closes


@dataclass(frozen=True, slots=True)
class Store:
    id: str
    timezone: ZoneInfo
    name: str = ""
    latitude: float | None = None
    longitude: float | None = None
    opening_hours: Hours | None = None  # None: always open
    language: Language = "zh"


@dataclass(frozen=True, slots=True)
class Gateway:
    id: str
    role: Role = "all-in-one"
    state: Path = Path("/var/lib/hushbell")


@dataclass(frozen=True, slots=True)
class Mqtt:
    url: str
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """The beacon that stands beside a receiver, as the 20 bytes of its iBeacon identity."""

    identity: bytes


@dataclass(frozen=True, slots=True)
class Receiver:
    id: str
    driver: DriverName
    adapter: str | None = None  # ble
    scan: Scan = "active"  # ble
    interface: str | None = None  # wifi
    channels: tuple[int, ...] = ()  # wifi
    dwell_s: float = DWELL_S  # wifi
    bssids: frozenset[bytes] = frozenset()  # wifi
    control: Path | None = None  # hostapd
    ssid: str | None = None  # hostapd
    socket: Path | None = None  # simulator
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class Hear:
    """One way to hold a zone: RSSI plus `offset` of at least `at_least` dBm, or, without a level, connected."""

    receiver: str
    at_least: float | None = None
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    kind: ZoneKind
    hear: tuple[Hear, ...]
    name: str = ""  # what staff read; empty: the id


@dataclass(frozen=True, slots=True)
class Group:
    """Staff devices that are alerted together; without devices, any device of the shop belongs."""

    id: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staff:
    groups: tuple[Group, ...] = (Group("floor"),)
    quiet_hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Privacy:
    visits_s: float = 90 * 86400.0
    alerts_s: float = 30 * 86400.0
    inactive_member_s: float = 360 * 86400.0
    minimum_count: int = 10
    private_attributes: frozenset[str] = frozenset({"balance"})


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, valid configuration. `rule_files` are absolute paths, shipped names resolved."""

    path: Path
    store: Store
    gateway: Gateway
    mqtt: Mqtt
    receivers: tuple[Receiver, ...]
    zones: tuple[Zone, ...]
    rule_files: tuple[Path, ...]
    namespace: bytes | None = None  # 8 bytes: the chain's part of a proximity UUID
    staff: Staff = field(default_factory=Staff)
    privacy: Privacy = field(default_factory=Privacy)
    leave_after_s: float = 120.0
    record: bool = False
