"""Says a reason again in the installer's language: decisions keep theirs in English, as the contract has it."""

from __future__ import annotations

import re
from functools import cache

from rules.messages import language_now, say

CARRIED = {
    "ibeacon": "card",
    "altbeacon": "card",
    "eddystone-uid": "card",
    "eddystone-eid": "card",
    "rotating": "app",
    "app": "app",
    "irk": "phone",
    "wifi": "guest Wi-Fi",
    "wifi-key": "guest Wi-Fi",
}
"""What a user calls a credential of each kind."""

_TROUBLES = (
    "no device of group {group} is online",
    "rule file {name} is at fault: what was in force before stands",
    "receiver {name}: the reference beacon is {decibels} dB louder than it was, for an hour: "
    "see whether it or the receiver was moved or covered, then calibrate anew",
    "receiver {name}: the reference beacon is {decibels} dB quieter than it was, for an hour: "
    "see whether it or the receiver was moved or covered, then calibrate anew",
    "receiver {name} is {state}: {why}",
    "receiver {name} is {state}",
    "there is no Bluetooth adapter {adapter}",
    "bluetoothd answers with the error {error}",
    "no right to scan on {adapter}: the user must be in the group bluetooth",
    "BlueZ offers no passive scan on {adapter}: write `Experimental = true` into /etc/bluetooth/main.conf and "
    "restart bluetoothd, or take `scan: active`",
    "BlueZ does not answer when asked to scan on {adapter}",
    "BlueZ gave up the passive scan on {adapter}",
    "BlueZ refuses to scan on {adapter}: {error}",
    "{adapter} is busy with another scan",
    "{adapter} is not ready: switched off, or just starting",
    "{adapter} is blocked; `rfkill unblock bluetooth` frees it",
    "{adapter} does not scan, although BlueZ began a scan on it",
    "{adapter} is switched off",
    "{adapter} is gone",
    "looking for the interface {interface}",
    "there is no interface {interface}",
    "{what}, and the kernel's nl80211 cannot be reached",
    "{what}, and is no Wi-Fi interface",
    "{interface} is not in monitor mode (link type {link}, not {wanted})",
    "{way} carries this machine's own network: take another adapter",
    "{interface} shares its radio with {other}, which",
    "no right to capture on {interface}: the service needs CAP_NET_RAW",
    "no right to listen with {interface}: the service needs CAP_NET_ADMIN",
    "{interface} is down; `ip link set {again} up` starts it",
    "{interface} is connected to a network or serves one: take another adapter",
    "{interface} cannot do monitor mode: take another adapter",
    "the radio of {interface} is blocked; `rfkill unblock wlan` frees it",
    "the radio of {interface} is in use for something else",
    "the radio of {interface} is another receiver's already: take another adapter",
    "the radio of {interface} went down",
    "capture on {interface} fails with the error {error}",
    "looking for hostapd at {path}",
    "no right to talk to hostapd at {path}: its ctrl_interface_group must be one of this user's",
    "hostapd refuses to tell of stations at {path}",
    "hostapd does not answer at {path}",
    "hostapd has begun anew at {path}",
    "hostapd has no control socket {path}",
    "hostapd has left its control socket {path}",
    "{path} is a folder: name the socket in it, such as {example}",
    "the control socket {path} fails: {error}",
    "the access point is off the air: hostapd calls itself {state}",
    "no antenna listens at {path}",
    "the driver failed ({error})",
    "{count} members are restored",
    "the database was damaged and is set aside as {file}; a new one is begun, {members}",
)
"""Why a gateway is degraded, as it and the drivers put it."""

TEMPLATES = (
    *_TROUBLES,
    "{rule}: no consent to {purpose}",
    "no consent to {purpose}",
    "the member denies {what}",
    "the member wants only {what}",
    "at most {times} per visit",
    "at most {times} per rule",
    "at most {times} per {period}",
    "one alert to {group} a visit",
    "one offer from {side} a visit",
    "one answer of {rule} a visit",
    "one {sort} in {span} for who is not here",
    "at most {times} {sort} a visit",
    "at most {times} {sort} a {period}",
    "not now, until {until}",
    "cooldown of {span}, until {until}",
    "cooldown of {span}",
    "the visit has not come in, needs within {most}",
    "{span} after coming in, needs within {most}",
    "seen {span} ago, needs within {most}",
    "not redeemed, so once in {days} days",
    "{trust}, needs {needed} because {what} is private",
    "{what} looks for a key that is missing",
    "{what} cannot be evaluated: {why}",
    "{what}, expected true or false",
    "{what} holds",
    "{what}; {note}",
    "{name} is {value}, needs {needs}",
    "{name} is stale ({age})",
    "{name} is missing",
    "{name} is not as declared",
    "{name} is {value}",
    "{trust}, needs {needed}",
    "{action} refused",
)
"""What reasons are made of, the most particular first."""

_JSON = ('"', "[", "{")
_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")


def retold(reason: str) -> str:
    """Return a reason in the chosen language; one of which nobody knows the shape stays as it is."""
    if language_now() == "en":
        return reason
    whole = say(reason)
    return whole if whole != reason else _by_shape(reason)


def _by_shape(reason: str) -> str:
    for template in TEMPLATES:
        if found := _shape(template).fullmatch(reason):
            return say(template, **{name: _part(value) for name, value in found.groupdict().items()})
    return reason


def _part(value: str) -> str:
    """Say a part of a reason again; data of the shop's own, in JSON, stays as it is."""
    return value if value[:1] in _JSON else retold(value)


@cache
def _shape(template: str) -> re.Pattern[str]:
    return re.compile(_PLACEHOLDER.sub(r"(?P<\1>.+?)", re.escape(template)), re.DOTALL)
