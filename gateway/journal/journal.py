"""The journals of a run: what the recorder gathers is written before what it led to is committed."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from datetime import date, datetime
from itertools import count

from gateway import clock
from gateway.configuration.config import Config
from gateway.deciding.inputs import Input
from gateway.events import Outcome
from gateway.journal.entries import Entry
from gateway.journal.pages import FOLDER, Pages, name_of, seals_of
from gateway.journal.recorder import Recorder

Texts = tuple[tuple[str, str], ...]
"""Rule files by name."""

log = logging.getLogger("hushbell")

EVERY_S = 10.0
MOST_WAITING = 4096  # lines, of 16 bytes and more
AGAIN_S = 600.0
"""How long after the disk refused a journal is begun anew."""


class Journal:
    """Writes the journals of one run. Where the disk refuses, nothing is recorded until one can be begun again.

    What happened meanwhile is in no journal. The next one begins as after a restart, and says whether somebody was
    there.
    """

    def __init__(
        self, config: Config, run: int, gateway_key: bytes, recorder: Recorder, rules: Callable[[], Texts]
    ) -> None:
        self._config = config
        self._rules = rules  # in force
        self._run = run
        self._seals = seals_of(gateway_key)
        self._recorder = recorder
        self._pages: Pages | None = None
        self._is_writing = False
        self._day = date.min
        self._t = -math.inf  # the time that was reached
        self._refused: float | None = None  # when the disk did

    def begin(self, t: float) -> None:
        """Begin a journal of the day of `t`."""
        self._t, self._day = t, self._date(t)
        try:
            text = self._config.path.read_text(encoding="utf-8")
            self._pages = self._open()
        except (OSError, ValueError) as error:
            self._give_up(error)
            return
        if self._refused is not None:
            log.info("a journal is begun again")
        self._refused = None
        self._recorder.open(t, self._run.to_bytes(8, "big"), text, self._rules())

    def _open(self) -> Pages:
        state = self._config.gateway.state
        names = (name_of(self._run, self._day, part) for part in count(1))
        return Pages(state, next(name for name in names if not (state / FOLDER / name).exists()), self._seals)

    def _date(self, t: float) -> date:
        return datetime.fromtimestamp(t, self._config.store.timezone).date()

    def keep(self, outcome: Outcome) -> None:
        """Take what was decided; nothing waits for long."""
        self._recorder.keep(outcome)
        if self._recorder.waiting >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits, unless a page is being written, or the journal anew: then it waits on."""
        try:
            if self._pages and not self._is_writing and not self._pages.is_busy():
                _write(self._pages, self._recorder.take_lines())
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if self._refused is None:
            log.error("nothing is recorded for now: the journal cannot be written: %s", _why(error))
        if self._pages:
            self._pages.leave()
        self._pages, self._refused = None, self._t
        self._recorder.close()

    async def settled(self) -> None:
        """Write what waits, so that it outlasts a power cut."""
        if self._pages is None:
            return
        lines, pages = self._recorder.take_lines(), self._pages
        self._is_writing = True
        try:
            await asyncio.to_thread(_write_through, pages, lines)
        except OSError as error:
            self._give_up(error)
        finally:
            self._is_writing = False

    async def run(self) -> None:
        """Write every few seconds, and begin anew each day, when nobody is there; a day later whoever is there."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.flush()
            self.turn(clock.wall())

    def turn(self, t: float) -> None:
        """Begin another journal where it is time, also by a clock that was set back."""
        self._t = t
        if self._recorder.waiting == 0 and (self._is_another_day(t) or self._is_to_try_again(t)):
            self.begin(t)

    def _is_another_day(self, t: float) -> bool:
        days = abs((self._date(t) - self._day).days)
        return days > 1 or (days == 1 and self._recorder.is_quiet(t))

    def _is_to_try_again(self, t: float) -> bool:
        return self._refused is not None and abs(t - self._refused) >= AGAIN_S


def _write(pages: Pages, lines: list[Entry | Input]) -> None:
    if lines:
        pages.append(lines)


def _write_through(pages: Pages, lines: list[Entry | Input]) -> None:
    _write(pages, lines)
    pages.settle()


def _why(error: Exception) -> str:
    return str(error.strerror) if isinstance(error, OSError) else type(error).__name__
