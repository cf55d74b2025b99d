"""JSON Schema (draft 2020-12, in the words that AsyncAPI knows too) of every message, by the models."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.contract import commands, events
from gateway.contract.catalogue import EVENTS, MESSAGES, Message
from gateway.contract.commands import OPERATIONS, Operation
from gateway.contract.words import END

Schema = dict[str, Any]

REF = "#/components/schemas/{name}"


def components() -> dict[str, Schema]:
    """Return every schema by its name; they refer to each other below `#/components/schemas/`."""
    models = [events.Event, commands.Answer, commands.Refusal, *EVENTS.values()]
    models += [message.model for message in MESSAGES if message.model is not Any]
    models += [model for operation in OPERATIONS for model in (operation.arguments, operation.result)]
    _, found = msgspec.json.schema_components(list(dict.fromkeys(models)), ref_template=REF)
    made = {name: _plain(schema) for name, schema in found.items()}
    made |= {event_name(name): _event(name, model.__name__) for name, model in EVENTS.items()}
    made |= {answer_name(operation): _answer(operation) for operation in OPERATIONS}
    return {name: made[name] for name in sorted(made)} | {"Fact": {"description": "any JSON value"}}


def schema_of(message: Message) -> str:
    """Name the schema of a message's body."""
    if message.event_type:
        return event_name(message.name)
    return "Fact" if message.model is Any else str(message.model.__name__)


def ref(name: str) -> Schema:
    return {"$ref": REF.format(name=name)}


def event_name(name: str) -> str:
    """Name the schema of an event in its envelope."""
    return "".join(part.title() for part in name.split(".")) + "Event"


def answer_name(operation: Operation[Any, Any]) -> str:
    """Name the schema of a command's answer where it was carried out."""
    return "".join(part.title() for part in operation.name.split(".")) + "Answer"


def _event(name: str, data: str) -> Schema:
    special = {"type": {"const": f"hushbell.{name}"}, "data": ref(data)}
    return {"title": event_name(name), "allOf": [ref("Event"), {"type": "object", "properties": special}]}


def _answer(operation: Operation[Any, Any]) -> Schema:
    special = {"result": ref(operation.result.__name__)}
    return {"title": answer_name(operation), "allOf": [ref("Answer"), {"type": "object", "properties": special}]}


def _plain(schema: Any, key: str = "") -> Any:
    """Write a schema in common words: the tag of a union is a constant of its members, and `$` ends a pattern."""
    if isinstance(schema, dict):
        return {name: _plain(value, name) for name, value in schema.items() if name != "discriminator"}
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    return schema.removesuffix(END) + "$" if key == "pattern" and isinstance(schema, str) else schema
