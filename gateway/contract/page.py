"""The parts of docs/contract.md that are made of the models: every topic, message, command and error code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gateway.contract.catalogue import MESSAGES, Message
from gateway.contract.commands import CODES, OPERATIONS, Operation
from gateway.contract.examples import BODIES, CALLS
from gateway.contract.member import Credential
from gateway.contract.schemas import Schema, components, schema_of

_MARK = re.compile(r"(<!-- made of the models: (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def with_parts(page: str) -> str:
    """Return the page with every part that is made of the models made anew."""
    return _MARK.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n", page)


def _said() -> str:
    return "\n\n".join(_told(message) for message in MESSAGES if message.sender == "gateway")


def _taken() -> str:
    return "\n\n".join(_told(message) for message in MESSAGES if message.sender != "gateway")


def _topics() -> str:
    rows: dict[str, list[Message]] = {}
    for message in MESSAGES:
        rows.setdefault(message.topic, []).append(message)
    return _table(
        ("topic", "from", "messages", "kept"),
        [
            (
                f"`{topic}`",
                messages[0].sender,
                ", ".join(_link(message.name) for message in messages),
                "retained" if messages[0].retained else " or ".join(dict.fromkeys(one.life or "-" for one in messages)),
            )
            for topic, messages in rows.items()
        ],
    )


def _commands() -> str:
    listed = [(_link(one.name), one.does + ("" if one.stands else " (not yet)")) for one in OPERATIONS]
    return "\n\n".join([_table(("command", "to"), listed), *map(_command, OPERATIONS)])


def _credentials() -> str:
    names = [model.__name__ for model in Credential.__args__]
    return "\n\n".join(f"`{_kind(name)}`: {_about(name)}\n\n{_fields(name)}" for name in names)


def _codes() -> str:
    return _table(("code", "means"), [(f"`{code}`", meaning) for code, meaning in CODES.items()])


PARTS: dict[str, Callable[[], str]] = {
    "topics": _topics,
    "said": _said,
    "taken": _taken,
    "commands": _commands,
    "credentials": _credentials,
    "codes": _codes,
}


def _told(message: Message) -> str:
    schema = schema_of(message)
    data = schema if message.model is Any else message.model.__name__
    fields = [_fields(data)] if message.model is not Any else []
    examples = [_code(body.get("data", body) if message.event_type else body) for body in BODIES[message.name]]
    about = "What the back end tells the rules: any JSON value." if message.model is Any else _about(data)
    head = f"### {message.name}\n\n`{message.topic}`: {about}"
    return "\n\n".join([head, *fields, *examples])


def _command(operation: Operation[Any, Any]) -> str:
    call = CALLS[operation.name]
    standing = "" if operation.stands else " Reserved: this version answers `refused`."
    asked, given = operation.arguments.__name__, operation.result.__name__
    return "\n\n".join(
        [
            f"### {operation.name}\n\n{operation.does[0].upper()}{operation.does[1:]}.{standing} {_about(asked)}",
            *([_fields(asked)] if _SCHEMAS[asked]["properties"] else []),
            _code(call.arguments),
            f"The result: {_about(given)}",
            _fields(given),
            _code(call.result),
        ]
    )


_SCHEMAS = components()


def _about(name: str) -> str:
    return " ".join(str(_SCHEMAS[name].get("description", "")).split())


def _kind(name: str) -> str:
    return str(_SCHEMAS[name]["properties"]["kind"]["enum"][0])


def _fields(name: str) -> str:
    schema = _SCHEMAS[name]
    required = schema.get("required", ())
    return _table(
        ("field", "is", ""),
        [
            (f"`{field}`", _is(of), "" if field in required else "optional")
            for field, of in schema["properties"].items()
        ],
    )


def _is(schema: Schema) -> str:
    """Say in words what a value is."""
    if "$ref" in schema:
        return _what(schema["$ref"].rpartition("/")[2])
    words = " or ".join(dict.fromkeys(_parts(schema)))
    about = schema.get("description")
    return words if not about else about if schema.get("type") == "string" else f"{words}: {about}"


def _parts(schema: Schema) -> Iterator[str]:
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            yield _is(one)
    elif "enum" in schema:
        yield ", ".join(f"`{word}`" for word in schema["enum"])
    elif "const" in schema:
        yield f"`{json.dumps(schema['const'])}`"
    else:
        yield _plain(schema)


def _plain(schema: Schema) -> str:
    match schema.get("type"):
        case "string":
            longest = schema.get("maxLength")
            return f"text of {schema.get('minLength', 0)} to {longest} characters" if longest else "text"
        case "integer" | "number":
            low, high = schema.get("minimum"), schema.get("maximum")
            kind = "whole number" if schema["type"] == "integer" else "number"
            return (
                kind + (f" from {low:g}" if low is not None else "") + (f" to {high:.16g}" if high is not None else "")
            )
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case "array":
            return f"list of {_is(schema['items'])}" if schema.get("items") else "list"
        case "object":
            inner = schema.get("additionalProperties")
            return f"object of {_is(inner)}" if isinstance(inner, dict) and inner else "object"
    return "any JSON value"


def _what(name: str) -> str:
    """Name a model: one that has a heading by a link to it, another by its fields."""
    schema = _SCHEMAS[name]
    if (
        "kind" in schema.get("properties", {})
        and "enum" in schema["properties"]["kind"]
        and len(schema["properties"]["kind"]["enum"]) == 1
    ):
        return f"`{_kind(name)}`"
    fields = ", ".join(f"`{field}`" for field in schema.get("properties", {}))
    return f"object with {fields}" if fields else "object"


def _link(name: str) -> str:
    return f"[`{name}`](#{name.replace('.', '')})"


def _code(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > 110:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    return f"```json\n{text}\n```"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
