"""The `crowd` part of a configuration: read from YAML, and written as it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple
from typing import cast, get_args

from gateway.configuration.config import CrowdCalibration, CrowdLaw, CrowdPlace, CrowdSettings, CrowdSource
from gateway.configuration.configvalues import Ids, get
from rules.document import Node, each

PLACES: tuple[CrowdPlace, ...] = get_args(CrowdPlace)
FIGURES = {
    "per_person": (0.001, 1e6),
    "shape": (0.01, 1000),
    "baseline": (0.01, 1e6),
    "baseline_shape": (0.01, 1000),
    "busiest": (0.5, 100_000),
}

_ADDRESS = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")


def read_crowd(node: Node) -> CrowdSettings:
    """Read how others are counted."""
    keys = node.fields(("fixed", "calibration"), (), "crowd")
    fixed = (
        frozenset(each(keys["fixed"].items("a list of addresses"), _read_address)) if "fixed" in keys else frozenset()
    )
    return CrowdSettings(fixed, get(keys, "calibration", _read_calibration, CrowdCalibration()))


def _read_address(node: Node) -> bytes | None:
    expected = "a device's address such as 02:11:22:33:44:aa"
    raw = node.text(expected)
    if raw is None or _ADDRESS.fullmatch(raw):
        return None if raw is None else bytes.fromhex(raw.replace(":", ""))
    node.unexpected(expected)
    return None


def _read_calibration(node: Node) -> CrowdCalibration:
    keys = node.fields(("version", *PLACES), ("version",), "calibration")
    version = get(keys, "version", Ids().define, None)
    laws = {place: law for place in PLACES if (law := get(keys, place, _read_law, None))}
    return CrowdCalibration(version, laws)


def _read_law(node: Node) -> CrowdLaw | None:
    keys = node.fields(("source", *FIGURES), ("source", *FIGURES), "a calibrated place")
    source = get(keys, "source", lambda node: node.choice(get_args(CrowdSource), "source"), None)
    figures = [keys[name].number(*limits) for name, limits in FIGURES.items() if name in keys]
    known = [figure for figure in figures if figure is not None]
    if source is None or len(known) < len(FIGURES):
        return None
    return CrowdLaw(cast(CrowdSource, source), *known)


def write_crowd(settings: CrowdSettings) -> Iterator[str]:
    """Write the settings as lines of YAML, the key `crowd` included."""
    yield "crowd:"
    if settings.fixed:
        yield "  fixed:"
        yield from (f'    - "{address.hex(":")}"' for address in sorted(settings.fixed))
    if settings.calibration.version is not None:
        yield "  calibration:"
        yield f'    version: "{settings.calibration.version}"'
        for place, law in settings.calibration.laws.items():
            source, *figures = astuple(law)
            pairs = ", ".join(f"{name}: {_plain(figure)}" for name, figure in zip(FIGURES, figures, strict=True))
            yield f"    {place}: {{source: {source}, {pairs}}}"


def _plain(figure: float) -> str:
    return f"{figure:f}".rstrip("0").rstrip(".")
