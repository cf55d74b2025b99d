from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from gateway import shipped
from gateway.shipped import shipped_folder, shipped_rules, start_file


def make(folder: Path) -> Path:
    (folder / "rules").mkdir(parents=True)
    for name in ("hushbell.yaml", "rules/b.yaml", "rules/a.yaml", "rules/a.test.yaml", "rules/notes.md"):
        (folder / name).touch()
    return folder


def move_the_code(monkeypatch: pytest.MonkeyPatch, to: Path) -> None:
    monkeypatch.setattr(shipped, "__file__", str(to / "gateway" / "shipped.py"))


def test_a_source_tree_uses_its_own_files() -> None:
    assert shipped_folder() == Path(__file__).resolve().parent.parent / "config"


def test_an_installed_copy_uses_the_prefixes_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = make(tmp_path / "prefix" / "share" / "hushbell")
    move_the_code(monkeypatch, tmp_path / "site-packages")
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path / "prefix"))
    assert shipped_folder() == installed
    assert start_file() == installed / "hushbell.yaml"


def test_somebody_elses_config_folder_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = make(tmp_path / "prefix" / "share" / "hushbell")
    (tmp_path / "site-packages" / "config").mkdir(parents=True)
    move_the_code(monkeypatch, tmp_path / "site-packages")
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path / "prefix"))
    assert shipped_folder() == installed


def test_rules_go_by_their_files_names_and_tests_are_no_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "config")
    move_the_code(monkeypatch, tmp_path)
    assert shipped_rules() == {"a": folder / "rules" / "a.yaml", "b": folder / "rules" / "b.yaml"}


def test_a_broken_installation_ships_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_the_code(monkeypatch, tmp_path)
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path / "prefix"))
    assert shipped_rules() == {}
