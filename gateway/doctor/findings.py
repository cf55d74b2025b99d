"""What the doctor found: each a line for people, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote

from gateway.configuration.config import Config
from rules.messages import say


class State(StrEnum):
    OK = "ok"
    ADVICE = "advice"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check, in the installer's language; `command` is None where no command mends it."""

    check: str
    state: State
    message: str
    command: str | None = None


def ok(check: str, english: str, /, **values: object) -> Finding:
    """Return the finding that all is well."""
    return _finding(check, State.OK, english, None, values)


def advice(check: str, english: str, command: str | None = None, /, **values: object) -> Finding:
    """Return the finding that Hushbell works, and would work better otherwise."""
    return _finding(check, State.ADVICE, english, command, values)


def missing(check: str, english: str, command: str | None = None, /, **values: object) -> Finding:
    """Return the finding that something needed is not there."""
    return _finding(check, State.MISSING, english, command, values)


def anything_missing(findings: Iterable[Finding]) -> bool:
    return any(finding.state is State.MISSING for finding in findings)


def edit(config: Config) -> str:
    """Return the command that opens the configuration."""
    return f"sudoedit {quote(str(config.path))}"


def _finding(check: str, state: State, english: str, command: str | None, values: dict[str, object]) -> Finding:
    return Finding(check, state, _printable(say(english, **values)), command and _printable(command))


def _printable(text: str) -> str:
    """Take out what a file name or a broker may hold and no terminal should be told."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
