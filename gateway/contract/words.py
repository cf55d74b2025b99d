"""What messages are made of: texts, numbers and times with their bounds, each of which can say what it expects."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

END = r"$(?!\n)"
"""Ends a pattern, for Python, whose `$` forgives a line feed, and for the JavaScript of JSON Schema alike."""


def like(pattern: str, expected: str, **more: str) -> Meta:
    """Bound a text by a pattern that begins at its start; `expected` completes "expected ..."."""
    return Meta(pattern=f"^{pattern}{END}", description=expected, extra={"expected": expected}, extra_json_schema=more)


def hex_digits(size: int) -> Meta:
    return like(f"[0-9A-Fa-f]{{{2 * size}}}", f"{2 * size} hex digits")


class Said(Struct):
    """What the gateway says. Fields may be added to it, so a reader passes over what it does not know."""


class Asked(Struct, forbid_unknown_fields=True):
    """What the gateway is asked or given, in which an unknown field is a mistake."""


Trust = Literal["hint", "weak", "fresh"]
ZoneKind = Literal["outside", "door", "inside", "shelf"]
CredentialKind = Literal[
    "ibeacon", "altbeacon", "eddystone-uid", "rotating", "eddystone-eid", "wifi", "wifi-key", "irk", "app"
]
KINDS: tuple[CredentialKind, ...] = get_args(CredentialKind)
Purpose = Literal["recognise", "zones", "offers"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
MemberChangeKind = Literal["enrolled", "changed", "paused", "resumed", "withdrawn", "removed"]
By = Literal["guest-page", "counter", "command-line", "idle"]
"""Where it began that a member changed: nobody tells of what came by command, since whoever sent that knows."""

Id = Annotated[str, like("[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, - and _")]
MemberId = Annotated[str, Meta(min_length=4, max_length=128, description="the member's opaque id from the back end")]
Short = Annotated[str, Meta(min_length=1, max_length=128)]
Time = Annotated[
    str,
    like(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
        "a time as in 2026-11-01T09:00:00+08:00",
    ),
]
"""RFC 3339."""

Sequence = Annotated[str, like("[0-9]{16}", "the 16 digits of an event's sequence")]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Uuid = Annotated[
    str,
    like(
        r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{12}",
        "32 hex digits, grouped 8-4-4-4-12 or not at all",
    ),
]
Number16 = Annotated[int, Meta(ge=0, le=0xFFFF)]
Language = Annotated[str, like("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", "a language as in zh or en")]
"""The shape of RFC 5646, section 2.1."""
