"""YAML to `Config`: every key with its type and default, every fault of the file at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from gateway.configuration.config import (
    Config,
    CrowdSettings,
    Gateway,
    Group,
    Language,
    Mqtt,
    Privacy,
    Role,
    Staff,
    Store,
)
from gateway.configuration.configvalues import (
    Ids,
    get,
    is_file,
    is_off,
    is_open_to_others,
    read_attribute,
    read_broker_urls,
    read_file_beside,
    read_hours,
    read_namespace,
    read_offer,
    read_path,
    read_text,
    read_timezone,
)
from gateway.configuration.layout import Layout
from gateway.crowd.settings import read_crowd
from gateway.guest.settings import read_guest
from gateway.mqtt.address import Address, parse_url
from gateway.shipped import shipped_folder, shipped_rules, start_file
from rules.document import Fault, Faults, Node, did_you_mean, each, read_document, read_duration
from rules.limits import MOST, Caps
from rules.loader import load_rules
from rules.messages import say, say_why
from rules.model import Rule

KEYS = (
    "store",
    "gateway",
    "beacons",
    "mqtt",
    "receivers",
    "zones",
    "rules",
    "staff",
    "caps",
    "privacy",
    "presence",
    "crowd",
    "guest",
    "record",
)
PRIVACY_KEYS = (
    "visits",
    "alerts",
    "journal",
    "inactive_member",
    "minimum_count",
    "private_attributes",
    "private_offers",
    "private_addresses",
)
CAPS = {
    "alerts_per_day": "a whole number of unsolicited alerts a day",
    "alerts_per_week": "a whole number of unsolicited alerts a week",
    "offers_per_day": "a whole number of offers a day",
    "offers_per_week": "a whole number of offers a week",
    "answers_per_day": "a whole number of answers a day",
}
"""What each cap counts, for one member."""
_MQTT_FILES = ("username_file", "password_file", "ca_file", "cert_file", "key_file")
REQUIRED = ("store", "gateway", "mqtt", "receivers", "zones")
DEFAULT_RULES = ("returning-member", "window-regular", "window-occasional")

HOUR_S, DAY_S = 3600.0, 86400.0
LEAVE_AFTER_S = 120.0
LEAVE_AFTER_LIMITS_S = (1.0, 12 * HOUR_S)
RETENTION_LIMITS_S = (HOUR_S, 3600 * DAY_S)
JOURNAL_LIMITS_S = (DAY_S, 3600 * DAY_S)
MINIMUM_COUNTS = (10, 1000)
"""Fewer than ten people are never counted in the open, whatever a file says."""


class ConfigError(Exception):
    """A configuration that cannot be used; its text is one line for each fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a configuration; `config` is None where anything in it is at fault.

    `rule_files` are as the file names them, and `named` tells where, unless they are the default ones.
    """

    config: Config | None
    rule_files: tuple[Path, ...]
    named: Mapping[str, Node]
    groups: frozenset[str]
    zones: frozenset[str]


def load_config(path: Path) -> Config:
    """Read a configuration. Raises ConfigError with all that is wrong, a missing file included."""
    faults = Faults()
    config = read_config(path, faults)
    if config is None:
        raise ConfigError(sorted(faults.errors()))
    return config


def read_config(path: Path, faults: Faults) -> Config | None:
    """Read a configuration; None when it is at fault. What is doubtful goes to `faults` as warnings."""
    reading = read_config_file(path, faults)
    return reading.config if reading else None


def read_rules(reading: Reading, faults: Faults) -> list[Rule]:
    """Read the rules of a configuration, also of one that is at fault elsewhere."""
    return load_rules(reading.rule_files, faults, reading.groups, reading.zones or None)


def read_config_file(path: Path, faults: Faults) -> Reading | None:
    """Read as much of a configuration as can be read; None when there is nothing to read."""
    try:
        root = read_document(path, faults)
    except OSError as error:
        faults.put(Fault(str(path), 0, 0, _unreadable(error)))
        return None
    return _read(root, path) if root else None


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return say("no such file, expected a configuration; one to start from is {example}", example=start_file())
    return say_why(error)


def _read(root: Node, path: Path) -> Reading:
    before = len(root.faults.errors())
    folder = path.parent
    keys = root.fields(KEYS, REQUIRED, "the configuration")
    layout = Layout(read_path(folder))
    groups = Ids()
    store = get(keys, "store", _store, None)
    gateway = get(keys, "gateway", lambda node: _gateway(node, folder), None)
    mqtt = get(keys, "mqtt", lambda node: _mqtt(node, folder), None)
    receivers = get(keys, "receivers", layout.read_receivers, ())
    zones = get(keys, "zones", layout.read_zones, ())
    staff = get(keys, "staff", lambda node: _staff(node, groups), Staff())
    caps = get(keys, "caps", _caps, Caps())
    namespace = get(keys, "beacons", _beacons, None)
    privacy = get(keys, "privacy", _privacy, Privacy())
    crowd = get(keys, "crowd", read_crowd, CrowdSettings())
    leave_after_s = get(keys, "presence", _presence, LEAVE_AFTER_S)
    guest = get(keys, "guest", lambda node: read_guest(node, folder, receivers), None)
    record = get(keys, "record", Node.boolean, False)
    named = get(keys, "rules", lambda node: _rules(node, folder), {})
    rule_files = tuple(named) if "rules" in keys else _default_rules(root)
    config = None
    is_faulty = root.faults.full or len(root.faults.errors()) > before
    if store and gateway and mqtt and not is_faulty:
        config = Config(
            path=path,
            store=store,
            gateway=gateway,
            mqtt=mqtt,
            receivers=receivers,
            zones=zones,
            rule_files=tuple(file.absolute() for file in rule_files),
            namespace=namespace,
            staff=staff,
            caps=caps,
            privacy=privacy,
            crowd=crowd,
            leave_after_s=leave_after_s,
            guest=guest,
            record=record,
        )
    known_groups = frozenset(groups.places) or frozenset(group.id for group in staff.groups)
    places = {str(file): node for file, node in named.items()}
    return Reading(config, rule_files, places, known_groups, frozenset(layout.zones.places))


def _store(node: Node) -> Store | None:
    names = ("id", "name", "timezone", "latitude", "longitude", "opening_hours", "language")
    keys = node.fields(names, ("id", "timezone"), "store")
    for one, other in (("latitude", "longitude"), ("longitude", "latitude")):
        if one in keys and other not in keys:
            keys[one].fault("{one} stands here without {other}", one=one, other=other)
    id_ = get(keys, "id", Ids().define, None)
    timezone = get(keys, "timezone", read_timezone, None)
    name = get(keys, "name", read_text, "")
    latitude = get(keys, "latitude", lambda node: node.number(-90, 90, "degrees"), None)
    longitude = get(keys, "longitude", lambda node: node.number(-180, 180, "degrees"), None)
    hours = get(keys, "opening_hours", read_hours, None)
    language = get(keys, "language", lambda node: node.choice(get_args(Language), "language"), "zh")
    if id_ is None or timezone is None:
        return None
    return Store(id_, timezone, name, latitude, longitude, hours, cast(Language, language))


def _gateway(node: Node, folder: Path) -> Gateway | None:
    keys = node.fields(("id", "role", "state"), ("id",), "gateway")
    usual = Gateway("")
    id_ = get(keys, "id", Ids().define, None)
    role = get(keys, "role", lambda node: node.choice(get_args(Role), "role"), usual.role)
    state = get(keys, "state", read_path(folder), usual.state)
    if role != usual.role:
        keys["role"].fault("this version knows all-in-one only, and will act as that", warning=True)
    return None if id_ is None else Gateway(id_, cast(Role, role), state)


def _mqtt(node: Node, folder: Path) -> Mqtt | None:
    secret = node.entry("password")
    if secret:
        secret[0].fault("a password does not belong in this file, expected password_file: the name of a file beside it")
    names = ("url", "username", *_MQTT_FILES, "home_assistant")
    keys = node.fields((*names, "password") if secret else names, ("url",), "mqtt")
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if one in keys and other not in keys:
            keys[one].fault("{one} stands here without {other}", one=one, other=other)
    if {"username", "username_file"} <= keys.keys():
        keys["username_file"].fault("username stands here already")
    urls = get(keys, "url", read_broker_urls, ())
    username = get(keys, "username", read_text, None)
    files = {name: get(keys, name, read_file_beside(folder), None) for name in _MQTT_FILES}
    home_assistant = get(keys, "home_assistant", lambda node: node.boolean(), False)
    if not urls:
        return None
    _warn_about_broker(keys, [parse_url(url) for url in urls])
    _warn_about_secrets(keys, files)
    return Mqtt(urls[0], urls[1:], username, home_assistant=home_assistant, **files)


def _warn_about_broker(keys: dict[str, Node], brokers: list[Address]) -> None:
    for name in ("ca_file", "cert_file", "key_file"):
        if name in keys and not any(broker.tls for broker in brokers):
            keys[name].fault("{name} has no use without mqtts or wss", warning=True, name=name)
    if "password_file" in keys and not {"username", "username_file"} & keys.keys():
        keys["password_file"].fault("a password without username, brokers refuse that", warning=True)
    if "password_file" in keys and any(not broker.tls and not broker.is_local for broker in brokers):
        keys["url"].fault("the password will cross the network in the clear, mqtts would hide it", warning=True)


def _warn_about_secrets(keys: dict[str, Node], files: Mapping[str, Path | None]) -> None:
    for name in ("password_file", "key_file"):
        file = files[name]
        if file and is_open_to_others(file):
            keys[name].fault("others may read this file, chmod 640 or less would keep it from them", warning=True)


def _beacons(node: Node) -> bytes | None:
    return get(node.fields(("namespace",), (), "beacons"), "namespace", read_namespace, None)


def _presence(node: Node) -> float | None:
    keys = node.fields(("leave_after",), (), "presence")
    return get(keys, "leave_after", lambda node: read_duration(node, *LEAVE_AFTER_LIMITS_S), None)


def _staff(node: Node, ids: Ids) -> Staff:
    keys = node.fields(("groups", "quiet_hours"), (), "staff")
    groups = get(keys, "groups", lambda node: _groups(node, ids), Staff().groups)
    return Staff(groups, get(keys, "quiet_hours", read_hours, None))


def _groups(node: Node, ids: Ids) -> tuple[Group, ...] | None:
    nodes = node.items("a list of groups")
    if node.is_sequence() and not nodes:
        node.fault("at least one group is needed")
    groups = tuple(each(nodes, lambda node: _group(node, ids)))
    for inner in nodes:
        _check_escalation(inner, ids)
    return groups or None


def _group(node: Node, ids: Ids) -> Group | None:
    keys = node.fields(("id", "devices", "escalate_to"), ("id",), "a group")
    id_ = get(keys, "id", ids.define, None)
    devices = tuple(each(keys["devices"].items("a list of devices"), Ids().define)) if "devices" in keys else ()
    escalate_to = get(keys, "escalate_to", lambda node: node.text("a group's id"), None)
    return None if id_ is None else Group(id_, devices, escalate_to)


def _check_escalation(node: Node, ids: Ids) -> None:
    """See that a group escalates to another one that there is."""
    own, after = node.entry("id"), node.entry("escalate_to")
    name = after[1].scalar() if after else None
    if after is None or not name:
        return
    if name not in ids.places:
        after[1].unknown("group", name, ids.places)
    elif own and name == own[1].scalar():
        after[1].fault("a group cannot escalate to itself")


def _caps(node: Node) -> Caps:
    keys = node.fields(MOST, (), "caps")
    read = {name: keys[name].integer(0, MOST[name], CAPS[name]) for name in keys}
    return Caps(**{name: most for name, most in read.items() if most is not None})


def _privacy(node: Node) -> Privacy:
    keys = node.fields(PRIVACY_KEYS, (), "privacy")
    usual = Privacy()

    def duration(name: str, default: float) -> float:
        return get(keys, name, lambda node: read_duration(node, *RETENTION_LIMITS_S), default)

    return Privacy(
        visits_s=duration("visits", usual.visits_s),
        alerts_s=duration("alerts", usual.alerts_s),
        journal_s=get(keys, "journal", lambda node: read_duration(node, *JOURNAL_LIMITS_S), usual.journal_s),
        inactive_member_s=duration("inactive_member", usual.inactive_member_s),
        minimum_count=get(keys, "minimum_count", lambda node: node.integer(*MINIMUM_COUNTS), usual.minimum_count),
        private_attributes=get(keys, "private_attributes", _attributes, usual.private_attributes),
        private_offers=get(keys, "private_offers", _offers, usual.private_offers),
        private_addresses=get(keys, "private_addresses", Node.boolean, usual.private_addresses),
    )


def _offers(node: Node) -> frozenset[str]:
    return frozenset(each(node.items("a list of offers such as [voucher-50]"), read_offer))


def _attributes(node: Node) -> frozenset[str]:
    return frozenset(each(node.items("a list of attributes such as [balance]"), read_attribute))


def _rules(node: Node, folder: Path) -> dict[Path, Node]:
    if is_off(node):
        return {}
    shipped = shipped_rules()
    found: dict[Path, Node] = {}
    for item in node.items("a list of rules"):
        path = _rule_file(item, folder, shipped)
        first = found.setdefault(path, item) if path else item
        if first is not item:
            item.fault("this rule stands already on line {line}", line=first.line)
    return found


def _rule_file(node: Node, folder: Path, shipped: dict[str, Path]) -> Path | None:
    name = node.text("a shipped rule's name, or a file such as ./our-rules.yaml")
    if name is None or name in shipped:
        return shipped.get(name or "")
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        node.unknown("rule", name, shipped)
        return None
    path = folder / name
    if is_file(path):
        return path
    beside = [file.name for file in folder.glob("*.yaml") if is_file(file)]
    node.fault("no rule file {name}{hint}", name=node.what(), hint=did_you_mean(path.name, beside))
    return None


def _default_rules(root: Node) -> tuple[Path, ...]:
    shipped = shipped_rules()
    missing = [name for name in DEFAULT_RULES if name not in shipped]
    if missing:
        root.fault(
            "the shipped rules are not in {folder}, install Hushbell again ({missing})",
            folder=shipped_folder(),
            missing=", ".join(missing),
        )
    return tuple(shipped[name] for name in DEFAULT_RULES if name in shipped)
