"""The contract as an AsyncAPI 3.0 document (asyncapi.com, "3.0.0"), made of the models and the catalogue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gateway.contract.catalogue import ANSWER_LIFE, COMMANDS_TOPIC, MESSAGES, REPLIES_TOPIC, ROOT, Message
from gateway.contract.commands import CODES, OPERATIONS, Operation
from gateway.contract.examples import BODIES, CALLS, REFUSAL
from gateway.contract.schemas import answer_name, components, ref, schema_of

Part = dict[str, Any]

EVENT_BODY = "application/cloudevents+json"
JSON_BODY = "application/json"

_PARAMETERS = {
    "store": "`store.id` of the configuration",
    "gateway": "`gateway.id` of the configuration",
    "group": "a staff group",
    "device": "a staff device, which is the user that it signs in as",
    "zone": "a zone, or ~ where it is not known",
    "name": "the fact's name, as rules read it",
    "client": "the client that asks, which is the user that it signs in as",
    "request": "whatever the client likes, one level or more",
}
_PARAMETER = re.compile(r"\{(\w+)\}")
_FROM_COMMAND = "$message.header#/responseTopic"


def document() -> Part:
    """Return the AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hushbell over MQTT",
            "version": "1.0.0",
            "description": (
                "What a gateway says and takes on a shop's broker: MQTT 5, QoS 1. Within this version fields may be "
                "added to what the gateway says, none is renamed or given another meaning. "
                "`send` and `receive` are the gateway's."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": JSON_BODY,
        "servers": {
            "shop": {
                "host": "{broker}",
                "protocol": "mqtt",
                "protocolVersion": "5.0",
                "description": "the shop's own broker",
                "variables": {"broker": {"default": "127.0.0.1:1883"}},
            }
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": components()},
    }


def _channels() -> Part:
    topics: dict[str, list[str]] = {}
    for message in MESSAGES:
        topics.setdefault(message.topic, []).append(message.name)
    told = {channel_name(topic): _channel(topic, names) for topic, names in topics.items()}
    for operation in OPERATIONS:
        topic = COMMANDS_TOPIC.replace("{command}", operation.name)
        told[_command_channel(operation)] = _channel(topic, [operation.name])
    answers = [f"{operation.name}.answer" for operation in OPERATIONS]
    return told | {channel_name(REPLIES_TOPIC): _channel(REPLIES_TOPIC, [*answers, "refusal"])}


def _channel(topic: str, messages: list[str]) -> Part:
    address = f"{ROOT}/{topic}"
    parameters = {name: {"description": _PARAMETERS[name]} for name in _PARAMETER.findall(address)}
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {"address": address, "parameters": parameters, "messages": refs}


def channel_name(topic: str) -> str:
    """Name the channel of a topic: its fixed levels."""
    return "-".join(level for level in topic.split("/") if not level.startswith("{"))


def _command_channel(operation: Operation[Any, Any]) -> str:
    return f"commands-{operation.name}"


def _operations() -> Part:
    made: Part = {}
    for message in MESSAGES:
        made[f"{_action(message)}.{message.name}"] = {
            "action": _action(message),
            "channel": _channel_ref(channel_name(message.topic)),
            "messages": [_message_ref(channel_name(message.topic), message.name)],
            "bindings": {"mqtt": {"qos": 1, "retain": message.retained, "bindingVersion": "0.2.0"}},
        }
    return made | {f"command.{operation.name}": _command(operation) for operation in OPERATIONS}


def _action(message: Message) -> str:
    return "send" if message.sender == "gateway" else "receive"


def _command(operation: Operation[Any, Any]) -> Part:
    channel, replies = _command_channel(operation), channel_name(REPLIES_TOPIC)
    return {
        "action": "receive",
        "channel": _channel_ref(channel),
        "summary": _standing(operation.does, stands=operation.stands),
        "messages": [_message_ref(channel, operation.name)],
        "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}},
        "reply": {
            "address": {"location": _FROM_COMMAND, "description": "the Response Topic of the request"},
            "channel": _channel_ref(replies),
            "messages": [_message_ref(replies, f"{operation.name}.answer"), _message_ref(replies, "refusal")],
        },
    }


def _channel_ref(channel: str) -> Part:
    return {"$ref": f"#/channels/{channel}"}


def _message_ref(channel: str, message: str) -> Part:
    return {"$ref": f"#/channels/{channel}/messages/{message}"}


def _messages() -> Part:
    made = {message.name: _message(message) for message in MESSAGES}
    for operation in OPERATIONS:
        call = CALLS[operation.name]
        made[operation.name] = _body(operation.arguments.__name__, operation.does, [call.arguments]) | {
            "headers": _request_headers(),
            "correlationId": {"location": "$message.header#/correlationData"},
        }
        answer = {"ok": True, "result": call.result}
        made[f"{operation.name}.answer"] = _body(answer_name(operation), f"the answer to {operation.name}", [answer])
    codes = "; ".join(f"`{code}`: {meaning}" for code, meaning in CODES.items())
    return made | {"refusal": _body("Refusal", "the answer to a command that was not carried out", [REFUSAL], codes)}


def _message(message: Message) -> Part:
    does = str(message.model.__doc__ if message.model is not Any else "What the back end tells the rules.")
    lives = f"Expires: {message.life}." if message.life else "Retained." if message.retained else ""
    made = _body(schema_of(message), does.partition("\n")[0], BODIES[message.name], lives)
    return made | ({"contentType": EVENT_BODY} if message.event_type else {})


def _body(schema: str, summary: str, examples: list[Any], description: str = "") -> Part:
    told = {"description": description} if description else {}
    shown = [{"payload": example} for example in examples]
    return {"summary": summary, **told, "contentType": JSON_BODY, "payload": ref(schema), "examples": shown}


def _request_headers() -> Part:
    """Return the MQTT 5 properties of a request; the answer lives for a while and bears the same Correlation Data."""
    return {
        "type": "object",
        "properties": {
            "responseTopic": {
                "type": "string",
                "description": f"under replies/{{client}}/; the answer expires after {ANSWER_LIFE}",
            },
            "correlationData": {"type": "string"},
        },
        "required": ["responseTopic"],
    }


def _standing(text: str, *, stands: bool) -> str:
    return text if stands else f"{text} (reserved, not yet in this version)"


def as_yaml(part: Any) -> str:
    """Write a document as YAML, every scalar as JSON has it."""
    return "\n".join(_lines(part, "")) + "\n"


def _lines(part: Any, indent: str) -> Iterator[str]:
    if isinstance(part, dict) and part:
        for key, value in part.items():
            yield from _entry(f"{indent}{_key(key)}:", value, indent + "  ")
    elif isinstance(part, list) and part:
        for value in part:
            first, *rest = _lines(value, indent + "  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
    else:
        yield indent + json.dumps(part, ensure_ascii=False)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield head
        yield from _lines(value, indent)
    else:
        yield f"{head} {json.dumps(value, ensure_ascii=False)}"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][\w.-]*", key) and key not in ("true", "false", "null") else json.dumps(key)
