"""802.11 management frames that stations send, captured bare or behind a radiotap header."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Any, Final, NamedTuple

from drivers import radiotap
from drivers.sighting import Kind, Sighting

_KINDS: Final[dict[int, Kind]] = {  # by the first byte of frame control: version 0, management, the subtype
    0x00: "association-request",
    0x20: "reassociation-request",
    0x40: "probe-request",
    0xB0: "authentication",
}
_header = Struct("<B3x6s6s6sH")  # frame control, addresses 1 to 3, sequence control (IEEE 802.11-2020, 9.3.3.1)
_ADDRESS_END = 16
_PADDING = bytes(_header.size - _ADDRESS_END)
_BAD_FCS = 0x40
_LOCAL = 0x02
_ABSENT = b""
_NEVER = sys.maxsize
_MOST_PLANS = 256
_MOST_GIVEN = 8
_ANY_NETWORK: Final = b"\xff" * 6
_NONE: Final[frozenset[bytes]] = frozenset()


def decode_radiotap_frame(
    t: float, receiver: str, frame: bytes | memoryview, counters: Counter[str], own: frozenset[bytes] = _NONE
) -> Sighting | None:
    """Return the sighting in a frame with a radiotap header; `own` are the addresses of the shop's access points.

    Counts what is none: `malformed`, `bad-fcs` and `other` frames. A frame that is cut behind the transmitter's
    address is taken, and nothing behind the header, such as an SSID, is looked at.
    """
    frame = bytes(frame)
    plan = _plans.get(frame[:8])
    if plan is None or (plan.given and not plan.holds(frame)):
        plan = _learn(frame)
    if plan is None or len(frame) < plan.least:
        counters["malformed" if plan is None else plan.cause(frame)] += 1
        return None
    whole = len(frame) >= plan.whole
    flags, frequency, rssi, control, to, address, bssid, sequence = plan.read(frame if whole else frame + _PADDING)
    if flags and flags & _BAD_FCS:
        counters["bad-fcs"] += 1
        return None
    kind = _KINDS.get(control)
    if kind is None:
        counters["other"] += 1
        return None
    own_network = None
    if own and (to in own or bssid in own):
        own_network = True
    elif own and whole and bssid != _ANY_NETWORK:
        own_network = False
    return tuple.__new__(  # quicker than `Sighting(...)`, and there is one for every frame
        Sighting,
        (
            t,
            receiver,
            "wifi",
            kind,
            None if rssi == _ABSENT else rssi,
            b"",
            None,
            address,
            "local" if address[0] & _LOCAL else "global",
            frequency or None,
            sequence >> 4 if whole else None,
            own_network,
            None,
        ),
    )


def decode_frame(
    t: float, receiver: str, frame: bytes, rssi: int | None, frequency: int | None, counters: Counter[str]
) -> Sighting | None:
    """Return the sighting in a bare frame, with what is known of its reception; counts as for radiotap."""
    if len(frame) < _ADDRESS_END:
        counters[_cause(frame[:1])] += 1
        return None
    control, _, address, _, sequence = _header.unpack(frame[: _header.size].ljust(_header.size, b"\0"))
    kind = _KINDS.get(control)
    if kind is None:
        counters["other"] += 1
        return None
    return Sighting(
        t,
        receiver,
        "wifi",
        kind,
        rssi,
        address=address,
        address_type="local" if address[0] & _LOCAL else "global",
        frequency=frequency,
        sequence=sequence >> 4 if len(frame) >= _header.size else None,
    )


def _cause(control: bytes) -> str:
    """Tell why a frame too short for a transmitter's address is no sighting: control frames are such by right."""
    return "other" if control and control[0] not in _KINDS else "malformed"


class _Plan(NamedTuple):
    """How to read frames whose radiotap header has one layout.

    `read` takes a frame of `whole` bytes at least and returns flags, frequency, RSSI (each `_ABSENT` where the header
    has none), frame control, addresses 1 to 3 and sequence control.
    """

    given: tuple[radiotap.Given, ...]
    start: int  # of the 802.11 frame
    least: int  # bytes of a frame that can be a sighting
    whole: int
    read: Callable[[bytes], tuple[Any, ...]]

    def holds(self, frame: bytes) -> bool:
        for start, stop, value in self.given:  # noqa: SIM110 -- a generator takes longer than all the rest
            if frame[start:stop] != value:
                return False
        return True

    def cause(self, frame: bytes) -> str:
        """Tell why a frame of fewer than `least` bytes is no sighting."""
        empty = self.least == _NEVER and len(frame) >= self.start
        return "other" if empty else _cause(frame[self.start : self.start + 1])


_plans: dict[bytes, _Plan] = {}  # by the first eight bytes of the header


def _learn(frame: bytes) -> _Plan | None:
    layout = radiotap.parse_layout(frame)
    if layout is None:
        return None
    start = layout.length
    least = start + _ADDRESS_END if layout.offset(radiotap.NO_PSDU) is None else _NEVER
    plan = _Plan(layout.given, start, least, start + _header.size, _compile(layout))
    if len(layout.given) <= _MOST_GIVEN:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        _plans[frame[:8]] = plan
    return plan


def _compile(layout: radiotap.Layout) -> Callable[[bytes], tuple[Any, ...]]:
    """Make the `read` of a plan: one unpacking for all where the fields lie in the usual order."""
    extended = layout.offset(radiotap.XCHANNEL)
    frequency = layout.offset(radiotap.CHANNEL)
    if frequency is None and extended is not None:
        frequency = extended + 4
    wanted = (
        (layout.offset(radiotap.FLAGS), Struct("<B")),
        (frequency, Struct("<H")),
        (layout.offset(radiotap.SIGNAL), Struct("<b")),
    )
    code, at = "<", 0
    for offset, field in wanted:
        if offset is None:
            code += "0s"
        elif offset < at:
            return partial(_read_apart, wanted, layout.length)
        else:
            code += f"{offset - at}x{field.format[1:]}"
            at = offset + field.size
    return Struct(f"{code}{layout.length - at}x{_header.format[1:]}").unpack_from


def _read_apart(wanted: tuple[tuple[int | None, Struct], ...], length: int, frame: bytes) -> tuple[Any, ...]:
    reception = (_ABSENT if offset is None else field.unpack_from(frame, offset)[0] for offset, field in wanted)
    return (*reception, *_header.unpack_from(frame, length))
