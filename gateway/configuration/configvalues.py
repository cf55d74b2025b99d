"""The values of a configuration: each reader takes a YAML node and returns its value, or None with a fault there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from stat import S_IROTH
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from gateway.configuration.config import Hours, Reference
from gateway.mqtt.address import AddressError, parse_url
from rules import hours
from rules.document import Node
from rules.messages import say

LEVELS = (-127.0, 0.0)
"""RSSI as Bluetooth controllers report it (Core Specification, Vol 4 Part E, 7.7.65.2), without the positive part."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MAC = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_ADAPTER = re.compile(r"hci\d{1,3}|([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_NAMESPACE = re.compile(r"[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}")
_OFF = frozenset({"off", "no", "false", "none"})

T = TypeVar("T")
D = TypeVar("D")


def get(keys: dict[str, Node], name: str, read: Callable[[Node], T | None], default: D) -> T | D:
    """Read a key that may be left out; one that is at fault gives the default too, its fault being noted."""
    value = read(keys[name]) if name in keys else None
    return default if value is None else value


def read_text(node: Node) -> str | None:
    """Read any text."""
    return node.text()


def is_off(node: Node) -> bool:
    """Tell whether an installer switched something off with one of YAML's words for it."""
    return (node.scalar() or "").lower() in _OFF


def _matching(node: Node, pattern: re.Pattern[str], expected: str) -> str | None:
    raw = node.text(expected)
    if raw is None or pattern.fullmatch(raw):
        return raw
    node.unexpected(expected)
    return None


class Ids:
    """The ids of one kind: where each is defined, and that none is twice.

    An id at fault counts as defined, so that one mistake is not told again wherever the id is used.
    """

    def __init__(self) -> None:
        self.places: dict[str, Node] = {}

    def define(self, node: Node) -> str | None:
        """Read an id that stands here for the first time."""
        value = _matching(node, _ID, "an id of 1 to 64 letters, digits, - and _")
        first = self.places.setdefault(node.scalar() or "", node)
        if value is not None and first is not node:
            node.fault("duplicate id {id!r}, it stands already on line {line}", id=value, line=first.line)
        return value


def read_attribute(node: Node) -> str | None:
    """Read the name of a member's attribute."""
    return _matching(node, _ATTRIBUTE, "an attribute's name of letters, digits and _")


def read_offer(node: Node) -> str | None:
    """Read the id of an offer."""
    return _matching(node, _ID, "an offer's id of 1 to 64 letters, digits, - and _")


def read_adapter(node: Node) -> str | None:
    """Read a Bluetooth adapter's name or address."""
    return _matching(node, _ADAPTER, "an adapter such as hci0, or its address")


def read_interface(node: Node) -> str | None:
    """Read a network interface's name (15 bytes at most, as in Linux's if.h)."""
    return _matching(node, _INTERFACE, "an interface such as wlan1")


def read_channel(node: Node) -> int | None:
    """Read a Wi-Fi channel of the 2.4 or 5 GHz band (IEEE 802.11-2020, Annex E)."""
    channel = node.integer(1, 177, "a Wi-Fi channel")
    if channel is None or channel <= 14 or (36 <= channel <= 144 and channel % 4 == 0) or channel in range(149, 178, 4):
        return channel
    node.unexpected("a Wi-Fi channel such as 1, 6, 11 or 36")
    return None


def read_bssid(node: Node) -> bytes | None:
    """Read the address of an access point's radio; not one for groups (IEEE 802.11-2020, 9.2.4.3.4)."""
    expected = "an access point's address such as 02:11:22:33:44:aa"
    raw = _matching(node, _MAC, expected)
    if raw is None:
        return None
    address = bytes.fromhex(raw.replace(":", ""))
    if address[0] & 0x01 or not any(address):
        node.unexpected(expected)
        return None
    return address


def read_ssid(node: Node) -> str | None:
    """Read a network's name, 1 to 32 bytes; a fault does not repeat it."""
    raw = node.text("a network's name")
    if raw is None or 1 <= len(raw.encode()) <= 32:
        return raw
    node.fault("a network's name is 1 to 32 bytes long")
    return None


def read_path(folder: Path) -> Callable[[Node], Path | None]:
    """Return a reader of paths that are relative to a folder; what it reads is absolute."""

    def read(node: Node) -> Path | None:
        raw = _matching(node, re.compile(r"[^~\n][^\n]*"), "a path, absolute or from this file's folder")
        return None if raw is None else (folder / raw).absolute()

    return read


def is_file(path: Path) -> bool:
    """Tell whether a file is there, as far as this user may see."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_open_to_others(path: Path) -> bool:
    """Tell whether users who are neither the owner nor of the group may read a file."""
    try:
        return bool(path.stat().st_mode & S_IROTH)
    except OSError:
        return False


def read_file_beside(folder: Path) -> Callable[[Node], Path | None]:
    """Return a reader of paths that should be files. A missing one is doubtful only, as secrets stay on the Pi.

    The message does not repeat the path, in case somebody wrote the secret itself.
    """
    read = read_path(folder)

    def read_file(node: Node) -> Path | None:
        path = read(node)
        if path is not None and not is_file(path):
            node.fault("this file is not there, expected it in {folder}", warning=True, folder=folder.absolute())
        return path

    return read_file


def read_namespace(node: Node) -> bytes | None:
    """Read the chain's 8 bytes of a proximity UUID."""
    raw = _matching(node, _NAMESPACE, "16 hex digits, the first half of the chain's UUIDs")
    return None if raw is None else bytes.fromhex(raw.replace("-", ""))


def read_reference(node: Node) -> Reference | None:
    """Read an iBeacon's UUID, major and minor."""
    keys = node.fields(("uuid", "major", "minor"), ("uuid", "major", "minor"), "a reference beacon")
    uuid = _matching(keys["uuid"], _UUID, "a UUID of 32 hex digits") if "uuid" in keys else None
    numbers = [keys[name].integer(0, 65535) for name in ("major", "minor") if name in keys]
    if uuid is None or None in numbers or len(numbers) < 2:
        return None
    return Reference(bytes.fromhex(uuid.replace("-", "")) + b"".join((n or 0).to_bytes(2) for n in numbers))


def read_hours(node: Node) -> Hours | None:
    """Read a span such as `10:00-22:00`, past midnight too; `off` is None without a fault."""
    return None if is_off(node) else hours.read_hours(node)


def read_timezone(node: Node) -> ZoneInfo | None:
    """Read a name of the IANA time zone database."""
    raw = node.text("a time zone such as Asia/Shanghai")
    if raw is None:
        return None
    try:
        return ZoneInfo(raw)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
    if known:
        node.fault(
            "unknown time zone {name}{hint}, expected a name such as Asia/Shanghai",
            name=node.what(),
            hint=_near_timezone(raw, known),
        )
    else:
        node.fault("this machine has no time zones, install the package tzdata")
    return None


_MEANT = {"beijing": "Asia/Shanghai", "北京": "Asia/Shanghai", "上海": "Asia/Shanghai", "中国": "Asia/Shanghai"}
_MEANT |= dict.fromkeys(("china", "cst", "utc+8", "gmt+8", "utc+08:00", "gmt+08:00", "+08:00"), "Asia/Shanghai")


def _near_timezone(name: str, known: Iterable[str]) -> str:
    """Return a hint by the whole name or by its city, whatever the case, for the zones people do write."""
    city = name.rpartition("/")[2].lower()
    by_word = {word.lower(): zone for zone in sorted(known) for word in (zone.rpartition("/")[2], zone)}
    words = difflib.get_close_matches(name[:60].lower(), by_word, n=1, cutoff=0.7)
    words += difflib.get_close_matches(city[:60], by_word, n=1, cutoff=0.8)
    near = _MEANT.get(city) or next((by_word[word] for word in words), None)
    return say(" (did you mean {near}?)", near=repr(near)) if near else ""


def read_broker_urls(node: Node) -> tuple[str, ...] | None:
    """Read a broker's URL, or a list of them in order of preference."""
    nodes = node.items() if node.is_sequence() else [node]
    if not nodes:
        node.fault("at least one broker is needed")
    places: dict[str, Node] = {}
    for item in nodes:
        url = read_broker_url(item)
        if url is not None and (first := places.setdefault(url, item)) is not item:
            item.fault("this broker stands already on line {line}", line=first.line)
    return tuple(places) or None


def read_broker_url(node: Node) -> str | None:
    """Read a broker's URL. It is never repeated in a fault, because it may hold a password."""
    raw = node.text("a broker's address such as mqtt://127.0.0.1")
    if raw is None:
        return None
    try:
        parse_url(raw)
    except AddressError as error:
        node.fault(error.english, **error.values)
        return None
    return raw
