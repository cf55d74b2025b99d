"""Whatever damage is done to what comes in, what must hold of it holds: never another exception than the promised one.

The seed stands in each test's name; HUSHBELL_FUZZ gives how often each entry's seeds are damaged.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from virtual_garbage import CAPTURES, ENTRIES

from drivers.captures import read_sightings_of

TIMES = int(os.environ.get("HUSHBELL_FUZZ", "1000"))


def damage(draw: Random, whole: bytes) -> bytes:
    """Flip, cut, put in and repeat a few bytes, mostly near each other and often to values at an edge."""
    damaged = bytearray(whole)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(damaged) + 1)
        match draw.randrange(5):
            case 0:
                damaged[at : at + 1] = bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))])
            case 1:
                damaged[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80", b"\x01\0\0\0"))
            case 2:
                del damaged[at : at + draw.randint(1, 40)]
            case 3:
                damaged[at:at] = damaged[at : at + draw.randint(1, 200)]
            case _:
                damaged[at:at] = draw.randbytes(draw.randint(1, 8))
    return bytes(damaged)


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_must_hold_of_whatever_comes_in_holds_of_the_damaged(name: str, seed: int) -> None:
    draw = Random(f"{name} {seed}")
    entry = ENTRIES[name]
    seeds = entry.seeds()
    for _ in range(TIMES):
        damaged = damage(draw, draw.choice(seeds))
        try:
            entry.hold(damaged)
        except Exception as error:
            pytest.fail(f"{damaged.hex()}: {error!r}")


@pytest.mark.parametrize("name", ENTRIES)
def test_it_holds_of_what_is_whole_and_of_nothing(name: str) -> None:
    entry = ENTRIES[name]
    for whole in (*entry.seeds(), b""):
        entry.hold(whole)


@pytest.mark.parametrize("form", CAPTURES)
def test_what_is_damaged_is_whole_to_begin_with(form: str, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(CAPTURES[form])
    assert list(read_sightings_of(path, lambda radio: radio, Counter(), pytest.fail))
