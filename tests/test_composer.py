"""Invariant: whatever the bytes, composing gives a tree or one refusal with a place inside the file."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import composer
from rules.composer import MAX_BYTES, MAX_DEPTH, RefusedError, Tree, compose_document

LOADERS = {"C": yaml.CSafeLoader, "Python": yaml.SafeLoader} if yaml.__with_libyaml__ else {"Python": yaml.SafeLoader}


@pytest.fixture(params=sorted(LOADERS))
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composer, "LOADER", LOADERS[request.param])


def outcome(raw: bytes) -> Tree | RefusedError:
    try:
        return compose_document(raw)
    except RefusedError as refusal:
        return refusal


def refused(raw: bytes) -> tuple[int, int, str]:
    refusal = outcome(raw)
    assert isinstance(refusal, RefusedError)
    return refusal.line, refusal.column, str(refusal)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a:\n\tb: 1\n", 2, 1, "a tab stands here"),
        ("a: [1, 2\nb: 3\n", 2, 2, "the list that begins on line 1 is not closed"),
        ("a: {b: 1\nc: 3\n", 2, 2, "the mapping that begins on line 1 is not closed, expected ',' or '}'"),
        ("a: 1\nb: 'x\n", 2, 4, "the quotes that open here are not closed"),
        ("a: 1\n- b\n", 2, 1, "this does not fit what stands above"),
        ("a: [1, 2]]", 1, 10, "this does not fit what stands above"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
        ("丁香: {香: 店}\n  店: 1", 2, 3, "this does not fit what stands above"),
        ("a: 😀\n丁: @b", 2, 4, "'@' cannot begin a value"),
        ("a: b: c", 1, 5, "a colon cannot stand here"),
        ("a: 1\nb\nc: 2", 3, 1, "a key without a colon"),
        ("a: {", 1, 5, "a value is missing here"),
        ("a:\n  - !secret x", 2, 5, "a tag (!) stands here"),
        ("a: *x", 1, 4, "an anchor (&) or alias (*) stands here"),
        ("a: &x b", 1, 4, "an anchor (&) or alias (*) stands here"),
        ("丁: 1\n店: a\x07", 2, 5, "a control character stands here"),
        ("%YAML 9.9\n---\na: 1", 1, 1, "broken YAML: found incompatible YAML document"),
    ],
)
def test_broken_yaml_is_told_at_its_place_in_plain_words(text: str, line: int, column: int, message: str) -> None:
    found = refused(text.encode())
    assert found[:2] == (line, column)
    assert found[2].startswith(message)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_places_are_right_under_a_byte_order_mark_carriage_returns_and_chinese(ending: str, mark: str) -> None:
    text = mark + ending.join(["店名: 丁香路店", "区域: {门口: 1, 货架: [2, 3]}", ""])
    root = compose_document(text.encode())
    inner = root.pairs[1][1]
    places = [(key.line, key.column) for key, _ in [*root.pairs, *inner.pairs]]
    assert places == [(1, 1), (2, 1), (2, 6), (2, 13)]


def test_text_that_is_not_utf8_is_told_where_it_begins() -> None:
    assert refused("店: 1\n名: ".encode() + "丁香".encode("gbk"))[:2] == (2, 4)
    assert refused("store: 1".encode("utf-16"))[:2] == (1, 1)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n...\n", "\ufeff"])
def test_a_file_without_content_is_empty_as_a_whole(text: str) -> None:
    assert refused(text.encode()) == (0, 0, "the file is empty")


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    assert refused(b"a: 1\n" * (MAX_BYTES // 5 + 1))[0] == 0


HOSTILE = {
    "lists in lists": "[" * 20_000,
    "mappings in mappings": "a: {" * 20_000,
    "dashes": "- " * 20_000,
    "questions": "? " * 20_000,
    "unclosed lists side by side": "[" + "[]," * 40_000,
    "one key again and again": "k: v\n" * 40_000,
    "anchors": "- &a b\n" * 30_000,
    "one long word": "x" * 200_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_take_a_bounded_time(text: str) -> None:
    begun = time.process_time()
    outcome(text.encode())
    assert time.process_time() - begun < 5


@pytest.mark.usefixtures("loader")
def test_nesting_ends_at_its_limit() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    compose_document(nested(MAX_DEPTH))
    assert refused(nested(MAX_DEPTH + 1))[:2] == (1, MAX_DEPTH + 1)


YAML_TEXT = st.text(st.sampled_from("ab丁 \n\t:-[]{},'\"#&*!|>%@`\\?~0\r\ufeff\x85\u2028"), max_size=60)


@settings(deadline=None)
@given(st.binary(max_size=80) | YAML_TEXT.map(lambda text: text.encode()))
def test_any_bytes_give_a_tree_or_one_refusal_with_a_place(raw: bytes) -> None:
    found = outcome(raw)
    if isinstance(found, RefusedError):
        breaks = (b"\n", b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")  # YAML 1.1, section 5.4
        assert 0 <= found.line <= sum(map(raw.count, breaks)) + 1
        assert "\n" not in str(found)
