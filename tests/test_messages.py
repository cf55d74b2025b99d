from __future__ import annotations

import ast
import errno
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import rules.chinese
from gateway.store.database import Reason
from rules.chinese import CHINESE
from rules.messages import CAUSES, Language, language_of, say, say_why

ROOT = Path(__file__).resolve().parent.parent
SPEAKERS = (
    *(ROOT / "rules" / f"{name}.py" for name in ("actions", "composer", "condition", "context", "declarations")),
    *(ROOT / "rules" / f"{name}.py" for name in ("document", "hours", "loader", "payload", "text", "triggers")),
    *(ROOT / "rules" / f"{name}.py" for name in ("coverage", "rule_tests", "scenario", "steps", "vocabulary")),
    ROOT / "gateway" / "crowd" / "settings.py",
    *(ROOT / "gateway" / "calibrate" / f"{name}.py" for name in ("amend", "crowd", "marks", "report", "walk", "zones")),
    ROOT / "gateway" / "guest" / "settings.py",
    *(ROOT / "gateway" / "configuration" / f"{name}.py" for name in ("configfile", "configvalues", "layout")),
    *(ROOT / "gateway" / "commandline" / f"{name}.py" for name in ("backup", "check", "question", "tryout")),
    ROOT / "gateway" / "control.py",
)


def placeholders(text: str) -> set[tuple[str, str | None]]:
    return {(name, conversion) for _, name, _, conversion in Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_environments(environment: dict[str, str], language: Language) -> None:
    assert language_of(environment) == language


@pytest.mark.usefixtures("chinese")
def test_chinese_is_spoken_with_the_same_values() -> None:
    assert say("{count} zones", count=2) == "2 个区域"
    assert say("nobody translated {this}", this=1) == "nobody translated 1"


def test_a_text_without_values_keeps_its_braces() -> None:
    assert say("{receiver: door}") == "{receiver: door}"


def test_nothing_has_two_chinese_twins() -> None:
    parts = [part for name, part in vars(rules.chinese).items() if name.isupper() and name != "CHINESE"]
    assert [english for part in parts for english, said in part.items() if CHINESE[english] != said] == []


@pytest.mark.parametrize(("english", "chinese"), CHINESE.items())
def test_twins_have_the_same_placeholders(english: str, chinese: str) -> None:
    assert placeholders(chinese) == placeholders(english)


def spoken(tree: ast.AST) -> Iterator[str]:
    """Yield the literal messages that a module gives to whatever speaks them."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in (
                "say",
                "told",
                "fault",
                "unexpected",
                "misshapen",
                "items",
                "RefusedError",
                "_matching",
                "read_like",
            ):
                for argument in call.args:
                    yield from literals(argument)


def literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


@pytest.mark.parametrize("module", SPEAKERS, ids=lambda path: path.stem)
def test_every_message_on_the_installers_path_has_a_chinese_twin(module: Path) -> None:
    messages = set(spoken(ast.parse(module.read_text(encoding="utf-8"))))
    assert messages
    assert messages - set(CHINESE) == set()


def test_every_cause_has_a_chinese_twin() -> None:
    assert {*CAUSES.values(), *(reason.value for reason in Reason)} - set(CHINESE) == set()


def test_what_the_system_refused_is_said_in_our_words() -> None:
    assert say_why(FileNotFoundError(errno.ENOENT, "No such file or directory")) == "no such file"
    assert say_why(OSError(errno.EIO, "Input/output error")) == "Input/output error"
    assert say_why(TimeoutError()) == "TimeoutError"


def test_no_translation_outlives_its_message() -> None:
    constants: list[str] = []
    for path in [*ROOT.glob("rules/*.py"), *ROOT.glob("gateway/**/*.py"), *ROOT.glob("drivers/*.py")]:
        if path.name != "chinese.py":
            tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            constants += [node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    spoken_somewhere = "\n".join(constants)
    assert [english for english in CHINESE if english not in spoken_somewhere] == []
