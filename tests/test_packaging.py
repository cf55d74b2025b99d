"""What a stranger gets: one wheel with everything in it, made from locks that agree with pyproject.toml."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("drivers", "gateway", "rules")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build from a copy, since building leaves its traces."""
    source = tmp_path_factory.mktemp("source")
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "config"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-W", "error", "-c", BUILD, str(source)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False, timeout=120)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(source / built.stdout.splitlines()[-1])


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_wheel_owns_these_top_levels_and_no_others(wheel: zipfile.ZipFile) -> None:
    version = pyproject()["project"]["version"]
    about, data = f"hushbell-{version}.dist-info", f"hushbell-{version}.data"
    assert {name.partition("/")[0] for name in wheel.namelist()} == {*PACKAGES, about, data}


def test_every_module_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    ours = {file.relative_to(ROOT).as_posix() for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    assert ours == {name for name in wheel.namelist() if name.endswith(".py")}


def test_every_shipped_file_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    prefix = f"hushbell-{pyproject()['project']['version']}.data/data/share/hushbell/"
    shipped = {file.relative_to(ROOT / "config").as_posix() for file in (ROOT / "config").rglob("*") if file.is_file()}
    assert shipped
    assert shipped == {name.removeprefix(prefix) for name in wheel.namelist() if name.startswith(prefix)}


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    about = f"hushbell-{pyproject()['project']['version']}.dist-info/"
    assert "hushbell = gateway.cli:main" in wheel.read(about + "entry_points.txt").decode()
    assert about + "licenses/LICENSE" in wheel.namelist()


def test_folders_without_python_stay_without() -> None:
    assert not [*(ROOT / "config").rglob("*.py"), *(ROOT / "systemd").rglob("*.py")]
    assert not list((ROOT / "tests").rglob("__init__.py"))


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it (PyPA, core metadata, name normalisation)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {normal(name): version for name, version in found}


def release(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def unmet(requirements: list[str], locked: dict[str, str]) -> list[str]:
    """Return the requirements, each `name>=version`, that a lock does not meet."""
    wanted = [requirement.split(">=") for requirement in requirements]
    return [name for name, least in wanted if release(locked.get(normal(name), "0")) < release(least)]


def test_the_locks_meet_pyproject() -> None:
    project = pyproject()["project"]
    building = pyproject()["build-system"]["requires"]
    assert unmet(project["dependencies"] + building, pins("requirements.lock")) == []
    assert unmet(project["optional-dependencies"]["test"], pins("requirements-test.lock")) == []


def test_the_tests_run_on_what_is_shipped() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-test.lock").items()


def test_a_lock_that_is_behind_is_seen() -> None:
    assert unmet(["PyYAML>=6.0.3", "bleak>=3.1", "new>=1"], {"pyyaml": "6.0.10", "bleak": "3.0.9"}) == ["bleak", "new"]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_every_pin_has_its_hashes(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    pinned = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z0-9]", line)]
    assert pinned
    assert [lines[number] for number in pinned if "--hash=sha256:" not in lines[number + 1]] == []
