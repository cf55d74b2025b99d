"""Access: radios that are blocked, rights that are lacking, sockets that do not let us in."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from drivers.links import RADIOTAP
from gateway.configuration.config import Config, Receiver
from gateway.doctor.facts import Account, Answer, Facts, Hostapd, Interface, Machine, Switch
from gateway.doctor.findings import Finding, advice, missing, ok
from gateway.receiving.lookout import is_judged

INSTALL = "sudo ./scripts/install"
SERVICE_USER = "hushbell"

RADIOS = {"ble": "bluetooth", "wifi": "wlan"}
"""What the kernel calls the radio of a driver."""


def check_switches(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether rfkill lets each receiver's radio work."""
    for receiver in config.receivers:
        switches = _switches_of(receiver, facts.machine)
        if switches and all(switch.blocked for switch in switches):
            yield _judge_blocked(receiver, switches)
        elif switches:
            yield ok("rfkill", "{receiver}: its radio is not blocked", receiver=receiver.id)


def _switches_of(receiver: Receiver, machine: Machine) -> list[Switch]:
    """Return the switch of the receiver's own radio, or all that may be."""
    radio = RADIOS.get(receiver.driver)
    phys = [interface.phy for interface in machine.interfaces if interface.name == receiver.interface]
    names = (receiver.adapter, *phys)
    switches = [switch for switch in machine.switches if switch.radio == radio]
    return [switch for switch in switches if switch.name in names] or switches


def _judge_blocked(receiver: Receiver, switches: list[Switch]) -> Finding:
    if all(switch.hard for switch in switches):
        return missing("rfkill", "{receiver}: its radio is off by a switch or key of the machine", receiver=receiver.id)
    free = f"sudo rfkill unblock {RADIOS[receiver.driver]}"
    return missing("rfkill", "{receiver}: its radio is blocked by software", free, receiver=receiver.id)


def check_rights(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge what the service's user may do, or, where there is no service, whoever asks."""
    bell = facts.machine.bell
    wifi = [receiver for receiver in config.receivers if receiver.driver == "wifi"]
    if bell.uid is None:
        if facts.machine.service:
            yield missing("rights", "the service runs as {user}, and there is no such user", INSTALL, user=bell.name)
        return
    if wifi:
        yield _judge_capture(bell)
    if any(receiver.driver == "ble" for receiver in config.receivers):
        yield _judge_group(bell)
    if any(receiver.driver == "ble" and is_judged(receiver) for receiver in config.receivers):
        yield from _judge_restart(facts.machine)
    if not bell.can("CAP_NET_ADMIN"):
        interfaces = {each.name: each for each in facts.machine.interfaces}
        found = ((receiver, interfaces.get(receiver.interface or "")) for receiver in wifi)
        for receiver, interface in found:
            if interface:
                yield from _judge_tuning(receiver, interface, bell)


def _judge_capture(bell: Account) -> Finding:
    if bell.can("CAP_NET_RAW"):
        return ok("rights", "{user} may capture Wi-Fi (CAP_NET_RAW)", user=bell.name)
    return missing("rights", "{user} may not capture Wi-Fi (CAP_NET_RAW)", INSTALL, user=bell.name)


def _judge_group(bell: Account) -> Finding:
    if bell.is_root or "bluetooth" in bell.groups:
        return ok("rights", "{user} may use Bluetooth", user=bell.name)
    join = f"sudo usermod -aG bluetooth {quote(bell.name)}"
    return advice("rights", "{user} is not in the group bluetooth, which some systems ask for", join, user=bell.name)


def _judge_restart(machine: Machine) -> Iterator[Finding]:
    """Judge the last rung of recovery, which polkit must allow (docs/never-deaf.md); no word where we may not look."""
    bell = machine.bell
    ruled = machine.restart_rule and bell.name == SERVICE_USER
    if bell.is_root or (ruled and machine.polkit_installed):
        yield ok("rights", "{user} may start bluetoothd anew where a radio stays deaf", user=bell.name)
    elif machine.restart_rule is not None:
        steps = ["sudo apt-get install polkitd"] * (not machine.polkit_installed) + [INSTALL] * (not ruled)
        text = "{user} may not start bluetoothd anew where a radio stays deaf, the last thing that may help"
        yield advice("rights", text, " && ".join(steps), user=bell.name)


def _judge_tuning(receiver: Receiver, interface: Interface, bell: Account) -> Iterator[Finding]:
    """Judge what becomes of a receiver whose user lacks CAP_NET_ADMIN."""
    about = {"receiver": receiver.id, "user": bell.name, "interface": interface.name}
    if interface.link_type != RADIOTAP:
        text = "{receiver}: {user} may not make an interface in monitor mode (CAP_NET_ADMIN)"
        yield missing("rights", text, INSTALL, **about)
    elif receiver.channels:
        text = "{receiver}: {user} may not change channels (CAP_NET_ADMIN), so {interface} stays on the one it is on"
        yield advice("rights", text, INSTALL, **about)


def check_hostapd(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether each access point answers, and would answer the service's user."""
    yield from (_judge_hostapd(hostapd, facts.machine.bell) for hostapd in facts.hostapds)


def _judge_hostapd(hostapd: Hostapd, bell: Account) -> Finding:
    text, command = _wrong_with(hostapd, bell)
    about = {"receiver": hostapd.receiver, "control": hostapd.control, "user": bell.name}
    if text:
        return missing("hostapd", text, command, **about)
    return ok("hostapd", "{receiver}: hostapd answers on {control}", **about)


def _wrong_with(hostapd: Hostapd, bell: Account) -> tuple[str, str | None]:
    restart = "sudo systemctl restart hostapd"
    admit = f"echo ctrl_interface_group={quote(bell.name)} | sudo tee -a /etc/hostapd/hostapd.conf && {restart}"
    match hostapd.answer:
        case Answer.ABSENT if not hostapd.installed:
            return "{receiver}: hostapd is not installed", "sudo apt-get install hostapd"
        case Answer.ABSENT:
            start = "sudo systemctl unmask hostapd && sudo systemctl enable --now hostapd"
            return "{receiver}: there is no {control}; hostapd does not run, or its ctrl_interface is elsewhere", start
        case Answer.FOLDER:
            return "{receiver}: {control} is a folder, name the socket in it", f"ls {quote(str(hostapd.control))}"
        case Answer.REFUSED:
            return "{receiver}: nobody listens on {control}, hostapd has ended", restart
        case Answer.SILENT:
            return "{receiver}: hostapd does not answer on {control}", restart
        case Answer.DENIED:
            return "{receiver}: this user may not speak with hostapd on {control}", admit
    if not all(place.admits(bell, rights) for place, rights in hostapd.places):
        return "{receiver}: hostapd answers us on {control}, and would not answer {user}", admit
    return "", None
