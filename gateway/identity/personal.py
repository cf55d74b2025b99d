"""Phone numbers and e-mail addresses, found where they stand, so that they can be refused."""

from __future__ import annotations

import re
import unicodedata

from gateway.identity.fields import Fault, MemberError, check_json

# A mobile number of the Chinese plan, in one run or grouped 3-4-4; inside a longer run of digits or hex it is
# part of a card number, a key or a UUID.
_MOBILE = re.compile(
    r"(?<![0-9A-Fa-f])1[3-9][0-9][ \-\u2010-\u2015]?[0-9]{4}[ \-\u2010-\u2015]?[0-9]{4}(?![0-9A-Fa-f])"
)
# E.164 has at most 15 digits and none shorter than 8 is in use; people group them in many ways.
_E164 = re.compile(r"\+[1-9](?:[ ()\-\u2010-\u2015]{0,2}[0-9]){7,14}(?![0-9])")
_SHORTEST = len("a@b.cc")
_EMAIL = re.compile(r"[^\s@]@[\w-]+(?:\.[\w-]+)*\.[^\W\d_][\w-]+")


def personal_in(text: str) -> str | None:
    """Say what a text holds: `a phone number`, `an e-mail address`, or None. Full-width forms count as plain ones."""
    if len(text) < _SHORTEST:
        return None
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if _MOBILE.search(plain) or _E164.search(plain):
        return "a phone number"
    if "@" in plain and _EMAIL.search(plain):
        return "an e-mail address"
    return None


def refuse_personal(value: object) -> None:
    """Raise MemberError (`refused`) where a key, text or number anywhere in decoded JSON is personal.

    What is too much to look through, or no JSON, raises MemberError too.
    """
    check_json(value, _look)


def refuse_personal_page(field: str, text: str) -> None:
    """Raise MemberError where a line of a text of many lines holds what is personal."""
    for number, line in enumerate(text.splitlines(), 1):
        if what := personal_in(line):
            raise MemberError("refused", field, f"line {number} holds {what}, which is never stored")


def _look(leaf: object) -> Fault | None:
    what = personal_in(leaf) if isinstance(leaf, str) else _personal_number(leaf)
    return ("refused", f"holds {what}, which is never stored") if what else None


def _personal_number(value: object) -> str | None:
    if isinstance(value, int | float) and 13_000_000_000 <= value < 20_000_000_000 and value == int(value):
        return "a phone number"
    return None
