"""Takes a radio from channel to channel, and makes do where it may not go."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NoReturn

from drivers.channels import frequency_of

SETTLED_S: Final = 10.0
"""Until the channel is set again where there is but one: somebody else may have changed it."""

AGAIN_S: Final = 60.0
"""Until channels that were refused are tried again: the country may have been set meanwhile."""

_STAYS: Final = {
    errno.EBUSY: "another interface of this radio is in use, so the channel is that one's",
    errno.EPERM: "no right to change channels, so the channel stays as it is: the service needs CAP_NET_ADMIN",
    errno.EOPNOTSUPP: "this radio's driver cannot change channels, so the channel stays as it is",
}
"""Errors after which the radio still hears, on a channel that is not of our choosing."""

BUSY_S: Final = 1.0


class Tuner:
    """Visits channels in turn, each for `dwell_s`.

    `tune` sets a centre frequency in MHz or raises OSError. `note` is told once what keeps it from a channel, and the
    empty text when nothing does any more.
    """

    def __init__(
        self,
        tune: Callable[[int], Awaitable[None]],
        channels: Iterable[int],
        dwell_s: float,
        note: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tune = tune
        self._channels = tuple(channels)
        self._dwell_s = dwell_s
        self._note = note
        self._sleep = sleep
        self._noted = ""

    async def run(self) -> NoReturn:
        """Go round until the radio fails; raise its OSError then."""
        while True:
            refused: set[int] = set()
            spent = 0.0
            while spent < AGAIN_S:
                spent += await self._round(refused)

    async def _round(self, refused: set[int]) -> float:
        """Visit each channel that is not refused; return for how long, in seconds, and add those that now are."""
        spent = 0.0
        for channel in self._channels:
            if channel in refused:
                continue
            match await self._trouble(channel):
                case None:
                    stay = self._stay(refused)
                    await self._sleep(stay)
                    spent += stay
                case errno.EINVAL:
                    refused.add(channel)
                case number:
                    self._say(_STAYS[number])
                    await self._sleep(BUSY_S)
                    return spent + BUSY_S
        self._say(self._refusal(refused))
        if not spent:
            await self._sleep(AGAIN_S)
        return spent or AGAIN_S

    async def _trouble(self, channel: int) -> int | None:
        """Set a channel; return the number of the error with which the radio can be lived with, else raise it."""
        try:
            await self._tune(frequency_of(channel) or 0)
        except OSError as error:
            if error.errno != errno.EINVAL and error.errno not in _STAYS:
                raise
            return error.errno
        return None

    def _stay(self, refused: set[int]) -> float:
        return self._dwell_s if len(self._channels) - len(refused) > 1 else SETTLED_S

    def _refusal(self, refused: set[int]) -> str:
        if not refused:
            return ""
        numbers = ", ".join(str(channel) for channel in self._channels if channel in refused)
        rest = "left out" if len(refused) < len(self._channels) else "so the channel stays as it is"
        return f"not allowed here: channel {numbers}, {rest}"

    def _say(self, text: str) -> None:
        if text != self._noted:
            self._noted = text
            self._note(text)
