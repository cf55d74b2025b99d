"""Capture files as packets with their times: pcap, pcapng and btsnoop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NamedTuple

from drivers.source import Source

HCI_H4: Final = 187
"""The link type (tcpdump.org/linktypes) of packets from a btsnoop file, however they stood there."""

_LARGEST_PACKET = 1 << 18
_LARGEST_BLOCK = 1 << 19
_MOST_INTERFACES = 1 << 10


class Packet(NamedTuple):
    """One captured packet."""

    t: float  # seconds since the epoch
    link: int
    data: bytes


def read_packets(source: Source) -> Iterator[Packet] | None:
    """Return the packets of a capture; None when it is none, or ends within its header.

    Where a length cannot be true the capture is damaged, and taken as cut.
    """
    head = source.peek(24)
    if len(head) == 24 and head[:4] in _PCAP:
        return _read_pcap(source)
    if len(head) == 24 and head[:4] == _SECTION and head[8:12] in _ORDERS:
        return _Pcapng(source).packets()
    if len(head) >= 16 and head[:8] == b"btsnoop\0":
        return _read_btsnoop(source)
    return None


def h4_type(opcode: int) -> bytes:
    """Return the H4 packet type for an opcode of the Linux Bluetooth monitor: an event, or something else."""
    return _EVENT if opcode & 0xFFFF == 3 else _OTHER


_EVENT, _OTHER = b"\x04", b"\x02"

_PCAP = {  # byte order and parts of a second (draft-ietf-opsawg-pcap)
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
}


def _read_pcap(source: Source) -> Iterator[Packet]:
    head = source.take(24) or b""
    order, parts = _PCAP[head[:4]]
    link = Struct(f"{order}20xI").unpack(head)[0] & 0xFFFF  # the rest tells of a frame check sequence
    record = Struct(f"{order}III4x")
    while (fields := source.take(record.size)) is not None:
        seconds, fraction, size = record.unpack(fields)
        data = _take_data(source, size)
        if data is None:
            return
        yield Packet((seconds * parts + fraction) / parts, link, data)


def _take_data(source: Source, size: int) -> bytes | None:
    if size > _LARGEST_PACKET:
        source.cut = True
        return None
    return source.need(size)


_BTSNOOP_EPOCH = 0x00DCDDB30F2F8000  # 1970 in microseconds from the year 0
_UNENCAPSULATED, _H4, _MONITOR = 1001, 1002, 2001  # datalinks


def _read_btsnoop(source: Source) -> Iterator[Packet]:
    datalink = Struct(">12xI").unpack(source.take(16) or b"")[0]
    link = HCI_H4 if datalink in _H4_TYPES else datalink
    record = Struct(">4xII4xq")
    while (fields := source.take(record.size)) is not None:
        size, flags, t = record.unpack(fields)
        data = _take_data(source, size)
        if data is None:
            return
        kind = _H4_TYPES[datalink](flags) if datalink in _H4_TYPES else b""
        yield Packet((t - _BTSNOOP_EPOCH) / 10**6, link, kind + data)


def _type_of_direction(flags: int) -> bytes:
    return _EVENT if flags & 3 == 3 else _OTHER  # received, and a command or event


_H4_TYPES: dict[int, Callable[[int], bytes]] = {
    _UNENCAPSULATED: _type_of_direction,
    _H4: lambda _flags: b"",
    _MONITOR: h4_type,
}

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = b"\n\r\r\n", 1, 2, 3, 6
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_END, _RESOLUTION, _OFFSET = 0, 9, 14  # options of an interface


class _Interface(NamedTuple):
    link: int
    longest: int  # bytes kept of a packet
    parts: int  # of a second
    offset: int  # seconds


class _Pcapng:
    """Reads pcapng (draft-ietf-opsawg-pcapng): sections in either byte order, each with its own interfaces."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._t = 0.0  # of the packet before, since a simple packet has no time

    def packets(self) -> Iterator[Packet]:
        while (block := self._block()) is not None:
            kind, body = block
            if kind == _INTERFACE and len(body) >= 8 and len(self._interfaces) < _MOST_INTERFACES:
                self._interfaces.append(self._interface(body))
            elif (packet := self._packet(kind, body)) is not None:
                self._t = packet.t
                yield packet
            else:
                self._source.cut = True
                return

    def _block(self) -> tuple[int, bytes] | None:
        """Return the next block of a kind that is read; None at the end or where the file is damaged."""
        while (head := self._source.take(8)) is not None:
            if head[:4] == _SECTION:
                self._order = _ORDERS.get(self._source.peek(4), self._order)
                self._interfaces.clear()
            kind, size = Struct(f"{self._order}II").unpack(head)
            used = kind in (_INTERFACE, _PACKET, _OLD_PACKET, _SIMPLE_PACKET)
            if size < 12 or size % 4 or (used and size > _LARGEST_BLOCK):
                self._source.cut = True
                return None
            body = self._source.need(size - 12) if used else None
            if not used:
                self._source.skip(size - 12)
            if self._source.need(4) != head[4:]:
                self._source.cut = True
                return None
            if body is not None:
                return kind, body
        return None

    def _interface(self, body: bytes) -> _Interface:
        link, longest = Struct(f"{self._order}H2xI").unpack_from(body)
        parts, offset = 10**6, 0
        for code, value in self._options(body[8:]):
            if code == _RESOLUTION and len(value) == 1:
                parts = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
            elif code == _OFFSET and len(value) == 8:
                offset = Struct(f"{self._order}q").unpack(value)[0]
        return _Interface(link, longest, parts, offset)

    def _options(self, options: bytes) -> Iterator[tuple[int, bytes]]:
        header = Struct(f"{self._order}HH")
        at = 0
        while at + header.size <= len(options):
            code, size = header.unpack_from(options, at)
            if code == _END:
                return
            at += header.size
            yield code, options[at : at + size]
            at += size + -size % 4

    def _packet(self, kind: int, body: bytes) -> Packet | None:
        if kind == _SIMPLE_PACKET:
            return self._simple(body)
        fields = Struct(f"{self._order}" + ("I" if kind == _PACKET else "H2x") + "III4x")
        if kind == _INTERFACE or len(body) < fields.size:
            return None
        number, high, low, size = fields.unpack_from(body)
        if number >= len(self._interfaces) or size > len(body) - fields.size:
            return None
        interface = self._interfaces[number]
        t = ((high << 32 | low) + interface.offset * interface.parts) / interface.parts
        return Packet(t, interface.link, body[fields.size : fields.size + size])

    def _simple(self, body: bytes) -> Packet | None:
        if len(body) < 4 or not self._interfaces:
            return None
        interface = self._interfaces[0]
        size = Struct(f"{self._order}I").unpack_from(body)[0]
        size = min(size, interface.longest or size)
        return Packet(self._t, interface.link, body[4 : 4 + size]) if size <= len(body) - 4 else None
