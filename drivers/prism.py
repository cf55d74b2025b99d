"""The Prism header that comes before an 802.11 frame in older captures (linux-wlan-ng, MadWifi, Broadcom)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from drivers.channels import frequency_of

_CODES = (0x41, 0x44)
_LENGTH = 144
# Message code, its length and the device's name; then ten items of identifier, status, length and value, of which
# the third is the channel and the sixth the signal.
_header = Struct("<II16x 32x I 32x i")


class Reception(NamedTuple):
    """What the header says: its own length, the signal in dBm and the frequency in MHz."""

    length: int
    rssi: int | None
    frequency: int | None


def parse_prism(frame: bytes) -> Reception | None:
    """Return what a Prism header says; None when `frame` does not begin with one.

    Drivers do not agree on what the signal is: only a negative one is dBm.
    """
    if len(frame) < _LENGTH:
        return None
    code, length, channel, signal = _header.unpack_from(frame)
    if code not in _CODES or length != _LENGTH:
        return None
    return Reception(length, signal if -128 <= signal < 0 else None, frequency_of(channel))
