"""The Prism header that comes before an 802.11 frame in older captures (linux-wlan-ng, MadWifi, Broadcom)."""

from __future__ import annotations

from struct import Struct, pack
from typing import Final, NamedTuple

from drivers.channels import frequency_of

LENGTH: Final = 144

# By message code and length, which tell the byte order: that of the machine that captured. Behind the device's name
# stand ten items of identifier, status, length and value; the third is the channel and the sixth the signal.
_headers = {
    pack(f"{order}II", code, LENGTH): Struct(f"{order}24x 32x I 32x i 48x") for order in "<>" for code in (0x41, 0x44)
}


class Reception(NamedTuple):
    """What the header says: the signal in dBm and the frequency in MHz."""

    rssi: int | None
    frequency: int | None


def parse_prism(frame: bytes) -> Reception | None:
    """Return what the Prism header says whose `LENGTH` bytes `frame` begins with; None when it begins with none.

    A header that is cut is one that says less. Drivers do not agree on what the signal is: only a negative one is dBm.
    """
    header = _headers.get(frame[:8])
    if header is None:
        return None
    channel, signal = header.unpack(frame[:LENGTH].ljust(LENGTH, b"\0"))
    return Reception(signal if -128 <= signal < 0 else None, frequency_of(channel))
