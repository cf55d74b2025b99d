"""The doctor: one wrong thing gives one finding and its command; facts from fake trees, real brokers, fake BlueZ."""

from __future__ import annotations

import ast
import asyncio
import datetime
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_bluez import HANG, Fault, PrivateBus, VirtualBlueZ
from virtual_broker import running_broker
from virtual_client import VirtualClient
from virtual_hostapd import VirtualHostapd
from virtual_machine import FILES, IW_PHY, IW_REG, build_machine, place
from virtual_peer import Peer, serving
from virtual_shop import six_lines

from drivers import monitor, netlink
from drivers.bluez_watch import Adapter
from drivers.driver import RadioState
from gateway import cli, clock
from gateway.configuration.config import Config, Gateway, Hours, Mqtt, Receiver, Reference, Store
from gateway.doctor import doctor, examine, inquiry
from gateway.doctor.bluetooth import ALLOW_PASSIVE
from gateway.doctor.facts import (
    Account,
    Answer,
    Bluetooth,
    Broker,
    Card,
    Facts,
    Hostapd,
    Interface,
    Machine,
    Mount,
    Place,
    Power,
    Service,
    StateFolder,
    Swap,
    SwapKeeper,
    Switch,
    Wireless,
)
from gateway.doctor.files import MOST_BYTES, read_text
from gateway.doctor.findings import Finding, State
from gateway.doctor.host import SWAP_OFF
from gateway.doctor.inquiry import (
    ask_bluez,
    ask_brokers,
    ask_hostapd,
    ask_iw,
    ask_own_network,
    find_out,
    parse_country,
    parse_monitors,
    parse_throttled,
    parse_version,
)
from gateway.doctor.machine import parse_unit, read_machine
from gateway.mqtt.address import Address, parse_url
from gateway.mqtt.trouble import Cause, TroubleError
from rules.chinese import CHINESE

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
STATE = Path("/var/lib/hushbell")
SHANGHAI = "Asia/Shanghai"

BLE = Receiver("door", "ble", adapter="hci0", reference=Reference(bytes(20)))
WIFI = Receiver("air", "wifi", interface="wlan1", channels=(6, 11))
GUESTS = Receiver("guests", "hostapd", control=Path("/run/hostapd/wlan0"))
CONFIG = Config(
    path=Path("/etc/hushbell/hushbell.yaml"),
    store=Store("lilac-01", ZoneInfo(SHANGHAI), opening_hours=Hours(datetime.time(10), datetime.time(22))),
    gateway=Gateway("door-pi"),
    mqtt=Mqtt("mqtt://127.0.0.1", username="door-pi"),
    receivers=(BLE, WIFI, GUESTS),
    zones=(),
    rule_files=(),
)
EDIT = "sudoedit /etc/hushbell/hushbell.yaml"
INSTALL = "sudo ./scripts/install"

HUSHBELL = Account(
    "hushbell", 990, frozenset({990, 112}), frozenset({"hushbell", "bluetooth"}), frozenset({"CAP_NET_RAW"})
)
HCI0 = Adapter("hci0", 1, "DC:A6:32:00:00:01", powered=True)
WLAN0 = Interface("wlan0", "phy0", "brcmfmac", 1, up=True, connected=True, monitor=False)
WLAN1 = Interface("wlan1", "phy1", "mt76x2u", 803, up=True, monitor=True)
ONLY_OWNER = Place(990, 990, 0o700)
MACHINE = Machine(
    me=Account("root", 0, capabilities=frozenset({"CAP_NET_RAW", "CAP_NET_ADMIN"})),
    service=Service(replace(HUSHBELL, capabilities=frozenset({"CAP_NET_RAW", "CAP_NET_ADMIN"}))),
    is_pi=True,
    mounts=(
        Mount("/dev/mmcblk0p2", PurePosixPath("/"), "ext4"),
        Mount("tmpfs", PurePosixPath("/var/lib/bluetooth"), "tmpfs"),
    ),
    adapter_folders=(PurePosixPath("/var/lib/bluetooth/DC:A6:32:00:00:01"),),
    polkit_installed=True,
    restart_rule=True,
    swaps=(Swap("/dev/zram0", on_disk=False),),
    core_pattern="|/lib/systemd/systemd-coredump %P %u",
    interfaces=(WLAN0, WLAN1),
    switches=(Switch("bluetooth", "hci0"), Switch("wlan", "phy0"), Switch("wlan", "phy1")),
    regulatory="00",
    country="CN",
    state=StateFolder(ONLY_OWNER, is_there=True, free_bytes=10**10, files=(("hushbell.db", ONLY_OWNER),)),
    card=Card("mmcblk0", "MMC", 2),
)
HERE = Address("mqtt", "127.0.0.1", 1883)
WELL = Facts(
    MACHINE,
    Bluetooth(running=True, adapters=(HCI0,), installed=True, version=(5, 66)),
    Wireless(installed=True, monitors={"phy0": False, "phy1": True}, regulatory="CN"),
    (
        Hostapd(
            "guests",
            Path("/run/hostapd/wlan0"),
            Answer.PONG,
            installed=True,
            places=((Place(0, 990, 0o750), 1), (Place(0, 990, 0o770), 2)),
        ),
    ),
    (Broker(HERE),),
    clock_synchronised=True,
    power=Power(low_now=False, was_low=False),
    own_network=frozenset({"wlan0"}),
)


def machine(**changes: Any) -> Facts:
    return replace(WELL, machine=replace(MACHINE, **changes))


def bluetooth(**changes: Any) -> Facts:
    return replace(WELL, bluetooth=replace(WELL.bluetooth, **changes))


def adapter(**changes: Any) -> Facts:
    return bluetooth(adapters=(replace(HCI0, **changes),))


def interface(**changes: Any) -> Facts:
    return machine(interfaces=(WLAN0, replace(WLAN1, **changes)))


def bell(**changes: Any) -> Facts:
    account = replace(MACHINE.bell, **changes)
    return machine(service=Service(account))


def hostapd(answer: Answer, **changes: Any) -> Facts:
    return replace(WELL, hostapds=(replace(WELL.hostapds[0], answer=answer, **changes),))


def state(**changes: Any) -> Facts:
    return machine(state=replace(MACHINE.state, **changes))


def unreached(cause: Cause, *more: Broker, at: Address = HERE, **values: str) -> Facts:
    trouble = TroubleError(cause, address=at, **values).trouble
    return replace(WELL, brokers=(Broker(at, trouble), *more))


def on_disk(path: str = "/dev/mmcblk0p2", kind: str = "ext4") -> tuple[Mount, ...]:
    return (Mount(path, PurePosixPath("/"), kind),)


def test_a_healthy_machine_has_nothing_but_good_findings() -> None:
    found = examine(CONFIG, WELL)
    assert {finding.state for finding in found} == {State.OK}
    assert {finding.command for finding in found} == {None}
    assert [finding.check for finding in found] == [
        "bluez",
        "adapters",
        "adapter",
        "wifi-adapters",
        "interface",
        "country",
        "rfkill",
        "rfkill",
        "rights",
        "rights",
        "rights",
        "hostapd",
        "deafness",
        "deafness",
        "broker",
        "clock",
        "timezone",
        "bluetooth-cache",
        "swap",
        "core-dumps",
        "state",
        "card",
        "power",
    ]


ONLY_RAW_AND_NO_MONITOR = replace(MACHINE, service=Service(HUSHBELL), interfaces=(WLAN0, replace(WLAN1, link_type=1)))
WRONG = [
    # Bluetooth
    (bluetooth(running=False, adapters=()), "missing bluez", "not running", "sudo systemctl enable --now bluetooth"),
    (Bluetooth(), "missing bluez", "not installed", "sudo apt-get install bluez"),
    (Bluetooth(trouble=RadioState.FAILED), "missing bluez", "does not answer", "sudo systemctl restart bluetooth"),
    (Bluetooth(trouble=RadioState.DENIED), "missing bluez", "group", "sudo usermod -aG bluetooth root"),
    (
        Bluetooth(trouble=RadioState.MISSING),
        "missing bluez",
        "D-Bus",
        "sudo apt-get install dbus && sudo systemctl start dbus",
    ),
    (bluetooth(version=(5, 55)), "advice bluez", "5.55", "sudo apt-get update && sudo apt-get install bluez"),
    (adapter(powered=False), "missing adapter", "hci0 is switched off", "sudo btmgmt --index 0 power on"),
    (adapter(powered=False, blocked=True), "missing adapter", "blocked", "sudo rfkill unblock bluetooth"),
    (adapter(name="hci1"), "missing adapter", "no Bluetooth adapter hci0, this machine has hci1", EDIT),
    (bluetooth(adapters=()), "missing adapter", "plug one in", None),
    # Wi-Fi
    (
        machine(interfaces=(WLAN0, replace(WLAN1, name="wlx0"))),
        "missing interface",
        "this machine has wlan0, wlx0",
        EDIT,
    ),
    (
        machine(interfaces=(replace(WLAN0, phy="phy1"), replace(WLAN1, link_type=1))),
        "missing interface",
        "shares its radio",
        None,
    ),
    (interface(link_type=1, connected=True), "missing interface", "connected to a network", None),
    (
        replace(interface(link_type=1, monitor=None), wireless=Wireless(regulatory="CN")),
        "advice interface",
        "iw would tell",
        "sudo apt-get install iw",
    ),
    (interface(up=False), "missing interface", "wlan1 is down", "sudo ip link set wlan1 up"),
    (replace(WELL, own_network=frozenset({"wlan1"})), "missing interface", "own network", None),
    (interface(driver="mt7921u"), "advice interface", "6.17", None),
    (interface(driver="mt7921u", link_type=1), "advice interface", "MT7612U", None),
    (
        replace(WELL, wireless=Wireless(True)),
        "advice country",
        "no country",
        "sudo raspi-config nonint do_wifi_country CN",
    ),
    (
        replace(machine(is_pi=False), wireless=Wireless(True)),
        "advice country",
        "no country",
        "echo options cfg80211 ieee80211_regdom=CN | sudo tee /etc/modprobe.d/hushbell-country.conf && sudo reboot",
    ),
    (
        replace(machine(regulatory=""), wireless=Wireless()),
        "advice country",
        "cannot be told",
        "sudo apt-get install iw && iw reg get",
    ),
    # access
    (
        machine(switches=(Switch("bluetooth", "hci0", soft=True), Switch("bluetooth", "hci1"))),
        "missing rfkill",
        "door: its radio is blocked",
        "sudo rfkill unblock bluetooth",
    ),
    (
        machine(switches=(Switch("wlan", "phy0"), Switch("wlan", "phy1", soft=True))),
        "missing rfkill",
        "air: its radio is blocked",
        "sudo rfkill unblock wlan",
    ),
    (machine(switches=(Switch("bluetooth", "hci0", hard=True),)), "missing rfkill", "switch or key", None),
    (bell(capabilities=frozenset({"CAP_NET_ADMIN"})), "missing rights", "CAP_NET_RAW", INSTALL),
    (bell(capabilities=frozenset({"CAP_NET_RAW"})), "advice rights", "stays on", INSTALL),
    (
        replace(bell(capabilities=frozenset({"CAP_NET_RAW"})), machine=ONLY_RAW_AND_NO_MONITOR),
        "missing rights",
        "may not make an interface in monitor mode",
        INSTALL,
    ),
    (
        bell(groups=frozenset({"hushbell"})),
        "advice rights",
        "not in the group bluetooth",
        "sudo usermod -aG bluetooth hushbell",
    ),
    (machine(restart_rule=False), "advice rights", "may not start bluetoothd anew", INSTALL),
    (machine(polkit_installed=False), "advice rights", "may not start", "sudo apt-get install polkitd"),
    (
        machine(polkit_installed=False, restart_rule=False),
        "advice rights",
        "may not start",
        f"sudo apt-get install polkitd && {INSTALL}",
    ),
    (bell(name="bell"), "advice rights", "bell may not start", INSTALL),
    (hostapd(Answer.ABSENT, installed=False), "missing hostapd", "not installed", "sudo apt-get install hostapd"),
    (
        hostapd(Answer.ABSENT),
        "missing hostapd",
        "no /run/hostapd/wlan0",
        "sudo systemctl unmask hostapd && sudo systemctl enable --now hostapd",
    ),
    (hostapd(Answer.FOLDER), "missing hostapd", "is a folder", "ls /run/hostapd/wlan0"),
    (hostapd(Answer.REFUSED), "missing hostapd", "has ended", "sudo systemctl restart hostapd"),
    (hostapd(Answer.SILENT), "missing hostapd", "does not answer", "sudo systemctl restart hostapd"),
    (
        hostapd(Answer.DENIED),
        "missing hostapd",
        "this user may not",
        "echo ctrl_interface_group=hushbell | sudo tee -a /etc/hostapd/hostapd.conf && sudo systemctl restart hostapd",
    ),
    (
        hostapd(Answer.PONG, places=((Place(0, 0, 0o750), 1),)),
        "missing hostapd",
        "would not answer hushbell",
        "echo ctrl_interface_group=hushbell | sudo tee -a /etc/hostapd/hostapd.conf && sudo systemctl restart hostapd",
    ),
    # the broker
    (
        unreached(Cause.NOBODY_LISTENS),
        "missing broker",
        "no broker listens at 127.0.0.1:1883",
        "sudo apt-get install mosquitto && sudo systemctl enable --now mosquitto",
    ),
    (unreached(Cause.NOBODY_LISTENS, at=Address("mqtts", "b", 1)), "missing broker", "no broker listens at b:1", EDIT),
    (unreached(Cause.UNKNOWN_NAME, host="b.example"), "missing broker", "nobody knows the name b.example", EDIT),
    (unreached(Cause.REFUSED, user="u", reason="it is busy"), "missing broker", "refuses u: it is busy", EDIT),
    (unreached(Cause.OLD), "missing broker", "speaks MQTT 3.1.1 and not MQTT 5", EDIT),
    (unreached(Cause.NOT_YET_VALID, now="1970"), "missing broker", "is not valid yet", "sudo timedatectl set-ntp true"),
    (unreached(Cause.SILENT, Broker(HERE)), "advice broker", "does not answer", EDIT),
    (replace(WELL, brokers=(Broker(HERE, refusal="no"),)), "advice broker", "refuses what it says: no", EDIT),
    (replace(WELL, brokers=(Broker(HERE, remark="it is short"),)), "advice broker", "door-pi: it is short", None),
    # the machine
    (
        replace(WELL, clock_synchronised=False),
        "missing clock",
        "not synchronised",
        "sudo apt-get install systemd-timesyncd && sudo timedatectl set-ntp true",
    ),
    (
        replace(machine(timesyncd_installed=True), clock_synchronised=False),
        "missing clock",
        "not synchronised",
        "sudo timedatectl set-ntp true",
    ),
    (replace(WELL, clock_synchronised=None), "advice clock", "cannot be told", "timedatectl"),
    (machine(timezone_file=False), "advice timezone", SHANGHAI, "sudo apt-get install tzdata"),
    (machine(mounts=on_disk()), "missing bluetooth-cache", "strangers", INSTALL),
    (machine(mounts=on_disk(), adapter_folders=()), "missing bluetooth-cache", "/var/lib/bluetooth", INSTALL),
    (
        machine(mounts=on_disk(), bluetooth_mount_installed=True),
        "missing bluetooth-cache",
        "strangers",
        "sudo systemctl daemon-reload && sudo systemctl restart bluetooth",
    ),
    *(
        (machine(swaps=(Swap("/var/swap", on_disk=True),), swap_keeper=keeper), "missing swap", "/var/swap", command)
        for keeper, command in SWAP_OFF.items()
    ),
    (
        machine(core_pattern="|/usr/share/apport/apport %p"),
        "advice core-dumps",
        "apport",
        "echo kernel.core_pattern=core | sudo tee /etc/sysctl.d/60-hushbell.conf && "
        "sudo sysctl -p /etc/sysctl.d/60-hushbell.conf",
    ),
    (machine(service=Service(MACHINE.bell, leaves_cores=True)), "advice core-dumps", "service", INSTALL),
    (state(is_folder=False), "missing state", "is a file", "sudo mv /var/lib/hushbell /var/lib/hushbell.old"),
    (
        state(place=Place(0, 0, 0o755)),
        "missing state",
        "hushbell may not write",
        "sudo chown hushbell: /var/lib/hushbell",
    ),
    (
        state(is_there=False, files=(), place=Place(0, 0, 0o755)),
        "missing state",
        "may not make it",
        "sudo install -d -m 700 -o hushbell /var/lib/hushbell",
    ),
    (
        state(files=(("hushbell.db", Place(0, 0, 0o644)),)),
        "missing state",
        "hushbell.db",
        "sudo chown -R hushbell: /var/lib/hushbell",
    ),
    (
        state(free_bytes=49_000_000),
        "missing state",
        "only 49 MB",
        "sudo du -xh --max-depth=2 /var/lib | sort -h | tail",
    ),
    (
        state(free_bytes=499_000_000),
        "advice state",
        "only 499 MB",
        "sudo du -xh --max-depth=2 /var/lib | sort -h | tail",
    ),
    (machine(card=Card("mmcblk0", "MMC", 2, errors=3)), "advice card", "3 errors", None),
    (machine(card=Card("mmcblk0", "MMC", 11)), "advice card", "100 %", None),
    (machine(card=Card("mmcblk0", "SD")), "advice card", "dash cams", None),
    (replace(WELL, power=Power(low_now=True, was_low=True)), "missing power", "now", None),
    (replace(WELL, power=Power(low_now=False, was_low=True)), "advice power", "since the start", None),
]


def facts_of(wrong: Facts | Bluetooth) -> Facts:
    return wrong if isinstance(wrong, Facts) else replace(WELL, bluetooth=wrong)


@pytest.mark.parametrize(("wrong", "expected", "words", "command"), WRONG)
def test_one_wrong_thing_gives_one_finding(
    wrong: Facts | Bluetooth, expected: str, words: str, command: str | None
) -> None:
    (finding,) = (finding for finding in examine(CONFIG, facts_of(wrong)) if finding.state is not State.OK)
    assert f"{finding.state} {finding.check}" == expected
    assert words in finding.message
    assert finding.command == command


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("wrong", [wrong for wrong, *_ in WRONG] + [WELL])
def test_every_finding_is_told_in_chinese_too(wrong: Facts | Bluetooth) -> None:
    for finding in examine(CONFIG, facts_of(wrong)):
        assert any("一" <= letter <= "鿿" for letter in finding.message), finding
        assert "{" not in finding.message


def test_what_the_shop_does_not_use_is_not_looked_for() -> None:
    nothing = Facts(Machine(), Bluetooth(), Wireless(), (), (Broker(HERE),), None)
    simulated = replace(CONFIG, receivers=(Receiver("antenna", "simulator", socket=Path("/run/antenna")),))
    checks = [finding.check for finding in examine(simulated, nothing)]
    assert checks == ["broker", "clock", "timezone", "swap", "core-dumps", "state"]


def test_a_machine_that_is_no_pi_says_nothing_of_power_and_card() -> None:
    found = examine(CONFIG, replace(machine(is_pi=False, card=None), power=Power()))
    assert not {"power", "card"} & {finding.check for finding in found}


def test_the_adapter_is_the_one_the_driver_would_take() -> None:
    config = replace(CONFIG, receivers=(replace(BLE, adapter=None),))
    off, classic, on = (
        replace(HCI0, powered=False),
        replace(HCI0, name="hci1", low_energy=False),
        replace(HCI0, name="hci2"),
    )
    (finding,) = (each for each in examine(config, bluetooth(adapters=(off, classic, on))) if each.check == "adapter")
    assert finding == Finding("adapter", State.OK, "door: hci2 is there and on")


def test_an_adapter_may_be_named_by_its_address() -> None:
    config = replace(CONFIG, receivers=(replace(BLE, adapter="dc:a6:32:00:00:01"),))
    assert "door: hci0 is there and on" in [finding.message for finding in examine(config, WELL)]


def test_an_own_bluetooth_that_is_disabled_can_be_enabled() -> None:
    found = examine(CONFIG, replace(machine(bluetooth_disabled=True), bluetooth=replace(WELL.bluetooth, adapters=())))
    (finding,) = (finding for finding in found if finding.check == "adapter")
    assert finding.command is not None
    assert "disable-bt" in finding.command


def test_passive_scanning_is_told() -> None:
    can, cannot = (
        next(finding.message for finding in examine(CONFIG, adapter(passive=passive)) if finding.check == "bluez")
        for passive in (True, False)
    )
    assert "would work" in can
    assert "Experimental = true" in cannot


def test_adapters_are_told_by_what_they_can_do() -> None:
    off = replace(HCI0, name="hci1", powered=False, passive=True)
    blocked = replace(HCI0, name="hci2", powered=False, blocked=True, low_energy=False)
    (finding,) = (
        each for each in examine(CONFIG, bluetooth(adapters=(HCI0, off, blocked))) if each.check == "adapters"
    )
    assert finding.message == (
        "hci0 (on, can scan actively); hci1 (off, can scan actively and passively); hci2 (blocked, no Low Energy)"
    )


def test_who_wants_to_scan_passively_must_be_able_to() -> None:
    config = replace(CONFIG, receivers=(replace(BLE, scan="passive"),))
    (finding,) = (each for each in examine(config, WELL) if each.state is State.MISSING)
    assert (finding.check, finding.command) == ("adapter", ALLOW_PASSIVE)
    assert all(each.state is State.OK for each in examine(config, adapter(passive=True)))


@pytest.mark.parametrize("line", ["#Experimental = false", "Experimental=false", "Experimental = true"])
def test_passive_scanning_is_allowed_where_it_is_written_and_nothing_else_changes(tmp_path: Path, line: str) -> None:
    settings = tmp_path / "main.conf"
    settings.write_text(f"[General]\n{line}\n#KernelExperimental = false\n")
    command = (
        ALLOW_PASSIVE.partition(" && ")[0].removeprefix("sudo ").replace("/etc/bluetooth/main.conf", str(settings))
    )
    subprocess.run(command, shell=True, check=True)  # noqa: S602
    assert settings.read_text() == "[General]\nExperimental = true\n#KernelExperimental = false\n"


def test_what_polkit_hides_from_us_is_not_judged_and_root_needs_no_rule() -> None:
    hidden = [finding.message for finding in examine(CONFIG, machine(restart_rule=None))]
    assert not any("bluetoothd anew" in message for message in hidden)
    root = machine(service=None, restart_rule=False, polkit_installed=False)
    assert "root may start bluetoothd anew where a radio stays deaf" in [each.message for each in examine(CONFIG, root)]


@pytest.mark.parametrize(
    ("receiver", "has_hours", "expected"),
    [
        (BLE, False, "ok door: its reference beacon shows within 20 s when it is deaf"),
        (replace(BLE, reference=None), True, "ok door: silence in opening hours shows when it is deaf"),
        (
            replace(BLE, reference=None),
            False,
            "advice door: whether it is deaf or the shop quiet shows after hours only; give it a reference beacon, or "
            "write opening_hours",
        ),
        (WIFI, False, "advice air: whether it is deaf or the shop quiet shows after hours only; write opening_hours"),
        (replace(BLE, reference=None, scan="passive"), False, ""),
        (GUESTS, False, ""),
    ],
)
def test_a_receiver_whose_deafness_nothing_shows_soon_is_told(
    receiver: Receiver, has_hours: bool, expected: str
) -> None:
    store = CONFIG.store if has_hours else replace(CONFIG.store, opening_hours=None)
    found = examine(replace(CONFIG, receivers=(receiver,), store=store), WELL)
    told = [f"{each.state} {each.message}" for each in found if each.check == "deafness"]
    assert told == ([expected] if expected else [])


def test_interfaces_are_told_by_what_they_can_do() -> None:
    strange = Interface("wlan2", "phy2", "new_driver")
    facts = replace(machine(interfaces=(WLAN0, WLAN1, strange)), wireless=Wireless())
    (finding,) = (finding for finding in examine(CONFIG, facts) if finding.check == "wifi-adapters")
    assert finding.message == (
        "can listen: wlan1 (mt76x2u); cannot listen: wlan0 (brcmfmac); may be able to listen: wlan2 (new_driver)"
    )


@pytest.mark.parametrize("link_type", [1, 801])
def test_an_interface_that_can_listen_needs_no_preparing(link_type: int) -> None:
    (finding,) = (each for each in examine(CONFIG, interface(link_type=link_type)) if each.check == "interface")
    assert finding.state is State.OK
    assert "will make an interface in monitor mode beside wlan1" in finding.message


@pytest.mark.parametrize(
    ("second", "wrong"),
    [
        (replace(BLE, id="back", adapter="DC:A6:32:00:00:01"), "back: hci0 is the adapter of door already"),
        (replace(BLE, id="back", adapter=None), "back: hci0 is the adapter of door already"),
        (replace(BLE, id="back", adapter="hci1"), ""),
        (replace(WIFI, id="rear"), "rear: wlan1 is on the radio of air already"),
        (replace(WIFI, id="rear", interface="wlan1b"), "rear: wlan1b is on the radio of air already"),
        (replace(WIFI, id="rear", interface="wlan2"), ""),
        (replace(WIFI, id="rear", interface="mon0"), ""),  # in monitor mode, it is heard as it is
    ],
)
def test_two_receivers_on_one_radio_are_told_apart_as_the_drivers_will(second: Receiver, wrong: str) -> None:
    own = replace(WLAN1, link_type=1)
    interfaces = (own, replace(own, name="wlan1b"), replace(own, name="wlan2", phy="phy2"), replace(WLAN1, name="mon0"))
    facts = replace(
        machine(interfaces=interfaces),
        bluetooth=replace(WELL.bluetooth, adapters=(HCI0, Adapter("hci1", 2, "DC:A6:32:00:00:02", powered=True))),
        wireless=Wireless(True, {"phy1": True, "phy2": True}, "CN"),
    )
    found = examine(replace(CONFIG, receivers=(BLE, WIFI, second)), facts)
    told = [finding.message.partition(",")[0] for finding in found if finding.state is State.MISSING]
    assert told == ([wrong] if wrong else [])


def test_what_iw_knows_goes_before_what_a_driver_is_known_for() -> None:
    facts = replace(interface(link_type=1), wireless=Wireless(True, {"phy0": False, "phy1": False}, "CN"))
    checks = {finding.check: finding for finding in examine(CONFIG, facts) if finding.state is State.MISSING}
    assert set(checks) == {"wifi-adapters", "interface"}
    assert "cannot do monitor mode (driver mt76x2u)" in checks["interface"].message
    assert "MT7612U" in checks["wifi-adapters"].message


def test_without_a_service_whoever_asks_is_judged() -> None:
    pi = Account("pi", 1000, frozenset({1000}), frozenset({"pi"}))
    facts = machine(
        me=pi, service=None, core_limit=True, state=StateFolder(Place(1000, 1000, 0o700), True, free_bytes=10**10)
    )
    found = [finding for finding in examine(CONFIG, facts) if finding.state is not State.OK]
    assert [(finding.check, finding.state.value) for finding in found] == [
        ("rights", "missing"),
        ("rights", "advice"),
        ("rights", "advice"),
        ("rights", "advice"),
        ("hostapd", "missing"),
        ("core-dumps", "advice"),
    ]
    assert found[-1].command == "ulimit -c 0"


def test_root_without_capabilities_as_in_a_container_is_not_taken_for_almighty() -> None:
    facts = machine(me=Account("root", 0), service=None)
    found = [finding.message for finding in examine(CONFIG, facts) if finding.state is State.MISSING]
    assert found == ["root may not capture Wi-Fi (CAP_NET_RAW)"]


def test_a_service_without_its_user_is_told() -> None:
    found = examine(CONFIG, bell(uid=None))
    assert "the service runs as hushbell, and there is no such user" in [finding.message for finding in found]


def test_what_no_terminal_should_be_told_is_taken_out() -> None:
    facts = replace(
        machine(swaps=(Swap("/dev/\x1b[2J", True),)),
        brokers=(Broker(HERE, TroubleError(Cause.LACKS, address=HERE, what="\x1b]0;x\x07").trouble),),
    )
    assert all(finding.message.isprintable() for finding in examine(CONFIG, facts))


@pytest.mark.parametrize("wrong", [wrong for wrong, *_ in WRONG])
def test_every_command_is_one_that_a_shell_can_read(wrong: Facts | Bluetooth) -> None:
    for command in {finding.command for finding in examine(CONFIG, facts_of(wrong))} - {None}:
        subprocess.run(["bash", "-n", "-c", str(command)], check=True)


def test_a_hostile_name_stays_one_word_of_a_command() -> None:
    name = "w;$(reboot)"
    config = replace(CONFIG, receivers=(replace(WIFI, interface=name),))
    facts = machine(interfaces=(replace(WLAN1, name=name, up=False),))
    (command,) = (finding.command for finding in examine(config, facts) if finding.check == "interface")
    assert command == "sudo ip link set 'w;$(reboot)' up"


def test_taking_swap_out_of_fstab_leaves_the_rest(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text("/dev/sda1 / ext4 defaults 0 1\n#/dev/sda2 none swap sw 0 0\nUUID=1-2 none\tswap sw 0 0\n")
    command = SWAP_OFF[SwapKeeper.FSTAB].partition("&& sudo ")[2].replace("/etc/fstab", str(fstab))
    subprocess.run(command, shell=True, check=True)  # noqa: S602
    assert fstab.read_text() == (
        "/dev/sda1 / ext4 defaults 0 1\n#/dev/sda2 none swap sw 0 0\n#UUID=1-2 none\tswap sw 0 0\n"
    )


# Reading a machine


def test_a_healthy_pi_is_read_as_one(tmp_path: Path) -> None:
    read = read_machine(build_machine(tmp_path), STATE, SHANGHAI)
    place, free = read.state.place, read.state.free_bytes
    assert place is not None
    assert read == Machine(
        me=Account(
            "root", 0, frozenset({0, 112}), frozenset({"root", "bluetooth"}), HUSHBELL.capabilities | {"CAP_NET_ADMIN"}
        ),
        service=Service(HUSHBELL),
        is_pi=True,
        mounts=(
            Mount("/dev/mmcblk0p2", PurePosixPath("/"), "ext4"),
            Mount("proc", PurePosixPath("/proc"), "proc"),
            Mount("/dev/sda1", PurePosixPath("/media/a b"), "ext4", read_only=True),
            Mount("tmpfs", PurePosixPath("/var/lib/bluetooth"), "tmpfs"),
        ),
        adapter_folders=MACHINE.adapter_folders,
        bluetooth_mount_installed=True,
        swaps=MACHINE.swaps,
        swap_keeper=SwapKeeper.DPHYS,
        core_pattern="core",
        interfaces=MACHINE.interfaces,
        switches=(Switch("bluetooth", "hci0"),),
        regulatory="00",
        country="CN",
        timesyncd_installed=True,
        state=StateFolder(place, is_there=True, free_bytes=free),
        card=Card("mmcblk0", "MMC", 2),
        low_voltage=False,
        polkit_installed=True,
        restart_rule=True,
    )


READINGS: list[tuple[dict[str, str | None], Callable[[Machine], object], object]] = [
    ({"proc/device-tree/model": None}, lambda m: m.is_pi, False),
    ({"proc/swaps": "Filename\n/var/swap file 1 0 -2\n"}, lambda m: m.swaps, (Swap("/var/swap", on_disk=True),)),
    ({"sys/block/zram0/backing_dev": "/dev/loop0"}, lambda m: m.swaps, (Swap("/dev/zram0", on_disk=True),)),
    ({"sys/block/zram0/backing_dev": None}, lambda m: m.swaps, (Swap("/dev/zram0", on_disk=False),)),
    ({"etc/rpi/swap.conf": "[Main]"}, lambda m: m.swap_keeper, SwapKeeper.RPI_SWAP),
    ({"etc/dphys-swapfile": None}, lambda m: m.swap_keeper, SwapKeeper.FSTAB),
    ({"proc/self/limits": "Max core file size unlimited unlimited bytes\n"}, lambda m: m.core_limit, True),
    ({"sys/class/rfkill/rfkill0/soft": "1\n"}, lambda m: m.switches, (Switch("bluetooth", "hci0", soft=True),)),
    ({"sys/class/net/wlan1/flags": "0x1002\n"}, lambda m: m.interfaces[1].up, False),
    (
        {"sys/block/mmcblk0/device/life_time": None, "sys/block/mmcblk0/device/type": "SD"},
        lambda m: m.card,
        Card("mmcblk0", "SD"),
    ),
    ({"sys/fs/ext4/mmcblk0p2/errors_count": "4"}, lambda m: m.card, Card("mmcblk0", "MMC", 2, 4)),
    ({"proc/mounts": "/dev/nvme0n1p2 / ext4 rw 0 0\n"}, lambda m: m.card, None),
    (
        {"proc/mounts": "/dev/mmcblk0p2 / ext4 rw 0 0\ntmpfs / tmpfs rw 0 0\n"},
        lambda m: m.keeps_in_memory(PurePosixPath("/var/lib/bluetooth")),
        True,
    ),
    ({"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}, lambda m: m.low_voltage, True),
    ({"sys/class/hwmon/hwmon1/in0_lcrit_alarm": None}, lambda m: m.low_voltage, None),
    ({"sys/class/hwmon/hwmon1/name": "other\n"}, lambda m: m.low_voltage, None),
    ({"usr/lib/polkit-1/polkitd": None}, lambda m: m.polkit_installed, False),
    ({"etc/polkit-1/rules.d/50-hushbell.rules": None}, lambda m: m.restart_rule, False),
    (
        {"etc/polkit-1/rules.d/50-hushbell.rules": None, "usr/share/polkit-1/rules.d/50-hushbell.rules": "//"},
        lambda m: m.restart_rule,
        True,
    ),
    ({"usr/local/lib/systemd/system/hushbell.service": None}, lambda m: (m.service, m.bell.name), (None, "root")),
    ({"etc/passwd": "root:x:0:0::/:/bin/sh\n"}, lambda m: m.bell.uid, None),
    (
        {"etc/systemd/system/hushbell.service.d/more.conf": "AmbientCapabilities=CAP_NET_ADMIN\nLimitCORE=1G\n"},
        lambda m: (m.service.leaves_cores, m.bell.capabilities) if m.service else None,
        (True, frozenset({"CAP_NET_RAW", "CAP_NET_ADMIN"})),
    ),
    (
        {"etc/systemd/system/hushbell.service.d/more.conf": "User=root\nAmbientCapabilities=\n"},
        lambda m: m.bell.capabilities,
        frozenset({"CAP_NET_RAW", "CAP_NET_ADMIN"}),
    ),
    ({"boot/firmware/config.txt": "[all]\ndtoverlay=disable-bt\n"}, lambda m: m.bluetooth_disabled, True),
    (
        {"usr/share/zoneinfo/zone.tab": None, "usr/share/zoneinfo/Asia/Shanghai": None},
        lambda m: (m.country, m.timezone_file),
        ("", False),
    ),
]


@pytest.mark.parametrize(("changes", "part", "expected"), READINGS)
def test_one_file_that_differs_is_read_so(
    tmp_path: Path, changes: dict[str, str | None], part: Callable[[Machine], object], expected: object
) -> None:
    assert part(read_machine(build_machine(tmp_path, changes), STATE, SHANGHAI)) == expected


def test_an_empty_value_takes_back_what_a_unit_said() -> None:
    settings = parse_unit("A=1 2\nA=\n# A=9\nA = 3\nno setting")
    assert settings["A"] == ["3"]


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("var/lib/hushbell", (True, True)),
        ("var/lib/hushbell/deep/er", (False, True)),
        ("etc/passwd", (True, False)),
    ],
)
def test_the_state_folder_or_the_nearest_above_it_is_looked_at(
    tmp_path: Path, below: str, expected: tuple[bool, bool]
) -> None:
    folder = read_machine(build_machine(tmp_path), Path("/", below), SHANGHAI).state
    assert (folder.is_there, folder.is_folder) == expected
    assert folder.free_bytes > 0


def test_a_folder_of_polkit_that_is_hidden_from_us_is_neither_full_nor_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build_machine(tmp_path, {"etc/polkit-1/rules.d/50-hushbell.rules": None})
    (root / "etc/polkit-1/rules.d").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, rights: "polkit-1/rules.d" not in str(path))
    assert read_machine(root, STATE, SHANGHAI).restart_rule is None


def test_an_absent_machine_is_no_error(tmp_path: Path) -> None:
    nothing = read_machine(tmp_path / "gone", STATE, SHANGHAI)
    assert (nothing.interfaces, nothing.mounts, nothing.swaps) == ((), (), ())
    assert examine(CONFIG, replace(WELL, machine=nothing))


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_machine(tmp_path_factory.mktemp("pi"))


@given(name=st.sampled_from([*FILES]), content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_a_file_holds_nothing_raises(pi: Path, name: str, content: bytes) -> None:
    (pi / name).write_bytes(content)
    read = read_machine(pi, STATE, SHANGHAI)
    assert all(finding.message.isprintable() for finding in examine(CONFIG, replace(WELL, machine=read)))
    (pi / name).write_text(FILES[name])


@given(st.text(max_size=300))
def test_whatever_a_program_prints_nothing_raises(text: str) -> None:
    parse_monitors(text + "Wiphy a\n\tSupported interface modes:\n" + text)
    parse_country(text)
    parse_version(text)
    parse_throttled(text)
    parse_throttled("throttled=0x" + text)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_flood(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_loop, make_flood, Path.mkdir])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_neither_blocks_nor_raises(pi: Path, name: str, make: Callable[[Path], None]) -> None:
    odd = pi / name
    odd.unlink()
    make(odd)
    assert len(read_text(odd)) <= MOST_BYTES
    read_machine(pi, STATE, SHANGHAI)
    odd.rmdir() if odd.is_dir() else odd.unlink()
    odd.write_text(FILES[name])


def test_iw_is_understood() -> None:
    assert parse_monitors(IW_PHY) == {"phy0": False, "phy1": True}
    assert parse_country(IW_REG) == "CN"
    assert parse_country("global\ncountry 00: DFS-UNSET\n") == "00"
    assert parse_country("") == ""


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("throttled=0x0\n", Power(low_now=False, was_low=False)),
        ("throttled=0x50005\n", Power(low_now=True, was_low=True)),
        ("throttled=0x50000\n", Power(low_now=False, was_low=True)),
        ("throttled=0xe0008\n", Power(low_now=False, was_low=False)),  # too hot is another matter
        ("VCHI initialization failed\n", None),
        ("", None),
    ],
)
def test_what_the_firmware_says_of_the_supply_is_understood(printed: str, expected: Power | None) -> None:
    assert parse_throttled(printed) == expected


# Asking


def ask(question: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(10):
            answer = await question
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return answer

    return asyncio.run(bounded())


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBus]:
    if shutil.which("dbus-daemon") is None:
        pytest.skip("needs dbus-daemon")
    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        yield bus


def test_bluez_tells_of_its_adapters(bus: PrivateBus, tmp_path: Path) -> None:
    async def scene() -> Bluetooth:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.add_adapter("hci0")
            bluez.add_adapter("hci1", powered=False, blocked=True)
            bluez._objects["/org/bluez/hci0"]["org.bluez.AdvertisementMonitorManager1"] = {}
            return await ask_bluez(build_machine(tmp_path))

    told = ask(scene())
    assert (told.running, told.installed, told.version, told.trouble) == (True, True, (5, 66), None)
    facts = [(each.name, each.powered, each.blocked, each.passive) for each in told.adapters]
    assert facts == [("hci0", True, False, True), ("hci1", False, True, False)]


def test_a_bus_without_bluetoothd_is_told(bus: PrivateBus, tmp_path: Path) -> None:
    assert ask(ask_bluez(tmp_path)) == Bluetooth()


def test_no_bus_at_all_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
    assert ask(ask_bluez(tmp_path)).trouble is RadioState.MISSING


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [(HANG, RadioState.FAILED), (Fault("org.freedesktop.DBus.Error.AccessDenied"), RadioState.DENIED)],
)
def test_a_bluetoothd_that_does_not_tell_is_told(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: Fault, trouble: RadioState
) -> None:
    monkeypatch.setattr(inquiry, "PATIENCE_S", 0.2)

    async def scene() -> Bluetooth:
        async with VirtualBlueZ(bus.address) as bluez:
            bluez.fail("GetManagedObjects", fault)
            return await ask_bluez(tmp_path)

    assert ask(scene()).trouble is trouble


def test_iw_is_asked(tmp_path: Path) -> None:
    assert ask(ask_iw(build_machine(tmp_path))) == Wireless(True, {"phy0": False, "phy1": True}, "CN")
    assert ask(ask_iw(tmp_path / "gone")) == Wireless()


def test_the_machines_own_network_is_the_one_that_the_driver_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse() -> NoReturn:
        raise PermissionError

    assert ask(ask_own_network()) == ask(monitor.own_network())
    monkeypatch.setattr(netlink, "list_links", refuse)
    assert ask(ask_own_network()) == frozenset()


@pytest.mark.parametrize(
    ("script", "expected"),
    [("echo throttled=0x50000", Power(False, True)), ("exit 255", Power(False)), (None, Power(False))],
)
def test_the_firmware_goes_before_the_kernels_sensor(tmp_path: Path, script: str | None, expected: Power) -> None:
    root = build_machine(tmp_path)
    if script:
        place(root / "usr/bin/vcgencmd", f"#!/bin/sh\n{script}\n")
        (root / "usr/bin/vcgencmd").chmod(0o755)
    simulated = replace(with_broker("mqtt://127.0.0.1:1"), receivers=())
    assert ask(find_out(simulated, root)).power == expected


@pytest.mark.parametrize("script", ["exec sleep 60", "exit 3", "kill -9 $$"])
def test_a_program_that_fails_or_hangs_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(inquiry, "PATIENCE_S", 0.2)
    place(tmp_path / "usr/sbin/iw", f"#!/bin/sh\n{script}\n")
    (tmp_path / "usr/sbin/iw").chmod(0o755)
    assert ask(ask_iw(tmp_path)) == Wireless(installed=True)


def test_hostapd_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "PING_S", 0.2)
    control = tmp_path / "wlan0"
    receiver = replace(GUESTS, control=control)

    def answer() -> Answer:
        return ask(ask_hostapd(receiver, tmp_path)).answer

    assert answer() is Answer.ABSENT
    with VirtualHostapd(control) as point:
        assert answer() is Answer.PONG
        point.mute.add("PING")
        assert answer() is Answer.SILENT
        point.kill()
        assert answer() is Answer.REFUSED
    control.mkdir()
    assert answer() is Answer.FOLDER
    assert list(tmp_path.iterdir()) == [control], "asking leaves no file"


def test_whom_hostapd_admits_is_seen(tmp_path: Path) -> None:
    with VirtualHostapd(tmp_path / "wlan0") as point:
        point.path.chmod(0o770)
        tmp_path.chmod(0o750)
        asked = ask(ask_hostapd(replace(GUESTS, control=point.path), tmp_path))
    us = os.getuid()
    assert asked.places == ((Place(us, os.getgid(), 0o750), 0o1), (Place(us, os.getgid(), 0o770), 0o2))


def with_broker(url: str, **changes: Any) -> Config:
    return replace(CONFIG, mqtt=Mqtt(url, **changes))


def told_of(config: Config, root: Path) -> Broker:
    """Ask the only broker of a configuration."""
    (broker,) = ask(ask_brokers(config, root))
    assert broker.address == parse_url(config.mqtt.url)
    return broker


def cause_of(broker: Broker) -> Cause | None:
    return broker.trouble.cause if broker.trouble else None


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="needs mosquitto_passwd")
def test_the_password_is_tried(tmp_path: Path) -> None:
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    passwords.touch(0o600)
    subprocess.run(["mosquitto_passwd", "-b", passwords, "door-pi", "right"], check=True, capture_output=True)
    with running_broker(tmp_path / "broker", f"allow_anonymous false\npassword_file {passwords}") as broker:
        config = with_broker(broker.url, username="door-pi", password_file=secret)
        assert str(told_of(config, tmp_path).trouble) == f"the file {secret} is not there"
        secret.write_text("wrong\n")
        assert cause_of(told_of(config, tmp_path)) is Cause.REFUSED
        secret.write_text("right\n")
        assert told_of(config, tmp_path).trouble is None
        place(tmp_path / "etc/credstore/secret", "wrong\n")
        assert told_of(config, tmp_path).trouble, "the service's own store goes first"
        assert "right" not in broker.log


def test_asking_the_broker_disturbs_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path / "broker") as broker,
        VirtualClient(broker.port, "hushbell-kiosk-01-door-pi", "#") as us,
    ):
        config = replace(with_broker(broker.url), store=replace(CONFIG.store, id="kiosk-01"))
        assert told_of(config, tmp_path) == Broker(parse_url(broker.url))
        assert {(message.topic, message.payload) for message in us.received} <= {
            ("hushbell/v1/kiosk-01/gateways/door-pi/doctor", b"")
        }
        assert "already connected" not in broker.log
        us.publish("last", 1)
        us.wait_until(lambda: us.received[-1].topic == "last")
        with VirtualClient(broker.port, "late", "#", "$SYS/broker/retained messages/count") as late:
            late.publish("first", 1)
            late.wait_until(lambda: any(message.topic == "first" for message in late.received))
            assert not [message for message in late.received if message.topic.startswith("hushbell/")]


def test_a_broker_that_lets_us_in_and_not_speak_is_told(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic read #\n")
    with running_broker(tmp_path / "broker", f"allow_anonymous true\nacl_file {tmp_path / 'acl'}") as broker:
        assert told_of(with_broker(broker.url), tmp_path).refusal == "the user may not do this"


def test_each_of_several_brokers_is_asked(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        config = with_broker("mqtt://127.0.0.1:1", others=(broker.url,))
        first, second = ask(ask_brokers(config, tmp_path))
    assert (cause_of(first), second.trouble) == (Cause.NOBODY_LISTENS, None)


def test_a_silent_broker_is_waited_for_no_longer_than_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "PATIENCE_S", 0.6)

    async def scene() -> Cause | None:
        async with serving(Peer(b"")) as url:
            (broker,) = await ask_brokers(with_broker(url), tmp_path)
            return cause_of(broker)

    assert ask(scene()) is Cause.MUTE


def test_a_name_that_takes_for_ever_is_waited_for_no_longer_than_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    monkeypatch.setattr(inquiry, "PATIENCE_S", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: held.wait(10) and [])
    told = told_of(with_broker("mqtt://broker.example"), tmp_path)
    held.set()
    assert cause_of(told) is Cause.SILENT


# The command


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration on a healthy Pi with its broker; the machine lies in the folder `pi`."""
    monkeypatch.setattr(clock, "is_synchronised", lambda root: True)
    build_machine(tmp_path / "pi", {"usr/local/lib/systemd/system/hushbell.service": None})
    with running_broker(tmp_path / "broker") as broker:
        mqtt = f'{{url: "{broker.url}"}}'
        path = tmp_path / "shop.yaml"
        receivers = f"[{{id: door, driver: simulator, socket: {tmp_path}/antenna}}]"
        path.write_text(six_lines(mqtt=mqtt, receivers=receivers))
        yield path


def examined(path: Path, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> tuple[int, str, str]:
    status = doctor(path, as_json=as_json, root=path.parent / "pi")
    told = capsys.readouterr()
    return status, told.out, told.err


def test_a_healthy_shop_is_well(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = examined(shop, capsys)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == f"ok      configuration: {shop} is valid"
    assert out.splitlines()[-1] == "0 missing, 0 to consider, 10 well"


def test_what_is_missing_is_said_with_its_command(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place(shop.parent / "pi/proc/swaps", "Filename\n/var/swap file 1 0 -2\n")
    status, out, _ = examined(shop, capsys)
    assert status == 1
    lines = out.splitlines()
    at = lines.index("missing swap: memory, and with it strangers' addresses, is swapped to a disk: /var/swap")
    assert lines[at + 1] == "        $ sudo systemctl disable --now dphys-swapfile"


def test_advice_alone_is_no_failure(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.parent / "pi/usr/share/zoneinfo/Asia/Shanghai").unlink()
    status, out, _ = examined(shop, capsys)
    assert status == 0
    assert "advice  timezone" in out


@pytest.mark.usefixtures("chinese")
def test_chinese_is_spoken(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = examined(shop, capsys)
    assert "正常      clock: 时钟已同步" in out
    assert out.splitlines()[-1] == "缺失 0 项，建议 0 项，正常 10 项"


def test_json_is_one_object(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place(shop.parent / "pi/proc/swaps", "Filename\n/var/swap file 1 0 -2\n")
    status, out, err = examined(shop, capsys, as_json=True)
    (line,) = out.splitlines()
    document = json.loads(line)
    assert (status, err, document["ok"]) == (1, "", False)
    assert all(set(finding) == {"check", "state", "message", "command"} for finding in document["findings"])
    assert {finding["state"] for finding in document["findings"]} == {"ok", "missing"}
    assert [finding["command"] for finding in document["findings"] if finding["check"] == "swap"] == [
        "sudo systemctl disable --now dphys-swapfile"
    ]


@pytest.mark.parametrize(
    ("rule", "status", "words"),
    [
        ("- name: a\n  on: arrived\n", 1, "missing configuration: {file}: faults in its rules: 1"),
        ("- name: a\n  on: {dwell: 5s, zone: {kind: shelf}}\n  offer: {id: x, ttl: 5 min}\n", 0, "valid"),
    ],
)
def test_rules_belong_to_the_configuration(
    shop: Path, capsys: pytest.CaptureFixture[str], rule: str, status: int, words: str
) -> None:
    (shop.parent / "ours.yaml").write_text(rule)
    shop.write_text(shop.read_text().replace("[returning-member, window-regular, window-occasional]", "[./ours.yaml]"))
    found, out, _ = examined(shop, capsys)
    assert found == status
    assert words.format(file=shop) in out


@pytest.mark.parametrize("text", [None, "", "store: [", "store: {}\n", "\0"])
def test_a_configuration_that_cannot_be_read_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    path = tmp_path / "shop.yaml"
    if text is not None:
        path.write_text(text)
    for as_json in (False, True):
        assert doctor(path, as_json=as_json, root=tmp_path) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(str(path))


def test_the_command_line_reaches_the_doctor(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--config", str(shop), "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["findings"][0]["check"] == "configuration"


def test_all_is_asked_at_once(bus: PrivateBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that can be silent is, and the doctor waits for it once."""
    monkeypatch.setattr(inquiry, "PATIENCE_S", 1.0)
    monkeypatch.setattr(inquiry, "PING_S", 1.0)
    root = build_machine(tmp_path / "pi")
    for program in ("usr/sbin/iw", "usr/libexec/bluetooth/bluetoothd"):
        place(root / program, "#!/bin/sh\nexec sleep 60\n")

    async def scene(point: VirtualHostapd) -> Facts:
        async with VirtualBlueZ(bus.address) as bluez, serving(Peer(b"")) as url:
            bluez.fail("GetManagedObjects", HANG)
            receivers = (BLE, WIFI, replace(GUESTS, control=point.path))
            return await find_out(replace(with_broker(url), receivers=receivers), root)

    with VirtualHostapd(tmp_path / "wlan0") as point:
        point.mute.add("PING")
        began = time.monotonic()
        facts = ask(scene(point))
        took = time.monotonic() - began
    assert took < 3.0
    assert (facts.bluetooth.trouble, cause_of(facts.brokers[0])) == (RadioState.FAILED, Cause.MUTE)
    assert facts.hostapds[0].answer is Answer.SILENT


# Both languages


def spoken(tree: ast.AST) -> Iterator[str]:
    """Yield every text that a check may say: given to what speaks, kept as `text`, returned first, or in a table."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="ok" | "advice" | "missing" | "say" | "told")):
                yield from (text for argument in node.args[:2] for text in texts(argument))
            case ast.Assign(targets=[ast.Name(id="text")]):
                yield from texts(node.value)
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id="text"), _])], value=ast.Tuple(elts=[first, _])):
                yield from texts(first)
            case ast.Return(value=ast.Tuple(elts=[first, _])):
                yield from texts(first)
            case ast.Assign(targets=[ast.Name(id="CAUSES" | "WORDS" | "VERDICTS")], value=ast.Dict(values=values)):
                yield from (text for value in values for text in texts(value))


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value


@pytest.mark.parametrize("module", ["__init__", "access", "bluetooth", "broker", "deafness", "host", "wifi"])
def test_every_message_has_a_chinese_twin(module: str) -> None:
    found = set(spoken(ast.parse((ROOT / "gateway/doctor" / f"{module}.py").read_text(encoding="utf-8"))))
    assert found
    assert found - set(CHINESE) == set()
