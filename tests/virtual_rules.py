"""Rules made in a line, from the YAML that an installer would write."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rules.document import Faults
from rules.loader import load_rules
from rules.model import Rule

ALERT = "alert: {group: floor, text: '{greeting}'}"
OFFER = "offer: {id: new-arrivals}"


def load(text: str, name: str = "our-rules.yaml") -> tuple[list[Rule], list[str]]:
    """Load one file's rules; give them and its faults, written `line:column: message`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        faults = Faults()
        rules = load_rules([path], faults, known_groups=["floor", "designers"], known_zones=["entrance", "shoes"])
        return rules, [_relative(str(fault), path) for fault in sorted(faults.found)]


def _relative(fault: str, path: Path) -> str:
    return fault.replace(f"{path.parent}/", "").removeprefix(f"{path.name}:")


def rules(*lines: str) -> list[Rule]:
    """Make rules of lines such as `on: arrived, alert: {...}`; the first is called r1."""
    text = "".join(f"- {{name: r{number}, {line}}}\n" for number, line in enumerate(lines, 1))
    made, faults = load(text)
    assert not faults, faults
    return made
