"""Finds what must not be there in texts and bytes: device addresses, phone numbers, e-mail addresses. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.identity.personal import personal_in

_SPELLED = re.compile(
    rb"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:([:_-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Fa-f:-])"
)
_RUN = re.compile(r"(?<![\w-])[0-9A-Fa-f]{12}(?![\w-])")
_DIGEST = re.compile(r"(?<![\w-])(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})(?![\w-])")


def addresses_in(raw: bytes) -> int:
    """Count device addresses that are spelled out, such as 02:00:5e:10:00:01."""
    return sum(1 for _ in _SPELLED.finditer(raw))


def trace_in(text: str) -> str | None:
    """Say what a text holds that is nobody's business: an address, a digest that could be one's, a phone number."""
    if _SPELLED.search(text.encode()) or (_RUN.search(text) and not text.isdigit()):
        return "an address"
    if _DIGEST.search(text):
        return "a digest"
    return personal_in(text)


def traces(value: Any, known: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what each text in decoded JSON holds that it must not; `known` texts are passed over."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from traces(key, known)
            yield from traces(item, known)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from traces(item, known)
    elif isinstance(value, str) and value not in known and (found := trace_in(value)):
        yield found
