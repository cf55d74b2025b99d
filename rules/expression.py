"""The surface of a CEL expression: its tokens, the names it uses, the parts of its `&&`.

The CEL library compiles and evaluates whole expressions and shows no syntax tree, so what a reason needs is read here
from the text (CEL language definition, section "Syntax").
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* )
  | (?P<string> [rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
              | [bB]?[rR]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}
                            |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*') )
  | (?P<number> (?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?[uU]? )
  | (?P<path> [A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)* )
  | (?P<space> \s+ )
  | (?P<sign> &&|\|\||[<>=!]=|. )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_CONSTANTS = frozenset({"true", "false", "null"})
_OURS = {"and": "&&", "or": "||", "not": "!", "=": "==", "&": "&&", "|": "||"}


class Token(NamedTuple):
    kind: str  # string, number, path, sign
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Reference(NamedTuple):
    path: str
    start: int
    tested: bool = False  # it stands alone in `has(...)`


class Comparison(NamedTuple):
    """A clause that compares one path with one constant; `needs` is such as `>= 4`, empty for a path alone."""

    path: str
    needs: str


class Slip(NamedTuple):
    """A word or sign of another language, and CEL's own."""

    start: int
    wrong: str
    right: str


def tokens(text: str) -> list[Token]:
    """Split an expression; spaces and comments are left out."""
    return [
        Token(kind, match[0], match.start())
        for match in _TOKEN.finditer(text)
        if (kind := str(match.lastgroup)) not in ("space", "comment")
    ]


def references(found: list[Token]) -> Iterator[Reference]:
    """Yield the dotted names that are read; the name of a function or method is none of them."""
    for index, token in enumerate(found):
        path = token.text
        if token.kind != "path" or _sign(found, index - 1) == ".":
            continue
        if _sign(found, index + 1) == "(":
            path = path.rpartition(".")[0]
        if path and path not in _CONSTANTS and path != "in":
            yield Reference(path, token.start, _is_tested(found, index))


def _is_tested(found: list[Token], index: int) -> bool:
    within = (_sign(found, index - 1), _sign(found, index + 1)) == ("(", ")")
    return within and index > 1 and found[index - 2].text == "has"


def _sign(found: list[Token], index: int) -> str:
    return found[index].text if 0 <= index < len(found) and found[index].kind == "sign" else ""


def slips(found: list[Token]) -> list[Slip]:
    """Find what other languages write for CEL's operators."""
    candidates = (token for token in found if token.kind in ("path", "sign"))
    return [
        Slip(token.start, token.text, _OURS[token.text.lower()]) for token in candidates if token.text.lower() in _OURS
    ]


def leading_dots(found: list[Token]) -> Iterator[int]:
    """Yield where a name begins with a dot, which CEL takes for the same name, and a reader for a slip."""
    for before, token in zip([None, *found], found, strict=False):
        ends_a_value = before is not None and (before.kind != "sign" or before.text in (")", "]", "}"))
        if token.text == "." and not ends_a_value:
            yield token.start


def clauses(text: str, found: list[Token]) -> list[tuple[int, str]]:
    """Cut an expression at the `&&` that bind loosest; give each part with its offset."""
    depth, start = 0, 0
    parts: list[tuple[int, str]] = []
    for token in found:
        if token.kind != "sign":
            continue
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and token.text in ("||", "?"):
            return [(0, text)]
        if depth == 0 and token.text == "&&":
            parts.append((start, text[start : token.start]))
            start = token.end
    return [*parts, (start, text[start:])]


def has_words(text: str, found: list[Token], words: Container[str]) -> str:
    """Write `has(member.tier)` as the word `has.member.tier`, in as many characters.

    CEL's `has` tests a field of a map or message; a word is a variable of its own and no field.
    """
    for call, opening, argument, closing in zip(found, found[1:], found[2:], found[3:], strict=False):
        if (call.text, opening.text, closing.text) == ("has", "(", ")") and argument.text in words:
            width = closing.end - call.start
            text = text[: call.start] + f"has.{argument.text}".ljust(width) + text[closing.end :]
    return text


def comparison(text: str, found: list[Token]) -> Comparison | None:
    """Read `path >= constant`, `constant <= path`, `path` or `!path`; None for anything else."""
    match found:
        case [path] if _is_path(path):
            return Comparison(path.text, "")
        case [sign, path] if sign.text == "!" and _is_path(path):
            return Comparison(path.text, "")
        case [left, sign, *right] if _is_path(left) and sign.text in _FLIPPED and _is_constant(right):
            return Comparison(left.text, f"{sign.text} {text[right[0].start : right[-1].end]}")
        case [*left, sign, right] if _is_path(right) and sign.text in _FLIPPED and _is_constant(left):
            return Comparison(right.text, f"{_FLIPPED[sign.text]} {text[left[0].start : left[-1].end]}")
    return None


def _is_path(token: Token) -> bool:
    return token.kind == "path" and token.text not in _CONSTANTS


def _is_constant(found: list[Token]) -> bool:
    if len(found) == 2 and found[0].text == "-":
        return found[1].kind == "number"
    return len(found) == 1 and (found[0].kind in ("string", "number") or found[0].text in _CONSTANTS)
