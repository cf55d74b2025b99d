"""A machine made of files: the parts of /proc, /sys and /etc that the doctor reads, of a healthy Raspberry Pi."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

UNIT = """\
[Service]
User=hushbell
LimitCORE=0
AmbientCapabilities=CAP_NET_RAW
"""

IW_PHY = """\
Wiphy phy0
\twiphy index: 0
\tSupported interface modes:
\t\t * IBSS
\t\t * managed
\t\t * AP
\tBand 1:
\t\tBitrates (non-HT):
\t\t\t* 1.0 Mbps
Wiphy phy1
\twiphy index: 1
\tSupported interface modes:
\t\t * managed
\t\t * AP/VLAN
\t\t * monitor
\tBand 1:
\tsoftware interface modes (can always be added):
\t\t * monitor
"""

IW_REG = """\
global
country CN: DFS-FCC
\t(2400 - 2483 @ 40), (N/A, 20), (N/A)

phy#0
country 99: DFS-UNSET
"""

FILES = {
    "boot/firmware/config.txt": "dtparam=audio=on\n#dtoverlay=disable-bt\n",
    "etc/group": "root:x:0:\nbluetooth:x:112:hushbell,pi\nhushbell:x:990:\npi:x:1000:\nbroken\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nhushbell:x:990:990::/var/lib/hushbell:/usr/sbin/nologin\n",
    "etc/dphys-swapfile": "CONF_SWAPSIZE=100\n",
    "etc/polkit-1/rules.d/50-hushbell.rules": "polkit.addRule(function(action, subject) {});\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\nproc /proc proc rw 0 0\n"
    "/dev/sda1 /media/a\\040b ext4 ro 0 0\ntmpfs /var/lib/bluetooth tmpfs rw,nosuid 0 0\n",
    "proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units\n"
    "Max core file size        0                    unlimited            bytes\n",
    "proc/self/status": "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0 112\nCapEff:\t0000000000003000\n",
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 1000 0 100\n",
    "proc/sys/kernel/core_pattern": "core\n",
    "run/systemd/timesync/synchronized": "",
    "sys/block/mmcblk0/device/life_time": "0x01 0x02\n",
    "sys/block/mmcblk0/device/type": "MMC\n",
    "sys/block/zram0/backing_dev": "none\n",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "sys/class/net/eth0/flags": "0x1003\n",
    "sys/class/net/eth0/type": "1\n",
    "sys/class/net/wlan0/flags": "0x1003\n",
    "sys/class/net/wlan0/operstate": "up\n",
    "sys/class/net/wlan0/phy80211/name": "phy0\n",
    "sys/class/net/wlan0/type": "1\n",
    "sys/class/net/wlan1/flags": "0x1003\n",
    "sys/class/net/wlan1/phy80211/name": "phy1\n",
    "sys/class/net/wlan1/type": "803\n",
    "sys/class/rfkill/rfkill0/hard": "0\n",
    "sys/class/rfkill/rfkill0/name": "hci0\n",
    "sys/class/rfkill/rfkill0/soft": "0\n",
    "sys/class/rfkill/rfkill0/type": "bluetooth\n",
    "sys/fs/ext4/mmcblk0p2/errors_count": "0\n",
    "sys/module/cfg80211/parameters/ieee80211_regdom": "00\n",
    "usr/lib/polkit-1/polkitd": "",
    "usr/lib/systemd/system/systemd-timesyncd.service": "[Service]\n",
    "usr/local/lib/systemd/system/hushbell.service": UNIT,
    "usr/local/lib/systemd/system/var-lib-bluetooth.mount": "[Mount]\n",
    "usr/share/zoneinfo/Asia/Shanghai": "TZif2",
    "usr/share/zoneinfo/zone.tab": "# comment\nCN\t+3114+12128\tAsia/Shanghai\tBeijing Time\n",
    "var/lib/bluetooth/DC:A6:32:00:00:01/settings": "",
}

LINKS = {
    "sys/class/net/wlan0/device/driver": "../../../../bus/sdio/drivers/brcmfmac",
    "sys/class/net/wlan1/device/driver": "../../../../bus/usb/drivers/mt76x2u",
}

PROGRAMS = {
    "usr/libexec/bluetooth/bluetoothd": "echo 5.66",
    "usr/sbin/hostapd": "",
    "usr/sbin/iw": f"case $1 in phy) printf '%s' '{IW_PHY}' ;; reg) printf '%s' '{IW_REG}' ;; esac",
}


def build_machine(root: Path, changes: Mapping[str, str | None] = MappingProxyType({})) -> Path:
    """Lay the files of a Pi out below a folder, some of them changed, or (None) left out; return the folder."""
    for name, text in {**FILES, **changes}.items():
        if text is not None:
            place(root / name, text)
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    for name, script in PROGRAMS.items():
        place(root / name, f"#!/bin/sh\n{script}\n")
        (root / name).chmod(0o755)
    (root / "var/lib/hushbell").mkdir(parents=True)
    return root


def place(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
