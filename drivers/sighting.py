"""A sighting: one frame heard by one receiver. Nothing else leaves `drivers`, and this is how it is written down."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from hashlib import blake2s
from json.encoder import encode_basestring
from typing import Any, Final, Literal, NamedTuple, NoReturn, get_args

from drivers.channels import channel_of

Radio = Literal["ble", "wifi"]
Kind = Literal[
    "ibeacon",
    "altbeacon",
    "eddystone-uid",
    "eddystone-eid",
    "eddystone-url",
    "eddystone-tlm",
    "advert",
    "probe-request",
    "association-request",
    "reassociation-request",
    "authentication",
    "station",
]
AddressType = Literal["public", "random", "resolvable", "global", "local"]


class Sighting(NamedTuple):
    """One frame, or one station that is on the network. An immutable tuple, because one is made for every frame.

    `identity` is what the frame says it is, as the bytes on the air: iBeacon UUID, major and minor (20 bytes),
    AltBeacon id (20), Eddystone-UID namespace and instance (16), Eddystone-EID (8), the name of the key that a
    station joined with, where it has one; empty for all else.
    `address` is the transmitter's, most significant byte first. It never leaves memory, so neither `repr` nor
    `as_json_line` show it; `device` is the pseudonym that a sightings file carries in its place.
    """

    t: float  # seconds since the epoch
    receiver: str
    radio: Radio
    kind: Kind
    rssi: int | None = None  # dBm
    identity: bytes = b""
    power: int | None = None  # dBm as sent: at 1 m, Eddystone's at 0 m
    address: bytes | None = None
    address_type: AddressType | None = None
    frequency: int | None = None  # MHz
    sequence: int | None = None
    own_network: bool | None = None
    device: str | None = None

    def __repr__(self) -> str:
        return f"<Sighting {self.kind} by {self.receiver} at {self.t:.6f}, {self.rssi} dBm>"


LATEST: Final = 253_370_764_800.0
"""The start of the year 9999: no time beyond it is believed, since calendars end there."""

_KINDS, _RADIOS, _ADDRESS_TYPES = get_args(Kind), get_args(Radio), get_args(AddressType)
_WIFI_KINDS = frozenset(("probe-request", "association-request", "reassociation-request", "authentication", "station"))
_LONGEST_NAME = 255


class Pseudonyms:
    """Names for addresses that hold within one run: the key that makes them is drawn here and kept nowhere."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, address: bytes) -> str:
        """Return the pseudonym of an address."""
        return "p" + blake2s(address, key=self._key, digest_size=8).hexdigest()


def as_json_line(sighting: Sighting, pseudonyms: Pseudonyms) -> str:
    """Write a sighting as one line of JSON without its end; what is not known is left out, but for the RSSI."""
    line = (
        f'{{"t": {sighting.t!r}, "receiver": {encode_basestring(sighting.receiver)}, "radio": "{sighting.radio}", '
        f'"kind": "{sighting.kind}", "rssi": {"null" if sighting.rssi is None else sighting.rssi}'
    )
    if sighting.radio == "wifi":
        line += _wifi_fields(sighting)
    elif sighting.identity:
        line += _WRITERS[sighting.kind](sighting.identity.hex())
    if sighting.power is not None:
        line += f', "power": {sighting.power}'
    if sighting.address_type is not None:
        line += f', "address_type": "{sighting.address_type}"'
    device = sighting.device if sighting.address is None else pseudonyms.of(sighting.address)
    return f"{line}}}" if device is None else f'{line}, "device": {encode_basestring(device)}}}'


def _wifi_fields(sighting: Sighting) -> str:
    fields = ""
    if sighting.frequency is not None:
        channel = channel_of(sighting.frequency)
        fields = f', "frequency": {sighting.frequency}' + ("" if channel is None else f', "channel": {channel}')
    if sighting.sequence is not None:
        fields += f', "sequence": {sighting.sequence}'
    if sighting.own_network is not None:
        fields += f', "own_network": {"true" if sighting.own_network else "false"}'
    if sighting.identity:
        fields += f', "keyid": {encode_basestring(sighting.identity.decode())}'
    return fields


def _write_ibeacon(digits: str) -> str:
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
    return f', "uuid": "{uuid}", "major": {int(digits[32:36], 16)}, "minor": {int(digits[36:], 16)}'


_WRITERS: Final[dict[Kind, Callable[[str], str]]] = {
    "ibeacon": _write_ibeacon,
    "altbeacon": lambda digits: f', "id": "{digits}"',
    "eddystone-uid": lambda digits: f', "namespace": "{digits[:20]}", "instance": "{digits[20:]}"',
    "eddystone-eid": lambda digits: f', "eid": "{digits}"',
}


def parse_sighting(line: str | bytes) -> Sighting | str:
    """Return the sighting in a line of JSON, or what is wrong with it, without quoting it. Other fields are ignored.

    An address is never read, and a sighting without `device`, `power` and the like is one too.
    """
    try:
        record = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(record, dict):
        return "not a JSON object"
    try:
        return _read(record)
    except _FaultyError as fault:
        return str(fault)


class _FaultyError(Exception):
    """A field is not what it must be; the text names the field and what is expected."""


def _refuse(_constant: str) -> NoReturn:
    raise ValueError


def _read(record: dict[str, Any]) -> Sighting:
    kind: Kind = _word(record, "kind", _KINDS)
    radio: Radio = _word(record, "radio", _RADIOS)
    if (radio == "wifi") is not (kind in _WIFI_KINDS):
        raise _FaultyError("kind: expected one that its radio hears")
    address_type = record.get("address_type")
    return Sighting(
        _time(record),
        _name(record, "receiver"),
        radio,
        kind,
        _whole(record, "rssi", -128, 127),
        _READERS[kind](record) if kind in _READERS else b"",
        _whole(record, "power", -128, 127),
        address_type=None if address_type is None else _word(record, "address_type", _ADDRESS_TYPES),
        frequency=_whole(record, "frequency", 1, 100_000),
        sequence=_whole(record, "sequence", 0, 4095),
        own_network=_flag(record, "own_network"),
        device=None if record.get("device") is None else _name(record, "device"),
    )


def _time(record: dict[str, Any]) -> float:
    t = record.get("t")
    if isinstance(t, (int, float)) and not isinstance(t, bool) and 0 <= t <= LATEST:
        return float(t)
    raise _FaultyError("t: expected seconds since the epoch")


def _word(record: dict[str, Any], field: str, words: tuple[Any, ...]) -> Any:
    word = record.get(field)
    if isinstance(word, str) and word in words:
        return word
    raise _FaultyError(f"{field}: expected one of {', '.join(words)}")


def _name(record: dict[str, Any], field: str) -> str:
    name = record.get(field)
    if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable():
        return name
    raise _FaultyError(f"{field}: expected a name of at most {_LONGEST_NAME} characters")


def _whole(record: dict[str, Any], field: str, least: int, most: int) -> int | None:
    number = record.get(field)
    if number is None:
        return None
    if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
        return number
    raise _FaultyError(f"{field}: expected a whole number from {least} to {most}")


def _flag(record: dict[str, Any], field: str) -> bool | None:
    flag = record.get(field)
    if flag is None or isinstance(flag, bool):
        return flag
    raise _FaultyError(f"{field}: expected true or false")


def _digits(record: dict[str, Any], field: str, size: int) -> bytes:
    digits = record.get(field)
    if isinstance(digits, str) and len(digits) == 2 * size and _HEX(digits):
        return bytes.fromhex(digits)
    raise _FaultyError(f"{field}: expected {2 * size} hex digits")


def _keyid(record: dict[str, Any]) -> bytes:
    keyid = record.get("keyid")
    if keyid is None:
        return b""
    if isinstance(keyid, str) and _KEYID(keyid):
        return keyid.encode()
    raise _FaultyError("keyid: expected 1 to 64 printable ASCII characters without spaces")


_KEYID = re.compile(r"[!-~]{1,64}").fullmatch
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII).fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII).fullmatch


def _read_ibeacon(record: dict[str, Any]) -> bytes:
    uuid = record.get("uuid")
    if not isinstance(uuid, str) or not _UUID(uuid):
        raise _FaultyError("uuid: expected a UUID")
    return bytes.fromhex(uuid.replace("-", "")) + _pair(record, "major") + _pair(record, "minor")


def _pair(record: dict[str, Any], field: str) -> bytes:
    number = _whole(record, field, 0, 0xFFFF)
    if number is None:
        raise _FaultyError(f"{field}: expected a whole number from 0 to 65535")
    return number.to_bytes(2, "big")


_READERS: Final[dict[Kind, Callable[[dict[str, Any]], bytes]]] = {
    "ibeacon": _read_ibeacon,
    "altbeacon": lambda record: _digits(record, "id", 20),
    "eddystone-uid": lambda record: _digits(record, "namespace", 10) + _digits(record, "instance", 6),
    "eddystone-eid": lambda record: _digits(record, "eid", 8),
    "station": _keyid,
}
