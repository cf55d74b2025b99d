from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from gateway import shipped
from gateway.commandline.rehearsal import drive
from gateway.configuration.configfile import DEFAULT_RULES
from gateway.shipped import shipped_folder, shipped_rules, start_file
from rules.coverage import Coverage
from rules.document import Faults
from rules.loader import load_rules
from rules.model import Alert
from rules.rule_tests import run_test_file


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


def test_all_shipped_rules_stand_in_one_shop_and_the_first_scenes_are_on() -> None:
    faults = Faults()
    groups, zones = {"floor", "shelf", "designer", "counter"}, {"counter"}
    rules = load_rules(shipped_rules().values(), faults, groups, zones)
    assert faults.found == []
    assert {rule.name for rule in rules} == set(shipped_rules())
    assert set(DEFAULT_RULES) < set(shipped_rules())


def test_every_shipped_alert_is_written_in_both_languages_with_the_same_placeholders() -> None:
    alerts = [rule.action for rule in load_rules(shipped_rules().values(), Faults()) if isinstance(rule.action, Alert)]
    assert alerts
    for alert in alerts:
        slots = [
            sorted(part.name for segment in template.segments for part in segment if not isinstance(part, str))
            for template in alert.texts.values()
        ]
        assert len(slots) == 2
        assert slots[0] == slots[1]


def test_all_of_them_fire_in_one_day_under_the_caps() -> None:
    coverage = Coverage()
    report = run_test_file(shipped_folder() / "rules" / "whole-day.test.yaml", coverage, drive)
    assert report.status == 0
    assert coverage.summary().startswith(f"{len(shipped_rules())} of {len(shipped_rules())} rules fired")


def test_the_page_of_scenes_names_every_shipped_rule() -> None:
    page = (shipped_folder().parent / "docs" / "scenes.md").read_text(encoding="utf-8")
    assert [name for name in shipped_rules() if f"| `{name}`" not in page] == []
