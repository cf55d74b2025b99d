"""The scripts a stranger meets first. What they would do to a machine is replaced by shell functions that record it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts"
EVERY_SCRIPT = [file for folder in (SCRIPTS, ROOT / ".ci") for file in folder.iterdir() if file.is_file()]
PLAIN_USER = "id() { echo 1000; }\n"
SUPERUSER = "id() { echo 0; }\n"
APT_THAT_RECORDS = 'env() { shift; "$@"; }\napt-get() { echo "apt-get $*" >&2; }\n'
BROKER_THAT_RECORDS = 'stop_installed_broker() { echo "the broker was stopped" >&2; }\n'
NO_SUDO = 'sudo() { return 1; }\ncommand() { [ "$2" != sudo ] && builtin command "$@"; }\n'


def shell(body: str, setup: Path = SCRIPTS / "setup.sh") -> subprocess.CompletedProcess[str]:
    """Run a body that has sourced the shared part, with no input."""
    return subprocess.run(
        ["bash", "-uo", "pipefail", "-c", f'. "{setup}"\n{body}', "a-script"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("script", EVERY_SCRIPT, ids=lambda script: script.name)
def test_a_script_is_sound_shell_and_can_be_started(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], check=False, timeout=30).returncode == 0
    assert os.access(script, os.X_OK) == script.read_text().startswith("#!/usr/bin/env bash\n")
    assert os.access(script, os.X_OK) != (script.suffix == ".sh")


def test_ci_runs_what_a_developer_runs() -> None:
    assert "exec ./scripts/test" in (ROOT / ".ci/run").read_text()


def test_missing_packages_are_installed_all_at_once() -> None:
    ran = shell(f"{SUPERUSER}{APT_THAT_RECORDS}need bash:bash no-such-one:one no-such-two:two")
    assert ran.returncode == 0
    assert "apt-get install -qq -y --no-install-recommends one two" in ran.stderr


def test_a_broker_that_came_with_its_package_does_not_stay_running() -> None:
    stubs = SUPERUSER + APT_THAT_RECORDS + BROKER_THAT_RECORDS
    assert "the broker was stopped" in shell(f"{stubs}need no-such:mosquitto").stderr
    assert "the broker was stopped" not in shell(f"{stubs}need no-such:mosquitto-clients").stderr


def test_without_rights_one_line_says_what_to_install() -> None:
    ran = shell(f"{PLAIN_USER}{APT_THAT_RECORDS}{NO_SUDO}need no-such-one:one no-such-two:two")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        "a-script: Debian packages are missing; run this and try again: sudo apt-get install one two"
    ]


def test_without_a_fit_python_one_line_says_so(tmp_path: Path) -> None:
    stubs = "".join(f"{name}() {{ return 1; }}\n" for name in ("python3", "python3.11", "python3.12", "python3.13"))
    ran = shell(f"venv={tmp_path}\n{stubs}need")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == ["a-script: a 64-bit Python 3.11 or newer is needed, and there is none here"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout small enough to see what sets its environment up, and how often."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPTS / "setup.sh", folder / "scripts")
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "requirements.lock").write_text("one==1\n")
    return folder


def prepares(checkout: Path) -> bool:
    """Tell whether the environment was set up, and not found to be up to date."""
    stubs = (
        f'make_venv() {{ mkdir -p "$venv/bin"; ln -sf {sys.executable} "$venv/bin/python"; }}\n'
        'fill_venv() { echo "filled from ${1##*/}"; }\n'
    )
    ran = shell(stubs + "prepare_venv requirements.lock", checkout / "scripts" / "setup.sh")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout == "filled from requirements.lock\n"


def test_the_environment_is_set_up_once(checkout: Path) -> None:
    assert prepares(checkout)
    assert not prepares(checkout)


@pytest.mark.parametrize("file", ["requirements.lock", "pyproject.toml"])
def test_the_environment_follows_the_files_that_define_it(checkout: Path, file: str) -> None:
    prepares(checkout)
    with (checkout / file).open("a") as text:
        text.write("# more\n")
    assert prepares(checkout)
    assert not prepares(checkout)


def test_what_npm_installs_is_installed_once_and_without_running_it(checkout: Path) -> None:
    folder = checkout / "tests" / "asyncapi"
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_text("{}\n")

    def installs(npm: str) -> subprocess.CompletedProcess[str]:
        return shell(f"npm() {{ {npm}; }}\nprepare_node tests/asyncapi", checkout / "scripts" / "setup.sh")

    assert installs("return 1").returncode == 1
    assert "--ignore-scripts" in installs('echo "npm $*"').stderr
    assert installs("return 1").stderr == ""
    (folder / "package-lock.json").write_text("{ }\n")
    assert "npm ci" in installs('echo "npm $*"').stderr


def test_a_checkout_that_was_moved_is_set_up_again(checkout: Path) -> None:
    prepares(checkout)
    assert prepares(checkout.rename(checkout.with_name("elsewhere")))


def test_a_set_up_that_failed_is_tried_again(checkout: Path) -> None:
    failing = "make_venv() { :; }\nfill_venv() { fail 'no network'; }\nprepare_venv requirements.lock"
    ran = shell(failing, checkout / "scripts" / "setup.sh")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == "a-script: no network"
    assert prepares(checkout)


def install(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [SCRIPTS / "install", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def files_under(place: Path) -> set[str]:
    return {found.relative_to(place).as_posix() for found in place.rglob("*") if not found.is_dir()}


def test_installing_twice_keeps_the_shops_own_configuration(tmp_path: Path) -> None:
    assert install("--root", tmp_path).returncode == 0
    placed = files_under(tmp_path)
    settings = tmp_path / "etc/hushbell/hushbell.yaml"
    assert settings.read_text() == (ROOT / "config/hushbell.yaml").read_text()
    assert settings.stat().st_mode & 0o777 == 0o640
    settings.write_text("store: {id: ours}\n")
    assert install("--root", tmp_path).returncode == 0
    assert settings.read_text() == "store: {id: ours}\n"
    assert files_under(tmp_path) == placed


def test_the_right_to_start_bluetoothd_anew_is_laid_where_polkit_looks(tmp_path: Path) -> None:
    install("--root", tmp_path)
    rule = tmp_path / "etc/polkit-1/rules.d/50-hushbell.rules"
    assert rule.read_text() == (ROOT / "systemd/hushbell.rules").read_text()
    assert rule.stat().st_mode & 0o777 == 0o644, "polkit reads as a user of its own"
    (rule.parent / "60-ours.rules").touch()
    install("--remove", "--root", tmp_path)
    assert [each.name for each in rule.parent.iterdir()] == ["60-ours.rules"]


def test_removing_leaves_configuration_and_state_and_purging_nothing(tmp_path: Path) -> None:
    install("--root", tmp_path)
    (tmp_path / "var/lib/hushbell/state.db").touch()
    assert install("--remove", "--root", tmp_path).returncode == 0
    assert files_under(tmp_path) == {"etc/hushbell/hushbell.yaml", "var/lib/hushbell/state.db"}
    assert install("--remove", "--purge", "--root", tmp_path).returncode == 0
    assert files_under(tmp_path) == set()


def test_removing_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    assert install("--remove", "--root", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--root"], 1), (["--purge", "--root", "/nowhere"], 1), (["--removed"], 2)]
)
def test_a_wrong_call_changes_nothing(arguments: list[str], status: int) -> None:
    ran = install(*arguments)
    assert ran.returncode == status
    assert ran.stdout == ""


def test_installing_without_rights_says_so_in_one_line() -> None:
    environment = os.environ | {"BASH_FUNC_id%%": "() { echo 1000; }"}
    ran = subprocess.run(
        [SCRIPTS / "install"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (1, "install: root's rights are needed: sudo ./scripts/install\n")
