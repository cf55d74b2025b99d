"""The contract: one declaration of every message, from which the documents follow, and which the gateway keeps to."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from virtual_contract import Action, description, faults, validator

from gateway import describe
from gateway.contract.asyncapi import as_yaml
from gateway.contract.catalogue import EVENTS, LARGE_BYTES, MESSAGES, ROOT, Message
from gateway.contract.commands import CODES, OPERATIONS, Operation
from gateway.contract.examples import BODIES, CALLS, REFUSAL, STORE, event
from gateway.contract.member import Member
from gateway.contract.reading import RefusedError, fit, parse_json
from gateway.contract.schemas import components, schema_of
from gateway.mqtt.commands import _read
from gateway.mqtt.topics import Arrival, Refused, Topics

HERE = Path(__file__).resolve().parent
PARSER = HERE.parent / ".node" / "tests" / "asyncapi" / "node_modules" / "@asyncapi" / "parser"
RECORDED = sorted((HERE / "contract_v1").glob("*.json"))
TOPICS = Topics(STORE, "till-pi")
BY_NAME = {message.name: message for message in MESSAGES}
OPERATION = {operation.name: operation for operation in OPERATIONS}


PLACE = {
    "store": STORE,
    "gateway": "till-pi",
    "group": "floor",
    "device": "badge-3",
    "zone": "entrance",
    "name": "new_arrivals",
    "client": "erp",
    "request": "17",
    "command": "members.put",
}


def topic_of(message: Message) -> str:
    return f"{ROOT}/{message.topic}".format(**PLACE)


def raw(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def taken(operation: Operation[Any, Any], arguments: Any) -> bool:
    """Tell whether a command's arguments are understood; one that does not stand yet is only modelled."""
    read = (
        _read(raw(arguments), operation.arguments, operation.page)
        if operation.stands
        else fit(arguments, operation.arguments)
    )
    return isinstance(read, operation.arguments)


@pytest.mark.parametrize("file", describe.made(), ids=lambda file: file.name)
def test_what_is_made_of_the_models_is_up_to_date(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == describe.made()[file], "run `make contract`"


def test_every_schema_is_one_by_draft_2020_12() -> None:
    for schema in components().values():
        Draft202012Validator.check_schema(schema)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=9), VALUES, min_size=1, max_size=4))
def test_the_description_is_written_so_that_yaml_reads_the_same(value: Any) -> None:
    """Invariant: YAML that was written is read as what was written."""
    written = as_yaml(value)
    if not set("\x7f\x85\u2028\u2029\ufeff\ufffe\uffff") & set(written) and written.isprintable():
        assert yaml.safe_load(written) == value


@pytest.mark.skipif(
    not PARSER.exists() or shutil.which("node") is None, reason="the AsyncAPI parser is not installed: no npm"
)
def test_the_official_parser_takes_the_description() -> None:
    command: list[str | Path] = ["node", HERE / "asyncapi" / "check.cjs", PARSER.parent, describe.ASYNCAPI]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["complaints"] == []
    assert set(told["messages"]) == set(description()["components"]["messages"])


EXAMPLES = [
    pytest.param(message, body, id=f"{message.name}-{number}")
    for message in MESSAGES
    for number, body in enumerate(BODIES[message.name])
]


@pytest.mark.parametrize(("message", "body"), EXAMPLES)
def test_an_example_is_as_described_and_as_modelled(message: Message, body: Any) -> None:
    action: Action = "send" if message.sender == "gateway" else "receive"
    assert faults(action, topic_of(message), raw(body)) == []
    assert fit(body["data"] if message.event_type else body, message.model) is not None


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_example_of_a_command_is_as_described_and_as_modelled(operation: Operation[Any, Any]) -> None:
    call, root = CALLS[operation.name], ROOT.format(store=STORE)
    assert faults("receive", f"{root}/commands/{operation.name}", raw(call.arguments)) == []
    assert faults("send", f"{root}/replies/erp/17", raw({"ok": True, "result": call.result})) == []
    assert taken(operation, call.arguments)
    assert isinstance(fit(call.result, operation.result), operation.result)


def test_a_refusal_and_its_codes_are_described() -> None:
    assert faults("send", f"{ROOT}/replies/erp/17".format(store=STORE), raw(REFUSAL)) == []
    codes = description()["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
    assert set(codes) == set(CODES)


def test_what_is_not_as_described_is_found() -> None:
    root = ROOT.format(store=STORE)
    raised = event("alert.raised")
    assert faults("send", f"{root}/alerts/floor", raw(raised)) == []
    assert faults("receive", f"{root}/alerts/floor", raw(raised)), "only the gateway raises alerts"
    assert faults("send", f"{root}/alerts/floor", raw(event("visit.started")))
    assert faults("send", f"{root}/alerts/floor", raw(raised | {"sequence": "1"}))
    assert faults("send", f"{root}/alerts/floor", raw(raised | {"data": raised["data"] | {"expires": 7}}))
    assert faults("send", f"{root}/nowhere", raw({}))
    assert faults("send", f"{root}/replies/erp/1", raw({"ok": True}))
    assert faults("receive", f"{root}/commands/status", b"{")


@pytest.mark.parametrize("name", EVENTS)
def test_the_cloudevents_sdk_reads_every_event(name: str) -> None:
    found = JSONFormat().read(None, raw(event(name)))
    assert (found.get_specversion(), found.get_type(), found.get_id()) == ("1.0", f"hushbell.{name}", event(name)["id"])
    assert found.get_extension("sequence") == event(name)["sequence"]
    assert found.get_data() == event(name)["data"]


# What was once sent or taken, one file a kind of message.


def strict(name: str) -> Draft202012Validator:
    """Return a validator that knows every field of a schema by name, and asks for none."""
    schemas = {key: _strict(value) for key, value in components().items()}
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in schema.items() if key != "required"}
    return {"additionalProperties": False, **known} if "properties" in schema else known


def required(model: Any) -> set[str]:
    return set(components()[model.__name__].get("required", ())) if hasattr(model, "__name__") else set()


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_what_version_1_said_and_took_stays_readable(file: Path) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    name = recorded["name"]
    if name in OPERATION:
        operation = OPERATION[name]
        assert taken(operation, recorded["arguments"])
        strict(operation.result.__name__).validate(recorded["result"])
        assert set(recorded["always"]) <= required(operation.result)
        return
    message, body = BY_NAME[name], recorded["body"]
    if message.sender != "gateway":
        assert not isinstance(TOPICS.parse(Arrival(recorded["topic"], raw(body))), Refused)
        return
    if message.event_type:
        strict("Event").validate(body)
        assert body["type"] == message.event_type
        assert required(message.model) >= set(recorded["always"])
        body = body["data"]
    assert recorded["topic"] == topic_of(message)
    strict(message.model.__name__).validate(body)


def test_every_message_is_recorded() -> None:
    recorded = {json.loads(file.read_text(encoding="utf-8"))["name"] for file in RECORDED}
    assert recorded == {*BY_NAME, *OPERATION}


# Reading.


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"credentials": [{"kind": "ibeacon", "uuid": "zq", "major": 1, "minor": 1}]}, "credentials[0].uuid"),
        ({"credentials": [{"kind": "zq"}]}, "credentials[0].kind"),
        ({"credentials": ["zq"]}, "credentials[0]"),
        ({"consent": [{"purpose": "zones", "zq": 1}]}, "consent[0].zq"),
        ({"choices": {"deny": ["zq", 7]}}, "choices.deny[1]"),
        ({"zq` - at `$.choices": 1}, ""),
        ({"zq zq": 1}, "?"),
        ({"language": "zq zq"}, "language"),
    ],
)
def test_a_refusal_names_the_field_and_quotes_no_value(change: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        fit({"member": "0b54", **change}, Member)
    assert caught.value.field == field
    assert "zq" not in caught.value.message


@given(VALUES, st.sampled_from([message.model for message in MESSAGES] + [one.arguments for one in OPERATIONS]))
def test_any_value_fits_or_is_refused(value: Any, model: Any) -> None:
    """Invariant: what fits is what the schema takes, what does not is refused, and nothing else is raised."""
    with contextlib.suppress(RefusedError):
        parsed = fit(value, model)
        if model is not Any:
            assert validator(model.__name__).is_valid(msgspec.to_builtins(parsed))


@pytest.mark.parametrize(
    ("payload", "field"),
    [(b'{"a": 1, "a": 1}', "a"), (b'{"x": [{"b": 1, "c": 2, "b": 3}]}', "b"), (b'{"a b": 1, "a b": 2}', "?")],
)
def test_a_field_that_stands_twice_is_refused(payload: bytes, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_json(payload, LARGE_BYTES)
    assert (caught.value.code, caught.value.field) == ("invalid", field)


def test_every_message_has_a_schema_and_an_example() -> None:
    assert {schema_of(message) for message in MESSAGES} <= set(components())
    assert set(BODIES) == set(BY_NAME)
    assert set(CALLS) == set(OPERATION)
