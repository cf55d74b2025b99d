"""A shop's files for tests: a whole configuration that one part can be changed in, and shipped rules to go with it."""

from __future__ import annotations

from pathlib import Path

SIX_LINES = {
    "store": "{id: lilac-01, timezone: Asia/Shanghai}",
    "gateway": "{id: door-pi}",
    "mqtt": '{url: "mqtt://127.0.0.1"}',
    "receivers": "[{id: door, driver: ble}]",
    "zones": "[{id: pavement, kind: outside, hear: [{receiver: door, at_least: -88}]}, "
    "{id: entrance, kind: door, hear: [{receiver: door, at_least: -70}]}]",
    "rules": "[returning-member, window-regular, window-occasional]",
}

RULE = """\
- name: {name}
  on: {on}
  alert: {{group: floor, text: '{{greeting}}'}}
"""


def six_lines(**changes: str) -> str:
    """Return the configuration of a new shop with some of its lines changed, added, or (empty) left out."""
    return "".join(f"{key}: {value}\n" for key, value in (SIX_LINES | changes).items() if value)


def write_rules(folder: Path, **triggers: str) -> dict[str, Path]:
    """Write a small rule file for each name, and return them as the shipped ones."""
    folder.mkdir(exist_ok=True)
    files = {name.replace("_", "-"): folder / f"{name.replace('_', '-')}.yaml" for name in triggers}
    for (name, file), on in zip(files.items(), triggers.values(), strict=True):
        file.write_text(RULE.format(name=name, on=on), encoding="utf-8")
    return files
