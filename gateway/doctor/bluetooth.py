"""Bluetooth: bluetoothd, and the adapter that each receiver will scan on."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from drivers.bluez_watch import Adapter, choose
from drivers.driver import RadioState
from gateway.configuration.config import Config, Receiver
from gateway.doctor.facts import Account, Bluetooth, Facts
from gateway.doctor.findings import Finding, advice, edit, missing, ok
from rules.messages import say

OLDEST_BLUEZ = (5, 66)
"""The oldest that Hushbell was tried with; Debian 12 has it."""

PI_SETTINGS = "/boot/firmware/config.txt"
ALLOW_PASSIVE = (
    r"sudo sed -i 's/^#\?Experimental\s*=.*/Experimental = true/' /etc/bluetooth/main.conf && "
    "sudo systemctl restart bluetooth"
)
ENABLE = f"sudo sed -i '/^dtoverlay=disable-bt/s/^/#/' {PI_SETTINGS} && sudo reboot"


def check_bluetooth(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge bluetoothd, and where it runs the adapters."""
    receivers = [receiver for receiver in config.receivers if receiver.driver == "ble"]
    if not receivers:
        return
    yield _judge_bluez(facts.bluetooth, facts.machine.me)
    if facts.bluetooth.running:
        yield from _list_adapters(facts.bluetooth.adapters)
        yield from (_judge_adapter(receiver, config, facts) for receiver in receivers)


def _judge_bluez(bluetooth: Bluetooth, me: Account) -> Finding:
    """Judge whether bluetoothd is installed, runs, answers and is new enough."""
    match bluetooth:
        case Bluetooth(trouble=RadioState.DENIED):
            join = f"sudo usermod -aG bluetooth {quote(me.name)}"
            return missing("bluez", "this user may not ask bluetoothd: it is not in the group bluetooth", join)
        case Bluetooth(trouble=RadioState.MISSING):
            start = "sudo apt-get install dbus && sudo systemctl start dbus"
            return missing("bluez", "the D-Bus system bus is not running, and without it no Bluetooth", start)
        case Bluetooth(trouble=RadioState()):
            return missing("bluez", "bluetoothd does not answer", "sudo systemctl restart bluetooth")
        case Bluetooth(running=False, installed=False):
            return missing("bluez", "BlueZ is not installed, and without it no Bluetooth", "sudo apt-get install bluez")
        case Bluetooth(running=False):
            return missing("bluez", "bluetoothd is not running", "sudo systemctl enable --now bluetooth")
    return _judge_version(bluetooth)


def _judge_version(bluetooth: Bluetooth) -> Finding:
    version = "{}.{}".format(*bluetooth.version) if bluetooth.version else "?"
    if bluetooth.version and bluetooth.version < OLDEST_BLUEZ:
        upgrade = "sudo apt-get update && sudo apt-get install bluez"
        return advice("bluez", "BlueZ {version} is older than any Hushbell was tried with", upgrade, version=version)
    if any(adapter.passive for adapter in bluetooth.adapters):
        return ok("bluez", "BlueZ {version} runs; passive scanning would work too", version=version)
    return ok(
        "bluez",
        "BlueZ {version} runs; passive scanning, which zones do not need, would need Experimental = true in "
        "/etc/bluetooth/main.conf",
        version=version,
    )


def _list_adapters(adapters: tuple[Adapter, ...]) -> Iterator[Finding]:
    if adapters:
        told = "; ".join(f"{adapter.name} ({_powers(adapter)}, {_abilities(adapter)})" for adapter in adapters)
        yield ok("adapters", "{adapters}", adapters=told)


def _powers(adapter: Adapter) -> str:
    if adapter.blocked:
        return say("blocked")
    return say("on") if adapter.powered else say("off")


def _abilities(adapter: Adapter) -> str:
    if not adapter.low_energy:
        return say("no Low Energy")
    return say("can scan actively and passively") if adapter.passive else say("can scan actively")


def _judge_adapter(receiver: Receiver, config: Config, facts: Facts) -> Finding:
    """Judge the adapter that the driver will take: the one named, or the first that is on."""
    adapters = facts.bluetooth.adapters
    adapter = choose(adapters, receiver.adapter)
    if adapter is None:
        return _no_adapter(receiver, config, facts)
    rivals = (each for each in config.receivers if each.driver == "ble")
    first = next(each.id for each in rivals if choose(adapters, each.adapter) is adapter)
    if adapter.blocked:
        text, command = "{receiver}: {adapter} is blocked", "sudo rfkill unblock bluetooth"
    elif not adapter.powered:
        text = "{receiver}: {adapter} is switched off"
        command = f"sudo btmgmt --index {adapter.name.removeprefix('hci')} power on"
    elif first != receiver.id:
        text, command = "{receiver}: {adapter} is the adapter of {other} already, take another", edit(config)
    elif receiver.scan == "passive" and not adapter.passive:
        text = "{receiver}: BlueZ lets nobody scan passively on {adapter}, which scan: passive needs"
        command = ALLOW_PASSIVE
    else:
        return ok("adapter", "{receiver}: {adapter} is there and on", receiver=receiver.id, adapter=adapter.name)
    return missing("adapter", text, command, receiver=receiver.id, adapter=adapter.name, other=first)


def _no_adapter(receiver: Receiver, config: Config, facts: Facts) -> Finding:
    names = ", ".join(sorted(adapter.name for adapter in facts.bluetooth.adapters))
    if names and receiver.adapter:
        text = "{receiver}: there is no Bluetooth adapter {wanted}, this machine has {names}"
        return missing("adapter", text, edit(config), receiver=receiver.id, wanted=receiver.adapter, names=names)
    if facts.machine.bluetooth_disabled:
        text = "{receiver}: the Pi's own Bluetooth is disabled in {file}"
        return missing("adapter", text, ENABLE, receiver=receiver.id, file=PI_SETTINGS)
    return missing(
        "adapter", "{receiver}: there is no Bluetooth adapter for Low Energy, plug one in", receiver=receiver.id
    )
