"""What is set: the configuration as values. `configfile` reads it from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from drivers.channels import DWELL_S
from rules.hours import Hours as Hours
from rules.limits import Caps

ZoneKind = Literal["outside", "door", "inside", "shelf"]
DriverName = Literal["ble", "wifi", "hostapd", "app", "simulator"]
Role = Literal["all-in-one", "receiver", "hub"]
Language = Literal["zh", "en"]
Scan = Literal["active", "passive"]
CrowdSource = Literal["ble", "wifi", "connected"]
CrowdPlace = Literal["passing", "lingering", "inside"]


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
    """The broker, and `others` to go to, in this order, where it does not take us."""

    url: str
    others: tuple[str, ...] = ()
    username: str | None = None
    username_file: Path | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    home_assistant: bool = False

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url, *self.others)


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
    escalate_to: str | None = None  # the group that is alerted where no device of this one is online


@dataclass(frozen=True, slots=True)
class Staff:
    groups: tuple[Group, ...] = (Group("floor"),)
    quiet_hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Privacy:
    visits_s: float = 90 * 86400.0
    alerts_s: float = 30 * 86400.0
    journal_s: float = 30 * 86400.0
    inactive_member_s: float = 360 * 86400.0
    minimum_count: int = 10
    private_attributes: frozenset[str] = frozenset({"balance"})
    private_offers: frozenset[str] = frozenset()
    private_addresses: bool = False  # whether phones' private Bluetooth addresses are resolved


@dataclass(frozen=True, slots=True)
class CrowdLaw:
    """What people let be heard in a quarter of an hour, by one source: what an installer counted against it.

    `baseline` is heard with nobody there and `per_person` of each; either scatters as a negative binomial of its shape
    does, the less the greater the shape. `busiest` is the most people that were counted.
    """

    source: CrowdSource
    per_person: float
    shape: float
    baseline: float
    baseline_shape: float
    busiest: float


@dataclass(frozen=True, slots=True)
class CrowdCalibration:
    """What was counted by hand, place by place; `version` names it in every count that it led to."""

    version: str | None = None
    laws: Mapping[CrowdPlace, CrowdLaw] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CrowdSettings:
    """How others are counted; `fixed` are the addresses of the shop's own devices."""

    fixed: frozenset[bytes] = frozenset()
    calibration: CrowdCalibration = field(default_factory=CrowdCalibration)


class Listen(NamedTuple):
    """Where something is served: a network address of this machine, and a port."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Guest:
    """The guest network of a receiver: where its page is served, and the file in which hostapd finds members' keys."""

    receiver: str
    listen: Listen | None = None
    keys: Path | None = None


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
    caps: Caps = field(default_factory=Caps)
    privacy: Privacy = field(default_factory=Privacy)
    crowd: CrowdSettings = field(default_factory=CrowdSettings)
    leave_after_s: float = 120.0
    guest: Guest | None = None
    record: bool = False
