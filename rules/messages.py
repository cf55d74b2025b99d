"""What is said to an installer, in English or Chinese; the English text is the key, as with gettext."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Literal

from rules.chinese import CHINESE

Language = Literal["en", "zh"]

CAUSES = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.EISDIR: "this is a folder, expected a file",
    errno.EEXIST: "this is a file, expected a folder",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "this disk can only be read",
    errno.ENOSPC: "the disk is full",
    errno.ELOOP: "too many symbolic links lead to one another",
    errno.EADDRINUSE: "another program listens at this address already",
    errno.EADDRNOTAVAIL: "this machine does not have this address",
}
"""What the system's usual refusals are called here."""

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


def say_why(error: OSError) -> str:
    """Return why the system refused a file or an address, in the chosen language where the cause is a usual one."""
    english = CAUSES.get(error.errno or 0)
    return say(english) if english else error.strerror or type(error).__name__


def say(english: str, /, **values: object) -> str:
    """Return the text in the chosen language, `{placeholders}` filled in; what has no translation stays English.

    A text that is given without values is taken as it stands, braces included.
    """
    text = CHINESE.get(english, english) if _language == "zh" else english
    return text.format(**values) if values else text
