"""The shop that a journal was recorded in: its configuration and rules, from the texts that the journal begins with."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.configuration.config import Config
from gateway.configuration.configfile import load_config
from gateway.journal.entries import Begun
from gateway.rulebook import as_sources, make_rulebook
from rules.loader import Source
from rules.model import Rule


@dataclass(frozen=True, slots=True)
class Shop:
    """What decisions were made by. `files` are the rule files as they were."""

    config: Config
    files: tuple[Source, ...]

    @classmethod
    def of(cls, begun: Begun) -> Shop:
        """Read what a journal begins with. Raises ConfigError."""
        files = tuple(as_sources(begun.rules))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file in files:  # the configuration names them
                (folder / Path(file.file).name).write_bytes(file.raw)
            (folder / "hushbell.yaml").write_text(begun.config, encoding="utf-8")
            return cls(load_config(folder / "hushbell.yaml"), files)

    def rules(self, files: Sequence[Source]) -> Sequence[Rule]:
        """Read rule files for this shop. Raises ConfigError."""
        return make_rulebook(self.config, files).rules
