"""The walls of the project: who may import whom, where clocks are read, what no file may say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("drivers", "rules", "gateway")
KNOWS = {"drivers": {"drivers"}, "rules": {"rules"}, "gateway": {"gateway", "drivers", "rules"}}
"""What each package may import of ours."""

HOME_OF = {
    "aiosqlite": "gateway/store/database.py",
    "bleak": "drivers/ble.py",
    "cel_expr_python": "rules/condition.py",
    "cryptography": "gateway/ciphers.py",
    "dbus_fast": "drivers/bluez_watch.py",
    "h11": "gateway/guest/web.py",
    "iotcore": "gateway/demo/broker.py",
    "paho": "gateway/mqtt/link.py",
    "pyroute2": "drivers/netlink.py",
    "scapy": "drivers/wifi.py",
    "segno": "gateway/qrcodes.py",
    "sqlite3": "gateway/store/database.py",
    "yaml": "rules/composer.py",
}
"""The one file that may import each foreign library."""

MODELS = {"msgspec": "gateway/"}
"""Libraries that all of a package may import: what messages are declared, read and written with."""

CLOCK_FILE = "gateway/clock.py"
CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "clock_gettime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
"""Calls that read a clock, by the name they are reached through."""

PURE = (
    "gateway/contract/",
    "gateway/core.py",
    "gateway/crowd/",
    "gateway/deciding/",
    "gateway/identity/",
    "gateway/journal/difference.py",
    "gateway/journal/entries.py",
    "gateway/journal/player.py",
    "gateway/journal/recorder.py",
    "gateway/presence/",
    "gateway/receiving/drift.py",
    "gateway/receiving/hearing.py",
    "gateway/receiving/recovery.py",
    "gateway/senses.py",
    "rules/engine.py",
)
IMPURE_MODULES = {"asyncio", "socket", "subprocess", "threading", "time", "random", "secrets", "gateway.clock"}
FILE_ACCESS = {"open", ".read_text", ".read_bytes", ".write_text", ".write_bytes"}
"""What must not wait, touch files or read clocks, by the start of the path."""

Tree = Mapping[str, ast.Module]
"""Modules by their path below the root."""


@cache
def read_tree() -> Tree:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text()) for file in files}


def module_name(path: str) -> str:
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: ast.Module) -> Iterator[str]:
    """Yield each dotted name that may be a module, those under `if TYPE_CHECKING` and inside functions too."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(name: str) -> str:
    return name.partition(".")[0]


def crossed_walls(tree: Tree) -> Iterator[str]:
    for path, module in tree.items():
        ours = {top(name) for name in imports(module)} & {*PACKAGES, "tests"}
        yield from (f"{path} imports {name}" for name in ours - KNOWS[path.partition("/")[0]])


def strayed_libraries(tree: Tree) -> Iterator[str]:
    for path, module in tree.items():
        for name in {top(name) for name in imports(module)}:
            if name in HOME_OF and HOME_OF[name] != path:
                yield f"{path} imports {name}, which belongs to {HOME_OF[name]}"
            elif name in MODELS and not path.startswith(MODELS[name]):
                yield f"{path} imports {name}, which belongs to {MODELS[name]}"
            elif name not in {*HOME_OF, *MODELS} and name not in sys.stdlib_module_names and name not in PACKAGES:
                yield f"{path} imports {name}, which has no home"


def hidden_imports(tree: Tree) -> Iterator[str]:
    for path, module in tree.items():
        for node in ast.walk(module):
            if isinstance(node, ast.ImportFrom) and node.level:
                yield f"{path}:{node.lineno} imports relatively"
            if isinstance(node, ast.Name | ast.Attribute) and last_name(node) in ("import_module", "__import__"):
                yield f"{path}:{node.lineno} imports by a name that no tool sees"


def last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def named(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else f".{node.attr}"


def import_cycles(tree: Tree) -> Iterator[str]:
    names = {module_name(path): path for path in tree}
    graph = {name: {other for other in imports(tree[path]) if other in names} for name, path in names.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield " -> ".join(error.args[1])


def clock_readings(tree: Tree) -> Iterator[str]:
    for path, module in tree.items():
        if path == CLOCK_FILE:
            continue
        for node in ast.walk(module):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS.get(last_name(node.value), ()):
                yield f"{path}:{node.lineno} reads {last_name(node.value)}.{node.attr}"
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                taken = {alias.name for alias in node.names} & CLOCKS["time"]
                yield from (f"{path}:{node.lineno} takes {name} from time" for name in taken)


def impurities(tree: Tree) -> Iterator[str]:
    for path, module in tree.items():
        if not path.startswith(PURE):
            continue
        yield from (f"{path} imports {name}" for name in imports(module) if name in IMPURE_MODULES)
        for node in ast.walk(module):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                yield f"{path}:{node.lineno} waits"
            if isinstance(node, ast.Name | ast.Attribute) and named(node) in FILE_ACCESS:
                yield f"{path}:{node.lineno} touches files: {named(node)}"


Check = Callable[[Tree], Iterator[str]]
LAWS: dict[Check, list[tuple[str, str]]] = {
    crossed_walls: [
        ("drivers/ble.py", "import gateway.configuration.config"),
        ("drivers/ble.py", "from rules import situation"),
        ("rules/engine.py", "from drivers.sighting import Sighting"),
        ("rules/engine.py", "def f() -> None:\n    import gateway"),
        ("gateway/core.py", "import tests.virtual_walks"),
    ],
    strayed_libraries: [
        ("gateway/core.py", "import bleak"),
        ("gateway/core.py", "from paho.mqtt import client"),
        ("gateway/mqtt/publisher.py", "import sqlite3"),
        ("gateway/core.py", "import requests"),
        ("rules/engine.py", "import msgspec"),
    ],
    hidden_imports: [
        ("gateway/core.py", "from . import clock"),
        ("gateway/core.py", "import importlib\nimportlib.import_module('bleak')"),
        ("gateway/core.py", "__import__('bleak')"),
    ],
    import_cycles: [("rules/engine.py", "import rules.engine")],
    clock_readings: [
        ("gateway/core.py", "import time\ntime.time()"),
        ("drivers/ble.py", "import time\nclock = time.monotonic"),
        ("drivers/ble.py", "from time import time_ns"),
        ("gateway/core.py", "from datetime import datetime\ndatetime.now()"),
        ("gateway/core.py", "import datetime\ndatetime.date.today()"),
    ],
    impurities: [
        ("gateway/core.py", "import asyncio"),
        ("gateway/core.py", "from gateway import clock"),
        ("gateway/presence/visits.py", "async def f() -> None: ..."),
        ("rules/engine.py", "open('x')"),
        ("rules/engine.py", "from pathlib import Path\nPath('x').read_text()"),
    ],
}
BREACHES = [
    pytest.param(law, path, source, id=f"{law.__name__}-{i}")
    for law, cases in LAWS.items()
    for i, (path, source) in enumerate(cases)
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_walls_stand(law: Check) -> None:
    assert list(law(read_tree())) == []


@pytest.mark.parametrize(("law", "path", "source"), BREACHES)
def test_a_breach_is_seen(law: Check, path: str, source: str) -> None:
    assert list(law({path: ast.parse(source)}))


def test_a_cycle_through_several_modules_is_seen() -> None:
    around = {
        "rules/a.py": "from rules import b",
        "rules/b.py": "import rules.c",
        "rules/c.py": "from rules.a import x",
    }
    assert list(import_cycles({path: ast.parse(source) for path, source in around.items()}))


def test_every_library_has_its_home() -> None:
    tree = read_tree()
    at_home = {name for name, path in HOME_OF.items() if path in tree and name in map(top, imports(tree[path]))}
    assert at_home == set(HOME_OF)


MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:home/|Users/|root/)[\w.]+")
REGISTRY = re.compile(r"(?:pypi|pythonhosted|npmjs|piwheels|crates|debian)\.(?:org|io|com)\b", re.IGNORECASE)
ADDRESS_IN_A_LOCK = re.compile(r"://|index-url|find-links|trusted-host")


def shared_files() -> list[Path]:
    """Return the files that are, or are about to be, in the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so nobody knows which files are the repository's")
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    command += ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def indiscretions(name: str, text: str) -> Iterator[str]:
    """Yield what a file tells of the machine it was written on, or of where its packages came from."""
    yield from (f"{name}: {found}" for found in MACHINE_PATH.findall(text))
    yield from (f"{name}: {found}" for found in REGISTRY.findall(text))
    if name.endswith((".lock", ".toml", ".txt")):
        yield from (f"{name}: {found}" for found in ADDRESS_IN_A_LOCK.findall(text))
    if f"{ROOT}/" in text or f"{ROOT}\n" in text:
        yield f"{name}: the checkout's own place"


def test_no_file_tells_of_this_machine() -> None:
    found = [
        fault
        for file in shared_files()
        for fault in indiscretions(file.relative_to(ROOT).as_posix(), file.read_text(errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "see " + "/home" + "/lin/hushbell"),
        ("scripts/test", "PATH=" + "/root" + "/.local/bin"),
        ("gateway/cli.py", f"open('{ROOT}/x')"),
        ("docs/a.md", "from https://" + "pypi" + ".org/simple"),
        ("requirements.lock", "-i " + "https:" + "//packages.example"),
        ("requirements.lock", "--find-" + "links wheels"),
    ],
)
def test_an_indiscretion_is_seen(name: str, text: str) -> None:
    assert list(indiscretions(name, text))
