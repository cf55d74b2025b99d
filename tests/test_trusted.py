"""Models that are read again without their bounds."""

from __future__ import annotations

import msgspec
import pytest
from virtual_daemon import a_member

from gateway.contract import member as said
from gateway.contract.trusted import trusted

DECODER = msgspec.json.Decoder(trusted(said.Member))


def test_what_was_checked_is_read_as_the_model_reads_it() -> None:
    text = msgspec.json.encode(a_member(choices={"deny": ["offers:alcohol"]}, test=True))
    found, expected = DECODER.decode(text), msgspec.json.decode(text, type=said.Member)
    assert msgspec.to_builtins(found) == msgspec.to_builtins(expected)
    assert isinstance(found, said.Member)
    assert isinstance(found.credentials[0], said.Ibeacon)


def test_bounds_are_not_asked_for_and_types_are() -> None:
    assert DECODER.decode(b'{"member": "x"}').member == "x"
    for wrong in (
        b'{"member": 7}',
        b"{}",
        b'{"member": "x", "credentials": [{"kind": "none"}]}',
        b'{"member": "x", "?": 1}',
    ):
        with pytest.raises(msgspec.ValidationError):
            DECODER.decode(wrong)
