"""What is said to an installer, in English or Chinese; the English text is the key, as with gettext."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rules.chinese import CHINESE

Language = Literal["en", "zh"]

_language: Language = "en"


def language_of(environ: Mapping[str, str]) -> Language:
    """Return the language that LC_ALL, LC_MESSAGES or LANG ask for; the first one set decides (POSIX, 8.2)."""
    asked = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if asked.lower().startswith("zh") else "en"


def speak(language: Language) -> None:
    """Choose the language of everything said from now on; a process does so once, when it starts."""
    global _language
    _language = language


def language_now() -> Language:
    """Return the chosen language."""
    return _language


def say(english: str, /, **values: object) -> str:
    """Return the text in the chosen language, `{placeholders}` filled in; what has no translation stays English.

    A text that is given without values is taken as it stands, braces included.
    """
    text = CHINESE.get(english, english) if _language == "zh" else english
    return text.format(**values) if values else text
