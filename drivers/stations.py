"""What hostapd says of stations over its control socket: datagrams in, values or None out."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, NamedTuple

LONGEST: Final = 4096
"""Bytes of an answer or an event, by hostapd's own bound (2.10, hostapd/ctrl_iface.c)."""

ON_AIR: Final = "ENABLED"
OFF_AIR: Final = "DISABLED"


class Station(NamedTuple):
    """A device; `keyid` names the key that it joined with, as hostapd's wpa_psk_file calls it, where it has a name."""

    address: bytes
    keyid: bytes = b""

    def __repr__(self) -> str:
        return "<Station>"


class What(Enum):
    """What hostapd tells unasked."""

    JOINED = auto()
    LEFT = auto()
    ON_AIR = auto()
    OFF_AIR = auto()
    ENDING = auto()
    OTHER = auto()


class Event(NamedTuple):
    what: What
    station: Station | None = None  # of JOINED and LEFT


class Listed(NamedTuple):
    """One entry in the list of stations; who is not authorized has not joined yet, or has left."""

    station: Station
    authorized: bool


class Stop(Enum):
    """Why the list of stations does not go on."""

    END = auto()
    BROKEN = auto()  # the station last listed is gone


_WHATS: Final = {
    b"AP-STA-CONNECTED": What.JOINED,
    b"AP-STA-DISCONNECTED": What.LEFT,
    b"AP-ENABLED": What.ON_AIR,
    b"INTERFACE-ENABLED": What.ON_AIR,
    b"AP-DISABLED": What.OFF_AIR,
    b"INTERFACE-DISABLED": What.OFF_AIR,
    b"CTRL-EVENT-TERMINATING": What.ENDING,
}
_REFUSALS: Final = (b"FAIL\n", b"UNKNOWN COMMAND\n")
_EVENT = re.compile(rb"<\d>([!-~]+)(?: ([^\n]*))?\n?")
_ADDRESS = re.compile(rb"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
_KEYID = re.compile(rb"keyid=([!-~]{1,64})")
_STATE = re.compile(rb"^state=([A-Z_]{1,32})$", re.MULTILINE)
_GROUP: Final = 0x01


def is_event(datagram: bytes) -> bool:
    """Tell events from answers: they begin with their level in angle brackets."""
    return datagram.startswith(b"<")


def parse_event(datagram: bytes) -> Event | None:
    """Return what an event says; None where it is malformed.

    The address comes first, then more words, among them the keyid. hostapd makes all of them, and none repeats what
    a station said (src/ap/sta_info.c, ap_sta_set_authorized).
    """
    found = _EVENT.fullmatch(datagram) if len(datagram) <= LONGEST else None
    if found is None:
        return None
    what = _WHATS.get(found[1], What.OTHER)
    if what not in (What.JOINED, What.LEFT):
        return Event(what)
    words = (found[2] or b"").split()
    address = _parse_address(words[0]) if words else None
    return None if address is None else Event(what, Station(address, _keyid(words[1:])))


def parse_listed(answer: bytes) -> Listed | Stop | None:
    """Return what an answer to STA-FIRST or STA-NEXT says; None where it is none.

    It is the address, the flags and many lines more (src/ap/ctrl_iface_ap.c, hostapd_ctrl_iface_sta_mib). One holds
    the name under which a station signed on by 802.1X, and whoever chooses that name may put lines into it. So a
    station with such lines has no keyid here; in truth it has none either, since a key of its own needs no 802.1X.
    """
    if not answer:
        return Stop.END
    if answer in _REFUSALS:
        return Stop.BROKEN
    lines = answer.split(b"\n")
    address = _parse_address(lines[0])
    if address is None or len(answer) > LONGEST:
        return None
    authorized = len(lines) > 1 and lines[1].startswith(b"flags=") and b"[AUTHORIZED]" in lines[1]
    by_name = any(line.startswith(b"dot1x") for line in lines)
    return Listed(Station(address, b"" if by_name else _keyid(lines[2:])), authorized)


def parse_state(answer: bytes) -> str | None:
    """Return hostapd's word for how the access point fares, `ON_AIR` where it does not know the question."""
    if answer in _REFUSALS:
        return ON_AIR
    found = _STATE.search(answer)
    return found[1].decode() if found else None


def parse_consent(answer: bytes) -> bool | None:
    """Return whether hostapd did what it was told."""
    return {b"OK\n": True, **dict.fromkeys(_REFUSALS, False)}.get(answer)


def parse_pong(answer: bytes) -> bool | None:
    """Return that hostapd lives."""
    return True if answer == b"PONG\n" else None


def _parse_address(text: bytes) -> bytes | None:
    if not _ADDRESS.fullmatch(text):
        return None
    address = bytes.fromhex(text.decode().replace(":", ""))
    return None if address[0] & _GROUP or not any(address) else address


def _keyid(words: list[bytes]) -> bytes:
    """Return the one keyid among the words; several are as good as none."""
    found = [match[1] for match in map(_KEYID.fullmatch, words) if match]
    return found[0] if len(found) == 1 else b""
