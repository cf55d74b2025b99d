"""Why a radio does not hear, as each driver puts it, is said again in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.retold import retold

ROOT = Path(__file__).resolve().parents[1]
CODE = [
    *sorted(ROOT.glob("drivers/*.py")),
    *(ROOT / "gateway" / "receiving" / f"{name}.py" for name in ("hearing", "receivers")),
]
RAISED = ("RadioError", "_AdapterError", "_ScanError", "_SilenceError", "report", "_report")
KEPT = ("reason", "unknown", "state, reason", "_TOO_LONG", "_NOTHING", "_NEVER", "_OTHERS")


def texts(node: ast.AST) -> Iterator[str]:
    """Yield texts as they would be said, with something in the place of each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value.replace("{}", "x9")
    elif isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "x9" for part in node.values)
        yield "".join(parts).replace("{}", "x9")
    elif isinstance(node, ast.Tuple):
        yield from texts(node.elts[-1])


def reasons(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 2 and ast.unparse(node.func).split(".")[-1] in RAISED:
            if ast.unparse(node.args[0]) != "RadioState.HEARING":
                yield from texts(node.args[1])
        elif isinstance(node, ast.Tuple) and ast.unparse(node).startswith("(RadioState."):
            yield from texts(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).strip("()") in KEPT:
            yield from texts(node.value)


SAID = {reason for file in CODE for reason in reasons(ast.parse(file.read_text(encoding="utf-8")))}
REASONS = sorted(reason for reason in SAID if re.search("[a-z]{2}", reason))


def test_the_reasons_are_found() -> None:
    assert len(REASONS) > 40


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_a_radio_is_said_again_in_chinese(reason: str) -> None:
    told = retold(f"receiver door is failed: {reason}")
    assert told.startswith("接收器 door 故障：")
    assert re.search("[\u4e00-\u9fff]", told.removeprefix("接收器 door 故障：")), told
