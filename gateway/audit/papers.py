"""The notice, the sign and the impact assessment, written from the configuration; and whether they still fit it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway import clock
from gateway.configuration.config import Config
from gateway.events import rfc3339
from gateway.mqtt.address import parse_url
from gateway.shipped import shipped_folder
from rules.messages import say

PAPERS: Final = ("notice", "sign", "assessment")
LANGUAGES: Final = ("zh", "en")
FILE: Final = "papers.json"
DAY_S: Final = 86400.0


def written(config: Config, paper: str, languages: Sequence[str]) -> str:
    """Return a paper in some languages, one below the other."""
    return "\n\n".join(_written(config, paper, language) for language in languages)


def _written(config: Config, paper: str, language: str) -> str:
    """Fill a template in; a paragraph that begins with `[word]` stands only where the configuration has that."""
    text = (shipped_folder() / "consent" / f"{paper}.{language}.txt").read_text(encoding="utf-8")
    features = frozenset(_features(config))
    values = _values(config, language)
    paragraphs = (_chosen(paragraph, features) for paragraph in text.strip().split("\n\n"))
    return "\n\n".join(paragraph.format(**values) for paragraph in paragraphs if paragraph)


def _chosen(paragraph: str, features: frozenset[str]) -> str:
    if not paragraph.startswith("["):
        return paragraph
    words, _, rest = paragraph[1:].partition("]")
    return rest.lstrip() if features.intersection(words.split("|")) else ""


def _features(config: Config) -> Iterator[str]:
    """Yield the words for what the configuration makes the gateway do."""
    drivers = {receiver.driver for receiver in config.receivers}
    yield from sorted(drivers - {"simulator"})
    if "simulator" in drivers:
        yield from ("ble", "wifi")
    if any(zone.kind in ("inside", "shelf") for zone in config.zones):
        yield "inside"
    if any(zone.kind == "outside" for zone in config.zones):
        yield "outside"
    if config.privacy.private_addresses:
        yield "private-addresses"
    if config.record:
        yield "record"
    if not all(parse_url(url).is_local for url in config.mqtt.urls):
        yield "remote-broker"
    if config.mqtt.home_assistant:
        yield "home-assistant"


def _values(config: Config, language: str) -> dict[str, str]:
    privacy = config.privacy
    comma = "、" if language == "zh" else ", "
    return {
        "shop": config.store.name or config.store.id,
        "store": config.store.id,
        "gateway": config.gateway.id,
        "visits": f"{privacy.visits_s / DAY_S:g}",
        "alerts": f"{privacy.alerts_s / DAY_S:g}",
        "inactive": f"{privacy.inactive_member_s / DAY_S:g}",
        "minimum": str(privacy.minimum_count),
        "zones": comma.join(zone.name or zone.id for zone in config.zones),
        "groups": comma.join(group.id for group in config.staff.groups),
        "brokers": comma.join(str(parse_url(url)) for url in config.mqtt.urls),
        "private": comma.join(sorted(privacy.private_attributes)) or "-",
        "rules": comma.join(file.stem for file in config.rule_files) or "-",
    }


def digest(config: Config, paper: str) -> str:
    """Return what changes with whatever a paper says."""
    return sha256(written(config, paper, LANGUAGES).encode()).hexdigest()


def note(config: Config, paper: str) -> None:
    """Remember that a paper was written from this configuration. Raises OSError."""
    folder = config.gateway.state
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    noted = _noted(folder) | {paper: {"digest": digest(config, paper), "at": _now(config)}}
    made = folder / f".{FILE}"
    file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        if os.geteuid() == 0:
            owner = folder.stat()
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
        stream.write(json.dumps(noted))
    made.replace(folder / FILE)


def drift(config: Config) -> list[str]:
    """Return a line for each paper that was written and does not say any more what the configuration does."""
    noted = _noted(config.gateway.state)
    text = "the {paper} of {at} does not match the configuration any more; write it anew: hushbell audit {name}"
    return [
        say(text, paper=say(name), at=noted[name]["at"], name=name)
        for name in PAPERS
        if name in noted and noted[name]["digest"] != digest(config, name)
    ]


def _noted(folder: Path) -> dict[str, dict[str, str]]:
    try:
        value = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    entries = value.items() if isinstance(value, dict) else ()
    return {name: entry for name, entry in entries if isinstance(entry, dict) and {"digest", "at"} <= set(entry)}


def _now(config: Config) -> str:
    return rfc3339(clock.wall(), config.store.timezone)
