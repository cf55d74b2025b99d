"""`hushbell replay` of a journal: the events that were committed, or what other rules would have made of the day."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.commandline.lines import complain, refuse, say
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.deciding.decider import Decider
from gateway.deciding.identifiers import Identifiers
from gateway.deciding.inputs import Input
from gateway.events import Outcome
from gateway.journal.difference import Difference, Side, compare_sides, told
from gateway.journal.entries import VERSION, Begun, Entry
from gateway.journal.pages import JournalError, read, seals_of
from gateway.journal.player import Members, Player
from gateway.journal.shop import Shop
from gateway.mqtt.topics import Topics
from gateway.rulebook import make_engine
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.loader import Source
from rules.messages import say_why


class Apart(Identifiers):
    """Names visits apart from all else, so that a visit has the same name whatever rules say in it."""

    __slots__ = ("_visits",)

    def __init__(self, key: bytes, run: bytes) -> None:
        super().__init__(key, run)
        self._visits = Identifiers(key, run + b"visits")

    def visit(self) -> str:
        return self._visits.visit()


class Played:
    """One journal, opened. Raises JournalError and ConfigError."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self.key = key
        first = next(self.entries(), None)
        if not isinstance(first, Begun) or first.version != VERSION:
            raise JournalError(f"{path}: does not begin as a journal of this version does")
        self.begun = first
        self.shop = Shop.of(first)

    def entries(self) -> Iterator[Entry | Input]:
        """Yield what was recorded, in order."""
        for page in read(self._path, seals_of(self.key), complain):
            yield from page

    def player(self, files: Sequence[Source], *, heeds_marks: bool = True) -> Player:
        """Return a player of this journal by rule files."""
        config, members = self.shop.config, Members()
        ids = Identifiers(self.key, self.begun.run) if heeds_marks else Apart(self.key, self.begun.run)
        engine = make_engine(config, self.shop.rules(files))
        decider = Decider(config, engine, members.find, ids, Counter())
        return Player(decider, members, ids, heeds_marks=heeds_marks)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what was decided, once more; tell where it is not what it was."""
        player = self.player(self.shop.files)
        try:
            yield from player.play(self.entries())
        except ValueError as error:
            raise JournalError(f"{self._path}: {error}") from None
        if player.strayed:
            complain(
                f"{self._path}: {player.strayed} steps gave other messages than when they were recorded:"
                " members were erased since, or this version decides otherwise"
            )


def replay_journals(files: Sequence[Path], config_path: Path, new: Path | None, old: Path | None) -> int:
    """Print what journals hold, or with a rule file what it would have made of them; return the exit status."""
    try:
        journals = _open(files, load_config(config_path))
        if new is None:
            for played in journals:
                _print_events(played)
        else:
            _print_difference(list(journals), _source(new), _source(old) if old else None)
    except ConfigError as error:
        refuse(str(error))
        return 2
    except (StoreError, JournalError) as error:
        complain(str(error))
        return 2
    return 0


def _open(files: Sequence[Path], config: Config) -> Iterator[Played]:
    key = asyncio.run(_gateway_key(config.gateway.state))
    for file in files:
        yield Played(file, key)


async def _gateway_key(state: Path) -> bytes:
    store = await Store.open_readonly(state)
    if store is None:
        raise JournalError(f"{state}: there is no gateway here whose journal this could be")
    try:
        return store.gateway_key
    finally:
        await store.close()


def _print_events(played: Played) -> None:
    """Print the events of a journal, a JSON object a line."""
    config = played.shop.config
    source = Topics(config.store.id, config.gateway.id).source
    for outcome in played.outcomes():
        for event in outcome.events:
            say(event.body(source, config.store.timezone).decode())


def _print_difference(journals: Sequence[Played], new: Source, old: Source | None) -> None:
    """Print which alerts and offers other rules would add and lose."""
    found = Difference()
    for played in journals:
        recorded = played.shop.files
        before = [old] if old else recorded
        found.add(_compare(played, before, [new] if old else _replaced(recorded, new), is_fixed=old is not None))
    for line in told(found, journals[0].shop.config.store.timezone, journals[0].key):
        say(line)


def _source(file: Path) -> Source:
    try:
        return Source(str(file), file.read_bytes())
    except OSError as error:
        raise JournalError(f"{file}: {say_why(error)}") from error


def _compare(played: Played, before: Sequence[Source], after: Sequence[Source], *, is_fixed: bool) -> Difference:
    recorded = Side(played.player(played.shop.files), is_fixed=False)
    one = Side(played.player(before, heeds_marks=False), is_fixed=is_fixed)
    other = Side(played.player(after, heeds_marks=False), is_fixed=True)
    return compare_sides(played.entries(), recorded, one, other)


def _replaced(files: Sequence[Source], new: Source) -> list[Source]:
    """Put a rule file in the place of the recorded one of its name, else behind them all."""
    name = Path(new.file).name
    if name not in {Path(file.file).name for file in files}:
        return [*files, new]
    return [new if Path(file.file).name == name else file for file in files]
