"""Reads what /proc, /sys and /etc say, below any root."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from drivers.links import UP
from gateway.doctor.facts import (
    Account,
    Card,
    Interface,
    Machine,
    Mount,
    Service,
    StateFolder,
    Swap,
    SwapKeeper,
    Switch,
)
from gateway.doctor.files import (
    is_there,
    link_name,
    list_names,
    look_at,
    may_list,
    parse_number,
    read_number,
    read_text,
)

BLUETOOTH_FOLDER = PurePosixPath("/var/lib/bluetooth")
BLUETOOTH_MOUNT = "var-lib-bluetooth.mount"

POLKITD = ("usr/lib/polkit-1/polkitd", "usr/libexec/polkitd")
RULE_FOLDERS = ("etc/polkit-1/rules.d", "usr/share/polkit-1/rules.d")
RESTART_RULE = "50-hushbell.rules"

MOST_FILES = 100
"""Of the state folder, looked at; it has a handful."""

UNIT_FOLDERS = ("usr/lib/systemd/system", "lib/systemd/system", "usr/local/lib/systemd/system", "etc/systemd/system")
"""From the least to the most important (systemd.unit(5))."""

CAPABILITIES = {12: "CAP_NET_ADMIN", 13: "CAP_NET_RAW"}
"""Bits of linux/capability.h."""


FULL_MAC = ("brcmfmac", "ath6kl_sdio", "ath6kl_usb", "mwifiex_pcie", "mwifiex_sdio", "mwifiex_usb")
"""Drivers whose firmware keeps the air to itself; brcmfmac is the Pi's own."""

LISTENERS = (
    "ath9k_htc",
    "carl9170",
    "mt7601u",
    "mt76x0u",
    "mt76x2u",
    "rt2500usb",
    "rt2800usb",
    "rt73usb",
    "rtl8187",
    "zd1211rw",
)
"""Drivers of USB adapters that are known to do monitor mode well, all of them in Linux itself."""

CHIPS = ("MT7612U", "MT7610U", "AR9271", "RT5572", "RT5372", "RT5370", "RT3070")
"""The chips of such adapters that are still sold, best first."""

HARD_OF_HEARING = ("mt7921u",)
"""Drivers with which some kernels say that monitor mode works, and give no frame (mt7921u from Linux 6.17 on)."""


def read_machine(root: Path, state: Path, timezone: str) -> Machine:
    """Read all of it. `state` is the state folder, `timezone` the shop's."""
    mounts = tuple(_mounts(read_text(root / "proc/mounts")))
    adapters = list_names(root / BLUETOOTH_FOLDER.relative_to("/"))
    return Machine(
        me=_me(root),
        service=_service(root),
        is_pi=_is_pi(root),
        bluetooth_disabled="\ndtoverlay=disable-bt" in "\n" + read_text(root / "boot/firmware/config.txt"),
        mounts=mounts,
        adapter_folders=tuple(BLUETOOTH_FOLDER / name for name in adapters if name.count(":") == 5),
        bluetooth_mount_installed=any(is_there(root / folder / BLUETOOTH_MOUNT) for folder in UNIT_FOLDERS),
        polkit_installed=any(is_there(root / program) for program in POLKITD),
        restart_rule=_restart_rule(root),
        swaps=tuple(_swaps(root)),
        swap_keeper=_swap_keeper(root),
        core_pattern=read_text(root / "proc/sys/kernel/core_pattern"),
        core_limit=_core_limit(root),
        interfaces=tuple(_interfaces(root)),
        switches=tuple(_switches(root)),
        regulatory=read_text(root / "sys/module/cfg80211/parameters/ieee80211_regdom"),
        country=_country(root, timezone),
        timezone_file=is_there(root / "usr/share/zoneinfo" / timezone),
        timesyncd_installed=any(is_there(root / folder / "systemd-timesyncd.service") for folder in UNIT_FOLDERS),
        state=_state_folder(root, state),
        card=_card(root, Machine(mounts=mounts).mount_of(PurePosixPath(state))),
        low_voltage=_low_voltage(root),
    )


def _is_pi(root: Path) -> bool:
    return read_text(root / "proc/device-tree/model").startswith("Raspberry Pi")


def _restart_rule(root: Path) -> bool | None:
    """Look for the rule that lets the service start bluetoothd anew; polkit keeps its folders to itself and root."""
    if any(is_there(root / folder / RESTART_RULE) for folder in RULE_FOLDERS):
        return True
    hidden = any(is_there(root / folder) and not may_list(root / folder) for folder in RULE_FOLDERS)
    return None if hidden else False


# Accounts


def _me(root: Path) -> Account:
    """Read who this process is (proc(5), /proc/pid/status)."""
    lines = dict(line.split(":", 1) for line in read_text(root / "proc/self/status").splitlines() if ":" in line)
    uids = [parse_number(word) for word in lines.get("Uid", "").split()]
    words = [*lines.get("Gid", "").split()[1:2], *lines.get("Groups", "").split()]
    gids = frozenset(gid for gid in map(parse_number, words) if gid is not None)
    bits = parse_number(lines.get("CapEff", "").strip(), 16) or 0
    uid = uids[1] if len(uids) > 1 else None
    names = (fields[0] for fields in _table(root / "etc/passwd", 4) if parse_number(fields[2]) == uid)
    return Account(
        name="" if uid is None else next(names, str(uid)),
        uid=uid,
        gids=gids,
        groups=frozenset(fields[0] for fields in _table(root / "etc/group", 4) if parse_number(fields[2]) in gids),
        capabilities=frozenset(name for bit, name in CAPABILITIES.items() if bits >> bit & 1),
    )


def _account(root: Path, name: str, capabilities: Iterable[str]) -> Account:
    """Read a user and its groups from /etc/passwd and /etc/group."""
    user = next((fields for fields in _table(root / "etc/passwd", 4) if fields[0] == name), None)
    uid, own = (parse_number(user[2]), user[3]) if user else (None, "")
    groups = [
        fields for fields in _table(root / "etc/group", 4) if fields[2] == own or name in fields[3].strip().split(",")
    ]
    return Account(
        name=name,
        uid=uid,
        gids=frozenset(gid for gid in (parse_number(fields[2]) for fields in groups) if gid is not None),
        groups=frozenset(fields[0] for fields in groups),
        capabilities=frozenset(CAPABILITIES.values() if uid == 0 else capabilities),
    )


def _table(path: Path, least: int) -> Iterator[list[str]]:
    for line in read_text(path).splitlines():
        fields = line.split(":")
        if len(fields) >= least:
            yield fields


def _service(root: Path) -> Service | None:
    """Read the unit and its drop-ins; None where it is not installed."""
    units = [text for folder in UNIT_FOLDERS if (text := read_text(root / folder / "hushbell.service"))]
    if not units:
        return None
    folders = [root / folder / "hushbell.service.d" for folder in UNIT_FOLDERS]
    drop_ins = [read_text(folder / name) for folder in folders for name in list_names(folder)]
    settings = parse_unit("\n".join([units[-1], *drop_ins]))
    user = (settings["User"] or ["root"])[-1]
    account = _account(root, user, settings["AmbientCapabilities"])
    return Service(account, leaves_cores=settings["LimitCORE"][-1:] != ["0"])


def parse_unit(text: str) -> defaultdict[str, list[str]]:
    """Return the words that each key of a unit is set to; an empty value begins anew (systemd.syntax(7))."""
    settings: defaultdict[str, list[str]] = defaultdict(list)
    for key, equals, value in (line.partition("=") for line in text.splitlines() if not line.startswith(("#", ";"))):
        words = value.split()
        if equals and words:
            settings[key.strip()] += words
        elif equals:
            settings[key.strip()].clear()
    return settings


# Memory and disk


def _mounts(text: str) -> Iterator[Mount]:
    for line in text.splitlines():
        fields = [_unescaped(field) for field in line.split()]
        if len(fields) >= 4:
            yield Mount(fields[0], PurePosixPath(fields[1]), fields[2], "ro" in fields[3].split(","))


def _unescaped(field: str) -> str:
    r"""Give back the blanks that the kernel writes as \040 (proc(5))."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), field)


def _swaps(root: Path) -> Iterator[Swap]:
    for line in read_text(root / "proc/swaps").splitlines()[1:]:
        if line.strip():
            device = _unescaped(line.split()[0])
            yield Swap(device, on_disk=not _is_zram(root, device))


def _is_zram(root: Path, device: str) -> bool:
    """Tell whether it is zram that writes nothing back (Linux, Documentation/admin-guide/blockdev/zram.rst)."""
    name = PurePosixPath(device).name
    return device.startswith("/dev/zram") and read_text(root / "sys/block" / name / "backing_dev") in ("", "none")


def _swap_keeper(root: Path) -> SwapKeeper:
    if is_there(root / "etc/rpi/swap.conf"):
        return SwapKeeper.RPI_SWAP
    return SwapKeeper.DPHYS if is_there(root / "etc/dphys-swapfile") else SwapKeeper.FSTAB


def _core_limit(root: Path) -> bool:
    found = re.search(r"^Max core file size\s+(\S+)", read_text(root / "proc/self/limits"), re.MULTILINE)
    return found is not None and found[1] != "0"


def _state_folder(root: Path, state: Path) -> StateFolder:
    """Look at the folder, or at the nearest above it that is there."""
    below = root / state.relative_to(state.anchor)
    for folder in (below, *below.parents):
        place = look_at(folder)
        if place:
            names = list_names(below)[:MOST_FILES]
            files = [(name, seen) for name in names if (seen := look_at(below / name))]
            return StateFolder(place, folder == below, folder.is_dir(), _free_bytes(folder), tuple(files))
    return StateFolder()


def _free_bytes(folder: Path) -> int:
    try:
        space = os.statvfs(folder)
    except OSError:
        return 0
    return space.f_bavail * space.f_frsize


def _card(root: Path, mount: Mount | None) -> Card | None:
    found = re.fullmatch(r"/dev/((mmcblk\d+)(p\d+)?)", mount.source) if mount else None
    if found is None:
        return None
    device = root / "sys/block" / found[2] / "device"
    life = [parse_number(word, 16) or 0 for word in read_text(device / "life_time").split()]
    errors = read_number(root / "sys/fs/ext4" / found[1] / "errors_count") or 0
    return Card(found[2], read_text(device / "type"), max(life, default=0), errors)


# Radios


def _interfaces(root: Path) -> Iterator[Interface]:
    """Read the Wi-Fi interfaces: those with a phy, and those that give 802.11 frames without one."""
    for name in list_names(root / "sys/class/net"):
        folder = root / "sys/class/net" / name
        phy, link_type = read_text(folder / "phy80211/name"), read_number(folder / "type")
        if phy or link_type in (801, 802, 803):
            driver = link_name(folder / "device/driver")
            yield Interface(
                name=name,
                phy=phy,
                driver=driver,
                link_type=link_type,
                up=bool((read_number(folder / "flags", 0) or 0) & UP),
                connected=read_text(folder / "operstate") == "up",
                monitor=False if driver in FULL_MAC else True if driver in LISTENERS else None,
            )


def _switches(root: Path) -> Iterator[Switch]:
    for entry in list_names(root / "sys/class/rfkill"):
        folder = root / "sys/class/rfkill" / entry
        yield Switch(
            radio=read_text(folder / "type"),
            name=read_text(folder / "name"),
            soft=read_text(folder / "soft") == "1",
            hard=read_text(folder / "hard") == "1",
        )


def _country(root: Path, timezone: str) -> str:
    """Return the country of a time zone (tz database, zone.tab)."""
    for line in read_text(root / "usr/share/zoneinfo/zone.tab").splitlines():
        fields = line.split("\t")
        if len(fields) >= 3 and fields[2] == timezone and re.fullmatch("[A-Z]{2}", fields[0]):
            return fields[0]
    return ""


# Power


def _low_voltage(root: Path) -> bool | None:
    """Ask the kernel's sensor for low voltage within two seconds (Linux, Documentation/hwmon/raspberrypi-hwmon)."""
    for entry in list_names(root / "sys/class/hwmon"):
        folder = root / "sys/class/hwmon" / entry
        if read_text(folder / "name") == "rpi_volt":
            alarm = read_number(folder / "in0_lcrit_alarm")
            return None if alarm is None else alarm == 1
    return None
