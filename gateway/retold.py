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

TEMPLATES = (
    "no device of group {group} is online",
    "receiver {name} is {state}: {why}",
    "receiver {name} is {state}",
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
