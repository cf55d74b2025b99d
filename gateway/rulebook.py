"""The rules in force: the files that the configuration names, or what the back end put in their place.

What the back end puts lies under `rules/` in the state folder: a file of a name that the configuration names stands for
that one, and any other comes after those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.config import Config
from gateway.configfile import ConfigError
from gateway.contract.commands import RuleFile
from rules.document import Fault, Faults
from rules.engine import Engine
from rules.loader import Source, load_sources, read_bytes
from rules.model import Alert, Rule

FOLDER = "rules"
MOST_PUT = 50
SHOWN_OF_VERSION = 16


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rule files with their contents, as they are named in faults and decisions, and the rules in them."""

    sources: tuple[Source, ...]
    rules: tuple[Rule, ...]

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


def make_rulebook(config: Config, sources: Sequence[Source]) -> Rulebook:
    """Read rule files for a shop. Raises ConfigError with all that is wrong."""
    faults = Faults()
    groups, zones = {group.id for group in config.staff.groups}, {zone.id for zone in config.zones}
    rules = load_sources(sources, faults, groups, zones)
    if faults.errors():
        raise ConfigError(sorted(faults.errors()))
    return Rulebook(tuple(sources), tuple(rules))


def read_rulebook(config: Config, aside: Collection[Path] = ()) -> Rulebook:
    """Read what is to be in force, as it lies on the disk now, but for what the back end put in the files `aside`.

    Raises ConfigError with all that is wrong.
    """
    put = {file.name: file for file in put_files(config.gateway.state) if file not in aside}
    files = [put.pop(file.name, file) for file in config.rule_files]
    return make_rulebook(config, _read([*files, *put.values()]))


def rules_in_force(config: Config) -> tuple[Rulebook, list[Fault]]:
    """Read the rules that a gateway begins with, and why some are left aside: of what the back end put, that which does
    not fit the configuration any more. Raises ConfigError where the configuration's own are wrong.
    """
    put, faults = put_files(config.gateway.state), list[Fault]()
    aside: set[Path] = set()
    while True:
        try:
            return read_rulebook(config, aside), faults
        except ConfigError as error:
            if aside.issuperset(put):
                raise
            faults += error.faults
            aside |= {file for file in put if any(fault.file == str(file) for fault in error.faults)} or set(put)


def put_files(state: Path) -> list[Path]:
    """Return what the back end put, in the order of names."""
    return sorted((state / FOLDER).glob("*.yaml"))


def _read(files: Iterable[Path]) -> list[Source]:
    faults = Faults()
    found = [Source(str(file), raw) for file in files if (raw := read_bytes(file, faults)) is not None]
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
