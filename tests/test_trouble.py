"""What is said of the connection: each cause and reason in both languages, and nothing that harms a terminal."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from gateway.mqtt.tls import ALERTS
from gateway.mqtt.trouble import REASONS, REFUSED_AT_THE_DOOR, Cause, Trouble, TroubleError, file_trouble, words_of
from rules.chinese import CHINESE
from rules.messages import speak

MQTT = Path(__file__).resolve().parent.parent / "gateway" / "mqtt"


def spoken(module: str) -> Iterator[str]:
    """Yield the literal texts that a module says, or refuses an address with."""
    for node in ast.walk(ast.parse((MQTT / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "AddressError"):
            yield from (str(text.value) for text in node.args if isinstance(text, ast.Constant))


@pytest.mark.parametrize("module", ["address", "connection", "link", "trouble", "wire"])
def test_every_text_has_a_chinese_twin(module: str) -> None:
    found = set(spoken(module))
    assert found
    assert found - set(CHINESE) == set()


def test_every_cause_and_reason_has_a_chinese_twin() -> None:
    texts = {cause.value for cause in Cause} | set(REASONS.values()) | set(ALERTS.values()) | {REFUSED_AT_THE_DOOR}
    assert texts - set(CHINESE) == set()


def test_every_failing_reason_code_of_the_protocol_has_words() -> None:
    """MQTT 5, section 2.4: 0x80 to 0xA2 without a gap."""
    assert set(range(0x80, 0xA3)) <= set(REASONS)
    assert words_of(0xFE) == "reason code 0xfe"


def test_what_a_broker_says_itself_is_added_and_made_harmless() -> None:
    assert words_of(0x97, "10 \x1b[2Jof 10\n") == "a quota is used up (10 ?[2Jof 10?)"
    assert len(words_of(0x97, "x" * 70_000)) < 200


@pytest.mark.parametrize("cause", Cause)
def test_a_trouble_says_its_values_in_the_chosen_language(cause: Cause) -> None:
    names = [name for _, name, _, _ in Formatter().parse(cause.value) if name]
    error = TroubleError(cause, **dict.fromkeys(names, "<x>"))
    assert str(error).count("<x>") == len(names)
    speak("zh")
    try:
        assert str(error.trouble).count("<x>") == len(names)
        assert str(error.trouble) != str(error)
    finally:
        speak("en")


def test_troubles_are_told_apart_by_value() -> None:
    assert Trouble(Cause.LOST) == TroubleError(Cause.LOST).trouble
    assert TroubleError(Cause.SILENT, address="a").trouble != TroubleError(Cause.SILENT, address="b").trouble


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (FileNotFoundError(), Cause.NO_FILE),
        (NotADirectoryError(), Cause.NO_FILE),
        (PermissionError(), Cause.FILE_DENIED),
        (UnicodeDecodeError("utf-8", b"", 0, 1, ""), Cause.NO_TEXT),
        (OSError(), Cause.NO_TEXT),
    ],
)
def test_why_a_file_cannot_be_used(error: Exception, cause: Cause) -> None:
    trouble = file_trouble(error, Path("secret"), Cause.NO_TEXT)
    assert (trouble.trouble.cause, "secret" in str(trouble)) == (cause, True)
