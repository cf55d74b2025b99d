"""Wi-Fi: which interfaces can listen to everybody, whether the configured one does, and whose rules hold on the air."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from drivers.links import RADIOTAP
from gateway.configuration.config import Config, Receiver
from gateway.doctor.facts import Facts, Interface, Machine, Wireless
from gateway.doctor.findings import Finding, advice, edit, missing, ok
from gateway.doctor.machine import CHIPS, HARD_OF_HEARING
from rules.messages import say

WORLD = "00"

VERDICTS = {True: "can listen: {names}", False: "cannot listen: {names}", None: "may be able to listen: {names}"}


def check_wifi(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge the interfaces there are, the configured ones, and the regulatory domain."""
    receivers = [receiver for receiver in config.receivers if receiver.driver == "wifi"]
    if not receivers:
        return
    yield _list_interfaces(facts)
    yield from (_judge_interface(receiver, config, facts) for receiver in receivers)
    yield _judge_country(facts.machine, facts.wireless)


def can_listen(interface: Interface, wireless: Wireless) -> bool | None:
    """Tell whether it can do monitor mode: `iw` knows, else the driver's fame does, else nobody."""
    return wireless.monitors.get(interface.phy, interface.monitor)


def _list_interfaces(facts: Facts) -> Finding:
    groups: dict[bool | None, list[str]] = {verdict: [] for verdict in VERDICTS}
    for interface in facts.machine.interfaces:
        groups[can_listen(interface, facts.wireless)].append(f"{interface.name} ({interface.driver or '?'})")
    if not groups[True] and not groups[None]:
        text = "no Wi-Fi interface here can listen; plug in a USB adapter with one of these chips: {chips}"
        return missing("wifi-adapters", text, chips=", ".join(CHIPS))
    told = [say(VERDICTS[verdict], names=", ".join(names)) for verdict, names in groups.items() if names]
    return ok("wifi-adapters", "{interfaces}", interfaces="; ".join(told))


def _judge_interface(receiver: Receiver, config: Config, facts: Facts) -> Finding:
    name = receiver.interface or ""
    interface = next((each for each in facts.machine.interfaces if each.name == name), None)
    if interface is None:
        names = ", ".join(each.name for each in facts.machine.interfaces) or say("none")
        text = "{receiver}: there is no Wi-Fi interface {interface}, this machine has {names}"
        return missing("interface", text, edit(config), receiver=receiver.id, interface=name, names=names)
    about = {"receiver": receiver.id, "interface": name, "driver": interface.driver or "?"}
    text = _wrong_with(interface, facts)
    if text:
        return missing("interface", text, None, **about)
    first = _first_on(interface, config, facts.machine)
    if interface.link_type != RADIOTAP and first != receiver.id:
        text = "{receiver}: {interface} is on the radio of {other} already, take another"
        return missing("interface", text, edit(config), **about, other=first)
    if interface.link_type == RADIOTAP and not interface.up:
        return missing("interface", "{receiver}: {interface} is down", f"sudo ip link set {quote(name)} up", **about)
    if interface.driver in HARD_OF_HEARING:
        text = (
            "{receiver}: with the driver {driver} Linux 6.17 and later may hear nothing and not say so; where this "
            "receiver stays silent, take an adapter with one of these chips: {chips}"
        )
        return advice("interface", text, None, **about, chips=", ".join(CHIPS))
    if interface.link_type == RADIOTAP:
        return ok("interface", "{receiver}: {interface} is in monitor mode and up", **about)
    if can_listen(interface, facts.wireless) is None and not facts.wireless.installed:
        text = "{receiver}: whether {interface} can do monitor mode is not known, iw would tell"
        return advice("interface", text, "sudo apt-get install iw", **about)
    return ok("interface", "{receiver}: Hushbell will make an interface in monitor mode beside {interface}", **about)


def _first_on(interface: Interface, config: Config, machine: Machine) -> str:
    """Return the first receiver that makes a monitor interface on the radio of this one."""
    beside = [each.name for each in machine.interfaces if each.phy == interface.phy and each.link_type != RADIOTAP]
    return next((each.id for each in config.receivers if each.driver == "wifi" and each.interface in beside), "")


def _wrong_with(interface: Interface, facts: Facts) -> str:
    """Return what keeps an interface from being a receiver for good; nothing where nothing does."""
    if interface.name in facts.own_network:
        return "{receiver}: {interface} carries this machine's own network, take another"
    if interface.link_type == RADIOTAP:
        return ""
    beside = (each for each in facts.machine.interfaces if each.phy == interface.phy)
    if any(each.name in facts.own_network for each in beside):
        return "{receiver}: {interface} shares its radio with this machine's own network, take another"
    if interface.connected:
        return "{receiver}: {interface} is connected to a network or serves one, take another"
    if can_listen(interface, facts.wireless) is False:
        return "{receiver}: {interface} cannot do monitor mode (driver {driver}), take another"
    return ""


def _judge_country(machine: Machine, wireless: Wireless) -> Finding:
    regulatory = wireless.regulatory or machine.regulatory
    if regulatory not in ("", WORLD):
        return ok("country", "the air is used by the rules of {country}", country=regulatory)
    country = machine.country or "COUNTRY"
    by_hand = f"echo options cfg80211 ieee80211_regdom={country} | sudo tee /etc/modprobe.d/hushbell-country.conf"
    command = f"sudo raspi-config nonint do_wifi_country {country}" if machine.is_pi else f"{by_hand} && sudo reboot"
    if regulatory == WORLD:
        return advice("country", "no country is set for Wi-Fi, so some channels may be closed", command)
    return advice("country", "for which country Wi-Fi is set cannot be told", "sudo apt-get install iw && iw reg get")
