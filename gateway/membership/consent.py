"""The text that a member agrees to, as it is shown: in two languages, each purpose by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from gateway.configuration.config import Language
from gateway.contract.words import PURPOSES, Purpose
from gateway.shipped import shipped_folder

DAY_S = 86400.0


@dataclass(frozen=True)
class ConsentText:
    """A text of a heading, a line for each purpose, and what holds for all three."""

    language: Language
    whole: str

    @cached_property
    def sha256(self) -> str:
        """The digest that names the text in a receipt."""
        return sha256(self.whole.encode()).hexdigest()

    @property
    def heading(self) -> str:
        return self._lines[0]

    def purpose(self, purpose: Purpose) -> str:
        return self._lines[1 + PURPOSES.index(purpose)]

    @property
    def closing(self) -> str:
        return "\n".join(self._lines[1 + len(PURPOSES) :])

    @cached_property
    def _lines(self) -> list[str]:
        return self.whole.splitlines()


def consent_text(language: Language, kept_s: float) -> ConsentText:
    """Read the shipped text, with how long visits are kept filled in."""
    text = (shipped_folder() / "consent" / f"{language}.txt").read_text(encoding="utf-8")
    return ConsentText(language, text.format(days=round(kept_s / DAY_S)))
