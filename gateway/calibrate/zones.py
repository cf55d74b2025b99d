"""`hushbell calibrate`: from a walk with a tag to the levels that tell the zones apart, as a change to accept."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from drivers.captures import CaptureError
from gateway.calibrate.amend import AmendError, put_in_place, with_levels
from gateway.calibrate.levels import hears, propose
from gateway.calibrate.marks import MarksError, read_marks
from gateway.calibrate.proposal import diff
from gateway.calibrate.report import report
from gateway.calibrate.survey import Frame, Survey
from gateway.calibrate.walk import WalkError, walk
from gateway.commandline.lines import complain, refuse, say
from gateway.commandline.replay import ReplayError, merged
from gateway.configuration.config import Config, Zone
from gateway.configuration.configfile import ConfigError, load_config
from gateway.control import ControlError
from gateway.membership.enrolment import CARDS
from rules.messages import say as told

MOST_FRAMES = 1_000_000


class TagError(Exception):
    """Which tag the installer carried cannot be told; the text is one line for the user."""


def calibrate_zones(given: Namespace) -> int:
    """Lead through a walk or read a recorded one, and propose levels; return the exit status."""
    try:
        before = given.config.read_bytes() if given.config.is_file() else b""
        config = load_config(given.config)
        receivers = _receivers(config)
        _tell_left_out(config, receivers)
        survey = _recorded(config, receivers, given) if given.heard else _walked(config, receivers, given)
        zones = propose(config.zones, survey, receivers)
        for line in report(config.zones, zones, survey, receivers):
            _tell(line)
        return _offer(config, before, zones, yes=given.yes)
    except ConfigError as error:
        refuse(str(error))
    except (AmendError, CaptureError, ControlError, MarksError, ReplayError, TagError, WalkError) as error:
        complain(str(error))
    return 2


def _tell(line: str) -> None:
    """Write a line for the installer: standard output is the patch's where it does not go to a terminal."""
    say(line, sys.stdout if sys.stdout.isatty() else sys.stderr)


def _receivers(config: Config) -> list[str]:
    """Return the receivers that hear tags and hold zones by level."""
    found = [
        receiver.id
        for receiver in config.receivers
        if receiver.driver in ("ble", "simulator") and any(hears(zone, receiver.id) for zone in config.zones)
    ]
    if not found:
        raise TagError(told("no Bluetooth receiver holds a zone by its level, so there is nothing to calibrate"))
    return found


def _tell_left_out(config: Config, receivers: Sequence[str]) -> None:
    for zone in config.zones:
        if not any(hears(zone, receiver) for receiver in receivers):
            _tell(told("{zone} is held by no Bluetooth level and is left as it is", zone=zone.id))


def _walked(config: Config, receivers: Sequence[str], given: Namespace) -> Survey:
    at = given.receiver or receivers[0]
    if at not in receivers:
        raise TagError(told("no receiver {receiver!r} is configured", receiver=at))
    return walk(config.gateway.state, config.zones, receivers, at, given.seconds, _tell)


def _recorded(config: Config, receivers: Sequence[str], given: Namespace) -> Survey:
    if given.marks is None:
        raise MarksError(told("--heard needs --marks FILE, which says when you stood where"))
    stands = read_marks(given.marks, [zone.id for zone in config.zones], config.store.timezone)
    since, until = min(stand.since for stand in stands), max(stand.until for stand in stands)
    never = {receiver.reference.identity for receiver in config.receivers if receiver.reference}
    tags: dict[bytes, list[Frame]] = defaultdict(list)
    for count, sighting in enumerate(_cards(given.heard, config, given.receiver), 1):
        if count > MOST_FRAMES:
            raise TagError(told("more than {most} frames of tags were recorded, name fewer files", most=MOST_FRAMES))
        t, identity, frame = sighting
        if since <= t < until and identity not in never and frame.receiver in receivers:
            tags[identity].append(frame)
    return Survey(_choose(tags, given.tag), stands)


def _cards(files: Sequence[Path], config: Config, receiver: str | None) -> Iterator[tuple[float, bytes, Frame]]:
    for sighting in merged(files, config, receiver):
        if sighting.kind in CARDS and sighting.rssi is not None:
            yield sighting.t, sighting.identity, Frame(sighting.t, sighting.receiver, sighting.rssi)


def _choose(tags: dict[bytes, list[Frame]], named: str | None) -> list[Frame]:
    """Return the frames of the installer's tag: the one that is named, or the only one."""
    if named is not None:
        return tags.get(_identity(named), [])
    if len(tags) > 1:
        raise TagError(told("{count} tags were heard at these times, name yours with --tag", count=len(tags)))
    return next(iter(tags.values()), [])


_TAG = re.compile(r"([0-9a-fA-F-]{32,36})/(\d{1,5})/(\d{1,5})", re.ASCII)
_HEX = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40})", re.ASCII)


def _identity(text: str) -> bytes:
    """Read a tag's identity: an iBeacon's UUID/MAJOR/MINOR, or the hex digits of another beacon's id."""
    beacon = _TAG.fullmatch(text)
    digits = beacon[1].replace("-", "") if beacon else text
    numbers = [int(beacon[2]), int(beacon[3])] if beacon else []
    if not _HEX.fullmatch(digits) or any(number > 0xFFFF for number in numbers):
        raise TagError(told("--tag: expected UUID/MAJOR/MINOR, or an AltBeacon's or Eddystone's id in hex digits"))
    return bytes.fromhex(digits) + b"".join(number.to_bytes(2) for number in numbers)


def _offer(config: Config, before: bytes, zones: Sequence[Zone], *, yes: bool) -> int:
    """Show what to change, and change it where the installer says yes."""
    after = with_levels(before, zones)
    if after is None:
        _tell(told("put these levels into the configuration by hand:"))
        for zone in zones:
            _tell(f"  {zone.id}: " + ", ".join(f"{h.receiver} {h.at_least} {h.offset:+g}" for h in zone.hear))
        return 1
    if after == before:
        _tell(told("The levels are right as they are."))
        return 0
    say(diff(config.path, before.decode(), after.decode()).rstrip("\n"))
    if not yes and not (sys.stdout.isatty() and _agrees()):
        _tell(told("Nothing was written."))
        return 0
    kept = put_in_place(config.path, before, after)
    _tell(told("Written; the old file is kept as {kept}. Restart the daemon to use it.", kept=kept))
    return 0


def _agrees() -> bool:
    _tell(told("Write this into the configuration? [y/N]"))
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是", "好")
