from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAMPLES = {
    "a mark": "@pytest.mark.skip(reason='by mark')\ndef test_it():\n    pass\n",
    "a call": "def test_it():\n    pytest.skip('by call')\n",
    "a fixture": "@pytest.fixture\ndef it():\n    pytest.skip('by fixture')\ndef test_it(it):\n    pass\n",
    "a module": "pytest.skip('by module', allow_module_level=True)\n",
    "no skip": "@pytest.mark.xfail(reason='known')\ndef test_it():\n    raise ValueError\n",
}


def run_samples(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(HERE / "conftest.py", folder)
    for name, body in SAMPLES.items():
        (folder / f"test_{name.replace(' ', '_')}.py").write_text("import pytest\n" + body)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=importlib", *options, "."]
    paths = f"{HERE.parent}{os.pathsep}{HERE}"
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200", "PYTHONPATH": paths}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_skip_fails_where_none_may_and_says_why(tmp_path: Path) -> None:
    run = run_samples(tmp_path, "--no-skips", "--continue-on-collection-errors")
    assert run.returncode == 1
    assert "1 failed, 1 xfailed, 3 errors" in run.stdout
    for reason in ("by mark", "by call", "by fixture", "by module"):
        assert reason in run.stdout


def test_a_skip_is_no_fault_elsewhere(tmp_path: Path) -> None:
    run = run_samples(tmp_path)
    assert run.returncode == 0
    assert "4 skipped, 1 xfailed" in run.stdout
