"""What the checks look at, as values; nothing here reads anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from drivers.bluez_watch import Adapter
from drivers.driver import RadioState
from gateway.mqtt.address import Address
from gateway.mqtt.trouble import Trouble

Version = tuple[int, int]

IN_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may run the bell: a user with its groups and capabilities."""

    name: str
    uid: int | None  # None: there is no such user
    gids: frozenset[int] = frozenset()
    groups: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()

    @property
    def is_root(self) -> bool:
        return self.uid == 0

    def can(self, capability: str) -> bool:
        return capability in self.capabilities


@dataclass(frozen=True, slots=True)
class Place:
    """Owner and mode of a file or folder (inode(7))."""

    owner: int
    group: int
    mode: int

    def admits(self, account: Account, rights: int) -> bool:
        """Tell whether an account has these rights, as the bits rwx."""
        if account.is_root:
            return True
        shift = 6 if account.uid == self.owner else 3 if self.group in account.gids else 0
        return (self.mode >> shift) & rights == rights


@dataclass(frozen=True, slots=True)
class Service:
    """The installed unit, drop-ins included: as whom it runs, and whether it leaves core files."""

    account: Account
    leaves_cores: bool = False


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/mounts."""

    source: str
    target: PurePosixPath
    kind: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Swap:
    """One line of /proc/swaps; `on_disk` is false for zram that is backed by no disk."""

    device: str
    on_disk: bool


class SwapKeeper(StrEnum):
    """Who sets swap up again at each start."""

    DPHYS = "dphys-swapfile"  # Raspberry Pi OS 12
    RPI_SWAP = "rpi-swap"  # Raspberry Pi OS 13
    FSTAB = "fstab"


@dataclass(frozen=True, slots=True)
class Interface:
    """A Wi-Fi interface. `monitor` is whether it can listen to everything; None: nobody knows."""

    name: str
    phy: str = ""
    driver: str = ""
    link_type: int | None = None  # ARPHRD_* of linux/if_arp.h
    up: bool = False
    connected: bool = False  # to a network, or serving one
    monitor: bool | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A radio's switch (Linux, Documentation/driver-api/rfkill.rst)."""

    radio: str  # bluetooth, wlan
    name: str  # hci0, phy0
    soft: bool = False
    hard: bool = False

    @property
    def blocked(self) -> bool:
        return self.soft or self.hard


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The state folder, or, where it is not there yet, the nearest folder above it."""

    place: Place | None = None
    is_there: bool = False
    is_folder: bool = True
    free_bytes: int = 0
    files: tuple[tuple[str, Place], ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """The SD card or eMMC that holds the state."""

    device: str  # mmcblk0
    kind: str = ""  # SD, MMC
    life: int = 0  # the worse of eMMC's two estimates, in tenths begun; 11: past its life; 0: not told (JESD84-B51)
    errors: int = 0  # that the file system met


@dataclass(frozen=True, slots=True)
class Power:
    """What a Raspberry Pi says of its supply; None: nothing is said, as on every other machine."""

    low_now: bool | None = None
    was_low: bool | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine's files say."""

    me: Account = field(default_factory=lambda: Account("", None))
    service: Service | None = None
    is_pi: bool = False
    bluetooth_disabled: bool = False  # in the Pi's settings
    mounts: tuple[Mount, ...] = ()
    adapter_folders: tuple[PurePosixPath, ...] = ()  # of bluetoothd, one for each adapter
    bluetooth_mount_installed: bool = False
    polkit_installed: bool = False
    restart_rule: bool | None = False  # polkit's, for bluetoothd; None: not for us to see
    swaps: tuple[Swap, ...] = ()
    swap_keeper: SwapKeeper = SwapKeeper.FSTAB
    core_pattern: str = ""
    core_limit: bool = False  # whether this process may leave core files
    interfaces: tuple[Interface, ...] = ()
    switches: tuple[Switch, ...] = ()
    regulatory: str = ""  # as the kernel's module was told; 00 is the world; empty: not known
    country: str = ""  # of the shop, by its time zone
    timezone_file: bool = True
    timesyncd_installed: bool = False
    state: StateFolder = field(default_factory=StateFolder)
    card: Card | None = None
    low_voltage: bool | None = None  # as the kernel's sensor has it

    @property
    def bell(self) -> Account:
        """Who will run the daemon: the service's user, else whoever asks."""
        return self.service.account if self.service else self.me

    def mount_of(self, path: PurePosixPath) -> Mount | None:
        """Return the mount that a path lies on: the deepest, and of several on one place the last."""
        found = None
        for mount in self.mounts:
            if path.is_relative_to(mount.target) and (found is None or mount.target.is_relative_to(found.target)):
                found = mount
        return found

    def keeps_in_memory(self, path: PurePosixPath) -> bool:
        mount = self.mount_of(path)
        return mount is not None and mount.kind in IN_MEMORY


@dataclass(frozen=True, slots=True)
class Bluetooth:
    """What bluetoothd says, or why it does not; `version` is None where it is not installed or does not tell."""

    running: bool = False
    adapters: tuple[Adapter, ...] = ()
    trouble: RadioState | None = None
    installed: bool = False
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Wireless:
    """What `iw` says: for each phy whether it can do monitor mode, and the regulatory domain."""

    installed: bool = False
    monitors: dict[str, bool] = field(default_factory=dict)
    regulatory: str = ""


class Answer(StrEnum):
    """How a control socket of hostapd answers."""

    PONG = "pong"
    ABSENT = "absent"
    FOLDER = "folder"
    REFUSED = "refused"
    DENIED = "denied"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Hostapd:
    """A control socket: how it answers us, and whom it and its folder admit."""

    receiver: str
    control: Path
    answer: Answer
    installed: bool = False
    places: tuple[tuple[Place, int], ...] = ()  # with the rights that are needed there


@dataclass(frozen=True, slots=True)
class Broker:
    """What became of connecting to one broker: `trouble` is why it did not take us.

    `refusal` is why a message was not taken, although we were, and `remark` what else it said.
    """

    address: Address
    trouble: Trouble | None = None
    refusal: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was found out; `own_network` are the names of the interfaces by which this machine reaches others."""

    machine: Machine
    bluetooth: Bluetooth
    wireless: Wireless
    hostapds: tuple[Hostapd, ...]
    brokers: tuple[Broker, ...]
    clock_synchronised: bool | None  # None: nobody says
    power: Power = field(default_factory=Power)
    own_network: frozenset[str] = frozenset()
