"""The rules in force: the files that the configuration names, or what the back end put in their place.

What the back end puts lies under `rules/` in the state folder: a file of a name that the configuration names stands for
that one, and any other comes after those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError
from gateway.contract.commands import RuleFile
from rules.document import Fault, Faults
from rules.engine import Engine
from rules.loader import Source, load_sources, read_bytes
from rules.model import Alert, Rule

FOLDER = "rules"
BEFORE = "in-force.json"
MOST_PUT = 50
SHOWN_OF_VERSION = 16
NOTHING: Final[Mapping[Path, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rule files with their contents, as they are named in faults and decisions, and the rules in them."""

    sources: tuple[Source, ...]
    rules: tuple[Rule, ...]
    refused: tuple[Fault, ...] = ()
    """What is wrong with files of the configuration, in whose place stands what was in force before."""

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """The files' names and texts."""
        return tuple((source.file, source.raw.decode("utf-8-sig")) for source in self.sources)

    @property
    def files(self) -> list[Path]:
        return [Path(source.file) for source in self.sources]

    @property
    def version(self) -> str:
        """The beginning of the SHA-256 of all that is in force, in hex."""
        whole = sha256()
        for source in self.sources:
            whole.update(Path(source.file).name.encode() + b"\0" + sha256(source.raw).digest())
        return whole.hexdigest()[:SHOWN_OF_VERSION]

    @property
    def actions(self) -> dict[str, str]:
        """What each rule does: alert or offer."""
        return {rule.name: "alert" if isinstance(rule.action, Alert) else "offer" for rule in self.rules}

    @property
    def groups(self) -> set[str]:
        """The groups that rules alert."""
        return {rule.action.group for rule in self.rules if isinstance(rule.action, Alert)}

    def told(self) -> list[RuleFile]:
        """Return the files as `rules.get` gives them."""
        return [
            RuleFile(
                file=Path(source.file).name,
                sha256=sha256(source.raw).hexdigest(),
                rules=[rule.name for rule in self.rules if rule.file == source.file],
                text=source.raw.decode("utf-8-sig"),
            )
            for source in self.sources
        ]


def as_sources(texts: Iterable[tuple[str, str]]) -> list[Source]:
    """Return names and texts as files."""
    return [Source(file, text.encode()) for file, text in texts]


def make_engine(config: Config, rules: Sequence[Rule]) -> Engine:
    """Give rules the policy of a shop."""
    quiet_hours, privacy = config.staff.quiet_hours, config.privacy
    quiet = quiet_hours.include if quiet_hours else None
    return Engine(rules, privacy.private_attributes, quiet, privacy.private_offers)


def make_rulebook(config: Config, sources: Sequence[Source], refused: Iterable[Fault] = ()) -> Rulebook:
    """Read rule files for a shop. Raises ConfigError with all that is wrong."""
    faults = Faults()
    groups, zones = {group.id for group in config.staff.groups}, {zone.id for zone in config.zones}
    rules = load_sources(sources, faults, groups, zones)
    if faults.errors():
        raise ConfigError(sorted(faults.errors()))
    return Rulebook(tuple(sources), tuple(rules), tuple(refused))


def read_rulebook(config: Config) -> Rulebook:
    """Read what is to be in force, as it lies on the disk now. Raises ConfigError with all that is wrong."""
    return make_rulebook(config, _sources(config, frozenset(), {}))


def rules_in_force(config: Config, before: Mapping[Path, bytes] = NOTHING) -> tuple[Rulebook, list[Fault]]:
    """Read the rules that a gateway begins with, and what is wrong with files that are not taken as they lie.

    Of what the back end put, that which does not fit the configuration any more is left aside. In the place of a file
    of the configuration stands what was in force `before`. Raises ConfigError where nothing does.
    """
    put = frozenset(put_files(config.gateway.state))
    aside: set[Path] = set()
    faults: dict[Fault, None] = {}
    while True:
        try:
            refused = [fault for fault in faults if Path(fault.file) in before]
            return make_rulebook(config, _sources(config, aside, before), refused), [*faults]
        except ConfigError as error:
            faults |= dict.fromkeys(fault for fault in error.faults if Path(fault.file) not in aside)
            wrong = {Path(fault.file) for fault in error.faults}
            left = (put | before.keys()) - aside
            more = wrong & left or put & left
            if not more:
                raise ConfigError(faults) from None
            aside |= more


def load_before(state: Path) -> dict[Path, bytes]:
    """Return the configuration's rule files as they were last in force; none where that is not known."""
    try:
        texts = msgspec.json.decode((state / FOLDER / BEFORE).read_bytes(), type=dict[str, str])
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return {}
    return {Path(file): text.encode() for file, text in texts.items()}


def before_as_json(config: Config, book: Rulebook) -> str:
    """Write what `load_before` reads, for a start at which a file is at fault."""
    files = {str(file) for file in config.rule_files}
    return msgspec.json.encode({file: text for file, text in book.texts if file in files}).decode()


def put_files(state: Path) -> list[Path]:
    """Return what the back end put, in the order of names."""
    return sorted((state / FOLDER).glob("*.yaml"))


def _sources(config: Config, aside: Collection[Path], before: Mapping[Path, bytes]) -> list[Source]:
    """Read all files, but for those `aside`: in their place stands what was in force `before`, or nothing."""
    put = {file.name: file for file in put_files(config.gateway.state) if file not in aside}
    files = [put.pop(file.name, file) for file in config.rule_files]
    return _read([*files, *put.values()], {file: raw for file, raw in before.items() if file in aside})


def _read(files: Iterable[Path], instead: Mapping[Path, bytes] = NOTHING) -> list[Source]:
    faults = Faults()
    raws = ((file, instead[file] if file in instead else read_bytes(file, faults)) for file in files)
    found = [Source(str(file), raw) for file, raw in raws if raw is not None]
    if faults.errors():
        raise ConfigError(faults.errors())
    return found


def changed(book: Rulebook, name: str, text: str | None, put: Path, configured: Sequence[Path]) -> list[Source]:
    """Return the files as they would be with a text in the place of one, or without what was put in its place.

    Raises ConfigError where more would be put than is taken.
    """
    sources = [source for source in book.sources if Path(source.file).name != name]
    place = next((i for i, source in enumerate(book.sources) if Path(source.file).name == name), len(sources))
    if text is not None:
        sources.insert(place, Source(str(put), text.encode()))
    elif original := next((file for file in configured if file.name == name), None):
        sources[place:place] = _read([original])
    if len(sources) > len(configured) + MOST_PUT:
        raise ConfigError([Fault(name, 0, 0, f"there are {MOST_PUT} rule files beside the configuration's already")])
    return sources
