"""The contract as its AsyncAPI description has it: which message may stand on a topic, and what it must be like.

It knows the description alone, as a back end does, and none of the gateway's models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from jsonschema import Draft202012Validator

DOCUMENT = Path(__file__).resolve().parents[1] / "config" / "asyncapi.yaml"

Action = Literal["send", "receive"]
"""Seen from the gateway, as the description is."""


class Place(NamedTuple):
    """A channel's messages of one direction: the names of their schemas."""

    pattern: re.Pattern[str]
    action: Action
    schemas: frozenset[str]


@cache
def description() -> Any:
    return yaml.load(DOCUMENT.read_text(encoding="utf-8"), yaml.CSafeLoader)


@cache
def validator(schema: str) -> Draft202012Validator:
    components = {"schemas": description()["components"]["schemas"]}
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components})


@cache
def places() -> list[Place]:
    return list(_places())


def _places() -> Iterator[Place]:
    operations = description()["operations"].values()
    for name, channel in description()["channels"].items():
        for action in ("send", "receive"):
            mine = [one for one in operations if one["channel"]["$ref"] == f"#/channels/{name}"]
            named = [message["$ref"] for one in mine if one["action"] == action for message in one["messages"]]
            if action == "send":  # answers
                replies = [one["reply"] for one in operations if "reply" in one]
                here = [reply for reply in replies if reply["channel"]["$ref"] == f"#/channels/{name}"]
                named += [message["$ref"] for reply in here for message in reply["messages"]]
            if named:
                yield Place(_pattern(channel["address"]), action, frozenset(map(_schema_of, named)))


def _pattern(address: str) -> re.Pattern[str]:
    """Return what the topics of a channel look like; `request` may be several levels."""
    parts = re.split(r"\{(\w+)\}", address)
    odd = (".+" if name == "request" else "[^/]+" for name in parts[1::2])
    return re.compile("".join(re.escape(text) + next(odd, "") for text in parts[::2]))


def _schema_of(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return str(description()["components"]["messages"][name]["payload"]["$ref"].rpartition("/")[2])


def faults(action: Action, topic: str, payload: bytes) -> list[str]:
    """Say what is wrong with a message; an empty list where nothing is."""
    here = [place for place in places() if place.action == action and place.pattern.fullmatch(topic)]
    if not here:
        return [f"{topic}: no channel of the description ({action})"]
    if not payload:  # takes a retained message back
        return []
    try:
        value = json.loads(payload)
    except ValueError:
        return [f"{topic}: not JSON"]
    found = [list(validator(schema).iter_errors(value)) for schema in sorted(here[0].schemas)]
    if not all(found):
        return []
    nearest = min(found, key=lambda errors: (errors[0].validator == "const", len(errors)))
    return [f"{topic}: {error.json_path}: {error.message[:300]}" for error in nearest]
