"""One of the example back ends, run as its reader runs it, in a folder of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
MODULES = ROOT / ".node" / "examples" / "nodejs" / "node_modules"
"""Where scripts/test lets npm install what the example in Node.js needs."""

MEMBER = EXAMPLES / "member.json"
WAIT_S = 20.0

Language = Literal["python", "nodejs"]
LANGUAGES: tuple[Language, ...] = ("python", "nodejs")


def example_source(language: Language) -> Path:
    return EXAMPLES / language / ("back_end.py" if language == "python" else "back-end.mjs")


class VirtualExample:
    """Runs between entering and leaving, and may be entered again; `lines` are all that it ever printed."""

    def __init__(self, language: Language, folder: Path, url: str, member: Path = MEMBER) -> None:
        self.name = f"{language}-back-end"
        self.lines: list[str] = []
        self._folder = folder
        self._command = [*_interpreter(language, folder), url, str(member)]
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> VirtualExample:
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, args=[self._process])
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_until(self, condition: Callable[[], object], timeout_s: float = WAIT_S) -> None:
        """Wait until a condition over the lines holds. Raises AssertionError with all of them."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s), "\n".join(self.lines)

    def wait_for(self, part: str, timeout_s: float = WAIT_S) -> None:
        """Wait until a line with this part was printed."""
        self.wait_until(lambda: any(part in line for line in self.lines), timeout_s)

    def events(self, type_: str = "") -> list[dict[str, Any]]:
        """Return the `data` of the events that it printed, of one type."""
        words = [line.split(" ", 3) for line in self.lines if " hushbell." in line]
        return [json.loads(data) for _, _, event_type, data in words if event_type.endswith(type_)]


def _interpreter(language: Language, folder: Path) -> list[str]:
    if language == "python":
        return [sys.executable, "-u", str(example_source("python"))]
    if shutil.which("node") is None or not MODULES.exists():
        pytest.skip("npm did not install what the example in Node.js needs")
    program = folder / "back-end.mjs"  # beside its packages, as `npm ci` would have placed them
    shutil.copy(example_source("nodejs"), program)
    (folder / "node_modules").symlink_to(MODULES)
    return ["node", str(program)]
