"""Wi-Fi channel numbers and their frequencies (IEEE 802.11-2020, 17 to 21 and Annex E)."""

from __future__ import annotations

from typing import Final

DWELL_S: Final = 0.25
"""How long to listen on one: a phone that looks for networks asks on each in turn, and in all for seconds."""


def channel_of(frequency: int) -> int | None:
    """Return the channel whose centre is at `frequency` MHz, if one is."""
    if frequency == 2484:
        return 14
    if frequency == 5935:
        return 2
    for first, last, base in ((2412, 2472, 2407), (4910, 4980, 4000), (5035, 5925, 5000), (5955, 7115, 5950)):
        if first <= frequency <= last:
            number, rest = divmod(frequency - base, 5)
            return None if rest else number
    return None


def frequency_of(channel: int) -> int | None:
    """Return the centre in MHz of a channel of the 2.4 or the 5 GHz band, if there is one."""
    if channel == 14:
        return 2484
    if 1 <= channel <= 13:
        return 2407 + 5 * channel
    if 32 <= channel <= 177:
        return 5000 + 5 * channel
    return None
