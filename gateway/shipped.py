"""Where the files that come with Hushbell are: shipped rules, the configuration to start from, the demo's."""

from __future__ import annotations

import sysconfig
from pathlib import Path


def shipped_folder() -> Path:
    """Return the folder of shipped files: `config/` beside a source tree's packages, else `share/hushbell`.

    A source tree goes first, so that code and files are always of one age.
    """
    beside = Path(__file__).resolve().parent.parent / "config"
    return next((folder for folder in (beside, *_installed()) if _is_ours(folder)), beside)


def _installed() -> list[Path]:
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    return [Path(sysconfig.get_path("data", scheme)) / "share" / "hushbell" for scheme in schemes]


def _is_ours(folder: Path) -> bool:
    return (folder / "hushbell.yaml").is_file()


def start_file() -> Path:
    """Return the configuration that a new shop starts from."""
    return shipped_folder() / "hushbell.yaml"


def shipped_rules() -> dict[str, Path]:
    """Return the file of each shipped rule by the name that `rules:` calls it, in the order of the alphabet."""
    files = sorted((shipped_folder() / "rules").glob("*.yaml"))
    return {file.stem: file for file in files if not file.name.endswith(".test.yaml")}
