"""The radiotap header that comes before a captured 802.11 frame: where its fields are (radiotap.org)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

FLAGS, CHANNEL, SIGNAL, XCHANNEL, NO_PSDU = 1, 3, 5, 18, 26

_TLVS, _RADIOTAP, _VENDOR, _MORE = 28, 1 << 29, 1 << 30, 1 << 31
_MOST_WORDS = 64  # real headers have one for each antenna
_SIZE_AND_ALIGNMENT = (
    (8, 8),  # 0 TSFT
    (1, 1),  # 1 flags
    (1, 1),  # 2 rate
    (4, 2),  # 3 channel
    (2, 2),  # 4 FHSS
    (1, 1),  # 5 antenna signal, dBm
    (1, 1),  # 6 antenna noise, dBm
    (2, 2),  # 7 lock quality
    (2, 2),  # 8 TX attenuation
    (2, 2),  # 9 TX attenuation, dB
    (1, 1),  # 10 TX power
    (1, 1),  # 11 antenna
    (1, 1),  # 12 antenna signal, dB
    (1, 1),  # 13 antenna noise, dB
    (2, 2),  # 14 RX flags
    (2, 2),  # 15 TX flags
    (1, 1),  # 16 RTS retries
    (1, 1),  # 17 data retries
    (8, 4),  # 18 extended channel
    (3, 1),  # 19 MCS
    (8, 4),  # 20 A-MPDU status
    (12, 2),  # 21 VHT
    (12, 8),  # 22 timestamp
    (12, 2),  # 23 HE
    (12, 2),  # 24 HE-MU
    (6, 2),  # 25 HE-MU, other user
    (1, 1),  # 26 zero-length PSDU
    (4, 2),  # 27 L-SIG
)

_tlv = Struct("<HH")
_length = Struct("<2xH")
_word = Struct("<I")


class Given(NamedTuple):
    """Bytes of the header that a layout depends on besides its first eight: presence words and lengths inside."""

    start: int
    stop: int
    value: bytes


class Layout(NamedTuple):
    """Where the fields of the radiotap namespace are, as (number, offset) in their order.

    Holds for every header with the same first eight bytes in which all of `given` is the same too.
    """

    length: int
    fields: tuple[tuple[int, int], ...]
    given: tuple[Given, ...]

    def offset(self, field: int) -> int | None:
        """Return where the first field of that number is."""
        return next((offset for number, offset in self.fields if number == field), None)


def parse_layout(frame: bytes) -> Layout | None:
    """Return the layout of the header at the start of `frame`; None when it is malformed.

    The size of a field whose number is not known is not known either: it ends the walk, and what came before stands.
    """
    start = _presence_end(frame)
    if start is None or frame[0] != 0:
        return None
    (length,) = _length.unpack_from(frame)
    if not start <= length <= len(frame):
        return None
    walk = _Walk(frame[:length], start)
    try:
        for (word,) in _word.iter_unpack(frame[4:start]):
            walk.follow(word)
    except _MalformedError:
        return None
    except _UnknownError:
        pass
    return Layout(length, tuple(walk.fields), tuple(walk.given))


def _presence_end(frame: bytes) -> int | None:
    for end in range(8, min(len(frame), 4 + 4 * _MOST_WORDS) + 1, 4):
        if frame[end - 1] < 0x80:
            return end
    return None


class _MalformedError(Exception):
    """The header contradicts itself."""


class _UnknownError(Exception):
    """From here on the header cannot be followed."""


class _Walk:
    def __init__(self, header: bytes, start: int) -> None:
        self.fields: list[tuple[int, int]] = []
        self.given = [Given(8, start, header[8:start])] if start > 8 else []
        self._header = header
        self._at = start
        self._first = 0  # the number of bit 0 in the word at hand
        self._vendor = False

    def follow(self, word: int) -> None:
        if not self._vendor:
            for bit in range(29):
                if word >> bit & 1:
                    self._field(self._first + bit)
        if word & _RADIOTAP and word & _VENDOR:
            raise _MalformedError
        if word & _RADIOTAP:
            self._first, self._vendor = 0, False
        elif word & _VENDOR:
            self._skip_vendor()
        else:
            self._first += 32

    def _field(self, number: int) -> None:
        if number == _TLVS:
            self._take_tlvs()
        elif number >= len(_SIZE_AND_ALIGNMENT):
            raise _UnknownError
        else:
            self.fields.append((number, self._take(*_SIZE_AND_ALIGNMENT[number])))

    def _take(self, size: int, alignment: int) -> int:
        offset = self._at + -self._at % alignment
        self._at = offset + size
        if self._at > len(self._header):
            raise _MalformedError
        return offset

    def _skip_vendor(self) -> None:
        """Pass a vendor's data: OUI, subnamespace and the length of what follows, which no bit of ours describes."""
        self._vendor = True
        start = self._take(6, 2) + 4
        self._skip(start, start + 2, int.from_bytes(self._header[start : start + 2], "little"))

    def _skip(self, start: int, stop: int, size: int) -> int:
        self.given.append(Given(start, stop, self._header[start:stop]))
        return self._take(size, 1)

    def _take_tlvs(self) -> None:
        """Go through the type-length-value fields, which take up the rest of the header."""
        self._at += -self._at % 4
        while self._at + _tlv.size <= len(self._header):
            start = self._take(_tlv.size, 1)
            number, size = _tlv.unpack_from(self._header, start)
            offset = self._skip(start, start + _tlv.size, size)
            if number < len(_SIZE_AND_ALIGNMENT) and size >= _SIZE_AND_ALIGNMENT[number][0]:
                self.fields.append((number, offset))
            self._at += -self._at % 4
        raise _UnknownError
