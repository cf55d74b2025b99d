"""What the documents say is there: files they link to, commands they show, and the same in both languages."""

from __future__ import annotations

import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import parser

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
READMES = ("README.md", "README.zh-CN.md")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def read(name: str) -> str:
    return (ROOT / name).read_text()


def code_blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def dead_links(document: Path) -> Iterator[str]:
    for target in LINK.findall(document.read_text()):
        if "://" not in target and not (document.parent / target).exists():
            yield target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    assert list(dead_links(document)) == []


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("[a](page.md) [b](https://example.com) [c](gone.md#top)")
    assert list(dead_links(document)) == ["gone.md"]


def test_every_page_is_in_the_index() -> None:
    for folder in (ROOT / "docs", ROOT / "docs/decisions"):
        index = (folder / "README.md").read_text()
        pages = [page.name for page in folder.glob("*.md") if page.name != "README.md"]
        assert [page for page in pages if f"({page})" not in index] == []


def test_both_readmes_show_the_same_commands() -> None:
    commands = [[re.sub(r"\s*#.*", "", block) for block in code_blocks(read(name))] for name in READMES]
    assert commands[0] == commands[1]


def test_both_readmes_have_the_same_parts() -> None:
    shapes = [re.findall(r"^(?:#+ |\||- )", read(name), re.MULTILINE) for name in READMES]
    assert shapes[0] == shapes[1]


def test_the_six_lines_are_those_a_new_shop_gets() -> None:
    start = [line for line in read("config/hushbell.yaml").splitlines() if line and not line.startswith("#")]
    assert start == next(block for block in code_blocks(read("README.md")) if block.startswith("store:")).splitlines()


def commands_of(of: ArgumentParser, prefix: str = "") -> Iterator[str]:
    """Yield every command that the command line knows, such as `rules test`."""
    branches = [action for action in of._actions if isinstance(action, _SubParsersAction)]
    for branch in branches:
        for name, below in branch.choices.items():
            yield from commands_of(below, f"{prefix}{name} ")
    if not any(branch.required for branch in branches):
        yield prefix.strip()


def commands_in(text: str) -> Iterator[str]:
    """Yield every command in a README's table, `members put\\|remove` taken apart."""
    for row in re.findall(r"^\| `hushbell ([^`]+)`", text, re.MULTILINE):
        words = [word for word in row.split() if word.strip("[]").islower()]
        family, names = words[:-1], words[-1].split("\\|")
        yield from (" ".join([*family, name]) for name in names)


@pytest.mark.parametrize("readme", READMES)
def test_a_readme_lists_every_command_and_no_other(readme: str) -> None:
    assert set(commands_in(read(readme))) == set(commands_of(parser()))


@pytest.mark.parametrize("readme", READMES)
def test_a_readme_starts_with_what_a_stranger_runs(readme: str) -> None:
    assert [command for command in ("./scripts/demo", "./scripts/test") if command not in read(readme)] == []
