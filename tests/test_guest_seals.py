"""Invariant: what was sealed opens for its use until its time, and nothing else opens; what is counted is forgotten."""

from __future__ import annotations

import re
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from gateway.guest.rations import MOST_KNOWN, WINDOW_S, Window
from gateway.guest.seals import seal, unseal

KEY, OTHER_KEY = bytes(32), bytes([1]) * 32
T = 1763791200.0
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=128)


@given(TEXTS, TEXTS, TEXTS, st.integers(0, 10**9))
def test_a_seal_opens_for_one_use_under_one_key_until_its_time(text: str, use: str, other: str, until_s: int) -> None:
    sealed = seal(KEY, use, text, T + until_s)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", sealed)
    assert unseal(KEY, use, sealed, T + until_s - 1) == text
    assert unseal(KEY, use, sealed, T + until_s) is None
    assert unseal(OTHER_KEY, use, sealed, T) is None
    assert other == use or unseal(KEY, other, sealed, T) is None


@given(st.text(max_size=60) | st.text("ABCxyz019-_=", max_size=1100))
def test_what_nobody_sealed_opens_nothing(sealed: str) -> None:
    assert unseal(KEY, "link", sealed, T) is None


@given(st.data())
def test_a_changed_seal_opens_nothing(data: st.DataObject) -> None:
    sealed = seal(KEY, "link", "oX3f-91c2", T + 600)
    place = data.draw(st.integers(0, len(sealed) - 2))
    letter = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda letter: letter != sealed[place]))
    assert unseal(KEY, "link", sealed[:place] + letter + sealed[place + 1 :], T) is None


def window() -> Window:
    numbers = count()
    return Window(lambda: next(numbers).to_bytes(32, "big"))


def test_a_window_counts_and_forgets_all_at_once() -> None:
    counted = window()
    assert [counted.count(b"a", T), counted.count(b"a", T + 1), counted.count(b"b", T + 1)] == [1, 2, 1]
    assert counted.knows(b"a", T + WINDOW_S - 1)
    assert not counted.knows(b"a", T + WINDOW_S)
    assert counted.count(b"a", T + WINDOW_S) == 1


def test_a_clock_that_is_set_back_makes_a_window_forget() -> None:
    counted = window()
    counted.count(b"a", T)
    assert not counted.knows(b"a", T - 1)


def test_a_flood_takes_bounded_memory_and_names_nobody() -> None:
    counted = window()
    for number in range(2 * MOST_KNOWN):
        counted.count(b"stranger %d" % number, T)
    assert len(counted._counts) == MOST_KNOWN
    assert not [name for name in counted._counts if b"stranger" in name]
