"""Invariant: reading a document never raises; what cannot be read is a fault at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.document import (
    MAX_FAULTS,
    Fault,
    Faults,
    Node,
    did_you_mean,
    duration_text,
    each,
    parse_document,
    read_document,
    read_duration,
)


def root_of(text: str) -> Node:
    node = parse_document(text.encode(), "f.yaml", Faults())
    assert node is not None
    return node


def value_of(text: str) -> Node:
    """Return the value in `k: VALUE`."""
    entry = root_of(f"k: {text}").entry("k")
    assert entry is not None
    return entry[1]


def complaints(node: Node) -> list[str]:
    return [str(fault) for fault in sorted(node.faults.found)]


def test_a_fault_reads_as_file_line_column_and_what_is_wrong() -> None:
    assert str(Fault("a.yaml", 3, 7, "no")) == "a.yaml:3:7: no"
    assert str(Fault("a.yaml", 3, 7, "odd", warning=True)) == "a.yaml:3:7: warning: odd"
    assert str(Fault("a.yaml", 0, 0, "the file is empty")) == "a.yaml: the file is empty"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:00", "22:00"),
        ("09:30", "09:30"),
        ("off", "off"),
        ("0123", "0123"),
        ("1.50", 1.5),
        ("-7", -7),
        ("1e3", "1e3"),
        ("yes", "yes"),
        ("true", True),
        ("False", "False"),
        ("~", None),
        ("", None),
        ("'~'", "~"),
        ('"12"', "12"),
        ("[1, x, {a: null}]", [1, "x", {"a": None}]),
        ("2026-11-22", "2026-11-22"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
    ],
)
def test_free_data_reads_as_json_would_and_never_as_yamls_surprises(text: str, expected: object) -> None:
    assert value_of(text).data() == expected


def test_a_number_that_no_json_reader_could_hold_is_a_fault() -> None:
    node = value_of("9" * 5000)
    assert node.data() is None
    assert complaints(node) == ["f.yaml:1:4: a number of more than 18 digits stands here"]


@pytest.mark.parametrize(("word", "expected"), [("on", True), ("Off", False), ("yes", True), ("NO", False)])
def test_switches_read_as_an_installer_means_them(word: str, expected: bool) -> None:
    assert value_of(word).boolean() is expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("120 s", 120), ("10 min", 600), ("1.5 h", 5400), ("90 days", 7776000), ("12 months", 31104000),
     ("1 week", 604800), ("500ms", 0.5)],
)  # fmt: skip
def test_durations_have_a_unit(text: str, seconds: float) -> None:
    assert read_duration(value_of(text), 0, 1e9) == seconds


@pytest.mark.parametrize("text", ["120", "5 minuts", "s", "-5s", "1e3 s", "[5s]", "~"])
def test_a_duration_without_sense_is_a_fault(text: str) -> None:
    node = value_of(text)
    assert read_duration(node, 0, 1e9) is None
    assert complaints(node)[0].endswith("expected a duration such as 5s, 10 min or 90 days")


def test_a_duration_out_of_range_says_the_range_in_words() -> None:
    node = value_of("3 days")
    assert read_duration(node, 1, 12 * 3600) is None
    assert complaints(node) == ["f.yaml:1:4: 3 days is out of range, expected a duration from 1 s to 12 h"]


@settings(deadline=None)
@given(st.integers(1, 4000 * 86400))
def test_a_duration_that_is_written_reads_back(seconds: int) -> None:
    assert read_duration(value_of(duration_text(seconds)), 0, 1e12) == seconds


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("north", "'north' stands here, expected a number"),
        ("'5'", "'5' stands here, expected a number"),
        ("[5]", "a list stands here, expected a number"),
        ("", "nothing stands here, expected a number"),
        ("11", "11 is out of range, expected a number from -10 to 10"),
        ("9" * 400, f"{'9' * 60}… is out of range, expected a number from -10 to 10"),
    ],
)
def test_a_number_that_is_none_says_what_stands_there(text: str, complaint: str) -> None:
    node = value_of(text)
    assert node.number(-10, 10) is None
    assert complaints(node) == [f"f.yaml:1:{4 if text else 3}: {complaint}"]


def test_a_whole_number_has_no_fraction() -> None:
    node = value_of("2.5")
    assert node.integer(0, 9) is None
    assert complaints(node) == ["f.yaml:1:4: '2.5' stands here, expected a whole number"]


def test_unknown_duplicate_and_missing_keys_are_told_together_with_a_near_miss() -> None:
    node = root_of("zone: 1\nzones: 2\nid: a\nid: b\n丁: 3\n")
    assert set(node.fields(("id", "zones", "kind"), ("kind",), "a shop")) == {"zones", "id"}
    assert complaints(node) == [
        "f.yaml:1:1: 'kind' is missing, a shop needs it",
        "f.yaml:1:1: unknown key 'zone' (did you mean 'zones'?), expected one of id, zones, kind",
        "f.yaml:4:1: duplicate key 'id', it stands already on line 3",
        "f.yaml:5:1: unknown key '丁', expected one of id, zones, kind",
    ]


@pytest.mark.parametrize("text", ["{id:door}", "{id：door}", "{id door}"])
def test_a_colon_without_its_space_is_told_as_that(text: str) -> None:
    node = root_of(text)
    node.fields(("id", "kind"))
    assert complaints(node) == ["f.yaml:1:2: a colon and a space are missing after 'id'"]


@pytest.mark.parametrize(
    ("name", "near"),
    [("recievers", "receivers"), ("Zones", "zones"), ("ＺＯＮＥＳ", "zones"), ("zzz", None), ("", None)],
)
def test_a_near_miss_is_suggested_whatever_its_case_and_width(name: str, near: str | None) -> None:
    assert did_you_mean(name, ["receivers", "zones"]) == (f" (did you mean {near!r}?)" if near else "")


@pytest.mark.parametrize(
    "text",
    [
        "mqtt://door:hunter2@broker",
        "{url: mqtt://x, password hunter2: 1}",
        "{password:hunter2}",
        "username door password hunter2",
        "[hunter2",
        "!hunter2 x",
        "*hunter2",
        "&hunter2 x",
        '"hunter2',
    ],
)
def test_a_secret_is_never_repeated(text: str) -> None:
    faults = Faults()
    node = parse_document(f"mqtt: {text}\n".encode(), "f.yaml", faults)
    for entry in node.entries() if node else []:
        entry[2].fields(("url", "password_file"))
        entry[2].items()
        entry[2].number(0, 1) if "//" in text else None
    assert faults.found
    assert "hunter2" not in "\n".join(str(fault) for fault in faults.found)


@pytest.mark.parametrize("text", [r'"\0"', r'"\e[31m"', r'"\ud800"'])
def test_control_characters_and_half_characters_are_no_text(text: str) -> None:
    faults = Faults()
    node = parse_document(f"k: {text}".encode(), "f.yaml", faults)
    entry = node.entry("k") if node else None
    assert entry is None or entry[1].text() is None
    assert len(faults.found) == 1


def test_faults_are_bounded() -> None:
    node = root_of("".join(f"key{number}: 1\n" for number in range(5000)))
    node.fields(("id",))
    assert len(node.faults.found) == MAX_FAULTS


def test_each_leaves_out_what_had_faults() -> None:
    node = root_of("[1, x, 3]")
    assert list(each(node.items(), lambda item: item.integer(0, 9))) == [1, 3]


def test_a_file_is_read_no_further_than_a_document_may_reach() -> None:
    faults = Faults()
    assert read_document(Path("/dev/zero"), faults) is None
    assert faults.found[0].line == 0


def test_a_warning_is_no_error() -> None:
    node = root_of("a: 1")
    node.fault("odd", warning=True)
    assert node.faults.errors() == []


TEXT = st.text(st.sampled_from("ab丁 \n\t:-[]{},'\"#&*!|>%@`\\?~019.\r\ufeff\x85\u2028\x00"), max_size=60)


@settings(deadline=None)
@given(st.binary(max_size=80) | TEXT.map(lambda text: text.encode()))
def test_any_bytes_can_be_read_in_any_way(raw: bytes) -> None:
    faults = Faults()
    node = parse_document(raw, "f.yaml", faults)
    if node is None:
        assert len(faults.found) == 1
        return
    node.data()
    node.fields(("a", "b"), ("a",))
    for item in [node, *node.items()]:
        item.text()
        item.number(0, 9)
        item.integer(0, 9)
        item.boolean()
        item.choice(("a", "b"))
        read_duration(item, 0, 9)
    assert all("\n" not in str(fault) for fault in faults.found)
