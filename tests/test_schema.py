"""The JSON Schema of rule files: editors refuse what the loader refuses, as far as a schema can see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from virtual_rules import load

from rules import schema
from rules.document import Faults, parse_document

ROOT = Path(__file__).resolve().parents[1]
VALIDATOR = Draft202012Validator(schema.document())
SHIPPED = [path for path in sorted((ROOT / "config" / "rules").glob("*.yaml")) if ".test." not in path.name]
MUST_FAIL = [
    path for path in sorted((ROOT / "tests" / "rules_that_must_fail").glob("*.yaml")) if ".test." not in path.name
]
BEYOND_A_SCHEMA = re.compile(
    "|".join(
        [
            r"unknown (group|zone|name|function|placeholder) ",
            r"does not fit|gives \w+, expected true|'and' stands here|ends too early",
            r"out of range, expected (?!a whole number)|nested too deeply",
            r"\d+ per (day|rule)' stands here|'25:00'|begins and ends at once",
            r"stands already|a second cap|already, expected another|is over by then",
            r"declared (nowhere|otherwise)|of the declared type, \w+$|has parts|means nothing|is not for staff",
            r"a single '|without quotes|without braces",
            r"what shows|which counter|(claim|sign-up) does not go with",
        ]
    )
)


class Item(NamedTuple):
    """One item of a rule file: as an editor reads it, and what the loader says of it."""

    line: int
    value: Any
    faults: list[str]


def items(text: str) -> Iterator[Item]:
    root = parse_document(text.encode(), "rules.yaml", Faults())
    assert root is not None
    nodes = root.items()
    _, faults = load(text)
    ends = [*(node.line for node in nodes[1:]), 1 << 30]
    for node, end in zip(nodes, ends, strict=True):
        yield Item(node.line, node.data(), [fault for fault in faults if node.line <= int(fault.split(":")[0]) < end])


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema.document())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_rules_are_valid(path: Path) -> None:
    for item in items(path.read_text(encoding="utf-8")):
        assert [error.message for error in VALIDATOR.iter_errors([item.value])] == []


@pytest.mark.parametrize("path", MUST_FAIL, ids=lambda path: path.stem)
def test_it_refuses_what_the_loader_refuses_by_shape_alone(path: Path) -> None:
    for item in items(path.read_text(encoding="utf-8")):
        by_shape = [fault for fault in item.faults if not BEYOND_A_SCHEMA.search(fault)]
        assert VALIDATOR.is_valid([item.value]) == (not by_shape), (item.line, by_shape)


def test_a_file_is_a_list() -> None:
    assert not VALIDATOR.is_valid({"name": "x", "on": "arrived", "offer": {"id": "x"}})
