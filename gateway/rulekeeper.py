"""Changes the rules of a running gateway: whole or not at all, and what runs goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.conductor import Conductor
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError
from gateway.contract.reading import RefusedError
from gateway.folders import settle
from gateway.rulebook import BEFORE, FOLDER, Rulebook, before_as_json, changed, make_rulebook, rules_in_force

if TYPE_CHECKING:
    from drivers.driver import Clock

log = logging.getLogger("hushbell")

MOST_FAULTS_TOLD = 5


class RuleKeeper:
    """Holds the rules in force; `tell` is called with those that come into force."""

    def __init__(
        self, config: Config, book: Rulebook, conductor: Conductor, clock: Clock, tell: Callable[[Rulebook], None]
    ) -> None:
        self.book = book
        self._config = config
        self._conductor = conductor
        self._clock = clock
        self._tell = tell
        self._changing = asyncio.Lock()

    async def reload(self) -> None:
        """Read the files anew; where anything is wrong, say what, and leave all as it is.

        What the back end put and does not fit any more is left aside, as at the start.
        """
        async with self._changing:
            try:
                book, aside = await asyncio.to_thread(rules_in_force, self._config)
            except ConfigError as error:
                for fault in error.faults:
                    log.error("%s", fault)
                log.error("the rules stay as they are, version %s", self.book.version)
                self.book = replace(self.book, refused=error.faults)
                self._tell(self.book)
                return
            for fault in aside:
                log.error("%s", fault)
            await self._enforce(book)

    async def put(self, name: str, text: str | None) -> Rulebook:
        """Put a text in the place of a rule file, or take it away again; return what is in force then.

        Raises RefusedError, and leaves all as it is, where anything is wrong.
        """
        async with self._changing:
            file = self._config.gateway.state / FOLDER / name
            try:
                sources = changed(self.book, name, text, file, self._config.rule_files)
                refused = [fault for fault in self.book.refused if Path(fault.file).name != name]
                book = await asyncio.to_thread(make_rulebook, self._config, sources, refused)
            except ConfigError as error:
                folders = {each.parent for each in (file, *self._config.rule_files)}
                raise RefusedError("invalid", "text", _told(error, folders)) from None
            try:
                await asyncio.to_thread(_keep, file, text)
            except OSError as error:
                raise RefusedError("internal", "", f"the file cannot be kept: {error.strerror}") from None
            await self._enforce(book)
            return book

    async def _enforce(self, book: Rulebook) -> None:
        self.book = book
        self._conductor.settle(self._conductor.core.change_rules(self._clock(), book))
        self._tell(book)
        log.info("%d rules are in force, version %s", len(book.rules), book.version)
        await self.keep()

    async def keep(self) -> None:
        """Write down what is in force, for a start at which a file is at fault."""
        try:
            text = before_as_json(self._config, self.book)
            await asyncio.to_thread(_keep_changed, self._config.gateway.state / FOLDER / BEFORE, text)
        except OSError as error:
            log.error("the rules in force cannot be kept: %s", error.strerror)


def _told(error: ConfigError, folders: Iterable[Path]) -> str:
    """Write the first faults for a back end, which knows rule files by their names alone."""
    told = "; ".join(map(str, error.faults[:MOST_FAULTS_TOLD]))
    for folder in sorted(folders, reverse=True):  # the inner ones first
        told = told.replace(f"{folder}/", "")
    return told


def _keep_changed(file: Path, text: str) -> None:
    """Keep a text where it is another one: memory cards wear."""
    if not file.exists() or file.read_bytes() != text.encode():
        _keep(file, text)


def _keep(file: Path, text: str | None) -> None:
    """Write a file so that it is there whole, also after a power cut, or take it away."""
    if text is None:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
            settle(file.parent)
        return
    file.parent.mkdir(mode=0o700, exist_ok=True)
    begun = file.with_suffix(".new")
    with os.fdopen(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    begun.rename(file)
    settle(file.parent)
