"""The keys of rule files, with what may stand after each: the loader takes them from here, and so do editors.

What a file means is the loader's to say: names that nothing defines, conditions, quantities out of range.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from rules.document import DURATION
from rules.facts import LISTED, SIMPLE
from rules.model import ANSWERS, PERIODS
from rules.situation import TriggerKind, Trust
from rules.text import LANGUAGES

Json = Mapping[str, Any]

TRIGGERS: tuple[TriggerKind, ...] = get_args(TriggerKind)
WORDS_ALONE = ("arrived", "passing", "entered", "moved", "left", "claimed")
WITH_WITHIN = ("dwell", "entered", "moved", "nearby")
ZONE_KINDS = ("outside", "door", "inside", "shelf")
MOST_PRIORITY = 100
ID = "[A-Za-z0-9_-]{1,64}"
NAME = "[A-Za-z_][A-Za-z0-9_]{0,63}"  # of a declared fact and its fields, as CEL reads them
HAPTIC = "(short|long)(-(short|long)){0,5}"
AT_MOST = r"(\d{1,4}) per (\w+)"
DISTANCE = r"(\d+(?:\.\d+)?)\s*(m|km)"
URL = "https://json-schema.org/draft/2020-12/schema"


def _like(pattern: str, **more: Any) -> Json:
    """Describe a single value; without quotes YAML may take it for a number."""
    return {"type": ["string", "integer"], "pattern": f"^\\s*({pattern})\\s*$", **more}


def _words(words: Iterable[str]) -> Json:
    return {"enum": list(words)}


def _mapping(keys: Mapping[str, Json], *required: str) -> Json:
    needs = {"required": list(required)} if required else {"minProperties": 1}
    return {"type": "object", "properties": dict(keys), "additionalProperties": False, **needs}


_TEXT = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
_ID = _like(ID)
_DURATION = {"type": "string", "pattern": f"^\\s*({DURATION.pattern})\\s*$"}
_HOURS = {"type": "string", "pattern": r"^\s*\d{1,2}[:：]\d{2}\s*[-–—~～至]\s*\d{1,2}[:：]\d{2}\s*$"}
_NOTHING = {"type": "null"}
_CONDITIONS = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_CAP = {"type": "string", "pattern": rf"^\s*\d{{1,4}} per ({'|'.join(PERIODS)})\s*$"}

ZONE: dict[str, Json] = {"id": _ID, "kind": _words(ZONE_KINDS)}
ON: dict[str, Json] = {
    **dict.fromkeys(TRIGGERS, _NOTHING),
    "dwell": _DURATION,
    "nearby": {"type": "string", "pattern": rf"^\s*({DISTANCE})\s*$"},
    "claimed": {"enum": ["serious", None]},
    "fact": _ID,
    "clock": {"type": "string", "pattern": r"^\s*\d{1,2}[:：]\d{2}\s*$"},
    "zone": {**_mapping(ZONE), "maxProperties": 1},
    "within": _DURATION,
}
ESCALATE: dict[str, Json] = {"to": _ID, "after": _DURATION}
ALERT: dict[str, Json] = {
    "group": _ID,
    "text": {"oneOf": [_TEXT, _mapping(dict.fromkeys(LANGUAGES, _TEXT))]},
    "haptic": {"type": "string", "pattern": f"^{HAPTIC}$"},
    "expires": _DURATION,
    "escalate": _mapping(ESCALATE, "to", "after"),
}
OFFER: dict[str, Json] = {"id": _ID, "ttl": _DURATION, "payload": {"type": "object"}}
RULE: dict[str, Json] = {
    "name": _ID,
    "on": {"oneOf": [_words(WORDS_ALONE), {"$ref": "#/$defs/on"}]},
    "if": _CONDITIONS,
    "unless": _CONDITIONS,
    "alert": _mapping(ALERT, "group", "text"),
    "offer": _mapping(OFFER, "id"),
    "answers": _words(ANSWERS),
    "trust": _words(trust.word for trust in Trust),
    "at_most": {"oneOf": [_CAP, {"type": "array", "items": _CAP, "minItems": 1}]},
    "cooldown": _DURATION,
    "quiet": _HOURS,
    "priority": {"type": "integer", "minimum": -MOST_PRIORITY, "maximum": MOST_PRIORITY},
}
FACT: dict[str, Json] = {
    "fact": {"type": "string", "pattern": f"^{NAME}$"},
    "type": {"$ref": "#/$defs/type"},
    "max_age": _DURATION,
    "otherwise": {"not": _NOTHING},
}
_ONE_TRIGGER = [{"required": [trigger]} for trigger in TRIGGERS]
_DEFINITIONS = {
    "rule": {
        **_mapping(RULE, "name", "on"),
        "oneOf": [{"required": ["alert"]}, {"required": ["offer"]}],
        "dependentRequired": {"answers": ["alert"]},
    },
    "fact": _mapping(FACT, "fact", "type"),
    "on": {
        **_mapping(ON),
        "oneOf": _ONE_TRIGGER,
        "dependentSchemas": {
            "within": {"anyOf": [{"required": [trigger]} for trigger in WITH_WITHIN]},
            "zone": {"not": {"required": ["nearby"]}},
        },
    },
    "type": {
        "oneOf": [
            _words((*SIMPLE, *LISTED)),
            {
                "type": "object",
                "propertyNames": {"pattern": f"^{NAME}$"},
                "additionalProperties": {"$ref": "#/$defs/type"},
                "minProperties": 1,
            },
        ]
    },
}


def document() -> Json:
    """Return the JSON Schema of rule files, for editors."""
    item = {"if": {"required": ["fact"]}, "then": {"$ref": "#/$defs/fact"}, "else": {"$ref": "#/$defs/rule"}}
    return {"$schema": URL, "title": "Hushbell rules", "type": "array", "items": item, "$defs": _DEFINITIONS}


def as_json() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
