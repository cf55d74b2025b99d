"""The service as systemd reads it: valid, told apart from a broken one, and shut in."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "systemd" / "hushbell.service"
BLUETOOTH = "[Service]\nType=dbus\nBusName=org.bluez\nExecStart=/bin/true\nStateDirectory=bluetooth\n"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Lay the service out below a folder, its program replaced by one that is there."""
    subprocess.run([ROOT / "scripts" / "install", "--root", tmp_path], check=True, timeout=30)
    unit = units_of(tmp_path) / UNIT.name
    unit.write_text(unit.read_text().replace("/opt/hushbell/bin/hushbell", "/bin/true"))
    (units_of(tmp_path) / "bluetooth.service").write_text(BLUETOOTH)
    return tmp_path


def units_of(place: Path) -> Path:
    return place / "usr/local/lib/systemd/system"


def verify(place: Path, unit: str) -> str:
    """Return what systemd has against a unit and its drop-ins. Its exit status says too little."""
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{units_of(place)}:"}
    command = ["systemd-analyze", "verify", "--man=no", unit]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60).stderr


def setting(name: str) -> list[str]:
    """Return the words that the service sets a name to."""
    found = re.search(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return found[1].split() if found else []


@pytest.mark.parametrize("unit", ["hushbell.service", "bluetooth.service", "var-lib-bluetooth.mount"])
def test_systemd_has_nothing_against_it(installed: Path, unit: str) -> None:
    assert verify(installed, unit) == ""


def test_systemd_would_say_what_is_wrong(installed: Path) -> None:
    unit, drop_in = (units_of(installed) / name for name in (UNIT.name, "bluetooth.service.d/hushbell.conf"))
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"))
    drop_in.write_text(drop_in.read_text().replace("RequiresMountsFor=", "RequiresMountFor="))
    assert "NoNewPrivilege" in verify(installed, "hushbell.service")
    assert "RequiresMountFor" in verify(installed, "bluetooth.service")


def exposure(unit: Path) -> float:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    report = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert found
    return float(found[1])


def test_it_is_shut_in() -> None:
    assert exposure(UNIT) <= 2.0


def test_an_open_door_is_seen(tmp_path: Path) -> None:
    opened = tmp_path / UNIT.name
    opened.write_text(
        re.sub(r"^(CapabilityBoundingSet|SystemCallFilter)=.*\n", "", UNIT.read_text(), flags=re.MULTILINE)
    )
    assert exposure(opened) > 2.0


def test_it_runs_as_a_user_with_the_capabilities_of_a_wifi_receiver() -> None:
    assert setting("User") == ["hushbell"]
    assert setting("AmbientCapabilities") == setting("CapabilityBoundingSet") == ["CAP_NET_RAW", "CAP_NET_ADMIN"]


def test_what_was_heard_reaches_no_disk() -> None:
    assert setting("LimitCORE") == setting("MemorySwapMax") == ["0"]
    assert setting("LimitMEMLOCK") == ["infinity"]


def test_python_imports_only_what_was_installed() -> None:
    assert {"PYTHONSAFEPATH=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONNOUSERSITE=1"} <= set(setting("Environment"))


def test_it_says_when_it_is_ready_and_that_it_lives() -> None:
    assert setting("Type") == ["notify"]
    assert setting("NotifyAccess") == ["main"]
    assert int(setting("WatchdogSec")[0]) > 0
    assert setting("Restart") == ["on-failure"]


def test_its_right_to_start_bluetoothd_anew_is_for_that_user_unit_and_verb_alone() -> None:
    rule = (ROOT / "systemd" / "hushbell.rules").read_text()
    code = " ".join(re.sub(r"^//.*\n", "", rule, flags=re.MULTILINE).split())
    whole = re.fullmatch(
        r"polkit\.addRule\(function\(action, subject\) \{ if \((.*)\) \{ return polkit\.Result\.YES; \} \}\);", code
    )
    assert whole, "one rule, which says yes or nothing"
    assert whole[1].split(" && ") == [
        'action.id == "org.freedesktop.systemd1.manage-units"',
        f'subject.user == "{setting("User")[0]}"',
        'action.lookup("unit") == "bluetooth.service"',
        'action.lookup("verb") == "restart"',
    ]


def test_the_user_may_speak_with_bluez(tmp_path: Path) -> None:
    for name in ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    users = ROOT / "systemd" / "hushbell.sysusers"
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", users], check=True, capture_output=True, timeout=30)
    groups = (tmp_path / "etc/group").read_text()
    assert re.search(r"^hushbell:", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)
    assert re.search(r"^bluetooth:.*:hushbell$", groups, re.MULTILINE)
